//! How far a result can be from the exact one.
//!
//! A quotient on shares is within 2^-30 of its value and 5/4 of its last place besides, a root likewise ([`Divide`],
//! [`SquareRoot`]); all before is exact in integers. What follows for results of several of them:
//!
//! - A root of a variance that is wrong by δ is wrong by √δ at most, and where the error is a part of the variance, by half
//!   that part.
//! - An intercept is (Σy − slope · Σx) / n: the slope's error counts as often as x is large, and of slope · Σx / n, which is
//!   the mean of y less the intercept, a part.
//! - A correlation is at most 1, so that parts of it are errors.
//!
//! [`Divide`]: program::Divide
//! [`SquareRoot`]: program::SquareRoot

use std::fmt;

use crate::{
    ResultKind, pairs,
    sql::{Aggregate, Argument, Function, Pair},
};

/// How far a result can be from what exact arithmetic over the rows' values would give: by `relative` times its magnitude,
/// and `absolute` besides. A float's value is what it is rounded to, with as many digits as its column declares; noise comes on
/// top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorBound {
    /// A part of the result.
    pub relative: f64,
    /// In the result's unit.
    pub absolute: f64,
}

impl ErrorBound {
    /// In two digits, rounded up.
    fn short(self) -> Self {
        Self { relative: rounded_up(self.relative), absolute: rounded_up(self.absolute) }
    }
}

impl fmt::Display for ErrorBound {
    /// `within 1.0e-9 of it, and 1.1e-12 besides`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.relative > 0.0 {
            write!(f, "within {:.1e} of it, and {:.1e} besides", self.relative, self.absolute)
        } else {
            write!(f, "within {:.1e}", self.absolute)
        }
    }
}

/// The next number of two digits; the same on all machines, since audits say it.
fn rounded_up(bound: f64) -> f64 {
    let text = format!("{bound:.1e}");
    let Some((digits, power)) = text.split_once('e') else { return bound };
    let number = |digits: f64| format!("{digits:.1}e{power}").parse().unwrap_or(bound);
    let digits: f64 = digits.parse().unwrap_or(bound);
    let near = number(digits);
    if near < bound { number(digits + 0.1) } else { near }
}

/// 2^-30, and what reading it as a floating-point number adds.
const OPERATION: f64 = 0.94e-9;
/// Units of the last place.
const LAST_PLACE: f64 = 1.25;

/// The last of so many binary places.
fn place(fraction_bits: u32) -> f64 {
    2_f64.powi(-(fraction_bits as i32))
}

/// That of an aggregate's column; none if it is exact.
pub(crate) fn of(aggregate: &Aggregate, kind: &ResultKind, rows_max: u64) -> Option<ErrorBound> {
    let ResultKind::Real { fraction_bits, scale, .. } = kind else { return None };
    let digits = 10_f64.powi(i32::from(*scale));
    let last_place = LAST_PLACE * place((*fraction_bits).into()) / digits;
    let quotient = ErrorBound { relative: OPERATION, absolute: last_place };
    let Aggregate { function, argument, second, .. } = aggregate;
    let bound = match function {
        Function::Quantile(_) => return None,
        Function::Deviation | Function::DeviationPop => {
            let absolute = (last_place / digits).sqrt() + last_place;
            ErrorBound { relative: 1.5 * OPERATION, absolute }
        }
        Function::Pair(pair) => {
            let (y, x) = argument.as_ref().zip(second.as_ref())?;
            of_pair(*pair, y, x, rows_max, quotient)
        }
        _ => quotient,
    };
    Some(bound.short())
}

fn of_pair(pair: Pair, y: &Argument, x: &Argument, rows_max: u64, quotient: ErrorBound) -> ErrorBound {
    match pair {
        Pair::Correlation | Pair::R2 => {
            let [of_y, of_x] = pairs::root_fractions(y, x, rows_max).map(place);
            let [between, last] = pairs::CORRELATION_FRACTIONS.map(place);
            let correlation = 4.0 * OPERATION + LAST_PLACE * (of_y + of_x + between + between * last);
            let absolute = match pair {
                Pair::R2 => correlation * (2.0 + correlation),
                _ => correlation,
            };
            ErrorBound { relative: 0.0, absolute }
        }
        Pair::Intercept => {
            let largest = |of: &Argument| of.interval.magnitude() as f64 / 10_f64.powi(i32::from(of.scale));
            let digits = 10_f64.powi(y.scale.saturating_sub(x.scale).into());
            let of_slope = LAST_PLACE * place(pairs::slope_fraction(y, x, rows_max)) / digits;
            let absolute = OPERATION * largest(y) + of_slope * largest(x) + quotient.absolute;
            ErrorBound { relative: 2.0 * OPERATION, absolute }
        }
        _ => quotient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_said_in_two_digits_and_not_below_themselves() {
        for (bound, said) in
            [(1.0, 1.0), (1.01, 1.1), (1.14e-12, 1.2e-12), (9.94, 10.0), (0.0951, 0.096), (0.0, 0.0)]
        {
            assert_eq!(rounded_up(bound), said, "{bound}");
        }
    }
}
