//! What an owner declares about a column, as a value and as TOML.

use std::collections::BTreeMap;

use contract::{ColumnType, Range};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::value::number::DIGITS_MAX;

/// Digits after the point that are kept of a float column when its owner declares nothing.
pub(crate) const FLOAT_SCALE: u8 = 6;

/// What an owner declares about one column. Everything but `null_as` is published with the dataset; import verifies
/// that every value obeys it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Instead of the inferred type; written as [`parse_type`] reads it.
    #[serde(default, rename = "type", with = "type_text", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// Whether values may be missing; they may unless declared otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// The unit of measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Every value that the column may take; for text, integers, dates and timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// The smallest and the largest value allowed; for integers, decimals, floats, dates and timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// The most bytes that a text may have, as UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u16>,
    /// Whether no two rows have the same value; for integers, dates, timestamps and text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Texts that mean a missing value, for example `NA`. In Parquet, `NaN` also stands for floats that are no number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_as: Vec<String>,
}

/// Why a declaration cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationFault {
    /// A scale beyond what a column can hold.
    #[error("`type` keeps {found} digits after the point, at most {DIGITS_MAX} are possible")]
    Scale {
        /// The scale declared.
        found: u8,
    },
    /// A range for a type that has none.
    #[error("a column of type {kind} has no `range`; only numbers, dates and timestamps have one")]
    RangeNotForType {
        /// The column's type.
        kind: String,
    },
    /// A bound that is not a value of the column.
    #[error("`range` has the bound `{bound}`, expected {expected}")]
    Bound {
        /// As declared.
        bound: String,
        /// What would be one.
        expected: String,
    },
    /// Nothing lies between the bounds.
    #[error("`range` is empty: `{min}` is larger than `{max}`")]
    RangeEmpty {
        /// The lower bound.
        min: String,
        /// The upper bound.
        max: String,
    },
    /// A list of values for a type that has none.
    #[error("a column of type {kind} has no `values`; only text, integers, dates and timestamps have them")]
    ValuesNotForType {
        /// The column's type.
        kind: String,
    },
    /// A bound on bytes for a type without text.
    #[error("a column of type {kind} has no `bytes_max`; only text has it")]
    BytesNotForType {
        /// The column's type.
        kind: String,
    },
    /// Values that cannot be told apart reliably, or of which there are two.
    #[error("a column of type {kind} cannot be `unique`; only integers, dates, timestamps and text can")]
    UniqueNotForType {
        /// The column's type.
        kind: String,
    },
    /// A list of values without any, or with more than can be published.
    #[error("`values` lists {found} values, expected 1 to {limit}")]
    ValuesCount {
        /// How many are declared.
        found: usize,
        /// How many are possible.
        limit: usize,
    },
    /// A listed value that the column cannot hold.
    #[error("`values` lists `{value}`, expected {expected}")]
    Value {
        /// As declared.
        value: String,
        /// What would be one.
        expected: String,
    },
    /// A value listed more than once, perhaps in two spellings.
    #[error("`values` lists `{value}` twice")]
    ValueTwice {
        /// As declared the second time.
        value: String,
    },
    /// A text for people that is too long to publish.
    #[error("`{field}` has {found} bytes, at most {limit} are possible")]
    TextTooLong {
        /// `unit`, `description` or `null_as`.
        field: &'static str,
        /// Its length.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// Why the text of a `--column` flag cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// Not TOML, or not the fields of a declaration.
    #[error("`{flag}` cannot be read: {reason}; write for example `age = {{ unit = \"years\" }}`")]
    NotReadable {
        /// The text given.
        flag: String,
        /// What the TOML reader said.
        reason: String,
    },
    /// TOML, but of no or of several columns.
    #[error("`{flag}` declares {found} columns, expected one")]
    NotOneColumn {
        /// The text given.
        flag: String,
        /// How many it declares.
        found: usize,
    },
}

/// Reads a column and its declaration from one line of TOML: `age = { type = "integer", unit = "years" }`.
///
/// # Errors
/// [`FlagError`].
pub fn parse_flag(flag: &str) -> Result<(String, Declaration), FlagError> {
    let columns: BTreeMap<String, Declaration> = toml::from_str(flag).map_err(|error| {
        FlagError::NotReadable { flag: flag.to_owned(), reason: error.message().to_owned() }
    })?;
    let found = columns.len();
    match columns.into_iter().next() {
        Some(column) if found == 1 => Ok(column),
        _ => Err(FlagError::NotOneColumn { flag: flag.to_owned(), found }),
    }
}

/// The flag to give to `treaty data import`, quoted for a shell: `--column 'age = { unit = "years" }'`.
pub fn flag(column: &str, declaration: &Declaration) -> String {
    // A declaration is a table of texts, lists and booleans: it always has a TOML form.
    let mut declared = String::new();
    let written = declaration.serialize(toml::ser::ValueSerializer::new(&mut declared));
    debug_assert!(written.is_ok(), "{written:?}");
    let key = toml::Value::from(column).to_string();
    let bare = column.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !column.is_empty();
    let key = if bare { column } else { &key };
    format!("--column '{}'", format!("{key} = {declared}").replace('\'', r"'\''"))
}

