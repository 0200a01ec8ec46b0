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

        /// <summary>The kept pictures, best first. Reports come on the calling thread.</summary>
        /// <exception cref="OperationCanceledException">The token was triggered.</exception>
        /// <exception cref="KandinskyException">Names the option that is wrong.</exception>
        public IReadOnlyList<Picture> Generate(string prompt, GenerateOptions options = null, IProgress<Progress> progress = null,
                                               IProgress<Preview> preview = null,
                                               CancellationToken cancellationToken = default(CancellationToken))
        {
            var text = Utf8.Bytes(prompt, nameof(prompt));
            options = options ?? new GenerateOptions();
            using (var call = new Call(progress, preview, cancellationToken))
            {
                var native = options.ToNative(call);
                var status = Api.kandinsky_pipeline_generate(handle, text, ref native, out var list, out var error);
                using (Models.Checked(call, status, error, list))
                {
                    var pictures = new Picture[checked((int)Api.kandinsky_pictures_count(list))];
                    for (var i = 0; i < pictures.Length; ++i) pictures[i] = new Picture(list, (UIntPtr)(uint)i);
                    return pictures;
                }
            }
        }

        /// <summary>
        /// Generate, on a thread of its own. Options are read before this returns. Reports come on that thread;
        /// System.Progress&lt;T&gt; carries them to the one that made it. The task is cancelled within a token or a tile.
        /// </summary>
        public Task<IReadOnlyList<Picture>> GenerateAsync(string prompt, GenerateOptions options = null,
                                                          IProgress<Progress> progress = null, IProgress<Preview> preview = null,
                                                          CancellationToken cancellationToken = default(CancellationToken))
        {
            options = options?.Copy();
            return OnThread(() => Generate(prompt, options, progress, preview, cancellationToken), cancellationToken);
        }

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        public Tokenizer Tokenizer()
        {
            Status.Check(Api.kandinsky_pipeline_tokenizer(handle, out var part, out var error), error);
            return new Tokenizer(part);
        }

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        public Transformer Transformer()
        {
            Status.Check(Api.kandinsky_pipeline_transformer(handle, out var part, out var error), error);
            return new Transformer(part);
        }

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        public VqganDecoder Vqgan()
        {
            Status.Check(Api.kandinsky_pipeline_vqgan(handle, out var part, out var error), error);
            return new VqganDecoder(part);
        }

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        /// <exception cref="KandinskyException">NotFound: the pipeline has none.</exception>
        public RuClip RuClip()
        {
            Status.Check(Api.kandinsky_pipeline_ruclip(handle, out var part, out var error), error);
            return new RuClip(part);
        }

        /// <summary>The part, as a model of its own that shares the pipeline's weights.</summary>
        /// <exception cref="KandinskyException">NotFound: the pipeline has none.</exception>
        public RealEsrgan RealEsrgan()
        {
            Status.Check(Api.kandinsky_pipeline_real_esrgan(handle, out var part, out var error), error);
            return new RealEsrgan(part);
        }

        public void Dispose() => handle.Dispose();

        // Calls block for seconds to minutes: the thread pool is for shorter work.
        static Task<T> OnThread<T>(Func<T> work, CancellationToken token) =>
            Task.Factory.StartNew(work, token, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
                                  TaskScheduler.Default);
    }
}
