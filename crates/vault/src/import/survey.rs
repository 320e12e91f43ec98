//! What the values of one column have in common: its type, and what to suggest to its owner.

use std::collections::BTreeSet;

use contract::ColumnType;

use super::declaration::FLOAT_SCALE;
use crate::value::{
    Value, convert, date,
    number::{DIGITS_MAX, Decimal, Numeral},
    timestamp,
};

/// More distinct texts than this are no list of values.
pub(crate) const DISTINCT_MAX: usize = 32;

/// Longer texts are no names of groups.
const DISTINCT_BYTES_MAX: usize = 256;

/// Texts that often mean a missing value. They are not taken for one unless the owner says so.
const MARKERS: [&str; 14] =
    ["NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "Null", "null", "None", "none", "?", "-", "."];

/// Collects in one pass over a column, in memory that doesn't grow with it.
#[derive(Debug)]
pub(crate) struct Survey {
    missing: u64,
    seen: u64,
    boolean: bool,
    date: bool,
    timestamp: bool,
    number: Numbers,
    marker: Option<Marker>,
    distinct: Option<BTreeSet<Box<str>>>,
    extremes: Option<(f64, f64)>,
}

/// A text that may mean a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) text: &'static str,
    pub(crate) line: u64,
}

/// Why a column of texts is of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// No value at all.
    Empty,
    /// Every value is of the type.
    All,
    /// The text on this line is of no other type.
    NotANumber { line: u64 },
    /// The number on this line starts with a zero, as codes do.
    LeadingZero { line: u64 },
    /// The number on this line is an integer of more than 64 bits, or larger than any double.
    TooLarge { line: u64 },
    /// Written with exponents, or with more digits than a decimal has.
    Inexact,
    /// But for a text that may mean a missing value, the column would be of another type.
    Marked { marker: Marker, otherwise: ColumnType },
}

/// Whether and how the texts seen so far are numbers.
#[derive(Clone, Copy, Debug)]
enum Numbers {
    /// With this many digits before and after the point at most.
    Possible { whole_digits: usize, fraction_digits: usize, exponent: bool },
    /// One of them is not.
    Excluded(Because),
}

impl Survey {
    pub(crate) fn new() -> Self {
        Self {
            missing: 0,
            seen: 0,
            boolean: true,
            date: true,
            timestamp: true,
            number: Numbers::Possible { whole_digits: 0, fraction_digits: 0, exponent: false },
            marker: None,
            distinct: Some(BTreeSet::new()),
            extremes: None,
        }
    }

    /// Takes in one value. `line` only serves to say where.
    pub(crate) fn see(&mut self, value: Value<'_>, line: u64) {
        if value == Value::Missing {
            self.missing += 1;
            return;
        }
        if let Value::Text(text) = value {
            self.see_distinct(text);
            self.see_text(text.trim(), line);
        } else {
            self.seen += 1;
            if matches!(value, Value::Number(_) | Value::Float(_)) {
                self.see_number(convert::to_float(value));
            }
        }
    }

    /// The type that a column of texts has, and why.
    pub(crate) fn guess(&self) -> (ColumnType, Because) {
        let (kind, because) = self.guess_without_markers();
        match self.marker {
            Some(marker) if self.seen > 0 && kind != ColumnType::Text => {
                (ColumnType::Text, Because::Marked { marker, otherwise: kind })
            }
            Some(_) if self.seen == 0 => (ColumnType::Text, Because::All),
            _ => (kind, because),
        }
    }

    /// How many values are missing.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// The distinct texts, unless there are more than [`DISTINCT_MAX`] or long ones.
    pub(crate) fn distinct(&self) -> Option<&BTreeSet<Box<str>>> {
        self.distinct.as_ref().filter(|set| !set.is_empty())
    }

    /// The smallest and the largest number, as doubles.
    pub(crate) fn extremes(&self) -> Option<(f64, f64)> {
        self.extremes
    }

