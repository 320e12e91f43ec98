//! Results of runs as tables that DataFusion reads, and what it computes as rows.

use std::sync::Arc;

use api::types::{contracts::DescribedColumn, runs::RunResult};
use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array,
        Int64Array, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Float32Type, Float64Type, Schema, TimeUnit, i256},
    error::ArrowError,
    record_batch::{RecordBatch, RecordBatchOptions},
    util::display::{ArrayFormatter, FormatOptions},
};

use super::unsupported;
use crate::{
    binary,
    refusal::{FAILED, Refusal},
    rows::{Columns, Row, cell, kind},
    wire::Type,
};

/// Digits up to which sums of some thousand values fit 128 bits for certain.
const NARROW_DIGITS: usize = 18;

/// A run's result with the columns that its contract describes; no rows for a contract that has not run.
pub(super) fn batch(columns: &[DescribedColumn], result: Option<&RunResult>) -> Result<RecordBatch, Refusal> {
    let other = |result: &RunResult| {
        let names = result.columns.iter().map(|column| &column.name);
        !names.eq(columns.iter().map(|column| &column.name))
    };
    if result.is_some_and(other) {
        return Err(foreign("the result has other columns than its contract describes"));
    }
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        let cells =
            result.into_iter().flat_map(|result| &result.rows).map(|row| row.get(place).and_then(cell));
        let cells: Vec<Option<String>> = cells.collect();
        let array = array(kind(&column.kind, column.is_wide), &cells)
            .ok_or_else(|| foreign(&format!("a value of column \"{}\" is of another type", column.name)))?;
        fields.push(Field::new(&column.name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let rows = result.map_or(0, |result| result.rows.len());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| foreign(&error.to_string()))
}

fn foreign(message: &str) -> Refusal {
    Refusal::new(FAILED, message, "is the node of the same release as this gateway?")
}

/// Values of a type, from their texts; `None` when one is none of it.
fn array(kind: Type, cells: &[Option<String>]) -> Option<ArrayRef> {
    fn each<T>(cells: &[Option<String>], value: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
        let value = |cell: &Option<String>| match cell {
            Some(text) => value(text).map(Some),
            None => Some(None),
        };
        cells.iter().map(value).collect()
    }
    Some(match kind {
        Type::Boolean => Arc::new(BooleanArray::from(each(cells, |text| match text {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        })?)),
        Type::Integer => Arc::new(Int64Array::from(each(cells, |text| text.parse().ok())?)),
        Type::Float => Arc::new(Float64Array::from(each(cells, |text| text.parse().ok())?)),
        Type::Text => Arc::new(StringArray::from_iter(cells)),
        Type::Date => Arc::new(Date32Array::from(each(cells, binary::unix_day)?)),
        Type::Timestamp => {
            let values = each(cells, |text| binary::unix_micros(&text.replacen('T', " ", 1)))?;
            Arc::new(TimestampMicrosecondArray::from(values))
        }
        Type::Numeric => numbers(cells)?,
    })
}

/// Exact numbers, all with as many digits after the point as one of them has.
fn numbers(cells: &[Option<String>]) -> Option<ArrayRef> {
    let parts = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        (whole.trim_start_matches('-').len(), fraction.len())
    };
    let sizes = || cells.iter().flatten().map(|text| parts(text));
    let scale = sizes().map(|(_, fraction)| fraction).max().unwrap_or(0);
    let whole = sizes().map(|(whole, _)| whole).max().unwrap_or(0);
    let digits = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{fraction:0<scale$}")
    };
    let places = i8::try_from(scale).ok()?;
    if whole + scale <= NARROW_DIGITS {
        let value = |cell: &Option<String>| match cell {
            Some(text) => digits(text).parse::<i128>().ok().map(Some),
            None => Some(None),
        };
        let values = cells.iter().map(value).collect::<Option<Vec<_>>>()?;
        return Some(Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, places).ok()?));
    }
    let value = |cell: &Option<String>| match cell {
        Some(text) => i256::from_string(&digits(text)).map(Some),
        None => Some(None),
    };
    let values = cells.iter().map(value).collect::<Option<Vec<_>>>()?;
    Some(Arc::new(Decimal256Array::from(values).with_precision_and_scale(76, places).ok()?))
}

/// The columns of what a plan gives; types that no client could read are refused by name.
pub(super) fn columns(schema: &Schema) -> Result<Columns, Refusal> {
    let column = |field: &Arc<Field>| {
        let name = super::columns::shown(field.name()).to_owned();
        let kind = match field.data_type() {
            DataType::Boolean => Type::Boolean,
            integer if integer.is_integer() => Type::Integer,
            DataType::Decimal32(..) | DataType::Decimal64(..) => Type::Numeric,
            DataType::Decimal128(..) | DataType::Decimal256(..) => Type::Numeric,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Type::Float,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Type::Text,
            DataType::Date32 | DataType::Date64 => Type::Date,
            DataType::Timestamp(..) => Type::Timestamp,
            // A time of day has no type of its own here.
            DataType::Time32(_) | DataType::Time64(_) => Type::Text,
            other => return Err(unsupported(format!("column \"{name}\" of type {other}"))),
        };
        Ok((name, kind))
    };
    schema.fields().iter().map(column).collect()
}

/// The rows of a batch in PostgreSQL's text format.
pub(super) fn rows(batch: &RecordBatch) -> Result<Vec<Row>, ArrowError> {
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for array in batch.columns() {
        for (row, text) in rows.iter_mut().zip(texts(array, ["f", "t"])?) {
            row.push(text);
        }
    }
    Ok(rows)
}

/// Values as PostgreSQL writes them; truth values in words of their own.
pub(super) fn texts(array: &ArrayRef, [no, yes]: [&str; 2]) -> Result<Row, ArrowError> {
    let point = "%Y-%m-%d %H:%M:%S%.f";
    let options = FormatOptions::new()
        .with_timestamp_format(Some(point))
        .with_timestamp_tz_format(Some(point))
        .with_date_format(Some("%Y-%m-%d"));
    // Of timestamps PostgreSQL keeps microseconds.
    let array = match array.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            &arrow::compute::cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?
        }
        _ => array,
    };
    let formatter = ArrayFormatter::try_new(array, &options)?;
    let text = |place| match array.data_type() {
        _ if array.is_null(place) => None,
        DataType::Null => None,
        DataType::Boolean if array.as_boolean().value(place) => Some(yes.to_owned()),
        DataType::Boolean => Some(no.to_owned()),
        DataType::Float32 => Some(float(f64::from(array.as_primitive::<Float32Type>().value(place)))),
        DataType::Float64 => Some(float(array.as_primitive::<Float64Type>().value(place))),
        DataType::Timestamp(..) => Some(point_in_time(formatter.value(place).to_string())),
        _ => Some(formatter.value(place).to_string()),
    };
    Ok((0..array.len()).map(text).collect())
}

/// As PostgreSQL writes a `double precision`: the shortest that reads back as the same.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let text = format!("{value:e}");
    match text.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent)) if !(-4..15).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

/// Without zeros at the end of a second's parts.
fn point_in_time(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
