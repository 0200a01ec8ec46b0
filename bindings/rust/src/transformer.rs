use crate::arrays::{fill, rows, table};
use crate::compute::{ComputeOptions, Precision};
use crate::error::{check, Error, Result};
use crate::handle::Handle;
use crate::inputs::{Bytes, Keep};
use crate::{inputs, sys};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr::null;
use std::sync::Arc;

/// A transformer's sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransformerConfig {
    /// Transformer blocks.
    pub layers: u32,
    /// Floats of a token.
    pub hidden: u32,
    /// Attention heads.
    pub heads: u32,
    /// Text tokens.
    pub text_length: u32,
    /// Image tokens along one side.
    pub grid: u32,
    /// Padding ids included.
    pub text_vocab: u32,
    /// Image tokens there are.
    pub image_vocab: u32,
    /// 2 or 3.
    pub version: u32,
    /// Layer norms after attention and MLP too.
    pub sandwich: bool,
    /// Precision-bottleneck relaxation.
    pub relax: bool,
}

impl TransformerConfig {
    /// Of "kandinsky", "malevich", "malevich-v2", "emojich", "surrealist" or "nano".
    pub fn preset(name: &str) -> Result<Self> {
        let name = inputs::text("preset", name)?;
        TransformerConfig::init(Some(&name)).map(|c| TransformerConfig::from_c(&c))
    }

    fn init(preset: Option<&CStr>) -> Result<sys::kandinsky_transformer_config> {
        let mut c = MaybeUninit::zeroed();
        // SAFETY: the struct is valid when zero, and the name NULL or a C string.
        unsafe {
            let preset = preset.map_or(null(), CStr::as_ptr);
            check(|error| sys::kandinsky_transformer_config_init(c.as_mut_ptr(), preset, error))?;
            Ok(c.assume_init())
        }
    }

    fn from_c(c: &sys::kandinsky_transformer_config) -> Self {
        TransformerConfig {
            layers: c.layers as u32,
            hidden: c.hidden as u32,
            heads: c.heads as u32,
            text_length: c.text_length as u32,
            grid: c.grid as u32,
            text_vocab: c.text_vocab as u32,
            image_vocab: c.image_vocab as u32,
            version: c.version as u32,
            sandwich: c.sandwich != 0,
            relax: c.relax != 0,
        }
    }

    pub(crate) fn to_c(self) -> Result<sys::kandinsky_transformer_config> {
        let mut c = TransformerConfig::init(None)?;
        c.layers = inputs::number("layers", self.layers)?;
        c.hidden = inputs::number("hidden", self.hidden)?;
        c.heads = inputs::number("heads", self.heads)?;
        c.text_length = inputs::number("text_length", self.text_length)?;
        c.grid = inputs::number("grid", self.grid)?;
        c.text_vocab = inputs::number("text_vocab", self.text_vocab)?;
        c.image_vocab = inputs::number("image_vocab", self.image_vocab)?;
        c.version = inputs::number("version", self.version)?;
        c.sandwich = self.sandwich.into();
        c.relax = self.relax.into();
        Ok(c)
    }
}

pub(crate) fn optional_config(config: Option<TransformerConfig>) -> Result<Option<sys::kandinsky_transformer_config>> {
    config.map(TransformerConfig::to_c).transpose()
}

/// NULL for none: detect.
pub(crate) fn config_pointer(
    config: &Option<sys::kandinsky_transformer_config>,
) -> *const sys::kandinsky_transformer_config {
    config.as_ref().map_or(null(), |c| c as *const _)
}

/// Mean cross-entropies in nats; total = (text + 7 * image) / 8.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// Of text ids.
    pub text: f64,
    /// Of image ids.
    pub image: f64,
    /// Both, weighted.
    pub total: f64,
}

/// Writes image tokens after text tokens.
#[derive(Debug)]
pub struct Transformer {
    // Dropped before the bytes that it may look at.
    pub(crate) handle: Handle<sys::kandinsky_transformer>,
    pub(crate) bytes: Keep,
}

