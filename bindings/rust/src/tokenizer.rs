use crate::arrays::fill;
use crate::error::{check, Error, Result};
use crate::handle::Handle;
use crate::image::buffer_bytes;
use crate::{inputs, sys};
use std::path::Path;

/// Turns text into ids: a YouTokenToMe or SentencePiece model.
#[derive(Debug)]
pub struct Tokenizer(pub(crate) Handle<sys::kandinsky_tokenizer>);

impl Tokenizer {
    /// A model file, whose kind is detected by content.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = inputs::path("path", path.as_ref())?;
        // SAFETY: the path is a C string.
        let made = Handle::make(sys::kandinsky_tokenizer_release, |tokenizer, error| unsafe {
            sys::kandinsky_tokenizer_load(path.as_ptr(), tokenizer, error)
        });
        made.map(Tokenizer)
    }

    /// The bytes of a file. `name` stands for the path in messages.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        let name = inputs::text("name", name)?;
        // SAFETY: the bytes are needed during the call alone.
        let made = Handle::make(sys::kandinsky_tokenizer_release, |tokenizer, error| unsafe {
            let (first, size) = (bytes.as_ptr().cast(), bytes.len());
            sys::kandinsky_tokenizer_load_memory(first, size, name.as_ptr(), tokenizer, error)
        });
        made.map(Tokenizer)
    }

    /// The number of ids.
    pub fn vocab_size(&self) -> u32 {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_tokenizer_vocab_size(self.0.get()) as u32 }
    }

    /// Ids of the text as it is.
    pub fn encode(&self, text: &str) -> Result<Vec<i32>> {
        let text = inputs::text("text", text)?;
        // SAFETY: see fill.
        fill(|ids, capacity, count, error| unsafe {
            sys::kandinsky_tokenizer_encode(self.0.get(), text.as_ptr(), ids, capacity, count, error)
        })
    }

    /// The transformer's input, `length` ids: lower-cased, stripped, with bos and eos, cut or padded.
    pub fn encode_for_transformer(&self, text: &str, length: usize) -> Result<Vec<i32>> {
        let text = inputs::text("text", text)?;
        // SAFETY: see padded.
        padded(length, |ids, error| unsafe {
            sys::kandinsky_tokenizer_encode_for_transformer(self.0.get(), text.as_ptr(), ids, length, error)
        })
    }

    /// ruCLIP's input, `length` ids (its context_length).
    pub fn encode_for_ruclip(&self, text: &str, length: usize) -> Result<Vec<i32>> {
        let text = inputs::text("text", text)?;
        // SAFETY: see padded.
        padded(length, |ids, error| unsafe {
            sys::kandinsky_tokenizer_encode_for_ruclip(self.0.get(), text.as_ptr(), ids, length, error)
        })
    }

    /// The text of the ids, without pad, unknown, bos and eos.
    pub fn decode(&self, ids: &[i32]) -> Result<String> {
        // SAFETY: the handle is alive, and the slice as long as it says.
        let text = Handle::make(sys::kandinsky_buffer_release, |text, error| unsafe {
            sys::kandinsky_tokenizer_decode(self.0.get(), ids.as_ptr(), ids.len(), text, error)
        })?;
        Ok(String::from_utf8_lossy(&buffer_bytes(&text)).into_owned())
    }
}

/// Calls with an array of `length` ids.
fn padded(
    length: usize,
    call: impl FnOnce(*mut i32, *mut sys::kandinsky_error) -> sys::kandinsky_status,
) -> Result<Vec<i32>> {
    if !(2..=1 << 20).contains(&length) {
        return Err(Error::invalid("length", format_args!("is {length}, expected 2..{}", 1 << 20)));
    }
    let mut ids = vec![0; length];
    check(|error| call(ids.as_mut_ptr(), error))?;
    Ok(ids)
}
