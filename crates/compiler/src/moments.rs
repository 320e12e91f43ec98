//! Points in time as microseconds since 1970-01-01T00:00:00, without a time zone: a day of the [`calendar`] and a time of day.
//! A minute has 60 seconds, always.

use crate::calendar;

/// Microseconds in a second and in a day.
const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// 0001-01-01T00:00:00.
pub(crate) const FIRST: i64 = calendar::FIRST as i64 * DAY;
/// 9999-12-31T23:59:59.999999.
pub(crate) const LAST: i64 = (calendar::LAST as i64 + 1) * DAY - 1;

/// Reads `YYYY-MM-DDTHH:MM[:SS[.ffffff]]`, also with a blank for the T; digits after the sixth must be zeros.
pub(crate) fn micros(written: &str) -> Option<i64> {
    let (day, time) = written.split_at_checked(10)?;
    let time = time.strip_prefix(['T', ' '])?;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) if time.len() == 8 => (time, fraction),
        Some(_) => return None,
        None => (time, "0"),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = time.split(':').map(|part| {
        let number: i64 = part.parse().ok()?;
        (part.len() == 2 && digits(part)).then_some(number)
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if !(1..=9).contains(&fraction.len()) || !digits(fraction) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    let of_day = ((hour * 60 + minute) * 60 + second) * SECOND + nanos / 1000;
    (nanos % 1000 == 0).then_some(i64::from(calendar::days(day)?) * DAY + of_day)
}

/// Writes `YYYY-MM-DDTHH:MM:SS`, and what is left behind the point as far as it is not zero.
pub(crate) fn text(micros: i64) -> String {
    let (day, of_day) = split(micros);
    let (seconds, micros) = (of_day / SECOND, of_day % SECOND);
    let fraction = format!(".{micros:06}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}{fraction}", calendar::text(day))
}

/// The day, and the time of day in microseconds.
pub(crate) fn split(micros: i64) -> (i32, i64) {
    // Days of any 64 bits of microseconds fit into 32.
    (i32::try_from(micros.div_euclid(DAY)).unwrap_or(0), micros.rem_euclid(DAY))
}

/// A day's beginning.
pub(crate) fn midnight(day: i32) -> i64 {
    i64::from(day).saturating_mul(DAY)
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{AsArray, StringArray, TimestampMicrosecondArray},
        compute::cast,
        datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    };
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_points_in_time() {
        for (written, expected) in [
            ("1970-01-01T00:00:00", 0),
            ("1969-12-31T23:59:59.999999", -1),
            ("2024-02-29T07:08:09.1234", 1_709_190_489_123_400),
            ("0001-01-01T00:00:00", FIRST),
            ("9999-12-31T23:59:59.999999", LAST),
        ] {
            assert_eq!((micros(written), text(expected).as_str()), (Some(expected), written));
        }
        assert_eq!(micros("2024-02-29 07:08"), micros("2024-02-29T07:08:00.000000000"));
    }

    #[test]
    fn refuses_what_is_no_point_in_time_and_time_zones() {
        for written in [
            "2024-02-29",
            "2024-02-30T07:08:09",
            "2024-02-29T24:00:00",
            "2024-02-29T07:08:60",
            "2024-02-29T07:08:09Z",
            "2024-02-29T07:08:09+02",
            "2024-02-29T07:08:09.1234567",
            "2024-02-29T07:08.5",
            "2024-02-29T+7:08:09",
            "2024-02-2éT07:08:09",
            "",
        ] {
            assert_eq!(micros(written), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn every_point_in_time_round_trips(at in FIRST..=LAST) {
            prop_assert_eq!(micros(&text(at)), Some(at));
        }

        /// Arrow reads what is written, and writes what is read.
        #[test]
        fn agrees_with_arrow(at in FIRST..=LAST) {
            let kind = DataType::Timestamp(TimeUnit::Microsecond, None);
            let read = cast(&StringArray::from(vec![text(at)]), &kind).unwrap();
            prop_assert_eq!(read.as_primitive::<TimestampMicrosecondType>().value(0), at);
            let written = cast(&TimestampMicrosecondArray::from(vec![at]), &DataType::Utf8).unwrap();
            prop_assert_eq!(micros(written.as_string::<i32>().value(0)), Some(at));
        }
    }
}
