use crate::arrays::{copied, fill};
use crate::error::{check, Error, Result};
use crate::handle::Handle;
use crate::image::buffer_bytes;
use crate::inputs::{self, Texts};
use crate::sys;
use std::ffi::CStr;
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

    /// [`encode`](Tokenizer::encode) of every text, in order, on up to `threads` threads (0: one a core; `0..=1024`).
    pub fn encode_batch<S: AsRef<str>>(&self, texts: &[S], threads: u32) -> Result<Vec<Vec<i32>>> {
        let (texts, threads) = (Texts::new("texts", texts)?, inputs::number("threads", threads)?);
        // SAFETY: handle and strings are alive, and the array as long as it says; then the list is alive, and the index
        // within.
        let lists = Handle::make(sys::kandinsky_token_lists_release, |lists, error| unsafe {
            sys::kandinsky_tokenizer_encode_batch(self.0.get(), texts.pointer(), texts.len(), threads, lists, error)
        })?;
        let count = unsafe { sys::kandinsky_token_lists_count(lists.get()) };
        let list = (0..count).map(|index| unsafe {
            let mut length = 0;
            copied(sys::kandinsky_token_lists_ids(lists.get(), index, &mut length), length)
        });
        Ok(list.collect())
    }

    /// BPE dropout (for training): every candidate merge is skipped with `probability`, `0..=1`. The same seed gives the
    /// same ids. [`ErrorCode::Unsupported`](crate::ErrorCode::Unsupported) for a SentencePiece model.
    pub fn encode_with_dropout(&self, text: &str, probability: f64, seed: u64) -> Result<Vec<i32>> {
        let text = inputs::text("text", text)?;
        // SAFETY: see fill.
        fill(|ids, capacity, count, error| unsafe {
            let (handle, text) = (self.0.get(), text.as_ptr());
            sys::kandinsky_tokenizer_encode_with_dropout(handle, text, probability, seed, ids, capacity, count, error)
        })
    }

    /// The subword of an id, with U+2581 for a word's start.
    pub fn id_to_piece(&self, id: i32) -> Result<String> {
        // SAFETY: the handle is alive.
        let piece = Handle::make(sys::kandinsky_buffer_release, |piece, error| unsafe {
            sys::kandinsky_tokenizer_id_to_piece(self.0.get(), id, piece, error)
        })?;
        Ok(String::from_utf8_lossy(&buffer_bytes(&piece)).into_owned())
    }

    /// The id of a subword; [`unk_id`](Tokenizer::unk_id) if there is no such piece.
    pub fn piece_to_id(&self, piece: &str) -> Result<i32> {
        let (piece, mut id) = (inputs::text("piece", piece)?, 0);
        // SAFETY: the handle is alive, and the piece a C string.
        check(|error| unsafe { sys::kandinsky_tokenizer_piece_to_id(self.0.get(), piece.as_ptr(), &mut id, error) })?;
        Ok(id)
    }

    // SAFETY of the following: the handle is alive, and the text of the last one is constant.

    /// The id that fills up.
    pub fn pad_id(&self) -> i32 {
        unsafe { sys::kandinsky_tokenizer_pad_id(self.0.get()) }
    }

    /// The id of what the model does not know.
    pub fn unk_id(&self) -> i32 {
        unsafe { sys::kandinsky_tokenizer_unk_id(self.0.get()) }
    }

    /// The id before a text.
    pub fn bos_id(&self) -> i32 {
        unsafe { sys::kandinsky_tokenizer_bos_id(self.0.get()) }
    }

    /// The id after a text.
    pub fn eos_id(&self) -> i32 {
        unsafe { sys::kandinsky_tokenizer_eos_id(self.0.get()) }
    }

    /// "yttm" or "sentencepiece".
    pub fn kind(&self) -> &str {
        unsafe { CStr::from_ptr(sys::kandinsky_tokenizer_kind(self.0.get())).to_str().unwrap_or("") }
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
