//! Products of matrices.
#![allow(unsafe_code, reason = "the one call of a function with more processor features, argued below")]

use std::array;

use crate::column::Column;
use crate::element::Ring;

/// Rows of a tile, the part of a product whose sums stay in registers: 4 rows of 16 numbers of 64 bits are 8 vectors of
/// 512 bits, and each number that is loaded meets 4 or 16 others.
const TALL: usize = 4;
/// Rows of the second factor that are used together: 16 columns of `u64` fill two thirds of a first-level cache.
const DEPTH: usize = 256;

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

/// Adds the product of two matrices, all stored row after row, to `sum`. Elements beyond the shape are ignored. Panics when
/// there are fewer.
///
/// The tiles and the copied panel are those of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication",
/// ACM TOMS 2008.
pub fn add_matmul<D: Ring>(x: &[D], y: &[D], shape: Shape, sum: &mut [D]) {
    let (x, y, sum) = (&x[..shape.left()], &y[..shape.right()], &mut sum[..shape.product()]);
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
    match (D::BYTES, shape) {
        // So few rows are not worth a copy.
        (_, Shape { rows: ..TALL, columns: 2.., .. }) => add_rows(x, y, shape, sum),
        (8, Shape { columns: 8.., .. }) => add_panels::<D, 16>(x, y, shape, sum),
        // Few columns, or numbers of which no processor multiplies several at once.
        _ => add_panels::<D, 1>(x, y, shape, sum),
    }
}

#[inline(always)]
fn add_rows<D: Ring>(x: &[D], y: &[D], shape: Shape, sum: &mut [D]) {
    if shape.left() == 0 {
        return;
    }
    for (sum, x) in sum.chunks_mut(shape.columns).zip(x.chunks(shape.inner)) {
        for (factor, y) in x.iter().zip(y.chunks(shape.columns)) {
            for (sum, y) in sum.iter_mut().zip(y) {
                *sum = sum.plus(factor.times(*y));
            }
        }
    }
}

#[inline(always)]
fn add_panels<D: Ring, const WIDE: usize>(x: &[D], y: &[D], shape: Shape, sum: &mut [D]) {
    let Shape { rows, inner, columns } = shape;
    // A part of `y` without gaps: rows of a matrix lie so far apart that they would compete for the same cache lines.
    let mut panel = Column::<D>::zeros(DEPTH.min(inner) * WIDE);
    for first in (0..inner).step_by(DEPTH) {
        let depth = DEPTH.min(inner - first);
        for left in (0..columns).step_by(WIDE) {
            let width = WIDE.min(columns - left);
            let (panel, _) = panel.values_mut().as_chunks_mut::<WIDE>();
            for (copy, row) in panel.iter_mut().zip(y.chunks_exact(columns).skip(first).take(depth)) {
                copy[..width].copy_from_slice(&row[left..left + width]);
            }
            let place = Place { first, left, width };
            let whole = rows - rows % TALL;
            for top in (0..whole).step_by(TALL) {
                add_tile::<D, TALL, WIDE>(
                    &x[top * inner..],
                    &panel[..depth],
                    shape,
                    place,
                    &mut sum[top * columns..],
                );
            }
            for top in whole..rows {
                add_tile::<D, 1, WIDE>(
                    &x[top * inner..],
                    &panel[..depth],
                    shape,
                    place,
                    &mut sum[top * columns..],
                );
            }
        }
    }
}

/// Where a panel lies in the second factor.
#[derive(Clone, Copy)]
struct Place {
    /// Its first row.
    first: usize,
    /// Its first column.
    left: usize,
    /// Its columns that there are.
    width: usize,
}

/// Adds the product of the first `ROWS` rows of `x`, as far as they meet the panel, and the panel. By index: the compiler
/// keeps sums in vectors only then.
#[inline(always)]
fn add_tile<D: Ring, const ROWS: usize, const WIDE: usize>(
    x: &[D],
    panel: &[[D; WIDE]],
    shape: Shape,
    place: Place,
    sum: &mut [D],
) {
    let factors: [&[D]; ROWS] = array::from_fn(|row| &x[row * shape.inner + place.first..][..panel.len()]);
    let mut products = [[D::ZERO; WIDE]; ROWS];
    for (depth, y) in panel.iter().enumerate() {
        for row in 0..ROWS {
            let factor = factors[row][depth];
            for column in 0..WIDE {
                products[row][column] = products[row][column].plus(factor.times(y[column]));
            }
        }
    }
    for (sum, products) in sum.chunks_mut(shape.columns).zip(products) {
        for (sum, product) in sum[place.left..][..place.width].iter_mut().zip(products) {
            *sum = sum.plus(product);
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
    const INNER: usize = if cfg!(miri) { 4 } else { 300 };

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
