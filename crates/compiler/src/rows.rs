//! The Arrow form of a dataset's rows, and the check that rows keep what the schema declares.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{Array, AsArray},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Field, Float64Type, Int64Type, Schema as ArrowSchema,
        SchemaRef, TimeUnit, TimestampMicrosecondType,
    },
    record_batch::RecordBatch,
};
use contract::{Column, ColumnType, Schema};
use thiserror::Error;

use crate::{
    calendar,
    domain::{self, Value},
    moments,
    number::{self, DIGITS_MAX},
};

/// The Arrow type in which a column's values are handed over.
pub fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Int64,
        // 18 digits and a scale of at most 18 fit; a schema with more is refused before rows are read.
        ColumnType::Decimal { scale } => DataType::Decimal128(DIGITS_MAX as u8, scale.cast_signed()),
        ColumnType::Float { .. } => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => TIMESTAMP,
    }
}

/// Points in time as rows have them, without a time zone.
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The Arrow schema of a dataset's rows.
pub fn arrow_schema(schema: &Schema) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, arrow_type(column.kind), column.nullable);
    Arc::new(ArrowSchema::new(schema.columns.iter().map(field).collect::<Vec<_>>()))
}

/// An Arrow type in the words of a schema.
pub(crate) fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "a boolean".to_owned(),
        DataType::Int64 => "an integer".to_owned(),
        DataType::Decimal128(_, scale) => format!("a decimal with {scale} digits after the point"),
        DataType::Float64 => "a float".to_owned(),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Date32 => "a date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "a timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "a timestamp with a time zone".to_owned(),
        DataType::Timestamp(unit, None) => format!("a timestamp in {unit}"),
        other => format!("the Arrow type {other}"),
    }
}

/// Rows that are not what their schema declares. Rows count from 1 over all batches. No value is quoted: these
/// texts end in logs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadRows {
    /// Other columns or types.
    #[error("the rows have columns {found}, but the schema declares {expected}")]
    Columns {
        /// Names and types declared.
        expected: String,
        /// Names and types found.
        found: String,
    },
    /// NULL in a column that is declared without.
    #[error("column `{column}`, row {row}: no value, but the column is declared not nullable")]
    Missing {
        /// The column.
        column: String,
        /// The row.
        row: u64,
    },
    /// A number outside the declared range.
    #[error("column `{column}`, row {row}: the value is outside the declared range {min} to {max}")]
    OutOfRange {
        /// The column.
        column: String,
        /// The row.
        row: u64,
        /// Declared.
        min: String,
        /// Declared.
        max: String,
    },
    /// A value that the public list doesn't hold.
    #[error("column `{column}`, row {row}: the value is not in the declared list of values")]
    Unlisted {
        /// The column.
        column: String,
        /// The row.
        row: u64,
    },
    /// Equal values in a column that is declared to have each once.
    #[error("column `{column}`: rows have the same value, but the column is declared with `unique = true`")]
    Repeated {
        /// The column.
        column: String,
    },
    /// A text with more bytes than declared.
    #[error("column `{column}`, row {row}: the text has more than the declared {bytes_max} bytes")]
    TooLong {
        /// The column.
        column: String,
        /// The row.
        row: u64,
        /// Declared.
        bytes_max: u16,
    },
    /// A range or list that cannot be read.
    #[error("the declaration of column `{column}` cannot be read: {reason}")]
    Declaration {
        /// The column.
        column: String,
        /// Why.
        reason: String,
    },
}

/// Checks types, NULLs, declared ranges and declared values of rows, batch after batch. No copies of the data.
pub struct Check {
    columns: Vec<(Column, Rule)>,
    expected: SchemaRef,
    /// Number of the next batch's first row.
    next_row: u64,
}

impl Check {
    /// Nothing checked yet.
    ///
    /// # Errors
    /// [`BadRows::Declaration`].
    pub fn new(schema: &Schema) -> Result<Self, BadRows> {
        let rule = |column: &Column| Ok((column.clone(), Rule::of(column)?));
        let columns = schema.columns.iter().map(rule).collect::<Result<_, _>>()?;
        Ok(Self { columns, expected: arrow_schema(schema), next_row: 1 })
    }

    /// Checks the next batch.
    ///
    /// # Errors
    /// What is wrong first, column by column.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<(), BadRows> {
        self.check_shape(&batch.schema())?;
        for ((column, rule), array) in self.columns.iter().zip(batch.columns()) {
            rule.check(column, array, self.next_row)?;
        }
        self.next_row += batch.num_rows() as u64;
        Ok(())
    }

    fn check_shape(&self, found: &ArrowSchema) -> Result<(), BadRows> {
        let pairs = self.expected.fields().iter().zip(found.fields());
        let same = self.expected.fields().len() == found.fields().len()
            && pairs.into_iter().all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
        if same {
            return Ok(());
        }
        let shape = |schema: &ArrowSchema| -> Vec<String> {
            schema.fields().iter().map(|f| format!("`{}` ({})", f.name(), type_name(f.data_type()))).collect()
        };
        let (expected, found) = (shape(&self.expected).join(", "), shape(found).join(", "));
        Err(BadRows::Columns { expected, found })
    }
}

