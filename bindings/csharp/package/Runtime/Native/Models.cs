using System;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    // How models are loaded: from a path, or from bytes that stay pinned as long as the model lives.
    static class Models
    {
        public delegate int LoadPath<T>(byte[] path, ref kandinsky_compute_options compute, out T model,
                                        out kandinsky_error error);
        public delegate int LoadBytes<T>(IntPtr bytes, UIntPtr size, ref kandinsky_compute_options compute, out T model,
                                         out kandinsky_error error);

        public static T Load<T>(string path, ComputeOptions options, LoadPath<T> load) where T : ModelHandle
        {
            var bytes = Utf8.Bytes(path, nameof(path));
            options = options ?? new ComputeOptions();
            using (var call = options.NewCall())
            {
                var compute = options.ToNative(call);
                var status = load(bytes, ref compute, out var model, out var error);
                return Checked(call, status, error, model);
            }
        }

        public static T Load<T>(IntPtr bytes, ulong size, ComputeOptions options, LoadBytes<T> load) where T : ModelHandle
        {
            options = options ?? new ComputeOptions();
            using (var call = options.NewCall())
            {
                var compute = options.ToNative(call);
                var status = load(bytes, (UIntPtr)size, ref compute, out var model, out var error);
                return Checked(call, status, error, model);
            }
        }

        public static T Load<T>(byte[] bytes, ComputeOptions options, LoadBytes<T> load) where T : ModelHandle
        {
            if (bytes == null) throw new ArgumentNullException(nameof(bytes));
            return Pinned(bytes, address => Load(address, (ulong)bytes.LongLength, options, load));
        }

        // What `load` makes of bytes that do not move until it is released.
        public static T Pinned<T>(byte[] bytes, Func<IntPtr, T> load) where T : ModelHandle
        {
            var pin = new Pin(bytes);
            try
            {
                var model = load(pin.Address);
                model.Keep(pin.Share());
                return model;
            }
            finally
            {
                pin.Release();
            }
        }

        // The model, unless the call failed or the caller's log threw.
        public static T Checked<T>(Call call, int status, kandinsky_error error, T model) where T : SafeHandle
        {
            try
            {
                call.Check(status, error);
                return model;
            }
            catch
            {
                model?.Dispose();
                throw;
            }
        }
    }
}
