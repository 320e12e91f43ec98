//! The grammar that is accepted, checked on the syntax tree: what lies outside is refused by name.
//!
//! The last step rebuilds the statement from the parts that were understood and compares it with what was written:
//! a clause that nothing here looks at cannot slip through.

use datafusion::sql::sqlparser::{
    ast::{Distinct, Expr, GroupByExpr, LimitClause, OrderByKind, Query, Select, SetExpr, Statement},
    dialect::GenericDialect,
    parser::Parser,
};

use super::{
    computed,
    from::{self, From},
    group_names, home_joins, intervals, limits, names, nested, output, predicate, sets, stack, subquery,
    threshold, timestamps, unfold, units, views, within,
};
use crate::{Construct, Refused, Table};

/// Where tables of one owner are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    /// At the owner's, where that makes no difference to what is asked.
    AtHome,
    /// As those of different owners.
    OnShares,
}

/// What the later steps need of the syntax tree; everything else they take from the typed plan.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The statement as parsed, for planning.
    pub(crate) statement: Statement,
    /// The tables, and how they are joined.
    pub(crate) from: From,
    /// The conditions of WHERE, which all must hold.
    pub(crate) filter: Vec<Expr>,
    /// What the SELECT list names directly, to explain refusals of the planner.
    pub(crate) named: names::Named,
    /// What was put into HAVING instead of IN, and is to be checked.
    pub(crate) within: Option<within::Within>,
    /// The condition that compares a column with a subquery's value; not one of `filter`.
    pub(crate) threshold: Option<threshold::Written>,
    /// The columns that stand for functions.
    pub(super) computed: Vec<computed::Computed>,
    /// What names of FROM stand for that no table has.
    pub(super) stacks: Vec<stack::Stack>,
    /// The subquery whose groups are aggregated.
    pub(super) nested: Option<nested::Written>,
    /// What names of FROM stand for that is joined at its owner's.
    pub(super) home_joins: Vec<home_joins::HomeJoin>,
    /// The tables, and those that stacks, joins at home and groups make.
    pub(super) tables: Vec<Table>,
}

/// Parses one SELECT, in the units of its tables' columns, and refuses by name what is not supported. Tables of one owner
/// are joined as `joins` says.
pub(crate) fn parse(sql: &str, tables: &[Table], joins: Joins) -> Result<Parsed, Refused> {
    limits::check(sql)?;
    let statements = read(sql)?;
    let (mut statement, views) = views::inline(statements)?;
    group_names::check(&statement, tables)?;
    unfold::unfold(&mut statement)?;
    timestamps::canonical(&mut statement)?;
    intervals::fold(&mut statement)?;
    let stacks = stack::take(&mut statement, tables)?;
    let mut all = tables.to_vec();
    if !tables.is_empty() {
        for stack in &stacks {
            all.push(stack.made_of(tables)?);
        }
    }
    let home_joins = match joins {
        Joins::AtHome => home_joins::take(&mut statement, tables)?,
        Joins::OnShares => Vec::new(),
    };
    for join in &home_joins {
        all.push(join.made_of(tables)?);
    }
    let nested = nested::take(&mut statement, &all)?;
    all.extend(nested.iter().filter_map(|nested| nested.inner.as_ref()).map(|inner| inner.table.clone()));
    let tables = all.as_slice();
    let mut computed = computed::replace(&mut statement, tables, nested.as_ref())?;
    for one in stacks.iter().flat_map(|stack| &stack.parts).flat_map(|part| &part.computed) {
        if !computed.contains(one) {
            computed.push(one.clone());
        }
    }
    timestamps::compared(&mut statement, &computed::extended(tables, &computed)?)?;
    sets::grouped(&mut statement)?;
    let within = match &mut statement {
        Statement::Query(query) => within::take(query)?,
        _ => None,
    };
    if computed.iter().any(computed::Computed::is_across) {
        // What is carried from row to row has a unit.
        units::convert(&mut statement, &computed::extended(tables, &computed)?)?;
    } else {
        units::convert(&mut statement, tables)?;
    }
    let Statement::Query(query) = &statement else {
        return Err(Construct::OtherStatement.refuse(&statement));
    };
    let select = select_of(query)?;
    let (from, filter) = subquery::take(from::read(select, !tables.is_empty())?, select.selection.as_ref())?;
    let (threshold, filter) = threshold::take(&from, filter)?;
    let made_of = stacks.iter().flat_map(stack::Stack::tables);
    let made_of = made_of.chain(home_joins.iter().flat_map(home_joins::HomeJoin::tables));
    let own = from.relations.iter().chain(threshold.iter().map(|threshold| &threshold.table));
    let own = own.chain(nested.iter().map(|nested| &nested.of));
    views::check_names(&views, own.map(|relation| relation.table.as_str()).chain(made_of))?;
    if let Some((_, Some(on))) = &from.join {
        predicate::check(on)?;
    }
    if let (Some(_), Some(other)) = (&from.set, filter.first()) {
        return Err(Construct::SetOperation.refuse(other));
    }
    check_clauses(select)?;
    select.projection.iter().try_for_each(output::check_item)?;
    if let Some(having) = &select.having {
        output::check_having(having)?;
    }
    names::check_names(&select.projection)?;
    filter.iter().try_for_each(predicate::check)?;
    let keys = group_keys(&select.group_by)?;
    let order = order_by(query)?;
    refuse_the_rest(query, select, keys, &order)?;
    // The local stage is made from the tree's text. A text that reads back differently (two minus signs begin a
    // comment) would run another query than the one that was checked.
    if read(&query.to_string())?.first() != Some(&statement) {
        return Err(Construct::OtherExpression.refuse(query));
    }
    let named = names::named(select, keys);
    Ok(Parsed {
        from,
        filter,
        named,
        within,
        threshold,
        computed,
        stacks,
        nested,
        home_joins,
        tables: all,
        statement,
    })
}

