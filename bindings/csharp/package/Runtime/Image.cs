using System;
using System.Runtime.InteropServices;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>
    /// An 8-bit RGB picture that never changes: rows from the top, pixels from the left, three bytes each. Any number of
    /// threads may read one. Its memory is native: dispose of it, or leave it to the collector.
    /// </summary>
    public sealed class Image : IDisposable
    {
        internal readonly ImageHandle Handle;

        internal Image(ImageHandle handle) { Handle = handle; }

        /// <summary>Copies pixels.</summary>
        /// <param name="width">1..65535</param>
        /// <param name="height">1..65535</param>
        /// <param name="pixels">height rows of width * 3 bytes</param>
        /// <param name="stride">Bytes from one row to the next; 0 is width * 3.</param>
        public Image(int width, int height, byte[] pixels, int stride = 0)
        {
            if (pixels == null) throw new ArgumentNullException(nameof(pixels));
            if (stride < 0) throw new ArgumentOutOfRangeException(nameof(stride), stride, "Expected 0 or more.");
            var row = stride == 0 ? (long)width * 3 : stride;
            if (width > 0 && height > 0 && pixels.LongLength < row * (height - 1) + (long)width * 3)
                throw new ArgumentException("There are " + pixels.LongLength + " bytes, too few for " + width + " x " + height +
                                            " pixels with " + row + " bytes from row to row.", nameof(pixels));
            Status.Check(Api.kandinsky_image_new(width, height, (UIntPtr)(uint)stride, pixels, out Handle, out var error), error);
        }

        /// <summary>A PNG or JPEG file, detected by content. Grey and palettes become RGB, alpha is dropped.</summary>
        public static Image Load(string path)
        {
            Status.Check(Api.kandinsky_image_load(Utf8.Bytes(path, nameof(path)), out var handle, out var error), error);
            return new Image(handle);
        }

        /// <summary>The bytes of a PNG or JPEG file.</summary>
        public static Image Decode(byte[] bytes)
        {
            if (bytes == null) throw new ArgumentNullException(nameof(bytes));
            Status.Check(Api.kandinsky_image_decode(bytes, Status.Size(bytes), out var handle, out var error), error);
            return new Image(handle);
        }

        public int Width => Api.kandinsky_image_width(Handle);
        public int Height => Api.kandinsky_image_height(Handle);

        /// <summary>Writes a file; the format follows the name: .png, .jpg, .jpeg. The file is whole or not there.</summary>
        public void Save(string path) =>
            Status.Check(Api.kandinsky_image_save(Handle, Utf8.Bytes(path, nameof(path)), out var error), error);

        public byte[] ToPng() => Encode(0, 95);

        /// <param name="quality">1..100</param>
        public byte[] ToJpeg(int quality = 95) => Encode(1, quality);

        /// <summary>Height rows of Width * 3 bytes, from the top.</summary>
        public byte[] ToRgb()
        {
            var pixels = new byte[checked(Width * Height * 3)];
            CopyRgb(pixels);
            return pixels;
        }

        /// <summary>Writes Width * Height * 3 bytes.</summary>
        /// <param name="pixels">An array of exactly that many.</param>
        /// <param name="fromBottom">The lowest row first, as Unity's textures want it.</param>
        public void CopyRgb(byte[] pixels, bool fromBottom = false)
        {
            if (pixels == null) throw new ArgumentNullException(nameof(pixels));
            using (var lent = new Lent())
            {
                var image = lent.Handle(Handle);
                int width = Api.kandinsky_image_width(image), height = Api.kandinsky_image_height(image);
                var row = width * 3;
                if (pixels.LongLength != (long)row * height)
                    throw new ArgumentException("There is place for " + pixels.LongLength + " bytes, but there are " +
                                                (long)row * height + ".", nameof(pixels));
                var stride = (long)Api.kandinsky_image_stride(image);
                var from = Api.kandinsky_image_pixels(image).ToInt64();
                for (var y = 0; y < height; ++y)
                    Marshal.Copy(new IntPtr(from + y * stride), pixels, (fromBottom ? height - 1 - y : y) * row, row);
            }
        }

        public void Dispose() => Handle.Dispose();

        public override string ToString() => Handle.IsClosed ? "Image (disposed of)" : "Image " + Width + " x " + Height;

        // Of a picture that belongs to the library.
        internal static Image Copy(IntPtr image)
        {
            Status.Check(Api.kandinsky_image_new(Api.kandinsky_image_width(image), Api.kandinsky_image_height(image),
                                                 Api.kandinsky_image_stride(image), Api.kandinsky_image_pixels(image),
                                                 out var handle, out var error), error);
            return new Image(handle);
        }

        internal static Image[] TakeAll(ImagesHandle list)
        {
            using (list)
            {
                var images = new Image[checked((int)Api.kandinsky_images_count(list))];
                for (var i = 0; i < images.Length; ++i) images[i] = Copy(Api.kandinsky_images_get(list, (UIntPtr)(uint)i));
                return images;
            }
        }

        byte[] Encode(int format, int quality)
        {
            Status.Check(Api.kandinsky_image_encode(Handle, format, quality, out var buffer, out var error), error);
            using (buffer) return buffer.ToArray();
        }
    }
}
