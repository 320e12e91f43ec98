//! What a receiver sees: a table of typed cells.

use contract::ColumnType;
use serde::{Deserialize, Serialize};

/// A query's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultTable {
    /// Columns in the order of the SELECT list.
    pub columns: Vec<ColumnHead>,
    /// One row per group that is shown, in the order of the group keys or of ORDER BY.
    pub rows: Vec<Vec<Cell>>,
    /// The keys of the groups that were withheld: they have fewer rows than the floor, or none, or rows of fewer
    /// contributors than are asked for, or, in a join, fewer rows of a table than its owners ask for.
    pub suppressed: Vec<Vec<Option<String>>>,
}

/// Name, type and unit of a result column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnHead {
    /// The alias, or a name made from the expression.
    pub name: String,
    /// What its cells hold.
    #[serde(rename = "type")]
    pub kind: CellType,
    /// Unit of measure; empty when there is none or none was declared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// The type of a result column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellType {
    /// True or false.
    Boolean,
    /// Exact integer.
    Integer,
    /// Exact decimal number.
    Decimal,
    /// Approximate number.
    Real,
    /// Text.
    Text,
    /// A day, written `YYYY-MM-DD`.
    Date,
    /// A point in time without a time zone, written `YYYY-MM-DDTHH:MM:SS`, and with up to six digits after a point.
    Timestamp,
}

impl CellType {
    /// As it is written in results.
    pub fn word(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Real => "real",
            Self::Text => "text",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
        }
    }

    /// The type of a group column's cells.
    pub(crate) fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Integer => Self::Integer,
            ColumnType::Decimal { .. } => Self::Decimal,
            ColumnType::Float { .. } => Self::Real,
            ColumnType::Text => Self::Text,
            ColumnType::Date => Self::Date,
            ColumnType::Timestamp => Self::Timestamp,
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "value", rename_all = "snake_case")]
pub enum Cell {
    /// SQL's NULL: there is no value.
    Null,
    /// The group is shown, but this aggregate covers fewer non-NULL values than the floor, so it was not opened.
    Withheld,
    /// True or false.
    Boolean(bool),
    /// Exact integer; travels as text, because JSON readers round large numbers.
    #[serde(with = "integer_as_text")]
    Integer(i128),
    /// Exact decimal number, written out.
    Decimal(String),
    /// Approximate number.
    Real(f64),
    /// Text.
    Text(String),
    /// A day, written `YYYY-MM-DD`.
    Date(String),
    /// A point in time, written as [`CellType::Timestamp`] says.
    Timestamp(String),
}

impl Cell {
    /// The cell as a number, if it is one; rounds to the nearest double.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Decimal(text) => text.parse().ok(),
            Self::Real(value) => Some(*value),
            Self::Null
            | Self::Withheld
            | Self::Boolean(_)
            | Self::Text(_)
            | Self::Date(_)
            | Self::Timestamp(_) => None,
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.pad("NULL"),
            Self::Withheld => f.pad("withheld"),
            Self::Boolean(value) => f.pad(if *value { "true" } else { "false" }),
            Self::Integer(value) => f.pad(&value.to_string()),
            Self::Decimal(text) | Self::Text(text) | Self::Date(text) | Self::Timestamp(text) => f.pad(text),
            Self::Real(value) => f.pad(&value.to_string()),
        }
    }
}

mod integer_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom(format_args!("`{text}` is not an integer")))
    }
}
