//! What a schema declares about a column's contents, read: ranges as integers, lists as typed values, and the
//! public groups that lists make.

use contract::{Column, ColumnType};

use crate::{
    BadRange, BadValue, Refused, calendar, moments,
    number::{self, Interval},
};

/// A program has at most this many rows: beyond it, results are no longer read by people.
pub const GROUPS_MAX: usize = 4096;

/// A value of a group column. The order within one column is SQL's ascending order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    /// False sorts before true.
    Boolean(bool),
    /// Scaled by the column's `10^scale`.
    Number(i128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00.
    Timestamp(i64),
    /// Sorts by its bytes.
    Text(String),
}

/// A column's declared range, scaled. Dates are days and timestamps microseconds since 1970-01-01, and need no declaration.
pub(crate) fn range(column: &Column) -> Result<Interval, Refused> {
    let Some(declared) = &column.range else {
        return match column.kind {
            ColumnType::Date => Ok(Interval { min: calendar::FIRST.into(), max: calendar::LAST.into() }),
            ColumnType::Timestamp => Ok(Interval { min: moments::FIRST.into(), max: moments::LAST.into() }),
            _ => Err(Refused::NoRange(column.name.clone())),
        };
    };
    let end = |text: &str| match column.kind {
        ColumnType::Date => calendar::days(text).map(i128::from).ok_or(BadRange::Date),
        ColumnType::Timestamp => moments::micros(text).map(i128::from).ok_or(BadRange::Timestamp),
        kind => number::parse_scaled(text, scale(kind)).map_err(BadRange::from),
    };
    let bad = |reason| Refused::BadRange { column: column.name.clone(), reason };
    let (min, max) = (end(&declared.min).map_err(bad)?, end(&declared.max).map_err(bad)?);
    if min > max {
        return Err(bad(BadRange::Empty { min: declared.min.clone(), max: declared.max.clone() }));
    }
    Ok(Interval { min, max })
}

/// Digits after the point that a column's numbers keep; 0 for types without.
pub(crate) fn scale(kind: ColumnType) -> u8 {
    match kind {
        ColumnType::Decimal { scale } | ColumnType::Float { scale } => scale,
        ColumnType::Boolean
        | ColumnType::Integer
        | ColumnType::Text
        | ColumnType::Date
        | ColumnType::Timestamp => 0,
    }
}

/// A group column's public values, ascending. Booleans need no declaration.
pub(crate) fn values(column: &Column) -> Result<Vec<Value>, Refused> {
    let name = || column.name.clone();
    if matches!(column.kind, ColumnType::Float { .. }) {
        return Err(Refused::GroupByFloat(name()));
    }
    let Some(texts) = column.values.as_ref().filter(|texts| !texts.is_empty()) else {
        return match column.kind {
            ColumnType::Boolean => Ok(vec![Value::Boolean(false), Value::Boolean(true)]),
            _ => Err(Refused::NoValues(name())),
        };
    };
    let bad = |text: &str, reason| Refused::BadValue { column: name(), value: text.to_owned(), reason };
    let mut values = Vec::with_capacity(texts.len());
    for text in texts {
        values.push(Value::read(text, column.kind).map_err(|reason| bad(text, reason))?);
    }
    for (index, (value, text)) in values.iter().zip(texts).enumerate() {
        if values.iter().take(index).any(|earlier| earlier == value) {
            return Err(bad(text, BadValue::Twice));
        }
    }
    values.sort();
    Ok(values)
}

impl Value {
    fn read(text: &str, kind: ColumnType) -> Result<Self, BadValue> {
        match kind {
            ColumnType::Boolean => match text {
                "true" => Ok(Self::Boolean(true)),
                "false" => Ok(Self::Boolean(false)),
                _ => Err(BadValue::Boolean),
            },
            ColumnType::Date => calendar::days(text).map(Self::Date).ok_or(BadValue::Date),
            ColumnType::Timestamp => moments::micros(text).map(Self::Timestamp).ok_or(BadValue::Timestamp),
            ColumnType::Text => Ok(Self::Text(text.to_owned())),
            ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. } => {
                Ok(Self::Number(number::parse_scaled(text, scale(kind))?))
            }
        }
    }

    /// A constant that a query writes in quotes, if it is one of a column of text, dates or timestamps.
    pub(crate) fn of_text(text: &str, kind: ColumnType) -> Option<Self> {
        let is_quoted = matches!(kind, ColumnType::Text | ColumnType::Date | ColumnType::Timestamp);
        Self::read(text, kind).ok().filter(|_| is_quoted)
    }

    /// A number that a query writes, if it is one of the column's type.
    pub(crate) fn of_number(digits: &str, kind: ColumnType) -> Option<Self> {
        let is_number = matches!(kind, ColumnType::Integer | ColumnType::Decimal { .. });
        Self::read(digits, kind).ok().filter(|_| is_number)
    }

    /// As shown to people and compared by [`crate::ResultTable::without`].
    pub(crate) fn show(&self, kind: ColumnType) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => number::format_scaled(*value, scale(kind)),
            Self::Date(days) => calendar::text(*days),
            Self::Timestamp(micros) => moments::text(*micros),
            Self::Text(text) => text.clone(),
        }
    }
}
