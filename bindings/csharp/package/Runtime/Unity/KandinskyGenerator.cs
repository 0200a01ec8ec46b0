using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using UnityEngine;
using UnityEngine.Events;

namespace Kandinsky.Unity
{
    /// <summary>
    /// Draws pictures from a prompt in the background. Call Generate (a button's OnClick can); events and textures come on
    /// the main thread, from Update. Disabling or destroying the component cancels.
    /// </summary>
    [AddComponentMenu("Kandinsky/Kandinsky Generator")]
    public class KandinskyGenerator : MonoBehaviour
    {
        [Serializable] public class ProgressEvent : UnityEvent<float> { }
        [Serializable] public class TextureEvent : UnityEvent<Texture2D> { }
        [Serializable] public class MessageEvent : UnityEvent<string> { }

        [Tooltip("The weights directory; if it is relative, below StreamingAssets.")]
        public string modelDirectory = "emojich-nano";
        [Tooltip("auto, cpu, cuda or cuda:N")]
        public string device = "auto";
        public Dtype dtype = Dtype.Auto;
        [Tooltip("CPU threads; 0 is one a core, which leaves none to the game.")]
        public int threads;

        [TextArea] public string prompt = "красное сердце на синем фоне";
        [Tooltip("How many to draw.")]
        public int images = 4;
        [Tooltip("How many to keep.")]
        public int pick = 1;
        public int seed;
        [Tooltip("-1: the model's")]
        public int topK = -1;
        [Tooltip("0: the model's")]
        public double topP;
        [Tooltip("0: the model's")]
        public double temperature;
        public bool superResolution = true;
        [Tooltip("Tokens between previews; 0: none.")]
        public int previewEvery;

        [Tooltip("How much is done, 0 to 1, once a frame at most.")]
        public ProgressEvent onProgress = new ProgressEvent();
        [Tooltip("The first image as far as it is drawn. The texture stays this component's, which draws the next one into it.")]
        public TextureEvent onPreview = new TextureEvent();
        [Tooltip("The best picture. Textures has all that were kept.")]
        public TextureEvent onFinished = new TextureEvent();
        [Tooltip("What went wrong.")]
        public MessageEvent onFailed = new MessageEvent();

        readonly object gate = new object();
        readonly List<Texture2D> textures = new List<Texture2D>();
        CancellationTokenSource cancel;
        Task<IReadOnlyList<Picture>> task;
        Pipeline pipeline;
        bool pipelineIsOurs;
        string loaded;  // what our pipeline is of
        float? reported;
        Preview drawn;
        Texture2D preview;

        /// <summary>From Generate until onFinished, onFailed, or the frame after Cancel.</summary>
        public bool IsGenerating => task != null;

        /// <summary>The kept pictures, best first; this component's until the next Generate or its end.</summary>
        public IReadOnlyList<Texture2D> Textures => textures;

        /// <summary>
        /// Loaded when first needed, and kept until another model or device is asked for. Set it to share one among components; whoever set it disposes of it.
        /// </summary>
        public Pipeline Pipeline
        {
            get { return pipeline; }
            set
            {
                if (IsGenerating) throw new InvalidOperationException("A picture is being generated.");
                if (pipelineIsOurs) pipeline?.Dispose();
                pipeline = value;
                pipelineIsOurs = false;
            }
        }

