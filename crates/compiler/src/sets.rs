//! How many values two tables' columns have together, in common, or one without the other: COUNT(*) of UNION, INTERSECT
//! and EXCEPT of keys that nobody sees.
//!
//! Each owner shares its columns' different values, filled up to as many rows as its dataset has. Rows of equal values are
//! grouped once ([`program::Operation::Group`]); of each group it is then known on shares whether either table has it. As
//! in SQL, NULL is one value here. Cost: one grouping of all rows, and two comparisons a row.

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

/// Declares stages and inputs of both tables, and counts.
pub(crate) fn combine(
    builder: &mut Builder,
    relations: [(&Relation, &Table); 2],
    set: &SetJoin,
) -> Result<Combined, Refused> {
    let mut stages = Vec::new();
    for (side, (relation, table)) in relations.into_iter().enumerate() {
        let keys: Vec<&Column> = set.keys.iter().filter_map(|pair| pair.get(side)).collect();
        stages.extend(keyed::stages(builder, table, |rows| sql(relation, table, &keys, rows))?);
    }
    let mut columns: Vec<Vec<ValueId>> = Vec::new();
    let mut widths = Vec::new();
    for pair in &set.keys {
        widths.push(1);
        widths.extend(keyed::limb_widths(pair.each_ref())?);
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
    let [first, second] = relations.map(|(_, table)| rows(table));
    let groups = builder.group(keys)?;
    let zero = builder.constant(vec![0])?;
    let zeros = builder.repeat(zero, first + second)?;
    let mut has = Vec::with_capacity(2);
    for (start, own) in [(0, first), (first, second)] {
        // The other table's rows count as none of this one's.
        let mut parts = vec![builder.slice(marks, start, own)?];
        let others = builder.repeat(zero, first + second - own)?;
        parts.insert(if start == 0 { 1 } else { 0 }, others);
        let mine = builder.concat(parts)?;
        let count = builder.group_sum(mine, groups)?;
        has.push(builder.less_than(zeros, count)?);
    }
    let [in_first, in_second] = has.as_slice() else { return Err(Refused::NoDataset(String::new())) };
    let chosen = match set.kind {
        SetKind::Union => builder.or(*in_first, *in_second)?,
        SetKind::Intersect => builder.and(*in_first, *in_second)?,
        SetKind::Except => {
            let absent = builder.not(*in_second)?;
            builder.and(*in_first, absent)?
        }
    };
    let count = |builder: &mut Builder, bits: ValueId| -> Result<ValueId, Refused> {
        let ones = builder.to_integer(bits)?;
        Ok(builder.sum(ones)?)
    };
    let mut of_tables = Behind::default();
    let common = builder.and(*in_first, *in_second)?;
    let common = count(builder, common)?;
    for (side, bits) in [*in_first, *in_second].into_iter().enumerate() {
        let floor_rows = relations.get(side).map_or(1, |(_, table)| table.floor_rows());
        if floor_rows > 1 {
            // Whoever knows the values of one table counts by any of the three what both have. None at all is also
            // too few: that nothing is shown would tell the one from none.
            of_tables.add(Partial::Rows.name(), Contributing { at_least: vec![common], floor_rows });
        }
        if floor_rows > 1 && side == 0 && set.kind == SetKind::Except {
            let behind = builder.and(bits, chosen)?;
            let at_least = vec![count(builder, behind)?];
            of_tables.add(Partial::Rows.name(), Contributing { at_least, floor_rows });
        }
    }
    let total = count(builder, chosen)?;
    let zero = builder.constant(vec![0])?;
    let one = builder.constant(vec![1])?;
    let partials = BTreeMap::from([(Partial::Rows.name(), total)]);
    Ok(Combined { partials, zero, one, behind: of_tables, parts: Parts::default() })
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
