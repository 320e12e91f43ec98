//! Groups that a condition lists: `WHERE city IN ('Paris', 'Lyon') … GROUP BY city`. Which there can be stands in the query,
//! which is public, so that they are public groups without a declared list.
//!
//! What counts are conditions that hold of all rows that come out, of WHERE and inner JOINs: `=` and IN with constants,
//! BETWEEN and comparisons that bound integers and dates on both sides, joined by AND and OR. None of them holds of NULL.

use std::collections::BTreeSet;

use contract::{Column, ColumnType};
use datafusion::{
    common::{JoinType, ScalarValue},
    logical_expr::{Between, BinaryExpr, Cast, Expr, LogicalPlan, Operator, expr::InList},
};

use super::{argument, query::Key, scope::Scope};
use crate::{
    domain::{self, GROUPS_MAX, Value},
    packed,
    rows::arrow_type,
};

/// The keys with the values that conditions leave of them; without a condition as they are declared.
pub(super) fn keys(keys: &[Key], rows: &LogicalPlan, scope: &Scope<'_>) -> Vec<Key> {
    let mut conditions = Vec::new();
    conditions_of(rows, &mut conditions);
    keys.iter().map(|key| listed(key, &conditions, scope).unwrap_or_else(|| key.clone())).collect()
}

/// Those that hold of all rows of a plan.
fn conditions_of<'p>(plan: &'p LogicalPlan, found: &mut Vec<&'p Expr>) {
    match plan {
        LogicalPlan::Filter(filter) => {
            found.push(&filter.predicate);
            conditions_of(&filter.input, found);
        }
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            found.extend(&join.filter);
            conditions_of(&join.left, found);
            conditions_of(&join.right, found);
        }
        _ => {}
    }
}

fn listed(key: &Key, conditions: &[&Expr], scope: &Scope<'_>) -> Option<Key> {
    if scope.is_outer(key.side) || matches!(key.column.kind, ColumnType::Float { .. }) {
        return None;
    }
    let of = Of { key, scope };
    let left = conditions.iter().map(|one| of.left(one)).fold(Left::default(), Left::and);
    let any = left.any.clone();
    let mut values = left.values(key.column.kind)?;
    let declared = domain::values(&key.column).ok();
    values.retain(|value| declared.as_ref().is_none_or(|declared| declared.contains(value)));
    // Conditions that exclude each other leave no value, and no group is no query: one that no row has stands for it.
    if values.is_empty() {
        values.extend(declared.and_then(|declared| declared.into_iter().next()).or(any));
    }
    let values = values.iter().map(|value| value.show(key.column.kind)).collect();
    // As wide as the column is, wherever it stands on shares.
    let bytes_max = packed::bytes_max(&key.column);
    let column = Column { values: Some(values), nullable: false, bytes_max, ..key.column.clone() };
    Some(Key { column, ..key.clone() })
}

/// What conditions leave of a column's values.
#[derive(Default)]
struct Left {
    among: Option<BTreeSet<Value>>,
    min: Option<i128>,
    max: Option<i128>,
    /// One that a condition names.
    any: Option<Value>,
}

impl Left {
    fn among(values: BTreeSet<Value>) -> Self {
        Self { any: values.first().cloned(), among: Some(values), ..Self::default() }
    }

    fn and(self, other: Self) -> Self {
        let among = match (self.among, other.among) {
            (Some(x), Some(y)) => Some(x.intersection(&y).cloned().collect()),
            (x, y) => x.or(y),
        };
        let min = self.min.max(other.min);
        let max = [self.max, other.max].into_iter().flatten().min();
        Self { among, min, max, any: self.any.or(other.any) }
    }

    fn or(self, other: Self, kind: ColumnType) -> Self {
        let any = self.any.clone().or_else(|| other.any.clone());
        match (self.values(kind), other.values(kind)) {
            (Some(x), Some(y)) => Self { any, ..Self::among(x.union(&y).cloned().collect()) },
            _ => Self::default(),
        }
    }

