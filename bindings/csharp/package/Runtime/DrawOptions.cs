using System;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>How image tokens are drawn. An image depends on text, sampling, forced ids, seed and number alone.</summary>
    public sealed class DrawOptions
    {
        /// <summary>To draw, 1..1048576.</summary>
        public int Images { get; set; } = 1;
        /// <summary>Of the first of them, 0..1048576.</summary>
        public int FirstNumber { get; set; }
        /// <summary>Images in one step, 1..4096; does not change the answers.</summary>
        public int Batch { get; set; } = 8;
        public ulong Seed { get; set; }
        /// <summary>Above 0.</summary>
        public double Temperature { get; set; } = 1;
        /// <summary>Keep the k likeliest ids; 0 keeps all.</summary>
        public int TopK { get; set; } = 4096;
        /// <summary>Then the likeliest until their sum exceeds p: 0 &lt; p &lt;= 1.</summary>
        public double TopP { get; set; } = 0.975;
        /// <summary>The likeliest id, always.</summary>
        public bool Greedy { get; set; }
        /// <summary>Grid * Grid ids, -1 where the model draws; null: all are drawn.</summary>
        public int[] Forced { get; set; }
        /// <summary>Tokens between previews; 0: none.</summary>
        public int PreviewEvery { get; set; }

        internal kandinsky_draw_options ToNative(Call call)
        {
            Api.kandinsky_draw_options_init_sized(out var native, Status.SizeOf<kandinsky_draw_options>());
            native.images = Images;
            native.first_number = FirstNumber;
            native.batch = Batch;
            native.seed = Seed;
            native.temperature = Temperature;
            native.top_k = TopK;
            native.top_p = TopP;
            native.greedy = Greedy ? 1 : 0;
            native.forced = call.Lent.Array(Forced);
            native.forced_count = Forced == null ? UIntPtr.Zero : Status.Size(Forced);
            native.progress = call.Progress;
            native.progress_user = call.User;
            native.cancel = call.Cancel;
            native.preview = call.Tokens;
            native.preview_user = call.User;
            native.preview_every = PreviewEvery;
            return native;
        }
    }

    /// <summary>The ids of an image that are drawn so far.</summary>
    public sealed class TokensPreview
    {
        internal TokensPreview(int number, int[] tokens)
        {
            Number = number;
            Tokens = tokens;
        }

        /// <summary>Which of the images that are drawn.</summary>
        public int Number { get; }
        /// <summary>In raster order.</summary>
        public int[] Tokens { get; }
    }

    /// <summary>Image tokens of one drawn picture.</summary>
    public sealed class DrawnTokens
    {
        internal DrawnTokens(int number, double ppl, int[] tokens)
        {
            Number = number;
            Ppl = ppl;
            Tokens = tokens;
        }

        public int Number { get; }
        /// <summary>Mean of exp(cross-entropy) of the ids after the first; lower is better.</summary>
        public double Ppl { get; }
        /// <summary>Grid * Grid ids in raster order.</summary>
        public int[] Tokens { get; }
    }
}
