using System;
using System.Collections.Generic;
using System.Threading;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>Mean cross-entropies in nats; Total = (Text + 7 Image) / 8.</summary>
    public struct Losses
    {
        internal Losses(kandinsky_loss_values values)
        {
            Text = values.text;
            Image = values.image;
            Total = values.total;
        }

        public double Text { get; }
        public double Image { get; }
        public double Total { get; }
    }

    /// <summary>Draws image tokens for text tokens. Never changes: any number of threads may use it.</summary>
    public sealed class Transformer : IDisposable
    {
        internal readonly TransformerHandle Handle;

        internal Transformer(TransformerHandle handle) { Handle = handle; }

        /// <summary>A torch.save file (zip or legacy) or safetensors.</summary>
        /// <param name="config">Null detects.</param>
        public static Transformer Load(string path, ComputeOptions options = null, TransformerConfig config = null)
        {
            using (var lent = new Lent())
            {
                var sizes = Lend(lent, config);
                return new Transformer(Models.Load(path, options,
                    (byte[] bytes, ref kandinsky_compute_options compute, out TransformerHandle model, out kandinsky_error error) =>
                        Api.kandinsky_transformer_load(bytes, sizes, ref compute, out model, out error)));
            }
        }

        /// <param name="bytes">Stay pinned as long as the model lives.</param>
        /// <param name="name">Stands for the path in messages.</param>
        public static Transformer LoadMemory(byte[] bytes, string name = null, ComputeOptions options = null,
                                             TransformerConfig config = null)
        {
            using (var lent = new Lent())
                return new Transformer(Models.Load(bytes, options, FromBytes(name, Lend(lent, config))));
        }

        /// <param name="bytes">Must stay as they are until the model is disposed of: a mapped file, for example.</param>
        public static Transformer LoadMemory(IntPtr bytes, ulong size, string name = null, ComputeOptions options = null,
                                             TransformerConfig config = null)
        {
            using (var lent = new Lent())
                return new Transformer(Models.Load(bytes, size, options, FromBytes(name, Lend(lent, config))));
        }

        public TransformerConfig Config
        {
            get
            {
                Status.Check(Api.kandinsky_transformer_config_init(out var native, null, out var error), error);
                Status.Check(Api.kandinsky_transformer_get_config(Handle, ref native, out error), error);
                return new TransformerConfig(native);
            }
        }

        public long ParameterCount => Api.kandinsky_transformer_parameter_count(Handle);

        /// <summary>What was chosen: "cpu" or "cuda:N".</summary>
        public string Device
        {
            get
            {
                using (var lent = new Lent())
                {
                    lent.Handle(Handle);
                    return Utf8.Read(Api.kandinsky_transformer_device(Handle));
                }
            }
        }

        /// <summary>What was chosen: Fp32, Bf16 or Fp16.</summary>
        public Dtype Dtype => (Dtype)Api.kandinsky_transformer_precision(Handle);

        /// <summary>Image tokens, in the order of their numbers.</summary>
        /// <param name="text">The model's TextLength ids, as from Tokenizer.EncodeForTransformer.</param>
        /// <param name="preview">Told every options.PreviewEvery tokens, of every image in work, on the calling thread.</param>
        /// <exception cref="OperationCanceledException">The token was triggered.</exception>
        public IReadOnlyList<DrawnTokens> Draw(int[] text, DrawOptions options = null, IProgress<Progress> progress = null,
                                               IProgress<TokensPreview> preview = null,
                                               CancellationToken cancellationToken = default(CancellationToken))
        {
            if (text == null) throw new ArgumentNullException(nameof(text));
            options = options ?? new DrawOptions();
            using (var call = new Call(progress, cancellationToken) { TokenPreviews = preview })
            {
                var native = options.ToNative(call);
                var status = Api.kandinsky_transformer_draw(Handle, text, Status.Size(text), ref native, out var list, out var error);
                using (Models.Checked(call, status, error, list))
                {
                    var drawn = new DrawnTokens[checked((int)Api.kandinsky_drawn_count(list))];
                    for (var i = 0; i < drawn.Length; ++i)
                    {
                        var index = (UIntPtr)(uint)i;
                        var tokens = Api.kandinsky_drawn_tokens(list, index, out var count);
                        drawn[i] = new DrawnTokens(Api.kandinsky_drawn_number(list, index), Api.kandinsky_drawn_ppl(list, index),
                                                   Status.Ints(tokens, count));
                    }
                    return drawn;
                }
            }
        }

        /// <summary>
        /// Teacher-forced logits: rows of TextVocab + ImageVocab values, one row for each id of `text` and `image`.
        /// </summary>
        /// <param name="text">TextLength ids</param>
        /// <param name="image">Up to Grid * Grid ids</param>
        public float[] Logits(int[] text, int[] image)
        {
            if (text == null) throw new ArgumentNullException(nameof(text));
            if (image == null) throw new ArgumentNullException(nameof(image));
            var config = Config;
            var values = new float[checked((text.Length + image.Length) * (config.TextVocab + config.ImageVocab))];
            Status.Check(Api.kandinsky_transformer_logits(Handle, text, Status.Size(text), image, Status.Size(image), values,
                                                          Status.Size(values), out _, out var error), error);
            return values;
        }

        /// <summary>Mean cross-entropies over pairs of a caption and a picture.</summary>
        /// <param name="texts">Rows of TextLength ids</param>
        /// <param name="images">As many rows of Grid * Grid ids</param>
        public Losses Losses(int[] texts, int[] images)
        {
            if (texts == null) throw new ArgumentNullException(nameof(texts));
            if (images == null) throw new ArgumentNullException(nameof(images));
            var config = Config;
            var pairs = texts.Length / config.TextLength;
            if (texts.Length != pairs * config.TextLength || images.LongLength != (long)pairs * config.Grid * config.Grid)
                throw new ArgumentException("There are " + texts.Length + " text ids and " + images.Length +
                                            " image ids; expected rows of " + config.TextLength + " and as many of " +
                                            config.Grid * config.Grid + ".", nameof(images));
            Status.Check(Api.kandinsky_transformer_losses(Handle, texts, images, (UIntPtr)(uint)pairs, out var losses,
                                                          out var error), error);
            return new Losses(losses);
        }

        /// <summary>The perplexity score of a finished image, by one pass; Draw gives the same number on the way.</summary>
        /// <param name="text">TextLength ids</param>
        /// <param name="image">Grid * Grid ids</param>
        public double Ppl(int[] text, int[] image)
        {
            if (text == null) throw new ArgumentNullException(nameof(text));
            if (image == null) throw new ArgumentNullException(nameof(image));
            Status.Check(Api.kandinsky_transformer_ppl(Handle, text, Status.Size(text), image, Status.Size(image), out var ppl,
                                                       out var error), error);
            return ppl;
        }

        public void Dispose() => Handle.Dispose();

        static IntPtr Lend(Lent lent, TransformerConfig config) =>
            config == null ? IntPtr.Zero : lent.Struct(config.ToNative());

        static Models.LoadBytes<TransformerHandle> FromBytes(string name, IntPtr config)
        {
            var called = Utf8.BytesOrNull(name, nameof(name));
            return (IntPtr bytes, UIntPtr size, ref kandinsky_compute_options compute, out TransformerHandle model,
                    out kandinsky_error error) =>
                Api.kandinsky_transformer_load_memory(bytes, size, called, config, ref compute, out model, out error);
        }
    }
}
