//! A query that reads the same rows twice.
//!
//! *Joins.* Of a dataset that is joined with itself each side has aggregates of its own, over rows that its own conditions
//! and ON choose: `SUM(a.salary)` and `SUM(b.salary)` of `t a LEFT JOIN t b ON a.id = b.id AND b.id <> 17` differ by one
//! row's, and both are over as many rows as any floor asks for. Nobody can count what they differ in, so that such a query
//! counts as one that is about rows within others, and is answered only where its owners let answers overlap.
//!
//! *A comparison's subquery that reads the query's own rows* ([`crate::threshold`]). Its value is not opened, but who knows
//! enough of the rows that are compared finds it from how many of them compare. Then what it aggregates less what is shown
//! is a difference, which no owner can count: which rows are shown is secret. So either the two are about all rows that the
//! same conditions leave, and it is asked on shares that the rows which are not shown are none or as many as the floor; or
//! the query counts as a join of a dataset with itself does.
//!
//! *Cost* of what is asked on shares: g comparisons and g products for g groups, one round after the other, and two
//! comparisons.

use std::collections::BTreeSet;

use contract::dataset::parse_reference;
use program::{Builder, ValueId};

use crate::{
    Refused, Table, answers,
    home_joined::HomeJoined,
    sql::{Checked, Joined, Relation, Threshold},
};

/// How the rows of a query's tables lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reread {
    /// They are other datasets'; or each is one value of a set, of which one number is told.
    Apart,
    /// A subquery's are all that the same conditions leave of the same datasets; what is told is about whole groups of them.
    Whole,
    /// Some of the same datasets', in any other way.
    Otherwise,
}

/// Datasets are the same in all their versions, and in a stack of tables as by themselves.
pub(crate) fn of(tables: &[Table], checked: &Checked) -> Reread {
    let Some(join) = checked.join.as_ref().filter(|join| !matches!(join, Joined::Set(_))) else {
        return Reread::Apart;
    };
    let mut read = BTreeSet::new();
    let mut is_apart = true;
    for relation in &checked.relations {
        let paths = references(tables, relation)
            .map(|reference| parse_reference(reference).map_or(reference, |(path, _)| path));
        let mut paths: Vec<&str> = paths.collect();
        if relation.home.is_none() {
            // Versions of one dataset, one below the other.
            paths.sort_unstable();
            paths.dedup();
        }
        is_apart &= paths.into_iter().all(|path| read.insert(path));
    }
    match join {
        _ if is_apart => Reread::Apart,
        Joined::Threshold(threshold) if is_whole(tables, checked, threshold) => Reread::Whole,
        _ => Reread::Otherwise,
    }
}

/// The datasets that a relation reads, as often as it does.
fn references<'t>(tables: &'t [Table], relation: &'t Relation) -> impl Iterator<Item = &'t str> {
    let table = tables.get(relation.table).filter(|_| relation.home.is_none());
    let datasets = table.into_iter().flat_map(|table| &table.datasets);
    let joined = relation.home.iter().flat_map(HomeJoined::datasets);
    datasets.map(|source| source.reference.as_str()).chain(joined)
}

/// Whether a subquery is over all rows that the query's own conditions leave.
fn is_whole(tables: &[Table], checked: &Checked, threshold: &Threshold) -> bool {
    let [own, inner] = checked.relations.as_slice() else { return false };
    references(tables, own).eq(references(tables, inner))
        && own.filter == inner.filter
        && threshold.keys.is_empty()
        && threshold.partner.is_none()
        && threshold.aggregate.argument.as_ref().is_none_or(|argument| !argument.nullable)
        && !answers::has_parts(checked)
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

/// How many rows of each group; of none, as many as are asked for.
pub(crate) fn or_enough(
    builder: &mut Builder,
    rows: ValueId,
    groups: usize,
    floor_rows: u64,
) -> Result<ValueId, Refused> {
    let one = builder.constant(vec![1; groups])?;
    let none = builder.less_than(rows, one)?;
    let enough = builder.constant(vec![floor_rows.into(); groups])?;
    Ok(builder.select(none, enough, rows)?)
}

/// The bit, the same for each group, that every one has none of some rows or as many as are asked for.
pub(crate) fn all_none_or_enough(
    builder: &mut Builder,
    rows: ValueId,
    groups: usize,
    floor_rows: u64,
) -> Result<ValueId, Refused> {
    let bits = is_none_or_enough(builder, rows, groups, floor_rows)?;
    let few = builder.not(bits)?;
    let few = builder.to_integer(few)?;
    let few = builder.sum(few)?;
    let one = builder.constant(vec![1])?;
    let bit = builder.less_than(few, one)?;
    // At most `GROUPS_MAX`.
    Ok(builder.repeat(bit, groups as u32)?)
}

/// The bit, for each group, that it has none of some rows or as many as are asked for.
pub(crate) fn is_none_or_enough(
    builder: &mut Builder,
    rows: ValueId,
    groups: usize,
    floor_rows: u64,
) -> Result<ValueId, Refused> {
    let rows = or_enough(builder, rows, groups, floor_rows)?;
    let enough = builder.constant(vec![floor_rows.into(); groups])?;
    let below = builder.less_than(rows, enough)?;
    Ok(builder.not(below)?)
}
