//! The C side of a call's arguments.
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;
use std::os::raw::c_char;
use std::path::Path;
use std::ptr::null;
use std::sync::Arc;

pub(crate) fn text(name: &str, value: &str) -> Result<CString> {
    CString::new(value).map_err(|_| Error::invalid(name, "has a zero byte"))
}

pub(crate) fn path(name: &str, value: &Path) -> Result<CString> {
    #[cfg(unix)]
    let bytes = {
        use std::os::unix::ffi::OsStrExt;
        value.as_os_str().as_bytes()
    };
    #[cfg(not(unix))]
    let bytes = value.to_str().ok_or_else(|| Error::invalid(name, "is not Unicode"))?.as_bytes();
    CString::new(bytes).map_err(|_| Error::invalid(name, "has a zero byte"))
}

pub(crate) fn number(name: &str, value: u32) -> Result<i32> {
    i32::try_from(value).map_err(|_| Error::invalid(name, format_args!("is {value}, which is out of range")))
}

/// None is the default, which C says by a zero; so a zero that was meant is refused here.
pub(crate) fn positive(name: &str, value: Option<f64>, expected: &str) -> Result<f64> {
    match value {
        None => Ok(0.0),
        Some(zero) if zero == 0.0 => Err(Error::invalid(name, format_args!("is 0, expected {expected}"))),
        Some(value) => Ok(value),
    }
}

/// Strings, and an array of pointers to them.
pub(crate) struct Texts {
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Texts {
    pub fn new<S: AsRef<str>>(name: &str, values: &[S]) -> Result<Self> {
        let strings: Vec<CString> = values.iter().map(|value| text(name, value.as_ref())).collect::<Result<_>>()?;
        let pointers = strings.iter().map(|string| string.as_ptr()).collect();
        Ok(Texts { _strings: strings, pointers })
    }

    pub fn pointer(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    pub fn len(&self) -> usize {
        self.pointers.len()
    }
}

pub(crate) fn optional(value: &Option<CString>) -> *const c_char {
    value.as_ref().map_or(null(), |text| text.as_ptr())
}

/// The bytes of a model file, which the model keeps: a `Vec<u8>`, an `Arc<[u8]>` or a `&'static [u8]`.
#[derive(Clone)]
pub struct Bytes(Kept);

/// Bytes that models look at, shared by those that share weights; `None` for a model from a file.
pub(crate) type Keep = Option<Arc<Bytes>>;

#[derive(Clone)]
enum Kept {
    Cow(Cow<'static, [u8]>),
    Shared(Arc<[u8]>),
}

impl Bytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Kept::Cow(bytes) => bytes,
            Kept::Shared(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} bytes", self.as_slice().len())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(Kept::Cow(Cow::Owned(bytes)))
    }
}

impl From<&'static [u8]> for Bytes {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes(Kept::Cow(Cow::Borrowed(bytes)))
    }
}

impl<const SIZE: usize> From<&'static [u8; SIZE]> for Bytes {
    fn from(bytes: &'static [u8; SIZE]) -> Self {
        Bytes::from(&bytes[..])
    }
}

impl From<Arc<[u8]>> for Bytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        Bytes(Kept::Shared(bytes))
    }
}
