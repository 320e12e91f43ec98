//! Tables of one owner that a query joins, as that owner joins them ([`crate::sql`] says which): its stage reads their join
//! under a name of its own, and everything else of it is as of any table. Rows are those of one table; each has met one row
//! of every other at most, or none, whose columns are NULL then.
//!
//! That a key stands in one row is looked at over all rows, before anything is joined: whether a run fails must not hang on
//! the query's conditions.

use std::collections::BTreeSet;

use program::Builder;

use crate::{
    Refused, local,
    sql::{Relation, identifier},
};

/// What an owner joins first.
#[derive(Clone, Debug)]
pub(crate) struct HomeJoined {
    /// The table whose rows it has, by its name in the contract.
    pub(crate) table: String,
    pub(crate) dataset: String,
    /// Each is looked up by a column of the table, or of one before it.
    pub(crate) looked_up: Vec<LookedUp>,
}

/// A table of which each row meets one row at most.
#[derive(Clone, Debug)]
pub(crate) struct LookedUp {
    pub(crate) table: String,
    pub(crate) dataset: String,
    /// What must equal its key: a column of the join.
    pub(crate) by: String,
    pub(crate) key: String,
    /// What the column of the join is called that says whether there is such a row.
    pub(crate) found: String,
    /// Its columns, and what they are called in the join.
    pub(crate) columns: Vec<(String, String)>,
}

impl HomeJoined {
    /// The tables that it reads, each once, and their datasets; first the one whose rows it has.
    pub(crate) fn reads(&self) -> Vec<(&str, &str)> {
        let mut all = vec![(self.table.as_str(), self.dataset.as_str())];
        for of in &self.looked_up {
            if all.iter().all(|(table, _)| *table != of.table) {
                all.push((&of.table, &of.dataset));
            }
        }
        all
    }

    /// The datasets, as often as they are read.
    pub(crate) fn datasets(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.dataset.as_str()).chain(self.looked_up.iter().map(|of| of.dataset.as_str()))
    }

    /// The stage of it, by its number among a table's.
    pub(crate) fn stage(
        &self,
        builder: &mut Builder,
        made: &str,
        sql: &str,
        rows: u32,
    ) -> Result<u16, Refused> {
        let stage = builder.stage(0, &self.table, &self.dataset, self.with(made) + sql, rows)?;
        for (table, dataset) in self.reads().into_iter().skip(1) {
            builder.read_beside(stage, table, dataset)?;
        }
        Ok(stage)
    }

    /// The join under its name, to stand before a query of it.
    fn with(&self, made: &str) -> String {
        let own = self.own();
        let mut columns = vec![format!("{own}.*")];
        let mut from = format!("{} AS {own}", identifier(&self.table));
        for (number, of) in self.looked_up.iter().enumerate() {
            let key = format!("k{number}.{}", identifier(&of.key));
            columns.push(format!("{key} IS NOT NULL AS {}", identifier(&of.found)));
            columns.extend(
                of.columns
                    .iter()
                    .map(|(own, name)| format!("k{number}.{} AS {}", identifier(own), identifier(name))),
            );
            let by = self.column(&of.by);
            // What stands first is held in memory, the other passes by.
            from = format!("({} AS k{number} RIGHT JOIN {from} ON {key} = {by})", identifier(&of.table));
        }
        let once: BTreeSet<String> =
            self.looked_up.iter().map(|of| local::once(&of.table, &of.key)).collect();
        let once: Vec<String> = once.into_iter().collect();
        format!(
            "WITH {} AS (\n  SELECT {}\n  FROM (SELECT 1 AS one WHERE {}) AS checked CROSS JOIN {from}\n)\n",
            identifier(made),
            columns.join(", "),
            once.join(" AND "),
        )
    }

    /// A column of the join, where it comes from.
    fn column(&self, name: &str) -> String {
        let of = self.looked_up.iter().enumerate().find_map(|(number, of)| {
            let (own, _) = of.columns.iter().find(|(_, made)| made == name)?;
            Some(format!("k{number}.{}", identifier(own)))
        });
        of.unwrap_or_else(|| format!("{}.{}", self.own(), identifier(name)))
    }

    /// What the first table is called. Its columns keep that name before theirs, which together must not be one that is
    /// looked up.
    fn own(&self) -> String {
        let mut own = "t".to_owned();
        let names = || self.looked_up.iter().flat_map(|of| &of.columns).map(|(_, name)| name);
        while names().any(|name| name.starts_with(&format!("{own}."))) {
            own.push('_');
        }
        own
    }

    /// What the owner does first, for people.
    fn steps(&self) -> impl Iterator<Item = String> {
        self.looked_up.iter().map(|of| {
            let read: Vec<String> = of.columns.iter().map(|(own, _)| format!("`{own}`")).collect();
            format!(
                "of `{}`: looks up {} of `{}` where `{}` equals `{}`, in plaintext, and whether that stands in one row, as was \
                 declared",
                self.table,
                read.join(", "),
                of.table,
                of.by,
                of.key,
            )
        })
    }
}

impl Relation {
    /// What owners who join tables of theirs do first, for people.
    pub(crate) fn home_steps(&self) -> impl Iterator<Item = String> {
        self.home.iter().flat_map(HomeJoined::steps)
    }
}
