//! Conditions over several tables that read public group columns alone. Which groups satisfy them is known when a query is
//! drafted: those that do not are left out, and no row has to be asked.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value as Literal};

use super::{query::Key, scope::Scope};
use crate::domain::Value;

/// A condition on a group's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupCondition {
    All(Vec<GroupCondition>),
    Any(Vec<GroupCondition>),
    Not(Box<GroupCondition>),
    /// The key, by its place in GROUP BY, has one of these values.
    Among {
        key: usize,
        values: BTreeSet<Value>,
    },
    IsNull {
        key: usize,
    },
}

impl GroupCondition {
    /// `None` for what reads other columns, or compares otherwise than by `=`, `<>`, IN and IS NULL with constants.
    pub(super) fn read(condition: &Expr, keys: &[Key], scope: &Scope<'_>) -> Option<Self> {
        let read = |expr: &Expr| Self::read(expr, keys, scope);
        let not = |condition| Self::Not(Box::new(condition));
        Some(match condition {
            Expr::Nested(inner) => read(inner)?,
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => not(read(expr)?),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Self::All(vec![read(left)?, read(right)?])
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Self::Any(vec![read(left)?, read(right)?])
            }
            Expr::BinaryOp { left, op: op @ (BinaryOperator::Eq | BinaryOperator::NotEq), right } => {
                let (column, constant) = match key(left, keys, scope) {
                    Some(_) => (left, right),
                    None => (right, left),
                };
                let among = Self::among(column, std::slice::from_ref(&**constant), keys, scope)?;
                if *op == BinaryOperator::Eq { among } else { not(among) }
            }
            Expr::InList { expr, list, negated } => {
                let among = Self::among(expr, list, keys, scope)?;
                if *negated { not(among) } else { among }
            }
            Expr::IsNull(inner) => Self::IsNull { key: key(inner, keys, scope)?.0 },
            Expr::IsNotNull(inner) => not(Self::IsNull { key: key(inner, keys, scope)?.0 }),
            _ => return None,
        })
    }

    fn among(column: &Expr, constants: &[Expr], keys: &[Key], scope: &Scope<'_>) -> Option<Self> {
        let (place, of) = key(column, keys, scope)?;
        let values = constants.iter().map(|one| constant(one, of)).collect::<Option<_>>()?;
        Some(Self::Among { key: place, values })
    }

    /// Whether a group satisfies it, in three-valued logic.
    pub(crate) fn holds(&self, group: &[Option<Value>]) -> Option<bool> {
        let of = |key: &usize| group.get(*key).and_then(Option::as_ref);
        match self {
            Self::All(parts) => decided(parts, group, false),
            Self::Any(parts) => decided(parts, group, true),
            Self::Not(inner) => inner.holds(group).map(|holds| !holds),
            Self::Among { key, values } => of(key).map(|value| values.contains(value)),
            Self::IsNull { key } => Some(of(key).is_none()),
        }
    }
}

/// What decides the whole by itself, or else what is unknown, or else the opposite.
fn decided(parts: &[GroupCondition], group: &[Option<Value>], by: bool) -> Option<bool> {
    let mut whole = Some(!by);
    for part in parts {
        match part.holds(group) {
            Some(holds) if holds == by => return Some(by),
            Some(_) => {}
            None => whole = None,
        }
    }
    whole
}

fn key<'k>(column: &Expr, keys: &'k [Key], scope: &Scope<'_>) -> Option<(usize, &'k Key)> {
    let found = scope.column(column)?;
    keys.iter().enumerate().find(|(_, key)| key.side == found.side && key.column.name == found.column.name)
}

fn constant(written: &Expr, of: &Key) -> Option<Value> {
    let kind = of.column.kind;
    match written {
        Expr::Nested(inner) => constant(inner, of),
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) => Value::of_text(text, kind),
            Literal::Number(digits, _) => Value::of_number(&digits.to_string(), kind),
            Literal::Boolean(value) => Some(Value::Boolean(*value)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x = 1 AND NOT (y = 2 OR y IS NULL)`.
    #[test]
    fn what_is_unknown_is_not_true() {
        let is = |key, value| GroupCondition::Among { key, values: BTreeSet::from([Value::Number(value)]) };
        let either = GroupCondition::Any(vec![is(1, 2), GroupCondition::IsNull { key: 1 }]);
        let whole = GroupCondition::All(vec![is(0, 1), GroupCondition::Not(Box::new(either))]);
        let number = |value| Some(Value::Number(value));
        for (group, expected) in [
            ([number(1), number(3)], Some(true)),
            ([number(1), number(2)], Some(false)),
            ([number(1), None], Some(false)),
            ([None, number(3)], None),
            ([None, number(2)], Some(false)),
        ] {
            assert_eq!(whole.holds(&group), expected, "{group:?}");
        }
    }
}
