//! Parquet files: typed already, read once in small batches.

use std::{
    fs::File,
    panic::{self, AssertUnwindSafe},
};

use arrow::datatypes::DataType;
use contract::ColumnType;
use parquet::{
    arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    basic::Compression,
    file::metadata::ParquetMetaData,
};

use super::{
    cells::Rows,
    declaration::FLOAT_SCALE,
    error::ImportError,
    notes::{self, ColumnNote},
    plan::{self, Planned},
    sink::{Keep, Sink},
    survey::Survey,
};
use crate::{ImportRequest, Vault, value::number::DIGITS_MAX};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1024;

pub(crate) fn import<'v>(
    vault: &'v Vault,
    file: &File,
    request: &ImportRequest<'_>,
) -> Result<(Sink<'v>, Vec<ColumnNote>), ImportError> {
    let builder = open(file, request)?;
    let fields = builder.schema().fields().clone();
    let columns = plan::columns(fields.iter().map(|field| field.name().as_str()), request.columns)?;
    let mut kinds = Vec::with_capacity(columns.len());
    let mut read_as = Vec::with_capacity(columns.len());
    for (field, column) in fields.iter().zip(&columns) {
        let header = || column.header.clone();
        if let DataType::Timestamp(_, Some(zone)) = field.data_type() {
            return Err(ImportError::TimeZone { column: header(), zone: zone.to_string() });
        }
        let found = || field.data_type().to_string();
        let (kind, arrow) = column_type(field.data_type())
            .ok_or_else(|| ImportError::ColumnType { column: header(), found: found() })?;
        kinds.push(column.declared.kind.unwrap_or(kind));
        read_as.push(arrow);
    }
    check_compression(builder.metadata(), &columns)?;
    let mut sink = Sink::new(Keep::Bytes(vault), columns.iter().zip(kinds))?;
    let mut surveys: Vec<_> = columns.iter().map(|_| Survey::new()).collect();
    let mut reader = contain(|| builder.with_batch_size(BATCH_ROWS).build().map_err(unreadable))?;
    while let Some(batch) = contain(|| reader.next().transpose().map_err(unreadable))? {
        let rows = Rows::of(&batch, &read_as).map_err(unreadable)?;
        rows.copy(&columns, &mut surveys, &mut sink)?;
    }
    let notes = columns.iter().zip(&sink.schema().columns).zip(&surveys);
    let notes = notes.map(|((planned, column), survey)| notes::note(planned, column, None, survey)).collect();
    Ok((sink, notes))
}

fn open(
    file: &File,
    request: &ImportRequest<'_>,
) -> Result<ParquetRecordBatchReaderBuilder<File>, ImportError> {
    let file = file.try_clone().map_err(ImportError::file(request.file))?;
    // The columns' types alone say what they hold; the writer's embedded Arrow schema could only contradict them.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    contain(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(unreadable))
}

/// Runs a step of the Parquet reader, which panics on some damaged files where it should return an error.
///
/// The caller gives up the reader after an error, so that nobody sees the state a panic left it in.
fn contain<T>(step: impl FnOnce() -> Result<T, ImportError>) -> Result<T, ImportError> {
    panic::catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(unreadable(text.unwrap_or("it is damaged")))
    })
}

/// The column type for a Parquet column, and the Arrow type to convert its values to first.
fn column_type(found: &DataType) -> Option<(ColumnType, DataType)> {
    Some(match found {
        DataType::Boolean => (ColumnType::Boolean, DataType::Boolean),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => (ColumnType::Integer, DataType::Int64),
        // Values above 2^63 are refused with their row.
        DataType::UInt64 => (ColumnType::Integer, DataType::Decimal128(20, 0)),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            (ColumnType::Float { scale: FLOAT_SCALE }, DataType::Float64)
        }
        // Values of more than 18 digits are refused with their row.
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            let digits = u8::try_from(*scale).ok().filter(|scale| *scale <= DIGITS_MAX)?;
            (ColumnType::Decimal { scale: digits }, DataType::Decimal128(38, *scale))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (ColumnType::Text, DataType::Utf8),
        DataType::Date32 => (ColumnType::Date, DataType::Date32),
        // What is no whole number of microseconds is refused with its row.
        DataType::Timestamp(unit, None) => (ColumnType::Timestamp, DataType::Timestamp(*unit, None)),
        _ => return None,
    })
}

/// Refuses what this build cannot decompress before anything is written.
fn check_compression(metadata: &ParquetMetaData, columns: &[Planned]) -> Result<(), ImportError> {
    for group in metadata.row_groups() {
        for (chunk, column) in group.columns().iter().zip(columns) {
            let compression = chunk.compression();
            if !matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_))
            {
                let (column, found) = (column.header.clone(), compression.to_string());
                return Err(ImportError::Compression { column, found });
            }
        }
    }
    Ok(())
}

fn unreadable(error: impl std::fmt::Display) -> ImportError {
    ImportError::Parquet { reason: error.to_string() }
}
