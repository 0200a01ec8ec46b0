//! `kandinsky.h` as it is: see its comments for ownership, threads and errors. The tests compare every struct, constant
//! and function with the header.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

mod functions;
mod structs;

pub use functions::*;
pub use structs::*;
