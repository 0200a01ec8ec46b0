#![allow(dead_code)]
use kandinsky::{Error, ErrorCode, Image};
use std::path::PathBuf;

/// Of the bundled model.
pub fn nano(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/emojich-nano")).join(path)
}

pub fn read(path: &str) -> Vec<u8> {
    std::fs::read(nano(path)).unwrap()
}

pub fn gradient(width: u32, height: u32) -> Image {
    Image::new(width, height, (0..width * height * 3).map(|i| (i * 7) as u8).collect()).unwrap()
}

/// Wants an error of a code about a subject.
#[track_caller]
pub fn fails<T: std::fmt::Debug>(result: Result<T, Error>, code: ErrorCode, subject: &str) -> Error {
    let error = result.expect_err("this should fail");
    assert_eq!((error.code(), error.subject()), (code, subject), "{error}");
    assert!(!error.message().is_empty() && !error.message().contains('\n'));
    error
}
