//! Fixed-point numbers: shared integers that stand for fractions.
//!
//! A [`Fixed`] format says how. Sums of columns in one format are sums of their integers; products are scaled back once
//! per element of the result: by truncation near the value where 40 bits of the ring stay free, else exactly.
//! The functions beyond products need numbers of 128 bits and compute with 30 fraction bits inside.

mod coarse;
mod exp2;
mod exponential;
mod logarithm;
mod polynomial;
mod power;
mod softmax;

pub use coarse::sigmoid_coarse;
pub use exponential::{exp, sigmoid, tanh};
pub use logarithm::log;
pub use softmax::softmax;

use ring::{Number, Shape};

use super::truncate::{multiply_scaled, rescale};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Mpc, Numbers, Shares, parallel};

/// Fraction bits with which functions compute inside.
const INNER: u32 = 30;

/// How integers stand for fractions: a value is its integer / 2^`fraction`, of magnitude below 2^`integer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Bits before the point, without the sign.
    pub integer: u32,
    /// Bits behind the point.
    pub fraction: u32,
}

impl Default for Fixed {
    /// 24 bits before and 18 behind the point.
    fn default() -> Self {
        Self { integer: 24, fraction: 18 }
    }
}

impl Fixed {
    /// The integer that stands for `value`, rounded to the nearest; `None` out of range.
    #[must_use]
    pub fn encode<N: Number>(&self, value: f64) -> Option<N> {
        let scaled = (value * f64::from(self.fraction).exp2()).round();
        let most = f64::from(self.integer + self.fraction).exp2();
        (scaled.abs() < most && most < f64::from(N::BITS - 1).exp2()).then(|| N::from_i128(scaled as i128))
    }

    /// The value for which `number` stands.
    #[must_use]
    pub fn decode<N: Number>(&self, number: N) -> f64 {
        number.to_i128() as f64 / f64::from(self.fraction).exp2()
    }

    /// Bits of the integers, without the sign.
    fn bits(&self) -> u32 {
        self.integer.saturating_add(self.fraction)
    }

    /// Refuses formats whose products don't fit, and narrow rings where `needed` bits are.
    fn check<N: Number>(&self, operation: &'static str, needed: u32) -> Result<()> {
        if N::BITS < needed {
            return Err(Error::Narrow { operation, needed, found: N::BITS });
        }
        // The bits of a product: twice the fraction and once the result's integer part, and a sign.
        let (found, most) = (self.bits().saturating_add(self.fraction), N::BITS - 2);
        if found > most {
            let parameter = "integer + 2 · fraction";
            return Err(Error::OutOfRange { operation, parameter, found: found.into(), most: most.into() });
        }
        Ok(())
    }
}

/// Products of two columns in `format`, whose results fit it: within 2^-fraction. 2 rounds and one number where 40 bits
/// of the ring stay free, else those of a product and an exact [`truncate`].
///
/// # Errors
/// Those of the transport; [`Error::Lengths`]; [`Error::OutOfRange`] when products in this format don't fit the ring.
pub fn mul<P: Mixed>(protocol: &mut P, x: &Numbers<P>, y: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    format.check::<P::Num>("fixed-point product", 0)?;
    multiply_scaled(protocol, x, y, format.bits() + format.fraction, format.fraction)
}

/// Elements of a matrix product that are scaled back at a time: so few that what it takes meanwhile stays small.
const BLOCK: usize = 1 << 16;
/// Blocks that are scaled back at the same time.
const BLOCKS_AT_ONCE: usize = 2;

/// The product of two matrices in `format`, whose results fit it: exact sums, scaled back once, as [`mul`]. Of more than
/// 2^17 elements, each further 2^17 take the rounds of scaling back once more.
///
/// # Errors
/// As [`mul`].
pub fn matmul<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    y: &Numbers<P>,
    shape: Shape,
    format: Fixed,
) -> Result<Numbers<P>> {
    format.check::<P::Num>("fixed-point matrix product", 0)?;
    let product = Mpc::<P::Num>::matmul(protocol, x, y, shape)?;
    let blocks: Vec<_> =
        (0..product.len()).step_by(BLOCK).map(|first| first..product.len().min(first + BLOCK)).collect();
    let scaled = parallel(protocol, BLOCKS_AT_ONCE, &blocks, |protocol, block| {
        rescale(protocol, &product.slice(block.clone()), format.bits() + format.fraction, format.fraction)
    })?;
    Ok(Shares::concat(&scaled.iter().collect::<Vec<_>>()))
}
