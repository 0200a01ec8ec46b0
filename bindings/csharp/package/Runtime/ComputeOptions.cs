using System;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>The type that weights and activations have.</summary>
    public enum Dtype
    {
        /// <summary>fp32 on the CPU, fp16 on a GPU.</summary>
        Auto = 0,
        Fp32 = 1,
        Bf16 = 2,
        Fp16 = 3
    }

    /// <summary>How a model computes.</summary>
    public class ComputeOptions
    {
        /// <summary>"auto" (the first CUDA device, else the CPU), "cpu", "cuda" or "cuda:N".</summary>
        public string Device { get; set; } = "auto";

        public Dtype Dtype { get; set; } = Dtype.Auto;

        /// <summary>CPU threads of one call, 0..1024; 0 is one a core. Answers do not depend on it.</summary>
        public int Threads { get; set; }

        /// <summary>Told what is loaded, and how, on the thread that loads. Null: silent.</summary>
        public Action<LogLevel, string> Log { get; set; }

        internal Call NewCall()
        {
            Library.CheckAbi();
            return new Call(Log);
        }

        internal kandinsky_compute_options ToNative(Call call)
        {
            Api.kandinsky_compute_options_init(out var native);
            native.device = call.Lent.Text(Device, nameof(Device));
            native.precision = (int)Dtype;
            native.threads = Threads;
            native.log = call.Log;
            native.log_user = call.User;
            return native;
        }
    }
}
