use crate::arrays::copied;
use crate::error::Result;
use crate::generate::Picture;
use crate::handle::Handle;
use crate::image::Image;
use crate::sys;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::CStr;
use std::fmt;
use std::ops::ControlFlow;
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::null;

/// What a call is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Image tokens are drawn.
    Drawing,
    /// Image tokens become pictures.
    Decoding,
    /// ruCLIP compares the pictures with the prompt.
    Ranking,
    /// Real-ESRGAN enlarges the kept pictures.
    Enlarging,
}

impl Stage {
    fn from_c(stage: i32) -> Option<Self> {
        match stage {
            sys::KANDINSKY_STAGE_DRAWING => Some(Stage::Drawing),
            sys::KANDINSKY_STAGE_DECODING => Some(Stage::Decoding),
            sys::KANDINSKY_STAGE_RANKING => Some(Stage::Ranking),
            sys::KANDINSKY_STAGE_ENLARGING => Some(Stage::Enlarging),
            _ => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Stage::Drawing => "drawing",
            Stage::Decoding => "decoding",
            Stage::Ranking => "ranking",
            Stage::Enlarging => "enlarging",
        })
    }
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What the call is at.
    pub stage: Stage,
    /// Done: image tokens while drawing, pictures in the other stages; `0..=steps`.
    pub step: u32,
    /// Of how many.
    pub steps: u32,
    /// Images in work at this step.
    pub images: u32,
    /// Which of the drawn images: the one being enlarged; the first of those in work in other stages.
    pub number: u32,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// For those who develop the library.
    Debug,
    /// What is loaded, and how.
    Info,
    /// Something is missing, and what is done without it.
    Warning,
}

/// Called on the thread that made the call, after every token and every picture. `Break` cancels: the call returns
/// [`ErrorCode::Cancelled`](crate::ErrorCode::Cancelled). A panic cancels too, and goes on once the call is over.
pub type ProgressCallback<'a> = &'a dyn Fn(&Progress) -> ControlFlow<()>;

/// Called with a picture's number, the tokens drawn, and the picture as far as it is drawn (token rows that are not
/// complete are grey), for every image of the batch. Otherwise like [`ProgressCallback`].
pub type PreviewCallback<'a> = &'a dyn Fn(u32, u32, &Image) -> ControlFlow<()>;

/// Called with an image's number and the ids of it that are drawn so far, in raster order, for every image in work.
/// Otherwise like [`ProgressCallback`].
pub type TokensCallback<'a> = &'a dyn Fn(u32, &[i32]) -> ControlFlow<()>;

/// Called with each kept picture as soon as it is complete, best first; the result of the call holds them all. What has
/// been handed over stays when a later step fails. Otherwise like [`ProgressCallback`].
pub type PictureCallback<'a> = &'a dyn Fn(Picture) -> ControlFlow<()>;

/// Called with lines without a line end while a model is loaded, on the thread that loads it.
pub type LogCallback<'a> = &'a dyn Fn(LogLevel, &str);

/// Stops calls that were given it, within a token or a tile, once and for all: later calls with it are cancelled too.
/// Share it between threads by reference or in an `Arc`.
#[derive(Debug)]
pub struct Cancel(Handle<sys::kandinsky_cancel>);

impl Cancel {
    /// One that is not triggered yet.
    pub fn new() -> Result<Self> {
        // SAFETY: the pointers are those of Handle::make.
        let made = Handle::make(sys::kandinsky_cancel_release, |cancel, error| unsafe {
            sys::kandinsky_cancel_new(cancel, error)
        });
        made.map(Cancel)
    }

    /// From any thread.
    pub fn trigger(&self) {
        // SAFETY: the handle is alive, and may be triggered while others look at it.
        unsafe { sys::kandinsky_cancel_trigger(self.0.get_mut()) }
    }

    /// Whether it was triggered.
    pub fn triggered(&self) -> bool {
        // SAFETY: the handle is alive.
        unsafe { sys::kandinsky_cancel_triggered(self.0.get()) != 0 }
    }

    pub(crate) fn pointer(cancel: Option<&Self>) -> *const sys::kandinsky_cancel {
        cancel.map_or(null(), |cancel| cancel.0.get())
    }
}

