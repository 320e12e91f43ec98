//! What an aggregate is taken of: a column, or sums and differences of columns and integers, multiplied by integers,
//! with bounds by interval arithmetic (Moore, *Interval Analysis*, 1966) over the declared ranges.

use std::collections::BTreeSet;

use contract::{Column, ColumnType};
use datafusion::{
    common::{ScalarValue, TableReference},
    logical_expr::{BinaryExpr, Case, Expr, Operator, binary_expr, expr::ScalarFunction},
};

use super::{
    polynomial::Polynomial,
    print,
    query::Function,
    scope::{Found, Scope},
};
use crate::{
    Construct, Refused, domain,
    number::{DIGITS_MAX, Interval},
    packed,
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
    /// SQL that is NULL on the same rows: for a column itself, so that its values are counted once, however they are
    /// used.
    pub(crate) presence: String,
    /// The columns it reads.
    pub(crate) columns: BTreeSet<String>,
    /// Whether it may be NULL on some row.
    pub(crate) nullable: bool,
    /// Unit of measure; empty if none is declared or it changes on the way.
    pub(crate) unit: String,
    /// Of dates and timestamps, which: values are days or microseconds since 1970-01-01.
    pub(crate) temporal: Option<Temporal>,
    /// Of text, how many bytes it has at most.
    pub(crate) bytes_max: Option<u16>,
    /// Digits after the point.
    pub(crate) scale: u8,
    /// Where every value lies, scaled by `10^scale`.
    pub(crate) interval: Interval,
    /// A condition on the other relation's rows, beside those that are part of [`Argument::sql`].
    pub(crate) foreign: Option<Condition>,
    /// Of columns of several tables, what it is in their terms; its SQL is for people then.
    pub(crate) polynomial: Option<Polynomial>,
    /// Whether rows without a value count as 0: `CASE … ELSE 0`.
    pub(crate) or_zero: bool,
    /// Whether it is a column times a constant, so that nothing is added to it for each row that has a value.
    pub(crate) is_linear: bool,
    /// Of COALESCE what may be NULL: as many rows as the floor must have a value of it, or a constant beside it would
    /// show what one row has.
    pub(crate) behind: Option<Box<Argument>>,
}

/// A condition of CASE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Which relation's rows it reads.
    pub(crate) side: usize,
    /// As SQL of the local stage.
    pub(crate) sql: String,
}

/// What values are that are no numbers, but counted from 1970-01-01 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temporal {
    Date,
    Timestamp,
}

/// More digits after the point than this are refused: a square has twice as many, and decimals have at most 38.
const SCALE_MAX: u8 = 18;

impl Argument {
    /// The argument of an aggregate.
    pub(crate) fn of_aggregate(function: Function, expr: &Expr, scope: &Scope<'_>) -> Result<Self, Refused> {
        match expr {
            Expr::Case(_) if function == Function::CountDistinct => {
                Err(Construct::DistinctAggregate.refuse(expr))
            }
            Expr::Case(case) => Self::conditional(function, case, expr, scope),
            Expr::ScalarFunction(call) => Self::called(function, call, expr, scope),
            _ if function == Function::Count => Self::counted(expr, scope),
            _ if function == Function::CountDistinct => {
                let found =
                    column_of(expr, scope).ok_or_else(|| Construct::DistinctAggregate.refuse(expr))?;
                check_type(function, &found.column)?;
                check_no_cut(function, &found.column, scope)?;
                Self::counted(expr, scope)
            }
            _ => Self::valued(function, expr, scope),
        }
    }

