//! ISO 8601 calendar dates as days since 1970-01-01, in the proleptic Gregorian calendar.

/// Reads `YYYY-MM-DD` with a year from 0001 to 9999.
pub(crate) fn parse(text: &str) -> Option<i32> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return None };
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_i32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    (year >= 1 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day))
        .then(|| to_days(year, month, day))
}

/// Writes `YYYY-MM-DD`; a year beyond four digits is written in full.
pub(crate) fn format(days: i32) -> String {
    // Hinnant, "chrono-compatible low-level date algorithms", civil_from_days; 64 bits hold every i32 day.
    let shifted = i64::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Hinnant, days_from_civil, for years from 1 on.
fn to_days(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in(year: i32, month: i32) -> i32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let first = parse("1799-12-31").unwrap();
        for days in first..first + 146_097 + 366 {
            assert_eq!(parse(&format(days)), Some(days));
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2000-02-29"), Some(11_016));
        assert_eq!(parse("0001-01-01"), Some(-719_162));
        assert_eq!(parse("9999-12-31"), Some(2_932_896));
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in
            ["1900-02-29", "2023-13-01", "2023-00-10", "2023-04-31", "0000-01-01", "2023-1-1", "20230101"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["2023/01/01", "2023-01-01 ", "+023-01-01", "２023-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(format(i32::MAX), "5881580-07-11");
        assert_eq!(format(i32::MIN), "-5877641-06-23");
    }
}
