#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod arrays;
mod callbacks;
mod checkpoint;
mod compute;
mod draw;
mod error;
mod generate;
mod handle;
mod image;
mod inputs;
mod pipeline;
mod real_esrgan;
mod ruclip;
#[allow(missing_docs)]
pub mod sys;
mod tokenizer;
mod transformer;
mod vqgan;

pub use callbacks::{Cancel, LogCallback, LogLevel, PictureCallback, PreviewCallback, Progress, ProgressCallback};
pub use callbacks::{Stage, TokensCallback};
pub use checkpoint::{Checkpoint, Tensor};
pub use compute::{abi_version, devices, torch_version, version, ComputeOptions, Device, Precision};
pub use draw::{DrawOptions, DrawnTokens};
pub use error::{Error, ErrorCode, Result};
pub use generate::{GenerateOptions, ImagePrompt, Picture};
pub use image::Image;
pub use inputs::Bytes;
pub use pipeline::{estimate_memory, MemoryEstimate, Pipeline, PipelineOptions};
pub use real_esrgan::{RealEsrgan, UpscaleOptions};
pub use ruclip::{Ranked, RuClip};
pub use tokenizer::Tokenizer;
pub use transformer::{Losses, Transformer, TransformerConfig};
pub use vqgan::VqganDecoder;
