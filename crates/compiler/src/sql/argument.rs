//! What an aggregate is taken of: a column, or sums and differences of columns and integers, multiplied by integers,
//! with bounds by interval arithmetic (Moore, *Interval Analysis*, 1966) over the declared ranges.

use std::collections::BTreeSet;

use contract::{Column, ColumnType};
use datafusion::{
    common::{ScalarValue, TableReference},
    logical_expr::{BinaryExpr, Expr, Operator},
};

use super::{
    query::Function,
    scope::{Found, Scope},
};
use crate::{
    Construct, Refused, domain,
    number::{DIGITS_MAX, Interval},
};

/// An aggregate's argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// Which relation has its columns.
    pub(crate) side: usize,
    /// For people: `salary`, `price * quantity`. Equal texts mean equal arguments.
    pub(crate) shown: String,
    /// SQL of the local stage; numbers come out as decimals with [`Argument::scale`] digits after the point.
    pub(crate) sql: String,
    /// The columns it reads.
    pub(crate) columns: BTreeSet<String>,
    /// Whether it may be NULL on some row.
    pub(crate) nullable: bool,
    /// Unit of measure; empty if none is declared or it changes on the way.
    pub(crate) unit: String,
    /// Whether values are days since 1970-01-01.
    pub(crate) is_date: bool,
    /// Digits after the point.
    pub(crate) scale: u8,
    /// Where every value lies, scaled by `10^scale`.
    pub(crate) interval: Interval,
}

/// More digits after the point than this are refused: a square has twice as many, and decimals have at most 38.
const SCALE_MAX: u8 = 18;

impl Argument {
    /// The argument of COUNT: only whether it is NULL matters, so that any column will do.
    pub(crate) fn counted(expr: &Expr, scope: &Scope<'_>) -> Result<Self, Refused> {
        let found = column_of(expr, scope).ok_or_else(|| Construct::ArgumentExpression.refuse(expr))?;
        let sql = identifier(&found.column.name);
        Ok(Self::of(found, sql, Interval { min: 0, max: 0 }))
    }

