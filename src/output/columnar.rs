//! A run's result as Arrow and Parquet: columns with types for programs that compute on.
//!
//! Booleans, texts, dates, timestamps (to the microsecond) and approximate numbers have the types of those names. Integers are 64 bits wide, or decimals
//! of 38 digits where one does not fit; decimals have 38 digits and the column's own number after the point. What a
//! floor held back is NULL in its column and listed in the schema's metadata: `treaty.withheld` has the rows (from 0)
//! of each column, `treaty.suppressed` the keys of groups that are not there at all, `treaty.floor_rows` the floor. A
//! column's `unit` stands in its field's metadata, and how far its cells can be from exact ones as `error.relative` and
//! `error.absolute`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use api::types::runs::{ResultColumn, RunResult};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use crate::error::Error;

/// The result as an Arrow file.
pub(super) fn arrow_file(result: &RunResult) -> Result<Vec<u8>, Error> {
    let batch = batch(result)?;
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).map_err(wrong)?;
    writer.write(&batch).map_err(wrong)?;
    writer.into_inner().map_err(wrong)
}

/// The result as a Parquet file, compressed by snappy.
pub(super) fn parquet(result: &RunResult) -> Result<Vec<u8>, Error> {
    let batch = batch(result)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).map_err(wrong)?;
    writer.write(&batch).map_err(wrong)?;
    writer.into_inner().map_err(wrong)
}

fn batch(result: &RunResult) -> Result<RecordBatch, Error> {
    let mut fields = Vec::with_capacity(result.columns.len());
    let mut arrays = Vec::with_capacity(result.columns.len());
    let mut withheld: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, column) in result.columns.iter().enumerate() {
        let cells: Vec<&Value> =
            result.rows.iter().map(|row| row.get(place).unwrap_or(&Value::Null)).collect();
        let array = array(column, &cells)?;
        let unit = Some(("unit", column.unit.clone())).filter(|(_, unit)| !unit.is_empty());
        let error = column.error.iter().flat_map(|error| {
            [("error.relative", error.relative.to_string()), ("error.absolute", error.absolute.to_string())]
        });
        let about = unit.into_iter().chain(error).map(|(name, value)| (name.to_owned(), value)).collect();
        fields.push(Field::new(&column.name, array.data_type().clone(), true).with_metadata(about));
        arrays.push(array);
        let rows: Vec<_> =
            (0..cells.len()).filter(|row| cells.get(*row).is_some_and(|cell| cell.is_object())).collect();
        if !rows.is_empty() {
            withheld.insert(&column.name, rows);
        }
    }
    let text = |value: serde_json::Result<String>| value.map_err(wrong);
    let metadata = HashMap::from([
        ("treaty.floor_rows".to_owned(), result.floor_rows.to_string()),
        ("treaty.suppressed".to_owned(), text(serde_json::to_string(&result.suppressed))?),
        ("treaty.withheld".to_owned(), text(serde_json::to_string(&withheld))?),
    ]);
    let schema = Arc::new(Schema::new(fields).with_metadata(metadata));
    let options = RecordBatchOptions::new().with_row_count(Some(result.rows.len()));
    RecordBatch::try_new_with_options(schema, arrays, &options).map_err(wrong)
}

