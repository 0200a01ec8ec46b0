using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;

namespace Kandinsky.Tests
{
    static class PipelineTest
    {
        static Pipeline Nano => Shared.Pipeline;

        [Test]
        static void Library_TellsOfItself()
        {
            Check.That(Library.Version.Split('.').Length == 3 && Library.TorchVersion.StartsWith("2."));
            Check.Equal(Library.AbiVersion, Library.NativeAbiVersion);
            Check.Equal("bad file", Library.Describe(ErrorCode.BadFile));
            var devices = Library.Devices();
            Check.Equal("cpu", devices[0].Name);
            Check.That(devices[0].MemoryTotal > 1u << 30 && devices[0].MemoryFree <= devices[0].MemoryTotal);
            Check.That(devices[0].Description.Length > 0 && devices[0].ToString().StartsWith("cpu ("));
        }

        [Test]
        static void Estimate_TellsWhatLoadingTakes()
        {
            var all = Pipeline.Estimate(Program.Nano, Shared.Cpu());
            Check.That(all.TransformerParameters > 1000000 && all.VqganParameters > 0 && all.RuClipParameters > 0 &&
                       all.RealEsrganParameters > 0);
            Check.That(all.TotalBytes >= all.WeightBytes + all.CacheBytes && all.CacheBytes > 0);
            var bare = Pipeline.Estimate(Program.Nano, new PipelineOptions { Device = "cpu", Rank = false, SuperResolution = false }, 1);
            Check.That(bare.RuClipParameters == 0 && bare.RealEsrganParameters == 0 && bare.CacheBytes < all.CacheBytes);
            Check.Refuses(ErrorCode.InvalidArgument, "batch", () => Pipeline.Estimate(Program.Nano, Shared.Cpu(), 0));
        }

        [Test]
        static void Generate_DrawsRanksAndEnlarges()
        {
            var stages = new HashSet<Stage>();
            var enlarged = new HashSet<int>();
            var previews = new List<string>();
            var complete = new List<Picture>();
            var options = new GenerateOptions { Images = 3, Pick = 1, Seed = 7, PreviewEvery = 100 };
            var pictures = Nano.Generate(Shared.Prompt, options,
                new Report<Progress>(progress =>
                {
                    stages.Add(progress.Stage);
                    if (progress.Stage == Stage.Enlarging) enlarged.Add(progress.Number);
                    Check.That(progress.Step >= 0 && progress.Step <= progress.Steps && progress.Images >= 1, progress.ToString());
                }),
                new Report<Preview>(preview =>
                {
                    using (preview) previews.Add(preview.Number + " " + preview.Tokens + " " + preview.Image.Width);
                }),
                new Report<Picture>(complete.Add));
            Check.Equal(4, stages.Count);
            Check.That(previews.Count >= 6 && previews.Contains("2 200 128"), string.Join(", ", previews));
            var best = pictures.Single();
            Check.Equal(512, best.Image.Width);
            Check.Equal(256, best.Tokens.Length);
            Check.Equal(7ul, best.Seed);
            Check.That(best.ClipScore > 0.3 && best.Ppl > 1);
            Check.Equal(best.Number, enlarged.Single());
            using (var reported = complete.Single())
            {
                Check.Equal(best.Number, reported.Number);
                Check.Equal(best.ClipScore, reported.ClipScore);
                Check.Same(best.Image.ToRgb(), reported.Image.ToRgb());
            }

            // The parts make the same of the same tokens.
            using (var vqgan = Nano.Vqgan())
            using (var esrgan = Nano.RealEsrgan())
            using (var small = vqgan.Decode(best.Tokens, 16, 16)[0])
            using (var large = esrgan.Upscale(small))
                Check.Same(best.Image.ToRgb(), large.ToRgb());
            best.Dispose();
            Check.Throws<ObjectDisposedException>(() => best.Image.ToPng());
        }

        [Test]
        static void Pictures_StayWhenALaterStepFails()
        {
            var complete = new List<Picture>();
            Check.Throws<InvalidTimeZoneException>(() => Nano.Generate(Shared.Prompt, Shared.Quick(), null, null,
                new Report<Picture>(picture =>
                {
                    complete.Add(picture);
                    if (complete.Count == 2) throw new InvalidTimeZoneException();
                })));
            var expected = Nano.Generate(Shared.Prompt, Shared.Quick());
            for (var i = 0; i < 2; ++i) Check.Same(expected[i].Image.ToRgb(), complete[i].Image.ToRgb());
        }

