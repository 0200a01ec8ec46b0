use crate::arrays::{fill, rows};
use crate::compute::ComputeOptions;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::image::Image;
use crate::inputs::{self, optional, Bytes, Keep};
use crate::sys;
use std::path::Path;
use std::sync::Arc;

/// Turns image tokens into pictures, and pictures into tokens.
#[derive(Debug)]
pub struct VqganDecoder {
    // Dropped before the bytes that it may look at.
    pub(crate) handle: Handle<sys::kandinsky_vqgan>,
    pub(crate) bytes: Keep,
}

impl VqganDecoder {
    /// A Lightning .ckpt of a Gumbel-VQGAN; its config.json is looked for beside it, else it has the f8 model's sizes.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        VqganDecoder::load_with(path, &ComputeOptions::default())
    }

    /// With options.
    pub fn load_with(path: impl AsRef<Path>, options: &ComputeOptions) -> Result<Self> {
        let path = inputs::path("path", path.as_ref())?;
        // SAFETY: the pointers are valid during the call.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_vqgan_release, |vqgan, error| unsafe {
                sys::kandinsky_vqgan_load(path.as_ptr(), compute, vqgan, error)
            })
        })?;
        Ok(VqganDecoder::new(handle, None))
    }

    /// The bytes of a file, which the model keeps. `name` stands for the path in messages. `config_json`: the text of a
    /// config.json, or `None` for the f8 model.
    pub fn from_bytes(
        bytes: impl Into<Bytes>,
        name: &str,
        config_json: Option<&str>,
        options: &ComputeOptions,
    ) -> Result<Self> {
        let (bytes, name) = (bytes.into(), inputs::text("name", name)?);
        let config = config_json.map(|json| inputs::text("config_json", json)).transpose()?;
        // SAFETY: the pointers are valid during the call, and the bytes as long as the model.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_vqgan_release, |vqgan, error| unsafe {
                let (data, size) = (bytes.as_slice().as_ptr().cast(), bytes.as_slice().len());
                sys::kandinsky_vqgan_load_memory(data, size, name.as_ptr(), optional(&config), compute, vqgan, error)
            })
        })?;
        Ok(VqganDecoder::new(handle, Some(Arc::new(bytes))))
    }

    pub(crate) fn new(handle: Handle<sys::kandinsky_vqgan>, bytes: Keep) -> Self {
        VqganDecoder { handle, bytes }
    }

    /// Pixels a token, along one side.
    pub fn downsampling(&self) -> u32 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_vqgan_downsampling(self.handle.get()) as u32 }
    }

    /// The number of image tokens there are.
    pub fn codebook_size(&self) -> u32 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_vqgan_codebook_size(self.handle.get()) as u32 }
    }

    /// The number of weights.
    pub fn parameter_count(&self) -> u64 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_vqgan_parameter_count(self.handle.get()) as u64 }
    }

    /// A picture of each row of grid_height * grid_width tokens, each `0..codebook_size()`. Sides of the
    /// grid: 1..=1024.
    pub fn decode<R: AsRef<[i32]>>(&self, tokens: &[R], grid_height: u32, grid_width: u32) -> Result<Vec<Image>> {
        let (height, width) = (inputs::number("grid_height", grid_height)?, inputs::number("grid_width", grid_width)?);
        if height < 1 || width < 1 {
            let problem = format!("is {height} x {width}, expected at least 1 x 1");
            return Err(Error::invalid("grid", problem));
        }
        let length = usize::try_from(u64::from(grid_height) * u64::from(grid_width)).unwrap_or(usize::MAX);
        let joined = rows("tokens", tokens, length)?;
        // SAFETY: the handle is alive, and the rows are as long as the grid says.
        unsafe {
            let images = Handle::make(sys::kandinsky_images_release, |images, error| {
                let handle = self.handle.get();
                sys::kandinsky_vqgan_decode(handle, joined.as_ptr(), tokens.len(), height, width, images, error)
            })?;
            let count = sys::kandinsky_images_count(images.get());
            Ok((0..count).map(|index| Image::from_c(sys::kandinsky_images_get(images.get(), index))).collect())
        }
    }

    /// Tokens of a picture, in raster order. Its sides must be multiples of `downsampling()`.
    pub fn encode(&self, image: &Image) -> Result<Vec<i32>> {
        let image = image.to_c()?;
        // SAFETY: both handles are alive, and the array is as long as it says.
        fill(|tokens, capacity, count, error| unsafe {
            sys::kandinsky_vqgan_encode(self.handle.get(), image.get(), tokens, capacity, count, error)
        })
    }
}
