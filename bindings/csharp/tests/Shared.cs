using System;

namespace Kandinsky.Tests
{
    // One pipeline for all tests that only use it.
    static class Shared
    {
        static readonly Lazy<Pipeline> loaded = new Lazy<Pipeline>(() => Pipeline.Load(Program.Nano, Cpu()));

        public const string Prompt = "красное сердце на синем фоне";

        public static Pipeline Pipeline => loaded.Value;

        // One thread: other tests run beside this one, and answers do not depend on it.
        public static PipelineOptions Cpu() => new PipelineOptions { Device = "cpu", Threads = 1 };

        // Two pictures, ranked but not enlarged: the quickest that shows everything else.
        public static GenerateOptions Quick() =>
            new GenerateOptions { Images = 2, Pick = 2, Seed = 7, SuperResolution = false };
    }

    // Reports on the thread that works, unlike System.Progress.
    sealed class Report<T> : IProgress<T>
    {
        readonly Action<T> report;
        public Report(Action<T> report) { this.report = report; }
        void IProgress<T>.Report(T value) => report(value);
    }
}
