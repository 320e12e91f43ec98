//! FILTER of aggregates, as CASE.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CaseWhen, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Select, Value,
    helpers::attached_token::AttachedToken, visit_expressions_mut,
};

use super::Function;

/// `aggregate(x) FILTER (WHERE condition)` as `aggregate(CASE WHEN condition THEN x END)`. Not by way of its text: a text
/// with quotes may read back as another one.
pub(super) fn replace(select: &mut Select) {
    let mut to_case = |expr: &mut Expr| {
        let Expr::Function(call) = expr else { return ControlFlow::<()>::Continue(()) };
        let is_aggregate =
            Function::named(&call.name.to_string().to_lowercase()).is_some() && call.over.is_none();
        // What is ordered is not what is called with.
        let is_aggregate = is_aggregate && call.within_group.is_empty();
        let (true, Some(filter)) = (is_aggregate, call.filter.as_ref()) else {
            return ControlFlow::Continue(());
        };
        let FunctionArguments::List(list) = &mut call.args else { return ControlFlow::Continue(()) };
        if let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice() {
            let result = match &*argument {
                FunctionArgExpr::Wildcard => Expr::value(Value::Number("1".into(), false)),
                FunctionArgExpr::Expr(expr) => expr.clone(),
                _ => return ControlFlow::Continue(()),
            };
            *argument = FunctionArgExpr::Expr(Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen { condition: filter.as_ref().clone(), result }],
                else_result: None,
            });
            call.filter = None;
        }
        ControlFlow::Continue(())
    };
    let _ = visit_expressions_mut(&mut select.projection, &mut to_case);
    let _ = visit_expressions_mut(&mut select.having, &mut to_case);
}
