use crate::error::{check, Result};
use crate::sys;
use std::fmt;
use std::mem::{size_of, MaybeUninit};
use std::ptr::{null_mut, NonNull};

/// Owns what the library made, and releases it.
pub(crate) struct Handle<T> {
    pointer: NonNull<T>,
    release: unsafe extern "C" fn(*mut T),
}

impl<T> Handle<T> {
    pub fn make(
        release: unsafe extern "C" fn(*mut T),
        call: impl FnOnce(*mut *mut T, *mut sys::kandinsky_error) -> sys::kandinsky_status,
    ) -> Result<Self> {
        let mut made = null_mut();
        check(|error| call(&mut made, error))?;
        Ok(Handle { pointer: NonNull::new(made).expect("a success without a result"), release })
    }

    pub fn get(&self) -> *const T {
        self.pointer.as_ptr()
    }

    pub fn get_mut(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is owned, and nobody has a reference to it any more.
        unsafe { (self.release)(self.pointer.as_ptr()) }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.pointer.fmt(f)
    }
}

/// What the header lets any number of threads use at once: models, which never change, like checkpoint files, and the
/// cancel handle, which any thread may trigger. Lists of results belong to one thread, and never leave the function that makes them.
pub(crate) trait Shared {}
impl Shared for sys::kandinsky_tokenizer {}
impl Shared for sys::kandinsky_transformer {}
impl Shared for sys::kandinsky_vqgan {}
impl Shared for sys::kandinsky_ruclip {}
impl Shared for sys::kandinsky_real_esrgan {}
impl Shared for sys::kandinsky_pipeline {}
impl Shared for sys::kandinsky_checkpoint {}
impl Shared for sys::kandinsky_cancel {}

// SAFETY: see Shared.
unsafe impl<T: Shared> Send for Handle<T> {}
unsafe impl<T: Shared> Sync for Handle<T> {}

/// A struct of options that has grown, with all the fields that it has here.
pub(crate) fn init_sized<T: Copy>(init: unsafe extern "C" fn(*mut T, usize)) -> T {
    let mut made = MaybeUninit::zeroed();
    // SAFETY: as below; _init_sized writes no more than the size of the struct.
    unsafe {
        init(made.as_mut_ptr(), size_of::<T>());
        made.assume_init()
    }
}

/// A struct of options or results as its _init function leaves it.
pub(crate) fn init<T: Copy>(init: unsafe extern "C" fn(*mut T)) -> T {
    let mut made = MaybeUninit::zeroed();
    // SAFETY: the C structs are valid when zero; _init then sets all fields.
    unsafe {
        init(made.as_mut_ptr());
        made.assume_init()
    }
}
