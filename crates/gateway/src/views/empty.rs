//! SELECTs that have no rows because a table of theirs never has one, whatever they compute.
//!
//! Half of what clients ask a catalog is about things that a gateway does not have: indexes, constraints, triggers, policies.
//! They ask it with arrays, functions and correlations that need not be understood: an inner join with nothing is nothing.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::{Arc, LazyLock},
};

use datafusion::{
    execution::SessionStateDefaults,
    logical_expr::AggregateUDF,
    sql::sqlparser::ast::{
        Expr, Function, GroupByExpr, Ident, JoinOperator, Query, Select, SelectItem, SetExpr, TableFactor,
        TableWithJoins, Value, Visit, Visitor,
    },
};

use super::{names, system};

/// Names that WITH gives; they mean no system table.
pub(super) type Given = BTreeSet<String>;

/// Makes a query that has no rows one that says so, and has the same columns.
pub(super) fn simplify(query: &mut Query, given: &Given) {
    let mut is_changed = false;
    simplify_body(&mut query.body, given, &mut is_changed);
    if is_changed && is_empty(query) {
        // It may name columns that are gone; there is nothing to sort.
        query.order_by = None;
    }
}

/// Whether a query was found to have no rows.
pub(super) fn is_empty(query: &Query) -> bool {
    body_is_empty(&query.body)
}

fn body_is_empty(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.from.is_empty() && select.selection.as_ref().is_some_and(is_false),
        SetExpr::Query(query) => is_empty(query),
        SetExpr::SetOperation { left, right, .. } => body_is_empty(left) && body_is_empty(right),
        _ => false,
    }
}

fn is_false(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Boolean(false))
}

fn simplify_body(body: &mut SetExpr, given: &Given, is_changed: &mut bool) {
    match body {
        SetExpr::Select(select) => {
            if has_no_rows(select, given)
                && let Some(columns) = columns(&select.projection)
            {
                clear(select, columns);
                *is_changed = true;
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            simplify_body(left, given, is_changed);
            simplify_body(right, given, is_changed);
        }
        _ => {}
    }
}

fn has_no_rows(select: &Select, given: &Given) -> bool {
    if !select.from.iter().any(|joined| joined_is_empty(joined, given)) {
        return false;
    }
    match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty() => {
            // An aggregate over nothing is a row.
            !select.projection.iter().any(aggregates) && select.having.is_none()
        }
        GroupByExpr::Expressions(keys, modifiers) => {
            let is_set = |key: &Expr| {
                matches!(key, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_) | Expr::Tuple(_))
            };
            modifiers.is_empty() && !keys.iter().any(is_set)
        }
        GroupByExpr::All(_) => false,
    }
}

fn joined_is_empty(joined: &TableWithJoins, given: &Given) -> bool {
    let mut is_empty = factor_is_empty(&joined.relation, given);
    for join in &joined.joins {
        let other = factor_is_empty(&join.relation, given);
        is_empty = match &join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => is_empty || other,
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => is_empty,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => other,
            JoinOperator::FullOuter(_) => is_empty && other,
            _ => return false,
        };
    }
    is_empty
}

fn factor_is_empty(factor: &TableFactor, given: &Given) -> bool {
    match factor {
        TableFactor::Table { name, args: None, .. } => {
            let parts = names::parts(name);
            let found = match parts.as_slice() {
                [name] if !given.contains(name) => system::table(None, name),
                [schema, name] | [_, schema, name] => system::table(Some(schema), name),
                _ => None,
            };
            found.is_some_and(|table| table.is_empty)
        }
        TableFactor::Derived { subquery, .. } => is_empty(subquery),
        TableFactor::NestedJoin { table_with_joins, .. } => joined_is_empty(table_with_joins, given),
        _ => false,
    }
}

/// Names of the columns, if they all have one.
fn columns(projection: &[SelectItem]) -> Option<Vec<Ident>> {
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().cloned(),
        _ => None,
    };
    projection.iter().map(name).collect()
}

fn clear(select: &mut Select, columns: Vec<Ident>) {
    let null = || Expr::Value(Value::Null.with_empty_span());
    let column = |alias| SelectItem::ExprWithAlias { expr: null(), alias };
    select.projection = columns.into_iter().map(column).collect();
    select.distinct = None;
    select.from.clear();
    select.selection = Some(Expr::Value(Value::Boolean(false).with_empty_span()));
    select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    select.having = None;
    select.named_window.clear();
}

/// Whether something aggregates rows, itself and not in a subquery.
pub(super) fn aggregates(item: &impl Visit) -> bool {
    item.visit(&mut Aggregates { depth: 0 }).is_break()
}

struct Aggregates {
    /// How many queries stand around.
    depth: usize,
}

impl Visitor for Aggregates {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(Function { name, over: None, .. })
                if self.depth == 0 && names::parts(name).last().is_some_and(|name| is_aggregate(name)) =>
            {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn is_aggregate(name: &str) -> bool {
    static OFFERED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let offered = SessionStateDefaults::default_aggregate_functions();
        let names =
            |function: &Arc<AggregateUDF>| [&[function.name().to_owned()], function.aliases()].concat();
        offered.iter().flat_map(names).collect()
    });
    OTHERS.contains(&name) || OFFERED.contains(name)
}

/// Aggregates of PostgreSQL's that are not offered, of which one over nothing is a row as well.
const OTHERS: [&str; 9] = [
    "any_value",
    "every",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "mode",
    "percentile_disc",
    "xmlagg",
];