        [Test]
        static void DefaultOptions_AreTheModels()
        {
            var options = Nano.DefaultOptions();
            var json = File.ReadAllText(Path.Combine(Program.Nano, "generation_config.json"));
            Check.That(Regex.IsMatch(json, "\"top_k\": " + options.TopK + "\\b"), json);
            Check.That(options.TopP > 0 && options.TopP <= 1 && options.Temperature > 0);
            Check.Equal(new GenerateOptions().Images, options.Images);
        }

        [Test]
        static void GenerateAsync_GivesTheSame()
        {
            var options = Shared.Quick();
            var task = Nano.GenerateAsync(Shared.Prompt, options);
            options.Images = -5;  // too late to matter
            var expected = Nano.Generate(Shared.Prompt, Shared.Quick());
            Check.Same(expected.Select(picture => picture.Number), task.Result.Select(picture => picture.Number));
            Check.Same(expected[0].Image.ToRgb(), task.Result[0].Image.ToRgb());

            var failed = Nano.GenerateAsync(null);
            Check.That(Check.Throws<AggregateException>(failed.Wait).InnerException is ArgumentNullException);
            var missing = Pipeline.LoadAsync(Path.Combine(Program.Folder, "нет"));
            var inner = (KandinskyException)Check.Throws<AggregateException>(missing.Wait).InnerException;
            Check.Equal(ErrorCode.NotFound, inner.Code);
            Check.That(inner.Message.Contains("нет"), inner.Message);
        }

        [Test]
        static void Threads_ShareAPipeline()
        {
            var alone = Nano.Generate(Shared.Prompt, Shared.Quick());
            var together = Enumerable.Range(0, 2).Select(i => Nano.GenerateAsync(Shared.Prompt, Shared.Quick())).ToArray();
            foreach (var task in together)
            {
                Check.Same(alone[0].Tokens, task.Result[0].Tokens);
                Check.Same(alone[1].Image.ToRgb(), task.Result[1].Image.ToRgb());
            }
        }

        [Test]
        static void ImagePrompt_IsGoneOnFrom()
        {
            using (var drawn = Nano.Generate(Shared.Prompt, Shared.Quick())[0])
            using (var vqgan = Nano.Vqgan())
            {
                var options = Shared.Quick();
                options.ImagePrompt = new ImagePrompt(drawn.Image) { Up = 8 };
                var on = Nano.Generate(Shared.Prompt, options)[0];
                Check.Same(vqgan.Encode(drawn.Image).Take(8 * 16), on.Tokens.Take(8 * 16));
                options.ImagePrompt = new ImagePrompt(drawn.Image) { Up = 99 };
                Check.Throws<KandinskyException>(() => Nano.Generate(Shared.Prompt, options));
                drawn.Dispose();
                Check.Throws<ObjectDisposedException>(() => Nano.Generate(Shared.Prompt, options));
            }
            Check.Throws<ArgumentNullException>(() => new ImagePrompt(null));
        }

        [Test]
        static void Cancel_StopsWithinAToken()
        {
            Check.Throws<OperationCanceledException>(
                () => Nano.Generate(Shared.Prompt, cancellationToken: new CancellationToken(true)));
            var before = Nano.GenerateAsync(Shared.Prompt, cancellationToken: new CancellationToken(true));
            Check.Throws<AggregateException>(before.Wait);
            Check.That(before.IsCanceled);

            using (var source = new CancellationTokenSource())
            using (var started = new ManualResetEventSlim())
            {
                var last = 0;
                var task = Nano.GenerateAsync(Shared.Prompt, new GenerateOptions { Images = 8, SuperResolution = false },
                    new Report<Progress>(progress =>
                    {
                        last = progress.Step;
                        if (last == 5) started.Set();
                    }), cancellationToken: source.Token);
                Check.That(started.Wait(60000));
                source.Cancel();
                var thrown = Check.Throws<AggregateException>(task.Wait).InnerException as OperationCanceledException;
                Check.That(task.IsCanceled && thrown != null && last < 250, "stopped at " + last);
            }
            // From inside a report, on the thread that works.
            using (var source = new CancellationTokenSource())
            {
                var last = 0;
                var exception = Check.Throws<OperationCanceledException>(() => Nano.Generate(Shared.Prompt, Shared.Quick(),
                    new Report<Progress>(progress =>
                    {
                        last = progress.Step;
                        source.Cancel();
                    }), cancellationToken: source.Token));
                Check.Equal(source.Token, exception.CancellationToken);
                Check.That(last <= 2, "stopped at " + last);
            }
            Check.Equal(2, Nano.Generate(Shared.Prompt, Shared.Quick()).Count);
        }

