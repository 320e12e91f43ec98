//! Tables of one owner that a query joins, joined at that owner's: nothing of it has to be hidden from anybody, so that it
//! costs nothing on shares. In the statement one table stands for them afterwards, which has the rows of the one whose
//! rows meet one row of each of the others at most, and its columns beside theirs; so that everything that holds of tables
//! holds of it. What is asked of it is then traced back to the columns of those that it is made of. The owner's stage joins
//! them first ([`crate::home_joined`]).
//!
//! | joined at home are tables | because |
//! | --- | --- |
//! | of one dataset each, of one owner | nobody else has rows of them |
//! | by a column that is declared `unique` | rows stay those of one table, however they are counted |
//! | of which the one that is looked up has no floor of its own | of its rows nobody counts how many are behind a group |
//! | by JOIN, LEFT JOIN on nothing else, or in FROM, in a query without windows over rows and subqueries, but those of HAVING over the same rows | these are about rows before they are joined |
//!
//! All others are joined on shares, as those of different owners are.

use std::collections::BTreeSet;

use contract::{Column, ColumnType, policy::Compared, terms::Use};
use datafusion::sql::sqlparser::ast::Statement;

use super::{
    identifier,
    usage::{Comparisons, Origin, Uses},
};
use crate::{
    Refused, Table,
    home_joined::{HomeJoined, LookedUp},
};

mod matches;
mod plan;
mod rows;

use plan::Plan;

/// Tables that are joined at home.
#[derive(Clone, Debug)]
pub(super) struct HomeJoin {
    /// What the table is called that stands for them.
    pub(super) made: String,
    /// The table whose rows it has.
    table: String,
    /// Each is looked up by a column of the table, or of one before it.
    links: Vec<Link>,
    /// The names of columns that several of the query's tables have.
    shared: BTreeSet<String>,
    /// Columns of several of the tables that are compared for equality.
    matched: BTreeSet<Origin>,
}

/// A table of which each row of another meets one row at most.
#[derive(Clone, Debug)]
struct Link {
    table: String,
    /// In the query.
    called: String,
    /// The made table's column that its key must equal.
    by: String,
    key: String,
    /// Whether rows stay that meet none of its rows.
    is_optional: bool,
    /// Those of its columns that the query reads, and its key.
    columns: BTreeSet<String>,
}

impl Link {
    /// What one of its columns is called in the made table.
    fn named(&self, column: &str) -> String {
        named(&self.called, column)
    }

    /// The column that says whether a row of the made table has met a row of it.
    fn found(&self) -> String {
        format!("{} found", self.called)
    }
}

fn named(called: &str, column: &str) -> String {
    format!("{called}.{column}")
}

/// Puts one table in the place of those that are joined at home. Without tables nothing is known of their owners.
pub(super) fn take(statement: &mut Statement, tables: &[Table]) -> Result<Vec<HomeJoin>, Refused> {
    let Statement::Query(query) = statement else { return Ok(Vec::new()) };
    let Some(plan) = Plan::of(query, tables) else { return Ok(Vec::new()) };
    let mut joined = query.as_ref().clone();
    match plan.replace(&mut joined)? {
        Some(joins) => {
            **query = joined;
            Ok(joins)
        }
        None => Ok(Vec::new()),
    }
}

