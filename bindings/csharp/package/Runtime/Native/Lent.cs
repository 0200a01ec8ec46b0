using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    // What is lent to the library for one call: texts, arrays and structs that option structs point at, and handles of
    // images. All of it is taken back by Dispose.
    sealed class Lent : IDisposable
    {
        readonly List<IntPtr> blocks = new List<IntPtr>();
        readonly List<GCHandle> pins = new List<GCHandle>();
        readonly List<SafeHandle> handles = new List<SafeHandle>();

        public IntPtr Text(string text, string name)
        {
            var bytes = Utf8.BytesOrNull(text, name);
            if (bytes == null) return IntPtr.Zero;
            var block = Marshal.AllocHGlobal(bytes.Length);
            blocks.Add(block);
            Marshal.Copy(bytes, 0, block, bytes.Length);
            return block;
        }

        public IntPtr[] Texts(IList<string> texts, string name)
        {
            if (texts == null) throw new ArgumentNullException(name);
            var pointers = new IntPtr[texts.Count];
            for (var i = 0; i < pointers.Length; ++i)
                pointers[i] = Text(texts[i] ?? throw new ArgumentException("Text " + i + " is null.", name), name);
            return pointers;
        }

        public IntPtr Struct<T>(T value) where T : struct
        {
            var block = Marshal.AllocHGlobal(Marshal.SizeOf(typeof(T)));
            blocks.Add(block);
            Marshal.StructureToPtr(value, block, false);
            return block;
        }

        public IntPtr Array(Array values)
        {
            if (values == null) return IntPtr.Zero;
            var pin = GCHandle.Alloc(values, GCHandleType.Pinned);
            pins.Add(pin);
            return pin.AddrOfPinnedObject();
        }

        // Throws ObjectDisposedException if it is closed; otherwise nobody releases it before this is disposed of.
        public IntPtr Handle(SafeHandle handle)
        {
            if (handle == null) return IntPtr.Zero;
            var added = false;
            handle.DangerousAddRef(ref added);
            if (added) handles.Add(handle);
            return handle.DangerousGetHandle();
        }

        public IntPtr[] Images(IList<Image> images, string name)
        {
            if (images == null) throw new ArgumentNullException(name);
            var pointers = new IntPtr[images.Count];
            for (var i = 0; i < pointers.Length; ++i)
                pointers[i] = Handle((images[i] ?? throw new ArgumentException("Image " + i + " is null.", name)).Handle);
            return pointers;
        }

        public void Dispose()
        {
            foreach (var block in blocks) Marshal.FreeHGlobal(block);
            foreach (var pin in pins) pin.Free();
            foreach (var handle in handles) handle.DangerousRelease();
            blocks.Clear();
            pins.Clear();
            handles.Clear();
        }
    }
}