fn array(column: &ResultColumn, cells: &[&Value]) -> Result<ArrayRef, Error> {
    let unexpected = |cell: &Value| {
        let (name, kind) = (&column.name, &column.kind);
        wrong(format!("column `{name}` is declared {kind}, but the node sent {cell}"))
    };
    Ok(match column.kind.as_str() {
        "boolean" => Arc::new(BooleanArray::from(values(cells, Value::as_bool, unexpected)?)),
        "real" => Arc::new(Float64Array::from(values(cells, Value::as_f64, unexpected)?)),
        "integer" => integers(values(cells, whole, unexpected)?)?,
        "decimal" => decimals(values(cells, exact, unexpected)?)?,
        kind @ ("date" | "timestamp") => {
            let texts: StringArray = values(cells, text, unexpected)?.into_iter().collect();
            let of_kind = match kind {
                "date" => DataType::Date32,
                _ => DataType::Timestamp(TimeUnit::Microsecond, None),
            };
            let times = cast(&texts, &of_kind).map_err(wrong)?;
            // A text that is none would be NULL.
            if times.null_count() != texts.null_count() {
                return Err(wrong(format!("column `{}` holds what is no {kind}", column.name)));
            }
            times
        }
        "text" => Arc::new(values(cells, text, unexpected)?.into_iter().collect::<StringArray>()),
        kind => return Err(wrong(format!("column `{}` has the type `{kind}`, unknown here", column.name))),
    })
}

/// The cells' values; NULL and withheld cells have none.
fn values<'a, T>(
    cells: &[&'a Value],
    read: impl Fn(&'a Value) -> Option<T>,
    unexpected: impl Fn(&Value) -> Error,
) -> Result<Vec<Option<T>>, Error> {
    let value = |cell: &'a Value| match cell {
        Value::Null | Value::Object(_) => Ok(None),
        cell => read(cell).map(Some).ok_or_else(|| unexpected(cell)),
    };
    cells.iter().copied().map(value).collect()
}

fn text(cell: &Value) -> Option<String> {
    cell.as_str().map(str::to_owned)
}

/// A number with its digits after the point.
#[derive(Clone, Copy)]
struct Exact {
    unscaled: i128,
    scale: u8,
}

