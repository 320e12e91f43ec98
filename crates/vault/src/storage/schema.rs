//! How column types are stored as Arrow types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use contract::{ColumnType, Schema};

use crate::value::number::DIGITS_MAX;

/// The Arrow schema of the batches that [`Vault::read`](crate::Vault::read) gives for a dataset's schema:
/// integers as `Int64`, decimals as `Decimal128(18, scale)`, floats as `Float64` (not rounded), text as `Utf8`,
/// dates as `Date32`.
pub fn to_arrow(schema: &Schema) -> SchemaRef {
    let field = |column: &contract::Column| Field::new(&column.name, data_type(column.kind), column.nullable);
    Arc::new(ArrowSchema::new(schema.columns.iter().map(field).collect::<Vec<_>>()))
}

/// The buffers of a column in Arrow's IPC format, each by the bytes of its elements: validity, then offsets if any,
/// then values. Bits and text count as bytes.
pub(crate) fn buffer_widths(kind: ColumnType) -> &'static [usize] {
    match kind {
        ColumnType::Boolean => &[1, 1],
        ColumnType::Date => &[1, 4],
        ColumnType::Integer | ColumnType::Float { .. } => &[1, 8],
        ColumnType::Decimal { .. } => &[1, 16],
        ColumnType::Text => &[1, 4, 1],
    }
}

/// Whether the columns are ones that a vault can hold: at least one, distinct names, scales within 18 digits.
pub(crate) fn is_storable(schema: &Schema) -> bool {
    let scale_fits = |kind| match kind {
        ColumnType::Decimal { scale } | ColumnType::Float { scale } => scale <= DIGITS_MAX,
        ColumnType::Boolean | ColumnType::Integer | ColumnType::Text | ColumnType::Date => true,
    };
    let names: std::collections::BTreeSet<_> = schema.columns.iter().map(|column| &column.name).collect();
    !names.is_empty()
        && names.len() == schema.columns.len()
        && schema.columns.iter().all(|column| scale_fits(column.kind))
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Decimal { scale } => {
            DataType::Decimal128(DIGITS_MAX, i8::try_from(scale).unwrap_or(i8::MAX))
        }
        ColumnType::Float { .. } => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Date => DataType::Date32,
    }
}
