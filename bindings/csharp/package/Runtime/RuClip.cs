using System;
using System.Collections.Generic;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>A picture of a ranking.</summary>
    public struct Ranked
    {
        internal Ranked(kandinsky_ranked native)
        {
            Index = native.index;
            Score = native.score;
        }

        /// <summary>Into the images given.</summary>
        public int Index { get; }
        /// <summary>Cosine, -1..1.</summary>
        public float Score { get; }
    }

    /// <summary>Tells how well pictures fit texts. Never changes: any number of threads may use it.</summary>
    public sealed class RuClip : IDisposable
    {
        internal readonly RuClipHandle Handle;

        internal RuClip(RuClipHandle handle) { Handle = handle; }

        /// <summary>A directory with config.json, pytorch_model.bin or model.safetensors, and bpe.model.</summary>
        public static RuClip Load(string directory, ComputeOptions options = null) =>
            new RuClip(Models.Load<RuClipHandle>(directory, options, Api.kandinsky_ruclip_load));

        /// <param name="bytes">The weights; stay pinned as long as the model lives.</param>
        /// <param name="configJson">The text of config.json.</param>
        /// <param name="tokenizer">Shared; may be disposed of.</param>
        /// <param name="name">Stands for the path in messages.</param>
        public static RuClip LoadMemory(byte[] bytes, string configJson, Tokenizer tokenizer, string name = null,
                                        ComputeOptions options = null) =>
            new RuClip(Models.Load(bytes, options, FromBytes(configJson, tokenizer, name)));

        /// <param name="bytes">Must stay as they are until the model is disposed of.</param>
        public static RuClip LoadMemory(IntPtr bytes, ulong size, string configJson, Tokenizer tokenizer, string name = null,
                                        ComputeOptions options = null) =>
            new RuClip(Models.Load(bytes, size, options, FromBytes(configJson, tokenizer, name)));

        /// <summary>Floats of a latent.</summary>
        public int Width => Api.kandinsky_ruclip_width(Handle);

        /// <summary>Ids of a text: the length of Tokenizer.EncodeForRuClip.</summary>
        public int ContextLength => Api.kandinsky_ruclip_context_length(Handle);

        /// <summary>Pixels along one side of what the network sees.</summary>
        public int Resolution => Api.kandinsky_ruclip_resolution(Handle);

        public long ParameterCount => Api.kandinsky_ruclip_parameter_count(Handle);

        /// <summary>Its tokenizer, as a model of its own.</summary>
        public Tokenizer Tokenizer()
        {
            Status.Check(Api.kandinsky_ruclip_tokenizer(Handle, out var part, out var error), error);
            return new Tokenizer(part);
        }

        /// <summary>
        /// The `pick` pictures that fit the text best, best first, or all if there are fewer. Equal scores keep their order.
        /// </summary>
        /// <param name="pick">1 or more</param>
        public IReadOnlyList<Ranked> Rank(string text, IList<Image> images, int pick)
        {
            var bytes = Utf8.Bytes(text, nameof(text));
            using (var lent = new Lent())
            {
                var pictures = lent.Images(images, nameof(images));
                var best = Status.Values((kandinsky_ranked[] ranked, UIntPtr capacity, out UIntPtr count, out kandinsky_error error) =>
                    Api.kandinsky_ruclip_rank(Handle, bytes, pictures, Status.Size(pictures), pick, ranked, capacity, out count,
                                              out error));
                return Array.ConvertAll(best, one => new Ranked(one));
            }
        }

        /// <summary>Cosines: [text, image].</summary>
        public float[,] Scores(IList<string> texts, IList<Image> images)
        {
            using (var lent = new Lent())
            {
                IntPtr[] given = lent.Texts(texts, nameof(texts)), pictures = lent.Images(images, nameof(images));
                var scores = new float[given.Length * pictures.Length];
                Status.Check(Api.kandinsky_ruclip_scores(Handle, given, Status.Size(given), pictures, Status.Size(pictures), scores,
                                                         out var error), error);
                return Rows(scores, given.Length, pictures.Length);
            }
        }

        /// <summary>Normalised latents: [image, Width].</summary>
        public float[,] ImageLatents(IList<Image> images)
        {
            using (var lent = new Lent())
            {
                var pictures = lent.Images(images, nameof(images));
                var values = new float[checked(pictures.Length * Width)];
                Status.Check(Api.kandinsky_ruclip_image_latents(Handle, pictures, Status.Size(pictures), values,
                                                                Status.Size(values), out _, out var error), error);
                return Rows(values, pictures.Length, Width);
            }
        }

        /// <summary>Normalised latents, each text averaged over the templates: [text, Width].</summary>
        /// <param name="templates">Strings with one "{}"; null: the six default ones.</param>
        public float[,] TextLatents(IList<string> texts, IList<string> templates = null)
        {
            using (var lent = new Lent())
            {
                var given = lent.Texts(texts, nameof(texts));
                var patterns = templates == null ? null : lent.Texts(templates, nameof(templates));
                var values = new float[checked(given.Length * Width)];
                Status.Check(Api.kandinsky_ruclip_text_latents(Handle, given, Status.Size(given), patterns,
                                                               patterns == null ? UIntPtr.Zero : Status.Size(patterns), values,
                                                               Status.Size(values), out _, out var error), error);
                return Rows(values, given.Length, Width);
            }
        }

        public void Dispose() => Handle.Dispose();

        static float[,] Rows(float[] values, int rows, int columns)
        {
            var table = new float[rows, columns];
            Buffer.BlockCopy(values, 0, table, 0, values.Length * sizeof(float));
            return table;
        }

        static Models.LoadBytes<RuClipHandle> FromBytes(string configJson, Tokenizer tokenizer, string name)
        {
            if (tokenizer == null) throw new ArgumentNullException(nameof(tokenizer));
            byte[] called = Utf8.BytesOrNull(name, nameof(name)), config = Utf8.Bytes(configJson, nameof(configJson));
            return (IntPtr bytes, UIntPtr size, ref kandinsky_compute_options compute, out RuClipHandle model,
                    out kandinsky_error error) =>
                Api.kandinsky_ruclip_load_memory(bytes, size, called, config, tokenizer.Handle, ref compute, out model, out error);
        }
    }
}
