//! Cells of typed columns, as Parquet files and tables of a database give them: in Arrow batches.

use arrow::{
    array::{
        Array, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
        StringArray,
    },
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit},
    error::ArrowError,
};

use super::{error::ImportError, plan::Planned, sink::Sink, survey::Survey};
use crate::value::{Value, number::Decimal};

/// The rows of one batch, cell by cell.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<Cells>,
    count: usize,
}

impl Rows {
    /// Of a batch whose columns are read as `Boolean`, `Int64`, `Decimal128`, `Float64`, `Date32`,
    /// `Timestamp` or `Utf8`.
    ///
    /// # Errors
    /// When the batch has other columns than are to be read, or values that cannot be read so.
    pub(crate) fn of(batch: &RecordBatch, read_as: &[DataType]) -> Result<Self, ArrowError> {
        let (expected, found) = (read_as.len(), batch.num_columns());
        if expected != found {
            return Err(ArrowError::SchemaError(format!("expected {expected} columns, found {found}")));
        }
        let columns = batch.columns().iter().zip(read_as).map(|(array, arrow)| Cells::of(array, arrow));
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, count: batch.num_rows() })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The values of a row, which must exist.
    pub(crate) fn row<'a>(&'a self, row: usize, columns: &'a [Planned]) -> impl Iterator<Item = Value<'a>> {
        self.columns.iter().zip(columns).map(move |(cells, column)| cells.value(row, column))
    }

    /// Copies row by row, so that the first row at fault is the one that is named.
    pub(crate) fn copy(
        &self,
        columns: &[Planned],
        surveys: &mut [Survey],
        sink: &mut Sink<'_>,
    ) -> Result<(), ImportError> {
        for row in 0..self.count {
            for (survey, value) in surveys.iter_mut().zip(self.row(row, columns)) {
                survey.see(value, 0);
            }
            sink.row(None, self.row(row, columns))?;
        }
        Ok(())
    }
}

/// The values of one column of a batch.
#[derive(Debug)]
enum Cells {
    Boolean(BooleanArray),
    Integer(Int64Array),
    Decimal(Decimal128Array, u8),
    Float(Float64Array),
    Text(StringArray),
    Date(Date32Array),
    /// In a unit, without a time zone.
    Timestamp(Int64Array, TimeUnit),
}

impl Cells {
    fn of(array: &dyn Array, arrow: &DataType) -> Result<Self, ArrowError> {
        // Not "safe": a value that doesn't fit would silently become missing.
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let array = cast_with_options(array, arrow, &strict)?;
        let missing_type = || ArrowError::CastError(format!("no conversion to {arrow}"));
        match arrow {
            DataType::Boolean => array.as_boolean_opt().cloned().map(Self::Boolean),
            DataType::Int64 => array.as_primitive_opt::<Int64Type>().cloned().map(Self::Integer),
            DataType::Decimal128(_, scale) => {
                let scale = u8::try_from(*scale).unwrap_or(u8::MAX);
                array.as_primitive_opt::<Decimal128Type>().cloned().map(|array| Self::Decimal(array, scale))
            }
            DataType::Float64 => array.as_primitive_opt::<Float64Type>().cloned().map(Self::Float),
            DataType::Date32 => array.as_primitive_opt::<Date32Type>().cloned().map(Self::Date),
            DataType::Timestamp(unit, None) => {
                let counts = cast_with_options(&array, &DataType::Int64, &strict)?;
                counts.as_primitive_opt::<Int64Type>().cloned().map(|counts| Self::Timestamp(counts, *unit))
            }
            _ => array.as_string_opt::<i32>().cloned().map(Self::Text),
        }
        .ok_or_else(missing_type)
    }

    /// The value in a row of the batch, which must exist.
    fn value(&self, row: usize, column: &Planned) -> Value<'_> {
        let null_as = |text: &str| column.declared.null_as.iter().any(|null| null == text);
        match self {
            Self::Boolean(array) if array.is_valid(row) => Value::Boolean(array.value(row)),
            Self::Integer(array) if array.is_valid(row) => Value::Number(Decimal::integer(array.value(row))),
            Self::Decimal(array, scale) if array.is_valid(row) => {
                Value::Number(Decimal { unscaled: array.value(row), scale: *scale })
            }
            Self::Float(array) if array.is_valid(row) => match array.value(row) {
                float if float.is_nan() && null_as("NaN") => Value::Missing,
                float => Value::Float(float),
            },
            Self::Text(array) if array.is_valid(row) => match array.value(row) {
                text if null_as(text) => Value::Missing,
                text => Value::Text(text),
            },
            Self::Date(array) if array.is_valid(row) => Value::Date(array.value(row)),
            Self::Timestamp(array, unit) if array.is_valid(row) => Value::Timestamp(array.value(row), *unit),
            _ => Value::Missing,
        }
    }
}
