//! Groups that are not public: GROUP BY booleans, integers, decimals, dates, timestamps or text of one table, with LIMIT.
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
    Refused, Table,
    aggregation::Aggregation,
    behind::Behind,
    domain,
    dominance::Parts,
    keyed::{self, Merged},
    lower::Combined,
    number::bits,
    packed,
    sql::{Key, Relation, identifier},
    stage::{self, Partial},
    threshold_tables::stacked,
};

/// The groups' keys, a row for each group that there may be.
pub(crate) struct SecretKeys {
    /// In the order of GROUP BY.
    pub(crate) columns: Vec<SecretKey>,
    /// How many rows.
    pub(crate) rows: u32,
    /// The key, by its place, that no two rows have in common, if there is one.
    pub(crate) alone: Option<usize>,
}

/// One key of the groups.
pub(crate) struct SecretKey {
    /// 1 where it is NULL, if it may be.
    pub(crate) missing: Option<ValueId>,
    /// The key's integers, 0 where it is NULL: of text several, see [`packed`].
    pub(crate) integers: Vec<ValueId>,
    /// How many bytes it has at most, of text: as the column says that is shared, which may be one that the key equals.
    pub(crate) bytes_max: u16,
}

impl SecretKeys {
    /// Of `columns`, as [`key`] has them.
    pub(crate) fn new(columns: &[Column], values: Vec<ValueId>, rows: u32) -> Result<Self, Refused> {
        let mut values = values.into_iter();
        let mut keys = Vec::with_capacity(columns.len());
        for column in columns {
            let missing = if column.nullable { values.next() } else { None };
            let integers = widths(column)?.len().saturating_sub(missing.iter().len());
            let integers = values.by_ref().take(integers).collect();
            let bytes_max = packed::bytes_max(column).unwrap_or_default();
            keys.push(SecretKey { missing, integers, bytes_max });
        }
        Ok(Self { columns: keys, rows, alone: None })
    }
}

/// Whether a column's values can be group keys without being public.
pub(crate) fn check(column: &Column) -> Result<(), Refused> {
    match column.kind {
        ColumnType::Boolean
        | ColumnType::Integer
        | ColumnType::Decimal { .. }
        | ColumnType::Date
        | ColumnType::Timestamp => Ok(()),
        ColumnType::Text if packed::bytes_max(column).is_some() => Ok(()),
        ColumnType::Text => Err(Refused::NoBytes(column.name.clone())),
        ColumnType::Float { .. } => Err(Refused::GroupByFloat(column.name.clone())),
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
        Partial::Distinct(_) | Partial::Text(_) => table.datasets.len() > 1,
        partial => partial.needs_values(),
    };
    if let Some(partial) = partials.iter().find(is_shared) {
        return Err(partial.refuse());
    }
    let keys: Vec<Column> = keys.iter().map(|key| key.column.clone()).collect();
    let by = ByKey { keys: &keys, partials, marks: 0 };
    let Aggregated { keys: values, partials, rows, zero, one, .. } =
        by.combine(builder, (relation, table), |rows| sql(table, relation, &by, rows))?;
    let combined = Combined { partials, zero, one, behind: Behind::default(), parts: Parts::default() };
    Ok((combined, SecretKeys::new(&keys, values, rows)?))
}

/// What each owner shares of its rows by key: the columns of [`names`], and partial results.
///
/// [`names`]: ByKey::names
pub(crate) struct ByKey<'a> {
    pub(crate) keys: &'a [Column],
    pub(crate) partials: &'a [Partial],
    /// How many bits it shares that hang on the key alone.
    pub(crate) marks: usize,
}

/// The same of all owners, a row for each key, and rows without meaning, which count 0 rows.
pub(crate) struct Aggregated {
    pub(crate) keys: Vec<ValueId>,
    /// Bits.
    pub(crate) marks: Vec<ValueId>,
    /// By name.
    pub(crate) partials: BTreeMap<String, ValueId>,
    pub(crate) rows: u32,
    /// 0 and 1 in each row.
    pub(crate) zero: ValueId,
    pub(crate) one: ValueId,
}

