using System;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>A kept picture. Owns its image.</summary>
    public sealed class Picture : IDisposable
    {
        Picture(IntPtr list, UIntPtr index)
        {
            Number = Api.kandinsky_pictures_number(list, index);
            Seed = Api.kandinsky_pictures_seed(list, index);
            Ppl = Api.kandinsky_pictures_ppl(list, index);
            if (Api.kandinsky_pictures_has_clip_score(list, index) != 0) ClipScore = Api.kandinsky_pictures_clip_score(list, index);
            var tokens = Api.kandinsky_pictures_tokens(list, index, out var count);
            Tokens = Status.Ints(tokens, count);
            Image = Image.Copy(Api.kandinsky_pictures_image(list, index));
        }

        // Of a list that belongs to the library.
        internal static Picture[] Copy(IntPtr list)
        {
            var pictures = new Picture[checked((int)Api.kandinsky_pictures_count(list))];
            for (var i = 0; i < pictures.Length; ++i) pictures[i] = new Picture(list, (UIntPtr)(uint)i);
            return pictures;
        }

        public Image Image { get; }
        /// <summary>Which of the drawn images.</summary>
        public int Number { get; }
        public ulong Seed { get; }
        /// <summary>Lower is better.</summary>
        public double Ppl { get; }
        /// <summary>Null if it was not ranked by ruCLIP.</summary>
        public float? ClipScore { get; }
        /// <summary>Raster order.</summary>
        public int[] Tokens { get; }

        public void Dispose() => Image.Dispose();
    }
}
