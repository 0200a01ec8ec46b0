use crate::callbacks::{Call, Cancel, ProgressCallback};
use crate::compute::ComputeOptions;
use crate::error::Result;
use crate::handle::{init, Handle};
use crate::image::Image;
use crate::inputs::{self, Bytes, Keep};
use crate::sys;
use std::path::Path;
use std::sync::Arc;

/// Enlarges pictures.
#[derive(Debug)]
pub struct RealEsrgan {
    // Dropped before the bytes that it may look at.
    pub(crate) handle: Handle<sys::kandinsky_real_esrgan>,
    pub(crate) bytes: Keep,
}

/// How a picture is cut into tiles, in pixels of the input.
#[derive(Clone, Copy)]
pub struct UpscaleOptions<'a> {
    /// Side of a tile without its padding. Default 192.
    pub tile: u32,
    /// Around every tile, dropped again. Default 24.
    pub padding: u32,
    /// Mirrored around the whole picture, dropped again. Default 15.
    pub mirror: u32,
    /// Tiles at a time: memory grows with it. Default 4.
    pub batch: u32,
    /// Extend every picture to a multiple of `tile`, as the reference does. Default false.
    pub reference: bool,
    /// Called after every picture.
    pub on_progress: Option<ProgressCallback<'a>>,
    /// Stops the call from another thread.
    pub cancel: Option<&'a Cancel>,
}

impl Default for UpscaleOptions<'_> {
    fn default() -> Self {
        let c = init(sys::kandinsky_upscale_options_init);
        UpscaleOptions {
            tile: c.tile as u32,
            padding: c.padding as u32,
            mirror: c.mirror as u32,
            batch: c.batch as u32,
            reference: c.reference != 0,
            on_progress: None,
            cancel: None,
        }
    }
}

impl RealEsrgan {
    /// A .pth file, whose scale and number of blocks are found in it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        RealEsrgan::load_with(path, &ComputeOptions::default())
    }

    /// With options.
    pub fn load_with(path: impl AsRef<Path>, options: &ComputeOptions) -> Result<Self> {
        let path = inputs::path("path", path.as_ref())?;
        // SAFETY: the pointers are valid during the call.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_real_esrgan_release, |real_esrgan, error| unsafe {
                sys::kandinsky_real_esrgan_load(path.as_ptr(), compute, real_esrgan, error)
            })
        })?;
        Ok(RealEsrgan::new(handle, None))
    }

    /// The bytes of a file, which the model keeps. `name` stands for the path in messages.
    pub fn from_bytes(bytes: impl Into<Bytes>, name: &str, options: &ComputeOptions) -> Result<Self> {
        let (bytes, name) = (bytes.into(), inputs::text("name", name)?);
        // SAFETY: the pointers are valid during the call, and the bytes as long as the model.
        let handle = options.with(|compute| {
            Handle::make(sys::kandinsky_real_esrgan_release, |real_esrgan, error| unsafe {
                let (data, size) = (bytes.as_slice().as_ptr().cast(), bytes.as_slice().len());
                sys::kandinsky_real_esrgan_load_memory(data, size, name.as_ptr(), compute, real_esrgan, error)
            })
        })?;
        Ok(RealEsrgan::new(handle, Some(Arc::new(bytes))))
    }

    pub(crate) fn new(handle: Handle<sys::kandinsky_real_esrgan>, bytes: Keep) -> Self {
        RealEsrgan { handle, bytes }
    }

    /// 2, 4 or 8.
    pub fn scale(&self) -> u32 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_real_esrgan_scale(self.handle.get()) as u32 }
    }

    /// The number of weights.
    pub fn parameter_count(&self) -> u64 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_real_esrgan_parameter_count(self.handle.get()) as u64 }
    }

    /// The picture, `scale()` times larger.
    pub fn upscale(&self, image: &Image, options: &UpscaleOptions) -> Result<Image> {
        let image = image.to_c()?;
        let call = Call::new(options.on_progress);
        let mut c = init(sys::kandinsky_upscale_options_init);
        c.tile = inputs::number("tile", options.tile)?;
        c.padding = inputs::number("padding", options.padding)?;
        c.mirror = inputs::number("mirror", options.mirror)?;
        c.batch = inputs::number("batch", options.batch)?;
        c.reference = options.reference.into();
        c.progress = call.on_progress();
        c.progress_user = call.user();
        c.cancel = Cancel::pointer(options.cancel);
        // SAFETY: handles, call and cancel are alive during the call.
        let large = Image::take(|large, error| unsafe {
            sys::kandinsky_real_esrgan_upscale(self.handle.get(), image.get(), &c, large, error)
        });
        call.end(large)
    }
}
