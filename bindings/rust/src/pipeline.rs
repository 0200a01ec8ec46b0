use crate::compute::ComputeOptions;
use crate::error::{check, Result};
use crate::handle::{init, Handle};
use crate::inputs::{self, optional, Keep};
use crate::real_esrgan::RealEsrgan;
use crate::ruclip::RuClip;
use crate::sys;
use crate::tokenizer::Tokenizer;
use crate::transformer::{config_pointer, optional_config, Transformer, TransformerConfig};
use crate::vqgan::VqganDecoder;
use std::path::Path;
use std::ptr::null;

/// The whole way from a prompt to ranked, enlarged pictures.
#[derive(Debug)]
pub struct Pipeline {
    // Dropped before the bytes that its parts may look at.
    pub(crate) handle: Handle<sys::kandinsky_pipeline>,
    bytes: PartBytes,
}

#[derive(Debug, Default)]
struct PartBytes {
    transformer: Keep,
    vqgan: Keep,
    ruclip: Keep,
    real_esrgan: Keep,
}

/// What is loaded, and how.
#[derive(Clone, Copy)]
pub struct PipelineOptions<'a> {
    /// Device, precision, threads, log.
    pub compute: ComputeOptions<'a>,
    /// false: ruCLIP is not loaded. Default true.
    pub rank: bool,
    /// false: Real-ESRGAN is not loaded. Default true.
    pub super_resolution: bool,
    /// Default `None`: detect.
    pub transformer_config: Option<TransformerConfig>,
    /// A file instead of the one found in the directory. Default `None`, as for the following.
    pub transformer: Option<&'a Path>,
    /// A file.
    pub tokenizer: Option<&'a Path>,
    /// A file.
    pub vqgan: Option<&'a Path>,
    /// A directory.
    pub ruclip: Option<&'a Path>,
    /// A file.
    pub real_esrgan: Option<&'a Path>,
    /// A file.
    pub generation_config: Option<&'a Path>,
}

impl Default for PipelineOptions<'_> {
    fn default() -> Self {
        PipelineOptions {
            compute: ComputeOptions::default(),
            rank: true,
            super_resolution: true,
            transformer_config: None,
            transformer: None,
            tokenizer: None,
            vqgan: None,
            ruclip: None,
            real_esrgan: None,
            generation_config: None,
        }
    }
}

impl PipelineOptions<'_> {
    /// Makes a call with the C form of these options.
    fn with<T>(&self, call: impl FnOnce(&sys::kandinsky_pipeline_options) -> Result<T>) -> Result<T> {
        let file = |name, path: Option<&Path>| path.map(|path| inputs::path(name, path)).transpose();
        let config = optional_config(self.transformer_config)?;
        let transformer = file("transformer", self.transformer)?;
        let tokenizer = file("tokenizer", self.tokenizer)?;
        let vqgan = file("vqgan", self.vqgan)?;
        let ruclip = file("ruclip", self.ruclip)?;
        let real_esrgan = file("real_esrgan", self.real_esrgan)?;
        let generation_config = file("generation_config", self.generation_config)?;
        self.compute.with(|compute| {
            let mut c = init(sys::kandinsky_pipeline_options_init);
            c.compute = *compute;
            c.rank = self.rank.into();
            c.super_resolution = self.super_resolution.into();
            c.transformer_config = config_pointer(&config);
            c.transformer = optional(&transformer);
            c.tokenizer = optional(&tokenizer);
            c.vqgan = optional(&vqgan);
            c.ruclip = optional(&ruclip);
            c.real_esrgan = optional(&real_esrgan);
            c.generation_config = optional(&generation_config);
            call(&c)
        })
    }
}

