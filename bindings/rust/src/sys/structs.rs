use std::marker::{PhantomData, PhantomPinned};
use std::os::raw::{c_char, c_void};

pub const KANDINSKY_C_ABI_VERSION: i32 = 0;

pub type kandinsky_status = i32;
pub const KANDINSKY_OK: kandinsky_status = 0;
pub const KANDINSKY_INVALID_ARGUMENT: kandinsky_status = 1;
pub const KANDINSKY_NOT_FOUND: kandinsky_status = 2;
pub const KANDINSKY_BAD_FILE: kandinsky_status = 3;
pub const KANDINSKY_UNSUPPORTED: kandinsky_status = 4;
pub const KANDINSKY_OUT_OF_MEMORY: kandinsky_status = 5;
pub const KANDINSKY_CANCELLED: kandinsky_status = 6;
pub const KANDINSKY_IO: kandinsky_status = 7;
pub const KANDINSKY_INTERNAL: kandinsky_status = 8;

pub const KANDINSKY_STAGE_DRAWING: i32 = 0;
pub const KANDINSKY_STAGE_DECODING: i32 = 1;
pub const KANDINSKY_STAGE_RANKING: i32 = 2;
pub const KANDINSKY_STAGE_ENLARGING: i32 = 3;

pub const KANDINSKY_LOG_DEBUG: i32 = 0;
pub const KANDINSKY_LOG_INFO: i32 = 1;
pub const KANDINSKY_LOG_WARNING: i32 = 2;

pub const KANDINSKY_PRECISION_AUTO: i32 = 0;
pub const KANDINSKY_PRECISION_FP32: i32 = 1;
pub const KANDINSKY_PRECISION_BF16: i32 = 2;
pub const KANDINSKY_PRECISION_FP16: i32 = 3;

pub const KANDINSKY_FORMAT_PNG: i32 = 0;
pub const KANDINSKY_FORMAT_JPEG: i32 = 1;

macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}
opaque! {
    kandinsky_devices kandinsky_cancel kandinsky_buffer kandinsky_image kandinsky_images kandinsky_tokenizer
    kandinsky_transformer kandinsky_drawn kandinsky_vqgan kandinsky_ruclip kandinsky_real_esrgan kandinsky_pipeline
    kandinsky_pictures kandinsky_token_lists kandinsky_checkpoint
}

pub type kandinsky_progress_callback =
    Option<unsafe extern "C" fn(user: *mut c_void, progress: *const kandinsky_progress) -> i32>;
pub type kandinsky_preview_callback =
    Option<unsafe extern "C" fn(user: *mut c_void, number: i32, tokens: i32, image: *const kandinsky_image) -> i32>;
pub type kandinsky_tokens_callback =
    Option<unsafe extern "C" fn(user: *mut c_void, number: i32, tokens: *const i32, count: usize) -> i32>;
pub type kandinsky_picture_callback =
    Option<unsafe extern "C" fn(user: *mut c_void, picture: *const kandinsky_pictures) -> i32>;
pub type kandinsky_log_callback = Option<unsafe extern "C" fn(user: *mut c_void, level: i32, message: *const c_char)>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_error {
    pub code: kandinsky_status,
    pub message: [c_char; 1020],
    pub subject: [c_char; 512],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_progress {
    pub stage: i32,
    pub step: i32,
    pub steps: i32,
    pub images: i32,
    pub number: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_compute_options {
    pub struct_size: usize,
    pub device: *const c_char,
    pub precision: i32,
    pub threads: i32,
    pub log: kandinsky_log_callback,
    pub log_user: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_transformer_config {
    pub struct_size: usize,
    pub layers: i32,
    pub hidden: i32,
    pub heads: i32,
    pub text_length: i32,
    pub grid: i32,
    pub text_vocab: i32,
    pub image_vocab: i32,
    pub version: i32,
    pub sandwich: i32,
    pub relax: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_draw_options {
    pub struct_size: usize,
    pub images: i32,
    pub first_number: i32,
    pub batch: i32,
    pub seed: u64,
    pub temperature: f64,
    pub top_k: i32,
    pub top_p: f64,
    pub greedy: i32,
    pub forced: *const i32,
    pub forced_count: usize,
    pub progress: kandinsky_progress_callback,
    pub progress_user: *mut c_void,
    pub cancel: *const kandinsky_cancel,
    pub preview: kandinsky_tokens_callback,
    pub preview_user: *mut c_void,
    pub preview_every: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_loss_values {
    pub text: f64,
    pub image: f64,
    pub total: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_ranked {
    pub index: i32,
    pub score: f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_upscale_options {
    pub struct_size: usize,
    pub tile: i32,
    pub padding: i32,
    pub mirror: i32,
    pub batch: i32,
    pub reference: i32,
    pub progress: kandinsky_progress_callback,
    pub progress_user: *mut c_void,
    pub cancel: *const kandinsky_cancel,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_pipeline_options {
    pub struct_size: usize,
    pub compute: kandinsky_compute_options,
    pub rank: i32,
    pub super_resolution: i32,
    pub transformer_config: *const kandinsky_transformer_config,
    pub transformer: *const c_char,
    pub tokenizer: *const c_char,
    pub vqgan: *const c_char,
    pub ruclip: *const c_char,
    pub real_esrgan: *const c_char,
    pub generation_config: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_memory_estimate {
    pub struct_size: usize,
    pub transformer_parameters: i64,
    pub vqgan_parameters: i64,
    pub ruclip_parameters: i64,
    pub real_esrgan_parameters: i64,
    pub weight_bytes: u64,
    pub cache_bytes: u64,
    pub total_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kandinsky_generate_options {
    pub struct_size: usize,
    pub images: i32,
    pub pick: i32,
    pub top_k: i32,
    pub top_p: f64,
    pub temperature: f64,
    pub greedy: i32,
    pub seed: u64,
    pub batch: i32,
    pub rank: i32,
    pub super_resolution: i32,
    pub image_prompt: *const kandinsky_image,
    pub up: i32,
    pub down: i32,
    pub left: i32,
    pub right: i32,
    pub crop_first: i32,
    pub progress: kandinsky_progress_callback,
    pub progress_user: *mut c_void,
    pub preview: kandinsky_preview_callback,
    pub preview_user: *mut c_void,
    pub preview_every: i32,
    pub cancel: *const kandinsky_cancel,
    pub picture: kandinsky_picture_callback,
    pub picture_user: *mut c_void,
}