impl ByKey<'_> {
    /// The keys' columns and their SQL.
    pub(crate) fn key_columns(&self) -> Vec<(String, String)> {
        let keys = self.keys.iter().enumerate();
        let columns = keys.flat_map(|(number, column)| {
            key(column).into_iter().enumerate().map(move |(part, sql)| (name(number, part), sql))
        });
        columns.collect()
    }

    /// What stands in a row without meaning for keys and bits, in their order.
    pub(crate) fn names(&self) -> Vec<(String, u8)> {
        let keys = self.key_columns().into_iter().map(|(name, _)| name);
        keys.chain((1..=self.marks).map(mark)).map(|name| (name, 0)).collect()
    }

    pub(crate) fn combine(
        &self,
        builder: &mut Builder,
        (relation, table): (&Relation, &Table),
        sql: impl Fn(u32) -> String,
    ) -> Result<Aggregated, Refused> {
        let stages = keyed::stages(builder, relation, table, sql)?;
        let mut shared: Vec<Vec<ValueId>> = Vec::new();
        for (source, stage) in table.datasets.iter().zip(stages) {
            let mut columns = Vec::new();
            for (number, key) in self.keys.iter().enumerate() {
                let widths = widths(key)?.into_iter().enumerate();
                columns.extend(widths.map(|(part, bits)| (name(number, part), bits)));
            }
            columns.extend((1..=self.marks).map(|number| (mark(number), 1)));
            let partials = self.partials.iter().enumerate();
            columns.extend(
                partials.map(|(place, one)| (stage::short(one.name(), place), one.bits(source.rows))),
            );
            keyed::declare(builder, source, stage, columns, &mut shared)?;
        }
        let mut columns = stacked(builder, shared)?;
        let rows = table.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        let partials = columns.split_off(columns.len().saturating_sub(self.partials.len()));
        let marks = columns.split_off(columns.len().saturating_sub(self.marks));
        let (keys, marks, partials) = match table.datasets.len() {
            0 | 1 => (columns, marks, partials),
            // Rows without meaning have key 0 and results that change nothing.
            _ => {
                let merged = Merged::by(builder, columns)?;
                let marks = marks.into_iter().map(|of| merged.combined(builder, of, None));
                let marks = marks.collect::<Result<Vec<_>, _>>()?;
                let results = partials.into_iter().zip(self.partials);
                let results = results.map(|(of, partial)| merged.combined(builder, of, Some(partial)));
                let results = results.collect::<Result<Vec<_>, _>>()?;
                (merged.keys, marks, results)
            }
        };
        let mut constant = |value| -> Result<ValueId, Refused> {
            let one = builder.constant(vec![value])?;
            Ok(builder.repeat(one, rows)?)
        };
        let (zero, one) = (constant(0)?, constant(1)?);
        let marks = marks.into_iter().map(|mark| builder.less_than(zero, mark));
        let marks = marks.collect::<Result<_, _>>()?;
        let partials = BTreeMap::from_iter(self.partials.iter().map(Partial::name).zip(partials));
        Ok(Aggregated { keys, marks, partials, rows, zero, one })
    }
}

/// How wide the columns of a key are: whether it is NULL, if it may be, and its integers.
pub(crate) fn widths(column: &Column) -> Result<Vec<u32>, Refused> {
    let mut widths = Vec::from_iter(column.nullable.then_some(1));
    match column.kind {
        ColumnType::Boolean => widths.push(1),
        ColumnType::Integer if column.range.is_none() => widths.push(64),
        ColumnType::Text => {
            let bytes_max = packed::bytes_max(column).ok_or_else(|| Refused::NoBytes(column.name.clone()))?;
            widths.extend(packed::widths(bytes_max));
        }
        _ => widths.push(bits(domain::range(column)?.magnitude()).max(1)),
    }
    Ok(widths)
}

/// A key as SQL: if it may be NULL, 1 where it is; its integers, 0 where it is NULL.
pub(crate) fn key(column: &Column) -> Vec<String> {
    let name = identifier(&column.name);
    let integers = match column.kind {
        ColumnType::Date => vec![format!("CAST(CAST({name} AS INT) AS BIGINT)")],
        ColumnType::Timestamp => vec![format!("CAST({name} AS BIGINT)")],
        ColumnType::Boolean => vec![format!("CAST({name} AS BIGINT)")],
        ColumnType::Text => packed::sql(&column.name, packed::bytes_max(column).unwrap_or_default()),
        _ => vec![name.clone()],
    };
    let missing = column.nullable.then(|| format!("CASE WHEN {name} IS NULL THEN 1 ELSE 0 END"));
    let integers = integers.into_iter().map(|integer| format!("COALESCE({integer}, 0)"));
    missing.into_iter().chain(integers).collect()
}

/// What one column of a key is called in the program.
fn name(key: usize, part: usize) -> String {
    format!("key {}, part {}", key + 1, part + 1)
}

/// What a bit that hangs on the key alone is called in the program.
pub(crate) fn mark(number: usize) -> String {
    format!("mark {number}")
}

fn sql(table: &Table, relation: &Relation, by: &ByKey<'_>, rows: u32) -> String {
    let (mut shared, mut calls) = (Vec::new(), Vec::new());
    for (place, partial) in by.partials.iter().enumerate() {
        let name = format!("part {}", place + 1);
        shared.push(partial.shared(&name));
        calls.push((name, partial.aggregate(None)));
    }
    let filters = relation.filter.iter().cloned().collect();
    let inner = Aggregation { from: relation.name(table), filters, keys: by.key_columns(), calls }.sql();
    keyed::padded(rows, &by.names(), &shared, &inner, &[])
}
