//! Why a file cannot be imported. Values are never shown: these texts may end in logs, the file is at hand.

use std::{fmt, io, path::PathBuf};

use contract::ColumnType;

use super::{COLUMNS_MAX, declaration::expected};
use crate::{CsvFault, DeclarationFault, SourceFailure, VaultError};

/// What is wrong with the file, with what was declared about it, or with the vault.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A name that no dataset may have.
    #[error(
        "`{name}` cannot name a dataset; use lower-case letters, digits, `_` and `-`, at most 63, a letter first: \
         for example `{suggestion}`"
    )]
    DatasetName {
        /// The name asked for.
        name: String,
        /// One that would do.
        suggestion: String,
    },
    /// A description that is too long to publish.
    #[error("the description has {found} bytes, at most {limit} are possible")]
    DescriptionTooLong {
        /// Its length.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The operating system cannot read the file.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not CSV as RFC 4180 has it.
    #[error(transparent)]
    Csv(#[from] CsvFault),
    /// The header is one name with other separators in it.
    #[error(
        "the header has one column, `{header}`, and looks separated by {separator}; write it with commas"
    )]
    OtherSeparator {
        /// The header.
        header: String,
        /// A semicolon, a tab or a bar.
        separator: &'static str,
    },
    /// More columns than a dataset may have, or none.
    #[error("the file has {found} columns, expected 1 to {COLUMNS_MAX}")]
    ColumnCount {
        /// How many there are.
        found: usize,
    },
    /// A column name that no rule turns into a plain one.
    #[error("column {position} is named `{header}`: rename it in the file, for example to `{suggestion}`")]
    ColumnName {
        /// Counted from 1.
        position: usize,
        /// The name in the file.
        header: String,
        /// One that would do.
        suggestion: String,
    },
    /// Two columns of one name, perhaps in two spellings.
    #[error("columns {first} and {second} are both named `{column}`: rename one in the file")]
    ColumnTwice {
        /// The name as it would stand in the schema.
        column: String,
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
    },
    /// Something is declared about a column that the file doesn't have.
    #[error("`{column}` is declared, but the file has no such column; it has: {known}")]
    UnknownColumn {
        /// As declared.
        column: String,
        /// The columns there are.
        known: String,
    },
    /// Two declarations for one column, by its name in the file and by its name in the schema.
    #[error("column `{column}` is declared twice, in two spellings: declare it once")]
    DeclaredTwice {
        /// The name in the schema.
        column: String,
    },
    /// What is declared about a column makes no sense.
    #[error("column `{column}`: {fault}")]
    Declaration {
        /// The column.
        column: String,
        /// What is wrong with it.
        fault: DeclarationFault,
    },
    /// A value that the column may not hold.
    #[error("{place}, column `{column}`: {breach}")]
    Cell {
        /// Where in the file.
        place: Place,
        /// The column.
        column: String,
        /// What the value offends against.
        breach: Breach,
    },
    /// The file is not Parquet, or damaged.
    #[error("the file cannot be read as Parquet: {reason}")]
    Parquet {
        /// What the reader found.
        reason: String,
    },
    /// A Parquet column of a type that cannot be computed on.
    #[error(
        "column `{column}` has the Parquet type {found}; expected booleans, integers, floats, decimals of at most \
         18 digits, text, dates or timestamps: convert it or leave it out"
    )]
    ColumnType {
        /// The column.
        column: String,
        /// Its type in the file.
        found: String,
    },
    /// A Parquet column of timestamps that have a time zone.
    #[error(
        "column `{column}` holds timestamps with a time zone, {zone}; a timestamp here has none: write it in one zone's \
         time and without it (pandas: `.dt.tz_convert('UTC').dt.tz_localize(None)`), or leave it out"
    )]
    TimeZone {
        /// The column.
        column: String,
        /// The zone in the file.
        zone: String,
    },
    /// A Parquet column compressed by a method that this build does not read.
    #[error("column `{column}` is compressed by {found}; write the file with snappy, gzip or no compression")]
    Compression {
        /// The column.
        column: String,
        /// The method.
        found: String,
    },
    /// A linked column of numbers without a fixed scale, about whose type nothing is declared.
    #[error(
        "column `{column}` holds numbers without a fixed number of digits after the point: declare \
         `type = \"decimal(N)\"`, or `float(N)` if they may be rounded"
    )]
    ScaleNotDeclared {
        /// The column.
        column: String,
    },
    /// A table that was to be linked cannot be read.
    #[error("{0}")]
    Source(SourceFailure),
    /// More rows or versions than a manifest can list.
    #[error("the dataset is too large for one version; import it as several datasets")]
    TooLarge,
    /// The Arrow library does not write the converted columns.
    #[error("the converted columns cannot be written: {reason}")]
    NotWritable {
        /// What it said.
        reason: String,
    },
    /// The vault cannot be written.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// A row of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1, without the header.
    pub row: u64,
    /// The line on which the row starts, in a file that has lines.
    pub line: Option<u64>,
}

/// What a value offends against.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// Missing in a column that allows none.
    #[error("the value is missing, but the column is declared with `nullable = false`")]
    Missing,
    /// Not a value of the column's type.
    #[error("expected {}, found something else", expected(*kind))]
    NotOfType {
        /// The column's type.
        kind: ColumnType,
    },
    /// Outside the declared range.
    #[error("the value is outside the declared range from `{min}` to `{max}`")]
    OutOfRange {
        /// The lower bound.
        min: String,
        /// The upper bound.
        max: String,
    },
    /// Not one of the declared values.
    #[error("the value is not among the {count} declared `values`")]
    NotListed {
        /// How many are declared.
        count: usize,
    },
    /// In an earlier row, too, of a column that has each value once.
    #[error("an earlier row has the same value, but the column is declared with `unique = true`")]
    Repeated,
    /// Longer than a text may be.
    #[error("the text has {found} bytes, at most {limit} are allowed")]
    TextTooLong {
        /// Its length.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "row {} (line {line})", self.row),
            None => write!(f, "row {}", self.row),
        }
    }
}

impl ImportError {
    /// For `map_err`: the system's error with the file.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
