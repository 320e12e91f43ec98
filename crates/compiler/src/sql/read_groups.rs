//! A SELECT that only reads the groups of a subquery in FROM, put into the subquery's own SELECT: names become what they
//! stand for, and expressions, windows and order are over the same groups as before. A condition on group columns alone
//! holds of all rows of a group or of none, and becomes one on the rows; the others become HAVING.
//!
//! What aggregates or groups the groups again is [`super::nested`]'s.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr,
    TableWithJoins, Value, Visit, VisitMut, Visitor,
};

use super::{
    columns::{Columns, hides},
    computed::is_aggregate,
    limits,
    names::normalised,
    stack,
    unfold::{self, and, called, last, requalified},
    windowed,
};
use crate::{Construct, Refused};

/// Whether a subquery's rows are groups.
pub(super) fn is_grouped(query: &Query) -> bool {
    matches!(query.body.as_ref(), SetExpr::Select(select) if aggregates(select))
}

fn aggregates(select: &Select) -> bool {
    let has_keys = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
    };
    has_keys || select.having.is_some() || Read::of(&select.projection).aggregates
}

/// Makes one SELECT of a query and the grouped subquery that it reads, which is unfolded.
pub(super) fn unfold(query: &mut Query, inner: Query, alias: &Ident) -> Result<(), Refused> {
    let refused = |what: &dyn std::fmt::Display| Err(Construct::DerivedTable.refuse(&what));
    let Query { order_by, limit_clause, .. } = inner.clone();
    let bare = Query { order_by, limit_clause, ..stack::bare(inner.body.as_ref().clone()) };
    let (SetExpr::Select(outer), SetExpr::Select(groups)) = (query.body.as_ref(), inner.body.as_ref()) else {
        return refused(&inner);
    };
    if bare != inner || !only_reads(outer) || Read::of(&query.order_by).aggregates {
        return refused(&inner);
    }
    let windows = Read::of(&outer.projection).windows || Read::of(&query.order_by).windows;
    if Read::of(&groups.projection).windows && (windows || outer.selection.is_some()) {
        return refused(&"window functions within, beside conditions or window functions around it");
    }
    let is_bare = outer.selection.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    if inner.limit_clause.is_some() && (windows || !is_bare) {
        return refused(&"LIMIT within, beside conditions, order, LIMIT or window functions around it");
    }
    let written = Written { select: groups.as_ref(), table: only_table(groups) };
    let columns = Groups { alias: alias.clone(), name: normalised(alias), columns: written.columns()? };
    let mut merged = groups.as_ref().clone();
    merged.projection = columns.projection(&outer.projection)?;
    if let GroupByExpr::Expressions(keys, _) = &mut merged.group_by {
        for key in keys.iter_mut() {
            *key = written.term(key)?;
        }
    }
    merged.having = groups.having.as_ref().map(|having| written.spelled(having)).transpose()?;
    let order = match &query.order_by {
        Some(_) => None,
        None => inner.order_by.map(|order| written.order(order)).transpose()?,
    };
    check_captured(&merged.projection, &columns.columns, &merged, &order)?;
    let has_keys = merged.group_by != GroupByExpr::Expressions(Vec::new(), Vec::new());
    for mut condition in outer.selection.iter().flat_map(conjuncts) {
        columns.replace(&mut condition, &[])?;
        if has_keys && !Read::of(&condition).aggregates {
            merged.selection = and(merged.selection.take(), Some(condition));
        } else {
            merged.having = and(merged.having.take(), Some(condition));
        }
    }
    match &mut query.order_by {
        Some(order) => {
            let names: Vec<String> = outer.projection.iter().filter_map(unfold::alias).collect();
            columns.replace(order, &names)?;
        }
        None => query.order_by = order,
    }
    // All rows would come out, which were one.
    if !aggregates(&merged) {
        return refused(&"an aggregation of which nothing is read");
    }
    query.limit_clause = query.limit_clause.take().or(inner.limit_clause);
    *query.body = SetExpr::Select(Box::new(merged));
    limits::check(&query.to_string())
}

/// What a part of a query reads, outside of subqueries, aggregates and windows over rows.
#[derive(Default)]
struct Read {
    aggregates: bool,
    windows: bool,
    depth: usize,
}

impl Read {
    fn of(part: &impl Visit) -> Self {
        let mut read = Self::default();
        let _: ControlFlow<()> = part.visit(&mut read);
        read
    }

    fn is_closed(expr: &Expr) -> bool {
        matches!(expr, Expr::Function(call) if is_aggregate(call)) || windowed::mark(expr).is_some()
    }
}

