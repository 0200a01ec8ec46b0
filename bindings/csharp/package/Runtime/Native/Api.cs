using System;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    // kandinsky.h, function by function. Texts are bytes of UTF-8 with a zero behind them (Utf8.Bytes). Where a struct has
    // grown, its _init_sized stands for its _init, as the header's macro does.
    static partial class Api
    {
        const string Library = "kandinsky";
        const CallingConvention C = CallingConvention.Cdecl;

        [UnmanagedFunctionPointer(C)]
        public delegate int ProgressCallback(IntPtr user, IntPtr progress);
        [UnmanagedFunctionPointer(C)]
        public delegate int PreviewCallback(IntPtr user, int number, int tokens, IntPtr image);
        [UnmanagedFunctionPointer(C)]
        public delegate int TokensCallback(IntPtr user, int number, IntPtr tokens, UIntPtr count);
        [UnmanagedFunctionPointer(C)]
        public delegate int PictureCallback(IntPtr user, IntPtr picture);
        [UnmanagedFunctionPointer(C)]
        public delegate void LogCallback(IntPtr user, int level, IntPtr message);

        // Statuses, versions, devices, cancel handles.
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_status_name(int status);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_version();
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_abi_version();
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_torch_version();
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_devices_list(out DevicesHandle devices, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_devices_count(DevicesHandle devices);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_devices_name(DevicesHandle devices, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_devices_description(DevicesHandle devices, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern ulong kandinsky_devices_memory_total(DevicesHandle devices, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern ulong kandinsky_devices_memory_free(DevicesHandle devices, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_devices_release(IntPtr devices);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_cancel_new(out CancelHandle cancel, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_cancel_trigger(CancelHandle cancel);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_cancel_triggered(CancelHandle cancel);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_cancel_release(IntPtr cancel);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_compute_options_init(out kandinsky_compute_options options);

        // Buffers, images.
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_buffer_data(BufferHandle buffer);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_buffer_size(BufferHandle buffer);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_buffer_release(IntPtr buffer);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_new(int width, int height, UIntPtr stride, byte[] pixels, out ImageHandle image,
                                                     out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_new(int width, int height, UIntPtr stride, IntPtr pixels, out ImageHandle image,
                                                     out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_load(byte[] path, out ImageHandle image, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_decode(byte[] bytes, UIntPtr size, out ImageHandle image, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_width(IntPtr image);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_width(ImageHandle image);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_height(IntPtr image);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_height(ImageHandle image);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_image_stride(IntPtr image);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_image_stride(ImageHandle image);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_image_pixels(IntPtr image);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_image_pixels(ImageHandle image);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_save(ImageHandle image, byte[] path, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_image_encode(ImageHandle image, int format, int quality, out BufferHandle buffer,
                                                        out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_image_release(IntPtr image);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_images_count(ImagesHandle images);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_images_get(ImagesHandle images, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_images_release(IntPtr images);

        // Transformer.
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_config_init(out kandinsky_transformer_config config, byte[] preset,
                                                                   out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_load(byte[] path, IntPtr config, ref kandinsky_compute_options compute,
                                                            out TransformerHandle transformer, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_load_memory(IntPtr bytes, UIntPtr size, byte[] name, IntPtr config,
                                                                   ref kandinsky_compute_options compute,
                                                                   out TransformerHandle transformer, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_get_config(TransformerHandle transformer,
                                                                  ref kandinsky_transformer_config config,
                                                                  out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern long kandinsky_transformer_parameter_count(TransformerHandle transformer);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_transformer_device(TransformerHandle transformer);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_precision(TransformerHandle transformer);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_draw_options_init_sized(out kandinsky_draw_options options, UIntPtr struct_size);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_draw(TransformerHandle transformer, int[] text, UIntPtr text_count,
                                                            ref kandinsky_draw_options options, out DrawnHandle drawn,
                                                            out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_drawn_count(DrawnHandle drawn);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_drawn_tokens(DrawnHandle drawn, UIntPtr index, out UIntPtr count);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_drawn_number(DrawnHandle drawn, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern double kandinsky_drawn_ppl(DrawnHandle drawn, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_drawn_release(IntPtr drawn);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_logits(TransformerHandle transformer, int[] text, UIntPtr text_count,
                                                              int[] image, UIntPtr image_count, float[] values, UIntPtr capacity,
                                                              out UIntPtr count, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_losses(TransformerHandle transformer, int[] texts, int[] images,
                                                              UIntPtr pairs, out kandinsky_loss_values losses,
                                                              out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_transformer_ppl(TransformerHandle transformer, int[] text, UIntPtr text_count, int[] image,
                                                           UIntPtr image_count, out double ppl, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_transformer_release(IntPtr transformer);

        // VQGAN.
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_vqgan_load(byte[] path, ref kandinsky_compute_options compute, out VqganHandle vqgan,
                                                      out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_vqgan_load_memory(IntPtr bytes, UIntPtr size, byte[] name, byte[] config_json,
                                                             ref kandinsky_compute_options compute, out VqganHandle vqgan,
                                                             out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_vqgan_downsampling(VqganHandle vqgan);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_vqgan_codebook_size(VqganHandle vqgan);
        [DllImport(Library, CallingConvention = C)]
        public static extern long kandinsky_vqgan_parameter_count(VqganHandle vqgan);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_vqgan_decode(VqganHandle vqgan, int[] tokens, UIntPtr count, int grid_height,
                                                        int grid_width, out ImagesHandle images, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_vqgan_encode(VqganHandle vqgan, ImageHandle image, int[] tokens, UIntPtr capacity,
                                                        out UIntPtr count, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_vqgan_release(IntPtr vqgan);

        // ruCLIP.
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_load(byte[] directory, ref kandinsky_compute_options compute,
                                                       out RuClipHandle ruclip, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_load_memory(IntPtr bytes, UIntPtr size, byte[] name, byte[] config_json,
                                                              TokenizerHandle tokenizer, ref kandinsky_compute_options compute,
                                                              out RuClipHandle ruclip, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_width(RuClipHandle ruclip);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_context_length(RuClipHandle ruclip);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_resolution(RuClipHandle ruclip);
        [DllImport(Library, CallingConvention = C)]
        public static extern long kandinsky_ruclip_parameter_count(RuClipHandle ruclip);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_tokenizer(RuClipHandle ruclip, out TokenizerHandle tokenizer, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_scores(RuClipHandle ruclip, IntPtr[] texts, UIntPtr text_count, IntPtr[] images,
                                                         UIntPtr image_count, float[] scores, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_image_latents(RuClipHandle ruclip, IntPtr[] images, UIntPtr image_count,
                                                                float[] values, UIntPtr capacity, out UIntPtr count,
                                                                out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_text_latents(RuClipHandle ruclip, IntPtr[] texts, UIntPtr text_count,
                                                               IntPtr[] templates, UIntPtr template_count, float[] values,
                                                               UIntPtr capacity, out UIntPtr count, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_ruclip_rank(RuClipHandle ruclip, byte[] text, IntPtr[] images, UIntPtr image_count, int pick,
                                                       [Out] kandinsky_ranked[] ranked, UIntPtr capacity, out UIntPtr count,
                                                       out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_ruclip_release(IntPtr ruclip);

        // Real-ESRGAN.
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_real_esrgan_load(byte[] path, ref kandinsky_compute_options compute,
                                                            out RealEsrganHandle real_esrgan, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_real_esrgan_load_memory(IntPtr bytes, UIntPtr size, byte[] name,
                                                                   ref kandinsky_compute_options compute,
                                                                   out RealEsrganHandle real_esrgan, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_real_esrgan_scale(RealEsrganHandle real_esrgan);
        [DllImport(Library, CallingConvention = C)]
        public static extern long kandinsky_real_esrgan_parameter_count(RealEsrganHandle real_esrgan);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_upscale_options_init(out kandinsky_upscale_options options);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_real_esrgan_upscale(RealEsrganHandle real_esrgan, ImageHandle image,
                                                               ref kandinsky_upscale_options options, out ImageHandle large,
                                                               out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_real_esrgan_release(IntPtr real_esrgan);

        // Pipeline.
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_pipeline_options_init(out kandinsky_pipeline_options options);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_memory_estimate_init(out kandinsky_memory_estimate estimate);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_estimate(byte[] directory, ref kandinsky_pipeline_options options, int batch,
                                                             ref kandinsky_memory_estimate estimate, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_load(byte[] directory, ref kandinsky_pipeline_options options,
                                                         out PipelineHandle pipeline, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_new(TokenizerHandle tokenizer, TransformerHandle transformer, VqganHandle vqgan,
                                                        IntPtr ruclip, IntPtr real_esrgan, out PipelineHandle pipeline,
                                                        out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_tokenizer(PipelineHandle pipeline, out TokenizerHandle tokenizer,
                                                              out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_transformer(PipelineHandle pipeline, out TransformerHandle transformer,
                                                                out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_vqgan(PipelineHandle pipeline, out VqganHandle vqgan, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_ruclip(PipelineHandle pipeline, out RuClipHandle ruclip,
                                                           out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_real_esrgan(PipelineHandle pipeline, out RealEsrganHandle real_esrgan,
                                                                out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_generate_options_init_sized(out kandinsky_generate_options options,
                                                                        UIntPtr struct_size);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_default_options(PipelineHandle pipeline, ref kandinsky_generate_options options,
                                                                    out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pipeline_generate(PipelineHandle pipeline, byte[] prompt,
                                                             ref kandinsky_generate_options options, out PicturesHandle pictures,
                                                             out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_pictures_count(IntPtr pictures);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_pictures_image(IntPtr pictures, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pictures_number(IntPtr pictures, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern ulong kandinsky_pictures_seed(IntPtr pictures, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern double kandinsky_pictures_ppl(IntPtr pictures, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_pictures_has_clip_score(IntPtr pictures, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern float kandinsky_pictures_clip_score(IntPtr pictures, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_pictures_tokens(IntPtr pictures, UIntPtr index, out UIntPtr count);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_pictures_release(IntPtr pictures);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_pipeline_release(IntPtr pipeline);
    }
}
