//! Days of the proleptic Gregorian calendar as numbers, by Howard Hinnant, "chrono-Compatible Low-Level Date
//! Algorithms" (`days_from_civil`, `civil_from_days`): years start in March, so that leap days end them.

/// 0001-01-01, in days since 1970-01-01.
pub(crate) const FIRST: i32 = -719_162;
/// 9999-12-31.
pub(crate) const LAST: i32 = 2_932_896;

/// Days in 400 years.
const ERA: i32 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i32 = 719_468;

/// The days since 1970-01-01 of a day written `YYYY-MM-DD`, in years 0001 to 9999.
pub(crate) fn days(written: &str) -> Option<i32> {
    let mut parts = written.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let shaped = parts.next().is_none() && (year.len(), month.len(), day.len()) == (4, 2, 2);
    let (year, month, day): (i32, i32, i32) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    if !shaped || !(1..=12).contains(&month) {
        return None;
    }
    let days = number(year, month, day);
    // A day that the month lacks comes back as another one; so do signs and other spellings of a number.
    ((FIRST..=LAST).contains(&days) && text(days) == written).then_some(days)
}

/// Writes a day as `YYYY-MM-DD`.
pub(crate) fn text(days: i32) -> String {
    let shifted = days.saturating_add(EPOCH);
    let (era, day_of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01; `day` may lie outside the month.
fn number(year: i32, month: i32, day: i32) -> i32 {
    let year = year - i32::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA + day_of_era - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        for (written, expected) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("0001-01-01", FIRST),
            ("9999-12-31", LAST),
            ("1969-12-31", -1),
        ] {
            assert_eq!(days(written), Some(expected), "{written}");
        }
    }

    #[test]
    fn refuses_days_that_do_not_exist_and_other_spellings() {
        for written in [
            "2001-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-01",
            "+026-01-01",
            "0000-01-01",
            "2026-01-01-",
            "",
        ] {
            assert_eq!(days(written), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn every_day_round_trips(day in FIRST..=LAST) {
            prop_assert_eq!(days(&text(day)), Some(day));
        }

        #[test]
        fn agrees_with_arrow(day in FIRST..=LAST) {
            let time = arrow::temporal_conversions::date32_to_datetime(day).unwrap();
            prop_assert_eq!(time.format("%Y-%m-%d").to_string(), text(day));
        }
    }
}