impl Visitor for Read {
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
        if let (0, Expr::Function(call)) = (self.depth, expr) {
            self.aggregates |= is_aggregate(call);
            self.windows |= call.over.is_some();
        }
        self.depth += usize::from(Self::is_closed(expr));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.depth -= usize::from(Self::is_closed(expr));
        ControlFlow::Continue(())
    }
}

/// Whether a SELECT has nothing but columns of its one table and conditions on them.
fn only_reads(select: &Select) -> bool {
    let list = |items: Vec<String>| items.join(", ");
    let items = list(select.projection.iter().map(ToString::to_string).collect());
    let from = list(select.from.iter().map(ToString::to_string).collect());
    let condition = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    let is_plain = format!("SELECT {items} FROM {from}{condition}") == select.to_string();
    is_plain && !Read::of(&select.projection).aggregates && !Read::of(&select.selection).aggregates
}

/// The name of the one table that a SELECT reads, by which its columns can be qualified.
fn only_table(select: &Select) -> Option<Ident> {
    match select.from.as_slice() {
        [TableWithJoins { relation, joins }] if joins.is_empty() => called(relation),
        _ => None,
    }
}

/// A grouped SELECT as it is written.
struct Written<'s> {
    select: &'s Select,
    /// Its table, if there is one.
    table: Option<Ident>,
}

/// A column of a subquery: its name, and what it is.
struct Column {
    name: Option<Ident>,
    of: Expr,
}

impl Written<'_> {
    fn columns(&self) -> Result<Vec<Column>, Refused> {
        let items = self.select.projection.iter().map(|item| {
            let (name, expr) = match item {
                SelectItem::ExprWithAlias { expr, alias } => (Some(alias.clone()), expr),
                SelectItem::UnnamedExpr(expr) => (own_name(expr), expr),
                _ => return Err(Construct::Wildcard.refuse(item)),
            };
            Ok(Column { name, of: self.qualified(expr)? })
        });
        items.collect()
    }

    /// With the one table's columns as its own, so that no name of a result is one of them.
    fn qualified(&self, expr: &Expr) -> Result<Expr, Refused> {
        match &self.table {
            Some(table) => requalified(expr, table, table),
            None => Ok(expr.clone()),
        }
    }

    /// With what names of the SELECT list stand for.
    fn spelled(&self, expr: &Expr) -> Result<Expr, Refused> {
        let mut expr = expr.clone();
        let items: Vec<(String, Expr)> = self.select.projection.iter().filter_map(aliased).collect();
        let mut spell = Columns {
            within: Vec::new(),
            of: &mut |qualifier: Option<&Ident>, column: &Ident, within| {
                let is_own = qualifier.is_none() && within.is_empty();
                let (_, of) = items.iter().find(|(name, _)| is_own && *name == normalised(column))?;
                Some(bracketed(of))
            },
        };
        let _: ControlFlow<()> = VisitMut::visit(&mut expr, &mut spell);
        self.qualified(&expr)
    }

    /// A term of GROUP BY or ORDER BY: a number is the place of a column.
    fn term(&self, expr: &Expr) -> Result<Expr, Refused> {
        let place = match expr {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => digits.to_string().parse::<usize>().ok(),
                _ => None,
            },
            _ => None,
        };
        let item = place.and_then(|place| self.select.projection.get(place.checked_sub(1)?));
        match item {
            Some(SelectItem::UnnamedExpr(of) | SelectItem::ExprWithAlias { expr: of, .. }) => {
                self.qualified(of).map(unbracketed)
            }
            _ => self.spelled(expr).map(unbracketed),
        }
    }

    fn order(&self, mut order: OrderBy) -> Result<OrderBy, Refused> {
        if let OrderByKind::Expressions(terms) = &mut order.kind {
            for term in terms {
                term.expr = self.term(&term.expr)?;
            }
        }
        Ok(order)
    }
}

/// A grouped subquery's columns.
struct Groups {
    alias: Ident,
    name: String,
    columns: Vec<Column>,
}

