using System;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>A picture to go on from: its borders are kept.</summary>
    public sealed class ImagePrompt
    {
        public ImagePrompt(Image image) { Image = image ?? throw new ArgumentNullException(nameof(image)); }

        /// <summary>Of the size that the model draws.</summary>
        public Image Image { get; }
        /// <summary>In tokens, like the others.</summary>
        public int Up { get; set; }
        public int Down { get; set; }
        public int Left { get; set; }
        public int Right { get; set; }
        /// <summary>Encode every border strip on its own.</summary>
        public bool CropFirst { get; set; }
    }

    /// <summary>How pictures are made from a prompt. A new object holds the defaults.</summary>
    public sealed class GenerateOptions
    {
        /// <summary>To draw, 1..4096.</summary>
        public int Images { get; set; } = 8;
        /// <summary>To keep, 1..4096; more than Images keeps all.</summary>
        public int Pick { get; set; } = 4;
        /// <summary>Keep the k likeliest ids; 0 keeps all. Null: the model's, else 4096.</summary>
        public int? TopK { get; set; }
        /// <summary>Then the likeliest until their sum exceeds p: 0 &lt; p &lt;= 1. Null: the model's, else 0.975.</summary>
        public double? TopP { get; set; }
        /// <summary>0.000001..1000. Null: the model's, else 1.</summary>
        public double? Temperature { get; set; }
        /// <summary>The likeliest id, always.</summary>
        public bool Greedy { get; set; }
        public ulong Seed { get; set; }
        /// <summary>Images in one step of the token loop, 1..4096; does not change the answers.</summary>
        public int Batch { get; set; } = 8;
        /// <summary>False: keep by ppl, not by ruCLIP.</summary>
        public bool Rank { get; set; } = true;
        /// <summary>False: do not enlarge.</summary>
        public bool SuperResolution { get; set; } = true;
        /// <summary>Null: none.</summary>
        public ImagePrompt ImagePrompt { get; set; }
        /// <summary>Tokens between previews; 0: none.</summary>
        public int PreviewEvery { get; set; }

        internal GenerateOptions Copy() => (GenerateOptions)MemberwiseClone();

        internal kandinsky_generate_options ToNative(Call call)
        {
            var native = Defaults();
            // To C, these values say "the model's".
            if (TopK == -1) throw OutOfRange("top_k", "-1 is not a whole number from 0 (0 keeps all)");
            if (TopP == 0) throw OutOfRange("top_p", "0 is not above 0 and at most 1");
            if (Temperature == 0) throw OutOfRange("temperature", "0 is not from 0.000001 to 1000");
            native.images = Images;
            native.pick = Pick;
            native.top_k = TopK ?? native.top_k;
            native.top_p = TopP ?? native.top_p;
            native.temperature = Temperature ?? native.temperature;
            native.greedy = Greedy ? 1 : 0;
            native.seed = Seed;
            native.batch = Batch;
            native.rank = Rank ? 1 : 0;
            native.super_resolution = SuperResolution ? 1 : 0;
            if (ImagePrompt != null)
            {
                native.image_prompt = call.Lent.Handle(ImagePrompt.Image.Handle);
                native.up = ImagePrompt.Up;
                native.down = ImagePrompt.Down;
                native.left = ImagePrompt.Left;
                native.right = ImagePrompt.Right;
                native.crop_first = ImagePrompt.CropFirst ? 1 : 0;
            }
            native.progress = call.Progress;
            native.progress_user = call.User;
            native.preview = call.Preview;
            native.preview_user = call.User;
            native.preview_every = PreviewEvery;
            native.cancel = call.Cancel;
            native.picture = call.Picture;
            native.picture_user = call.User;
            return native;
        }

        // What C's macro kandinsky_generate_options_init writes.
        internal static kandinsky_generate_options Defaults()
        {
            Api.kandinsky_generate_options_init_sized(out var native, Status.SizeOf<kandinsky_generate_options>());
            return native;
        }

        static KandinskyException OutOfRange(string name, string what) =>
            new KandinskyException(ErrorCode.InvalidArgument, name + ": " + what, name);
    }
}