    /// The argument of any other aggregate.
    pub(crate) fn valued(function: Function, expr: &Expr, scope: &Scope<'_>) -> Result<Self, Refused> {
        if let Some(found) = column_of(expr, scope) {
            return Self::column(function, found);
        }
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (x, y) = (Self::valued(function, left, scope)?, Self::valued(function, right, scope)?);
                x.check_no_choice(*op, &y).map_err(|construct| construct.refuse(expr))?;
                x.combine(function, *op, y).ok_or_else(|| Construct::ArgumentExpression.refuse(expr))?
            }
            Expr::Negative(inner) => {
                let zero = Self::constant(0);
                let x = Self::valued(function, inner, scope)?;
                zero.combine(function, Operator::Minus, x)
                    .ok_or_else(|| Construct::ArgumentExpression.refuse(expr))?
            }
            Expr::Literal(ScalarValue::Int64(Some(value)), _) => match Interval::bounded(point(*value)) {
                Some(_) => Ok(Self::constant(*value)),
                None => Err(Construct::ArgumentExpression.refuse(expr)),
            },
            _ => Err(Construct::ArgumentExpression.refuse(expr)),
        }
    }

    fn column(function: Function, found: Found) -> Result<Self, Refused> {
        let column = found.column.clone();
        check_type(function, &column)?;
        let name = identifier(&column.name);
        let digits = format!("DECIMAL({DIGITS_MAX}, {})", domain::scale(column.kind));
        Ok(match column.kind {
            ColumnType::Decimal { .. } => Self::of(found, name, domain::range(&column)?),
            ColumnType::Date => {
                Self::of(found, format!("CAST(CAST({name} AS INT) AS {digits})"), domain::range(&column)?)
            }
            ColumnType::Integer | ColumnType::Float { .. } | ColumnType::Boolean | ColumnType::Text => {
                Self::of(found, format!("CAST({name} AS {digits})"), domain::range(&column)?)
            }
        })
    }

    fn of(Found { side, column, qualifier }: Found, sql: String, interval: Interval) -> Self {
        let name = shown(&column.name);
        Self {
            side,
            shown: qualifier.map_or_else(|| name.clone(), |table| format!("{}.{name}", shown(&table))),
            sql,
            columns: BTreeSet::from([column.name.clone()]),
            nullable: column.nullable,
            unit: column.unit.clone(),
            is_date: column.kind == ColumnType::Date,
            scale: domain::scale(column.kind),
            interval,
        }
    }

    fn constant(value: i64) -> Self {
        Self {
            side: 0,
            shown: value.to_string(),
            sql: decimal(value.into(), 0),
            columns: BTreeSet::new(),
            nullable: false,
            unit: String::new(),
            is_date: false,
            scale: 0,
            interval: point(value),
        }
    }

    /// Refuses what would choose rows inside an aggregate, past the terms for filters and past the floor, which counts
    /// the rows of the whole group: a factor that is zero on all rows but one, a NULL on one row alone. Powers of a
    /// column, whose sums determine its values (Newton's identities), are such products.
    fn check_no_choice(&self, op: Operator, other: &Self) -> Result<(), Construct> {
        if self.columns.is_empty() || other.columns.is_empty() {
            return Ok(());
        }
        if self.side != other.side {
            return Err(Construct::TablesCombined);
        }
        if op == Operator::Multiply {
            return Err(Construct::ColumnProduct);
        }
        if self.columns != other.columns && (self.nullable || other.nullable) {
            return Err(Construct::NullableSum);
        }
        Ok(())
    }

    /// `None` for operators and dates that are not supported; an error if bounds get too large.
    fn combine(self, function: Function, op: Operator, other: Self) -> Option<Result<Self, Refused>> {
        if self.is_date || other.is_date {
            return None;
        }
        let sums = matches!(op, Operator::Plus | Operator::Minus);
        let scale = if sums { self.scale.max(other.scale) } else { self.scale.saturating_add(other.scale) };
        let (x, y) = (self.interval, other.interval);
        let aligned = || Some((x.rescaled(scale - self.scale)?, y.rescaled(scale - other.scale)?));
        let interval = match op {
            Operator::Plus => aligned().and_then(|(x, y)| x.plus(y)),
            Operator::Minus => aligned().and_then(|(x, y)| x.minus(y)),
            Operator::Multiply => x.times(y),
            _ => return None,
        };
        let shown = format!("({} {op} {})", self.shown, other.shown);
        let side = if self.columns.is_empty() { other.side } else { self.side };
        let columns: BTreeSet<String> = self.columns.into_iter().chain(other.columns).collect();
        let Some(interval) = interval.filter(|_| scale <= SCALE_MAX) else {
            return Some(Err(too_wide(function, &shown, &columns)));
        };
        Some(Ok(Self {
            side,
            sql: format!("({} {op} {})", self.sql, other.sql),
            nullable: self.nullable || other.nullable,
            unit: if sums && self.unit == other.unit { self.unit } else { String::new() },
            is_date: false,
            shown,
            columns,
            scale,
            interval,
        }))
    }

    /// The columns in backticks, for messages.
    pub(crate) fn quoted_columns(&self) -> String {
        quoted(&self.columns)
    }
}

/// Whether an aggregate takes a column of that type.
pub(crate) fn check_type(function: Function, column: &Column) -> Result<(), Refused> {
    let found = match column.kind {
        _ if function == Function::Count => return Ok(()),
        ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. } => return Ok(()),
        ColumnType::Date if function.is_extreme() => return Ok(()),
        ColumnType::Date => "a date",
        ColumnType::Boolean => "a boolean",
        ColumnType::Text => "text",
    };
    let (function, expected) = (function.name(), function.takes());
    Err(Refused::ArgumentType { function, argument: column.name.clone(), found, expected })
}

/// A SQL decimal constant of `value / 10^scale`.
pub(crate) fn decimal(value: i128, scale: u8) -> String {
    format!("CAST('{}' AS DECIMAL({DIGITS_MAX}, {scale}))", crate::number::format_scaled(value, scale))
}

/// A quoted SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column's name as it must be written: quoted unless it is a plain word, so that none reads like an expression.
fn shown(name: &str) -> String {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let plain =
        starts && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain { name.to_owned() } else { identifier(name) }
}

fn quoted(columns: &BTreeSet<String>) -> String {
    columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn point(value: i64) -> Interval {
    Interval { min: value.into(), max: value.into() }
}

fn too_wide(function: Function, argument: &str, columns: &BTreeSet<String>) -> Refused {
    Refused::TooWide {
        function: function.name(),
        argument: argument.to_owned(),
        bits: 63,
        most: 62,
        columns: quoted(columns),
    }
}

/// The column that an expression of the plan is.
pub(super) fn column_of(expr: &Expr, scope: &Scope<'_>) -> Option<Found> {
    match expr {
        Expr::Column(column) => scope.find(column.relation.as_ref().map(TableReference::table), &column.name),
        _ => None,
    }
}
