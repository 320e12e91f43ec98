//! One column while it is imported: converts values, and holds them to what is declared.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use contract::{Column, ColumnType, Hash, Range};

use super::{DECLARED_BYTES_MAX, declaration::expected, error::Breach};
use crate::{
    Declaration, DeclarationFault, type_name,
    value::{
        Value, convert, date,
        number::{DIGITS_MAX, Decimal, Numeral},
        timestamp,
    },
};

/// Longest text in one cell, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 10;

/// Most values that a column may be declared to take.
const VALUES_MAX: usize = 4096;

/// Collects the values of one column.
#[derive(Debug)]
pub(crate) struct ColumnWriter {
    column: Column,
    cells: Cells,
    /// Of a column that has each value once, those so far: 32 bytes for each row.
    seen: Option<HashSet<Hash>>,
}

/// A column's values so far, with what they are held to.
#[derive(Debug)]
enum Cells {
    Boolean(BooleanBuilder),
    Integer(Int64Builder, Allowed<i64>),
    Decimal(Decimal128Builder, u8, Allowed<i128>),
    Float(Float64Builder, Option<(f64, f64)>),
    Text(StringBuilder, Allowed<String>),
    Date(Date32Builder, Allowed<i32>),
    Timestamp(TimestampMicrosecondBuilder, Allowed<i64>),
}

/// Declared limits of a column, by value.
#[derive(Debug)]
struct Allowed<T> {
    range: Option<(T, T)>,
    values: Option<BTreeSet<T>>,
}

impl ColumnWriter {
    /// A column of type `kind` with what is declared about it.
    pub(crate) fn new(
        name: String,
        kind: ColumnType,
        declared: &Declaration,
    ) -> Result<Self, DeclarationFault> {
        check_texts(declared)?;
        let mut column = Column {
            name,
            kind,
            nullable: declared.nullable.unwrap_or(true),
            unit: declared.unit.clone().unwrap_or_default(),
            description: declared.description.clone().unwrap_or_default(),
            values: declared.values.clone(),
            range: declared.range.clone(),
            bytes_max: declared.bytes_max,
            unique: declared.unique,
        };
        let cells = cells(&mut column)?;
        if column.bytes_max.is_some() && kind != ColumnType::Text {
            return Err(DeclarationFault::BytesNotForType { kind: type_name(kind) });
        }
        use ColumnType::{Date, Integer, Text, Timestamp};
        if column.unique && !matches!(kind, Integer | Date | Timestamp | Text) {
            return Err(DeclarationFault::UniqueNotForType { kind: type_name(kind) });
        }
        let seen = column.unique.then(HashSet::new);
        Ok(Self { column, cells, seen })
    }

    /// What may be published about the column.
    pub(crate) fn column(&self) -> &Column {
        &self.column
    }

    /// Appends one value, exactly, or says what it offends against.
    pub(crate) fn push(&mut self, value: Value<'_>) -> Result<(), Breach> {
        if value == Value::Missing {
            return self.push_missing();
        }
        let wrong_type = Breach::NotOfType { kind: self.column.kind };
        match &mut self.cells {
            Cells::Boolean(cells) => cells.append_value(convert::to_boolean(value).ok_or(wrong_type)?),
            Cells::Integer(cells, allowed) => {
                let value = convert::to_integer(value).ok_or(wrong_type)?;
                allowed.check(&value, &self.column)?;
                once(&mut self.seen, &value.to_le_bytes())?;
                cells.append_value(value);
            }
            Cells::Decimal(cells, scale, allowed) => {
                let value = convert::to_decimal(value, *scale).ok_or(wrong_type)?;
                allowed.check(&value, &self.column)?;
                cells.append_value(value);
            }
            Cells::Float(cells, range) => {
                let value = convert::to_float(value).ok_or(wrong_type)?;
                if range.is_some_and(|(min, max)| value < min || value > max) {
                    return Err(out_of_range(&self.column));
                }
                cells.append_value(value);
            }
            Cells::Text(cells, allowed) => {
                let value = convert::to_text(value).ok_or(wrong_type)?;
                let limit = self.column.bytes_max.map_or(TEXT_BYTES_MAX, usize::from).min(TEXT_BYTES_MAX);
                if value.len() > limit {
                    return Err(Breach::TextTooLong { found: value.len(), limit });
                }
                allowed.check(value.as_ref(), &self.column)?;
                once(&mut self.seen, value.as_bytes())?;
                cells.append_value(value);
            }
            Cells::Date(cells, allowed) => {
                let value = convert::to_date(value).ok_or(wrong_type)?;
                allowed.check(&value, &self.column)?;
                once(&mut self.seen, &value.to_le_bytes())?;
                cells.append_value(value);
            }
            Cells::Timestamp(cells, allowed) => {
                let value = convert::to_timestamp(value).ok_or(wrong_type)?;
                allowed.check(&value, &self.column)?;
                once(&mut self.seen, &value.to_le_bytes())?;
                cells.append_value(value);
            }
        }
        Ok(())
    }

