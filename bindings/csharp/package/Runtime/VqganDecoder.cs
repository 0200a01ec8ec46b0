using System;
using System.Collections.Generic;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>Turns image tokens into pixels and back. Never changes: any number of threads may use it.</summary>
    public sealed class VqganDecoder : IDisposable
    {
        internal readonly VqganHandle Handle;

        internal VqganDecoder(VqganHandle handle) { Handle = handle; }

        /// <summary>A Lightning .ckpt of a Gumbel-VQGAN; its config.json is looked for beside it, else the f8 model's sizes.</summary>
        public static VqganDecoder Load(string path, ComputeOptions options = null) =>
            new VqganDecoder(Models.Load<VqganHandle>(path, options, Api.kandinsky_vqgan_load));

        /// <param name="bytes">Stay pinned as long as the model lives.</param>
        /// <param name="name">Stands for the path in messages.</param>
        /// <param name="configJson">The text of a config.json, or null for the f8 model.</param>
        public static VqganDecoder LoadMemory(byte[] bytes, string name = null, string configJson = null,
                                              ComputeOptions options = null) =>
            new VqganDecoder(Models.Load(bytes, options, FromBytes(name, configJson)));

        /// <param name="bytes">Must stay as they are until the model is disposed of.</param>
        public static VqganDecoder LoadMemory(IntPtr bytes, ulong size, string name = null, string configJson = null,
                                              ComputeOptions options = null) =>
            new VqganDecoder(Models.Load(bytes, size, options, FromBytes(name, configJson)));

        /// <summary>Pixels a token, along one side.</summary>
        public int Downsampling => Api.kandinsky_vqgan_downsampling(Handle);

        public int CodebookSize => Api.kandinsky_vqgan_codebook_size(Handle);

        public long ParameterCount => Api.kandinsky_vqgan_parameter_count(Handle);

        /// <summary>Pictures from rows of gridHeight * gridWidth ids, each 0..CodebookSize-1. Sides of the grid: 1..1024.</summary>
        public IReadOnlyList<Image> Decode(int[] tokens, int gridHeight, int gridWidth)
        {
            if (tokens == null) throw new ArgumentNullException(nameof(tokens));
            var size = gridHeight < 1 || gridWidth < 1 ? 1 : (long)gridHeight * gridWidth;
            if (tokens.LongLength % size != 0)
                throw new ArgumentException("There are " + tokens.LongLength + " ids; expected pictures of " + gridHeight + " x " +
                                            gridWidth + " of them.", nameof(tokens));
            Status.Check(Api.kandinsky_vqgan_decode(Handle, tokens, (UIntPtr)(ulong)(tokens.LongLength / size), gridHeight,
                                                    gridWidth, out var images, out var error), error);
            return Image.TakeAll(images);
        }

        /// <summary>Ids of a picture, raster order. Its sides must be multiples of Downsampling.</summary>
        public int[] Encode(Image image)
        {
            if (image == null) throw new ArgumentNullException(nameof(image));
            return Status.Values((int[] tokens, UIntPtr capacity, out UIntPtr count, out kandinsky_error error) =>
                Api.kandinsky_vqgan_encode(Handle, image.Handle, tokens, capacity, out count, out error));
        }

        public void Dispose() => Handle.Dispose();

        static Models.LoadBytes<VqganHandle> FromBytes(string name, string configJson)
        {
            byte[] called = Utf8.BytesOrNull(name, nameof(name)), config = Utf8.BytesOrNull(configJson, nameof(configJson));
            return (IntPtr bytes, UIntPtr size, ref kandinsky_compute_options compute, out VqganHandle model,
                    out kandinsky_error error) =>
                Api.kandinsky_vqgan_load_memory(bytes, size, called, config, ref compute, out model, out error);
        }
    }
}
