use crate::arrays::table;
use crate::compute::ComputeOptions;
use crate::error::{check, Result};
use crate::handle::Handle;
use crate::image::{Image, Images};
use crate::inputs::{self, Bytes, Keep, Texts};
use crate::sys;
use crate::tokenizer::Tokenizer;
use std::borrow::Borrow;
use std::path::Path;
use std::sync::Arc;

/// Tells how well pictures fit texts.
#[derive(Debug)]
pub struct RuClip {
    // Dropped before the bytes that it may look at.
    pub(crate) handle: Handle<sys::kandinsky_ruclip>,
    pub(crate) bytes: Keep,
}

/// A picture of a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Into the images given.
    pub index: usize,
    /// Cosine, -1..=1.
    pub score: f32,
}

impl RuClip {
    /// A directory with config.json, pytorch_model.bin or model.safetensors, and bpe.model.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self> {
        RuClip::load_with(directory, &ComputeOptions::default())
    }

    /// With options.
    pub fn load_with(directory: impl AsRef<Path>, options: &ComputeOptions) -> Result<Self> {
        let directory = inputs::path("directory", directory.as_ref())?;
        // SAFETY: the pointers are valid during the call.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_ruclip_release, |ruclip, error| unsafe {
                sys::kandinsky_ruclip_load(directory.as_ptr(), compute, ruclip, error)
            })
        })?;
        Ok(RuClip::new(handle, None))
    }

    /// The bytes of a weights file, which the model keeps. `name` stands for the path in messages. `config_json`: the
    /// text of config.json. The tokenizer is shared and may be dropped.
    pub fn from_bytes(
        bytes: impl Into<Bytes>,
        name: &str,
        config_json: &str,
        tokenizer: &Tokenizer,
        options: &ComputeOptions,
    ) -> Result<Self> {
        let (bytes, name) = (bytes.into(), inputs::text("name", name)?);
        let config = inputs::text("config_json", config_json)?;
        // SAFETY: the pointers are valid during the call, and the bytes as long as the model.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_ruclip_release, |ruclip, error| unsafe {
                let (data, size) = (bytes.as_slice().as_ptr().cast(), bytes.as_slice().len());
                let (name, config, tokenizer) = (name.as_ptr(), config.as_ptr(), tokenizer.0.get());
                sys::kandinsky_ruclip_load_memory(data, size, name, config, tokenizer, compute, ruclip, error)
            })
        })?;
        Ok(RuClip::new(handle, Some(Arc::new(bytes))))
    }

    pub(crate) fn new(handle: Handle<sys::kandinsky_ruclip>, bytes: Keep) -> Self {
        RuClip { handle, bytes }
    }

    /// Floats of a latent.
    pub fn width(&self) -> usize {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_ruclip_width(self.handle.get()) as usize }
    }

    /// Ids of a text: the `length` of [`Tokenizer::encode_for_ruclip`].
    pub fn context_length(&self) -> usize {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_ruclip_context_length(self.handle.get()) as usize }
    }

    /// Pixels along one side of what the network sees.
    pub fn resolution(&self) -> u32 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_ruclip_resolution(self.handle.get()) as u32 }
    }

    /// The number of weights.
    pub fn parameter_count(&self) -> u64 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_ruclip_parameter_count(self.handle.get()) as u64 }
    }

    /// Its tokenizer, as a model of its own.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        // SAFETY: the handle is alive.
        let made = Handle::make(sys::kandinsky_tokenizer_release, |tokenizer, error| unsafe {
            sys::kandinsky_ruclip_tokenizer(self.handle.get(), tokenizer, error)
        });
        made.map(Tokenizer)
    }

    /// The `pick` (at least 1) pictures that fit the text best, best first, or all if there are fewer. Equal scores keep
    /// their order.
    pub fn rank<I: Borrow<Image>>(&self, text: &str, images: &[I], pick: u32) -> Result<Vec<Ranked>> {
        let (text, pick, images) = (inputs::text("text", text)?, inputs::number("pick", pick)?, Images::new(images)?);
        let mut ranked = vec![sys::kandinsky_ranked { index: 0, score: 0.0 }; images.len()];
        let mut count = 0;
        // SAFETY: handles and string are alive, and the arrays as long as they say.
        check(|error| unsafe {
            let (handle, text, capacity) = (self.handle.get(), text.as_ptr(), ranked.len());
            let (first, many) = (images.pointer(), images.len());
            let (values, count) = (ranked.as_mut_ptr(), &mut count);
            sys::kandinsky_ruclip_rank(handle, text, first, many, pick, values, capacity, count, error)
        })?;
        Ok(ranked[..count].iter().map(|c| Ranked { index: c.index as usize, score: c.score }).collect())
    }

    /// Cosines: a row for each text, with one number for each picture.
    pub fn scores<S: AsRef<str>, I: Borrow<Image>>(&self, texts: &[S], images: &[I]) -> Result<Vec<Vec<f32>>> {
        let (texts, images) = (Texts::new("texts", texts)?, Images::new(images)?);
        let mut scores = vec![0.0; texts.len() * images.len()];
        // SAFETY: handles and strings are alive, and the arrays as long as they say.
        check(|error| unsafe {
            let handle = self.handle.get();
            let (first, many) = (images.pointer(), images.len());
            sys::kandinsky_ruclip_scores(handle, texts.pointer(), texts.len(), first, many, scores.as_mut_ptr(), error)
        })?;
        Ok(table(&scores, texts.len()))
    }

    /// A normalised latent of `width()` floats for each picture.
    pub fn image_latents<I: Borrow<Image>>(&self, images: &[I]) -> Result<Vec<Vec<f32>>> {
        let images = Images::new(images)?;
        self.latents(images.len(), |values, capacity, count, error| {
            // SAFETY: handles are alive, and the arrays as long as they say.
            unsafe {
                let (first, many) = (images.pointer(), images.len());
                sys::kandinsky_ruclip_image_latents(self.handle.get(), first, many, values, capacity, count, error)
            }
        })
    }

    /// Each text in every template (a string with one "{}"; none: the six default ones), averaged and normalised:
    /// `width()` floats.
    pub fn text_latents<S: AsRef<str>>(&self, texts: &[S], templates: &[&str]) -> Result<Vec<Vec<f32>>> {
        let (texts, templates) = (Texts::new("texts", texts)?, Texts::new("templates", templates)?);
        self.latents(texts.len(), |values, capacity, count, error| {
            // SAFETY: handle and strings are alive, and the arrays as long as they say.
            unsafe {
                sys::kandinsky_ruclip_text_latents(
                    self.handle.get(),
                    texts.pointer(),
                    texts.len(),
                    templates.pointer(),
                    templates.len(),
                    values,
                    capacity,
                    count,
                    error,
                )
            }
        })
    }

    fn latents(
        &self,
        rows: usize,
        call: impl FnOnce(*mut f32, usize, *mut usize, *mut sys::kandinsky_error) -> sys::kandinsky_status,
    ) -> Result<Vec<Vec<f32>>> {
        let (mut values, mut count) = (vec![0.0; rows * self.width()], 0);
        check(|error| call(values.as_mut_ptr(), values.len(), &mut count, error))?;
        Ok(table(&values, rows))
    }
}