    /// The values since the last call, in Arrow's form.
    pub(crate) fn take(&mut self) -> ArrayRef {
        match &mut self.cells {
            Cells::Boolean(cells) => Arc::new(cells.finish()),
            Cells::Integer(cells, _) => Arc::new(cells.finish()),
            Cells::Decimal(cells, _, _) => Arc::new(cells.finish()),
            Cells::Float(cells, _) => Arc::new(cells.finish()),
            Cells::Text(cells, _) => Arc::new(cells.finish()),
            Cells::Date(cells, _) => Arc::new(cells.finish()),
            Cells::Timestamp(cells, _) => Arc::new(cells.finish()),
        }
    }

    fn push_missing(&mut self) -> Result<(), Breach> {
        if !self.column.nullable {
            return Err(Breach::Missing);
        }
        match &mut self.cells {
            Cells::Boolean(cells) => cells.append_null(),
            Cells::Integer(cells, _) => cells.append_null(),
            Cells::Decimal(cells, _, _) => cells.append_null(),
            Cells::Float(cells, _) => cells.append_null(),
            Cells::Text(cells, _) => cells.append_null(),
            Cells::Date(cells, _) => cells.append_null(),
            Cells::Timestamp(cells, _) => cells.append_null(),
        }
        Ok(())
    }
}

impl<T: Ord> Allowed<T> {
    fn check<Q: Ord + ?Sized>(&self, value: &Q, column: &Column) -> Result<(), Breach>
    where
        T: Borrow<Q>,
    {
        if self.range.as_ref().is_some_and(|(min, max)| value < min.borrow() || value > max.borrow()) {
            return Err(out_of_range(column));
        }
        match &self.values {
            Some(values) if !values.contains(value) => Err(Breach::NotListed { count: values.len() }),
            _ => Ok(()),
        }
    }
}

/// Enters a value of a column that has each value once.
fn once(seen: &mut Option<HashSet<Hash>>, value: &[u8]) -> Result<(), Breach> {
    let is_new = seen.as_mut().is_none_or(|seen| seen.insert(Hash::of("vault/unique", value)));
    if is_new { Ok(()) } else { Err(Breach::Repeated) }
}

fn out_of_range(column: &Column) -> Breach {
    let (min, max) = column.range.clone().map(|range| (range.min, range.max)).unwrap_or_default();
    Breach::OutOfRange { min, max }
}

/// Empty cells for a column; its declared bounds and values are checked and brought to canonical form.
fn cells(column: &mut Column) -> Result<Cells, DeclarationFault> {
    let kind = column.kind;
    Ok(match kind {
        ColumnType::Boolean => {
            no_range(column)?;
            no_values(column)?;
            Cells::Boolean(BooleanBuilder::new())
        }
        ColumnType::Integer => {
            let bound = |decimal: Decimal| decimal.at_scale(0).and_then(|bound| i64::try_from(bound).ok());
            let range = range(column, bound)?;
            let value = |text: &str| convert::to_integer(Value::Text(text));
            let values = values(column, value, i64::to_string)?;
            Cells::Integer(Int64Builder::new(), Allowed { range, values })
        }
        ColumnType::Decimal { scale } => {
            no_values(column)?;
            let range = range(column, |decimal| decimal.in_column(scale_within(scale)?))?;
            let builder = Decimal128Builder::new()
                .with_precision_and_scale(DIGITS_MAX, i8::try_from(scale).unwrap_or(i8::MAX))
                .map_err(|_| DeclarationFault::Scale { found: scale })?;
            Cells::Decimal(builder, scale, Allowed { range, values: None })
        }
        ColumnType::Float { scale } => {
            no_values(column)?;
            scale_within(scale).ok_or(DeclarationFault::Scale { found: scale })?;
            // The bounds keep as many digits as the values that are rounded later, so that a value within the range
            // is still within it when rounded.
            let bound = |decimal: Decimal| {
                decimal.in_column(scale).and_then(|_| decimal.to_string().parse::<f64>().ok())
            };
            Cells::Float(Float64Builder::new(), range(column, bound)?)
        }
        ColumnType::Text => {
            no_range(column)?;
            let values = values(column, |text| Some(text.to_owned()), String::clone)?;
            Cells::Text(StringBuilder::new(), Allowed { range: None, values })
        }
        ColumnType::Date => {
            let value = |text: &str| convert::to_date(Value::Text(text));
            let range = range_of_time(column, value, date::format)?;
            let values = values(column, value, |days| date::format(*days))?;
            Cells::Date(Date32Builder::new(), Allowed { range, values })
        }
        ColumnType::Timestamp => {
            let value = |text: &str| convert::to_timestamp(Value::Text(text));
            let range = range_of_time(column, value, timestamp::format)?;
            let values = values(column, value, |micros| timestamp::format(*micros))?;
            Cells::Timestamp(TimestampMicrosecondBuilder::new(), Allowed { range, values })
        }
    })
}

