//! What a condition compares columns with: constants, which an owner can list in its terms, or more than that.

use std::collections::BTreeSet;

use contract::policy::plain_number;
use datafusion::{
    arrow::datatypes::DataType,
    common::ScalarValue,
    logical_expr::{Between, BinaryExpr, Cast, Expr, Like, Operator, expr::InList},
};

use crate::rows::TIMESTAMP;

/// What a column is compared with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum With {
    /// Written as [`Compared`](contract::policy::Compared) has them.
    Constants(BTreeSet<String>),
    /// Other columns, or constants after it was computed with.
    More,
}

/// Each comparison of a condition: an expression that reads columns, and what they are compared with.
pub(super) fn of<'a>(condition: &'a Expr) -> Vec<(&'a Expr, With)> {
    let compared = |column: &'a Expr, others: &[&Expr]| match constants(column, others) {
        Some(constants) => (column, With::Constants(constants)),
        None => (condition, With::More),
    };
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            of(left).into_iter().chain(of(right)).collect()
        }
        Expr::Not(inner) | Expr::IsTrue(inner) | Expr::IsFalse(inner) => of(inner),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            let (column, other) = if text(left).is_some() { (right, left) } else { (left, right) };
            vec![compared(column, &[other])]
        }
        Expr::InList(InList { expr, list, .. }) => vec![compared(expr, &list.iter().collect::<Vec<_>>())],
        Expr::Between(Between { expr, low, high, .. }) => vec![compared(expr, &[low, high])],
        Expr::Like(Like { expr, pattern, escape_char: None, case_insensitive: false, .. }) => {
            vec![compared(expr, &[pattern])]
        }
        Expr::IsNull(column) | Expr::IsNotNull(column) if matches!(**column, Expr::Column(_)) => {
            vec![(column, With::Constants(BTreeSet::from(["NULL".to_owned()])))]
        }
        Expr::Column(_) => vec![(condition, With::Constants(BTreeSet::from(["true".to_owned()])))],
        _ => vec![(condition, With::More)],
    }
}

pub(super) fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    )
}

/// What a column is compared with, if it is one and these are constants.
fn constants(column: &Expr, others: &[&Expr]) -> Option<BTreeSet<String>> {
    match column {
        Expr::Column(_) => others.iter().map(|other| text(other)).collect(),
        _ => None,
    }
}

/// A constant as [`Compared`](contract::policy::Compared) has it.
fn text(constant: &Expr) -> Option<String> {
    match constant {
        Expr::Literal(ScalarValue::Null, _) => Some("NULL".to_owned()),
        Expr::Literal(value, _) => match value.cast_to(&DataType::Utf8).ok()? {
            ScalarValue::Utf8(Some(text)) if value.data_type().is_numeric() => {
                Some(plain_number(&text).to_owned())
            }
            ScalarValue::Utf8(Some(text)) => Some(text),
            ScalarValue::Utf8(None) => Some("NULL".to_owned()),
            _ => None,
        },
        // DATE '2026-11-01', TIMESTAMP '2026-11-01 07:30'.
        Expr::Cast(Cast { expr, field })
            if [DataType::Date32, TIMESTAMP].contains(field.data_type())
                && matches!(**expr, Expr::Literal(..)) =>
        {
            text(expr)
        }
        Expr::Negative(inner) if matches!(**inner, Expr::Literal(..)) => {
            text(inner).map(|number| format!("-{number}"))
        }
        _ => None,
    }
}
