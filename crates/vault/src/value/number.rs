//! Exact decimal numbers and how they are written.

use std::fmt;

/// Most digits that a decimal column holds, before and after the point together.
pub(crate) const DIGITS_MAX: u8 = 18;

/// An exact number, `unscaled / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) unscaled: i128,
    pub(crate) scale: u8,
}

impl Decimal {
    pub(crate) fn integer(value: impl Into<i128>) -> Self {
        Self { unscaled: value.into(), scale: 0 }
    }

    /// The unscaled value at another scale; `None` when a digit would be lost or the number does not fit.
    pub(crate) fn at_scale(self, scale: u8) -> Option<i128> {
        if scale >= self.scale {
            return self.unscaled.checked_mul(power_of_ten(scale - self.scale)?);
        }
        let divisor = power_of_ten(self.scale - scale)?;
        (self.unscaled % divisor == 0).then(|| self.unscaled / divisor)
    }

    /// The same number without zeros at its end after the point.
    pub(crate) fn shortest(self) -> Self {
        let mut shortest = self;
        while shortest.scale > 0 && shortest.unscaled % 10 == 0 {
            shortest = Self { unscaled: shortest.unscaled / 10, scale: shortest.scale - 1 };
        }
        shortest
    }

    /// As [`Self::at_scale`], and refused when it has more than [`DIGITS_MAX`] digits.
    pub(crate) fn in_column(self, scale: u8) -> Option<i128> {
        let limit = power_of_ten(DIGITS_MAX)?;
        self.at_scale(scale).filter(|unscaled| unscaled.checked_abs().is_some_and(|size| size < limit))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at_checked(digits.len() - scale).unwrap_or((&digits, ""));
        let point = if scale == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numeral {
    /// The exact number; `None` when it needs more than 38 digits.
    pub(crate) value: Option<Decimal>,
    /// Digits before the point, without leading zeros.
    pub(crate) whole_digits: usize,
    /// Digits after the point.
    pub(crate) fraction_digits: usize,
    /// Written with an exponent, as in `1.5e3`.
    pub(crate) exponent: bool,
    /// Written with zeros in front, as in `007`: more often a code than a number.
    pub(crate) leading_zero: bool,
}

impl Numeral {
    /// Reads `-?(digits)(.digits)?([eE][+-]?digits)?` with at least one digit before or after the point.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(parse_exponent(exponent)?)),
            None => (rest, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !digits_only(whole) || !digits_only(fraction) {
            return None;
        }
        Some(Self {
            value: exact(negative, whole, fraction, exponent.unwrap_or(0)),
            whole_digits: whole.trim_start_matches('0').len(),
            fraction_digits: fraction.len(),
            exponent: exponent.is_some(),
            leading_zero: whole.len() > 1 && whole.starts_with('0'),
        })
    }
}

/// `10^exponent`, `None` above 38.
pub(crate) fn power_of_ten(exponent: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(exponent))
}

/// Exponents beyond what any column can hold are cut to ±999, so that they overflow later instead of here.
fn parse_exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i32>().unwrap_or(999).min(999);
    Some(if negative { -size } else { size })
}

fn exact(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Option<Decimal> {
    let mut unscaled = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let unscaled = if negative { -unscaled } else { unscaled };
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if scale < 0 {
        let factor = power_of_ten(u8::try_from(-scale).ok()?)?;
        return Some(Decimal::integer(unscaled.checked_mul(factor)?));
    }
    Some(Decimal { unscaled, scale: u8::try_from(scale).ok().filter(|scale| *scale <= 38)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Option<Decimal> {
        Numeral::parse(text)?.value
    }

    #[test]
    fn numerals_are_read_exactly() {
        assert_eq!(decimal("-12.50"), Some(Decimal { unscaled: -1250, scale: 2 }));
        assert_eq!(decimal(".5"), Some(Decimal { unscaled: 5, scale: 1 }));
        assert_eq!(decimal("1.5e3"), Some(Decimal::integer(1500)));
        assert_eq!(decimal("15E-4"), Some(Decimal { unscaled: 15, scale: 4 }));
        assert_eq!(decimal("1e999999999999"), None);
        for refused in
            ["", "-", ".", "+1", "1,5", "0x1", "1e", "1e+", "--1", "1.2.3", " 1", "inf", "NaN", "١"]
        {
            assert_eq!(Numeral::parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn codes_are_told_from_numbers() {
        assert!(Numeral::parse("007").unwrap().leading_zero);
        assert!(!Numeral::parse("0.7").unwrap().leading_zero);
        assert!(!Numeral::parse("0").unwrap().leading_zero);
    }

    #[test]
    fn scales_change_only_without_loss() {
        let value = Decimal { unscaled: 1250, scale: 2 };
        assert_eq!(value.at_scale(1), Some(125));
        assert_eq!(value.at_scale(0), None);
        assert_eq!(value.at_scale(4), Some(125_000));
        assert_eq!(Decimal::integer(999_999_999_999_999_999_i64).in_column(0), Some(999_999_999_999_999_999));
        assert_eq!(Decimal::integer(1_000_000_000_000_000_000_i64).in_column(0), None);
        assert_eq!(Decimal { unscaled: i128::MIN, scale: 0 }.in_column(0), None);
    }

    proptest! {
        #[test]
        fn decimals_round_trip(unscaled in any::<i64>(), scale in 0..=18_u8) {
            let value = Decimal { unscaled: i128::from(unscaled), scale };
            prop_assert_eq!(decimal(&value.to_string()), Some(value));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+.eE0-9]{0,60}") {
            if let Some(Numeral { value: Some(value), exponent: false, .. }) = Numeral::parse(&text) {
                let float: f64 = text.parse().unwrap();
                let again: f64 = value.to_string().parse().unwrap();
                prop_assert_eq!(float.to_bits() << 1, again.to_bits() << 1);
            }
        }
    }
}
