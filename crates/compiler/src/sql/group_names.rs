//! Names by which a SELECT groups, or chooses groups, that are both one of its result's and a column's: which of them is
//! meant, SQL's dialects do not agree on, nor do the steps that make one SELECT of several.

use std::{collections::BTreeSet, ops::ControlFlow};

use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, ObjectNamePart, Query, Select, SetExpr, Statement, TableFactor, Visit, Visitor,
};

use super::{
    names::normalised,
    read_groups::{renamed, unqualified},
    unfold::last,
};
use crate::{Refused, Table};

/// Refuses them in SELECTs within others. Of the outermost SELECT, which the planner reads as it stands, these are only
/// names that subqueries of FROM give: tables, which do not have them, are put in their place.
pub(super) fn check(statement: &Statement, tables: &[Table]) -> Result<(), Refused> {
    match statement {
        Statement::Query(query) => check_query(query, tables, &[], false),
        _ => Ok(()),
    }
}

/// A name of WITH, and the names that its query gives to columns.
type Known = (String, BTreeSet<String>);

fn check_query(query: &Query, tables: &[Table], around: &[Known], is_within: bool) -> Result<(), Refused> {
    let mut known = around.to_vec();
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        check_query(&table.query, tables, &known, true)?;
        known = also(known, table);
    }
    match query.body.visit(&mut Selects { tables, known: &known, is_within, depth: 0 }) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A query's SELECTs, and those within them with what WITH names there.
struct Selects<'t> {
    tables: &'t [Table],
    known: &'t [Known],
    is_within: bool,
    depth: usize,
}

impl Visitor for Selects<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refused> {
        if self.depth == 0
            && let Err(refused) = check_query(query, self.tables, self.known, true)
        {
            return ControlFlow::Break(refused);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Refused> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Refused> {
        match self.unclear(select).filter(|_| self.depth == 0) {
            Some(name) => ControlFlow::Break(Refused::Unqualified(name)),
            None => ControlFlow::Continue(()),
        }
    }
}

impl Selects<'_> {
    fn unclear(&self, select: &Select) -> Option<String> {
        let mut read = Vec::new();
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            read.extend(keys.iter().filter(|key| matches!(key, Expr::Identifier(_))).filter_map(last));
        }
        if self.is_within {
            read.extend(unqualified(&select.having));
        }
        let given = given_in_from(select, self.known);
        let is_column = |name: &String| {
            let mut sources = self.tables.iter().filter_map(|table| table.datasets.first());
            given.contains(name)
                || self.is_within && sources.any(|source| source.schema.column(name).is_some())
        };
        let mut aliases = select.projection.iter().filter_map(renamed);
        aliases.find(|name| read.contains(name) && is_column(name))
    }
}

fn also(mut known: Vec<Known>, table: &Cte) -> Vec<Known> {
    let mut names = given(&table.query, &known);
    names.extend(table.alias.columns.iter().map(|column| normalised(&column.name)));
    known.push((normalised(&table.alias.name), names));
    known
}

/// The names that a query, or a subquery of its FROM, gives to what is not called so by itself.
fn given(query: &Query, around: &[Known]) -> BTreeSet<String> {
    let known = query.with.iter().flat_map(|with| &with.cte_tables).fold(around.to_vec(), also);
    let mut first = query.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = first {
        first = left;
    }
    match first {
        SetExpr::Select(select) => {
            let own = select.projection.iter().filter_map(renamed);
            own.chain(given_in_from(select, &known)).collect()
        }
        SetExpr::Query(query) => given(query, &known),
        _ => BTreeSet::new(),
    }
}

fn given_in_from(select: &Select, known: &[Known]) -> BTreeSet<String> {
    let relations = select.from.iter().flat_map(|table| {
        std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
    });
    let names = relations.map(|relation| match relation {
        TableFactor::Derived { subquery, .. } => given(subquery, known),
        TableFactor::Table { name, .. } => match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => {
                let name = normalised(name);
                let found = known.iter().rev().find(|(known, _)| *known == name);
                found.map(|(_, names)| names.clone()).unwrap_or_default()
            }
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    });
    names.flatten().collect()
}
