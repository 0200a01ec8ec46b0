using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Kandinsky.Native
{
    // Bytes of the caller's that stay where they are until the last model that reads them is released.
    sealed class Pin
    {
        GCHandle handle;
        int users = 1;

        public Pin(byte[] bytes) { handle = GCHandle.Alloc(bytes, GCHandleType.Pinned); }

        public IntPtr Address => handle.AddrOfPinnedObject();

        public Pin Share()
        {
            Interlocked.Increment(ref users);
            return this;
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref users) == 0) handle.Free();
        }
    }
}