        [Test]
        static void Exceptions_PassThroughTheLibrary()
        {
            var reports = 0;
            var progress = Check.Throws<InvalidTimeZoneException>(() => Nano.Generate(Shared.Prompt, Shared.Quick(),
                new Report<Progress>(value =>
                {
                    ++reports;
                    throw new InvalidTimeZoneException("из отчёта");
                })));
            Check.Equal("из отчёта", progress.Message);
            Check.Equal(1, reports);
            Check.That(progress.StackTrace.Contains("Exceptions_PassThroughTheLibrary"), "the stack trace is the callback's");

            var options = Shared.Quick();
            options.PreviewEvery = 10;
            Check.Throws<InvalidTimeZoneException>(() => Nano.Generate(Shared.Prompt, options, null,
                new Report<Preview>(value => throw new InvalidTimeZoneException())));
            var task = Nano.GenerateAsync(Shared.Prompt, options, null,
                new Report<Preview>(value => throw new InvalidTimeZoneException()));
            Check.That(Check.Throws<AggregateException>(task.Wait).InnerException is InvalidTimeZoneException);
        }

        static void Wrong(string name, Action<GenerateOptions> change)
        {
            var options = Shared.Quick();
            change(options);
            Check.Refuses(ErrorCode.InvalidArgument, name, () => Nano.Generate(Shared.Prompt, options));
        }

        [Test]
        static void WrongOptions_AreNamed()
        {
            Wrong("images", options => options.Images = 0);
            Wrong("images", options => options.Images = 4097);
            Wrong("pick", options => options.Pick = -1);
            Wrong("batch", options => options.Batch = 0);
            Wrong("top_k", options => options.TopK = -2);
            Wrong("top_k", options => options.TopK = -1);
            Wrong("top_p", options => options.TopP = 1.5);
            Wrong("top_p", options => options.TopP = 0);
            Wrong("top_p", options => options.TopP = double.NaN);
            Wrong("temperature", options => options.Temperature = 0);
            Wrong("temperature", options => options.Temperature = double.PositiveInfinity);
            Wrong("preview_every", options => options.PreviewEvery = -1);
            Check.Equal("prompt", Check.Throws<ArgumentNullException>(() => Nano.Generate(null)).ParamName);
            Check.Equal("prompt", Check.Throws<ArgumentException>(() => Nano.Generate("лиса\0")).ParamName);
            Check.Equal("prompt", Check.Throws<ArgumentException>(() => Nano.Generate("лиса \udc00")).ParamName);
        }

        [Test]
        static void WrongModels_AreNamed()
        {
            Check.Throws<ArgumentNullException>(() => Pipeline.Load(null));
            var empty = Path.Combine(Program.Folder, "пусто");
            Directory.CreateDirectory(empty);
            var exception = Check.Throws<KandinskyException>(() => Pipeline.Load(empty));
            Check.Equal(ErrorCode.NotFound, exception.Code);
            Check.That(exception.Message.Contains("пусто"), exception.Message);
            var options = Shared.Cpu();
            options.Vqgan = Path.Combine(empty, "нет.ckpt");
            Check.Refuses(ErrorCode.NotFound, options.Vqgan, () => Pipeline.Load(Program.Nano, options));
            Check.Refuses(ErrorCode.InvalidArgument, "device",
                          () => Pipeline.Load(Program.Nano, new PipelineOptions { Device = "утюг" }));
            Check.Throws<KandinskyException>(
                () => Pipeline.Load(Program.Nano, new PipelineOptions { Device = "cpu", Dtype = (Dtype)77 }));
            options = Shared.Cpu();
            options.Log = (level, line) => throw new InvalidTimeZoneException();
            Check.Throws<InvalidTimeZoneException>(() => Pipeline.Load(Program.Nano, options));
        }

