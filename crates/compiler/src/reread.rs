//! A comparison's subquery that reads the query's own rows ([`crate::threshold`]).
//!
//! Its value is not opened, but who knows enough of the rows that are compared finds it from how many of them compare. Then
//! what it aggregates less what is shown is a difference, which no owner can count: which rows are shown is secret. So
//! either the two are about all rows that the same conditions leave, and it is asked on shares that the rows which are not
//! shown are none or as many as the floor; or the query counts as one that is about rows within others, and is answered
//! only where its owners let answers overlap.
//!
//! *Cost* of what is asked on shares: g comparisons and g products for g groups, one round after the other, and two
//! comparisons.

use std::collections::BTreeSet;

use contract::dataset::parse_reference;
use program::{Builder, ValueId};

use crate::{
    Refused, Table, answers,
    sql::{Checked, Joined},
};

/// How a subquery's rows lie to those of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reread {
    /// They are other datasets'; or there is no such subquery.
    Apart,
    /// All that the same conditions leave of the same datasets; what is told is about whole groups of them.
    Whole,
    /// Some of the same datasets', in any other way.
    Otherwise,
}

/// Datasets are the same in all their versions.
pub(crate) fn of(tables: &[Table], checked: &Checked) -> Reread {
    let Some(Joined::Threshold(threshold)) = &checked.join else { return Reread::Apart };
    let (Some(own), Some(inner)) = (checked.relations.first(), checked.relations.last()) else {
        return Reread::Apart;
    };
    let references = |table: usize| -> Vec<&str> {
        let datasets = tables.get(table).into_iter().flat_map(|table| &table.datasets);
        datasets.map(|source| source.reference.as_str()).collect()
    };
    let paths = |table: usize| -> BTreeSet<&str> {
        let path = |reference| parse_reference(reference).map_or(reference, |(path, _)| path);
        references(table).into_iter().map(path).collect()
    };
    if paths(own.table).is_disjoint(&paths(inner.table)) {
        return Reread::Apart;
    }
    let is_whole = references(own.table) == references(inner.table)
        && own.filter == inner.filter
        && threshold.keys.is_empty()
        && threshold.partner.is_none()
        && threshold.aggregate.argument.as_ref().is_none_or(|argument| !argument.nullable)
        && !answers::has_parts(checked);
    if is_whole { Reread::Whole } else { Reread::Otherwise }
}

/// The bit, for each of so many groups, that the subquery's rows without those of the groups that are shown are none or at
/// least `floor_rows`. `all` is how many rows the subquery has, `rows` how many of them each group has.
pub(crate) fn none_or_enough(
    builder: &mut Builder,
    all: ValueId,
    rows: ValueId,
    groups: usize,
    floor_rows: u64,
) -> Result<ValueId, Refused> {
    // Groups of fewer rows are withheld, so that their rows remain. What else withholds groups does so of as many rows.
    let floor = builder.constant(vec![floor_rows.into(); groups])?;
    let zero = builder.constant(vec![0; groups])?;
    let below = builder.less_than(rows, floor)?;
    let shown = builder.select(below, zero, rows)?;
    let shown = builder.sum(shown)?;
    let rest = builder.subtract(all, shown)?;
    let floor = builder.constant(vec![floor_rows.into()])?;
    let below = builder.less_than(rest, floor)?;
    let enough = builder.not(below)?;
    let one = builder.constant(vec![1])?;
    let none = builder.less_than(rest, one)?;
    let bit = builder.or(none, enough)?;
    // At most `GROUPS_MAX`.
    Ok(builder.repeat(bit, groups as u32)?)
}
