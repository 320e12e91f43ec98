//! One cell of a table on its way from a file into a column.

pub(crate) mod convert;
pub(crate) mod date;
pub(crate) mod number;
pub(crate) mod timestamp;

use arrow::datatypes::TimeUnit;
use number::Decimal;

/// A cell as its file gives it. CSV knows only text; Parquet is typed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// No value: an empty CSV field, a Parquet null, or a text that the owner declared to mean missing.
    Missing,
    /// True or false.
    Boolean(bool),
    /// An exact number; integers have scale 0.
    Number(Decimal),
    /// A binary floating-point number, possibly infinite or not a number.
    Float(f64),
    /// UTF-8 text, which may spell a value of any type.
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// So many of a unit since 1970-01-01T00:00:00.
    Timestamp(i64, TimeUnit),
}
