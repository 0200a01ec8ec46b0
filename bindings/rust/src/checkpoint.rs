use crate::arrays::copied;
use crate::error::Result;
use crate::handle::Handle;
use crate::image::buffer_bytes;
use crate::inputs::{self, Bytes};
use crate::sys;
use std::borrow::Cow;
use std::ffi::CStr;
use std::os::raw::c_char;
use std::path::Path;

/// A torch.save file (zip or legacy), Lightning .ckpt, .pth, or safetensors, detected by content: a list of tensors. The
/// file is memory-mapped; nothing in it is executed.
#[derive(Debug)]
pub struct Checkpoint {
    // Dropped before the bytes that it looks at.
    handle: Handle<sys::kandinsky_checkpoint>,
    _bytes: Option<Bytes>,
}

/// One tensor of a [`Checkpoint`].
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    checkpoint: &'a Checkpoint,
    index: usize,
}

impl Checkpoint {
    /// A file, of which the directory alone is read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = inputs::path("path", path.as_ref())?;
        // SAFETY: the path is a C string.
        let handle = Handle::make(sys::kandinsky_checkpoint_release, |checkpoint, error| unsafe {
            sys::kandinsky_checkpoint_open(path.as_ptr(), checkpoint, error)
        })?;
        Ok(Checkpoint { handle, _bytes: None })
    }

    /// The bytes of a file, which the checkpoint keeps. `name` stands for the path in messages.
    pub fn from_bytes(bytes: impl Into<Bytes>, name: &str) -> Result<Self> {
        let (bytes, name) = (bytes.into(), inputs::text("name", name)?);
        // SAFETY: the bytes live as long as the checkpoint.
        let handle = Handle::make(sys::kandinsky_checkpoint_release, |checkpoint, error| unsafe {
            let (data, size) = (bytes.as_slice().as_ptr().cast(), bytes.as_slice().len());
            sys::kandinsky_checkpoint_open_memory(data, size, name.as_ptr(), checkpoint, error)
        })?;
        Ok(Checkpoint { handle, _bytes: Some(bytes) })
    }

    /// "torch-zip", "torch-legacy" or "safetensors".
    pub fn format(&self) -> &str {
        // SAFETY: the handle is alive, and the text lives as long.
        unsafe { text(sys::kandinsky_checkpoint_format(self.handle.get())) }
    }

    /// All tensors, in the order of the file.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Tensor<'_>> {
        // SAFETY: the handle is alive.
        let count = unsafe { sys::kandinsky_checkpoint_count(self.handle.get()) };
        (0..count).map(move |index| Tensor { checkpoint: self, index })
    }

    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<Tensor<'_>> {
        self.tensors().find(|tensor| tensor.name() == name)
    }
}

// SAFETY of the following: the handle is alive, the index within, and what is returned lives as long as the handle.
impl<'a> Tensor<'a> {
    /// Dictionary keys and list indices joined by '/'.
    pub fn name(&self) -> Cow<'a, str> {
        unsafe { CStr::from_ptr(sys::kandinsky_checkpoint_name(self.checkpoint.handle.get(), self.index)) }
            .to_string_lossy()
    }

    /// "float16", "int64" ...
    pub fn dtype(&self) -> &'a str {
        unsafe { text(sys::kandinsky_checkpoint_dtype(self.checkpoint.handle.get(), self.index)) }
    }

    /// Sizes; empty for a scalar.
    pub fn shape(&self) -> Vec<usize> {
        let mut dimensions = 0;
        let sizes = unsafe {
            let first = sys::kandinsky_checkpoint_shape(self.checkpoint.handle.get(), self.index, &mut dimensions);
            copied(first, dimensions)
        };
        sizes.into_iter().map(|size| size as usize).collect()
    }

    /// The elements in row-major order, little-endian.
    pub fn read(&self) -> Result<Vec<u8>> {
        let bytes = Handle::make(sys::kandinsky_buffer_release, |bytes, error| unsafe {
            sys::kandinsky_checkpoint_read(self.checkpoint.handle.get(), self.index, bytes, error)
        })?;
        Ok(buffer_bytes(&bytes))
    }
}

unsafe fn text<'a>(text: *const c_char) -> &'a str {
    CStr::from_ptr(text).to_str().unwrap_or("")
}