/// What one column declares, made ready for comparing.
struct Rule {
    range: Option<number::Interval>,
    values: Option<BTreeSet<Value>>,
    bytes_max: Option<u16>,
}

impl Rule {
    fn of(column: &Column) -> Result<Self, BadRows> {
        let unreadable = |reason: String| BadRows::Declaration { column: column.name.clone(), reason };
        let range = match (column.kind, &column.range) {
            (ColumnType::Boolean | ColumnType::Text, _) => None,
            (ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. }, None) => None,
            (ColumnType::Date | ColumnType::Timestamp, _) | (_, Some(_)) => {
                Some(domain::range(column).map_err(|refused| unreadable(refused.to_string()))?)
            }
        };
        let values = match &column.values {
            Some(_) if matches!(column.kind, ColumnType::Float { .. }) => None,
            Some(_) => {
                let values = domain::values(column).map_err(|refused| unreadable(refused.to_string()))?;
                Some(values.into_iter().collect())
            }
            None => None,
        };
        let bytes_max = column.bytes_max.filter(|_| column.kind == ColumnType::Text);
        Ok(Self { range, values, bytes_max })
    }

    /// `first` is the number of the array's first row.
    fn check(&self, column: &Column, array: &dyn Array, first: u64) -> Result<(), BadRows> {
        let is_free = self.range.is_none() && self.values.is_none() && self.bytes_max.is_none();
        if is_free && (column.nullable || array.null_count() == 0) {
            return Ok(());
        }
        for (row, index) in (first..).zip(0..array.len()) {
            if array.is_null(index) {
                if !column.nullable {
                    return Err(BadRows::Missing { column: column.name.clone(), row });
                }
                continue;
            }
            self.check_range(column, array, index, row)?;
            self.check_listed(column, array, index, row)?;
            if let Some(bytes_max) = self.bytes_max
                && array.as_string::<i32>().value(index).len() > usize::from(bytes_max)
            {
                return Err(BadRows::TooLong { column: column.name.clone(), row, bytes_max });
            }
        }
        Ok(())
    }

    fn check_range(&self, column: &Column, array: &dyn Array, index: usize, row: u64) -> Result<(), BadRows> {
        let Some(range) = self.range else { return Ok(()) };
        let inside = match column.kind {
            ColumnType::Float { scale } => {
                // As the conversion to a decimal rounds. Infinity becomes the largest integer, outside any range.
                let scaled =
                    (array.as_primitive::<Float64Type>().value(index) * 10_f64.powi(scale.into())).round();
                !scaled.is_nan() && range.min <= scaled as i128 && scaled as i128 <= range.max
            }
            _ => match integer(column.kind, array, index) {
                Some(value) => range.min <= value && value <= range.max,
                None => true,
            },
        };
        if inside {
            return Ok(());
        }
        let (min, max) = match &column.range {
            Some(range) => (range.min.clone(), range.max.clone()),
            None if column.kind == ColumnType::Timestamp => {
                (moments::text(moments::FIRST), moments::text(moments::LAST))
            }
            None => (calendar::text(calendar::FIRST), calendar::text(calendar::LAST)),
        };
        Err(BadRows::OutOfRange { column: column.name.clone(), row, min, max })
    }

    fn check_listed(
        &self,
        column: &Column,
        array: &dyn Array,
        index: usize,
        row: u64,
    ) -> Result<(), BadRows> {
        let Some(values) = &self.values else { return Ok(()) };
        let value = match column.kind {
            ColumnType::Boolean => Value::Boolean(array.as_boolean().value(index)),
            ColumnType::Text => Value::Text(array.as_string::<i32>().value(index).to_owned()),
            ColumnType::Date => match integer(column.kind, array, index) {
                Some(days) => Value::Date(days as i32),
                None => return Ok(()),
            },
            ColumnType::Timestamp => match integer(column.kind, array, index) {
                Some(micros) => Value::Timestamp(micros as i64),
                None => return Ok(()),
            },
            ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. } => {
                match integer(column.kind, array, index) {
                    Some(value) => Value::Number(value),
                    None => return Ok(()),
                }
            }
        };
        if values.contains(&value) {
            return Ok(());
        }
        Err(BadRows::Unlisted { column: column.name.clone(), row })
    }
}

/// The value as an integer, for types that are stored as one.
fn integer(kind: ColumnType, array: &dyn Array, index: usize) -> Option<i128> {
    match kind {
        ColumnType::Integer => Some(array.as_primitive::<Int64Type>().value(index).into()),
        ColumnType::Decimal { .. } => Some(array.as_primitive::<Decimal128Type>().value(index)),
        ColumnType::Date => Some(array.as_primitive::<Date32Type>().value(index).into()),
        ColumnType::Timestamp => Some(array.as_primitive::<TimestampMicrosecondType>().value(index).into()),
        ColumnType::Boolean | ColumnType::Float { .. } | ColumnType::Text => None,
    }
}