    /// `CASE WHEN condition THEN value END`, also with `ELSE 0` in a sum: the value where the condition holds, and no
    /// value elsewhere, so that the floor counts the rows for which it holds.
    fn conditional(function: Function, case: &Case, expr: &Expr, scope: &Scope<'_>) -> Result<Self, Refused> {
        let form = || Construct::Case.refuse(&expr.human_display());
        let or_zero = match case.else_expr.as_deref() {
            None => false,
            Some(Expr::Literal(value, _)) if value.is_null() => false,
            Some(Expr::Literal(ScalarValue::Int64(Some(0)), _)) if function == Function::Sum => true,
            Some(_) => return Err(form()),
        };
        let [(when, then)] = case.when_then_expr.as_slice() else { return Err(form()) };
        if case.expr.is_some() {
            return Err(form());
        }
        let mut columns = BTreeSet::new();
        let mut sides = BTreeSet::new();
        for column in when.column_refs() {
            let found = scope.find(column.relation.as_ref().map(TableReference::table), &column.name);
            let found = found.ok_or_else(form)?;
            sides.insert(found.side);
            columns.insert(found.column.name);
        }
        let (Some(&side), 1) = (sides.first(), sides.len()) else { return Err(form()) };
        if scope.is_outer(side) {
            return Err(Construct::OuterCase.refuse(&expr.human_display()));
        }
        let condition = Condition { side, sql: print::condition(when).ok_or_else(form)? };
        let value = Self::valued(function, then, scope)?;
        if or_zero && value.nullable {
            // The sum is NULL where the condition holds on all rows and none has a value, and a count of values alone does
            // not tell.
            return Err(form());
        }
        let is_foreign = !value.columns.is_empty() && value.side != side;
        // Both tables may have the columns that the text names.
        let whose = match side {
            _ if value.polynomial.is_some() => format!(" of table {}", side + 1),
            _ if is_foreign && scope.tables() == 2 => " of the other table".to_owned(),
            side if is_foreign => format!(" of table {}", side + 1),
            0 => String::new(),
            side => format!(" of table {}", side + 1),
        };
        let shown = format!("case when {}{whose} then {}", condition.sql, value.shown);
        let shown = if or_zero { format!("{shown} else 0") } else { shown };
        columns.extend(value.columns);
        if let Some(polynomial) = value.polynomial {
            let polynomial = Some(polynomial.under(condition));
            let sql = shown.clone();
            return Ok(Self {
                shown,
                presence: sql.clone(),
                sql,
                columns,
                nullable: true,
                or_zero,
                polynomial,
                ..value
            });
        }
        let (sql, presence) = if is_foreign {
            (value.sql, value.presence)
        } else {
            let sql = format!("CASE WHEN {} THEN {} END", condition.sql, value.sql);
            (sql.clone(), sql)
        };
        Ok(Self {
            side: if is_foreign { value.side } else { side },
            shown,
            sql,
            presence,
            columns,
            nullable: true,
            unit: value.unit,
            temporal: value.temporal,
            bytes_max: value.bytes_max,
            scale: value.scale,
            interval: value.interval,
            foreign: is_foreign.then_some(condition),
            polynomial: None,
            or_zero,
            is_linear: false,
            behind: None,
        })
    }

