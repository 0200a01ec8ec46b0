using System;
using System.Threading;
using Kandinsky.Native;

namespace Kandinsky
{
    public sealed class UpscaleOptions
    {
        /// <summary>Side of a tile without its padding, in pixels of the input.</summary>
        public int Tile { get; set; } = 192;
        /// <summary>Around every tile, dropped again.</summary>
        public int Padding { get; set; } = 24;
        /// <summary>Mirrored around the whole picture, dropped again.</summary>
        public int Mirror { get; set; } = 15;
        /// <summary>Tiles at a time: memory grows with it.</summary>
        public int Batch { get; set; } = 4;
        /// <summary>Extend every picture to a multiple of Tile, as the reference does.</summary>
        public bool Reference { get; set; }

        internal kandinsky_upscale_options ToNative(Call call)
        {
            Api.kandinsky_upscale_options_init(out var native);
            native.tile = Tile;
            native.padding = Padding;
            native.mirror = Mirror;
            native.batch = Batch;
            native.reference = Reference ? 1 : 0;
            native.progress = call.Progress;
            native.progress_user = call.User;
            native.cancel = call.Cancel;
            return native;
        }
    }

    /// <summary>Enlarges pictures. Never changes: any number of threads may use it.</summary>
    public sealed class RealEsrgan : IDisposable
    {
        internal readonly RealEsrganHandle Handle;

        internal RealEsrgan(RealEsrganHandle handle) { Handle = handle; }

        public static RealEsrgan Load(string path, ComputeOptions options = null) =>
            new RealEsrgan(Models.Load<RealEsrganHandle>(path, options, Api.kandinsky_real_esrgan_load));

        /// <param name="bytes">Stay pinned as long as the model lives.</param>
        /// <param name="name">Stands for the path in messages.</param>
        public static RealEsrgan LoadMemory(byte[] bytes, string name = null, ComputeOptions options = null) =>
            new RealEsrgan(Models.Load(bytes, options, FromBytes(name)));

        /// <param name="bytes">Must stay as they are until the model is disposed of.</param>
        public static RealEsrgan LoadMemory(IntPtr bytes, ulong size, string name = null, ComputeOptions options = null) =>
            new RealEsrgan(Models.Load(bytes, size, options, FromBytes(name)));

        /// <summary>2, 4 or 8.</summary>
        public int Scale => Api.kandinsky_real_esrgan_scale(Handle);

        public long ParameterCount => Api.kandinsky_real_esrgan_parameter_count(Handle);

        /// <summary>The picture, Scale times larger.</summary>
        /// <exception cref="OperationCanceledException">The token was triggered.</exception>
        public Image Upscale(Image image, UpscaleOptions options = null, IProgress<Progress> progress = null,
                             CancellationToken cancellationToken = default(CancellationToken))
        {
            if (image == null) throw new ArgumentNullException(nameof(image));
            options = options ?? new UpscaleOptions();
            using (var call = new Call(progress, cancellationToken))
            {
                var native = options.ToNative(call);
                var status = Api.kandinsky_real_esrgan_upscale(Handle, image.Handle, ref native, out var large, out var error);
                return new Image(Models.Checked(call, status, error, large));
            }
        }

        public void Dispose() => Handle.Dispose();

        static Models.LoadBytes<RealEsrganHandle> FromBytes(string name)
        {
            var called = Utf8.BytesOrNull(name, nameof(name));
            return (IntPtr bytes, UIntPtr size, ref kandinsky_compute_options compute, out RealEsrganHandle model,
                    out kandinsky_error error) =>
                Api.kandinsky_real_esrgan_load_memory(bytes, size, called, ref compute, out model, out error);
        }
    }
}
