//! One table of a join along a tree, as its owners share it: keys, a mark, group columns that are not public, and partial
//! results.

use std::collections::BTreeMap;

use contract::Column;
use program::{Builder, ValueId};

use crate::{
    Refused, Table,
    aggregation::Aggregation,
    groups::Sided,
    keyed::{self, Layout},
    local, secret,
    sql::{Relation, Tree, identifier},
    stage,
};

/// One relation, as its owners share it.
pub(crate) struct Node<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) table: &'a Table,
    pub(crate) side: usize,
    pub(crate) tree: &'a Tree,
    pub(crate) sided: &'a Sided,
    pub(crate) layout: Layout,
}

/// A relation's shared rows, of all owners one below the other.
pub(crate) struct Shared {
    /// For each edge of the tree that the relation has, by the edge's number, its keys' integers.
    pub(crate) keys: BTreeMap<usize, Vec<ValueId>>,
    /// 1 in rows with a meaning, 0 in others.
    pub(crate) mark: ValueId,
    /// Group columns that are not public, as [`secret::key`] has them, by place in GROUP BY.
    pub(crate) secret: BTreeMap<usize, Vec<ValueId>>,
    /// Partial results, as [`Layout`] orders them.
    pub(crate) columns: Vec<ValueId>,
    pub(crate) rows: u32,
}

