use super::structs::*;
use std::os::raw::{c_char, c_void};

extern "C" {
    pub fn kandinsky_status_name(status: kandinsky_status) -> *const c_char;
    pub fn kandinsky_version() -> *const c_char;
    pub fn kandinsky_abi_version() -> i32;
    pub fn kandinsky_torch_version() -> *const c_char;
    pub fn kandinsky_devices_list(
        devices: *mut *mut kandinsky_devices,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_devices_count(devices: *const kandinsky_devices) -> usize;
    pub fn kandinsky_devices_name(devices: *const kandinsky_devices, index: usize) -> *const c_char;
    pub fn kandinsky_devices_description(devices: *const kandinsky_devices, index: usize) -> *const c_char;
    pub fn kandinsky_devices_memory_total(devices: *const kandinsky_devices, index: usize) -> u64;
    pub fn kandinsky_devices_memory_free(devices: *const kandinsky_devices, index: usize) -> u64;
    pub fn kandinsky_devices_release(devices: *mut kandinsky_devices);
    pub fn kandinsky_cancel_new(cancel: *mut *mut kandinsky_cancel, error: *mut kandinsky_error) -> kandinsky_status;
    pub fn kandinsky_cancel_trigger(cancel: *mut kandinsky_cancel);
    pub fn kandinsky_cancel_triggered(cancel: *const kandinsky_cancel) -> i32;
    pub fn kandinsky_cancel_release(cancel: *mut kandinsky_cancel);
    pub fn kandinsky_compute_options_init(options: *mut kandinsky_compute_options);
    pub fn kandinsky_buffer_data(buffer: *const kandinsky_buffer) -> *const c_void;
    pub fn kandinsky_buffer_size(buffer: *const kandinsky_buffer) -> usize;
    pub fn kandinsky_buffer_release(buffer: *mut kandinsky_buffer);
    pub fn kandinsky_image_new(
        width: i32,
        height: i32,
        stride: usize,
        pixels: *const c_void,
        image: *mut *mut kandinsky_image,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_image_load(
        path: *const c_char,
        image: *mut *mut kandinsky_image,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_image_decode(
        bytes: *const c_void,
        size: usize,
        image: *mut *mut kandinsky_image,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_image_width(image: *const kandinsky_image) -> i32;
    pub fn kandinsky_image_height(image: *const kandinsky_image) -> i32;
    pub fn kandinsky_image_stride(image: *const kandinsky_image) -> usize;
    pub fn kandinsky_image_pixels(image: *const kandinsky_image) -> *const u8;
    pub fn kandinsky_image_save(
        image: *const kandinsky_image,
        path: *const c_char,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_image_encode(
        image: *const kandinsky_image,
        format: i32,
        quality: i32,
        buffer: *mut *mut kandinsky_buffer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_image_release(image: *mut kandinsky_image);
    pub fn kandinsky_images_count(images: *const kandinsky_images) -> usize;
    pub fn kandinsky_images_get(images: *const kandinsky_images, index: usize) -> *const kandinsky_image;
    pub fn kandinsky_images_release(images: *mut kandinsky_images);
    pub fn kandinsky_tokenizer_load(
        path: *const c_char,
        tokenizer: *mut *mut kandinsky_tokenizer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_load_memory(
        bytes: *const c_void,
        size: usize,
        name: *const c_char,
        tokenizer: *mut *mut kandinsky_tokenizer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_vocab_size(tokenizer: *const kandinsky_tokenizer) -> i32;
    pub fn kandinsky_tokenizer_encode(
        tokenizer: *const kandinsky_tokenizer,
        text: *const c_char,
        ids: *mut i32,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_encode_for_transformer(
        tokenizer: *const kandinsky_tokenizer,
        text: *const c_char,
        ids: *mut i32,
        length: usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_encode_for_ruclip(
        tokenizer: *const kandinsky_tokenizer,
        text: *const c_char,
        ids: *mut i32,
        length: usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_encode_batch(
        tokenizer: *const kandinsky_tokenizer,
        texts: *const *const c_char,
        text_count: usize,
        threads: i32,
        lists: *mut *mut kandinsky_token_lists,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_token_lists_count(lists: *const kandinsky_token_lists) -> usize;
    pub fn kandinsky_token_lists_ids(
        lists: *const kandinsky_token_lists,
        index: usize,
        count: *mut usize,
    ) -> *const i32;
    pub fn kandinsky_token_lists_release(lists: *mut kandinsky_token_lists);
    pub fn kandinsky_tokenizer_encode_with_dropout(
        tokenizer: *const kandinsky_tokenizer,
        text: *const c_char,
        probability: f64,
        seed: u64,
        ids: *mut i32,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_decode(
        tokenizer: *const kandinsky_tokenizer,
        ids: *const i32,
        count: usize,
        text: *mut *mut kandinsky_buffer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_id_to_piece(
        tokenizer: *const kandinsky_tokenizer,
        id: i32,
        piece: *mut *mut kandinsky_buffer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_piece_to_id(
        tokenizer: *const kandinsky_tokenizer,
        piece: *const c_char,
        id: *mut i32,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_tokenizer_pad_id(tokenizer: *const kandinsky_tokenizer) -> i32;
    pub fn kandinsky_tokenizer_unk_id(tokenizer: *const kandinsky_tokenizer) -> i32;
    pub fn kandinsky_tokenizer_bos_id(tokenizer: *const kandinsky_tokenizer) -> i32;
    pub fn kandinsky_tokenizer_eos_id(tokenizer: *const kandinsky_tokenizer) -> i32;
    pub fn kandinsky_tokenizer_kind(tokenizer: *const kandinsky_tokenizer) -> *const c_char;
    pub fn kandinsky_tokenizer_release(tokenizer: *mut kandinsky_tokenizer);
    pub fn kandinsky_transformer_config_init(
        config: *mut kandinsky_transformer_config,
        preset: *const c_char,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_load(
        path: *const c_char,
        config: *const kandinsky_transformer_config,
        compute: *const kandinsky_compute_options,
        transformer: *mut *mut kandinsky_transformer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_load_memory(
        bytes: *const c_void,
        size: usize,
        name: *const c_char,
        config: *const kandinsky_transformer_config,
        compute: *const kandinsky_compute_options,
        transformer: *mut *mut kandinsky_transformer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_get_config(
        transformer: *const kandinsky_transformer,
        config: *mut kandinsky_transformer_config,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_parameter_count(transformer: *const kandinsky_transformer) -> i64;
    pub fn kandinsky_transformer_device(transformer: *const kandinsky_transformer) -> *const c_char;
    pub fn kandinsky_transformer_precision(transformer: *const kandinsky_transformer) -> i32;
    pub fn kandinsky_draw_options_init(options: *mut kandinsky_draw_options);
    pub fn kandinsky_draw_options_init_sized(options: *mut kandinsky_draw_options, struct_size: usize);
    pub fn kandinsky_transformer_draw(
        transformer: *const kandinsky_transformer,
        text: *const i32,
        text_count: usize,
        options: *const kandinsky_draw_options,
        drawn: *mut *mut kandinsky_drawn,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_drawn_count(drawn: *const kandinsky_drawn) -> usize;
    pub fn kandinsky_drawn_tokens(drawn: *const kandinsky_drawn, index: usize, count: *mut usize) -> *const i32;
    pub fn kandinsky_drawn_number(drawn: *const kandinsky_drawn, index: usize) -> i32;
    pub fn kandinsky_drawn_ppl(drawn: *const kandinsky_drawn, index: usize) -> f64;
    pub fn kandinsky_drawn_release(drawn: *mut kandinsky_drawn);
    pub fn kandinsky_transformer_logits(
        transformer: *const kandinsky_transformer,
        text: *const i32,
        text_count: usize,
        image: *const i32,
        image_count: usize,
        values: *mut f32,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_losses(
        transformer: *const kandinsky_transformer,
        texts: *const i32,
        images: *const i32,
        pairs: usize,
        losses: *mut kandinsky_loss_values,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_ppl(
        transformer: *const kandinsky_transformer,
        text: *const i32,
        text_count: usize,
        image: *const i32,
        image_count: usize,
        ppl: *mut f64,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_transformer_release(transformer: *mut kandinsky_transformer);
    pub fn kandinsky_vqgan_load(
        path: *const c_char,
        compute: *const kandinsky_compute_options,
        vqgan: *mut *mut kandinsky_vqgan,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_vqgan_load_memory(
        bytes: *const c_void,
        size: usize,
        name: *const c_char,
        config_json: *const c_char,
        compute: *const kandinsky_compute_options,
        vqgan: *mut *mut kandinsky_vqgan,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_vqgan_downsampling(vqgan: *const kandinsky_vqgan) -> i32;
    pub fn kandinsky_vqgan_codebook_size(vqgan: *const kandinsky_vqgan) -> i32;
    pub fn kandinsky_vqgan_parameter_count(vqgan: *const kandinsky_vqgan) -> i64;
    pub fn kandinsky_vqgan_decode(
        vqgan: *const kandinsky_vqgan,
        tokens: *const i32,
        count: usize,
        grid_height: i32,
        grid_width: i32,
        images: *mut *mut kandinsky_images,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_vqgan_encode(
        vqgan: *const kandinsky_vqgan,
        image: *const kandinsky_image,
        tokens: *mut i32,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_vqgan_release(vqgan: *mut kandinsky_vqgan);
    pub fn kandinsky_ruclip_load(
        directory: *const c_char,
        compute: *const kandinsky_compute_options,
        ruclip: *mut *mut kandinsky_ruclip,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_load_memory(
        bytes: *const c_void,
        size: usize,
        name: *const c_char,
        config_json: *const c_char,
        tokenizer: *const kandinsky_tokenizer,
        compute: *const kandinsky_compute_options,
        ruclip: *mut *mut kandinsky_ruclip,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_width(ruclip: *const kandinsky_ruclip) -> i32;
    pub fn kandinsky_ruclip_context_length(ruclip: *const kandinsky_ruclip) -> i32;
    pub fn kandinsky_ruclip_resolution(ruclip: *const kandinsky_ruclip) -> i32;
    pub fn kandinsky_ruclip_parameter_count(ruclip: *const kandinsky_ruclip) -> i64;
    pub fn kandinsky_ruclip_tokenizer(
        ruclip: *const kandinsky_ruclip,
        tokenizer: *mut *mut kandinsky_tokenizer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_scores(
        ruclip: *const kandinsky_ruclip,
        texts: *const *const c_char,
        text_count: usize,
        images: *const *const kandinsky_image,
        image_count: usize,
        scores: *mut f32,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_image_latents(
        ruclip: *const kandinsky_ruclip,
        images: *const *const kandinsky_image,
        image_count: usize,
        values: *mut f32,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_text_latents(
        ruclip: *const kandinsky_ruclip,
        texts: *const *const c_char,
        text_count: usize,
        templates: *const *const c_char,
        template_count: usize,
        values: *mut f32,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_rank(
        ruclip: *const kandinsky_ruclip,
        text: *const c_char,
        images: *const *const kandinsky_image,
        image_count: usize,
        pick: i32,
        ranked: *mut kandinsky_ranked,
        capacity: usize,
        count: *mut usize,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_ruclip_release(ruclip: *mut kandinsky_ruclip);
    pub fn kandinsky_real_esrgan_load(
        path: *const c_char,
        compute: *const kandinsky_compute_options,
        real_esrgan: *mut *mut kandinsky_real_esrgan,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_real_esrgan_load_memory(
        bytes: *const c_void,
        size: usize,
        name: *const c_char,
        compute: *const kandinsky_compute_options,
        real_esrgan: *mut *mut kandinsky_real_esrgan,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_real_esrgan_scale(real_esrgan: *const kandinsky_real_esrgan) -> i32;
    pub fn kandinsky_real_esrgan_parameter_count(real_esrgan: *const kandinsky_real_esrgan) -> i64;
    pub fn kandinsky_upscale_options_init(options: *mut kandinsky_upscale_options);
    pub fn kandinsky_real_esrgan_upscale(
        real_esrgan: *const kandinsky_real_esrgan,
        image: *const kandinsky_image,
        options: *const kandinsky_upscale_options,
        large: *mut *mut kandinsky_image,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_real_esrgan_release(real_esrgan: *mut kandinsky_real_esrgan);
    pub fn kandinsky_pipeline_options_init(options: *mut kandinsky_pipeline_options);
    pub fn kandinsky_memory_estimate_init(estimate: *mut kandinsky_memory_estimate);
    pub fn kandinsky_pipeline_estimate(
        directory: *const c_char,
        options: *const kandinsky_pipeline_options,
        batch: i32,
        estimate: *mut kandinsky_memory_estimate,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_load(
        directory: *const c_char,
        options: *const kandinsky_pipeline_options,
        pipeline: *mut *mut kandinsky_pipeline,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_new(
        tokenizer: *const kandinsky_tokenizer,
        transformer: *const kandinsky_transformer,
        vqgan: *const kandinsky_vqgan,
        ruclip: *const kandinsky_ruclip,
        real_esrgan: *const kandinsky_real_esrgan,
        pipeline: *mut *mut kandinsky_pipeline,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_tokenizer(
        pipeline: *const kandinsky_pipeline,
        tokenizer: *mut *mut kandinsky_tokenizer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_transformer(
        pipeline: *const kandinsky_pipeline,
        transformer: *mut *mut kandinsky_transformer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_vqgan(
        pipeline: *const kandinsky_pipeline,
        vqgan: *mut *mut kandinsky_vqgan,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_ruclip(
        pipeline: *const kandinsky_pipeline,
        ruclip: *mut *mut kandinsky_ruclip,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_real_esrgan(
        pipeline: *const kandinsky_pipeline,
        real_esrgan: *mut *mut kandinsky_real_esrgan,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_generate_options_init(options: *mut kandinsky_generate_options);
    pub fn kandinsky_generate_options_init_sized(options: *mut kandinsky_generate_options, struct_size: usize);
    pub fn kandinsky_pipeline_default_options(
        pipeline: *const kandinsky_pipeline,
        options: *mut kandinsky_generate_options,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pipeline_generate(
        pipeline: *const kandinsky_pipeline,
        prompt: *const c_char,
        options: *const kandinsky_generate_options,
        pictures: *mut *mut kandinsky_pictures,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_pictures_count(pictures: *const kandinsky_pictures) -> usize;
    pub fn kandinsky_pictures_image(pictures: *const kandinsky_pictures, index: usize) -> *const kandinsky_image;
    pub fn kandinsky_pictures_number(pictures: *const kandinsky_pictures, index: usize) -> i32;
    pub fn kandinsky_pictures_seed(pictures: *const kandinsky_pictures, index: usize) -> u64;
    pub fn kandinsky_pictures_ppl(pictures: *const kandinsky_pictures, index: usize) -> f64;
    pub fn kandinsky_pictures_has_clip_score(pictures: *const kandinsky_pictures, index: usize) -> i32;
    pub fn kandinsky_pictures_clip_score(pictures: *const kandinsky_pictures, index: usize) -> f32;
    pub fn kandinsky_pictures_tokens(
        pictures: *const kandinsky_pictures,
        index: usize,
        count: *mut usize,
    ) -> *const i32;
    pub fn kandinsky_pictures_release(pictures: *mut kandinsky_pictures);
    pub fn kandinsky_pipeline_release(pipeline: *mut kandinsky_pipeline);
    pub fn kandinsky_checkpoint_open(
        path: *const c_char,
        checkpoint: *mut *mut kandinsky_checkpoint,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_checkpoint_open_memory(
        bytes: *const c_void,
        size: usize,
        name: *const c_char,
        checkpoint: *mut *mut kandinsky_checkpoint,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_checkpoint_format(checkpoint: *const kandinsky_checkpoint) -> *const c_char;
    pub fn kandinsky_checkpoint_count(checkpoint: *const kandinsky_checkpoint) -> usize;
    pub fn kandinsky_checkpoint_name(checkpoint: *const kandinsky_checkpoint, index: usize) -> *const c_char;
    pub fn kandinsky_checkpoint_dtype(checkpoint: *const kandinsky_checkpoint, index: usize) -> *const c_char;
    pub fn kandinsky_checkpoint_shape(
        checkpoint: *const kandinsky_checkpoint,
        index: usize,
        dimensions: *mut usize,
    ) -> *const i64;
    pub fn kandinsky_checkpoint_read(
        checkpoint: *const kandinsky_checkpoint,
        index: usize,
        bytes: *mut *mut kandinsky_buffer,
        error: *mut kandinsky_error,
    ) -> kandinsky_status;
    pub fn kandinsky_checkpoint_release(checkpoint: *mut kandinsky_checkpoint);
}
