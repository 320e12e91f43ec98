//! Which table a column's name stands for.

use std::collections::BTreeSet;

use contract::{Column, Schema};
use datafusion::sql::sqlparser::ast::{Expr, Ident};

use super::names::normalised;

/// The relations of FROM, in order.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'t> {
    relations: Vec<(String, &'t Schema)>,
    /// Whether the first and the second relation's columns are NULL where a row has no partner.
    outer: [bool; 2],
    /// Columns whose values the query cuts where it wants.
    cuts: BTreeSet<String>,
}

/// A column, found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Which relation.
    pub(crate) side: usize,
    /// As declared; nullable too where an outer join makes it so.
    pub(crate) column: Column,
    /// Whether its relation has to be named with it.
    pub(crate) qualifier: Option<String>,
}

impl<'t> Scope<'t> {
    pub(crate) fn new(relations: Vec<(String, &'t Schema)>, outer: [bool; 2]) -> Self {
        Self { relations, outer, cuts: BTreeSet::new() }
    }

    pub(crate) fn with_cuts(self, cuts: BTreeSet<String>) -> Self {
        Self { cuts, ..self }
    }

    /// How many there are.
    pub(crate) fn tables(&self) -> usize {
        self.relations.len()
    }

    /// Whether the query cuts that column's values where it wants.
    pub(crate) fn is_cut(&self, column: &str) -> bool {
        self.cuts.contains(column)
    }

    /// The column of that name; of several relations, the only one that has it.
    pub(crate) fn find(&self, relation: Option<&str>, name: &str) -> Option<Found> {
        let holders = || {
            let all = self.relations.iter().enumerate();
            all.filter_map(|(side, (known, schema))| Some((side, known, schema.column(name)?)))
        };
        let mut fitting = holders().filter(|(_, known, _)| relation.is_none_or(|wanted| wanted == *known));
        let (side, known, column) = fitting.next()?;
        if fitting.next().is_some() {
            return None;
        }
        let mut column = column.clone();
        column.nullable |= self.is_outer(side);
        Some(Found { side, column, qualifier: (holders().count() > 1).then(|| known.clone()) })
    }

    /// Whether that relation's columns are NULL where a row has no partner.
    pub(crate) fn is_outer(&self, side: usize) -> bool {
        self.outer.get(side) == Some(&true)
    }

    /// The column that an expression of the syntax tree is.
    pub(crate) fn column(&self, expr: &Expr) -> Option<Found> {
        let find = |relation: Option<&Ident>, column: &Ident| {
            self.find(relation.map(normalised).as_deref(), &normalised(column))
        };
        match expr {
            Expr::Identifier(column) => find(None, column),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [relation, column] => find(Some(relation), column),
                _ => None,
            },
            Expr::Nested(inner) => self.column(inner),
            _ => None,
        }
    }

    /// The relations whose columns an expression of [`super::predicate`]'s grammar reads, as bits, 1 for the first.
    pub(crate) fn sides(&self, expr: &Expr) -> u8 {
        let mut sides = 0;
        super::predicate::columns(expr, &mut |column| {
            // A name that is no column is refused by the planner.
            sides |= self.column(column).map_or(0, |found| 1 << found.side);
        });
        sides
    }

    /// A column that is none of one table, or of several: within a subquery, which of them is meant would depend on
    /// what both happen to have.
    pub(crate) fn unclear(&self, expr: &Expr) -> Option<String> {
        let mut unclear = None;
        super::predicate::columns(expr, &mut |column| {
            if self.column(column).is_none() {
                unclear = Some(column.to_string());
            }
        });
        unclear
    }
}
