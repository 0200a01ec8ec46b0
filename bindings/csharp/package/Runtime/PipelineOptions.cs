using System;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>What a pipeline loads, and how it computes.</summary>
    public sealed class PipelineOptions : ComputeOptions
    {
        /// <summary>False: ruCLIP is not loaded.</summary>
        public bool Rank { get; set; } = true;
        /// <summary>False: Real-ESRGAN is not loaded.</summary>
        public bool SuperResolution { get; set; } = true;
        /// <summary>Null detects.</summary>
        public TransformerConfig TransformerConfig { get; set; }

        // Files instead of those found in the directory; null for each that is to be found there.
        public string Transformer { get; set; }
        public string Tokenizer { get; set; }
        public string Vqgan { get; set; }
        /// <summary>A directory.</summary>
        public string RuClip { get; set; }
        public string RealEsrgan { get; set; }
        public string GenerationConfig { get; set; }

        internal new kandinsky_pipeline_options ToNative(Call call)
        {
            Api.kandinsky_pipeline_options_init(out var native);
            native.compute = base.ToNative(call);
            native.rank = Rank ? 1 : 0;
            native.super_resolution = SuperResolution ? 1 : 0;
            if (TransformerConfig != null) native.transformer_config = call.Lent.Struct(TransformerConfig.ToNative());
            native.transformer = call.Lent.Text(Transformer, nameof(Transformer));
            native.tokenizer = call.Lent.Text(Tokenizer, nameof(Tokenizer));
            native.vqgan = call.Lent.Text(Vqgan, nameof(Vqgan));
            native.ruclip = call.Lent.Text(RuClip, nameof(RuClip));
            native.real_esrgan = call.Lent.Text(RealEsrgan, nameof(RealEsrgan));
            native.generation_config = call.Lent.Text(GenerationConfig, nameof(GenerationConfig));
            return native;
        }
    }

    /// <summary>What loading a pipeline would take; what a directory lacks is 0.</summary>
    public sealed class MemoryEstimate
    {
        internal MemoryEstimate(kandinsky_memory_estimate native)
        {
            TransformerParameters = native.transformer_parameters;
            VqganParameters = native.vqgan_parameters;
            RuClipParameters = native.ruclip_parameters;
            RealEsrganParameters = native.real_esrgan_parameters;
            WeightBytes = native.weight_bytes;
            CacheBytes = native.cache_bytes;
            TotalBytes = native.total_bytes;
        }

        public long TransformerParameters { get; }
        public long VqganParameters { get; }
        public long RuClipParameters { get; }
        public long RealEsrganParameters { get; }
        /// <summary>Of all weights, in memory.</summary>
        public ulong WeightBytes { get; }
        /// <summary>Keys, values and buffers of the token loop.</summary>
        public ulong CacheBytes { get; }
        public ulong TotalBytes { get; }
    }
}
