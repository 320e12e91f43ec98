//! What may stand in WHERE. Each owner evaluates it at home; it is checked here so that it can neither fail on a
//! row (a failure would tell others that such a row exists) nor give different answers at different times.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value,
};

use super::output;
use crate::{Construct, Refused};

/// Refuses by name what is outside the supported conditions.
pub(crate) fn check(expr: &Expr) -> Result<(), Refused> {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Ok(()),
        Expr::Value(_) | Expr::TypedString(_) => literal(expr),
        Expr::Nested(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner) => check(inner),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => all([left, right]),
        Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            check(expr)
        }
        Expr::BinaryOp { left, op, right } => binary(expr, left, op, right),
        Expr::Between { expr, low, high, .. } => all([expr, low, high]),
        Expr::InList { expr, list, .. } => {
            check(expr)?;
            list.iter().try_for_each(check)
        }
        Expr::Like { any: false, expr, pattern, escape_char: None, .. }
        | Expr::ILike { any: false, expr, pattern, escape_char: None, .. } => {
            check(expr)?;
            literal(pattern)
        }
        Expr::Function(call) if call.over.is_none() && is_scalar(call) => {
            output::check_form(call)?;
            output::check_arguments(call, check)
        }
        _ => Err(construct(expr).refuse(expr)),
    }
}

/// Calls `found` with every column that a condition of this grammar reads.
pub(super) fn columns<'e>(expr: &'e Expr, found: &mut impl FnMut(&'e Expr)) {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => found(expr),
        Expr::Nested(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Like { expr: inner, .. }
        | Expr::ILike { expr: inner, .. } => columns(inner, found),
        Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right)
        | Expr::BinaryOp { left, right, .. } => {
            columns(left, found);
            columns(right, found);
        }
        Expr::Between { expr, low, high, .. } => {
            [expr, low, high].into_iter().for_each(|part| columns(part, found));
        }
        Expr::InList { expr, list, .. } => {
            columns(expr, found);
            list.iter().for_each(|part| columns(part, found));
        }
        Expr::Function(Call { args: FunctionArguments::List(list), .. }) => {
            for argument in &list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(part)) = argument {
                    columns(part, found);
                }
            }
        }
        // Constants; whatever else there is, [`check`] refuses.
        _ => {}
    }
}

/// Functions that give one answer at all times, and fail on no value.
const SCALARS: &[&str] = &["coalesce", "nullif", "greatest", "least"];

/// Whether a function may stand in conditions, and in expressions over groups.
pub(super) fn is_scalar(call: &Call) -> bool {
    SCALARS.contains(&call.name.to_string().to_lowercase().as_str())
}

fn all<'a>(parts: impl IntoIterator<Item = &'a Box<Expr>>) -> Result<(), Refused> {
    parts.into_iter().try_for_each(|part| check(part))
}

/// The operators of conditions and of expressions over groups.
pub(super) fn is_known(op: &BinaryOperator) -> bool {
    use BinaryOperator::*;
    matches!(op, And | Or | Eq | NotEq | Lt | LtEq | Gt | GtEq | Plus | Minus | Multiply | Divide | Modulo)
}

fn binary(whole: &Expr, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<(), Refused> {
    use BinaryOperator::*;
    match op {
        And | Or | Eq | NotEq | Lt | LtEq | Gt | GtEq | Plus | Minus | Multiply => {}
        Divide | Modulo if is_positive_number(right) => {}
        Divide | Modulo => return Err(Construct::Division.refuse(whole)),
        PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch | Regexp => {
            return Err(Construct::Pattern.refuse(whole));
        }
        _ => return Err(Construct::Operator.refuse(whole)),
    }
    check(left)?;
    check(right)
}

/// A constant: a value, or a typed text such as `DATE '2026-01-31'`.
fn literal(expr: &Expr) -> Result<(), Refused> {
    match expr {
        Expr::TypedString(_) => Ok(()),
        Expr::Value(value) => match &value.value {
            Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => Ok(()),
            _ => Err(Construct::OtherExpression.refuse(expr)),
        },
        _ => Err(construct(expr).refuse(expr)),
    }
}

/// A divisor that cannot fail: neither 0 nor negative, for the least integer divided by -1 is no integer.
fn is_positive_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let digits = digits.to_string();
                let exponent = digits.find(['e', 'E']).unwrap_or(digits.len());
                digits.bytes().take(exponent).any(|digit| (b'1'..=b'9').contains(&digit))
            }
            _ => false,
        },
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => {
            is_positive_number(inner)
        }
        _ => false,
    }
}

fn construct(expr: &Expr) -> Construct {
    match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => Construct::Subquery,
        Expr::Case { .. } => Construct::Case,
        Expr::Cast { .. } | Expr::Convert { .. } => Construct::Cast,
        Expr::SimilarTo { .. } | Expr::RLike { .. } | Expr::Like { .. } | Expr::ILike { .. } => {
            Construct::Pattern
        }
        Expr::Function(function) if function.over.is_some() => Construct::Window,
        Expr::Function(_)
        | Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Overlay { .. } => Construct::Function,
        Expr::UnaryOp { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => Construct::Operator,
        _ => Construct::OtherExpression,
    }
}
