//! Products of matrices.
#![allow(unsafe_code, reason = "the one call of a function with more processor features, argued below")]

use crate::element::Ring;

/// Rows of the second factor that are used together: with 512 columns of `u64` they fill a quarter of a second-level cache.
const DEPTH: usize = 64;

/// The shape of a matrix product: `rows` × `inner` times `inner` × `columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the first factor and of the product.
    pub rows: usize,
    /// Columns of the first factor, rows of the second.
    pub inner: usize,
    /// Columns of the second factor and of the product.
    pub columns: usize,
}

impl Shape {
    /// Elements of the first factor.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rows * self.inner
    }

    /// Elements of the second factor.
    #[must_use]
    pub fn right(&self) -> usize {
        self.inner * self.columns
    }

    /// Elements of the product.
    #[must_use]
    pub fn product(&self) -> usize {
        self.rows * self.columns
    }
}

/// Adds the product of two matrices, all stored row after row, to `sum`. Elements beyond the shape are ignored, missing
/// ones count as zero.
pub fn add_matmul<D: Ring>(x: &[D], y: &[D], shape: Shape, sum: &mut [D]) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512dq") && std::is_x86_feature_detected!("avx512vl") {
        // SAFETY: the function needs exactly the features that were just detected, and those that they imply.
        return unsafe { with_avx512(x, y, shape, sum) };
    }
    portable(x, y, shape, sum);
}

/// The same code, compiled for processors that multiply eight 64-bit integers at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512dq,avx512vl")]
fn with_avx512<D: Ring>(x: &[D], y: &[D], shape: Shape, sum: &mut [D]) {
    portable(x, y, shape, sum);
}

#[inline(always)]
fn portable<D: Ring>(x: &[D], y: &[D], shape: Shape, sum: &mut [D]) {
    let Shape { inner, columns, rows } = shape;
    if shape.product() == 0 || inner == 0 {
        return;
    }
    for first in (0..inner).step_by(DEPTH) {
        let products = sum.chunks_mut(columns).zip(x.chunks(inner)).take(rows);
        for (sum, x) in products {
            let factors = x.iter().zip(y.chunks(columns)).skip(first).take(DEPTH);
            for (factor, y) in factors {
                for (sum, y) in sum.iter_mut().zip(y) {
                    *sum = sum.plus(factor.times(*y));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<D: Ring>(x: &[D], y: &[D], shape: Shape) {
        let mut expected = vec![D::ONE; shape.product()];
        for (place, sum) in expected.iter_mut().enumerate() {
            let (row, column) = (place / shape.columns, place % shape.columns);
            for k in 0..shape.inner {
                *sum = sum.plus(x[row * shape.inner + k].times(y[k * shape.columns + column]));
            }
        }
        for multiply in [add_matmul, portable] {
            let mut sum = vec![D::ONE; shape.product()];
            multiply(x, y, shape, &mut sum);
            assert_eq!(sum, expected, "{shape:?}");
        }
    }

    /// More than are used together, but for Miri, which is slow.
    const INNER: usize = if cfg!(miri) { 4 } else { 140 };

    proptest! {
        #[test]
        fn both_paths_agree_with_the_definition(rows in 0usize..9, inner in 0usize..INNER, columns in 0usize..20, seed: u64) {
            let shape = Shape { rows, inner, columns };
            let mut prg = crate::Prg::new(crate::Seed::from([seed as u8; 32]));
            let (x, y) = (prg.elements::<u64>(shape.left()), prg.elements::<u64>(shape.right()));
            check(x.values(), y.values(), shape);
            let (x, y) = (prg.elements::<u128>(shape.left()), prg.elements::<u128>(shape.right()));
            check(x.values(), y.values(), shape);
        }
    }
}
