//! How many values the columns of two tables or more have together, in common, or one without the other: COUNT(*) of
//! UNION, INTERSECT and EXCEPT of keys that nobody sees.
//!
//! Each owner shares its columns' different values, filled up to as many rows as its dataset has. Rows of equal values are
//! grouped once ([`program::Operation::Group`]); of each group it is then known on shares whether each table has it. As
//! in SQL, NULL is one value here. Cost: one grouping of all rows, and for each row one comparison a table.

use std::collections::BTreeMap;

use contract::Column;
use program::{Builder, ValueId};

use crate::{
    Refused, Source, Table,
    aggregation::Aggregation,
    behind::{Behind, Contributing},
    dominance::Parts,
    keyed,
    lower::Combined,
    sql::{Relation, SetJoin, SetKind, identifier},
    stage::Partial,
};

/// Declares stages and inputs of all tables, and counts.
pub(crate) fn combine(
    builder: &mut Builder,
    relations: &[(&Relation, &Table)],
    set: &SetJoin,
) -> Result<Combined, Refused> {
    let mut stages = Vec::new();
    for (side, (relation, table)) in relations.iter().enumerate() {
        let keys: Vec<&Column> = set.keys.iter().filter_map(|of_tables| of_tables.get(side)).collect();
        stages.extend(keyed::stages(builder, relation, table, |rows| sql(relation, table, &keys, rows))?);
    }
    let mut columns: Vec<Vec<ValueId>> = Vec::new();
    let mut widths = Vec::new();
    for of_tables in &set.keys {
        widths.push(1);
        widths.extend(keyed::limb_widths(of_tables)?);
    }
    widths.push(1);
    let sides = relations.iter().enumerate();
    let sources =
        sides.flat_map(|(side, (_, table))| table.datasets.iter().map(move |source| (side, source)));
    for ((side, source), stage) in sources.zip(stages) {
        let named = widths
            .iter()
            .enumerate()
            .map(|(column, width)| (format!("column {} of table {}", column + 1, side + 1), *width));
        keyed::declare(builder, source, stage, named.collect(), &mut columns)?;
    }
    let mut keys = Vec::with_capacity(columns.len());
    for values in columns {
        keys.push(builder.concat(values)?);
    }
    let marks = keys.last().copied().ok_or_else(|| Refused::NoDataset(String::new()))?;
    let sizes: Vec<u32> = relations.iter().map(|(_, table)| rows(table)).collect();
    let groups = builder.group(keys)?;
    let zero = builder.constant(vec![0])?;
    let zeros = builder.repeat(zero, sizes.iter().sum())?;
    let mut has = Vec::with_capacity(relations.len());
    for side in 0..sizes.len() {
        let mine = of_table(builder, marks, &sizes, side, |builder, rows| Ok(builder.repeat(zero, rows)?))?;
        let count = builder.group_sum(mine, groups)?;
        has.push(builder.less_than(zeros, count)?);
    }
    let Some((first, others)) = has.split_first() else { return Err(Refused::NoDataset(String::new())) };
    let mut chosen = *first;
    for other in others {
        chosen = match set.kind {
            SetKind::Union => builder.or(chosen, *other)?,
            SetKind::Intersect => builder.and(chosen, *other)?,
            SetKind::Except => {
                let absent = builder.not(*other)?;
                builder.and(chosen, absent)?
            }
        };
    }
    let count = |builder: &mut Builder, bits: ValueId| -> Result<ValueId, Refused> {
        let ones = builder.to_integer(bits)?;
        Ok(builder.sum(ones)?)
    };
    let mut of_tables = Behind::default();
    let is_pair = has.len() == 2;
    for (side, bits) in has.iter().enumerate() {
        for (other, of_other) in has.iter().enumerate().skip(side + 1) {
            if set.kind == SetKind::Intersect && !is_pair {
                continue;
            }
            let floors = [side, other].map(|side| floor_rows(relations, side));
            if !is_pair && floors == [1; 2] {
                continue;
            }
            // Whoever knows the values of one table counts by any of the three what it has in common with another. None
            // at all is also too few: that nothing is shown would tell the one from none. Of more tables than two
            // every two: so whoever knows some of them counts no fewer in common with the others together.
            let common = builder.and(*bits, *of_other)?;
            let common = count(builder, common)?;
            demand(&mut of_tables, common, [floors[0]]);
            if set.kind == SetKind::Except && floors[0] > 1 {
                let behind = builder.and(*bits, chosen)?;
                let behind = count(builder, behind)?;
                demand(&mut of_tables, behind, [floors[0]]);
            }
            demand(&mut of_tables, common, [floors[1]]);
        }
    }
    let total = count(builder, chosen)?;
    if set.kind == SetKind::Intersect && !is_pair {
        demand(&mut of_tables, total, (0..has.len()).map(|side| floor_rows(relations, side)));
    }
    let zero = builder.constant(vec![0])?;
    let one = builder.constant(vec![1])?;
    let partials = BTreeMap::from([(Partial::Rows.name(), total)]);
    Ok(Combined { partials, zero, one, behind: of_tables, parts: Parts::default() })
}

/// A count is shown only where it reaches all these floors.
fn demand(behind: &mut Behind, common: ValueId, floors: impl IntoIterator<Item = u64>) {
    for floor_rows in floors.into_iter().filter(|floor_rows| *floor_rows > 1) {
        behind.add(Partial::Rows.name(), Contributing { at_least: vec![common], floor_rows });
    }
}

fn floor_rows(relations: &[(&Relation, &Table)], side: usize) -> u64 {
    relations.get(side).map_or(1, |(_, table)| table.floor_rows())
}

/// One table's part of a column of all, which are `sizes` rows of each; zeros for the rows of others.
pub(crate) fn of_table(
    builder: &mut Builder,
    column: ValueId,
    sizes: &[u32],
    side: usize,
    mut zeros: impl FnMut(&mut Builder, u32) -> Result<ValueId, Refused>,
) -> Result<ValueId, Refused> {
    let before: u32 = sizes.iter().take(side).sum();
    let own = sizes.get(side).copied().unwrap_or_default();
    let after: u32 = sizes.iter().skip(side + 1).sum();
    let mut parts = vec![builder.slice(column, before, own)?];
    if before > 0 {
        parts.insert(0, zeros(builder, before)?);
    }
    if after > 0 {
        parts.push(zeros(builder, after)?);
    }
    Ok(builder.concat(parts)?)
}

pub(crate) fn rows(table: &Table) -> u32 {
    table.datasets.iter().map(|source: &Source| keyed::rows(source.rows)).sum()
}

/// The columns' different values: of each 1 if it is NULL, and the value's integers; and a mark.
fn sql(relation: &Relation, table: &Table, of: &[&Column], rows: u32) -> String {
    let mut keys = Vec::new();
    for (place, key) in of.iter().enumerate() {
        let (name, place) = (identifier(&key.name), place + 1);
        keys.push((format!("missing {place}"), format!("CASE WHEN {name} IS NULL THEN 1 ELSE 0 END")));
        for (number, limb) in keyed::limbs(key).into_iter().enumerate() {
            keys.push((format!("key {place}, part {}", number + 1), format!("COALESCE({limb}, 0)")));
        }
    }
    keys.push(("mark".to_owned(), "1".to_owned()));
    let names: Vec<(String, u8)> = keys.iter().map(|(name, _)| (name.clone(), 0)).collect();
    let filters = relation.filter.iter().cloned().collect();
    let inner = Aggregation { from: relation.name(table), filters, keys, calls: Vec::new() }.sql();
    keyed::padded(rows, &names, &[], &inner, &[])
}