        /// <summary>Starts. Main thread only.</summary>
        /// <exception cref="InvalidOperationException">It already generates.</exception>
        public void Generate()
        {
            if (IsGenerating) throw new InvalidOperationException("A picture is being generated already: Cancel it first.");
            var source = new CancellationTokenSource();
            var token = source.Token;
            var options = Options();
            var compute = new PipelineOptions { Device = device, Dtype = dtype, Threads = threads };
            // What belongs to Unity is read here: the rest runs on another thread.
            string text = prompt, directory = Path.Combine(Application.streamingAssetsPath, modelDirectory);
            var wanted = string.Join("\n", directory, device, dtype, threads);
            if (pipelineIsOurs && loaded != wanted) Pipeline = null;
            loaded = wanted;
            var given = pipeline;
            cancel = source;
            reported = null;
            task = Task.Factory.StartNew(() =>
            {
                var used = given ?? Pipeline.Load(directory, compute);
                if (given == null) Keep(used);
                return used.Generate(text, options, new Reporter(this), previewEvery > 0 ? new Reporter(this) : null,
                                     cancellationToken: token);
            }, token, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        }

        /// <summary>Stops within a token or a tile; no event follows. Does nothing if nothing is generated.</summary>
        public void Cancel() => cancel?.Cancel();

        GenerateOptions Options()
        {
            return new GenerateOptions
            {
                Images = images,
                Pick = pick,
                Seed = unchecked((ulong)seed),
                TopK = topK == -1 ? (int?)null : topK,
                TopP = topP == 0 ? (double?)null : topP,
                Temperature = temperature == 0 ? (double?)null : temperature,
                SuperResolution = superResolution,
                PreviewEvery = previewEvery,
            };
        }

        void Update()
        {
            if (task == null) return;
            float? fraction;
            Preview shown;
            lock (gate)
            {
                fraction = reported;
                reported = null;
                shown = drawn;
                drawn = null;
            }
            using (shown)
                if (shown != null && !cancel.IsCancellationRequested) Show(shown.Image);
            if (fraction.HasValue && !cancel.IsCancellationRequested) onProgress.Invoke(fraction.Value);
            if (task != null && task.IsCompleted) Finish();
        }

        void Show(Image image)
        {
            preview = ToTexture(image, preview);
            onPreview.Invoke(preview);
        }

        void Finish()
        {
            var done = task;
            var cancelled = cancel.IsCancellationRequested;
            task = null;
            cancel.Dispose();
            cancel = null;
            if (cancelled)
            {
                Drop(done);
                return;
            }
            if (done.IsFaulted)
            {
                onFailed.Invoke(done.Exception.InnerException.Message);
                return;
            }
            foreach (var texture in textures) Destroy(texture);
            textures.Clear();
            foreach (var picture in done.Result)
                using (picture) textures.Add(ToTexture(picture.Image, null));
            onFinished.Invoke(textures[0]);
        }

        void OnDisable() => Cancel();

        void OnDestroy()
        {
            cancel?.Cancel();
            // What still runs ends by itself; its results and the model are released then.
            var running = task;
            task = null;
            if (running != null) running.ContinueWith(Release, TaskContinuationOptions.ExecuteSynchronously);
            else Release(null);
            foreach (var texture in textures) Destroy(texture);
            textures.Clear();
            if (preview != null) Destroy(preview);
        }

        // Results that nobody waits for; a failure counts as observed once it has been looked at.
        static void Drop(Task<IReadOnlyList<Picture>> done)
        {
            if (done.Exception == null && !done.IsCanceled)
                foreach (var picture in done.Result) picture.Dispose();
        }

        void Release(Task<IReadOnlyList<Picture>> done)
        {
            if (done != null) Drop(done);
            lock (gate)
            {
                drawn?.Dispose();
                if (pipelineIsOurs) pipeline?.Dispose();
                pipeline = null;
            }
        }

        void Keep(Pipeline loaded)
        {
            lock (gate)
            {
                pipeline = loaded;
                pipelineIsOurs = true;
            }
        }

        /// <summary>A picture as a texture: a new one, or `reuse` if it has the picture's size. Main thread only.</summary>
        public static Texture2D ToTexture(Image image, Texture2D reuse = null)
        {
            int width = image.Width, height = image.Height;
            var texture = reuse;
            if (texture == null || texture.width != width || texture.height != height)
            {
                if (texture != null) Destroy(texture);
                texture = new Texture2D(width, height, TextureFormat.RGB24, false);
            }
            var pixels = new byte[width * height * 3];
            image.CopyRgb(pixels, fromBottom: true);
            texture.LoadRawTextureData(pixels);
            texture.Apply();
            return texture;
        }

        // On the thread that works: keeps what the next Update shows.
        sealed class Reporter : IProgress<Progress>, IProgress<Preview>
        {
            // Drawing takes most of the time; the other stages share the rest.
            static readonly float[] Begin = { 0f, 0.85f, 0.88f, 0.9f, 1f };
            readonly KandinskyGenerator owner;

            public Reporter(KandinskyGenerator owner) { this.owner = owner; }

            void IProgress<Progress>.Report(Progress progress)
            {
                var stage = (int)progress.Stage;
                var part = progress.Steps == 0 ? 1f : (float)progress.Step / progress.Steps;
                lock (owner.gate) owner.reported = Begin[stage] + (Begin[stage + 1] - Begin[stage]) * part;
            }

            void IProgress<Preview>.Report(Preview preview)
            {
                Preview old = preview;
                lock (owner.gate)
                    if (preview.Number == 0)
                    {
                        old = owner.drawn;
                        owner.drawn = preview;
                    }
                old?.Dispose();
            }
        }
    }
}
