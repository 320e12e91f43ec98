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
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of the month.
fn civil(days: i32) -> (i32, i32, i32) {
    let shifted = days.saturating_add(EPOCH);
    let (era, day_of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i32::from(month <= 2), month, day)
}

/// A day moved by months, to the last day of a month where it is shorter, and then by days.
pub(crate) fn shifted(months: i32, days: i32, day: i32) -> Option<i32> {
    let (year, month, of_month) = civil(day);
    let since = year.checked_mul(12)?.checked_add(month - 1)?.checked_add(months)?;
    let (year, month) = (since.div_euclid(12), since.rem_euclid(12) + 1);
    // Far from what `number` can hold.
    if !(-100_000..=100_000).contains(&year) {
        return None;
    }
    let (first, next) = (number(year, month, 1), number(year + month / 12, month % 12 + 1, 1));
    (first + of_month - 1).min(next - 1).checked_add(days)
}

/// What EXTRACT takes of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    Quarter,
    Month,
    /// Of ISO 8601.
    Week,
    /// Of the month.
    Day,
    /// Of the year.
    DayOfYear,
    /// Of the week, from 0 for Sunday.
    DayOfWeek,
    /// Of the day; of a date 0, as it begins at midnight. So are minutes and seconds.
    Hour,
    Minute,
    /// Whole ones.
    Second,
}

impl Part {
    const ALL: [(&str, Self); 10] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("day", Self::Day),
        ("doy", Self::DayOfYear),
        ("dow", Self::DayOfWeek),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
    ];

    /// By SQL's name in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        variant(&Self::ALL, name)
    }

    /// SQL's name.
    pub(crate) fn name(self) -> &'static str {
        name(&Self::ALL, self)
    }

    /// Of a day.
    pub(crate) fn of(self, days: i32) -> i32 {
        let (year, month, day) = civil(days);
        match self {
            Self::Year => year,
            Self::Quarter => (month + 2) / 3,
            Self::Month => month,
            Self::Day => day,
            Self::DayOfYear => days - number(year, 1, 1) + 1,
            // 1970-01-01 was a Thursday.
            Self::DayOfWeek => days.saturating_add(4).rem_euclid(7),
            Self::Week => {
                // A week is of the year that its Thursday is in.
                let thursday = Period::Week.first(days) + 3;
                (thursday - number(civil(thursday).0, 1, 1)) / 7 + 1
            }
            Self::Hour | Self::Minute | Self::Second => 0,
        }
    }

    /// Whether it is of the time of day, which a date has not.
    pub(crate) fn is_of_time(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second)
    }

    /// Between what it lies, for days of a range.
    pub(crate) fn range(self, min: i32, max: i32) -> (i32, i32) {
        match self {
            Self::Year => (civil(min).0, civil(max).0),
            Self::Quarter => (1, 4),
            Self::Month => (1, 12),
            Self::Week => (1, 53),
            Self::Day => (1, 31),
            Self::DayOfYear => (1, 366),
            Self::DayOfWeek => (0, 6),
            Self::Hour => (0, 23),
            Self::Minute | Self::Second => (0, 59),
        }
    }
}

/// What DATE_TRUNC cuts time into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Year,
    Quarter,
    Month,
    /// From Monday on, as in ISO 8601.
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Period {
    const ALL: [(&str, Self); 8] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("day", Self::Day),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
    ];

    /// By SQL's name in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        variant(&Self::ALL, name)
    }

    /// SQL's name.
    pub(crate) fn name(self) -> &'static str {
        name(&Self::ALL, self)
    }

    /// Whether it is shorter than a day.
    pub(crate) fn is_of_time(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second)
    }

    /// The first day of the period that a day lies in.
    pub(crate) fn first(self, days: i32) -> i32 {
        let (year, month, _) = civil(days);
        match self {
            Self::Year => number(year, 1, 1),
            Self::Quarter => number(year, (month - 1) / 3 * 3 + 1, 1),
            Self::Month => number(year, month, 1),
            // 1970-01-01 was a Thursday.
            Self::Week => days - days.saturating_add(3).rem_euclid(7),
            Self::Day | Self::Hour | Self::Minute | Self::Second => days,
        }
    }
}

fn variant<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, variant)| *variant)
}

/// Every variant has a name.
fn name<T: PartialEq>(all: &[(&'static str, T)], variant: T) -> &'static str {
    all.iter().find(|(_, known)| *known == variant).map_or("", |(name, _)| name)
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
    use arrow::datatypes::{Date32Type, IntervalMonthDayNano};
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

    #[test]
    fn names_read_as_they_are_written() {
        use Part::{Day, DayOfWeek, DayOfYear, Hour, Minute, Month, Quarter, Second, Week, Year};
        for part in [Year, Quarter, Month, Week, Day, DayOfYear, DayOfWeek, Hour, Minute, Second] {
            assert_eq!(Part::named(part.name()), Some(part));
        }
        for period in Period::ALL.map(|(_, period)| period) {
            assert_eq!(Period::named(period.name()), Some(period));
        }
        assert_eq!((Part::named("century"), Period::named("")), (None, None));
    }

    proptest! {
        #[test]
        fn every_day_round_trips(day in FIRST..=LAST) {
            prop_assert_eq!(days(&text(day)), Some(day));
        }

        #[test]
        fn days_move_as_arrow_moves_them(day in -200_000_i32..200_000, months in -2400_i32..2400, days in -9000_i32..9000) {
            let interval = IntervalMonthDayNano::new(months, days, 0);
            prop_assert_eq!(shifted(months, days, day), Date32Type::add_month_day_nano_opt(day, interval));
        }

        #[test]
        fn a_period_s_first_day_is_in_it_and_the_day_before_is_not(day in FIRST..=LAST) {
            for (period, days) in [
                (Period::Day, 1), (Period::Week, 7), (Period::Month, 31), (Period::Quarter, 92), (Period::Year, 366),
            ] {
                let first = period.first(day);
                prop_assert!((FIRST..=day).contains(&first) && day - first < days);
                prop_assert_eq!(period.first(first), first);
                prop_assert!(period.first(first - 1) < first);
            }
            prop_assert_eq!(Period::Week.first(day).rem_euclid(7), 4, "Mondays, like 1970-01-05");
            prop_assert_eq!(text(Period::Year.first(day)), format!("{}-01-01", &text(day)[..4]));
        }

        #[test]
        fn agrees_with_arrow(day in FIRST..=LAST) {
            let time = arrow::temporal_conversions::date32_to_datetime(day).unwrap();
            prop_assert_eq!(time.format("%Y-%m-%d").to_string(), text(day));
            for (part, format) in [
                (Part::Year, "%Y"), (Part::Month, "%m"), (Part::Day, "%d"), (Part::DayOfYear, "%j"),
                (Part::DayOfWeek, "%w"), (Part::Week, "%V"),
            ] {
                prop_assert_eq!(time.format(format).to_string().parse(), Ok(part.of(day)), "{}", format);
            }
            for part in [Part::Quarter, Part::Month, Part::Day, Part::DayOfYear, Part::DayOfWeek, Part::Week] {
                let (min, max) = part.range(day, day);
                prop_assert!((min..=max).contains(&part.of(day)));
            }
            prop_assert_eq!(Part::Quarter.of(day), (Part::Month.of(day) - 1) / 3 + 1);
        }
    }
}
