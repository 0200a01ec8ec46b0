//! `kandinsky.h` as it is: see its comments for ownership, threads and errors. The tests compare every struct, constant
//! and function with the header.
//!
//! Structs of options that have grown (draw, generate) must be initialised by their `_init_sized` function with
//! `size_of` of the struct here: the one without a size, whose name C gives to a macro, writes their first fields alone.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

mod functions;
mod structs;

pub use functions::*;
pub use structs::*;
