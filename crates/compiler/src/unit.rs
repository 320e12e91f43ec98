//! Units of columns: which of them measure the same, and by what factor they differ.
//!
//! Symbols and prefixes are those of the SI Brochure (BIPM, 9th edition, 2019), tables 4, 7 and 8, with bytes, bits and
//! watt hours; a quotient of two is `mg/dL`. Other texts (`EUR`, `pieces`) are units of their own.

use std::fmt;

/// What prefixes can stand before, and what it measures.
const SYMBOLS: &[(&str, &str)] = &[
    ("m", "m"),
    ("g", "g"),
    ("s", "s"),
    ("L", "L"),
    ("l", "L"),
    ("A", "A"),
    ("K", "K"),
    ("mol", "mol"),
    ("V", "V"),
    ("W", "W"),
    ("Wh", "Wh"),
    ("J", "J"),
    ("N", "N"),
    ("Pa", "Pa"),
    ("Hz", "Hz"),
];

/// The same of which there are no parts: a tenth of a byte is a decibel.
const WHOLE: &[&str] = &["B", "bit"];

/// As powers of ten.
const PREFIXES: &[(&str, i8)] = &[
    ("p", -12),
    ("n", -9),
    ("µ", -6),
    ("u", -6),
    ("m", -3),
    ("c", -2),
    ("d", -1),
    ("h", 2),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
];

/// What has no prefix: how many of which.
const NAMED: &[(&str, u128, &str)] =
    &[("min", 60, "s"), ("h", 3600, "s"), ("d", 86_400, "s"), ("t", 1_000_000, "g")];

/// A unit as a column declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    text: String,
    /// `None` for one of its own.
    measure: Option<Measure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measure {
    /// What is measured, and per what.
    of: (&'static str, Option<&'static str>),
    /// How many of these, as numerator and denominator.
    many: (u128, u128),
}

/// How values of two units come to the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// They have it already.
    Same,
    /// The first ones so many times, in the second's unit.
    First(u64),
    /// The second ones so many times, in the first's unit.
    Second(u64),
}

impl Unit {
    /// `None` for a column without a unit.
    pub(crate) fn of(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self { text: text.to_owned(), measure: Measure::read(text) })
    }

    /// `None` where they measure different things, or neither is a whole number of the other.
    pub(crate) fn conversion(&self, other: &Self) -> Option<Conversion> {
        if self.text == other.text {
            return Some(Conversion::Same);
        }
        let (x, y) = (self.measure?, other.measure?);
        if x.of != y.of {
            return None;
        }
        let first = x.many.0.checked_mul(y.many.1)?;
        let second = y.many.0.checked_mul(x.many.1)?;
        let whole = |large: u128, small: u128| {
            large.is_multiple_of(small).then_some(large / small).and_then(|factor| u64::try_from(factor).ok())
        };
        match (whole(first, second), whole(second, first)) {
            (Some(1), _) => Some(Conversion::Same),
            (Some(factor), _) => Some(Conversion::First(factor)),
            (None, factor) => factor.map(Conversion::Second),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Measure {
    fn read(text: &str) -> Option<Self> {
        let Some((over, under)) = text.split_once('/') else { return Self::symbol(text) };
        let (over, under) = (Self::symbol(over)?, Self::symbol(under)?);
        let many = (over.many.0.checked_mul(under.many.1)?, over.many.1.checked_mul(under.many.0)?);
        Some(Self { of: (over.of.0, Some(under.of.0)), many })
    }

    /// At most 10^12 of something, or so many to one.
    fn symbol(text: &str) -> Option<Self> {
        let measure = |of: &'static str, many| Some(Self { of: (of, None), many });
        if let Some((_, many, of)) = NAMED.iter().find(|(name, ..)| *name == text) {
            return measure(of, (*many, 1));
        }
        let symbols = SYMBOLS.iter().copied().chain(WHOLE.iter().map(|of| (*of, *of)));
        for (symbol, of) in symbols {
            let Some(prefix) = text.strip_suffix(symbol) else { continue };
            if prefix.is_empty() {
                return measure(of, (1, 1));
            }
            let power = PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, power)| *power);
            let Some(power) = power.filter(|power| *power >= 3 || !WHOLE.contains(&of)) else { continue };
            let many = 10_u128.pow(power.unsigned_abs().into());
            return measure(of, if power > 0 { (many, 1) } else { (1, many) });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_one_kind_are_converted() {
        use Conversion::{First, Same, Second};
        let conversion = |x: &str, y: &str| Unit::of(x).unwrap().conversion(&Unit::of(y).unwrap());
        for (x, y, expected) in [
            ("km", "m", First(1000)),
            ("mm", "km", Second(1_000_000)),
            ("kg", "t", Second(1000)),
            ("µg", "ug", Same),
            ("h", "min", First(60)),
            ("d", "ms", First(86_400_000)),
            ("mL", "l", Second(1000)),
            ("g/L", "mg/dL", First(100)),
            ("km/h", "km/min", Second(60)),
            ("kB", "B", First(1000)),
            ("kWh", "Wh", First(1000)),
            ("EUR", "EUR", Same),
            ("pieces", "pieces", Same),
        ] {
            assert_eq!(conversion(x, y), Some(expected), "{x} and {y}");
        }
        for (x, y) in [
            ("m", "kg"),
            ("km/h", "m/s"),
            ("EUR", "USD"),
            ("dB", "B"),
            ("min", "m"),
            ("mmol/L", "mg/dL"),
            ("g", "g/L"),
            ("Tg/pL", "pg/TL"),
            ("m/", "m"),
        ] {
            assert_eq!(conversion(x, y), None, "{x} and {y}");
        }
        assert_eq!(Unit::of(""), None);
    }
}