    fn see_text(&mut self, text: &str, line: u64) {
        if let Some(text) = MARKERS.into_iter().find(|marker| *marker == text) {
            self.marker.get_or_insert(Marker { text, line });
            return;
        }
        self.seen += 1;
        self.boolean &= convert::to_boolean(Value::Text(text)).is_some();
        self.date = self.date && date::parse(text).is_some();
        self.timestamp = self.timestamp && timestamp::parse(text).is_some();
        if let Numbers::Possible { whole_digits, fraction_digits, exponent } = &mut self.number {
            match number(text, line) {
                Ok(numeral) => {
                    *whole_digits = (*whole_digits).max(numeral.whole_digits);
                    *fraction_digits = (*fraction_digits).max(numeral.fraction_digits);
                    *exponent |= numeral.exponent;
                    self.see_number(text.parse().ok());
                }
                Err(because) => self.number = Numbers::Excluded(because),
            }
        }
    }

    fn see_distinct(&mut self, text: &str) {
        let Some(set) = &mut self.distinct else { return };
        if set.contains(text) {
            return;
        }
        if set.len() == DISTINCT_MAX || text.len() > DISTINCT_BYTES_MAX {
            self.distinct = None;
        } else {
            set.insert(text.into());
        }
    }

    fn see_number(&mut self, number: Option<f64>) {
        let Some(number) = number.filter(|number| number.is_finite()) else { return };
        let (low, high) = self.extremes.unwrap_or((number, number));
        self.extremes = Some((low.min(number), high.max(number)));
    }

    fn guess_without_markers(&self) -> (ColumnType, Because) {
        if self.seen == 0 {
            return (ColumnType::Text, Because::Empty);
        }
        if self.boolean {
            return (ColumnType::Boolean, Because::All);
        }
        if self.date {
            return (ColumnType::Date, Because::All);
        }
        if self.timestamp {
            return (ColumnType::Timestamp, Because::All);
        }
        match self.number {
            Numbers::Excluded(because) => (ColumnType::Text, because),
            Numbers::Possible { exponent: false, fraction_digits: 0, .. } => {
                (ColumnType::Integer, Because::All)
            }
            Numbers::Possible { exponent: false, whole_digits, fraction_digits }
                if whole_digits + fraction_digits <= usize::from(DIGITS_MAX) =>
            {
                let scale = u8::try_from(fraction_digits).unwrap_or(DIGITS_MAX);
                (ColumnType::Decimal { scale }, Because::All)
            }
            Numbers::Possible { .. } => (ColumnType::Float { scale: FLOAT_SCALE }, Because::Inexact),
        }
    }
}

