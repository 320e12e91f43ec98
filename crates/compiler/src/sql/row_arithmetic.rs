//! What an aggregate takes of a window function and other columns of the same row, `amount - LAG(amount)`: a column of its
//! own, which has a value where all that it is made of have one. Of plain columns an aggregate refuses that, since a row
//! without a value in one would be out of what the other adds up; what stands beside a window function is used as a
//! condition, too, and counted so.

use std::{collections::BTreeSet, fmt};

use contract::{Column, ColumnType};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use super::{
    identifier, units,
    windowed::{Operand, column_name},
    windowed_column::{check_width, range},
};
use crate::{
    Construct, Refused, domain,
    groups::sql_type,
    number::{DIGITS_MAX, Interval},
};

/// Sums, differences and products of columns and integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Column(Operand),
    Constant(i64),
    Both(Box<Self>, Step, Box<Self>),
}

/// What is done with two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Plus,
    Minus,
    Times,
}

/// What is known of a value.
struct Known {
    interval: Interval,
    scale: u8,
    nullable: bool,
    is_float: bool,
    unit: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
        })
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(of) => of.fmt(f),
            Self::Constant(number) => number.fmt(f),
            Self::Both(x, step, y) => write!(f, "({x} {step} {y})"),
        }
    }
}

impl Arithmetic {
    /// Nothing of what is no arithmetic, or something else besides.
    pub(super) fn read(expr: &Expr, is_computed: &dyn Fn(&str) -> bool) -> Option<Self> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let column = column_name(expr)?;
                Some(Self::Column(Operand { is_computed: is_computed(&column), column }))
            }
            Expr::Nested(inner) => Self::read(inner, is_computed),
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => digits.to_string().parse().ok().map(Self::Constant),
                _ => None,
            },
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let of = Box::new(Self::read(expr, is_computed)?);
                Some(Self::Both(Box::new(Self::Constant(0)), Step::Minus, of))
            }
            Expr::BinaryOp { left, op, right } => {
                let step = match op {
                    BinaryOperator::Plus => Step::Plus,
                    BinaryOperator::Minus => Step::Minus,
                    BinaryOperator::Multiply => Step::Times,
                    _ => return None,
                };
                let (x, y) = (Self::read(left, is_computed)?, Self::read(right, is_computed)?);
                Some(Self::Both(Box::new(x), step, Box::new(y)))
            }
            _ => None,
        }
    }

    /// Every column that it reads.
    pub(super) fn columns(&self) -> BTreeSet<&String> {
        match self {
            Self::Column(of) => BTreeSet::from([&of.column]),
            Self::Constant(_) => BTreeSet::new(),
            Self::Both(x, _, y) => x.columns().into_iter().chain(y.columns()).collect(),
        }
    }

    /// Whether columns are multiplied with each other: one that is 0 on all rows but one shows that one.
    pub(super) fn has_product(&self) -> bool {
        match self {
            Self::Both(x, Step::Times, y) if !x.columns().is_empty() && !y.columns().is_empty() => true,
            Self::Both(x, _, y) => x.has_product() || y.has_product(),
            Self::Column(_) | Self::Constant(_) => false,
        }
    }

    /// The column that it makes of a table's columns, of which some are computed before it.
    pub(super) fn column(&self, own: &[Column]) -> Result<Column, Refused> {
        let Known { interval, scale, nullable, is_float, unit } = self.known(own)?;
        let name = self.to_string();
        let kind = kind(scale, is_float);
        Ok(Column { nullable, unit, range: Some(range(interval, scale)), ..Column::new(name, kind) })
    }

    /// SQL of a stage over a table's columns. Each step is brought to the digits that numbers have, so that none fails.
    pub(super) fn sql(&self, own: &[Column]) -> String {
        let is_float = self.known(own).is_ok_and(|known| known.is_float);
        self.step(own, is_float)
    }

    fn step(&self, own: &[Column], is_float: bool) -> String {
        match self {
            Self::Column(of) if is_float => format!("CAST({} AS DOUBLE)", identifier(&of.column)),
            Self::Column(of) => identifier(&of.column),
            Self::Constant(number) if is_float => format!("CAST({number} AS DOUBLE)"),
            Self::Constant(number) => format!("({number})"),
            Self::Both(x, step, y) => {
                let sql = format!("({} {step} {})", x.step(own, is_float), y.step(own, is_float));
                match self.known(own) {
                    Ok(known) => format!("CAST({sql} AS {})", sql_type(kind(known.scale, is_float))),
                    Err(_) => sql,
                }
            }
        }
    }

    fn known(&self, own: &[Column]) -> Result<Known, Refused> {
        match self {
            Self::Column(of) => {
                let column = own.iter().find(|column| column.name == of.column);
                let column = column
                    .ok_or_else(|| Refused::Meaning(format!("no table has the column `{}`", of.column)))?;
                let is_float = match column.kind {
                    ColumnType::Integer | ColumnType::Decimal { .. } => false,
                    ColumnType::Float { .. } => true,
                    _ => return Err(Construct::ArgumentExpression.refuse(self)),
                };
                Ok(Known {
                    interval: domain::range(column)?,
                    scale: domain::scale(column.kind),
                    nullable: column.nullable,
                    is_float,
                    unit: column.unit.clone(),
                })
            }
            Self::Constant(number) => Ok(Known {
                interval: Interval { min: (*number).into(), max: (*number).into() },
                scale: 0,
                nullable: false,
                is_float: false,
                unit: String::new(),
            }),
            Self::Both(left, step, right) => {
                let (x, y) = (left.known(own)?, right.known(own)?);
                let is_sum = *step != Step::Times;
                let unit = self.unit(&x, &y, is_sum)?;
                let scale = if is_sum { x.scale.max(y.scale) } else { x.scale.saturating_add(y.scale) };
                let wide = || {
                    let aligned = || {
                        Some((x.interval.rescaled(scale - x.scale)?, y.interval.rescaled(scale - y.scale)?))
                    };
                    match step {
                        Step::Plus => aligned().and_then(|(x, y)| x.plus(y)),
                        Step::Minus => aligned().and_then(|(x, y)| x.minus(y)),
                        Step::Times => x.interval.times(y.interval),
                    }
                };
                // What is beyond all bounds is beyond those of a number.
                let beyond = Interval { min: i128::MIN / 4, max: i128::MAX / 4 };
                let interval = wide().filter(|_| usize::from(scale) < DIGITS_MAX).unwrap_or(beyond);
                check_width(interval, "arithmetic", &Column::new(self.to_string(), ColumnType::Integer))?;
                let nullable = x.nullable || y.nullable;
                Ok(Known { interval, scale, nullable, is_float: x.is_float || y.is_float, unit })
            }
        }
    }

    /// Of a sum the unit of both.
    fn unit(&self, x: &Known, y: &Known, is_sum: bool) -> Result<String, Refused> {
        if !is_sum {
            return Ok(String::new());
        }
        let of = |known: &Known| Column {
            unit: known.unit.clone(),
            ..Column::new(self.to_string(), ColumnType::Integer)
        };
        units::check_same([&of(x), &of(y)])?;
        Ok(if x.unit.is_empty() { y.unit.clone() } else { x.unit.clone() })
    }
}

fn kind(scale: u8, is_float: bool) -> ColumnType {
    match (is_float, scale) {
        (true, scale) => ColumnType::Float { scale },
        (false, 0) => ColumnType::Integer,
        (false, scale) => ColumnType::Decimal { scale },
    }
}
