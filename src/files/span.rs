//! Spans of time as people write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A span in whole seconds, written as a number with `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(u64);

/// The longest span: a hundred years.
const SECONDS_MAX: u64 = 100 * 366 * 86_400;

impl Span {
    /// So many days.
    pub(crate) const fn days(days: u64) -> Self {
        Self(days * 86_400)
    }

    /// The span in seconds.
    pub(crate) const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("`{text}` is not a span of time; expected for example `90s`, `15m`, `12h` or `7d`");
        let unit = match text.chars().next_back() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(refused()),
        };
        let digits = text.get(..text.len() - 1).unwrap_or_default();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let count: u64 = digits.parse().map_err(|_| refused())?;
        count.checked_mul(unit).filter(|seconds| *seconds <= SECONDS_MAX).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_nonsense_is_refused() {
        let seconds = ["90s", "15m", "12h", "7d"].map(|text| text.parse::<Span>().map(Span::seconds));
        assert_eq!(seconds, [Ok(90), Ok(900), Ok(43_200), Ok(604_800)]);
        for text in ["", "s", "7", "d7", "-1d", "+1d", "1.5h", "1w", "99999999999999999999d", "40000d", "7é"]
        {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