impl HomeJoin {
    /// The tables that it is made of.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.table.as_str()).chain(self.links.iter().map(|link| link.table.as_str()))
    }

    /// The table that it makes.
    pub(super) fn made_of(&self, tables: &[Table]) -> Result<Table, Refused> {
        let source = |name: &str| {
            let table = tables.iter().find(|table| table.name == name);
            table.and_then(|table| table.datasets.first()).ok_or_else(|| super::unknown(name, tables))
        };
        let mut made = source(&self.table)?.clone();
        for link in &self.links {
            made.schema.columns.push(Column::new(link.found(), ColumnType::Boolean));
            let of = source(&link.table)?;
            for column in of.schema.columns.iter().filter(|column| link.columns.contains(&column.name)) {
                let name = link.named(&column.name);
                let nullable = column.nullable || link.is_optional;
                made.schema.columns.push(Column { name, unique: false, nullable, ..column.clone() });
            }
        }
        Ok(Table { name: self.made.clone(), datasets: vec![made] })
    }

    /// What its owner joins first.
    pub(super) fn joined(&self, tables: &[Table]) -> Result<HomeJoined, Refused> {
        let reference = |name: &str| {
            let table = tables.iter().find(|table| table.name == name);
            let source = table.and_then(|table| table.datasets.first());
            source.map(|source| source.reference.clone()).ok_or_else(|| super::unknown(name, tables))
        };
        let looked_up = |link: &Link| {
            Ok(LookedUp {
                table: link.table.clone(),
                dataset: reference(&link.table)?,
                by: link.by.clone(),
                key: link.key.clone(),
                found: link.found(),
                columns: link.columns.iter().map(|name| (name.clone(), link.named(name))).collect(),
            })
        };
        Ok(HomeJoined {
            table: self.table.clone(),
            dataset: reference(&self.table)?,
            looked_up: self.links.iter().map(looked_up).collect::<Result<_, Refused>>()?,
        })
    }

    /// Columns of the made table that are equal, where neither is missing.
    pub(super) fn equal(&self) -> impl Iterator<Item = BTreeSet<Origin>> {
        let of = |name: String| (self.made.clone(), name);
        self.links.iter().map(move |link| BTreeSet::from([of(link.by.clone()), of(link.named(&link.key))]))
    }

    /// What a result's column is called that is made of such columns, as if they were of the tables themselves.
    pub(super) fn called(&self, name: &str) -> String {
        let mut called = name.to_owned();
        for link in &self.links {
            for column in &link.columns {
                let made = link.named(column);
                let own = if self.shared.contains(column) { &made } else { column };
                if name == made {
                    return own.clone();
                }
                // Within others a name with a point has quotes.
                called = called.replace(&identifier(&made), own);
            }
        }
        called
    }

    /// Uses of the made table's columns as uses of those that they are, and those that joining makes.
    pub(super) fn traced(&self, uses: &mut Uses, comparisons: &mut Comparisons) {
        let used = uses.remove(&self.made).unwrap_or_default();
        let compared = comparisons.remove(&self.made).unwrap_or_default();
        for (name, made) in used {
            if let Some((table, column)) = self.origin(&name) {
                uses.entry(table).or_default().entry(column).or_default().extend(made);
            }
        }
        for (name, Compared { constants, otherwise }) in compared {
            if let Some((table, column)) = self.origin(&name) {
                let known = comparisons.entry(table).or_default().entry(column).or_default();
                known.constants.extend(constants);
                known.otherwise |= otherwise;
            }
        }
        let keys: Vec<[Origin; 2]> = self
            .links
            .iter()
            .filter_map(|link| Some([self.origin(&link.by)?, (link.table.clone(), link.key.clone())]))
            .collect();
        for (table, column) in keys.iter().flatten().chain(&self.matched) {
            uses.entry(table.clone()).or_default().entry(column.clone()).or_default().insert(Use::Join);
        }
        // A condition on one of two columns that are equal is one on the other; so on through all that are.
        for _ in &keys {
            for pair in &keys {
                let used = |(table, column): &Origin| uses.get(table)?.get(column);
                if pair.iter().filter_map(used).any(|used| used.contains(&Use::Filter)) {
                    for (table, column) in pair {
                        uses.entry(table.clone())
                            .or_default()
                            .entry(column.clone())
                            .or_default()
                            .insert(Use::Filter);
                    }
                }
            }
        }
    }

    /// The column of a table that one of the made table's is; none for whether a row was found.
    fn origin(&self, name: &str) -> Option<Origin> {
        let of_link = |link: &Link| {
            let column =
                name.strip_prefix(&named(&link.called, "")).filter(|own| link.columns.contains(*own))?;
            Some((link.table.clone(), column.to_owned()))
        };
        if let Some(origin) = self.links.iter().find_map(of_link) {
            return Some(origin);
        }
        let is_found = self.links.iter().any(|link| link.found() == name);
        (!is_found).then(|| (self.table.clone(), name.to_owned()))
    }
}
