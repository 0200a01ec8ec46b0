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
        static void Batch_IsEncodeOfEach()
        {
            using (var tokenizer = Tokenizer.Load(File))
            {
                var texts = new[] { "красное сердце", "", "лиса 😀" };
                var lists = tokenizer.EncodeBatch(texts, 2);
                Check.Equal(3, lists.Count);
                for (var i = 0; i < 3; ++i) Check.Same(tokenizer.Encode(texts[i]), lists[i]);
                Check.Equal(0, tokenizer.EncodeBatch(new string[0]).Count);
                Check.Refuses(ErrorCode.InvalidArgument, "threads", () => tokenizer.EncodeBatch(texts, -1));
                Check.Equal("texts", Check.Throws<ArgumentException>(() => tokenizer.EncodeBatch(new string[] { null })).ParamName);
            }
        }

        [Test]
        static void Dropout_IsRepeatable()
        {
            using (var tokenizer = Tokenizer.Load(File))
            {
                const string text = "красное сердце на синем фоне";
                Check.Same(tokenizer.Encode(text), tokenizer.EncodeWithDropout(text, 0));
                var ids = tokenizer.EncodeWithDropout(text, 0.5, 3);
                Check.Same(ids, tokenizer.EncodeWithDropout(text, 0.5, 3));
                Check.That(tokenizer.EncodeWithDropout(text, 1).Length > tokenizer.Encode(text).Length);
                Check.Equal(text, tokenizer.Decode(ids));
                Check.Refuses(ErrorCode.InvalidArgument, "probability", () => tokenizer.EncodeWithDropout(text, 1.5));
            }
        }

        [Test]
        static void Pieces_HaveIds()
        {
            using (var tokenizer = Tokenizer.Load(File))
            {
                Check.Equal("yttm", tokenizer.Kind);
                Check.Same(new[] { 0, 1, 2, 3 }, new[] { tokenizer.PadId, tokenizer.UnkId, tokenizer.BosId, tokenizer.EosId });
                var pieces = tokenizer.Encode("красное сердце").Select(tokenizer.IdToPiece).ToArray();
                Check.Equal("\u2581красное\u2581сердце", string.Concat(pieces));
                Check.Same(tokenizer.Encode("красное сердце"), pieces.Select(tokenizer.PieceToId));
                Check.Equal(tokenizer.UnkId, tokenizer.PieceToId("нет такого куска"));
                Check.Throws<KandinskyException>(() => tokenizer.IdToPiece(tokenizer.VocabSize));
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
