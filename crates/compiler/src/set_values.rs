//! Which values the columns of two tables or more have together, in common, or one without the other: UNION, INTERSECT and
//! EXCEPT whose values are shown, with LIMIT. With INTERSECT this is private set intersection whose result the receivers see.
//!
//! Each owner shares one row for each different value among its rows, and how many rows have it, filled up to as many as
//! its dataset has. Rows of equal values are added up, for each table by itself ([`program::Operation::Group`]). A value is
//! a group ([`crate::secret`]); NULL is one value here, as in SQL. Cost: one grouping of all rows, and for each row a
//! comparison a table and one for each floor.
//!
//! # Floors
//! Whoever knows other tables' values learns of one from what is shown, so that rows of one table never make up for
//! those that another lacks. A table *has* a value here if as many of its rows as its owners ask for have it.
//! - UNION shows a value that one table has, by the contract's floor too: that another has it as well, or that it has a
//!   few rows of it, changes nothing.
//! - INTERSECT shows a value that all have, each by the contract's floor, too.
//! - EXCEPT shows a value that the first has and of which the second has no row. What is left out tells who knows the first
//!   table's values that the second has a row of them, one alone. No floor can bound that without a false result, so that it
//!   is refused where the second table's owners ask for one.

use std::collections::BTreeMap;

use contract::Column;
use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    aggregation::Aggregation,
    behind::Behind,
    dominance::Parts,
    keyed::{self, Merged},
    lower::Combined,
    secret::{self, SecretKeys},
    sets,
    sql::{Relation, SetJoin, SetKind},
    stage::Partial,
};

/// Declares stages and inputs of all tables, and says of each value how many rows speak for showing it.
pub(crate) fn combine(
    builder: &mut Builder,
    relations: &[(&Relation, &Table)],
    set: &SetJoin,
) -> Result<(Combined, SecretKeys), Refused> {
    if let (SetKind::Except, [_, (second, of_second)]) = (set.kind, relations)
        && of_second.floor_rows() > 1
    {
        return Err(Construct::SetAbsence.refuse(&second.called));
    }
    let mut stages = Vec::new();
    for (side, (relation, table)) in relations.iter().enumerate() {
        let own = set.keys.iter().zip(&set.columns).filter_map(|(of_tables, column)| {
            // As wide as all tables' values, whatever this one's are.
            Some(Column { name: of_tables.get(side)?.name.clone(), ..column.clone() })
        });
        let own: Vec<Column> = own.collect();
        stages.extend(keyed::stages(builder, relation, table, |rows| sql(relation, table, &own, rows))?);
    }
    let mut widths = Vec::new();
    for column in &set.columns {
        widths.extend(secret::widths(column)?);
    }
    let sides = relations.iter().enumerate();
    let sources =
        sides.flat_map(|(side, (_, table))| table.datasets.iter().map(move |source| (side, source)));
    let mut columns: Vec<Vec<ValueId>> = Vec::new();
    for ((side, source), stage) in sources.zip(stages) {
        let called = |what: String| format!("{what} of table {}", side + 1);
        let mut named: Vec<(String, u32)> = Vec::with_capacity(widths.len() + 1);
        for (place, width) in widths.iter().enumerate() {
            named.push((called(format!("value, part {}", place + 1)), *width));
        }
        named.push((called("rows".to_owned()), Partial::Rows.bits(source.rows)));
        keyed::declare(builder, source, stage, named, &mut columns)?;
    }
    let mut keys = Vec::with_capacity(columns.len());
    for values in columns {
        keys.push(builder.concat(values)?);
    }
    let counts = keys.pop().ok_or_else(|| Refused::NoDataset(String::new()))?;
    let merged = Merged::by(builder, keys)?;
    let sizes: Vec<u32> = relations.iter().map(|(_, table)| sets::rows(table)).collect();
    let rows = sizes.iter().sum();
    let mut each = |value: u64| -> Result<ValueId, Refused> {
        let one = builder.constant(vec![value.into()])?;
        Ok(builder.repeat(one, rows)?)
    };
    let (zero, one) = (each(0)?, each(1)?);
    let mut found = Vec::with_capacity(sizes.len());
    for side in 0..sizes.len() {
        // Other tables' rows count as none of this one's.
        let mine =
            sets::of_table(builder, counts, &sizes, side, |builder, rows| Ok(builder.slice(zero, 0, rows)?))?;
        let all = merged.combined(builder, mine, Some(&Partial::Rows))?;
        let floor_rows = relations.get(side).map_or(1, |(_, table)| table.floor_rows());
        found.push((all, enough(builder, all, floor_rows, zero, rows)?));
    }
    let Some(((_, first), others)) = found.split_first() else {
        return Err(Refused::NoDataset(String::new()));
    };
    let mut behind = *first;
    for (all_of_other, of_other) in others {
        behind = match set.kind {
            SetKind::Union => builder.maximum(behind, *of_other)?,
            SetKind::Intersect => builder.minimum(behind, *of_other)?,
            SetKind::Except => {
                let is_there = builder.less_than(zero, *all_of_other)?;
                builder.select(is_there, zero, behind)?
            }
        };
    }
    let partials = BTreeMap::from([(Partial::Rows.name(), behind)]);
    let combined = Combined { partials, zero, one, behind: Behind::default(), parts: Parts::default() };
    Ok((combined, SecretKeys::new(&set.columns, merged.keys, rows)?))
}

/// A number of rows where it reaches a floor, and 0 elsewhere.
fn enough(
    builder: &mut Builder,
    of: ValueId,
    floor_rows: u64,
    zero: ValueId,
    rows: u32,
) -> Result<ValueId, Refused> {
    if floor_rows <= 1 {
        return Ok(of);
    }
    let floor = builder.constant(vec![floor_rows.into()])?;
    let floor = builder.repeat(floor, rows)?;
    let is_below = builder.less_than(of, floor)?;
    Ok(builder.select(is_below, zero, of)?)
}

/// The columns' different values, and of each how many rows have it.
fn sql(relation: &Relation, table: &Table, columns: &[Column], rows: u32) -> String {
    let integers = columns.iter().flat_map(secret::key).enumerate();
    let keys: Vec<(String, String)> =
        integers.map(|(place, sql)| (format!("value, part {}", place + 1), sql)).collect();
    let names: Vec<(String, u8)> = keys.iter().map(|(name, _)| (name.clone(), 0)).collect();
    let count = "rows".to_owned();
    let shared = [Partial::Rows.shared(&count)];
    let calls = vec![(count, Partial::Rows.aggregate(None))];
    let filters = relation.filter.iter().cloned().collect();
    let inner = Aggregation { from: relation.name(table), filters, keys, calls }.sql();
    keyed::padded(rows, &names, &shared, &inner, &[])
}
