//! What may stand in the SELECT list, in HAVING and in ORDER BY: group columns, aggregates, and expressions and window
//! functions over them. Which columns these may read, the plan says.

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
    UnaryOperator, WindowType,
};

use super::{Function, Quantile, predicate};
use crate::{Construct, Refused};

/// An item of the SELECT list, with or without an alias.
pub(super) fn check_item(item: &SelectItem) -> Result<(), Refused> {
    match item {
        // Without a column there is nothing to ask.
        SelectItem::UnnamedExpr(expr @ Expr::Value(_))
        | SelectItem::ExprWithAlias { expr: expr @ Expr::Value(_), .. } => {
            Err(Construct::SelectExpression.refuse(expr))
        }
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => check(expr),
        SelectItem::ExprWithAliases { .. } => Err(Construct::SelectExpression.refuse(item)),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => Err(Construct::Wildcard.refuse(item)),
    }
}

/// HAVING: an expression over groups, in which a subquery may stand; which one, the plan says.
pub(super) fn check_having(expr: &Expr) -> Result<(), Refused> {
    match expr {
        Expr::Subquery(_) => Ok(()),
        Expr::Nested(inner)
        | Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::Minus, expr: inner } => check_having(inner),
        Expr::BinaryOp { left, op, right } if predicate::is_known(op) => {
            check_having(left)?;
            check_having(right)
        }
        other => check(other),
    }
}

/// An expression over groups.
pub(super) fn check(expr: &Expr) -> Result<(), Refused> {
    let all = |parts: Vec<&Expr>| parts.into_iter().try_for_each(check);
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::TypedString(_) => Ok(()),
        Expr::Nested(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::UnaryOp {
            op: UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus,
            expr: inner,
        } => check(inner),
        Expr::BinaryOp { left, op, right } if predicate::is_known(op) => all(vec![&**left, &**right]),
        Expr::Between { expr, low, high, .. } => all(vec![&**expr, &**low, &**high]),
        Expr::InList { expr, list, .. } => all(std::iter::once(&**expr).chain(list).collect()),
        Expr::Case { operand, conditions, else_result, .. } => {
            let cases = conditions.iter().flat_map(|case| [&case.condition, &case.result]);
            let others = operand.iter().chain(else_result).map(|part| &**part);
            all(cases.chain(others).collect())
        }
        Expr::Function(call) => check_call(call),
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
            Err(Construct::Subquery.refuse(expr))
        }
        _ => Err(Construct::SelectExpression.refuse(expr)),
    }
}

/// Functions over the rows of a result.
const WINDOWS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

fn check_call(call: &Call) -> Result<(), Refused> {
    let name = call.name.to_string().to_lowercase();
    match &call.over {
        None if predicate::is_scalar(call) => check_arguments(call, check),
        None => check_aggregate(call),
        Some(WindowType::WindowSpec(window)) => {
            let is_known = WINDOWS.contains(&name.as_str()) || Function::named(&name).is_some();
            if !is_known || window.window_name.is_some() {
                return Err(Construct::Window.refuse(call));
            }
            check_form(call)?;
            let order = window.order_by.iter().map(|term| &term.expr);
            window.partition_by.iter().chain(order).try_for_each(check)?;
            check_arguments(call, check)
        }
        Some(WindowType::NamedWindow(_)) => Err(Construct::Window.refuse(call)),
    }
}

/// The form of a call; whether it is a supported aggregate of a supported argument, the plan says.
fn check_aggregate(function: &Call) -> Result<(), Refused> {
    check_form(function)?;
    if Function::named(&function.name.to_string().to_lowercase()).is_none() {
        return Err(Construct::Aggregate.refuse(function));
    }
    check_arguments(function, check_argument)
}

pub(super) fn check_form(function: &Call) -> Result<(), Refused> {
    if function.filter.is_some() {
        return Err(Construct::AggregateFilter.refuse(function));
    }
    let is_ranked = matches!(
        Function::named(&function.name.to_string().to_lowercase()),
        Some(Function::Quantile(Quantile::Percentile { .. }))
    );
    let order = match function.within_group.as_slice() {
        [of] if is_ranked && of.with_fill.is_none() => Some(&of.expr),
        [] => None,
        _ => return Err(Construct::AggregateOrder.refuse(function)),
    };
    order.map_or(Ok(()), check_argument)?;
    if function.null_treatment.is_some() {
        return Err(Construct::AggregateOrder.refuse(function));
    }
    if function.parameters != FunctionArguments::None {
        return Err(Construct::Function.refuse(function));
    }
    Ok(())
}

pub(super) fn check_arguments(
    function: &Call,
    each: impl Fn(&Expr) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let FunctionArguments::List(list) = &function.args else {
        return Err(match &function.args {
            FunctionArguments::Subquery(_) => Construct::Subquery.refuse(function),
            FunctionArguments::None | FunctionArguments::List(_) => Construct::Function.refuse(function),
        });
    };
    // Which aggregates have DISTINCT, the plan says.
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && function.over.is_some() {
        return Err(Construct::DistinctAggregate.refuse(function));
    }
    if !list.clauses.is_empty() {
        return Err(Construct::AggregateOrder.refuse(function));
    }
    list.args.iter().try_for_each(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => each(expr),
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Ok(()),
        _ => Err(Construct::ArgumentExpression.refuse(argument)),
    })
}

fn check_argument(expr: &Expr) -> Result<(), Refused> {
    match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
            Err(Construct::Subquery.refuse(expr))
        }
        // Of which form, the plan says.
        Expr::Case { conditions, .. } => conditions.iter().try_for_each(|case| {
            predicate::check(&case.condition)?;
            check_argument(&case.result)
        }),
        Expr::Cast { .. } | Expr::Convert { .. } => Err(Construct::Cast.refuse(expr)),
        Expr::Nested(inner) => check_argument(inner),
        _ => Ok(()),
    }
}
