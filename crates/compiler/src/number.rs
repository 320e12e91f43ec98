//! Decimal text to scaled integers and back, exactly; and how many bits a bound needs.
//!
//! A number with `scale` digits after the point is held as the integer `value × 10^scale`.

use thiserror::Error;

/// Declared values have at most this many digits, the point not counted.
pub const DIGITS_MAX: usize = 18;

/// Why a text is not a number of the expected form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadNumber {
    /// Something other than an optional sign, digits and at most one point.
    #[error("`{0}` is not a decimal number such as `12` or `-0.5`")]
    NotDecimal(String),
    /// More digits after the point than the column keeps.
    #[error("`{text}` has more than {scale} digits after the point")]
    TooPrecise {
        /// The text as written.
        text: String,
        /// Digits after the point that are kept.
        scale: u8,
    },
    /// More than [`DIGITS_MAX`] digits in all.
    #[error("`{0}` has more than {DIGITS_MAX} digits at the column's scale")]
    TooLong(String),
}

/// Reads a decimal number as an integer scaled by `10^scale`; refuses to round.
pub fn parse_scaled(text: &str, scale: u8) -> Result<i128, BadNumber> {
    let not_decimal = || BadNumber::NotDecimal(text.to_owned());
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
        return Err(not_decimal());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(scale) {
        return Err(BadNumber::TooPrecise { text: text.to_owned(), scale });
    }
    let scaled = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
    let scaled = scaled.trim_start_matches('0');
    if scaled.len() > DIGITS_MAX {
        return Err(BadNumber::TooLong(text.to_owned()));
    }
    let magnitude: i128 = if scaled.is_empty() { 0 } else { scaled.parse().map_err(|_| not_decimal())? };
    Ok(if negative { -magnitude } else { magnitude })
}

/// Writes a scaled integer as a decimal number with exactly `scale` digits after the point.
pub fn format_scaled(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The least `b` with `bound < 2^b`.
pub(crate) fn bits(bound: u128) -> u32 {
    u128::BITS - bound.leading_zeros()
}

/// A closed interval of integers in which a quantity is known to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Least value.
    pub(crate) min: i128,
    /// Greatest value.
    pub(crate) max: i128,
}

/// Beyond this magnitude no argument of an aggregate is accepted; keeps interval arithmetic free of overflow.
const MAGNITUDE_MAX: u128 = 1 << 62;

impl Interval {
    /// Largest absolute value.
    pub(crate) fn magnitude(self) -> u128 {
        self.min.unsigned_abs().max(self.max.unsigned_abs())
    }

    /// The middle, rounded towards the lower end: variances are computed around it, which saves bits.
    pub(crate) fn centre(self) -> i128 {
        (self.min + self.max).div_euclid(2)
    }

    /// Largest distance from the centre.
    pub(crate) fn radius(self) -> u128 {
        (self.max - self.centre()).unsigned_abs().max((self.centre() - self.min).unsigned_abs())
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        Self { min: self.min + other.min, max: self.max + other.max }.bounded()
    }

    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { min: -other.max, max: -other.min })
    }

    pub(crate) fn times(self, other: Self) -> Option<Self> {
        let corners =
            [self.min * other.min, self.min * other.max, self.max * other.min, self.max * other.max];
        let min = corners.into_iter().min()?;
        let max = corners.into_iter().max()?;
        Self { min, max }.bounded()
    }

    /// The same interval with `digits` more digits after the point.
    pub(crate) fn rescaled(self, digits: u8) -> Option<Self> {
        let factor = 10_i128.checked_pow(u32::from(digits))?;
        Self { min: self.min.checked_mul(factor)?, max: self.max.checked_mul(factor)? }.bounded()
    }

    /// Itself, if it is small enough for any further step.
    pub(crate) fn bounded(self) -> Option<Self> {
        (self.magnitude() < MAGNITUDE_MAX).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_decimals_exactly() {
        assert_eq!(parse_scaled("12.5", 2).unwrap(), 1250);
        assert_eq!(parse_scaled("-0.05", 2).unwrap(), -5);
        assert_eq!(parse_scaled("7.10", 1).unwrap(), 71);
        assert_eq!(format_scaled(-5, 2), "-0.05");
        assert_eq!(format_scaled(1250, 0), "1250");
    }

    #[test]
    fn refuses_what_it_would_have_to_round_or_guess() {
        assert_eq!(parse_scaled("1.25", 1), Err(BadNumber::TooPrecise { text: "1.25".into(), scale: 1 }));
        for text in ["", "-", ".5", "5.", "1e3", "+1", "1.2.3", "１"] {
            assert_eq!(parse_scaled(text, 3), Err(BadNumber::NotDecimal(text.into())));
        }
        let long = "9999999999999999999";
        assert_eq!(parse_scaled(long, 0), Err(BadNumber::TooLong(long.into())));
    }

    #[test]
    fn bits_are_the_least_that_hold_the_bound() {
        assert_eq!([0, 1, 2, 3, 4, 255, 256].map(bits), [0, 1, 2, 2, 3, 8, 9]);
    }

    proptest! {
        #[test]
        fn text_round_trips(value in -999_999_999_999_999_999_i128..=999_999_999_999_999_999, scale in 0_u8..=18) {
            prop_assert_eq!(parse_scaled(&format_scaled(value, scale), scale), Ok(value));
        }

        #[test]
        fn intervals_contain_what_their_ends_span(
            a in -1000_i128..1000, b in 0_i128..1000, c in -1000_i128..1000, d in 0_i128..1000, t in 0_i128..=1000
        ) {
            let (x, y) = (Interval { min: a, max: a + b }, Interval { min: c, max: c + d });
            let (u, v) = (a + b * t / 1000, c + d * (1000 - t) / 1000);
            let contains = |i: Interval, w: i128| i.min <= w && w <= i.max;
            prop_assert!(contains(x.plus(y).unwrap(), u + v));
            prop_assert!(contains(x.minus(y).unwrap(), u - v));
            prop_assert!(contains(x.times(y).unwrap(), u * v));
            prop_assert!((u - x.centre()).unsigned_abs() <= x.radius());
        }
    }
}
