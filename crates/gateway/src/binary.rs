//! Values in PostgreSQL's binary format, which some drivers ask for always (the `*_send` functions of its source,
//! `numeric.c`, `date.c`, `timestamp.c`). Made from the text format, in which every result is.

use crate::wire::Type;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
const EPOCH: i64 = 10_957;
/// A numeric's digits are of this base.
const BASE_DIGITS: usize = 4;
/// Digits of a number that is read, on either side of its point.
const DIGITS_MAX: usize = 100;

/// A value of a type, from its text; `None` when it is none.
pub(crate) fn binary(kind: Type, text: &str) -> Option<Vec<u8>> {
    Some(match kind {
        Type::Boolean => match text {
            "t" => vec![1],
            "f" => vec![0],
            _ => return None,
        },
        Type::Integer => text.parse::<i64>().ok()?.to_be_bytes().to_vec(),
        Type::Float => text.parse::<f64>().ok()?.to_be_bytes().to_vec(),
        Type::Text => text.as_bytes().to_vec(),
        Type::Date => date(text)?.to_be_bytes().to_vec(),
        Type::Timestamp => timestamp(text)?.to_be_bytes().to_vec(),
        Type::Numeric => numeric(text)?,
    })
}

/// Days since 1970-01-01.
pub(crate) fn unix_day(text: &str) -> Option<i32> {
    date(text)?.checked_add(i32::try_from(EPOCH).ok()?)
}

/// Microseconds since 1970-01-01 00:00:00.
pub(crate) fn unix_micros(text: &str) -> Option<i64> {
    timestamp(text)?.checked_add(EPOCH * 86_400_000_000)
}

