//! Groups that are not public: GROUP BY integers, decimals or dates of one table, with LIMIT.
//!
//! Each owner aggregates its rows by key at home and shares one row for each key, filled up to as many as its dataset
//! has. Rows of equal keys of several owners are added up ([`program::Operation::Group`]). Then groups at or above the
//! floor come first, in the order that the query asks for, and the first ones, as many as LIMIT says, are opened: keys
//! and values, zeros where there are fewer. How many groups there are, or are withheld, is not opened, nor between
//! which of the shown ones they lie.

use std::collections::BTreeMap;

use contract::{Column, ColumnType};
use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    aggregation::Aggregation,
    behind::Behind,
    domain,
    dominance::Parts,
    keyed::{self, Merged},
    lower::Combined,
    number::bits,
    sql::{Key, Relation, identifier},
    stage::{self, Partial},
};

/// The groups' keys, a row for each group that there may be.
pub(crate) struct SecretKeys {
    /// In the order of GROUP BY: 1 where the key is NULL, if it may be, and the key's integer, 0 where it is NULL.
    pub(crate) columns: Vec<(Option<ValueId>, ValueId)>,
    /// How many rows.
    pub(crate) rows: u32,
}

/// Whether a column's values can be group keys without being public.
pub(crate) fn check(column: &Column) -> Result<(), Refused> {
    match column.kind {
        ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Date => Ok(()),
        _ => Err(Construct::Limit.refuse(&format!("GROUP BY {} … LIMIT", column.name))),
    }
}

/// Declares stages and inputs, and combines the partial results of all owners by key.
pub(crate) fn combine(
    builder: &mut Builder,
    table: &Table,
    relation: &Relation,
    keys: &[Key],
    partials: &[Partial],
) -> Result<(Combined, SecretKeys), Refused> {
    // One owner counts different values at home.
    let is_shared = |partial: &&Partial| match partial {
        Partial::Distinct(_) => table.datasets.len() > 1,
        partial => partial.needs_values(),
    };
    if let Some(partial) = partials.iter().find(is_shared) {
        return Err(partial.refuse());
    }
    let stages = keyed::stages(builder, table, |rows| sql(table, relation, keys, partials, rows))?;
    let mut shared: Vec<Vec<ValueId>> = Vec::new();
    for (source, stage) in table.datasets.iter().zip(stages) {
        let mut columns = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            columns.push((format!("key {} is missing", number + 1), 1));
            columns.push((format!("key {}", number + 1), width(&key.column)?));
        }
        let partials = partials.iter().enumerate();
        columns.extend(partials.map(|(place, one)| (stage::short(one.name(), place), one.bits(source.rows))));
        keyed::declare(builder, source, stage, columns, &mut shared)?;
    }
    let mut columns = Vec::with_capacity(shared.len());
    for values in shared {
        columns.push(match values.as_slice() {
            [only] => *only,
            _ => builder.concat(values)?,
        });
    }
    let rows = table.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
    let aggregated = columns.split_off((2 * keys.len()).min(columns.len()));
    let (columns, aggregated) = match table.datasets.len() {
        0 | 1 => (columns, aggregated),
        // Rows without meaning have key 0 and results that change nothing.
        _ => {
            let merged = Merged::by(builder, columns)?;
            let results = aggregated.into_iter().zip(partials);
            let results = results.map(|(of, partial)| merged.combined(builder, of, Some(partial)));
            let results = results.collect::<Result<Vec<_>, _>>()?;
            (merged.keys, results)
        }
    };
    let mut constant = |value| -> Result<ValueId, Refused> {
        let one = builder.constant(vec![value])?;
        Ok(builder.repeat(one, rows)?)
    };
    let (zero, one) = (constant(0)?, constant(1)?);
    let named = partials.iter().map(Partial::name).zip(aggregated);
    let combined = Combined {
        partials: BTreeMap::from_iter(named),
        zero,
        one,
        behind: Behind::default(),
        parts: Parts::default(),
    };
    let pairs = keys.iter().zip(columns.chunks_exact(2));
    let columns = pairs.filter_map(|(key, pair)| match pair {
        [missing, value] => Some((key.column.nullable.then_some(*missing), *value)),
        _ => None,
    });
    Ok((combined, SecretKeys { columns: columns.collect(), rows }))
}

/// How wide a key's integer is.
pub(crate) fn width(column: &Column) -> Result<u32, Refused> {
    Ok(match column.kind {
        ColumnType::Integer if column.range.is_none() => 64,
        _ => bits(domain::range(column)?.magnitude()).max(1),
    })
}

/// A key as SQL: 1 where it is NULL, and its integer, 0 where it is NULL.
pub(crate) fn key(column: &Column) -> [String; 2] {
    let name = identifier(&column.name);
    let integer = match column.kind {
        ColumnType::Date => format!("CAST(CAST({name} AS INT) AS BIGINT)"),
        _ => name.clone(),
    };
    [format!("CASE WHEN {name} IS NULL THEN 1 ELSE 0 END"), format!("COALESCE({integer}, 0)")]
}

fn sql(table: &Table, relation: &Relation, keys: &[Key], partials: &[Partial], rows: u32) -> String {
    let mut by = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let [missing, value] = self::key(&key.column);
        by.push((format!("missing {}", number + 1), missing));
        by.push((format!("key {}", number + 1), value));
    }
    let names: Vec<(String, u8)> = by.iter().map(|(name, _)| (name.clone(), 0)).collect();
    let (mut shared, mut calls) = (Vec::new(), Vec::new());
    for (place, partial) in partials.iter().enumerate() {
        let name = format!("part {}", place + 1);
        shared.push(partial.shared(&name));
        calls.push((name, partial.aggregate(None)));
    }
    let filters = relation.filter.iter().cloned().collect();
    let inner = Aggregation { from: relation.name(table), filters, keys: by, calls }.sql();
    keyed::padded(rows, &names, &shared, &inner)
}
