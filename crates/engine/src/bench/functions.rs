//! Division, roots and fixed-point functions.

use ring::{Number, Ring, Shape};

use super::harness::{Operands, mine, scrambled, timed};
use super::{BLOCK, Measured};
use crate::error::Result;
use crate::mpc::{Mixed, Mpc, Numbers, Receivers};
use crate::ops::fixed::{self, Fixed};
use crate::ops::{self, DivideRange, RootRange};
use crate::session::Party;

/// The largest relative error that counts as right.
const TOLERANCE: f64 = 1e-4;

/// Quotients of 32-bit numbers, with 18 fraction bits.
pub(super) fn divide<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let range = DivideRange { numerator_bits: 32, denominator_bits: 32, result_bits: 32, fraction: 18 };
    on_reals(
        protocol,
        rows,
        |row| (f64::from(row), f64::from(row.rotate_left(9) | 1)),
        Fixed { integer: 32, fraction: 0 },
        |protocol, x, y| ops::divide(protocol, x, y, range),
        |x, y| x / y,
    )
}

/// Roots of numbers with 32 bits before and 18 behind the point.
pub(super) fn square_root<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let range = RootRange { bits: 50, fraction_in: 18, fraction_out: 18 };
    let format = Fixed { integer: 32, fraction: 18 };
    let operator = |protocol: &mut P, x: &Numbers<P>, _: &Numbers<P>| ops::square_root(protocol, x, range);
    on_reals(protocol, rows, |row| (f64::from(row), 0.0), format, operator, |x, _| x.sqrt())
}

/// Powers of numbers between −2 and 14.
pub(super) fn exp<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let operator =
        |protocol: &mut P, x: &Numbers<P>, _: &Numbers<P>| fixed::exp(protocol, x, Fixed::default());
    on_reals(protocol, rows, |row| (small(row) * 16.0 - 2.0, 0.0), Fixed::default(), operator, |x, _| x.exp())
}

/// Sigmoids of numbers between −4 and 12.
pub(super) fn sigmoid<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let operator =
        |protocol: &mut P, x: &Numbers<P>, _: &Numbers<P>| fixed::sigmoid(protocol, x, Fixed::default());
    let exact = |x: f64, _| 1.0 / (1.0 + (-x).exp());
    on_reals(protocol, rows, |row| (small(row) * 16.0 - 4.0, 0.0), Fixed::default(), operator, exact)
}

/// A product of square matrices of `size` rows, with 18 fraction bits.
pub(super) fn matmul<P: Mixed>(protocol: &mut P, size: usize) -> Result<Measured> {
    let shape = Shape { rows: size, inner: size, columns: size };
    let format = Fixed { integer: 20, fraction: 18 };
    let value = |place: usize| P::Num::from_i128(i128::from(scrambled(place as u64) as i64 >> 45));
    let values: Vec<_> = (0..shape.left()).map(value).collect();
    let x = Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &values), values.len())?;
    let (product, took, cost) =
        timed(protocol, 1, |protocol| fixed::matmul(protocol, &x, &x, shape, format))?;
    let proof = protocol.verify()?;
    let seen = Mpc::<P::Num>::reveal(protocol, &product, Receivers::All, proof)?.unwrap_or_default();
    let mut expected = vec![P::Num::ZERO; shape.product()];
    ring::add_matmul(&values, &values, shape, &mut expected);
    let near = |(seen, sum): (&P::Num, &P::Num)| {
        (seen.to_i128() - (sum.to_i128() >> format.fraction)).unsigned_abs() <= 1
    };
    Ok(Measured { took, cost, correct: seen.iter().zip(&expected).all(near) })
}

/// An operator on the values that `value` makes of pattern-free numbers; its results have 18 fraction bits.
fn on_reals<P: Mixed>(
    protocol: &mut P,
    rows: usize,
    value: impl Fn(u32) -> (f64, f64),
    format: Fixed,
    operator: impl Fn(&mut P, &Numbers<P>, &Numbers<P>) -> Result<Numbers<P>>,
    exact: impl Fn(f64, f64) -> f64,
) -> Result<Measured> {
    let encode = |value: f64| format.encode(value).unwrap_or(P::Num::ZERO);
    let pair = |row: u64| value((scrambled(row) >> 32) as u32);
    let values: Vec<_> = (0..rows.min(BLOCK) as u64).map(pair).map(|(x, y)| (encode(x), encode(y))).collect();
    let operands = Operands::of(protocol, values)?;
    let blocks = rows.div_ceil(BLOCK);
    let (result, took, cost) =
        timed(protocol, blocks, |protocol| operator(protocol, &operands.x, &operands.y))?;
    let proof = protocol.verify()?;
    let seen = Mpc::<P::Num>::reveal(protocol, &result, Receivers::All, proof)?.unwrap_or_default();
    let unit = f64::from(Fixed::default().fraction).exp2().recip();
    let near = |(seen, (x, y)): (&P::Num, &(P::Num, P::Num))| {
        let exact = exact(format.decode(*x), format.decode(*y));
        (Fixed::default().decode(*seen) - exact).abs() <= exact.abs() * TOLERANCE + 2.0 * unit
    };
    Ok(Measured { took, cost, correct: seen.iter().zip(&operands.values).all(near) })
}

/// Between 0 and 1.
fn small(row: u32) -> f64 {
    f64::from(row) / f64::from(u32::MAX)
}