    /// `NULLIF(x, y)` is x where it is not y; `COALESCE(x, constant)` is x, and the constant elsewhere.
    fn called(
        function: Function,
        call: &ScalarFunction,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Self, Refused> {
        match (call.func.name(), call.args.as_slice()) {
            ("nullif", [x, y]) if function != Function::CountDistinct => {
                let differs = binary_expr(x.clone(), Operator::IsDistinctFrom, y.clone());
                let case = Case::new(None, vec![(Box::new(differs), Box::new(x.clone()))], None);
                Self::conditional(function, &case, expr, scope)
            }
            ("coalesce", [x, Expr::Literal(ScalarValue::Int64(Some(otherwise)), _)])
                if function != Function::CountDistinct =>
            {
                let value = Self::valued(function, x, scope)?;
                if scope.is_outer(value.side) {
                    return Err(Construct::OuterCase.refuse(&expr.human_display()));
                }
                let filled = value.filled(*otherwise);
                filled.ok_or_else(|| Construct::ArgumentExpression.refuse(&expr.human_display()))
            }
            _ => Err(Construct::ArgumentExpression.refuse(&expr.human_display())),
        }
    }

    /// It, with a constant where it is NULL.
    fn filled(self, otherwise: i64) -> Option<Self> {
        let is_number = self.temporal.is_none() && self.bytes_max.is_none();
        if self.columns.is_empty() || self.polynomial.is_some() || !is_number {
            return None;
        }
        let constant = point(otherwise).rescaled(self.scale)?;
        if constant.magnitude() >= 10_u128.pow(DIGITS_MAX as u32) {
            return None;
        }
        let interval =
            Interval { min: self.interval.min.min(constant.min), max: self.interval.max.max(constant.max) };
        if !self.nullable {
            return Some(self);
        }
        let sql = format!("COALESCE({}, {})", self.sql, decimal(constant.min, self.scale));
        Some(Self {
            shown: format!("coalesce({}, {otherwise})", self.shown),
            presence: sql.clone(),
            sql,
            nullable: false,
            interval,
            is_linear: self.is_linear && otherwise == 0,
            behind: Some(Box::new(self.clone())),
            ..self
        })
    }

    /// It, on the rows on which another has a value, too.
    pub(super) fn beside(&self, other: &Self) -> Self {
        if !other.nullable {
            return self.clone();
        }
        let sql = format!("CASE WHEN ({}) IS NOT NULL THEN {} END", other.presence, self.sql);
        Self {
            shown: format!("{} beside {}", self.shown, other.shown),
            presence: sql.clone(),
            sql,
            columns: self.columns.union(&other.columns).cloned().collect(),
            nullable: true,
            ..self.clone()
        }
    }

    /// It, on the pairs of rows on which another table's has a value, too.
    pub(super) fn meeting(&self, other: &Self) -> Self {
        let Some(present) = other.is_present() else { return self.clone() };
        Self {
            shown: format!("{} beside {}", self.shown, other.shown),
            columns: self.columns.union(&other.columns).cloned().collect(),
            nullable: true,
            foreign: Some(present),
            ..self.clone()
        }
    }

    /// What is true of its table's rows that have a value, if not all have.
    pub(super) fn is_present(&self) -> Option<Condition> {
        self.nullable.then(|| Condition { side: self.side, sql: format!("({}) IS NOT NULL", self.presence) })
    }

    /// The argument of COUNT: only whether it is NULL matters, so that any column will do.
    fn counted(expr: &Expr, scope: &Scope<'_>) -> Result<Self, Refused> {
        let Some(found) = column_of(expr, scope) else {
            // What several tables' rows must have together is counted, too.
            let of = Self::valued(Function::Sum, expr, scope)?;
            let of = Some(of).filter(|of| of.polynomial.is_some());
            return of.ok_or_else(|| Construct::ArgumentExpression.refuse(expr));
        };
        let sql = identifier(&found.column.name);
        Ok(Self::of(found, sql, Interval { min: 0, max: 0 }))
    }

    /// The argument of any other aggregate.
    pub(super) fn valued(function: Function, expr: &Expr, scope: &Scope<'_>) -> Result<Self, Refused> {
        if let Some(found) = column_of(expr, scope) {
            check_no_cut(function, &found.column, scope)?;
            return Self::column(function, found);
        }
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (x, y) = (Self::valued(function, left, scope)?, Self::valued(function, right, scope)?);
                x.check_no_choice(function, *op, &y).map_err(|construct| construct.refuse(expr))?;
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
            ColumnType::Timestamp => {
                Self::of(found, format!("CAST(CAST({name} AS BIGINT) AS {digits})"), domain::range(&column)?)
            }
            ColumnType::Text => {
                let bytes_max = packed::bytes_max(&column);
                let bytes_max = bytes_max.ok_or_else(|| Refused::NoBytes(column.name.clone()))?;
                // It is compared by its bytes; no number stands for it.
                let interval = Interval { min: 0, max: i64::MAX.into() };
                Self { bytes_max: Some(bytes_max), ..Self::of(found, name, interval) }
            }
            ColumnType::Integer | ColumnType::Float { .. } | ColumnType::Boolean => {
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
            presence: identifier(&column.name),
            columns: BTreeSet::from([column.name.clone()]),
            nullable: column.nullable,
            unit: column.unit.clone(),
            temporal: match column.kind {
                ColumnType::Date => Some(Temporal::Date),
                ColumnType::Timestamp => Some(Temporal::Timestamp),
                _ => None,
            },
            bytes_max: None,
            scale: domain::scale(column.kind),
            interval,
            foreign: None,
            polynomial: None,
            or_zero: false,
            is_linear: true,
            behind: None,
        }
    }

    fn constant(value: i64) -> Self {
        Self {
            side: 0,
            shown: value.to_string(),
            sql: decimal(value.into(), 0),
            presence: "1".to_owned(),
            columns: BTreeSet::new(),
            nullable: false,
            unit: String::new(),
            temporal: None,
            bytes_max: None,
            scale: 0,
            interval: point(value),
            foreign: None,
            polynomial: None,
            or_zero: false,
            is_linear: false,
            behind: None,
        }
    }

    /// Refuses what would choose rows inside an aggregate, past the terms for filters and past the floor, which counts
    /// the rows of the whole group: a NULL on one row alone. Products of columns choose rows, too, by a factor that is
    /// zero on all rows but one; for them there is a use of its own, [`contract::terms::Use::Product`].
    fn check_no_choice(&self, function: Function, op: Operator, other: &Self) -> Result<(), Construct> {
        if self.columns.is_empty() || other.columns.is_empty() {
            return Ok(());
        }
        let is_of_several = self.is_of_several(other);
        if is_of_several && !matches!(function, Function::Count | Function::Sum | Function::Avg) {
            return Err(Construct::TablesCombined);
        }
        let are_same = !is_of_several && self.columns == other.columns;
        if op != Operator::Multiply && !are_same && (self.nullable || other.nullable) {
            return Err(Construct::NullableSum);
        }
        Ok(())
    }

    /// Whether it and another read columns of several tables.
    fn is_of_several(&self, other: &Self) -> bool {
        let are_apart = !self.columns.is_empty() && !other.columns.is_empty() && self.side != other.side;
        are_apart || self.polynomial.is_some() || other.polynomial.is_some()
    }

    /// `None` for operators, dates and timestamps that are not supported; an error if bounds get too large.
    fn combine(self, function: Function, op: Operator, other: Self) -> Option<Result<Self, Refused>> {
        if self.temporal.or(other.temporal).is_some() || self.bytes_max.or(other.bytes_max).is_some() {
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
        let by_constant = |x: &Self, y: &Self| x.is_linear && y.columns.is_empty();
        let is_linear = !sums && (by_constant(&self, &other) || by_constant(&other, &self));
        let polynomial = if self.is_of_several(&other) {
            let digits = [scale.saturating_sub(self.scale), scale.saturating_sub(other.scale)];
            let own = |x: Self, y: Self| x.combine(function, op, y);
            match Polynomial::combined(op, [&self, &other], digits, own) {
                Ok(Some(polynomial)) => Some(polynomial),
                Ok(None) => {
                    let columns = self.columns.into_iter().chain(other.columns).collect();
                    return Some(Err(too_wide(function, &shown, &columns)));
                }
                Err(refused) => return Some(Err(refused)),
            }
        } else {
            None
        };
        let side = if self.columns.is_empty() { other.side } else { self.side };
        let columns: BTreeSet<String> = self.columns.into_iter().chain(other.columns).collect();
        let Some(interval) = interval.filter(|_| scale <= SCALE_MAX) else {
            return Some(Err(too_wide(function, &shown, &columns)));
        };
        let sql = format!("({} {op} {})", self.sql, other.sql);
        Some(Ok(Self {
            side,
            presence: sql.clone(),
            sql,
            nullable: self.nullable || other.nullable,
            // The units of a sum were brought to one; what has none has the other's.
            unit: if !sums {
                String::new()
            } else if self.unit.is_empty() {
                other.unit
            } else {
                self.unit
            },
            temporal: None,
            bytes_max: None,
            shown,
            columns,
            scale,
            interval,
            foreign: None,
            polynomial,
            or_zero: false,
            is_linear,
            behind: None,
        }))
    }

    /// The columns in backticks, for messages.
    pub(crate) fn quoted_columns(&self) -> String {
        quoted(&self.columns)
    }
}

/// A sum of what a query cuts values into counts the rows beyond a bound of its choice, however few: the floor and the
/// comparison with earlier answers see all rows of the group, whatever the bound. CASE is held to them.
fn check_no_cut(function: Function, column: &Column, scope: &Scope<'_>) -> Result<(), Refused> {
    let is_place =
        matches!(function, Function::Count | Function::Min | Function::Max | Function::Quantile(_));
    match scope.is_cut(&column.name) && !is_place {
        true => Err(Construct::Cut.refuse(&format!("{}({})", function.name(), column.name))),
        false => Ok(()),
    }
}

/// Whether an aggregate takes a column of that type.
pub(crate) fn check_type(function: Function, column: &Column) -> Result<(), Refused> {
    let found = match column.kind {
        ColumnType::Float { .. } if function == Function::CountDistinct => {
            "a float, whose equality is not reliable"
        }
        _ if matches!(function, Function::Count | Function::CountDistinct) => return Ok(()),
        ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. } => return Ok(()),
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Text if function.is_extreme() => return Ok(()),
        ColumnType::Date => "a date",
        ColumnType::Timestamp => "a timestamp",
        ColumnType::Boolean => "a boolean",
        ColumnType::Text => "text",
    };
    let (function, expected) = (function.name(), function.takes());
    Err(Refused::ArgumentType { function, argument: column.name.clone(), found, expected })
}

/// A SQL decimal constant of `value / 10^scale`. Ends of intervals may be longer by a digit than what is declared.
pub(crate) fn decimal(value: i128, scale: u8) -> String {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1).max(DIGITS_MAX);
    format!("CAST('{}' AS DECIMAL({digits}, {scale}))", crate::number::format_scaled(value, scale))
}

/// A quoted SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column's name as it must be written: quoted unless it is a plain word, so that none reads like an expression.
pub(super) fn shown(name: &str) -> String {
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