pub(super) fn read(sql: &str) -> Result<Vec<Statement>, Refused> {
    Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| {
        Refused::Syntax(error.to_string().trim_start_matches("sql parser error: ").to_owned())
    })
}

fn select_of(query: &Query) -> Result<&Select, Refused> {
    if let Some(with) = &query.with {
        return Err(Construct::CommonTable.refuse(with));
    }
    match &query.limit_clause {
        None if query.fetch.is_none() => {}
        // Which numbers, the plan says.
        Some(LimitClause::LimitOffset { limit_by, .. }) if limit_by.is_empty() && query.fetch.is_none() => {}
        _ => return Err(Construct::Limit.refuse(query)),
    }
    match query.body.as_ref() {
        SetExpr::Select(select) => Ok(select),
        SetExpr::Query(inner) => Err(Construct::Subquery.refuse(inner)),
        SetExpr::SetOperation { .. } => Err(Construct::SetOperation.refuse(query)),
        SetExpr::Values(_) => Err(Construct::Values.refuse(query)),
        SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => Err(Construct::OtherStatement.refuse(query)),
    }
}

fn check_clauses(select: &Select) -> Result<(), Refused> {
    match &select.distinct {
        None | Some(Distinct::All) => {}
        Some(distinct) => return Err(Construct::Distinct.refuse(distinct)),
    }
    if let Some(top) = &select.top {
        return Err(Construct::Limit.refuse(top));
    }
    if let Some(window) = select.named_window.first() {
        return Err(Construct::Window.refuse(window));
    }
    if let Some(qualify) = &select.qualify {
        return Err(Construct::Window.refuse(qualify));
    }
    Ok(())
}

pub(super) fn group_keys(group_by: &GroupByExpr) -> Result<&[Expr], Refused> {
    let (keys, modifiers) = match group_by {
        GroupByExpr::All(_) => return Err(Construct::GroupByAll.refuse(group_by)),
        GroupByExpr::Expressions(keys, modifiers) => (keys, modifiers),
    };
    if !modifiers.is_empty() {
        return Err(Construct::GroupingSets.refuse(group_by));
    }
    for key in keys {
        match key {
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => {
                return Err(Construct::GroupingSets.refuse(key));
            }
            // A number is the position of a SELECT item, as in ORDER BY.
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => {}
            _ => return Err(Construct::GroupExpression.refuse(key)),
        }
    }
    Ok(keys)
}

/// ORDER BY, as it must read if nothing in it is unknown.
fn order_by(query: &Query) -> Result<String, Refused> {
    let Some(order_by) = &query.order_by else { return Ok(String::new()) };
    let OrderByKind::Expressions(expressions) = &order_by.kind else {
        return Err(Construct::OrderExpression.refuse(order_by));
    };
    let mut terms = Vec::with_capacity(expressions.len());
    for term in expressions {
        output::check(&term.expr)?;
        if term.with_fill.is_some() {
            return Err(Construct::OtherClause.refuse(term));
        }
        terms.push(term.to_string());
    }
    Ok(format!(" ORDER BY {}", terms.join(", ")))
}

fn refuse_the_rest(query: &Query, select: &Select, keys: &[Expr], order: &str) -> Result<(), Refused> {
    let list = |items: Vec<String>| items.join(", ");
    let mut understood = String::from("SELECT ");
    if let Some(Distinct::All) = select.distinct {
        understood.push_str("ALL ");
    }
    understood.push_str(&list(select.projection.iter().map(ToString::to_string).collect()));
    understood.push_str(" FROM ");
    understood.push_str(&list(select.from.iter().map(ToString::to_string).collect()));
    if let Some(filter) = &select.selection {
        understood.push_str(&format!(" WHERE {filter}"));
    }
    if !keys.is_empty() {
        understood.push_str(" GROUP BY ");
        understood.push_str(&list(keys.iter().map(ToString::to_string).collect()));
    }
    if let Some(having) = &select.having {
        understood.push_str(&format!(" HAVING {having}"));
    }
    understood.push_str(order);
    if let Some(limit) = &query.limit_clause {
        understood.push_str(&limit.to_string());
    }
    if understood == query.to_string() { Ok(()) } else { Err(Construct::OtherClause.refuse(query)) }
}
