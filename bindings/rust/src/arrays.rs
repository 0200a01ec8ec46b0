//! Arrays in and out.
use crate::error::{check, Error, Result};
use crate::sys;
use std::ptr::null_mut;

/// Calls for the number of values, then with an array of that capacity.
pub(crate) fn fill<T: Copy + Default>(
    mut call: impl FnMut(*mut T, usize, *mut usize, *mut sys::kandinsky_error) -> sys::kandinsky_status,
) -> Result<Vec<T>> {
    let mut count = 0;
    check(|error| call(null_mut(), 0, &mut count, error))?;
    let mut values = vec![T::default(); count];
    check(|error| call(values.as_mut_ptr(), values.len(), &mut count, error))?;
    Ok(values)
}

/// A copy of an array of the library's, which may be NULL if it is empty.
pub(crate) unsafe fn copied<T: Copy>(first: *const T, count: usize) -> Vec<T> {
    match count {
        0 => Vec::new(),
        _ => std::slice::from_raw_parts(first, count).to_vec(),
    }
}

/// Joins rows of one length.
pub(crate) fn rows<R: AsRef<[i32]>>(name: &str, rows: &[R], length: usize) -> Result<Vec<i32>> {
    let mut joined = Vec::with_capacity(rows.iter().map(|row| row.as_ref().len()).sum());
    for (index, row) in rows.iter().map(AsRef::as_ref).enumerate() {
        if row.len() != length {
            let problem = format!("row {index} has {} ids, expected {length}", row.len());
            return Err(Error::invalid(name, problem));
        }
        joined.extend_from_slice(row);
    }
    Ok(joined)
}

/// Cuts values into rows.
pub(crate) fn table(values: &[f32], rows: usize) -> Vec<Vec<f32>> {
    let width = values.len().checked_div(rows).unwrap_or(0);
    (0..rows).map(|row| values[row * width..(row + 1) * width].to_vec()).collect()
}