impl Pipeline {
    /// A weights directory, with options by default; libkandinsky's README tells what lies where.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self> {
        Pipeline::load_with(directory, &PipelineOptions::default())
    }

    /// With options.
    pub fn load_with(directory: impl AsRef<Path>, options: &PipelineOptions) -> Result<Self> {
        let directory = inputs::path("directory", directory.as_ref())?;
        // SAFETY: the pointers are valid during the call.
        options.with(|c| {
            let made = Handle::make(sys::kandinsky_pipeline_release, |pipeline, error| unsafe {
                sys::kandinsky_pipeline_load(directory.as_ptr(), c, pipeline, error)
            });
            made.map(|handle| Pipeline { handle, bytes: PartBytes::default() })
        })
    }

    /// Of parts that are loaded already, from memory for one: the pipeline shares their weights, and they may be dropped.
    /// [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) for parts that do not fit each other.
    pub fn from_parts(
        tokenizer: &Tokenizer,
        transformer: &Transformer,
        vqgan: &VqganDecoder,
        ruclip: Option<&RuClip>,
        real_esrgan: Option<&RealEsrgan>,
    ) -> Result<Self> {
        // SAFETY: the handles are alive; the pipeline keeps the bytes that the parts look at.
        let handle = Handle::make(sys::kandinsky_pipeline_release, |pipeline, error| unsafe {
            let (tokenizer, transformer, vqgan) = (tokenizer.0.get(), transformer.handle.get(), vqgan.handle.get());
            let ruclip = ruclip.map_or(null(), |part| part.handle.get());
            let real_esrgan = real_esrgan.map_or(null(), |part| part.handle.get());
            sys::kandinsky_pipeline_new(tokenizer, transformer, vqgan, ruclip, real_esrgan, pipeline, error)
        })?;
        let bytes = PartBytes {
            transformer: transformer.bytes.clone(),
            vqgan: vqgan.bytes.clone(),
            ruclip: ruclip.and_then(|part| part.bytes.clone()),
            real_esrgan: real_esrgan.and_then(|part| part.bytes.clone()),
        };
        Ok(Pipeline { handle, bytes })
    }

    // SAFETY of the following: the handle is alive, the other pointers are those of Handle::make.

    /// The part as a model of its own that shares the pipeline's weights.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let made = Handle::make(sys::kandinsky_tokenizer_release, |part, error| unsafe {
            sys::kandinsky_pipeline_tokenizer(self.handle.get(), part, error)
        });
        made.map(Tokenizer)
    }

    /// Likewise.
    pub fn transformer(&self) -> Result<Transformer> {
        let made = Handle::make(sys::kandinsky_transformer_release, |part, error| unsafe {
            sys::kandinsky_pipeline_transformer(self.handle.get(), part, error)
        });
        made.map(|handle| Transformer::new(handle, self.bytes.transformer.clone()))
    }

    /// Likewise.
    pub fn vqgan(&self) -> Result<VqganDecoder> {
        let made = Handle::make(sys::kandinsky_vqgan_release, |part, error| unsafe {
            sys::kandinsky_pipeline_vqgan(self.handle.get(), part, error)
        });
        made.map(|handle| VqganDecoder::new(handle, self.bytes.vqgan.clone()))
    }

    /// Likewise; [`ErrorCode::NotFound`](crate::ErrorCode::NotFound) if the pipeline has none.
    pub fn ruclip(&self) -> Result<RuClip> {
        let made = Handle::make(sys::kandinsky_ruclip_release, |part, error| unsafe {
            sys::kandinsky_pipeline_ruclip(self.handle.get(), part, error)
        });
        made.map(|handle| RuClip::new(handle, self.bytes.ruclip.clone()))
    }

    /// Likewise; [`ErrorCode::NotFound`](crate::ErrorCode::NotFound) if the pipeline has none.
    pub fn real_esrgan(&self) -> Result<RealEsrgan> {
        let made = Handle::make(sys::kandinsky_real_esrgan_release, |part, error| unsafe {
            sys::kandinsky_pipeline_real_esrgan(self.handle.get(), part, error)
        });
        made.map(|handle| RealEsrgan::new(handle, self.bytes.real_esrgan.clone()))
    }
}

/// What loading would take; what a directory lacks is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// Numbers.
    pub transformer_parameters: u64,
    /// Numbers.
    pub vqgan_parameters: u64,
    /// Numbers.
    pub ruclip_parameters: u64,
    /// Numbers.
    pub real_esrgan_parameters: u64,
    /// Of all weights, in memory.
    pub weight_bytes: u64,
    /// Keys, values and buffers of the token loop for the batch.
    pub cache_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// Reads the files' directories alone. batch: 1..=4096.
pub fn estimate_memory(directory: impl AsRef<Path>, options: &PipelineOptions, batch: u32) -> Result<MemoryEstimate> {
    let (directory, batch) = (inputs::path("directory", directory.as_ref())?, inputs::number("batch", batch)?);
    let mut c = init(sys::kandinsky_memory_estimate_init);
    // SAFETY: the pointers are valid during the call.
    options.with(|options| {
        check(|error| unsafe { sys::kandinsky_pipeline_estimate(directory.as_ptr(), options, batch, &mut c, error) })
    })?;
    Ok(MemoryEstimate {
        transformer_parameters: c.transformer_parameters as u64,
        vqgan_parameters: c.vqgan_parameters as u64,
        ruclip_parameters: c.ruclip_parameters as u64,
        real_esrgan_parameters: c.real_esrgan_parameters as u64,
        weight_bytes: c.weight_bytes,
        cache_bytes: c.cache_bytes,
        total_bytes: c.total_bytes,
    })
}