/// What the callbacks of one call share; their user pointer points to it.
#[derive(Default)]
pub(crate) struct Call<'a> {
    progress: Option<ProgressCallback<'a>>,
    pub preview: Option<PreviewCallback<'a>>,
    pub tokens: Option<TokensCallback<'a>>,
    pub picture: Option<PictureCallback<'a>>,
    log: Option<LogCallback<'a>>,
    panic: RefCell<Option<Box<dyn Any + Send>>>,
}

impl<'a> Call<'a> {
    pub fn new(progress: Option<ProgressCallback<'a>>) -> Self {
        Call { progress, ..Default::default() }
    }

    pub fn logging(log: Option<LogCallback<'a>>) -> Self {
        Call { log, ..Default::default() }
    }

    pub fn user(&self) -> *mut c_void {
        self as *const Self as *mut c_void
    }

    pub fn on_progress(&self) -> sys::kandinsky_progress_callback {
        self.progress.and(Some(on_progress))
    }

    pub fn on_preview(&self) -> sys::kandinsky_preview_callback {
        self.preview.and(Some(on_preview))
    }

    pub fn on_tokens(&self) -> sys::kandinsky_tokens_callback {
        self.tokens.and(Some(on_tokens))
    }

    pub fn on_picture(&self) -> sys::kandinsky_picture_callback {
        self.picture.and(Some(on_picture))
    }

    pub fn on_log(&self) -> sys::kandinsky_log_callback {
        self.log.and(Some(on_log))
    }

    /// Runs a callback; nonzero cancels. A panic is kept: it must not unwind the library's frames.
    fn back(&self, callback: impl FnOnce() -> ControlFlow<()>) -> i32 {
        if self.panic.borrow().is_some() {
            return 1;
        }
        match catch_unwind(AssertUnwindSafe(callback)) {
            Ok(ControlFlow::Continue(())) => 0,
            Ok(ControlFlow::Break(())) => 1,
            Err(panic) => {
                *self.panic.borrow_mut() = Some(panic);
                1
            }
        }
    }

    /// Ends the call; a panic of a callback goes on here.
    pub fn end<T>(self, result: T) -> T {
        match self.panic.into_inner() {
            Some(panic) => resume_unwind(panic),
            None => result,
        }
    }
}

// SAFETY of the following: the library calls them with the user pointer that it was given, during that call alone, on
// the thread that made it; other pointers are valid for the time of the callback.

unsafe extern "C" fn on_progress(user: *mut c_void, progress: *const sys::kandinsky_progress) -> i32 {
    let (call, c) = (&*(user as *const Call), &*progress);
    match (call.progress, Stage::from_c(c.stage)) {
        (Some(callback), Some(stage)) => {
            let (step, steps) = (c.step as u32, c.steps as u32);
            let now = Progress { stage, step, steps, images: c.images as u32, number: c.number as u32 };
            call.back(|| callback(&now))
        }
        _ => 0,
    }
}

unsafe extern "C" fn on_preview(
    user: *mut c_void,
    number: i32,
    tokens: i32,
    image: *const sys::kandinsky_image,
) -> i32 {
    let call = &*(user as *const Call);
    match call.preview {
        Some(callback) => call.back(|| callback(number as u32, tokens as u32, &Image::from_c(image))),
        None => 0,
    }
}

unsafe extern "C" fn on_tokens(user: *mut c_void, number: i32, tokens: *const i32, count: usize) -> i32 {
    let call = &*(user as *const Call);
    match call.tokens {
        Some(callback) => call.back(|| callback(number as u32, &copied(tokens, count))),
        None => 0,
    }
}

unsafe extern "C" fn on_picture(user: *mut c_void, picture: *const sys::kandinsky_pictures) -> i32 {
    let call = &*(user as *const Call);
    match call.picture {
        Some(callback) => call.back(|| callback(Picture::from_c(picture, 0))),
        None => 0,
    }
}

unsafe extern "C" fn on_log(user: *mut c_void, level: i32, message: *const c_char) {
    let call = &*(user as *const Call);
    if let Some(callback) = call.log {
        call.back(|| {
            let level = match level {
                sys::KANDINSKY_LOG_DEBUG => LogLevel::Debug,
                sys::KANDINSKY_LOG_WARNING => LogLevel::Warning,
                _ => LogLevel::Info,
            };
            callback(level, &CStr::from_ptr(message).to_string_lossy());
            ControlFlow::Continue(())
        });
    }
}
