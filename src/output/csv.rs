//! Tables for other programs.

use std::io;

use crate::error::Error;

/// A table as RFC 4180 CSV with a line of heads.
pub(crate) fn csv<R: IntoIterator<Item = String>>(
    heads: impl IntoIterator<Item = String>,
    rows: impl IntoIterator<Item = R>,
) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let wrong = |error: csv::Error| Error::Output(io::Error::other(error));
    writer.write_record(heads.into_iter().collect::<Vec<_>>()).map_err(wrong)?;
    for row in rows {
        writer.write_record(row.into_iter().collect::<Vec<_>>()).map_err(wrong)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::Output(io::Error::other(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
