//! What a query compares for equality: of two tables' columns that is a match, as an equality of keys is, however it is
//! written.

use std::{collections::BTreeSet, ops::ControlFlow};

use contract::Schema;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, Visit, Visitor};

use super::plan::{Place, having};
use crate::sql::{computed::is_aggregate, names::normalised};

/// The columns of each comparison for equality.
pub(super) fn of(query: &Query, schemas: &[(String, &Schema)]) -> Vec<BTreeSet<Place>> {
    let mut comparisons = Comparisons { schemas, found: Vec::new() };
    let _: ControlFlow<()> = query.visit(&mut comparisons);
    comparisons.found
}

struct Comparisons<'s> {
    schemas: &'s [(String, &'s Schema)],
    found: Vec<BTreeSet<Place>>,
}

impl Visitor for Comparisons<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if compares(expr) {
            let mut columns = Columns { schemas: self.schemas, aggregates: 0, found: BTreeSet::new() };
            let _: ControlFlow<()> = expr.visit(&mut columns);
            self.found.push(columns.found);
        }
        ControlFlow::Continue(())
    }
}

/// Whether it is decided by whether two values are the same.
fn compares(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => {
            matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::Spaceship)
        }
        Expr::Case { operand, .. } => operand.is_some(),
        Expr::Function(call) => call.name.to_string().eq_ignore_ascii_case("nullif"),
        Expr::InList { .. }
        | Expr::InUnnest { .. }
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::RLike { .. } => true,
        _ => false,
    }
}

/// The columns of an expression, without those of which it has aggregates.
struct Columns<'s> {
    schemas: &'s [(String, &'s Schema)],
    /// Within how many.
    aggregates: usize,
    found: BTreeSet<Place>,
}

impl Visitor for Columns<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let (qualifier, name) = match expr {
            Expr::Function(call) if is_aggregate(call) => {
                self.aggregates += 1;
                return ControlFlow::Continue(());
            }
            _ if self.aggregates > 0 => return ControlFlow::Continue(()),
            Expr::Identifier(name) => (None, name),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] => (Some(table), name),
                _ => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        let name = normalised(name);
        self.found.extend(having(self.schemas, qualifier, &name).map(|relation| (relation, name.clone())));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Function(call) if is_aggregate(call)) {
            self.aggregates -= 1;
        }
        ControlFlow::Continue(())
    }
}
