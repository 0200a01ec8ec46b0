use crate::sys;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::raw::c_char;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// A value is out of range or does not fit the model.
    InvalidArgument,
    /// A file, directory, tensor or device does not exist.
    NotFound,
    /// A file is damaged, hostile or of another kind than expected.
    BadFile,
    /// Well-formed, but something this build or device cannot do.
    Unsupported,
    /// Of the host or of a device.
    OutOfMemory,
    /// By a callback or a [`Cancel`](crate::Cancel).
    Cancelled,
    /// The system refused to read or write.
    Io,
    /// A bug of the library: please report it.
    Internal,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    message: String,
    subject: String,
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What kind of error it is.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// One line, holds the subject too.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file, option, field or tensor that it is about; may be empty.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn invalid(subject: &str, problem: impl fmt::Display) -> Self {
        let message = format!("{subject}: {problem}");
        Error { code: ErrorCode::InvalidArgument, message, subject: subject.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

fn string(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes a call that can fail.
pub(crate) fn check(call: impl FnOnce(*mut sys::kandinsky_error) -> sys::kandinsky_status) -> Result<()> {
    // SAFETY: zeros are a valid kandinsky_error, and the library writes nothing else than one.
    let mut error: sys::kandinsky_error = unsafe { MaybeUninit::zeroed().assume_init() };
    let code = match call(&mut error) {
        sys::KANDINSKY_OK => return Ok(()),
        sys::KANDINSKY_INVALID_ARGUMENT => ErrorCode::InvalidArgument,
        sys::KANDINSKY_NOT_FOUND => ErrorCode::NotFound,
        sys::KANDINSKY_BAD_FILE => ErrorCode::BadFile,
        sys::KANDINSKY_UNSUPPORTED => ErrorCode::Unsupported,
        sys::KANDINSKY_OUT_OF_MEMORY => ErrorCode::OutOfMemory,
        sys::KANDINSKY_CANCELLED => ErrorCode::Cancelled,
        sys::KANDINSKY_IO => ErrorCode::Io,
        _ => ErrorCode::Internal,
    };
    Err(Error { code, message: string(&error.message), subject: string(&error.subject) })
}