fn exact(cell: &Value) -> Option<Exact> {
    let text = match cell {
        Value::Number(number) => number.to_string(),
        cell => cell.as_str()?.to_owned(),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let unscaled = format!("{whole}{fraction}").parse().ok()?;
    Some(Exact { unscaled, scale: u8::try_from(fraction.len()).ok()? })
}

fn whole(cell: &Value) -> Option<Exact> {
    exact(cell).filter(|number| number.scale == 0)
}

fn integers(values: Vec<Option<Exact>>) -> Result<ArrayRef, Error> {
    let small: Option<Vec<Option<i64>>> = values
        .iter()
        .map(|value| value.map(|value| i64::try_from(value.unscaled)).transpose().ok())
        .collect();
    match small {
        Some(small) => Ok(Arc::new(Int64Array::from(small))),
        None => decimals(values),
    }
}

fn decimals(values: Vec<Option<Exact>>) -> Result<ArrayRef, Error> {
    let scale = values.iter().flatten().map(|value| value.scale).max().unwrap_or(0);
    let too_long = || wrong("a number with more than 38 digits");
    let scaled = values.into_iter().map(|value| {
        let Some(Exact { unscaled, scale: own }) = value else { return Ok(None) };
        let factor = 10_i128.checked_pow(u32::from(scale - own)).ok_or_else(too_long)?;
        unscaled.checked_mul(factor).map(Some).ok_or_else(too_long)
    });
    let array = Decimal128Array::from(scaled.collect::<Result<Vec<_>, Error>>()?);
    let scale = i8::try_from(scale).map_err(|_| too_long())?;
    let array = array.with_precision_and_scale(38, scale).map_err(wrong)?;
    array.validate_decimal_precision(38).map_err(wrong)?;
    Ok(Arc::new(array))
}

fn wrong(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Output(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use api::types::runs::ErrorBound;
    use arrow::array::{Date32Array, TimestampMicrosecondArray};
    use arrow::ipc::reader::FileReader;
    use serde_json::json;

    use super::*;

    fn result() -> RunResult {
        let column = |name: &str, kind: &str, unit: &str| ResultColumn {
            name: name.to_owned(),
            kind: kind.to_owned(),
            unit: unit.to_owned(),
            error: (kind == "real").then_some(ErrorBound { relative: 1e-9, absolute: 0.0 }),
        };
        RunResult {
            columns: vec![
                column("team", "text", ""),
                column("n", "integer", ""),
                column("large", "integer", ""),
                column("total", "decimal", "USD"),
                column("mean", "real", ""),
                column("open", "boolean", ""),
                column("day", "date", ""),
                column("at", "timestamp", ""),
            ],
            rows: vec![
                vec![
                    json!("größe"),
                    json!(-3),
                    json!("170141183460469231731687303715884105"),
                    json!("-12.50"),
                    json!(0.25),
                    json!(true),
                    json!("2024-02-29"),
                    json!("1969-12-31T23:59:59.9999"),
                ],
                vec![
                    json!(null),
                    json!(7),
                    json!(1),
                    json!("3"),
                    json!({"withheld": true}),
                    json!(null),
                    json!(null),
                    json!("0001-01-01T00:00:00"),
                ],
            ],
            suppressed: vec![vec![Some("b".to_owned())]],
            floor_rows: 5,
        }
    }

    #[test]
    fn both_formats_read_back_as_the_result() {
        let expected = batch(&result()).unwrap();
        let file = io::Cursor::new(arrow_file(&result()).unwrap());
        let read: Vec<_> = FileReader::try_new(file, None).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(read, std::slice::from_ref(&expected));
        let file = bytes::Bytes::from(parquet(&result()).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.schema().metadata()["treaty.withheld"], r#"{"mean":[1]}"#);
        let read: Vec<_> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!((read.len(), read[0].columns()), (1, expected.columns()));

        let schema = expected.schema();
        assert_eq!(schema.metadata()["treaty.withheld"], r#"{"mean":[1]}"#);
        assert_eq!(schema.field_with_name("mean").unwrap().metadata()["error.relative"], "0.000000001");
        assert_eq!(schema.metadata()["treaty.suppressed"], r#"[["b"]]"#);
        assert_eq!(schema.metadata()["treaty.floor_rows"], "5");
        assert_eq!(schema.field(3).metadata()["unit"], "USD");
        let kinds: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        use DataType::{Boolean, Date32, Decimal128, Float64, Int64, Timestamp, Utf8};
        let at = Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(kinds, [Utf8, Int64, Decimal128(38, 0), Decimal128(38, 2), Float64, Boolean, Date32, at]);
        let totals = expected.column(3).as_any().downcast_ref::<Decimal128Array>().unwrap();
        assert_eq!((totals.value(0), totals.value(1)), (-1250, 300));
        let days = expected.column(6).as_any().downcast_ref::<Date32Array>().unwrap();
        assert_eq!(days.value(0), 19_782);
        let times = expected.column(7).as_any().downcast_ref::<TimestampMicrosecondArray>().unwrap();
        assert_eq!(times.values(), &[-100, -62_135_596_800_000_000]);
    }

    #[test]
    fn an_answer_of_another_shape_is_refused() {
        for cell in [json!("x"), json!(1.5), json!("1.5"), json!(1.5e300), json!([1])] {
            let mut result = result();
            result.rows[0][1] = cell;
            assert!(matches!(arrow_file(&result), Err(Error::Output(_))));
        }
        let mut odd = result();
        odd.rows[0][3] = json!(format!("0.{}", "0".repeat(200)));
        assert!(
            matches!(arrow_file(&odd), Err(Error::Output(_))),
            "more digits after the point than any number has"
        );
        odd = result();
        odd.rows[0][6] = json!("yesterday");
        assert!(parquet(&odd).is_err());
        odd = result();
        odd.rows[0][7] = json!("noon");
        assert!(parquet(&odd).is_err());
        odd = result();
        odd.columns[0].kind = "colour".to_owned();
        assert!(parquet(&odd).is_err());
    }

    #[test]
    fn an_answer_without_rows_or_columns_is_a_table_too() {
        let mut empty = result();
        empty.rows.clear();
        assert_eq!(batch(&empty).unwrap().num_rows(), 0);
        parquet(&empty).unwrap();
    }
}
