using System;
using System.IO;
using Kandinsky;

// hearts.exe MODEL_DIRECTORY OUTPUT_DIRECTORY [PROMPT]: draws 8 pictures, keeps and enlarges 4. Ctrl-C stops.
static class Hearts
{
    static int Main(string[] arguments)
    {
        if (arguments.Length < 2)
        {
            Console.Error.WriteLine("usage: hearts MODEL_DIRECTORY OUTPUT_DIRECTORY [PROMPT]");
            return 2;
        }
        var prompt = arguments.Length > 2 ? arguments[2] : "красное сердце на синем фоне";
        using (var stop = new System.Threading.CancellationTokenSource())
        {
            Console.CancelKeyPress += (sender, pressed) =>
            {
                pressed.Cancel = true;
                stop.Cancel();
            };
            try
            {
                Directory.CreateDirectory(arguments[1]);
                using (var pipeline = Pipeline.Load(arguments[0]))
                {
                    var options = new GenerateOptions { Images = 8, Pick = 4, Seed = 7 };
                    var task = pipeline.GenerateAsync(prompt, options, new Bar(), cancellationToken: stop.Token);
                    var rank = 0;
                    foreach (var picture in task.GetAwaiter().GetResult())
                        using (picture)
                        {
                            var path = Path.Combine(arguments[1], ++rank + ".png");
                            picture.Image.Save(path);
                            Console.WriteLine("{0}  {1:0.000}  (image {2}, ppl {3:0.0})", path, picture.ClipScore, picture.Number,
                                              picture.Ppl);
                        }
                }
                return 0;
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine("stopped");
                return 130;
            }
            catch (KandinskyException exception)
            {
                Console.Error.WriteLine("hearts: " + exception.Message);
                return 1;
            }
        }
    }

    sealed class Bar : IProgress<Progress>
    {
        public void Report(Progress progress)
        {
            if (progress.Step == progress.Steps) Console.WriteLine("  " + progress);
        }
    }
}
