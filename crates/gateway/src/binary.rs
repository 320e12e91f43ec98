//! Values in PostgreSQL's binary format, which some drivers ask for always (the `*_send` functions of its source,
//! `numeric.c`, `date.c`, `timestamp.c`). Made from the text format, in which every result is.

use crate::wire::Type;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
const EPOCH: i64 = 10_957;
/// A numeric's digits are of this base.
const BASE_DIGITS: usize = 4;

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
