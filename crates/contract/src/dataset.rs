//! What a dataset's owner publishes about it: never the data, only its description.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Did, Hash, Terms};

/// One published version of a dataset, as it stands in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Unique name of the dataset in its owner's vault; stays the same from version to version.
    pub id: Hash,
    /// `owner/name`, for example `north/patients`; the path with version is `north/patients@1`.
    pub path: String,
    /// Counts from 1.
    pub version: u32,
    /// The member whose vault holds the data.
    pub owner: Did,
    /// One paragraph for people who search the catalog.
    pub description: String,
    /// Columns in order.
    pub schema: Schema,
    /// Number of rows of this version.
    pub rows: u64,
    /// Merkle root over the content-addressed chunks of this version.
    pub root: Hash,
    /// What the owner allows.
    pub terms: Terms,
}

impl Dataset {
    /// `owner/name@version`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.path, self.version)
    }
}

/// Splits `owner/name@version` into path and version; `None` for any other form. Versions count from 1 and have no
/// leading zero, so that a version has one reference.
pub fn parse_reference(reference: &str) -> Option<(&str, u32)> {
    let (path, version) = reference.split_once('@')?;
    let (owner, name) = path.split_once('/')?;
    let plain = |word: &str| {
        (1..=64).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let number: u32 = version.parse().ok()?;
    (plain(owner) && plain(name) && number > 0 && number.to_string() == version).then_some((path, number))
}

/// The columns of a dataset, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// At least one; names are unique.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether rows of both could stand in one table: the same names and types in the same order.
    /// Descriptions may differ; whatever else is declared may not.
    pub fn is_union_compatible(&self, other: &Self) -> bool {
        let shape = |schema: &Self| -> Vec<_> {
            schema.columns.iter().map(|c| Column { description: String::new(), ..c.clone() }).collect()
        };
        shape(self) == shape(other)
    }
}

/// One column: its type and what the owner declares about its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// `snake_case` by custom; unique in the schema.
    pub name: String,
    /// How values are stored and shared.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a value may be missing.
    pub nullable: bool,
    /// The unit of measure, for example `USD/year`; empty when there is none.
    #[serde(default)]
    pub unit: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The public list of values that the column may take; needed to group by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// The public range that every value lies in; needed to aggregate a number, and possible for dates and timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// The public bound on the bytes of every text, as UTF-8; needed to group by text without a list of values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u16>,
    /// Whether no two rows have the same value; rows without one may be many. Needed to group by columns of several
    /// joined tables that are not public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
}

impl Column {
    /// A column without missing values of which nothing more is declared.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        Self {
            name: name.into(),
            kind,
            nullable: false,
            unit: String::new(),
            description: String::new(),
            values: None,
            range: None,
            bytes_max: None,
            unique: false,
        }
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// 64-bit signed integer.
    Integer,
    /// Exact decimal number with `scale` digits after the point; at most 18 digits in all.
    Decimal {
        /// Digits after the point.
        scale: u8,
    },
    /// Binary floating point at home; rounded to `scale` digits after the point before anything is computed jointly.
    Float {
        /// Digits after the point that are kept.
        scale: u8,
    },
    /// UTF-8 text.
    Text,
    /// Days in the Gregorian calendar.
    Date,
    /// Points in time to the microsecond, without a time zone: a day of the Gregorian calendar and a time of day.
    Timestamp,
}

/// A closed interval: of numbers, both ends written as decimals (`"0"`, `"-12.5"`); of dates (`"2026-11-01"`) or of
/// timestamps (`"2026-11-01T07:30:00"`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Smallest value allowed.
    pub min: String,
    /// Largest value allowed.
    pub max: String,
}

/// The datasets that a contract names, by reference (`north/patients@1`).
pub type Datasets = BTreeMap<String, Dataset>;
