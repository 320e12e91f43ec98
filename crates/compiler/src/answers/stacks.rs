//! Answers about tables that stand one below the other (UNION ALL), for each table by itself. Rows, groups and values are
//! named as by a query of that table alone, since they are compared with answers to such queries: what is told of a row
//! is the same, whatever stands below it. That is why a column of the stack that another column of the table is called
//! like is never taken for it.

use std::collections::BTreeSet;

use super::{Answers, Rows, listed, listed_rows, selectors};
use crate::{
    Table,
    groups::Groups,
    sql::{Checked, Relation, identifier},
    stacked::{Branch, Stacked},
};

/// The answers, one for each of the tables.
pub(super) fn of(
    table: &Table,
    relation: &Relation,
    stacked: &Stacked,
    checked: &Checked,
    groups: &Groups,
    Rows { uncountable, rereads }: Rows,
) -> Vec<Answers> {
    let keys: Vec<String> = checked.query.keys.iter().map(|key| key.column.name.clone()).collect();
    let is_counted = uncountable.is_none();
    let answers = |branch: &Branch| {
        let selectors = selectors(checked, Some(branch));
        let mut kept = "in its SELECT".to_owned();
        while branch.items.iter().any(|item| item.name == kept) {
            kept.push(' ');
        }
        let filter = relation.filter.as_deref().unwrap_or("TRUE");
        let condition = format!("({}) AND ({filter})", identifier(&kept));
        let rows = || listed_rows(&relation.name(table), &condition, &keys, &selectors);
        // Of a join: before the rows of other tables are matched, which may leave fewer.
        let of_own = if is_counted { selectors.as_slice() } else { &[] };
        let taken = of_own.iter().map(|(_, taken)| taken.as_deref().unwrap_or("TRUE"));
        let taken: Vec<String> = std::iter::once("TRUE")
            .chain(taken)
            .enumerate()
            .map(|(n, taken)| format!("CASE WHEN {condition} AND ({taken}) THEN TRUE ELSE FALSE END AS c{n}"))
            .collect();
        let own = format!("SELECT {} FROM {}", taken.join(", "), relation.name(table));
        let called = |key: &String| match branch.items.iter().find(|item| item.name == *key) {
            Some(item) => item.key.clone(),
            // A function of the stack's columns: only answers about the same stack have it.
            None => format!("{key} of {}", stacked.definition),
        };
        Answers {
            table: branch.table.clone(),
            datasets: branch.datasets.clone(),
            uncountable,
            rereads,
            is_stacked: true,
            incomparable: None,
            sql: if is_counted { branch.with(&table.name, Some(&kept)) + &rows() } else { String::new() },
            own: Some(branch.with(&table.name, Some(&kept)) + &own),
            // By definition the same are sets of the same stack alone: others have rows of other tables.
            condition: format!("{filter} of {}", stacked.definition),
            groups: (is_counted && checked.query.has_public_groups && !keys.is_empty())
                .then(|| listed(groups, keys.len())),
            keys: keys.iter().map(called).collect(),
            selectors: selectors.into_iter().map(|(selector, _)| selector).collect(),
            behind: Vec::new(),
        }
    };
    stacked.branches.iter().map(answers).collect()
}

impl Branch {
    /// The table's columns that some of the stack's are made of.
    pub(super) fn columns(&self, of: &BTreeSet<String>) -> BTreeSet<String> {
        let items = self.items.iter().filter(|item| of.contains(&item.name));
        items.flat_map(|item| item.columns.iter().cloned()).collect()
    }

    /// Whether any of them may be NULL in a row of this table.
    pub(super) fn may_lack(&self, of: &BTreeSet<String>) -> bool {
        self.items.iter().any(|item| of.contains(&item.name) && item.nullable)
    }
}