fn scale_within(scale: u8) -> Option<u8> {
    (scale <= DIGITS_MAX).then_some(scale)
}

/// Reads the declared range by `bound`, and rewrites it with no more digits than needed: ranges are compared as texts.
fn range<T: PartialOrd>(
    column: &mut Column,
    bound: impl Fn(Decimal) -> Option<T>,
) -> Result<Option<(T, T)>, DeclarationFault> {
    let Some(Range { min, max }) = &mut column.range else { return Ok(None) };
    let read = |text: &mut String| {
        let decimal = Numeral::parse(text.trim()).and_then(|numeral| numeral.value);
        let bound = decimal.and_then(|decimal| Some((decimal, bound(decimal)?)));
        let (decimal, bound) = bound.ok_or_else(|| DeclarationFault::Bound {
            bound: text.clone(),
            expected: expected_bound(column.kind),
        })?;
        *text = decimal.shortest().to_string();
        Ok(bound)
    };
    let bounds = (read(min)?, read(max)?);
    if bounds.0 > bounds.1 {
        return Err(DeclarationFault::RangeEmpty { min: min.clone(), max: max.clone() });
    }
    Ok(Some(bounds))
}

/// The same of days and points in time.
fn range_of_time<T: PartialOrd + Copy>(
    column: &mut Column,
    bound: impl Fn(&str) -> Option<T>,
    write: impl Fn(T) -> String,
) -> Result<Option<(T, T)>, DeclarationFault> {
    let kind = column.kind;
    let Some(Range { min, max }) = &mut column.range else { return Ok(None) };
    let read = |text: &mut String| {
        let unreadable = || DeclarationFault::Bound { bound: text.clone(), expected: expected_bound(kind) };
        let bound = bound(text).ok_or_else(unreadable)?;
        *text = write(bound);
        Ok(bound)
    };
    let bounds = (read(min)?, read(max)?);
    if bounds.0 > bounds.1 {
        return Err(DeclarationFault::RangeEmpty { min: min.clone(), max: max.clone() });
    }
    Ok(Some(bounds))
}

fn expected_bound(kind: ColumnType) -> String {
    match kind {
        ColumnType::Float { scale } => expected(ColumnType::Decimal { scale }),
        _ => expected(kind),
    }
}

/// Reads the declared values by `value`, and rewrites them in canonical form in the order declared.
fn values<T: Ord>(
    column: &mut Column,
    value: impl Fn(&str) -> Option<T>,
    write: impl Fn(&T) -> String,
) -> Result<Option<BTreeSet<T>>, DeclarationFault> {
    let Some(texts) = &mut column.values else { return Ok(None) };
    if !(1..=VALUES_MAX).contains(&texts.len()) {
        return Err(DeclarationFault::ValuesCount { found: texts.len(), limit: VALUES_MAX });
    }
    let mut values = BTreeSet::new();
    for text in texts {
        let held = value(text).filter(|_| !text.is_empty() && text.len() <= DECLARED_BYTES_MAX);
        let held = held.ok_or_else(|| DeclarationFault::Value {
            value: text.clone(),
            expected: expected(column.kind),
        })?;
        let canonical = write(&held);
        if !values.insert(held) {
            return Err(DeclarationFault::ValueTwice { value: text.clone() });
        }
        *text = canonical;
    }
    Ok(Some(values))
}

fn no_range(column: &Column) -> Result<(), DeclarationFault> {
    match column.range {
        Some(_) => Err(DeclarationFault::RangeNotForType { kind: type_name(column.kind) }),
        None => Ok(()),
    }
}

fn no_values(column: &Column) -> Result<(), DeclarationFault> {
    match column.values {
        Some(_) => Err(DeclarationFault::ValuesNotForType { kind: type_name(column.kind) }),
        None => Ok(()),
    }
}

fn check_texts(declared: &Declaration) -> Result<(), DeclarationFault> {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let null_as = declared.null_as.iter().map(String::len).max().unwrap_or(0);
    let fields = [
        ("unit", length(&declared.unit)),
        ("description", length(&declared.description)),
        ("null_as", null_as),
    ];
    match fields.into_iter().find(|(_, found)| *found > DECLARED_BYTES_MAX) {
        Some((field, found)) => {
            Err(DeclarationFault::TextTooLong { field, found, limit: DECLARED_BYTES_MAX })
        }
        None => Ok(()),
    }
}