impl Node<'_> {
    /// The tree's edges at this relation: number, and the columns here.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (usize, Vec<&Column>)> {
        self.tree.edges.iter().enumerate().filter_map(|(number, edge)| {
            let here = edge.sides.iter().position(|of| *of == self.side)?;
            Some((number, edge.keys.iter().filter_map(|pair| pair.get(here)).collect()))
        })
    }

    /// How many groups of the query its own columns tell apart.
    pub(crate) fn groups(&self) -> usize {
        self.layout.groups / self.values().max(1)
    }

    /// Of a relation at which a circle is closed, by how many values; else 1.
    pub(crate) fn values(&self) -> usize {
        let circle = self.tree.circle.as_ref();
        let own = circle.filter(|circle| circle.ends.iter().any(|(side, _)| *side == self.side));
        own.map_or(1, |circle| circle.values.len())
    }

    /// See [`Tree::is_merged`].
    pub(crate) fn is_merged(&self) -> bool {
        self.tree.is_merged(self.side, self.table.datasets.len())
    }

    /// Its group columns that are not public, with their places in GROUP BY.
    fn secret(&self) -> impl Iterator<Item = (usize, &Column)> {
        let keys = self.tree.secret.iter().enumerate().filter(|(_, key)| key.side == self.side);
        keys.map(|(place, key)| (place, &key.column))
    }

    /// What must hold of all of its rows, those that take no part, too: whether it does must not hang on conditions that
    /// another chose.
    fn once(&self) -> impl Iterator<Item = String> {
        let own = self.tree.once.iter().filter(|key| key.side == self.side);
        own.map(|key| local::once(&self.table.name, &key.column.name))
    }

    /// Whether each of its rows has the key of an edge for itself, so that they need not be grouped either.
    pub(crate) fn is_once(&self, edge: usize) -> bool {
        let mut own = self.edges().filter(|(number, _)| *number == edge).flat_map(|(_, columns)| columns);
        own.any(|column| {
            self.tree.once.iter().any(|key| key.side == self.side && key.column.name == column.name)
        })
    }

    /// Declares the stages; all stages come before the first input.
    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        keyed::stages(builder, self.relation, self.table, |rows| self.sql(rows))
    }

    fn sql(&self, rows: u32) -> String {
        let mut by = Vec::new();
        let mut filters: Vec<String> =
            self.relation.filter.iter().map(|filter| format!("({filter})")).collect();
        for (_, columns) in self.edges() {
            for column in columns {
                filters.push(format!("{} IS NOT NULL", identifier(&column.name)));
                for limb in keyed::limbs(column) {
                    by.push((format!("key {}", by.len() + 1), limb));
                }
            }
        }
        for (_, column) in self.secret() {
            for sql in secret::key(column) {
                by.push((format!("key {}", by.len() + 1), sql));
            }
        }
        by.push(("mark".to_owned(), "1".to_owned()));
        let names: Vec<(String, u8)> = by.iter().map(|(name, _)| (name.clone(), 0)).collect();
        let (mut shared, mut calls) = (Vec::new(), Vec::new());
        for place in 0..self.layout.len() {
            let Some(partial) = self.layout.partial(place) else { continue };
            let name = format!("part {}", place + 1);
            let condition = self.sided.conditions.get(place % self.layout.groups.max(1)).cloned().flatten();
            shared.push(partial.shared(&name));
            calls.push((name, partial.aggregate(condition.as_deref())));
        }
        if !self.is_merged() {
            by.push(("row".to_owned(), "ROW_NUMBER() OVER ()".to_owned()));
        }
        let inner = Aggregation { from: self.relation.name(self.table), filters, keys: by, calls }.sql();
        keyed::padded(rows, &names, &shared, &inner, &self.once().collect::<Vec<_>>())
    }

    /// Declares the inputs, in the order of the stage's columns: of each column one of each owner.
    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut widths = Vec::new();
        for (number, _) in self.edges() {
            for pair in self.tree.edges.get(number).into_iter().flat_map(|edge| &edge.keys) {
                widths.extend(keyed::limb_widths(pair)?);
            }
        }
        for (_, column) in self.secret() {
            widths.extend(secret::widths(column)?);
        }
        let mut stacked: Vec<Vec<ValueId>> = Vec::new();
        for (source, stage) in self.table.datasets.iter().zip(stages) {
            let named = |what: String| format!("{what} of {}", self.relation.called);
            let mut columns: Vec<(String, u32)> = Vec::new();
            for (number, width) in widths.iter().enumerate() {
                columns.push((named(format!("key {}", number + 1)), *width));
            }
            columns.push((named("mark".to_owned()), 2));
            for place in 0..self.layout.len() {
                let Some(partial) = self.layout.partial(place) else { continue };
                let what = format!("part {}, {}", place + 1, stage::cut(&partial.name()));
                columns.push((named(what), partial.bits(if self.is_merged() { source.rows } else { 1 })));
            }
            keyed::declare(builder, source, *stage, columns, &mut stacked)?;
        }
        Ok(stacked)
    }

    /// The columns of all owners one below the other.
    pub(crate) fn stacked(
        &self,
        builder: &mut Builder,
        inputs: Vec<Vec<ValueId>>,
    ) -> Result<Shared, Refused> {
        let mut columns = Vec::with_capacity(inputs.len());
        for values in inputs {
            columns.push(match values.as_slice() {
                [only] => *only,
                _ => builder.concat(values)?,
            });
        }
        let limbs_of =
            |columns: Vec<&Column>| columns.into_iter().map(|column| keyed::limbs(column).len()).sum();
        let limbs: usize = self.edges().map(|(_, columns)| -> usize { limbs_of(columns) }).sum();
        let mut rest = columns.split_off(limbs.min(columns.len()));
        let mut secret = BTreeMap::new();
        for (place, column) in self.secret() {
            let parts = secret::key(column).len();
            secret.insert(place, rest.drain(..parts.min(rest.len())).collect());
        }
        let mark = rest.drain(..1.min(rest.len())).next();
        let mut keys = BTreeMap::new();
        let mut limb = columns.into_iter();
        for (number, of) in self.edges() {
            keys.insert(number, limb.by_ref().take(limbs_of(of)).collect());
        }
        let rows = self.table.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        let mark = mark.ok_or_else(|| Refused::NoDataset(self.table.name.clone()))?;
        Ok(Shared { keys, mark, secret, columns: rest, rows })
    }
}
