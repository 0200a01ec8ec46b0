use crate::arrays::copied;
use crate::error::{check, Error, Result};
use crate::handle::Handle;
use crate::{inputs, sys};
use std::borrow::Borrow;
use std::path::Path;

/// An 8-bit RGB picture in Rust's memory: rows from the top, pixels from the left, three bytes each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

pub(crate) type CImage = Handle<sys::kandinsky_image>;

impl Image {
    /// `pixels`: width * height * 3 bytes, as the `into_raw` of an `image::RgbImage` gives them. Sides: 1..=65535.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self> {
        if !(1..=65535).contains(&width) || !(1..=65535).contains(&height) {
            let problem = format!("has {width} x {height} pixels, expected sides of 1..65535");
            return Err(Error::invalid("image", problem));
        }
        let expected = u64::from(width) * u64::from(height) * 3;
        if pixels.len() as u64 != expected {
            return Err(Error::invalid("pixels", format_args!("has {} bytes, expected {expected}", pixels.len())));
        }
        Ok(Image { width, height, pixels })
    }

    /// A PNG or JPEG file, detected by content. Grey and palettes become RGB, alpha is dropped.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = inputs::path("path", path.as_ref())?;
        // SAFETY: the path is a C string.
        Image::take(|image, error| unsafe { sys::kandinsky_image_load(path.as_ptr(), image, error) })
    }

    /// The bytes of a PNG or JPEG file.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        // SAFETY: the bytes are read during the call alone.
        Image::take(|image, error| unsafe {
            sys::kandinsky_image_decode(bytes.as_ptr().cast(), bytes.len(), image, error)
        })
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All rows, width * 3 bytes each.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All rows, for `image::RgbImage::from_raw` and the like.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Red, green, blue. Panics if there is no such pixel.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(x < self.width && y < self.height, "no pixel ({x}, {y}) in {} x {}", self.width, self.height);
        let start = (y as usize * self.width as usize + x as usize) * 3;
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }

    /// The format follows the name: .png, .jpg, .jpeg. The file is whole or not there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = inputs::path("path", path.as_ref())?;
        let image = self.to_c()?;
        // SAFETY: the handle is alive, the path a C string.
        check(|error| unsafe { sys::kandinsky_image_save(image.get(), path.as_ptr(), error) })
    }

    /// The bytes of a PNG file.
    pub fn encode_png(&self) -> Result<Vec<u8>> {
        self.encode(sys::KANDINSKY_FORMAT_PNG, 100)
    }

    /// The bytes of a JPEG file. quality: 1..=100.
    pub fn encode_jpeg(&self, quality: u32) -> Result<Vec<u8>> {
        self.encode(sys::KANDINSKY_FORMAT_JPEG, inputs::number("quality", quality)?)
    }

    fn encode(&self, format: i32, quality: i32) -> Result<Vec<u8>> {
        let image = self.to_c()?;
        // SAFETY: the handle is alive.
        let made = Handle::make(sys::kandinsky_buffer_release, |buffer, error| unsafe {
            sys::kandinsky_image_encode(image.get(), format, quality, buffer, error)
        })?;
        Ok(buffer_bytes(&made))
    }

    pub(crate) fn to_c(&self) -> Result<CImage> {
        // SAFETY: there are as many bytes as the sides say, and they are copied.
        Handle::make(sys::kandinsky_image_release, |image, error| unsafe {
            let pixels = self.pixels.as_ptr().cast();
            sys::kandinsky_image_new(self.width as i32, self.height as i32, 0, pixels, image, error)
        })
    }

    /// A copy. The handle must be alive.
    pub(crate) unsafe fn from_c(image: *const sys::kandinsky_image) -> Self {
        let (width, height) = (sys::kandinsky_image_width(image), sys::kandinsky_image_height(image));
        let (stride, row) = (sys::kandinsky_image_stride(image), width as usize * 3);
        let first = sys::kandinsky_image_pixels(image);
        let mut pixels = Vec::with_capacity(row * height as usize);
        for y in 0..height as usize {
            pixels.extend_from_slice(std::slice::from_raw_parts(first.add(y * stride), row));
        }
        Image { width: width as u32, height: height as u32, pixels }
    }

    pub(crate) fn take(
        call: impl FnOnce(*mut *mut sys::kandinsky_image, *mut sys::kandinsky_error) -> sys::kandinsky_status,
    ) -> Result<Self> {
        let made = Handle::make(sys::kandinsky_image_release, call)?;
        // SAFETY: the handle is alive.
        Ok(unsafe { Image::from_c(made.get()) })
    }
}

/// A copy of a buffer's bytes.
pub(crate) fn buffer_bytes(buffer: &Handle<sys::kandinsky_buffer>) -> Vec<u8> {
    // SAFETY: the handle is alive.
    unsafe { copied(sys::kandinsky_buffer_data(buffer.get()).cast(), sys::kandinsky_buffer_size(buffer.get())) }
}

/// C images, and an array of pointers to them.
pub(crate) struct Images {
    _images: Vec<CImage>,
    pointers: Vec<*const sys::kandinsky_image>,
}

impl Images {
    pub fn new<I: Borrow<Image>>(images: &[I]) -> Result<Self> {
        let images: Vec<CImage> = images.iter().map(|image| image.borrow().to_c()).collect::<Result<_>>()?;
        let pointers = images.iter().map(|image| image.get()).collect();
        Ok(Images { _images: images, pointers })
    }

    pub fn pointer(&self) -> *const *const sys::kandinsky_image {
        self.pointers.as_ptr()
    }

    pub fn len(&self) -> usize {
        self.pointers.len()
    }
}
