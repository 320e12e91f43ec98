//! Secret-sharing schemes: types that have the traits of [`crate::mpc`].

pub mod estimate;
mod message;
pub mod plain;
pub mod rep3;
pub mod rep3_malicious;
pub mod shamir;

pub use estimate::Estimate;
pub use plain::Plain;
pub use rep3::Rep3;
pub use rep3_malicious::Rep3Malicious;
pub use shamir::{Shamir, ShamirMalicious, ShamirResilient};

use crate::error::{Error, Result};

/// Refuses factors that don't fill the shape of their product.
fn check_shape(left: usize, right: usize, shape: ring::Shape) -> Result<()> {
    if left != shape.left() {
        return Err(Error::Lengths { operation: "matmul, first factor", left, right: shape.left() });
    }
    if right != shape.right() {
        return Err(Error::Lengths { operation: "matmul, second factor", left: right, right: shape.right() });
    }
    Ok(())
}

/// The rows of an inner product of `terms` columns.
fn rows_of_terms(left: usize, right: usize, terms: usize) -> Result<usize> {
    let rows = left.checked_div(terms).unwrap_or(0);
    if left == right && left == rows * terms {
        Ok(rows)
    } else {
        Err(Error::Lengths { operation: "dot", left, right })
    }
}
