//! Why what a schema declares about a column's contents cannot be used.

use thiserror::Error;

use crate::number::BadNumber;

/// Why a declared range is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadRange {
    /// An end is not a day.
    #[error("a date is written `YYYY-MM-DD`")]
    Date,
    /// An end is no point in time.
    #[error("a timestamp is written `YYYY-MM-DDTHH:MM:SS`, to the microsecond and without a time zone")]
    Timestamp,
    /// An end is no number of the column's form.
    #[error("{0}")]
    End(#[from] BadNumber),
    /// The ends are the wrong way round.
    #[error("min `{min}` is above max `{max}`")]
    Empty {
        /// Lower end as written.
        min: String,
        /// Upper end as written.
        max: String,
    },
}

/// Why a declared value is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadValue {
    /// No number of the column's form.
    #[error("{0}")]
    Number(#[from] BadNumber),
    /// Not a truth value.
    #[error("a boolean is `true` or `false`")]
    Boolean,
    /// Not a day.
    #[error("a date is written `YYYY-MM-DD`")]
    Date,
    /// No point in time.
    #[error("a timestamp is written `YYYY-MM-DDTHH:MM:SS`, to the microsecond and without a time zone")]
    Timestamp,
    /// Listed before.
    #[error("it is listed twice")]
    Twice,
}
