//! What a text becomes, and how long it is: functions of stages, and of public lists of values, which are the same. They
//! give one value at all times and fail on none.

use std::{fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, StringArray},
    datatypes::DataType,
};
use datafusion::{
    common::exec_err,
    error::DataFusionError,
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
};

/// What a text becomes. Letters are those of Unicode; changes of case are those of its SpecialCasing, in no language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Lower,
    Upper,
    /// Without blanks at both ends.
    Trim,
    TrimStart,
    TrimEnd,
    /// The first letters.
    Left(u16),
    /// The last letters.
    Right(u16),
    /// From a letter on, counted from 1; so many, or all.
    Cut(u16, Option<u16>),
}

impl Change {
    pub(crate) fn of(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::Trim => text.trim_matches(' ').to_owned(),
            Self::TrimStart => text.trim_start_matches(' ').to_owned(),
            Self::TrimEnd => text.trim_end_matches(' ').to_owned(),
            Self::Left(count) => text.chars().take(count.into()).collect(),
            Self::Right(count) => {
                let all = text.chars().count();
                text.chars().skip(all.saturating_sub(count.into())).collect()
            }
            Self::Cut(from, count) => {
                let rest = text.chars().skip(usize::from(from).saturating_sub(1));
                rest.take(count.map_or(usize::MAX, usize::from)).collect()
            }
        }
    }

    /// How many bytes it has at most, of a text of so many.
    pub(crate) fn bytes_max(self, most: u16) -> Option<u16> {
        match self {
            // A letter of two bytes becomes three of two at most (U+0390).
            Self::Lower | Self::Upper => most.checked_mul(3),
            Self::Trim | Self::TrimStart | Self::TrimEnd | Self::Cut(_, None) => Some(most),
            // A letter has four bytes at most.
            Self::Left(count) | Self::Right(count) | Self::Cut(_, Some(count)) => {
                Some(most.min(count.saturating_mul(4)))
            }
        }
    }

    /// As SQL calls it.
    pub(crate) fn call(self, of: &str) -> String {
        match self {
            Self::Lower => format!("lower({of})"),
            Self::Upper => format!("upper({of})"),
            Self::Trim => format!("trim({of})"),
            Self::TrimStart => format!("ltrim({of})"),
            Self::TrimEnd => format!("rtrim({of})"),
            Self::Left(count) => format!("left({of}, {count})"),
            Self::Right(count) => format!("right({of}, {count})"),
            Self::Cut(from, None) => format!("substring({of}, {from})"),
            Self::Cut(from, Some(count)) => format!("substring({of}, {from}, {count})"),
        }
    }

    /// As a stage writes it.
    pub(crate) fn sql(self, of: &str) -> String {
        format!("{TEXT_CHANGED}('{self}', {of})")
    }

    fn read(written: &str) -> Option<Self> {
        let mut words = written.split(' ');
        let (name, mut number) = (words.next()?, || words.next()?.parse().ok());
        Some(match name {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "trim" => Self::Trim,
            "ltrim" => Self::TrimStart,
            "rtrim" => Self::TrimEnd,
            "left" => Self::Left(number()?),
            "right" => Self::Right(number()?),
            "substring" => Self::Cut(number()?, number()),
            _ => return None,
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lower => f.write_str("lower"),
            Self::Upper => f.write_str("upper"),
            Self::Trim => f.write_str("trim"),
            Self::TrimStart => f.write_str("ltrim"),
            Self::TrimEnd => f.write_str("rtrim"),
            Self::Left(count) => write!(f, "left {count}"),
            Self::Right(count) => write!(f, "right {count}"),
            Self::Cut(from, None) => write!(f, "substring {from}"),
            Self::Cut(from, Some(count)) => write!(f, "substring {from} {count}"),
        }
    }
}

/// How long a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Letters,
    Bytes,
}

impl Length {
    pub(crate) fn of(self, text: &str) -> usize {
        match self {
            Self::Letters => text.chars().count(),
            Self::Bytes => text.len(),
        }
    }

    /// As SQL calls it.
    pub(crate) fn call(self, of: &str) -> String {
        match self {
            Self::Letters => format!("length({of})"),
            Self::Bytes => format!("octet_length({of})"),
        }
    }

    /// As a stage writes it.
    pub(crate) fn sql(self, of: &str) -> String {
        let unit = if self == Self::Letters { "letters" } else { "bytes" };
        format!("{TEXT_LENGTH}('{unit}', {of})")
    }

    fn read(written: &str) -> Option<Self> {
        match written {
            "letters" => Some(Self::Letters),
            "bytes" => Some(Self::Bytes),
            _ => None,
        }
    }
}

/// `text_changed(change, text)`.
const TEXT_CHANGED: &str = "text_changed";
/// `text_length(unit, text)`.
const TEXT_LENGTH: &str = "text_length";

/// The functions of stages, to be registered.
pub(crate) fn functions() -> [ScalarUDF; 2] {
    let texts = vec![DataType::Utf8, DataType::Utf8];
    let changed = |arguments: &[ColumnarValue]| {
        let [changes, texts] = pair(arguments)?;
        let pairs = changes.as_string::<i32>().iter().zip(texts.as_string::<i32>().iter());
        let all = pairs.map(|(change, text)| Some(Change::read(change?)?.of(text?)));
        Ok(ColumnarValue::Array(Arc::new(all.collect::<StringArray>())))
    };
    let length = |arguments: &[ColumnarValue]| {
        let [units, texts] = pair(arguments)?;
        let pairs = units.as_string::<i32>().iter().zip(texts.as_string::<i32>().iter());
        let all = pairs.map(|(unit, text)| i64::try_from(Length::read(unit?)?.of(text?)).ok());
        Ok(ColumnarValue::Array(Arc::new(all.collect::<Int64Array>())))
    };
    [
        create_udf(TEXT_CHANGED, texts.clone(), DataType::Utf8, Volatility::Immutable, Arc::new(changed)),
        create_udf(TEXT_LENGTH, texts, DataType::Int64, Volatility::Immutable, Arc::new(length)),
    ]
}

fn pair(arguments: &[ColumnarValue]) -> Result<[ArrayRef; 2], DataFusionError> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let [first, second] = arrays.as_slice() else {
        return exec_err!("{TEXT_CHANGED} and {TEXT_LENGTH} take what to do and a text");
    };
    let text = |array| arrow::compute::cast(array, &DataType::Utf8);
    Ok([text(first)?, text(second)?])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Change;

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            Just(Change::Lower),
            Just(Change::Upper),
            Just(Change::Trim),
            Just(Change::TrimStart),
            Just(Change::TrimEnd),
            (0_u16..9).prop_map(Change::Left),
            (0_u16..9).prop_map(Change::Right),
            (1_u16..9, prop::option::of(0_u16..9)).prop_map(|(from, count)| Change::Cut(from, count)),
        ]
    }

    proptest! {
        /// What is shared of it has room for that many bytes and no more.
        #[test]
        fn no_text_gets_longer_than_is_said(change in change(), text in "\\PC{0,12}") {
            let most = change.bytes_max(text.len() as u16).unwrap();
            prop_assert!(change.of(&text).len() <= usize::from(most), "{change} of {text:?}");
            prop_assert_eq!(Change::read(&change.to_string()), Some(change));
        }
    }

    #[test]
    fn every_letter_keeps_within_the_bound_of_its_cases() {
        for letter in '\0'..=char::MAX {
            let text = letter.to_string();
            for change in [Change::Lower, Change::Upper] {
                assert!(change.of(&text).len() <= 3 * text.len(), "{letter:?}");
            }
        }
    }
}
