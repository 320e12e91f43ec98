//! Points in time as microseconds since 1970-01-01T00:00:00, without a time zone: a day of the [`calendar`] and a time of day.
//! A minute has 60 seconds, always.

use crate::calendar::{self, Part, Period};

/// Microseconds in each.
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

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

/// What EXTRACT takes of a point in time; seconds are whole ones.
pub(crate) fn part(part: Part, micros: i64) -> i32 {
    let (day, of_day) = split(micros);
    let whole = match part {
        Part::Hour => of_day / HOUR,
        Part::Minute => of_day / MINUTE % 60,
        Part::Second => of_day / SECOND % 60,
        _ => return part.of(day),
    };
    // Below 60.
    whole as i32
}

/// The beginning of the period that a point in time lies in.
pub(crate) fn first(period: Period, micros: i64) -> i64 {
    match length(period) {
        Some(length) => micros - micros.rem_euclid(length),
        None => midnight(period.first(split(micros).0)),
    }
}

/// The beginnings of all periods that a range has a part of, unless they are more than `most`.
pub(crate) fn firsts(period: Period, min: i64, max: i64, most: usize) -> Option<Vec<i64>> {
    let mut all = Vec::new();
    let mut at = first(period, min);
    while at <= max {
        if all.len() == most {
            return None;
        }
        all.push(at);
        at = match (length(period), period) {
            (Some(length), _) => at.checked_add(length)?,
            (None, Period::Week) => at.checked_add(7 * DAY)?,
            (None, Period::Month) => shifted(1, 0, 0, at)?,
            (None, Period::Quarter) => shifted(3, 0, 0, at)?,
            (None, _) => shifted(12, 0, 0, at)?,
        };
    }
    Some(all)
}

/// How long a period is, if all of its kind begin at a multiple of that.
fn length(period: Period) -> Option<i64> {
    match period {
        Period::Second => Some(SECOND),
        Period::Minute => Some(MINUTE),
        Period::Hour => Some(HOUR),
        Period::Day => Some(DAY),
        Period::Week | Period::Month | Period::Quarter | Period::Year => None,
    }
}

/// A point in time moved by months, to the last day of a month where it is shorter, then by days, and then by microseconds.
pub(crate) fn shifted(months: i32, days: i32, micros: i64, at: i64) -> Option<i64> {
    let (day, of_day) = split(at);
    let day = i64::from(calendar::shifted(months, days, day)?);
    day.checked_mul(DAY)?.checked_add(of_day)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{AsArray, IntervalMonthDayNanoArray, StringArray, TimestampMicrosecondArray},
        compute::{cast, kernels::numeric::add},
        datatypes::{DataType, IntervalMonthDayNano, TimeUnit, TimestampMicrosecondType},
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

    #[test]
    fn the_beginnings_of_periods_are_counted_up_to_a_bound() {
        let at = |written: &str| micros(written).unwrap();
        let texts = |period, min: &str, max: &str, most| {
            let all = firsts(period, at(min), at(max), most)?;
            Some(all.into_iter().map(text).collect::<Vec<_>>())
        };
        let days = texts(Period::Day, "2024-02-28T23:00", "2024-03-01T00:00", 3).unwrap();
        assert_eq!(days, ["2024-02-28T00:00:00", "2024-02-29T00:00:00", "2024-03-01T00:00:00"]);
        assert_eq!(texts(Period::Day, "2024-02-28T23:00", "2024-03-01T00:00", 2), None);
        let quarters = texts(Period::Quarter, "2023-12-31T23:59", "2024-04-01T00:00", 9).unwrap();
        assert_eq!(quarters, ["2023-10-01T00:00:00", "2024-01-01T00:00:00", "2024-04-01T00:00:00"]);
        let weeks = texts(Period::Week, "2024-02-29T07:00", "2024-03-04T00:00", 9).unwrap();
        assert_eq!(weeks, ["2024-02-26T00:00:00", "2024-03-04T00:00:00"]);
        assert_eq!(texts(Period::Second, "0001-01-01T00:00", "9999-12-31T00:00", 400), None);
    }

    proptest! {
        #[test]
        fn a_period_s_beginning_is_in_it_and_what_is_before_is_not(at in FIRST..=LAST) {
            for name in ["year", "quarter", "month", "week", "day", "hour", "minute", "second"] {
                let period = Period::named(name).unwrap();
                let begins = first(period, at);
                prop_assert!(begins <= at && first(period, begins) == begins, "{}", name);
                prop_assert!(first(period, begins - 1) < begins, "{}", name);
                prop_assert_eq!(firsts(period, at, at, 1), Some(vec![begins]));
            }
        }

        #[test]
        fn parts_agree_with_arrow(at in FIRST..=LAST) {
            let time = arrow::temporal_conversions::timestamp_us_to_datetime(at).unwrap();
            for (name, format) in [
                ("year", "%Y"), ("month", "%m"), ("day", "%d"), ("doy", "%j"), ("dow", "%w"), ("week", "%V"),
                ("hour", "%H"), ("minute", "%M"), ("second", "%S"),
            ] {
                let part = Part::named(name).unwrap();
                let found = super::part(part, at);
                prop_assert_eq!(time.format(format).to_string().parse(), Ok(found), "{}", name);
                let (min, max) = part.range(split(at).0, split(at).0);
                prop_assert!((min..=max).contains(&found));
            }
        }

        #[test]
        fn points_in_time_move_as_arrow_moves_them(
            at in -200_000 * DAY..200_000 * DAY, months in -2400_i32..2400, days in -9000_i32..9000, micros in -9 * DAY..9 * DAY,
        ) {
            let interval = IntervalMonthDayNano::new(months, days, micros * 1000);
            let interval = IntervalMonthDayNanoArray::from(vec![interval]);
            let moved = add(&TimestampMicrosecondArray::from(vec![at]), &interval).unwrap();
            let expected = moved.as_primitive::<TimestampMicrosecondType>().value(0);
            prop_assert_eq!(shifted(months, days, micros, at), Some(expected));
        }

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
