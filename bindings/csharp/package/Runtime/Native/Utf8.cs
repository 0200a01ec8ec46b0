using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Kandinsky.Native
{
    // Text between .NET and C by hand: the runtimes differ in which marshalling attributes for UTF-8 they know, and none
    // of them refuses a text that would arrive as another.
    static class Utf8
    {
        static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        // With a zero byte behind. `name` is the parameter that exceptions tell of.
        public static byte[] Bytes(string text, string name)
        {
            if (text == null) throw new ArgumentNullException(name);
            if (text.IndexOf('\0') >= 0) throw new ArgumentException("The text holds a zero character.", name);
            try
            {
                var bytes = new byte[Strict.GetByteCount(text) + 1];
                Strict.GetBytes(text, 0, text.Length, bytes, 0);
                return bytes;
            }
            catch (EncoderFallbackException)
            {
                throw new ArgumentException("The text holds half of a surrogate pair.", name);
            }
        }

        public static byte[] BytesOrNull(string text, string name) => text == null ? null : Bytes(text, name);

        public static string Read(IntPtr text)
        {
            if (text == IntPtr.Zero) return null;
            var size = 0;
            while (Marshal.ReadByte(text, size) != 0) ++size;
            var bytes = new byte[size];
            Marshal.Copy(text, bytes, 0, size);
            return Encoding.UTF8.GetString(bytes);
        }

        // The text of a buffer, which is released.
        public static string Take(BufferHandle text)
        {
            using (text) return Encoding.UTF8.GetString(text.ToArray());
        }

        public static string Read(byte[] field)
        {
            var size = Array.IndexOf(field, (byte)0);
            return Encoding.UTF8.GetString(field, 0, size < 0 ? field.Length : size);
        }
    }
}
