//! Which kinds of files can be imported.

use std::path::Path;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 in UTF-8, with a header, separated by commas. An empty field is a missing value, quoted or not.
    Csv,
    /// Apache Parquet without nested columns, not compressed or by Snappy or gzip.
    Parquet,
}

impl Format {
    /// Of a file, by the end of its name: `.csv` or `.parquet`.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        let is = |known: &str| extension.eq_ignore_ascii_case(known);
        if is("csv") {
            Some(Self::Csv)
        } else if is("parquet") {
            Some(Self::Parquet)
        } else {
            None
        }
    }
}
