using System;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    // The structs of kandinsky.h, field by field: tests compare every offset with the C compiler's.

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_error
    {
        public int code;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 1020)]
        public byte[] message;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 512)]
        public byte[] subject;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_progress
    {
        public int stage;
        public int step;
        public int steps;
        public int images;
        public int number;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_compute_options
    {
        public UIntPtr struct_size;
        public IntPtr device;
        public int precision;
        public int threads;
        public IntPtr log;
        public IntPtr log_user;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_transformer_config
    {
        public UIntPtr struct_size;
        public int layers;
        public int hidden;
        public int heads;
        public int text_length;
        public int grid;
        public int text_vocab;
        public int image_vocab;
        public int version;
        public int sandwich;
        public int relax;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_draw_options
    {
        public UIntPtr struct_size;
        public int images;
        public int first_number;
        public int batch;
        public ulong seed;
        public double temperature;
        public int top_k;
        public double top_p;
        public int greedy;
        public IntPtr forced;
        public UIntPtr forced_count;
        public IntPtr progress;
        public IntPtr progress_user;
        public IntPtr cancel;
        public IntPtr preview;
        public IntPtr preview_user;
        public int preview_every;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_loss_values
    {
        public double text;
        public double image;
        public double total;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_ranked
    {
        public int index;
        public float score;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_upscale_options
    {
        public UIntPtr struct_size;
        public int tile;
        public int padding;
        public int mirror;
        public int batch;
        public int reference;
        public IntPtr progress;
        public IntPtr progress_user;
        public IntPtr cancel;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_pipeline_options
    {
        public UIntPtr struct_size;
        public kandinsky_compute_options compute;
        public int rank;
        public int super_resolution;
        public IntPtr transformer_config;
        public IntPtr transformer;
        public IntPtr tokenizer;
        public IntPtr vqgan;
        public IntPtr ruclip;
        public IntPtr real_esrgan;
        public IntPtr generation_config;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_memory_estimate
    {
        public UIntPtr struct_size;
        public long transformer_parameters;
        public long vqgan_parameters;
        public long ruclip_parameters;
        public long real_esrgan_parameters;
        public ulong weight_bytes;
        public ulong cache_bytes;
        public ulong total_bytes;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct kandinsky_generate_options
    {
        public UIntPtr struct_size;
        public int images;
        public int pick;
        public int top_k;
        public double top_p;
        public double temperature;
        public int greedy;
        public ulong seed;
        public int batch;
        public int rank;
        public int super_resolution;
        public IntPtr image_prompt;
        public int up;
        public int down;
        public int left;
        public int right;
        public int crop_first;
        public IntPtr progress;
        public IntPtr progress_user;
        public IntPtr preview;
        public IntPtr preview_user;
        public int preview_every;
        public IntPtr cancel;
        public IntPtr picture;
        public IntPtr picture_user;
    }
}