impl Groups {
    fn projection(&self, items: &[SelectItem]) -> Result<Vec<SelectItem>, Refused> {
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let name = own_name(expr).or_else(|| quoted(&expr.to_string()));
                    all.push(shown(self.replaced(expr)?, name));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    all.push(shown(self.replaced(expr)?, Some(alias.clone())));
                }
                _ if ["*".to_owned(), format!("{}.*", self.alias)].contains(&item.to_string()) => {
                    all.extend(
                        self.columns.iter().map(|column| shown(column.of.clone(), column.name.clone())),
                    );
                }
                _ => return Err(Construct::Wildcard.refuse(item)),
            }
        }
        Ok(all)
    }

    fn replaced(&self, expr: &Expr) -> Result<Expr, Refused> {
        let mut expr = expr.clone();
        self.replace(&mut expr, &[])?;
        Ok(unbracketed(expr))
    }

    /// Puts the columns' expressions in place of their names, but for those of the result.
    fn replace(&self, part: &mut impl VisitMut, results: &[String]) -> Result<(), Refused> {
        let mut refused = None;
        let mut replace = Columns {
            within: Vec::new(),
            of: &mut |qualifier: Option<&Ident>, column: &Ident, within| {
                let name = normalised(column);
                let is_own = qualifier.is_none_or(|table| normalised(table) == self.name);
                let found =
                    self.columns.iter().find(|own| own.name.as_ref().map(normalised).as_ref() == Some(&name));
                if !within.is_empty() {
                    // A subquery's own tables come first, and which columns they have is not known here.
                    if is_own && !hides(within, &self.name) && (qualifier.is_some() || found.is_some()) {
                        refused = Some(Refused::Unqualified(column.to_string()));
                    }
                    return None;
                }
                if qualifier.is_none() && results.contains(&name) {
                    return None;
                }
                match found.filter(|_| is_own) {
                    Some(found) => Some(bracketed(&found.of)),
                    None => {
                        let column = match qualifier {
                            Some(table) => format!("{table}.{column}"),
                            None => column.to_string(),
                        };
                        refused = Some(Refused::Meaning(format!("`{}` has no column `{column}`", self.name)));
                        None
                    }
                }
            },
        };
        let _: ControlFlow<()> = VisitMut::visit(part, &mut replace);
        refused.map_or(Ok(()), Err)
    }
}

/// Refuses a name of the result that a column within has, which is not qualified since there are several tables: in HAVING
/// and ORDER BY it would stand for the result.
fn check_captured(
    result: &[SelectItem],
    columns: &[Column],
    select: &Select,
    order: &Option<OrderBy>,
) -> Result<(), Refused> {
    let mut read = unqualified(&select.having);
    read.extend(unqualified(order));
    columns.iter().for_each(|column| read.extend(unqualified(&column.of)));
    match result.iter().filter_map(renamed).find(|name| read.contains(name)) {
        Some(name) => Err(Refused::Unqualified(name)),
        None => Ok(()),
    }
}

/// The columns that are named without their table, outside of subqueries.
pub(super) fn unqualified(part: &(impl Clone + VisitMut)) -> Vec<String> {
    let (mut part, mut names) = (part.clone(), Vec::new());
    let mut look = Columns {
        within: Vec::new(),
        of: &mut |qualifier: Option<&Ident>, column: &Ident, within| {
            if qualifier.is_none() && within.is_empty() {
                names.push(normalised(column));
            }
            None
        },
    };
    let _: ControlFlow<()> = VisitMut::visit(&mut part, &mut look);
    names
}

fn conjuncts(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::Nested(inner) => conjuncts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left).into_iter().chain(conjuncts(right)).collect()
        }
        other => vec![other.clone()],
    }
}

/// An item of the SELECT list, under a name that it does not have by itself.
fn shown(expr: Expr, name: Option<Ident>) -> SelectItem {
    match name {
        Some(alias) if last(&expr) != Some(normalised(&alias)) => SelectItem::ExprWithAlias { expr, alias },
        _ => SelectItem::UnnamedExpr(expr),
    }
}

/// A column's own name, as written.
fn own_name(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Identifier(name) => Some(name.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().cloned(),
        _ => None,
    }
}

/// An expression's text as a name.
fn quoted(text: &str) -> Option<Ident> {
    (!text.contains('"')).then(|| Ident::with_quote('"', text))
}

/// A name of the SELECT list for what is not called so by itself.
pub(super) fn renamed(item: &SelectItem) -> Option<String> {
    aliased(item).map(|(name, _)| name)
}

fn aliased(item: &SelectItem) -> Option<(String, Expr)> {
    match item {
        SelectItem::ExprWithAlias { expr, alias } => {
            let name = normalised(alias);
            (last(expr).as_ref() != Some(&name)).then(|| (name, expr.clone()))
        }
        _ => None,
    }
}

fn bracketed(expr: &Expr) -> Expr {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Nested(_) => expr.clone(),
        other => Expr::Nested(Box::new(other.clone())),
    }
}

fn unbracketed(expr: Expr) -> Expr {
    match expr {
        Expr::Nested(inner) => unbracketed(*inner),
        other => other,
    }
}
