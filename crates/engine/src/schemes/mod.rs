//! Secret-sharing schemes: types that have the traits of [`crate::mpc`].

pub mod estimate;
mod message;
pub mod plain;
pub mod rep3;

pub use estimate::Estimate;
pub use plain::Plain;
pub use rep3::Rep3;

use crate::error::{Error, Result};

/// The rows of an inner product of `terms` columns.
fn rows_of_terms(left: usize, right: usize, terms: usize) -> Result<usize> {
    let rows = left.checked_div(terms).unwrap_or(0);
    if left == right && left == rows * terms {
        Ok(rows)
    } else {
        Err(Error::Lengths { operation: "dot", left, right })
    }
}
