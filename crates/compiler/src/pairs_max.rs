//! How many rows, pairs of rows where tables are joined, are aggregated at most: widths follow from that.
//!
//! There may be as many pairs as the tables' rows multiplied. Where a key of a table of one dataset is declared to stand in
//! one row each, a row of the other meets one at most. That is relied on where an aggregate has no room otherwise (a
//! correlation over two tables of ten thousand rows), and then the key's owner looks at home whether it holds.

use contract::Column;

use crate::{
    Table,
    sql::{Checked, Join, JoinKind, Joined},
    stage,
};

/// Relies on keys that are declared unique, if a query's aggregates need that.
pub(crate) fn rely(checked: &mut Checked) {
    let fits = |checked: &Checked| stage::check_widths(&checked.query.aggregates, of(checked)).is_ok();
    if fits(checked) {
        return;
    }
    let datasets = |table: &Table| table.datasets.len();
    let alone: Vec<bool> = tables(checked).map(|table| datasets(table) == 1).collect();
    let Some(Joined::Two(join)) = &mut checked.join else { return };
    let before = join.once.clone();
    for (side, once) in join.once.iter_mut().enumerate().filter(|(side, _)| alone.get(*side) == Some(&true)) {
        let mut keys = join.keys.iter().filter_map(|pair: &[Column; 2]| pair.get(side));
        *once = keys.find(|key| key.unique).map(|key| key.name.clone());
    }
    if !fits(checked)
        && let Some(Joined::Two(join)) = &mut checked.join
    {
        join.once = before;
    }
}

fn tables(checked: &Checked) -> impl Iterator<Item = &Table> {
    checked.relations.iter().filter_map(|relation| checked.tables.get(relation.table))
}

/// At most so many: pairs, and rows that outer joins and set operations keep beside them. Of sets of more than two tables
/// there are no pairs.
pub(crate) fn of(checked: &Checked) -> u64 {
    let rows: Vec<u64> = tables(checked)
        .map(|table| table.datasets.iter().fold(0_u64, |sum, source| sum.saturating_add(source.rows)).max(1))
        .collect();
    let pairs = rows.iter().copied().fold(1_u64, u64::saturating_mul);
    let all = rows.iter().copied().fold(0_u64, u64::saturating_add);
    match &checked.join {
        // The other table's rows are only compared with, or asked for.
        Some(Joined::Threshold(_) | Joined::Two(Join { kind: JoinKind::Semi | JoinKind::Anti, .. })) => {
            rows.first().copied().unwrap_or(1)
        }
        Some(Joined::Set(_)) if rows.len() > 2 => all,
        Some(Joined::Set(_) | Joined::Two(Join { kind: JoinKind::Full, once: [None, None], .. })) => {
            pairs.saturating_add(all)
        }
        Some(Joined::Two(Join { kind, once, .. })) if *once != [None, None] => {
            // A row meets one at most of the other table, if its key is there once.
            let met = rows.iter().rev().zip(once).filter(|(_, once)| once.is_some());
            let pairs = met.map(|(rows, _)| *rows).min().unwrap_or(pairs);
            match kind {
                JoinKind::Left | JoinKind::Full => pairs.saturating_add(all),
                JoinKind::Inner | JoinKind::Semi | JoinKind::Anti => pairs,
            }
        }
        _ => pairs,
    }
}
