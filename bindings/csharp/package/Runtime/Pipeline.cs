using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>
    /// The whole way from a prompt to ranked, enlarged pictures. Never changes once loaded: any number of threads may use
    /// one at once. Disposing of it while calls run is fine; it is released when they end.
    /// </summary>
    public sealed class Pipeline : IDisposable
    {
        readonly PipelineHandle handle;

        Pipeline(PipelineHandle handle) { this.handle = handle; }

        /// <summary>
        /// Of parts that are loaded already, from memory for one. It shares their weights, and they may be disposed of; only
        /// memory that was given to a LoadMemory as an address must stay as long as the pipeline.
        /// </summary>
        /// <param name="ruclip">Null: pictures are kept by ppl.</param>
        /// <param name="realEsrgan">Null: pictures are not enlarged.</param>
        /// <exception cref="KandinskyException">InvalidArgument: the parts do not fit each other.</exception>
        public Pipeline(Tokenizer tokenizer, Transformer transformer, VqganDecoder vqgan, RuClip ruclip = null,
                        RealEsrgan realEsrgan = null)
        {
            if (tokenizer == null) throw new ArgumentNullException(nameof(tokenizer));
            if (transformer == null) throw new ArgumentNullException(nameof(transformer));
            if (vqgan == null) throw new ArgumentNullException(nameof(vqgan));
            var parts = new ModelHandle[] { transformer.Handle, vqgan.Handle, ruclip?.Handle, realEsrgan?.Handle };
            using (var lent = new Lent())
            {
                foreach (var part in parts) lent.Handle(part);
                Status.Check(Api.kandinsky_pipeline_new(tokenizer.Handle, transformer.Handle, vqgan.Handle, lent.Handle(ruclip?.Handle),
                                                        lent.Handle(realEsrgan?.Handle), out handle, out var error), error);
                foreach (var part in parts)
                    if (part != null) handle.KeepWhatIsKeptBy(part);
            }
        }

        /// <summary>Reads a weights directory; takes seconds for the small model, minutes for the large ones.</summary>
        /// <exception cref="KandinskyException">A file is missing, damaged or does not fit.</exception>
        public static Pipeline Load(string directory, PipelineOptions options = null)
        {
            var path = Utf8.Bytes(directory, nameof(directory));
            options = options ?? new PipelineOptions();
            using (var call = options.NewCall())
            {
                var native = options.ToNative(call);
                var status = Api.kandinsky_pipeline_load(path, ref native, out var pipeline, out var error);
                return new Pipeline(Models.Checked(call, status, error, pipeline));
            }
        }

        /// <summary>Load, on a thread of its own.</summary>
        public static Task<Pipeline> LoadAsync(string directory, PipelineOptions options = null) =>
            OnThread(() => Load(directory, options), CancellationToken.None);

        /// <summary>What loading would take: reads the files' directories alone.</summary>
        /// <param name="batch">Images in one step, 1..4096.</param>
        public static MemoryEstimate Estimate(string directory, PipelineOptions options = null, int batch = 8)
        {
            var path = Utf8.Bytes(directory, nameof(directory));
            options = options ?? new PipelineOptions();
            using (var call = options.NewCall())
            {
                var native = options.ToNative(call);
                Api.kandinsky_memory_estimate_init(out var estimate);
                call.Check(Api.kandinsky_pipeline_estimate(path, ref native, batch, ref estimate, out var error), error);
                return new MemoryEstimate(estimate);
            }
        }

        /// <summary>What this model's files say of TopK, TopP and Temperature, else the defaults, in new options.</summary>
        public GenerateOptions DefaultOptions()
        {
            var native = GenerateOptions.Defaults();
            Status.Check(Api.kandinsky_pipeline_default_options(handle, ref native, out var error), error);
            return new GenerateOptions { TopK = native.top_k, TopP = native.top_p, Temperature = native.temperature };
        }

        /// <summary>The kept pictures, best first. Reports come on the calling thread.</summary>
        /// <param name="preview">Told every options.PreviewEvery tokens, of every image in work.</param>
        /// <param name="picture">
        /// Told of each kept picture as soon as it is complete, best first; a copy of its own, which stays when a later step
        /// fails. The result holds them all.
        /// </param>
        /// <exception cref="OperationCanceledException">The token was triggered.</exception>
        /// <exception cref="KandinskyException">Names the option that is wrong.</exception>
        public IReadOnlyList<Picture> Generate(string prompt, GenerateOptions options = null, IProgress<Progress> progress = null,
                                               IProgress<Preview> preview = null, IProgress<Picture> picture = null,
                                               CancellationToken cancellationToken = default(CancellationToken))
        {
            var text = Utf8.Bytes(prompt, nameof(prompt));
            options = options ?? new GenerateOptions();
            using (var call = new Call(progress, cancellationToken) { Previews = preview, Pictures = picture })
            {
                var native = options.ToNative(call);
                var status = Api.kandinsky_pipeline_generate(handle, text, ref native, out var list, out var error);
                using (Models.Checked(call, status, error, list))
                    return Picture.Copy(list.DangerousGetHandle());
            }
        }

        /// <summary>
        /// Generate, on a thread of its own. Options are read before this returns. Reports come on that thread;
        /// System.Progress&lt;T&gt; carries them to the one that made it. The task is cancelled within a token or a tile.
        /// </summary>
        public Task<IReadOnlyList<Picture>> GenerateAsync(string prompt, GenerateOptions options = null,
                                                          IProgress<Progress> progress = null, IProgress<Preview> preview = null,
                                                          IProgress<Picture> picture = null,
                                                          CancellationToken cancellationToken = default(CancellationToken))
        {
            options = options?.Copy();
            return OnThread(() => Generate(prompt, options, progress, preview, picture, cancellationToken), cancellationToken);
        }

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        public Tokenizer Tokenizer() => new Tokenizer(Part<TokenizerHandle>(Api.kandinsky_pipeline_tokenizer));

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        public Transformer Transformer() => new Transformer(Part<TransformerHandle>(Api.kandinsky_pipeline_transformer));

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        public VqganDecoder Vqgan() => new VqganDecoder(Part<VqganHandle>(Api.kandinsky_pipeline_vqgan));

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        /// <exception cref="KandinskyException">NotFound: the pipeline has none.</exception>
        public RuClip RuClip() => new RuClip(Part<RuClipHandle>(Api.kandinsky_pipeline_ruclip));

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        /// <exception cref="KandinskyException">NotFound: the pipeline has none.</exception>
        public RealEsrgan RealEsrgan() => new RealEsrgan(Part<RealEsrganHandle>(Api.kandinsky_pipeline_real_esrgan));

        public void Dispose() => handle.Dispose();

        delegate int GetPart<T>(PipelineHandle pipeline, out T part, out kandinsky_error error);

        T Part<T>(GetPart<T> get) where T : ModelHandle
        {
            using (var lent = new Lent())
            {
                lent.Handle(handle);
                Status.Check(get(handle, out var part, out var error), error);
                part.KeepWhatIsKeptBy(handle);
                return part;
            }
        }

        // Calls block for seconds to minutes: the thread pool is for shorter work.
        static Task<T> OnThread<T>(Func<T> work, CancellationToken token) =>
            Task.Factory.StartNew(work, token, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
                                  TaskScheduler.Default);
    }
}
