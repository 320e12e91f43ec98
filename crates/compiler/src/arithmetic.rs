//! Quotients and roots on shares: means, variances, deviations.
//!
//! Variances follow from n, Σd and Σd² over distances d from a public centre, exactly in integers:
//! (n·Σd² − (Σd)²) / (n·(n − 1)), over a population / n². Nothing is cancelled in floating point.

use program::{Divide, SquareRoot, ValueId, limits::MAX_QUOTIENT_BITS};

use crate::{
    Refused,
    lower::Joint,
    number::bits,
    sql::{Argument, Function},
    stage::{self, Partial},
};

impl Joint {
    /// The aggregate, 0 where it is not valid, and its binary places if it is a quotient or root.
    pub(crate) fn value(
        &mut self,
        function: Function,
        argument: &Argument,
        second: Option<&Argument>,
        valid: ValueId,
    ) -> Result<(ValueId, Option<u8>), Refused> {
        let present = self.present(argument);
        let of = |partial: fn(Argument) -> Partial| partial(argument.clone());
        let exact = match function {
            Function::Count | Function::CountDistinct => present,
            Function::Sum | Function::Avg => self.partial(&of(Partial::Sum)),
            Function::Min => self.partial(&of(Partial::Min)),
            Function::Max => self.partial(&of(Partial::Max)),
            Function::Quantile(quantile) => {
                let total = self.partial(&Partial::Quantile(argument.clone(), quantile));
                let total = self.builder.select(valid, total, self.zero)?;
                return self.quantile(quantile, total);
            }
            Function::Pair(pair) => {
                let (value, fraction) = self.pair(pair, argument, second.unwrap_or(argument), valid)?;
                return Ok((value, Some(fraction)));
            }
            Function::Variance | Function::Deviation | Function::VariancePop | Function::DeviationPop => {
                let is_sample = matches!(function, Function::Variance | Function::Deviation);
                let (variance, fraction) = self.variance(argument, present, valid, is_sample)?;
                return Ok(match function {
                    Function::Deviation | Function::DeviationPop => {
                        (self.deviation(argument, variance, fraction)?, Some(fraction))
                    }
                    _ => (variance, Some(fraction)),
                });
            }
        };
        if function == Function::Avg && !self.noise.is_empty() {
            return self.noisy_mean(argument, [exact, present], valid);
        }
        let exact = self.builder.select(valid, exact, self.zero)?;
        if function != Function::Avg {
            return Ok((exact, None));
        }
        let result_bits = bits(argument.interval.magnitude()).max(1);
        let numerator_bits = Partial::Sum(argument.clone()).bits(self.rows_max);
        let denominator_bits = bits(self.rows_max.into()).max(1);
        let widths = [numerator_bits, denominator_bits, result_bits];
        let (mean, fraction) = self.quotient([exact, present], valid, widths, FRACTION_MAX)?;
        Ok((mean, Some(fraction)))
    }

    fn variance(
        &mut self,
        argument: &Argument,
        n: ValueId,
        valid: ValueId,
        is_sample: bool,
    ) -> Result<(ValueId, u8), Refused> {
        let distances = self.partial(&Partial::Distances(argument.clone()));
        let squares = self.partial(&Partial::Squares(argument.clone()));
        let b = &mut self.builder;
        let scaled = b.multiply(n, squares)?;
        let square = b.multiply(distances, distances)?;
        let numerator = b.subtract(scaled, square)?;
        let numerator = b.select(valid, numerator, self.zero)?;
        let divided_by = if is_sample { b.subtract(n, self.one)? } else { n };
        let denominator = b.multiply(n, divided_by)?;
        let widths = [
            stage::variance_numerator_bits(argument, self.rows_max),
            stage::variance_denominator_bits(self.rows_max),
            stage::variance_bits(argument),
        ];
        self.quotient([numerator, denominator], valid, widths, FRACTION_MAX)
    }

    fn deviation(
        &mut self,
        argument: &Argument,
        variance: ValueId,
        fraction: u8,
    ) -> Result<ValueId, Refused> {
        let bits = stage::variance_bits(argument) as u8 + fraction;
        let root = SquareRoot { of: variance, bits, fraction_in: fraction, fraction_out: fraction };
        Ok(self.builder.square_root(root)?)
    }

    /// Divides, by 1 where the result is not valid: the numerator is 0 there already. The widths are those of the
    /// numerator, the denominator and the result's whole part, checked before by [`stage::check_widths`]; the result has
    /// `fraction_max` binary places if there is room.
    pub(crate) fn quotient(
        &mut self,
        [numerator, denominator]: [ValueId; 2],
        valid: ValueId,
        [numerator_bits, denominator_bits, result_bits]: [u32; 3],
        fraction_max: u32,
    ) -> Result<(ValueId, u8), Refused> {
        let denominator = self.builder.select(valid, denominator, self.one)?;
        let fraction = fraction_max.min(u32::from(MAX_QUOTIENT_BITS).saturating_sub(result_bits)) as u8;
        let quotient = self.builder.divide(Divide {
            numerator,
            denominator,
            numerator_bits: numerator_bits as u8,
            denominator_bits: denominator_bits as u8,
            result_bits: result_bits as u8,
            fraction,
        })?;
        Ok((quotient, fraction))
    }
}

/// Values of n rows differ by 1/n of a unit or more; with this many binary places, means and variances near zero are
/// still good to a millionth for 10^6 rows, and larger ones to the 2^-30 of division itself.
pub(crate) const FRACTION_MAX: u32 = 40;