/// Reads a text as a number, unless reading it so would lose something that the text says.
fn number(text: &str, line: u64) -> Result<Numeral, Because> {
    let numeral = Numeral::parse(text).ok_or(Because::NotANumber { line })?;
    if numeral.leading_zero {
        return Err(Because::LeadingZero { line });
    }
    let whole = numeral.fraction_digits == 0 && !numeral.exponent;
    let fits = |value: Decimal| i64::try_from(value.unscaled).is_ok();
    let kept =
        if whole { numeral.value.is_some_and(fits) } else { convert::to_float(Value::Text(text)).is_some() };
    if !kept {
        return Err(Because::TooLarge { line });
    }
    Ok(numeral)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guess(texts: &[&str]) -> (ColumnType, Because) {
        let mut survey = Survey::new();
        for (index, text) in texts.iter().enumerate() {
            let value = if text.is_empty() { Value::Missing } else { Value::Text(text) };
            survey.see(value, index as u64 + 2);
        }
        survey.guess()
    }

    #[test]
    fn columns_have_the_narrowest_type_that_loses_nothing() {
        let all = |kind| (kind, Because::All);
        assert_eq!(guess(&["1", "-2", "", " 3 "]), all(ColumnType::Integer));
        assert_eq!(guess(&["9223372036854775807"]), all(ColumnType::Integer));
        assert_eq!(guess(&["1", "2.50", "-.5"]), all(ColumnType::Decimal { scale: 2 }));
        assert_eq!(guess(&["true", "FALSE"]), all(ColumnType::Boolean));
        assert_eq!(guess(&["2024-02-29", "1969-07-20"]), all(ColumnType::Date));
        assert_eq!(guess(&["2024-02-29T07:08:09.5", "", "1969-07-20 20:17"]), all(ColumnType::Timestamp));
        assert_eq!(guess(&["1e3", "2"]), (ColumnType::Float { scale: 6 }, Because::Inexact));
        assert_eq!(guess(&["0.1234567890123456789"]), (ColumnType::Float { scale: 6 }, Because::Inexact));
        assert_eq!(guess(&["1234567890123", "0.123456"]), (ColumnType::Float { scale: 6 }, Because::Inexact));
    }

    #[test]
    fn what_reads_like_a_number_but_is_a_code_stays_text() {
        assert_eq!(guess(&["12", "007"]), (ColumnType::Text, Because::LeadingZero { line: 3 }));
        assert_eq!(guess(&["9223372036854775808"]), (ColumnType::Text, Because::TooLarge { line: 2 }));
        assert_eq!(guess(&["0.5", "1e310"]), (ColumnType::Text, Because::TooLarge { line: 3 }));
        assert_eq!(guess(&["1", "x", "y"]), (ColumnType::Text, Because::NotANumber { line: 3 }));
        assert_eq!(guess(&["true", "1"]), (ColumnType::Text, Because::NotANumber { line: 2 }));
        let days_too = guess(&["2024-02-29T07:08", "2024-02-29"]);
        assert_eq!(days_too, (ColumnType::Text, Because::NotANumber { line: 2 }));
        assert_eq!(guess(&["2024-02-29T07:08Z"]), (ColumnType::Text, Because::NotANumber { line: 2 }));
        assert_eq!(guess(&["", ""]), (ColumnType::Text, Because::Empty));
        assert_eq!(guess(&["NA"]), (ColumnType::Text, Because::All));
    }

    #[test]
    fn a_mark_for_missing_is_told_but_not_assumed() {
        let marker = Marker { text: "NA", line: 3 };
        let because = Because::Marked { marker, otherwise: ColumnType::Integer };
        assert_eq!(guess(&["1", "NA", "?", "2"]), (ColumnType::Text, because));
    }

    #[test]
    fn few_short_texts_are_counted_and_many_are_not_kept() {
        let mut survey = Survey::new();
        for number in 0..DISTINCT_MAX * 2 {
            survey.see(Value::Text(&(number % DISTINCT_MAX).to_string()), 1);
        }
        assert_eq!(survey.distinct().map(BTreeSet::len), Some(DISTINCT_MAX));
        survey.see(Value::Text("one more"), 1);
        assert_eq!(survey.distinct(), None);
    }

    proptest! {
        /// Whatever is guessed, every value that led to it can be converted.
        #[test]
        fn every_value_is_of_the_guessed_type(texts in prop::collection::vec(
            prop_oneof!["-?[0-9]{1,20}", "-?[0-9]{0,12}\\.[0-9]{0,9}", "[0-9]e-?[0-9]{1,3}", "true|false|NA", "2024-0[1-9]-[0-3][0-9]",
            "2024-0[1-9]-[0-2][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,9})?)?"],
            1..6,
        )) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (kind, _) = guess(&texts);
            for text in texts {
                let value = Value::Text(text);
                prop_assert!(match kind {
                    ColumnType::Boolean => convert::to_boolean(value).is_some(),
                    ColumnType::Integer => convert::to_integer(value).is_some(),
                    ColumnType::Decimal { scale } => convert::to_decimal(value, scale).is_some(),
                    ColumnType::Float { .. } => convert::to_float(value).is_some(),
                    ColumnType::Text => true,
                    ColumnType::Date => convert::to_date(value).is_some(),
                    ColumnType::Timestamp => convert::to_timestamp(value).is_some(),
                }, "{text} is not {kind:?}");
            }
        }
    }
}