/// A date from days since 2000-01-01 (Howard Hinnant, as above, `civil_from_days`).
pub(crate) fn date_text(days: i32) -> Option<String> {
    let days = i64::from(days) + EPOCH + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let of_year_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_year_era + of_year_era / 4 - of_year_era / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let month = if part < 10 { part + 3 } else { part - 9 };
    let year = of_year_era + era * 400 + i64::from(month <= 2);
    (1..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// A number from the groups of digits that [`numeric`] writes.
pub(crate) fn numeric_text(bytes: &[u8]) -> Option<String> {
    let (words, rest) = bytes.as_chunks::<2>();
    let words: Vec<i16> = words.iter().map(|word| i16::from_be_bytes(*word)).collect();
    let [count, weight, sign, shown, digits @ ..] = words.as_slice() else { return None };
    let (count, shown) = (usize::try_from(*count).ok()?, usize::try_from(*shown).ok()?);
    let is_digit = |digit: &i16| (0..10_000).contains(digit);
    // NaN and the infinities have signs of their own.
    if !rest.is_empty()
        || digits.len() != count
        || !digits.iter().all(is_digit)
        || !matches!(sign, 0 | 0x4000)
    {
        return None;
    }
    if shown > DIGITS_MAX || usize::from(weight.unsigned_abs()) > DIGITS_MAX {
        return None;
    }
    let digit =
        |place: i64| usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
    let weight = i64::from(*weight);
    let whole: String =
        (0..=weight.max(0)).map(|place| format!("{:04}", digit(place - weight.min(0)))).collect();
    let whole = if weight < 0 { "0" } else { whole.trim_start_matches('0') };
    let groups = i64::try_from(shown.div_ceil(BASE_DIGITS)).ok()?;
    let fraction: String = (0..groups).map(|place| format!("{:04}", digit(weight + 1 + place))).collect();
    let sign = if *sign == 0 { "" } else { "-" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match fraction.get(..shown) {
        None | Some("") => format!("{sign}{whole}"),
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
    })
}

/// Number of digits, place of the first one, sign, digits shown after the point; then the digits to the base 10,000, without
/// zeros at either end.
fn numeric(text: &str) -> Option<Vec<u8>> {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => (0x4000_u16, number),
        None => (0, text),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // Whole groups of four on both sides of the point.
    let before = whole.len().div_ceil(BASE_DIGITS) * BASE_DIGITS;
    let after = fraction.len().div_ceil(BASE_DIGITS) * BASE_DIGITS;
    let padded = format!("{whole:0>before$}{fraction:0<after$}");
    let groups = padded.as_bytes().chunks(BASE_DIGITS);
    let value = |group: &[u8]| group.iter().fold(0_i16, |value, digit| value * 10 + i16::from(digit - b'0'));
    let mut digits: Vec<i16> = groups.map(value).collect();
    while digits.last() == Some(&0) {
        digits.pop();
    }
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..zeros);
    let weight = match digits.is_empty() {
        true => 0,
        false => i16::try_from(before / BASE_DIGITS).ok()? - 1 - i16::try_from(zeros).ok()?,
    };
    let sign = if digits.is_empty() { 0 } else { sign };
    let mut bytes = Vec::with_capacity(8 + 2 * digits.len());
    bytes.extend(i16::try_from(digits.len()).ok()?.to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(i16::try_from(fraction.len()).ok()?.to_be_bytes());
    bytes.extend(digits.into_iter().flat_map(i16::to_be_bytes));
    Some(bytes)
}

/// Days since 2000-01-01 (Howard Hinnant, *chrono-compatible low-level date algorithms*, `days_from_civil`).
fn date(text: &str) -> Option<i32> {
    let mut parts = text.rsplitn(3, '-');
    let day: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let year: i64 = parts.next()?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(-300_000..300_000).contains(&year) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    i32::try_from(days - EPOCH).ok()
}

/// Microseconds since 2000-01-01 00:00:00.
fn timestamp(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(' ')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<i64> = time
        .split(':')
        .map(|part| part.parse().ok().filter(|_| is_number(part) && part.len() == 2))
        .collect::<Option<_>>()?;
    let [hour @ 0..24, minute @ 0..60, second @ 0..60] = *parts.as_slice() else { return None };
    if !is_number(fraction) || fraction.len() > 6 {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let seconds = i64::from(date(day)?) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_are_no_value_have_no_bytes() {
        for (kind, text) in [
            (Type::Boolean, "true"),
            (Type::Integer, "9223372036854775808"),
            (Type::Float, "one"),
            (Type::Date, "2024-13-01"),
            (Type::Date, "today"),
            (Type::Timestamp, "2024-02-29"),
            (Type::Timestamp, "2024-02-29 24:00:00"),
            (Type::Timestamp, "2024-02-29 07:08"),
            (Type::Timestamp, "2024-02-29 07:08:09Z"),
            (Type::Timestamp, "2024-02-29 07:08:09.1234567"),
            (Type::Numeric, "1e5"),
            (Type::Numeric, ".5"),
            (Type::Numeric, "1.-2"),
        ] {
            assert_eq!(binary(kind, text), None, "{text}");
        }
    }

    #[test]
    fn numbers_and_dates_are_read_as_they_are_written() {
        for text in [
            "0",
            "12.50",
            "-0.00012",
            "30000000",
            "0.00",
            "123456789.5",
            "-7",
            "0.5",
            "0.00000001",
            "10000.0001",
        ] {
            assert_eq!(numeric_text(&numeric(text).unwrap()).as_deref(), Some(text));
        }
        for bytes in
            [&[][..], &[0, 1, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0xC0, 0, 0, 0], &[0, 0, 0, 0, 0, 0, 0, 0, 1]]
        {
            assert_eq!(numeric_text(bytes), None);
        }
        for text in ["2000-01-01", "1999-12-31", "2024-02-29", "0001-01-01", "2100-03-01"] {
            assert_eq!(date_text(date(text).unwrap()).as_deref(), Some(text));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_number_or_none(
            head in prop::collection::vec(-3_i16..6, 4),
            digits in prop::collection::vec(-1_i16..10_001, 0..6),
            bytes in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let words: Vec<u8> = head.into_iter().chain(digits).flat_map(i16::to_be_bytes).collect();
            for bytes in [words, bytes] {
                if let Some(text) = numeric_text(&bytes) {
                    prop_assert!(numeric(&text).is_some(), "{text}");
                }
            }
        }
    }

    #[test]
    fn days_count_from_the_year_2000() {
        for (text, days) in
            [("2000-01-01", 0), ("1999-12-31", -1), ("2024-02-29", 8_825), ("0001-01-01", -730_119)]
        {
            assert_eq!(date(text), Some(days), "{text}");
        }
    }

    /// As `SELECT timestamp_send(…)` of PostgreSQL 15 has them.
    #[test]
    fn points_in_time_count_microseconds_from_the_year_2000() {
        for (text, micros) in [
            ("2000-01-01 00:00:00", 0),
            ("1999-12-31 23:59:59.999999", -1),
            ("2024-02-29 07:08:09.1234", 762_505_689_123_400),
            ("0001-01-01 00:00:00", -63_082_281_600_000_000),
        ] {
            assert_eq!(timestamp(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn numbers_are_groups_of_four_digits() {
        let shown = |text: &str| {
            let bytes = numeric(text).unwrap();
            bytes.chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
        };
        assert_eq!(shown("12.50"), [2, 0, 0, 2, 12, 5000]);
        assert_eq!(shown("-0.00012"), [2, -1, 0x4000, 5, 1, 2000]);
        assert_eq!(shown("30000000"), [1, 1, 0, 0, 3000]);
        assert_eq!(shown("0.00"), [0, 0, 0, 2]);
        assert_eq!(shown("123456789.5"), [4, 2, 0, 1, 1, 2345, 6789, 5000]);
    }
}