/// A type as people write it: `integer`, `decimal(2)`, `float(6)`, `boolean`, `text`, `date`, `timestamp`.
pub fn type_name(kind: ColumnType) -> String {
    match kind {
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Integer => "integer".to_owned(),
        ColumnType::Decimal { scale } => format!("decimal({scale})"),
        ColumnType::Float { scale } => format!("float({scale})"),
        ColumnType::Text => "text".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Timestamp => "timestamp".to_owned(),
    }
}

/// Reads what [`type_name`] writes; `float` alone keeps six digits after the point.
pub fn parse_type(text: &str) -> Option<ColumnType> {
    let scale = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix(')')?.parse::<u8>().ok();
    match text {
        "boolean" => Some(ColumnType::Boolean),
        "integer" => Some(ColumnType::Integer),
        "float" => Some(ColumnType::Float { scale: FLOAT_SCALE }),
        "text" => Some(ColumnType::Text),
        "date" => Some(ColumnType::Date),
        "timestamp" => Some(ColumnType::Timestamp),
        _ => scale("decimal(")
            .map(|scale| ColumnType::Decimal { scale })
            .or_else(|| scale("float(").map(|scale| ColumnType::Float { scale })),
    }
}

/// What a value of a type looks like, for messages that say what was expected.
pub(crate) fn expected(kind: ColumnType) -> String {
    match kind {
        ColumnType::Boolean => "`true` or `false`".to_owned(),
        ColumnType::Integer => "an integer of at most 64 bits".to_owned(),
        ColumnType::Decimal { scale } => {
            format!("a decimal number with at most {scale} digits after the point and {DIGITS_MAX} in all")
        }
        ColumnType::Float { .. } => "a finite number".to_owned(),
        ColumnType::Text => "text".to_owned(),
        ColumnType::Date => "a date written YYYY-MM-DD".to_owned(),
        ColumnType::Timestamp => {
            "a timestamp written YYYY-MM-DDTHH:MM:SS, to the microsecond and without a time zone".to_owned()
        }
    }
}

mod type_text {
    use super::{ColumnType, Deserialize, Deserializer, Serializer, de, parse_type, type_name};

    pub(super) fn serialize<S: Serializer>(kind: &Option<ColumnType>, to: S) -> Result<S::Ok, S::Error> {
        match kind {
            Some(kind) => to.serialize_str(&type_name(*kind)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ColumnType>, D::Error> {
        let text = String::deserialize(from)?;
        parse_type(&text).map(Some).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not a type; expected integer, decimal(2), float(6), boolean, text, date or \
                 timestamp"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_flag_reads_back_as_what_it_declares() {
        let declaration = Declaration {
            kind: Some(ColumnType::Decimal { scale: 2 }),
            nullable: Some(false),
            unit: Some("USD/year".to_owned()),
            description: None,
            values: Some(vec!["it's".to_owned(), "a \"b\", c".to_owned()]),
            range: Some(Range { min: "0".to_owned(), max: "9.5".to_owned() }),
            bytes_max: Some(40),
            unique: true,
            null_as: vec!["NA".to_owned()],
        };
        for column in ["salary", "yrs.since phd", ""] {
            let flag = flag(column, &declaration);
            let shell = flag.strip_prefix("--column '").unwrap().strip_suffix('\'').unwrap();
            let parsed = parse_flag(&shell.replace(r"'\''", "'")).unwrap();
            assert_eq!(parsed, (column.to_owned(), declaration.clone()));
        }
        let unit = Declaration { unit: Some("years".to_owned()), ..Declaration::default() };
        assert_eq!(flag("age", &unit), r#"--column 'age = { unit = "years" }'"#);
    }

    #[test]
    fn flags_that_mean_nothing_are_refused() {
        assert!(matches!(parse_flag("age"), Err(FlagError::NotReadable { .. })));
        assert!(matches!(parse_flag("age = { size = 3 }"), Err(FlagError::NotReadable { .. })));
        assert!(matches!(parse_flag("age = { type = \"number\" }"), Err(FlagError::NotReadable { .. })));
        assert!(matches!(parse_flag("a = {}\nb = {}"), Err(FlagError::NotOneColumn { found: 2, .. })));
        assert!(matches!(parse_flag(""), Err(FlagError::NotOneColumn { found: 0, .. })));
    }

    #[test]
    fn types_read_as_they_are_written() {
        let kinds = [
            ColumnType::Boolean,
            ColumnType::Integer,
            ColumnType::Decimal { scale: 0 },
            ColumnType::Float { scale: 18 },
            ColumnType::Text,
            ColumnType::Date,
            ColumnType::Timestamp,
        ];
        for kind in kinds {
            assert_eq!(parse_type(&type_name(kind)), Some(kind));
        }
        for text in ["", "Integer", "decimal", "decimal()", "decimal(-1)", "decimal(300)", "decimal(2"] {
            assert_eq!(parse_type(text), None, "{text}");
        }
    }
}
