using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Kandinsky.Tests
{
    // The parts on their own: from a pipeline, a file and memory.
    static class ModelsTest
    {
        static string In(params string[] names) => Path.Combine(new[] { Program.Nano }.Concat(names).ToArray());

        static ComputeOptions Cpu() => new ComputeOptions { Device = "cpu", Dtype = Dtype.Fp32, Threads = 1 };

        static string WeightsFile(string folder, string pattern) => Directory.GetFiles(In(folder), pattern).Single();

        [Test]
        static void Transformer_DrawsTheSameFromFileAndMemory()
        {
            var log = new List<string>();
            var options = Cpu();
            options.Log = (level, line) => log.Add(level + " " + line);
            var bytes = File.ReadAllBytes(In("rudalle_kandinsky.bin"));
            using (var tokenizer = Shared.Pipeline.Tokenizer())
            using (var file = Transformer.Load(In("rudalle_kandinsky.bin"), options))
            using (var memory = Transformer.LoadMemory(bytes, "память", Cpu(), file.Config))
            {
                bytes = null;
                GC.Collect();
                Check.That(log.Count == 1 && log[0].StartsWith("Info ") && log[0].Contains("parameters"), string.Join("|", log));
                Check.Equal("cpu", file.Device);
                Check.Equal(Dtype.Fp32, file.Dtype);
                Check.That(file.ParameterCount > 1000000);
                var config = file.Config;
                Check.Equal(16, config.Grid);

                var text = tokenizer.EncodeForTransformer(Shared.Prompt, config.TextLength);
                var forced = Enumerable.Repeat(-1, 256).ToArray();
                forced[0] = 77;
                var draw = new DrawOptions { Images = 2, FirstNumber = 3, Seed = 11, Forced = forced, PreviewEvery = 100 };
                var steps = 0;
                var previews = new List<TokensPreview>();
                var drawn = file.Draw(text, draw, new Report<Progress>(progress =>
                {
                    Check.Equal(Stage.Drawing, progress.Stage);
                    Check.Equal(256, progress.Steps);
                    Check.Equal(3, progress.Number);
                    ++steps;
                }), new Report<TokensPreview>(previews.Add));
                Check.Equal(256, steps);
                Check.Same(new[] { 3, 4 }, drawn.Select(one => one.Number));
                Check.That(drawn.All(one => one.Tokens.Length == 256 && one.Tokens[0] == 77 && one.Ppl > 1));
                Check.That(previews.Count >= 4);
                Check.Same(new[] { 3, 4 }, previews.Select(one => one.Number).Distinct().OrderBy(number => number));
                foreach (var preview in previews)
                    Check.Same(drawn[preview.Number - 3].Tokens.Take(preview.Tokens.Length), preview.Tokens);
                Check.That(Math.Abs(file.Ppl(text, drawn[1].Tokens) / drawn[1].Ppl - 1) < 1e-3);
                var again = memory.Draw(text, draw);
                Check.Same(drawn[1].Tokens, again[1].Tokens);

                var logits = file.Logits(text, drawn[0].Tokens.Take(5).ToArray());
                Check.Equal((config.TextLength + 5) * (config.TextVocab + config.ImageVocab), logits.Length);
                Check.That(logits.All(value => !float.IsNaN(value)) && logits.Distinct().Count() > 1000);
                var losses = file.Losses(text, drawn[0].Tokens);
                Check.That(losses.Image > 0 && Math.Abs(losses.Total - (losses.Text + 7 * losses.Image) / 8) < 1e-4);
            }
        }

        [Test]
        static void Transformer_WrongInputIsNamed()
        {
            using (var transformer = Shared.Pipeline.Transformer())
            {
                var length = transformer.Config.TextLength;
                Check.Throws<ArgumentNullException>(() => transformer.Draw(null));
                Check.Throws<KandinskyException>(() => transformer.Draw(new int[length - 1]));
                Check.Refuses(ErrorCode.InvalidArgument, "images", () => transformer.Draw(new int[length], new DrawOptions { Images = 0 }));
                Check.Refuses(ErrorCode.InvalidArgument, "top_p", () => transformer.Draw(new int[length], new DrawOptions { TopP = 0 }));
                Check.Throws<KandinskyException>(() => transformer.Draw(new int[length], new DrawOptions { Forced = new int[3] }));
                Check.Throws<ArgumentException>(() => transformer.Losses(new int[length + 1], new int[256]));
                Check.Throws<OperationCanceledException>(
                    () => transformer.Draw(new int[length], cancellationToken: new CancellationToken(true)));
                Check.Throws<KandinskyException>(() => transformer.Ppl(new int[length], new int[3]));
                Check.Throws<ArgumentNullException>(() => transformer.Ppl(new int[length], null));
                Check.Refuses(ErrorCode.InvalidArgument, "preview_every",
                              () => transformer.Draw(new int[length], new DrawOptions { PreviewEvery = -1 }));
                transformer.Dispose();
                Check.Throws<ObjectDisposedException>(() => transformer.Draw(new int[length]));
                Check.Throws<ObjectDisposedException>(() => transformer.Config.ToString());
                Check.Throws<ObjectDisposedException>(() => transformer.Device.ToString());
            }
            Check.Equal(64, TransformerConfig.Preset("kandinsky").Layers);
            Check.Throws<KandinskyException>(() => TransformerConfig.Preset("ёлка"));
            var wrong = TransformerConfig.Preset("malevich");
            Check.Throws<KandinskyException>(() => Transformer.Load(In("rudalle_kandinsky.bin"), Cpu(), wrong));
            Check.Refuses(ErrorCode.InvalidArgument, "device",
                          () => Transformer.Load(In("rudalle_kandinsky.bin"), new ComputeOptions { Device = "тостер" }));
            Check.Refuses(ErrorCode.InvalidArgument, "threads",
                          () => Transformer.Load(In("rudalle_kandinsky.bin"), new ComputeOptions { Device = "cpu", Threads = -1 }));
        }

        [Test]
        static void Vqgan_DecodesAndEncodes()
        {
            var file = WeightsFile("vae", "*.ckpt");
            var config = Path.Combine(Path.GetDirectoryName(file), "config.json");
            var json = File.Exists(config) ? File.ReadAllText(config) : null;
            var bytes = File.ReadAllBytes(file);
            var mapped = Marshal.AllocHGlobal(bytes.Length);
            Marshal.Copy(bytes, 0, mapped, bytes.Length);
            using (var vqgan = VqganDecoder.Load(file, Cpu()))
            using (var memory = VqganDecoder.LoadMemory(bytes, null, json, Cpu()))
            using (var native = VqganDecoder.LoadMemory(mapped, (ulong)bytes.Length, null, json, Cpu()))
            {
                var tokens = Enumerable.Range(0, 2 * 4 * 6).Select(i => i * 131 % vqgan.CodebookSize).ToArray();
                var images = vqgan.Decode(tokens, 4, 6);
                Check.Equal(2, images.Count);
                Check.Equal(6 * vqgan.Downsampling, images[1].Width);
                Check.Equal(4 * vqgan.Downsampling, images[1].Height);
                Check.Same(images[1].ToRgb(), memory.Decode(tokens, 4, 6)[1].ToRgb());
                Check.Same(images[1].ToRgb(), native.Decode(tokens, 4, 6)[1].ToRgb());
                Check.That(!images[0].ToRgb().SequenceEqual(images[1].ToRgb()));
                var ids = vqgan.Encode(images[0]);
                Check.That(ids.Length == 24 && ids.All(id => id >= 0 && id < vqgan.CodebookSize));

                Check.Equal("tokens", Check.Throws<ArgumentException>(() => vqgan.Decode(tokens, 5, 6)).ParamName);
                Check.Refuses(ErrorCode.InvalidArgument, "grid_height", () => vqgan.Decode(tokens, 0, 6));
                Check.Throws<KandinskyException>(() => vqgan.Decode(new[] { vqgan.CodebookSize }, 1, 1));
                Check.Throws<KandinskyException>(() => vqgan.Encode(new Image(5, 5, new byte[75])));
                Check.Throws<ArgumentNullException>(() => vqgan.Encode(null));
                Check.That(vqgan.ParameterCount > 1000);
                images[0].Dispose();
                Check.Throws<ObjectDisposedException>(() => vqgan.Encode(images[0]));
            }
            Marshal.FreeHGlobal(mapped);
        }

        [Test]
        static void RuClip_ScoresTextsAndPictures()
        {
            var weights = WeightsFile("ruclip", "*.bin");
            using (var tokenizer = Tokenizer.Load(In("ruclip", "bpe.model")))
            using (var ruclip = RuClip.Load(In("ruclip"), Cpu()))
            using (var memory = RuClip.LoadMemory(File.ReadAllBytes(weights), File.ReadAllText(In("ruclip", "config.json")), tokenizer,
                                                  null, Cpu()))
            {
                var pictures = Shared.Pipeline.Generate(Shared.Prompt, Shared.Quick());
                var images = pictures.Select(picture => picture.Image).ToArray();
                var texts = new[] { Shared.Prompt, "лиса на фиолетовом фоне", "ель" };
                var scores = ruclip.Scores(texts, images);
                Check.Equal(3, scores.GetLength(0));
                Check.Equal(2, scores.GetLength(1));
                for (var i = 0; i < 2; ++i) Check.That(Math.Abs(scores[0, i] - pictures[i].ClipScore.Value) < 1e-3, "score " + i);
                Check.That(scores[0, 0] > scores[1, 0], "the heart is a heart");
                tokenizer.Dispose();
                Check.Same(scores.Cast<float>(), memory.Scores(texts, images).Cast<float>());

                var rows = ruclip.ImageLatents(images);
                Check.Equal(ruclip.Width, rows.GetLength(1));
                var columns = ruclip.TextLatents(texts);
                var own = ruclip.TextLatents(texts, new[] { "{}" });
                Check.Equal(3, columns.GetLength(0));
                Check.That(Math.Abs(Enumerable.Range(0, ruclip.Width).Sum(i => (double)rows[1, i] * rows[1, i]) - 1) < 1e-4);
                Check.That(Enumerable.Range(0, ruclip.Width).Any(i => columns[0, i] != own[0, i]));

                var ranking = ruclip.Rank(Shared.Prompt, new[] { images[1], images[0], images[1] }, 5);
                Check.Same(new[] { 1, 0, 2 }, ranking.Select(one => one.Index));
                Check.That(Math.Abs(ranking[0].Score - scores[0, 0]) < 1e-4 && ranking[0].Score > ranking[1].Score);
                Check.Equal(1, ruclip.Rank(Shared.Prompt, images, 1).Count);
                Check.Equal(0, ruclip.Rank(Shared.Prompt, new Image[0], 1).Count);
                Check.Refuses(ErrorCode.InvalidArgument, "pick", () => ruclip.Rank(Shared.Prompt, images, 0));
                Check.That(ruclip.Resolution > 0 && ruclip.ParameterCount > 1000);
                using (var part = ruclip.Tokenizer())
                    Check.Equal(ruclip.ContextLength, part.EncodeForRuClip("ель", ruclip.ContextLength).Length);

                Check.Throws<ArgumentNullException>(() => ruclip.Scores(null, images));
                Check.Throws<ArgumentException>(() => ruclip.Scores(new string[] { null }, images));
                Check.Throws<ArgumentException>(() => ruclip.Scores(texts, new Image[] { null }));
                Check.Equal(0, ruclip.Scores(new string[0], images).Length);
                Check.Throws<KandinskyException>(() => ruclip.TextLatents(texts, new[] { "без места" }));
                images[1].Dispose();
                Check.Throws<ObjectDisposedException>(() => ruclip.Scores(texts, images));
                // The images lent before the closed one were given back: they can be released.
                images[0].Dispose();
                Check.That(images[0].Handle.IsClosed);
            }
        }

        [Test]
        static void RealEsrgan_Enlarges()
        {
            var file = WeightsFile("x4", "*.pth");
            using (var image = new Image(24, 16, Enumerable.Range(0, 24 * 16 * 3).Select(i => (byte)(i % 251)).ToArray()))
            using (var esrgan = RealEsrgan.Load(file, Cpu()))
            using (var memory = RealEsrgan.LoadMemory(File.ReadAllBytes(file), null, Cpu()))
            {
                Check.Equal(4, esrgan.Scale);
                Check.That(esrgan.ParameterCount > 1000);
                var reports = 0;
                using (var large = esrgan.Upscale(image, null, new Report<Progress>(progress => ++reports)))
                using (var again = memory.Upscale(image, new UpscaleOptions { Tile = 64 }))
                {
                    Check.Equal(96, large.Width);
                    Check.Equal(64, large.Height);
                    Check.That(reports > 0);
                    Check.Equal(96, again.Width);
                }
                Check.Throws<KandinskyException>(() => esrgan.Upscale(image, new UpscaleOptions { Tile = 0 }));
                Check.Throws<OperationCanceledException>(() => esrgan.Upscale(image, null, null, new CancellationToken(true)));
                Check.Equal("из отчёта", Check.Throws<InvalidTimeZoneException>(() => esrgan.Upscale(image, null,
                    new Report<Progress>(progress => throw new InvalidTimeZoneException("из отчёта")))).Message);
            }
        }

        [Test]
        static void Load_FailuresAreNamed()
        {
            Check.Refuses(ErrorCode.NotFound, "нет/модели.bin", () => Transformer.Load("нет/модели.bin", Cpu()));
            Check.Refuses(ErrorCode.NotFound, "нет/модели.ckpt", () => VqganDecoder.Load("нет/модели.ckpt", Cpu()));
            Check.Refuses(ErrorCode.NotFound, "нет/модели.pth", () => RealEsrgan.Load("нет/модели.pth", Cpu()));
            Check.Throws<KandinskyException>(() => RuClip.Load(Program.Folder, Cpu()));
            Check.Refuses(ErrorCode.BadFile, "ерунда", () => Transformer.LoadMemory(new byte[100], "ерунда", Cpu()));
            Check.Throws<ArgumentNullException>(() => VqganDecoder.LoadMemory(null));
            Check.Throws<ArgumentNullException>(() => RuClip.LoadMemory(new byte[10], "{}", null));
            // A log that throws stops nothing in the library, but the caller gets to know.
            var options = Cpu();
            options.Log = (level, line) => throw new InvalidTimeZoneException("из журнала");
            Check.Throws<InvalidTimeZoneException>(() => Transformer.Load(In("rudalle_kandinsky.bin"), options));
        }
    }
}
