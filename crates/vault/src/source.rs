//! Tables that stay where they are: what a vault asks of whoever can read them.
//!
//! The vault itself opens no connection; a node gives it a [`Source`] that does.

use std::{error::Error, fmt};

use arrow::array::RecordBatch;
use contract::ColumnType;
use serde::{Deserialize, Serialize};

/// Where the rows of a linked dataset are. Holds no secret: it stands in the version's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Server and database, as a URL without a password.
    pub url: String,
    /// The table or view, as `schema.table`.
    pub table: String,
    /// The columns, as the table names them, that put its rows in order. No two rows have the same values there.
    pub order_by: Vec<String>,
}

/// Why a table cannot be read: in words for its owner, without a value of it and without a secret.
pub type SourceFailure = Box<dyn Error + Send + Sync>;

/// Reads tables that stay where they are.
pub trait Source: fmt::Debug + Send + Sync {
    /// Begins to read a table in one snapshot, in the order of its key: the columns of these names, or all. A key that
    /// is not among them orders the rows all the same.
    ///
    /// # Errors
    /// When the table cannot be reached or is none whose rows have a type and an order.
    fn open(&self, location: &Location, columns: Option<&[String]>) -> Result<SourceTable, SourceFailure>;
}

/// A table while it is read.
pub struct SourceTable {
    /// In the order of the batches' columns.
    pub columns: Vec<SourceColumn>,
    /// The rows, in batches of some thousand at most, so that a reader's memory stays small.
    pub batches: Box<dyn Iterator<Item = Result<RecordBatch, SourceFailure>> + Send>,
}

/// A column of a table that stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceColumn {
    /// As the table names it.
    pub name: String,
    /// How its values come: booleans as `Boolean`, integers as `Int64`, decimals as `Decimal128(38, scale)`, floats as
    /// `Float64`, text as `Utf8`, dates as `Date32`, timestamps as `Timestamp(Microsecond)`. `None` for numbers without
    /// a fixed scale, which come as `Utf8` and need a declared type.
    pub kind: Option<ColumnType>,
}

impl fmt::Debug for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTable").field("columns", &self.columns).finish_non_exhaustive()
    }
}
