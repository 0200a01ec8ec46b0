using System;
using System.IO;
using System.Linq;

namespace Kandinsky.Tests
{
    static class TokenizerTest
    {
        static string File => Path.Combine(Program.Nano, "tokenizer", "bpe.model");

        [Test]
        static void Russian_GoesInAndOut()
        {
            using (var tokenizer = Tokenizer.Load(File))
            {
                const string text = "красное сердце";
                var ids = tokenizer.Encode(text);
                Check.That(ids.Length > 1 && ids.All(id => id >= 0 && id < tokenizer.VocabSize));
                Check.Equal(text, tokenizer.Decode(ids));
                Check.Equal("", tokenizer.Decode(new int[0]));
                Check.Equal(0, tokenizer.Encode("").Length);

                var input = tokenizer.EncodeForTransformer("  КРАСНОЕ сердце ", 64);
                Check.Same(new[] { 2 }.Concat(ids).Concat(new[] { 3 }).Concat(new int[64 - ids.Length - 2]), input);
                Check.Equal(32, tokenizer.EncodeForRuClip(text, 32).Length);
                // Outside the first plane: two chars to .NET, four bytes to C.
                tokenizer.Encode("сердце 😀");
            }
        }

        [Test]
        static void Memory_IsAsGoodAsAFile()
        {
            var bytes = System.IO.File.ReadAllBytes(File);
            using (var tokenizer = Tokenizer.LoadMemory(bytes, "из памяти"))
            using (var other = Tokenizer.Load(File))
            {
                Array.Clear(bytes, 0, bytes.Length);
                Check.Same(other.Encode("лиса"), tokenizer.Encode("лиса"));
            }
        }

        [Test]
        static void WrongInput_IsNamed()
        {
            Check.Refuses(ErrorCode.NotFound, "нет/bpe.model", () => Tokenizer.Load("нет/bpe.model"));
            Check.Refuses(ErrorCode.BadFile, "мусор", () => Tokenizer.LoadMemory(new byte[] { 9, 9, 9, 9, 9, 9, 9, 9, 9 }, "мусор"));
            Check.Throws<ArgumentNullException>(() => Tokenizer.Load(null));
            Check.Throws<ArgumentNullException>(() => Tokenizer.LoadMemory(null));
            using (var tokenizer = Tokenizer.Load(File))
            {
                Check.Equal("text", Check.Throws<ArgumentNullException>(() => tokenizer.Encode(null)).ParamName);
                Check.Equal("text", Check.Throws<ArgumentException>(() => tokenizer.Encode("сердце\0")).ParamName);
                Check.Equal("text", Check.Throws<ArgumentException>(() => tokenizer.Encode("половина \ud83d")).ParamName);
                Check.Throws<KandinskyException>(() => tokenizer.Decode(new[] { tokenizer.VocabSize }));
                Check.Throws<ArgumentOutOfRangeException>(() => tokenizer.EncodeForTransformer("лиса", -1));
                Check.Throws<KandinskyException>(() => tokenizer.EncodeForTransformer("лиса", 0));
            }
        }

        [Test]
        static void Disposed_IsSaidSo()
        {
            var tokenizer = Tokenizer.Load(File);
            tokenizer.Dispose();
            Check.Throws<ObjectDisposedException>(() => tokenizer.Encode("лиса"));
            Check.Throws<ObjectDisposedException>(() => tokenizer.Decode(new[] { 1 }));
            Check.Throws<ObjectDisposedException>(() => tokenizer.VocabSize.ToString());
        }
    }
}
