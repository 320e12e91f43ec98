//! Points in time as microseconds since 1970-01-01T00:00:00, in the proleptic Gregorian calendar and without a time zone.

use super::date;

/// Microseconds in a second and in a day.
const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// 0001-01-01T00:00:00.
pub(crate) const FIRST: i64 = -719_162 * DAY;
/// 9999-12-31T23:59:59.999999.
pub(crate) const LAST: i64 = 2_932_897 * DAY - 1;

/// Reads `YYYY-MM-DDTHH:MM[:SS[.ffffff]]`, also with a blank for the T; more digits than six must be zeros. A time zone is
/// none of it.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (day, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', ' '])?;
    let (time, micros) = match time.split_once('.') {
        Some((time, fraction)) if time.len() == 8 => (time, fraction_micros(fraction)?),
        Some(_) => return None,
        None => (time, 0),
    };
    let mut parts = time.split(':');
    let (hour, minute) = (below(parts.next()?, 24)?, below(parts.next()?, 60)?);
    let second = parts.next().map_or(Some(0), |second| below(second, 60))?;
    if parts.next().is_some() {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(i64::from(date::parse(day)?) * DAY + seconds * SECOND + micros)
}

/// Writes `YYYY-MM-DDTHH:MM:SS`, and what is left behind the point as far as it is not zero.
pub(crate) fn format(micros: i64) -> String {
    let (day, of_day) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    // Days of any 64 bits of microseconds fit into 32.
    let day = date::format(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX }));
    let (seconds, micros) = (of_day / SECOND, of_day % SECOND);
    let fraction = format!(".{micros:06}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{day}T{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Two digits.
fn below(digits: &str, end: i64) -> Option<i64> {
    let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number < end)
}

fn fraction_micros(digits: &str) -> Option<i64> {
    let is_number = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let nanos: i64 = format!("{digits:0<9}").parse().ok().filter(|_| is_number)?;
    (nanos % 1000 == 0).then_some(nanos / 1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_points_in_time() {
        for (text, micros) in [
            ("1970-01-01T00:00:00", 0),
            ("1969-12-31T23:59:59.999999", -1),
            ("2024-02-29T07:08:09.1234", 1_709_190_489_123_400),
            ("0001-01-01T00:00:00", FIRST),
            ("9999-12-31T23:59:59.999999", LAST),
        ] {
            assert_eq!((parse(text), format(micros).as_str()), (Some(micros), text));
        }
        let same = parse("2024-02-29T07:08:00");
        for other in ["2024-02-29 07:08", "2024-02-29T07:08", "2024-02-29 07:08:00.000000000"] {
            assert_eq!(parse(other), same, "{other}");
        }
    }

    #[test]
    fn what_is_no_point_in_time_or_has_a_zone_is_refused() {
        for text in [
            "2024-02-29",
            "2024-02-29T",
            "2024-02-29T07",
            "2024-02-30T07:08:09",
            "2024-02-29T24:00:00",
            "2024-02-29T07:60:00",
            "2024-02-29T07:08:60",
            "2024-02-29T07:08:09Z",
            "2024-02-29T07:08:09+02:00",
            "2024-02-29T07:08:09.",
            "2024-02-29T07:08:09.1234567",
            "2024-02-29T07:08.5",
            "2024-02-29T7:08:09",
            "2024-02-29T+7:08:09",
            "2024-02-29  07:08:09",
            "2024-02-2éT07:08:09",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_point_in_time_round_trips(micros in FIRST..=LAST) {
            prop_assert_eq!(parse(&format(micros)), Some(micros));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}", micros in any::<i64>()) {
            let _ = (parse(&text), format(micros));
        }
    }
}
