//! How column types are stored as Arrow types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use contract::{ColumnType, Schema};

use crate::value::number::DIGITS_MAX;

/// The Arrow schema of the batches that [`Vault::read`](crate::Vault::read) gives for a dataset's schema:
/// integers as `Int64`, decimals as `Decimal128(18, scale)`, floats as `Float64` (not rounded), text as `Utf8`,
/// dates as `Date32`, timestamps as `Timestamp(Microsecond)`.
pub fn to_arrow(schema: &Schema) -> SchemaRef {
    let field = |column: &contract::Column| Field::new(&column.name, data_type(column.kind), column.nullable);
    Arc::new(ArrowSchema::new(schema.columns.iter().map(field).collect::<Vec<_>>()))
}

/// One buffer of a column in Arrow's IPC format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A bit for each row that has a value; may be left out when all have.
    Validity,
    /// A bit for each row.
    Bits,
    /// So many bytes for each row.
    Fixed(usize),
    /// Where the text of each row starts, and where the last ends.
    Offsets,
    /// All texts.
    Bytes,
}

impl Part {
    /// Bytes of one element of the buffer.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Fixed(width) => width,
            Self::Offsets => 4,
            Self::Validity | Self::Bits | Self::Bytes => 1,
        }
    }

    /// The fewest bytes that hold `rows` rows.
    pub(crate) fn bytes_min(self, rows: usize) -> usize {
        match self {
            Self::Validity | Self::Bits => rows.div_ceil(8),
            Self::Fixed(width) => rows.saturating_mul(width),
            Self::Offsets => rows.saturating_add(1).saturating_mul(4),
            Self::Bytes => 0,
        }
    }
}

/// The buffers of a column in the order of Arrow's IPC format.
pub(crate) fn parts(kind: ColumnType) -> &'static [Part] {
    match kind {
        ColumnType::Boolean => &[Part::Validity, Part::Bits],
        ColumnType::Date => &[Part::Validity, Part::Fixed(4)],
        ColumnType::Integer | ColumnType::Float { .. } | ColumnType::Timestamp => {
            &[Part::Validity, Part::Fixed(8)]
        }
        ColumnType::Decimal { .. } => &[Part::Validity, Part::Fixed(16)],
        ColumnType::Text => &[Part::Validity, Part::Offsets, Part::Bytes],
    }
}

/// Whether the columns are ones that a vault can hold: at least one, distinct names, scales within 18 digits.
pub(crate) fn is_storable(schema: &Schema) -> bool {
    let scale_fits = |kind| match kind {
        ColumnType::Decimal { scale } | ColumnType::Float { scale } => scale <= DIGITS_MAX,
        ColumnType::Boolean
        | ColumnType::Integer
        | ColumnType::Text
        | ColumnType::Date
        | ColumnType::Timestamp => true,
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
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}