impl Transformer {
    /// A torch.save file (zip or legacy) or safetensors, with sizes detected and options by default.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Transformer::load_with(path, None, &ComputeOptions::default())
    }

    /// `config`: `None` detects.
    pub fn load_with(
        path: impl AsRef<Path>,
        config: Option<TransformerConfig>,
        options: &ComputeOptions,
    ) -> Result<Self> {
        let (path, config) = (inputs::path("path", path.as_ref())?, optional_config(config)?);
        // SAFETY: the pointers are valid during the call.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_transformer_release, |transformer, error| unsafe {
                let config = config_pointer(&config);
                sys::kandinsky_transformer_load(path.as_ptr(), config, compute, transformer, error)
            })
        })?;
        Ok(Transformer::new(handle, None))
    }

    /// The bytes of a file, which the model keeps. `name` stands for the path in messages.
    pub fn from_bytes(
        bytes: impl Into<Bytes>,
        name: &str,
        config: Option<TransformerConfig>,
        options: &ComputeOptions,
    ) -> Result<Self> {
        let (bytes, name, config) = (bytes.into(), inputs::text("name", name)?, optional_config(config)?);
        // SAFETY: the pointers are valid during the call, and the bytes as long as the model.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_transformer_release, |transformer, error| unsafe {
                let (data, size) = (bytes.as_slice().as_ptr().cast(), bytes.as_slice().len());
                let config = config_pointer(&config);
                sys::kandinsky_transformer_load_memory(data, size, name.as_ptr(), config, compute, transformer, error)
            })
        })?;
        Ok(Transformer::new(handle, Some(Arc::new(bytes))))
    }

    pub(crate) fn new(handle: Handle<sys::kandinsky_transformer>, bytes: Keep) -> Self {
        Transformer { handle, bytes }
    }

    /// The sizes, as given or detected.
    pub fn config(&self) -> Result<TransformerConfig> {
        let mut c = TransformerConfig::init(None)?;
        // SAFETY: the handle is alive, and struct_size set.
        check(|error| unsafe { sys::kandinsky_transformer_get_config(self.handle.get(), &mut c, error) })?;
        Ok(TransformerConfig::from_c(&c))
    }

    /// The number of weights.
    pub fn parameter_count(&self) -> u64 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_transformer_parameter_count(self.handle.get()) as u64 }
    }

    /// What was chosen: "cpu" or "cuda:N".
    pub fn device(&self) -> &str {
        // SAFETY: the handle is alive, and the text lives as long.
        unsafe { CStr::from_ptr(sys::kandinsky_transformer_device(self.handle.get())).to_str().unwrap_or("") }
    }

    /// What was chosen.
    pub fn precision(&self) -> Precision {
        // SAFETY: the handle is alive.
        Precision::from_c(unsafe { sys::kandinsky_transformer_precision(self.handle.get()) })
    }

    /// Teacher-forced logits of the model's `text_length` text ids and up to grid * grid image ids: a row of
    /// text_vocab + image_vocab for each id.
    pub fn logits(&self, text: &[i32], image: &[i32]) -> Result<Vec<Vec<f32>>> {
        // SAFETY: the handle is alive, slices and array are as long as they say.
        let values = fill(|values, capacity, count, error| unsafe {
            let handle = self.handle.get();
            let (texts, images) = (text.as_ptr(), image.as_ptr());
            sys::kandinsky_transformer_logits(
                handle,
                texts,
                text.len(),
                images,
                image.len(),
                values,
                capacity,
                count,
                error,
            )
        })?;
        Ok(table(&values, text.len() + image.len()))
    }

    /// The perplexity score of a finished image, grid * grid ids after `text_length` ids, by one pass; drawing gives the
    /// same number on the way.
    pub fn ppl(&self, text: &[i32], image: &[i32]) -> Result<f64> {
        let mut ppl = 0.0;
        // SAFETY: the handle is alive, and the slices are as long as they say.
        check(|error| unsafe {
            let (texts, images) = (text.as_ptr(), image.as_ptr());
            sys::kandinsky_transformer_ppl(self.handle.get(), texts, text.len(), images, image.len(), &mut ppl, error)
        })?;
        Ok(ppl)
    }

    /// Over pairs of a text, `text_length` ids, and an image, grid * grid ids.
    pub fn losses<T: AsRef<[i32]>, I: AsRef<[i32]>>(&self, texts: &[T], images: &[I]) -> Result<Losses> {
        if texts.len() != images.len() {
            let problem = format!("has {} rows, expected {}: one for each text", images.len(), texts.len());
            return Err(Error::invalid("images", problem));
        }
        let config = self.config()?;
        let text = rows("texts", texts, config.text_length as usize)?;
        let image = rows("images", images, (config.grid * config.grid) as usize)?;
        let mut c = sys::kandinsky_loss_values { text: 0.0, image: 0.0, total: 0.0 };
        // SAFETY: the handle is alive, and the rows are of the lengths that the function expects.
        check(|error| unsafe {
            let (text, image) = (text.as_ptr(), image.as_ptr());
            sys::kandinsky_transformer_losses(self.handle.get(), text, image, texts.len(), &mut c, error)
        })?;
        Ok(Losses { text: c.text, image: c.image, total: c.total })
    }
}