        [Test]
        static void Files_AreTakenFromElsewhere()
        {
            // A directory with a Russian name, whose parts lie where the options say.
            var folder = Path.Combine(Program.Folder, "модель");
            Directory.CreateDirectory(folder);
            File.Copy(Path.Combine(Program.Nano, "rudalle_kandinsky.bin"), Path.Combine(folder, "веса.bin"), true);
            var lines = new List<string>();
            var options = new PipelineOptions
            {
                Device = "cpu",
                Dtype = Dtype.Fp32,
                Threads = 1,
                Log = (level, line) => lines.Add(level + ": " + line),
                Transformer = Path.Combine(folder, "веса.bin"),
                Tokenizer = Path.Combine(Program.Nano, "tokenizer/bpe.model"),
                Vqgan = Directory.GetFiles(Path.Combine(Program.Nano, "vae"), "*.ckpt")[0],
                GenerationConfig = Path.Combine(Program.Nano, "generation_config.json"),
            };
            using (var pipeline = Pipeline.Load(folder, options))
            {
                Check.That(lines.Any(line => line.StartsWith("Info: ") && line.Contains("модель")), string.Join("|", lines));
                Check.That(lines.Any(line => line.StartsWith("Warning: ") && line.Contains("ruCLIP")), string.Join("|", lines));
                Check.Refuses(ErrorCode.NotFound, "ruclip", () => pipeline.RuClip());
                Check.Refuses(ErrorCode.NotFound, "real_esrgan", () => pipeline.RealEsrgan());
                var picture = pipeline.Generate(Shared.Prompt, new GenerateOptions { Images = 2, Pick = 1 }).Single();
                Check.Equal(128, picture.Image.Width);
                Check.That(!picture.ClipScore.HasValue);
            }
        }

        [Test]
        static void Disposed_IsSaidSo()
        {
            var pipeline = Pipeline.Load(Program.Nano, new PipelineOptions { Device = "cpu", Threads = 1, Rank = false, SuperResolution = false });
            var transformer = pipeline.Transformer();
            using (var started = new ManualResetEventSlim())
            {
                var task = pipeline.GenerateAsync(Shared.Prompt, Shared.Quick(), new Report<Progress>(progress => started.Set()));
                Check.That(started.Wait(60000));
                // A call that runs ends well.
                pipeline.Dispose();
                Check.Equal(2, task.Result.Count);
            }
            pipeline.Dispose();
            Check.Throws<ObjectDisposedException>(() => pipeline.Generate(Shared.Prompt));
            Check.Throws<ObjectDisposedException>(() => pipeline.Tokenizer());
            // A part outlives its pipeline.
            Check.Equal(1, transformer.Draw(new int[transformer.Config.TextLength]).Count);
            transformer.Dispose();
        }

        [Test]
        static void Collector_ReleasesInAnyOrder()
        {
            var pixels = new byte[512 * 512 * 3];
            for (var round = 0; round < 3; ++round)
            {
                var parts = new object[] { Nano.Tokenizer(), Nano.Vqgan(), Nano.RuClip(), Nano.Transformer(), Nano.RealEsrgan() };
                for (var i = 0; i < 100; ++i) new Image(512, 512, pixels).ToString();
                Check.Equal(5, parts.Length);
                parts = null;
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            // Callbacks work while everything that can move moves.
            var reports = 0;
            Nano.Generate(Shared.Prompt, Shared.Quick(), new Report<Progress>(progress =>
            {
                if (++reports % 16 == 0) GC.Collect();
            }));
            Check.That(reports > 256);
        }

        // In kB.
        static long Resident() => long.Parse(File.ReadAllLines("/proc/self/status").Single(line => line.StartsWith("VmRSS:"))
                                                 .Split(new[] { ' ', '\t' }, StringSplitOptions.RemoveEmptyEntries)[1]);

        static void Rounds(int count)
        {
            var options = new GenerateOptions { Images = 1, Pick = 1, SuperResolution = false, Rank = false };
            for (var i = 0; i < count; ++i)
            {
                foreach (var picture in Nano.Generate(Shared.Prompt, options)) picture.Dispose();
                Check.Throws<KandinskyException>(() => Nano.Generate(Shared.Prompt, new GenerateOptions { Images = 0 }));
                // 3 MB each: a leak of these would show.
                new Image(1024, 1024, new byte[1024 * 1024 * 3]).Dispose();
            }
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        [Test]
        static void Memory_DoesNotGrow()
        {
            Rounds(3);
            var before = Resident();
            Rounds(8);
            Check.That(Resident() < before + 30000, "grew from " + before + " kB to " + Resident() + " kB");
        }
    }
}