    /// All of them, if they are few enough to be groups.
    fn values(self, kind: ColumnType) -> Option<BTreeSet<Value>> {
        let (min, max) = (self.min, self.max);
        let is_within = |value: &Value| match number(value) {
            Some(number) => min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max),
            None => true,
        };
        match (self.among, min.zip(max)) {
            (Some(values), _) => Some(values.into_iter().filter(is_within).collect()),
            (None, Some((min, max))) if max.checked_sub(min)? < GROUPS_MAX as i128 => match kind {
                ColumnType::Integer => Some((min..=max).map(Value::Number).collect()),
                ColumnType::Date => {
                    (min..=max).map(|day| i32::try_from(day).ok().map(Value::Date)).collect::<Option<_>>()
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// A value that has others next to it.
fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Date(days) => Some((*days).into()),
        Value::Boolean(_) | Value::Timestamp(_) | Value::Text(_) => None,
    }
}

struct Of<'a, 't> {
    key: &'a Key,
    scope: &'a Scope<'t>,
}

impl Of<'_, '_> {
    /// What a condition leaves of the key's values.
    fn left(&self, condition: &Expr) -> Left {
        self.read(condition).unwrap_or_default()
    }

    fn read(&self, condition: &Expr) -> Option<Left> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Some(self.left(left).and(self.left(right)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(self.left(left).or(self.left(right), self.key.column.kind))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match self.is_key(left) {
                true => self.compared(*op, right),
                false if self.is_key(right) => self.compared(op.swap()?, left),
                false => None,
            },
            Expr::InList(InList { expr, list, negated: false }) if self.is_key(expr) => {
                // `x IN (1, NULL)` is true of 1 alone.
                let constants =
                    list.iter().filter(|one| !matches!(one, Expr::Literal(of, _) if of.is_null()));
                let values = constants.map(|one| self.constant(one)).collect::<Option<_>>()?;
                Some(Left::among(values))
            }
            Expr::Between(Between { expr, negated: false, low, high }) if self.is_key(expr) => {
                Some(self.compared(Operator::GtEq, low)?.and(self.compared(Operator::LtEq, high)?))
            }
            _ => None,
        }
    }

    fn is_key(&self, expr: &Expr) -> bool {
        let found = argument::column_of(expr, self.scope);
        found.is_some_and(|found| found.side == self.key.side && found.column.name == self.key.column.name)
    }

    fn compared(&self, op: Operator, with: &Expr) -> Option<Left> {
        let value = self.constant(with)?;
        if op == Operator::Eq {
            return Some(Left::among(BTreeSet::from([value])));
        }
        if !matches!(self.key.column.kind, ColumnType::Integer | ColumnType::Date) {
            return None;
        }
        let number = number(&value)?;
        let (min, max) = match op {
            Operator::GtEq => (Some(number), None),
            Operator::Gt => (Some(number + 1), None),
            Operator::LtEq => (None, Some(number)),
            Operator::Lt => (None, Some(number - 1)),
            _ => return None,
        };
        Some(Left { min, max, any: Some(value), ..Left::default() })
    }

    /// A constant of the column's type that equals itself alone: a float may stand for several decimals, and a date cuts
    /// what a text says of the time.
    fn constant(&self, expr: &Expr) -> Option<Value> {
        let kind = self.key.column.kind;
        match expr {
            Expr::Literal(ScalarValue::Int64(Some(number)), _) => Value::of_number(&number.to_string(), kind),
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Value::of_text(text, kind),
            Expr::Literal(ScalarValue::Boolean(Some(value)), _) if kind == ColumnType::Boolean => {
                Some(Value::Boolean(*value))
            }
            // DATE '2026-11-01', TIMESTAMP '2026-11-01T07:30:00'.
            Expr::Cast(Cast { expr, field })
                if matches!(kind, ColumnType::Date | ColumnType::Timestamp)
                    && *field.data_type() == arrow_type(kind) =>
            {
                self.constant(expr)
            }
            Expr::Negative(inner) => match self.constant(inner)? {
                Value::Number(number) => Some(Value::Number(-number)),
                _ => None,
            },
            _ => None,
        }
    }
}
