using System;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    static class Status
    {
        public static void Check(int status, kandinsky_error error)
        {
            if (status != 0)
                throw new KandinskyException((ErrorCode)status, Utf8.Read(error.message), Utf8.Read(error.subject));
        }

        // Of a struct, as C counts it.
        public static UIntPtr SizeOf<T>() where T : struct => (UIntPtr)(uint)Marshal.SizeOf(typeof(T));

        public static UIntPtr Size(Array values) => (UIntPtr)(ulong)values.LongLength;

        // For functions that tell how many values there are, and then give them.
        public delegate int Fill<T>(T[] values, UIntPtr capacity, out UIntPtr count, out kandinsky_error error);

        public static T[] Values<T>(Fill<T> fill)
        {
            Check(fill(null, UIntPtr.Zero, out var count, out var error), error);
            var values = new T[checked((int)count)];
            Check(fill(values, count, out count, out error), error);
            return values;
        }

        public static int[] Ints(IntPtr values, UIntPtr count)
        {
            var copy = new int[checked((int)count)];
            if (copy.Length > 0) Marshal.Copy(values, copy, 0, copy.Length);
            return copy;
        }
    }
}
