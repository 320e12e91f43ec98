//! The rows that a query and its subqueries are about, before anything is joined.

use std::{collections::BTreeSet, ops::ControlFlow};

use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SetExpr, TableWithJoins, Visit, Visitor, VisitorMut,
};

use crate::sql::{names::normalised, windowed};

/// FROM and WHERE.
pub(super) type Rows = (Vec<TableWithJoins>, Option<Expr>);

pub(super) fn rows(select: &Select) -> Rows {
    (select.from.clone(), select.selection.clone())
}

/// Whether something in a query is about its tables' rows before these are joined: windows over rows, and subqueries but
/// those of HAVING over the same rows.
pub(super) fn reads_otherwise(query: &Query, select: &Select) -> bool {
    query.visit(&mut Finds { same: rows(select) }).is_break()
}

fn is_over(query: &Query, of: &Rows) -> bool {
    matches!(query.body.as_ref(), SetExpr::Select(select) if rows(select) == *of)
}

struct Finds {
    same: Rows,
}

impl Visitor for Finds {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if is_over(query, &self.same) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if windowed::mark(expr).is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The names of columns that stand in a query.
pub(super) fn written(query: &Query) -> BTreeSet<String> {
    let mut names = Names(BTreeSet::new());
    let _: ControlFlow<()> = query.visit(&mut names);
    names.0
}

struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => drop(self.0.insert(normalised(name))),
            Expr::CompoundIdentifier(parts) => self.0.extend(parts.last().map(normalised)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Puts other rows in the place of those that subqueries are over.
pub(super) struct Put {
    pub(super) of: Rows,
    pub(super) put: Rows,
}

impl VisitorMut for Put {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if is_over(query, &self.of)
            && let SetExpr::Select(select) = query.body.as_mut()
        {
            (select.from, select.selection) = self.put.clone();
        }
        ControlFlow::Continue(())
    }
}
