using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>Sizes and kind of a transformer.</summary>
    public sealed class TransformerConfig
    {
        public int Layers { get; set; }
        public int Hidden { get; set; }
        public int Heads { get; set; }
        /// <summary>Text tokens.</summary>
        public int TextLength { get; set; }
        /// <summary>Image tokens along one side.</summary>
        public int Grid { get; set; }
        /// <summary>Padding ids included.</summary>
        public int TextVocab { get; set; }
        public int ImageVocab { get; set; }
        /// <summary>2 or 3.</summary>
        public int Version { get; set; }
        /// <summary>Layer norms after attention and MLP too.</summary>
        public bool Sandwich { get; set; }
        /// <summary>Precision-bottleneck relaxation.</summary>
        public bool Relax { get; set; }

        public TransformerConfig() { }

        /// <param name="name">"kandinsky", "malevich", "malevich-v2", "emojich", "surrealist" or "nano".</param>
        public static TransformerConfig Preset(string name)
        {
            Status.Check(Api.kandinsky_transformer_config_init(out var native, Utf8.Bytes(name, nameof(name)), out var error),
                         error);
            return new TransformerConfig(native);
        }

        internal TransformerConfig(kandinsky_transformer_config native)
        {
            Layers = native.layers;
            Hidden = native.hidden;
            Heads = native.heads;
            TextLength = native.text_length;
            Grid = native.grid;
            TextVocab = native.text_vocab;
            ImageVocab = native.image_vocab;
            Version = native.version;
            Sandwich = native.sandwich != 0;
            Relax = native.relax != 0;
        }

        internal kandinsky_transformer_config ToNative()
        {
            Status.Check(Api.kandinsky_transformer_config_init(out var native, null, out var error), error);
            native.layers = Layers;
            native.hidden = Hidden;
            native.heads = Heads;
            native.text_length = TextLength;
            native.grid = Grid;
            native.text_vocab = TextVocab;
            native.image_vocab = ImageVocab;
            native.version = Version;
            native.sandwich = Sandwich ? 1 : 0;
            native.relax = Relax ? 1 : 0;
            return native;
        }
    }
}
