//! Columns in a syntax tree, wherever they stand, and what is put in their place.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SetExpr, TableWithJoins, VisitorMut};

use super::{names::normalised, unfold::called};

/// What becomes of a column, by its qualifier, its name and the tables of the subqueries that it stands in.
pub(super) type OfColumn<'a> = dyn FnMut(Option<&Ident>, &Ident, &[Vec<String>]) -> Option<Expr> + 'a;

/// Puts expressions in place of columns.
pub(super) struct Columns<'a> {
    /// For each subquery around, what its own tables are called.
    pub(super) within: Vec<Vec<String>>,
    pub(super) of: &'a mut OfColumn<'a>,
}

/// Whether a subquery has a table of that name, so that columns that are qualified by it are that table's.
pub(super) fn hides(within: &[Vec<String>], name: &str) -> bool {
    within.iter().flatten().any(|table| table == name)
}

impl VisitorMut for Columns<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut own = Vec::new();
        if let SetExpr::Select(select) = query.body.as_ref() {
            for TableWithJoins { relation, joins } in &select.from {
                let tables = std::iter::once(relation).chain(joins.iter().map(|join| &join.relation));
                own.extend(tables.filter_map(called).map(|name| normalised(&name)));
            }
        }
        self.within.push(own);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.within.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replaced = match &*expr {
            Expr::Identifier(column) => (self.of)(None, column, &self.within),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => (self.of)(Some(table), column, &self.within),
                _ => None,
            },
            _ => None,
        };
        if let Some(replaced) = replaced {
            *expr = replaced;
        }
        ControlFlow::Continue(())
    }
}
