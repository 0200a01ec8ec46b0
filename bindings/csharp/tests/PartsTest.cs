using System;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;

namespace Kandinsky.Tests
{
    // A pipeline of parts that are loaded already.
    static class PartsTest
    {
        static Pipeline Nano => Shared.Pipeline;

        static Transformer FromMemory(byte[] weights) =>
            Transformer.LoadMemory(weights, "веса", new ComputeOptions { Device = "cpu", Threads = 1 });

        // Of its own, so that nothing on the stack of the test holds the weights.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Make(out Pipeline made)
        {
            var weights = File.ReadAllBytes(Path.Combine(Program.Nano, "rudalle_kandinsky.bin"));
            using (var tokenizer = Nano.Tokenizer())
            using (var transformer = FromMemory(weights))
            using (var vqgan = Nano.Vqgan())
            using (var ruclip = Nano.RuClip())
                made = new Pipeline(tokenizer, transformer, vqgan, ruclip);
            return new WeakReference(weights);
        }

        static void Collect()
        {
            for (var i = 0; i < 3; ++i)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }

        [Test]
        static void Parts_MakeAPipeline()
        {
            var weights = Make(out var made);
            Collect();
            Check.That(weights.IsAlive, "the pipeline holds the bytes that it reads");
            Transformer part;
            using (made)
            {
                var defaults = Nano.DefaultOptions();
                var options = Shared.Quick();
                options.TopK = defaults.TopK;
                options.TopP = defaults.TopP;
                options.Temperature = defaults.Temperature;
                var expected = Nano.Generate(Shared.Prompt, Shared.Quick());
                var pictures = made.Generate(Shared.Prompt, options);
                Check.Same(expected[0].Image.ToRgb(), pictures[0].Image.ToRgb());
                Check.Equal(expected[0].ClipScore, pictures[0].ClipScore);
                Check.Refuses(ErrorCode.NotFound, "real_esrgan", () => made.RealEsrgan());
                part = made.Transformer();
            }
            Collect();
            Check.That(weights.IsAlive, "so does a part of it");
            using (part) Check.Equal(1, part.Draw(new int[part.Config.TextLength]).Count);
        }

        [Test]
        static void WrongParts_AreNamed()
        {
            using (var tokenizer = Nano.Tokenizer())
            using (var transformer = Nano.Transformer())
            using (var vqgan = Nano.Vqgan())
            {
                Check.Equal("vqgan", Check.Throws<ArgumentNullException>(() => new Pipeline(tokenizer, transformer, null)).ParamName);
                // A vocabulary of 5000 letters, more than the transformer knows.
                var letters = Enumerable.Range(5, 4999).Select(id => 0x4e00 + id + " " + id + "\n");
                var model = "5000 0\n9601 4\n" + string.Concat(letters) + "1 0 2 3\n";
                using (var large = Tokenizer.LoadMemory(Encoding.ASCII.GetBytes(model)))
                    Check.Refuses(ErrorCode.InvalidArgument, "tokenizer", () => new Pipeline(large, transformer, vqgan));
                transformer.Dispose();
                Check.Throws<ObjectDisposedException>(() => new Pipeline(tokenizer, transformer, vqgan));
            }
        }
    }
}
