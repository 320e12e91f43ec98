//! A condition of the plan as SQL of the local stage, over one table.

use arrow::datatypes::DataType;
use datafusion::{
    common::ScalarValue,
    logical_expr::{Between, BinaryExpr, Cast, Expr, Like, Operator, expr::InList},
};

use super::identifier;
use crate::rows::TIMESTAMP;

/// `None` for what the grammar of conditions has no form for.
pub(super) fn condition(expr: &Expr) -> Option<String> {
    let after = |inner: &Expr, words: &str| Some(format!("({} {words})", condition(inner)?));
    Some(match expr {
        Expr::Column(column) => identifier(&column.name),
        Expr::Literal(value, _) => literal(value)?,
        Expr::Cast(Cast { expr, field }) => match (expr.as_ref(), field.data_type()) {
            (Expr::Literal(text @ ScalarValue::Utf8(Some(_)), _), DataType::Date32) => {
                format!("CAST({} AS DATE)", literal(text)?)
            }
            (Expr::Literal(text @ ScalarValue::Utf8(Some(_)), _), kind) if *kind == TIMESTAMP => {
                format!("CAST({} AS TIMESTAMP(6))", literal(text)?)
            }
            _ => return None,
        },
        Expr::Not(inner) => format!("(NOT {})", condition(inner)?),
        Expr::Negative(inner) => format!("(- {})", condition(inner)?),
        Expr::IsNull(inner) => after(inner, "IS NULL")?,
        Expr::IsNotNull(inner) => after(inner, "IS NOT NULL")?,
        Expr::IsTrue(inner) => after(inner, "IS TRUE")?,
        Expr::IsNotTrue(inner) => after(inner, "IS NOT TRUE")?,
        Expr::IsFalse(inner) => after(inner, "IS FALSE")?,
        Expr::IsNotFalse(inner) => after(inner, "IS NOT FALSE")?,
        Expr::IsUnknown(inner) => after(inner, "IS UNKNOWN")?,
        Expr::IsNotUnknown(inner) => after(inner, "IS NOT UNKNOWN")?,
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            format!("({} {} {})", condition(left)?, operator(*op)?, condition(right)?)
        }
        Expr::Between(Between { expr, negated, low, high }) => format!(
            "({} {}BETWEEN {} AND {})",
            condition(expr)?,
            not(*negated),
            condition(low)?,
            condition(high)?
        ),
        Expr::InList(InList { expr, list, negated }) => {
            let list: Option<Vec<String>> = list.iter().map(condition).collect();
            format!("({} {}IN ({}))", condition(expr)?, not(*negated), list?.join(", "))
        }
        Expr::Like(Like { negated, expr, pattern, escape_char: None, case_insensitive }) => {
            let like = if *case_insensitive { "ILIKE" } else { "LIKE" };
            format!("({} {}{like} {})", condition(expr)?, not(*negated), condition(pattern)?)
        }
        // Which ones there may be, the grammar says.
        Expr::ScalarFunction(call) => {
            let arguments: Option<Vec<String>> = call.args.iter().map(condition).collect();
            format!("{}({})", call.func.name(), arguments?.join(", "))
        }
        _ => return None,
    })
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn operator(op: Operator) -> Option<&'static str> {
    Some(match op {
        Operator::And => "AND",
        Operator::Or => "OR",
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::IsDistinctFrom => "IS DISTINCT FROM",
        Operator::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
        _ => return None,
    })
}

fn literal(value: &ScalarValue) -> Option<String> {
    Some(match value {
        ScalarValue::Null => "NULL".to_owned(),
        ScalarValue::Boolean(Some(value)) => value.to_string(),
        // A minus sign before another begins a comment.
        ScalarValue::Int64(Some(value)) => format!("({value})"),
        // Written so that it is read as the same float again.
        ScalarValue::Float64(Some(value)) if value.is_finite() => format!("({value:?})"),
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        _ => return None,
    })
}
