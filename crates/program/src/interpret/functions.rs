//! Quotients, roots and functions, with the promises that their operands must keep.

use super::{Fault, Site, arithmetic, below, transcendental};
use crate::{Divide, SquareRoot};

impl Site {
    pub(super) fn divide(
        &self,
        d: &Divide,
        numerators: &[i128],
        denominators: &[i128],
    ) -> Result<Vec<i128>, Fault> {
        let row = |(row, (&n, &q)): (usize, (&i128, &i128))| {
            self.promised("numerator", row, below(n.unsigned_abs(), d.numerator_bits))?;
            self.promised("denominator", row, q >= 0 && below(q.unsigned_abs(), d.denominator_bits))?;
            if q == 0 {
                return Ok(0);
            }
            // |n / q| < 2^result_bits
            self.promised("result", row, n.unsigned_abs() >> d.result_bits < q.unsigned_abs())?;
            Ok(arithmetic::divide(n, q, d.fraction))
        };
        numerators.iter().zip(denominators).enumerate().map(row).collect()
    }

    pub(super) fn square_root(&self, s: &SquareRoot, of: &[i128]) -> Result<Vec<i128>, Fault> {
        let shift = 2 * i32::from(s.fraction_out) - i32::from(s.fraction_in);
        let row = |(row, &x): (usize, &i128)| {
            self.promised("operand", row, x >= 0 && below(x.unsigned_abs(), s.bits))?;
            Ok(arithmetic::square_root(x.unsigned_abs(), shift).cast_signed())
        };
        of.iter().enumerate().map(row).collect()
    }

    pub(super) fn exp(&self, x: &[i128], fraction: u8, result_bits: u8) -> Result<Vec<i128>, Fault> {
        let row = |(row, &x): (usize, &i128)| {
            let (mantissa, exponent) = transcendental::exp(x, fraction);
            self.promised("result", row, exponent < result_bits.into())?;
            Ok(transcendental::rounded(mantissa, exponent, fraction))
        };
        x.iter().enumerate().map(row).collect()
    }

    pub(super) fn log(&self, x: &[i128], fraction: u8) -> Result<Vec<i128>, Fault> {
        let row = |(row, &x): (usize, &i128)| {
            self.promised("operand", row, x > 0)?;
            Ok(transcendental::log(x.unsigned_abs(), fraction))
        };
        x.iter().enumerate().map(row).collect()
    }
}
