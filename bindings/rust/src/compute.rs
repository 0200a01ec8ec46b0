use crate::callbacks::{Call, LogCallback};
use crate::error::Result;
use crate::handle::{init, Handle};
use crate::{inputs, sys};
use std::ffi::CStr;
use std::os::raw::c_char;

/// The version of the library that runs, like "0.1.0".
pub fn version() -> &'static str {
    // SAFETY: a constant of the library.
    unsafe { constant(sys::kandinsky_version()) }
}

/// Of the library that runs; changes with every incompatible change of `kandinsky.h`.
pub fn abi_version() -> i32 {
    // SAFETY: no arguments.
    unsafe { sys::kandinsky_abi_version() }
}

/// The LibTorch that the library was built with, like "2.11.0".
pub fn torch_version() -> &'static str {
    // SAFETY: a constant of the library.
    unsafe { constant(sys::kandinsky_torch_version()) }
}

unsafe fn constant(text: *const c_char) -> &'static str {
    CStr::from_ptr(text).to_str().unwrap_or("")
}

/// What models can run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// "cpu", "cuda:0" ...: what [`ComputeOptions::device`] takes.
    pub name: String,
    /// For people.
    pub description: String,
    /// Bytes.
    pub memory_total: u64,
    /// Bytes.
    pub memory_free: u64,
}

/// Lists the CPU, then every usable CUDA device.
pub fn devices() -> Result<Vec<Device>> {
    // SAFETY: the pointers are those of Handle::make; getters are given a live handle and an index within.
    unsafe {
        let list =
            Handle::make(sys::kandinsky_devices_release, |list, error| sys::kandinsky_devices_list(list, error))?;
        let string = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
        let made = (0..sys::kandinsky_devices_count(list.get())).map(|index| Device {
            name: string(sys::kandinsky_devices_name(list.get(), index)),
            description: string(sys::kandinsky_devices_description(list.get(), index)),
            memory_total: sys::kandinsky_devices_memory_total(list.get(), index),
            memory_free: sys::kandinsky_devices_memory_free(list.get(), index),
        });
        Ok(made.collect())
    }
}

/// The floating-point type that a model computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// fp32 on the CPU, fp16 on a GPU.
    #[default]
    Auto,
    /// 32 bits.
    Fp32,
    /// 16 bits with fp32's range.
    Bf16,
    /// 16 bits.
    Fp16,
}

impl Precision {
    pub(crate) fn from_c(precision: i32) -> Self {
        match precision {
            sys::KANDINSKY_PRECISION_FP32 => Precision::Fp32,
            sys::KANDINSKY_PRECISION_BF16 => Precision::Bf16,
            sys::KANDINSKY_PRECISION_FP16 => Precision::Fp16,
            _ => Precision::Auto,
        }
    }

    fn to_c(self) -> i32 {
        match self {
            Precision::Auto => sys::KANDINSKY_PRECISION_AUTO,
            Precision::Fp32 => sys::KANDINSKY_PRECISION_FP32,
            Precision::Bf16 => sys::KANDINSKY_PRECISION_BF16,
            Precision::Fp16 => sys::KANDINSKY_PRECISION_FP16,
        }
    }
}

/// How a model computes.
#[derive(Clone, Copy)]
pub struct ComputeOptions<'a> {
    /// "auto" (the first CUDA device, else the CPU; the default), "cpu", "cuda", "cuda:N".
    pub device: &'a str,
    /// Default [`Precision::Auto`].
    pub precision: Precision,
    /// CPU threads of one call, 0..=1024; 0, the default: one a core. Answers do not depend on it.
    pub threads: u32,
    /// What is loaded, and how. Default `None`: silent.
    pub log: Option<LogCallback<'a>>,
}

impl Default for ComputeOptions<'_> {
    fn default() -> Self {
        ComputeOptions { device: "auto", precision: Precision::Auto, threads: 0, log: None }
    }
}

impl ComputeOptions<'_> {
    /// Makes a call with the C form of these options.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&sys::kandinsky_compute_options) -> Result<T>) -> Result<T> {
        let device = inputs::text("device", self.device)?;
        let log = Call::logging(self.log);
        let mut c = init(sys::kandinsky_compute_options_init);
        c.device = device.as_ptr();
        c.precision = self.precision.to_c();
        c.threads = inputs::number("threads", self.threads)?;
        c.log = log.on_log();
        c.log_user = log.user();
        let result = call(&c);
        log.end(result)
    }
}
