using System;
using System.IO;
using System.Linq;

namespace Kandinsky.Tests
{
    // kandinsky-tests.exe SOURCE_DIR LAYOUT [CLASS...]
    static class Program
    {
        public static string Source { get; private set; }
        public static string Layout { get; private set; }
        public static string Header => Path.Combine(Source, "capi", "kandinsky.h");
        public static string Nano => Path.Combine(Source, "models", "emojich-nano");
        // A directory of the tests' own, with a name that is not ASCII.
        public static string Folder { get; private set; }

        static int Main(string[] arguments)
        {
            if (arguments.Length < 2)
            {
                Console.Error.WriteLine("usage: kandinsky-tests SOURCE_DIR LAYOUT [CLASS...]");
                return 2;
            }
            Source = arguments[0];
            Layout = arguments[1];
            Folder = Path.Combine(Path.GetTempPath(), "kandinsky-тесты-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(Folder);
            try
            {
                return Check.RunAll(arguments.Skip(2).ToArray());
            }
            finally
            {
                Directory.Delete(Folder, true);
            }
        }
    }
}
