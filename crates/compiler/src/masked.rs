//! Aggregates over shared rows of one table, of which only those count that a secret says: rows on shares, each with a
//! weight that nobody knows, to partial results by public group.
//!
//! Each owner reduces its rows at home to one for each combination of what is needed of single rows (a value that is
//! compared, a key), and of the public group that they are in: with a 1 in that group's column, and partial results over
//! the rows that are alike, filled up with rows without meaning to as many as its dataset has. Or it
//! shares each row by itself, where the rows of all owners are brought into an order ([`crate::windows`]). What the weights
//! are is the caller's matter: 0 or 1 for a condition ([`crate::threshold`]); of sums and counts also how often a row counts.
//!
//! 1. The weights times the groups' columns say how often a row counts in each group.
//! 2. All sums and counts of all groups are one matrix product. A least or greatest value is one over the rows of each
//!    group, of which those that do not count stand at the far end of the declared range.
//!
//! *Cost*, of n rows, g groups and p sums and counts: 2 rounds; g·n products, of which none without groups, and one matrix
//! product, which sends p·g elements however long the rows are. For each least or greatest value n products a group, and a
//! tournament of log2 n comparisons one after another over n rows.

use std::collections::BTreeMap;

use program::{Builder, Operation, ValueId};

use crate::{
    Refused,
    aggregation::Call,
    groups::Sided,
    joined,
    sql::Argument,
    stage::{self, Partial},
};

/// What an owner shares of each row, beside what the caller needs of it.
pub(crate) struct Layout<'a> {
    pub(crate) partials: &'a [Partial],
    pub(crate) groups: &'a Sided,
}

/// These rows, of all owners one below the other.
pub(crate) struct Weighted {
    /// How often a row counts, for each of the groups that rows are told apart by.
    pub(crate) weights: Vec<ValueId>,
    /// For each partial its column.
    pub(crate) partials: Vec<ValueId>,
    pub(crate) rows: u32,
}

impl Layout<'_> {
    /// Which group a row is in: columns by which rows are told apart, as SQL.
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let conditions = self.groups.conditions.iter().flatten().enumerate();
        let column = |(group, condition): (usize, &String)| {
            (format!("group {}", group + 1), format!("CASE WHEN {condition} THEN 1 ELSE 0 END"))
        };
        conditions.map(column).collect()
    }

    /// What is aggregated over rows that are alike.
    pub(crate) fn calls(&self) -> Vec<(String, Call)> {
        let calls = self.partials.iter().enumerate();
        calls.map(|(place, partial)| (part(place), partial.aggregate(None))).collect()
    }

    /// The same, as the stage yields it.
    pub(crate) fn shared(&self) -> Vec<String> {
        self.partials.iter().enumerate().map(|(place, partial)| partial.shared(&part(place))).collect()
    }

    /// Name and width of each of these columns: groups first.
    pub(crate) fn named(&self, rows: u64) -> Vec<(String, u32)> {
        let groups = self.keys().into_iter().map(|(name, _)| (name, 1));
        let partials = self.partials.iter().enumerate();
        let partials =
            partials.map(|(place, partial)| (stage::short(partial.name(), place), partial.bits(rows)));
        groups.chain(partials).collect()
    }

    /// How often each row counts in each group. `columns` are those of [`Layout::named`], of all owners one below the
    /// other; `weight` is an integer for each row.
    pub(crate) fn weighted(
        &self,
        builder: &mut Builder,
        mut columns: Vec<ValueId>,
        weight: ValueId,
        rows: u32,
    ) -> Result<Weighted, Refused> {
        let partials = columns.split_off(columns.len().saturating_sub(self.partials.len()));
        let mut weights = Vec::with_capacity(columns.len().max(1));
        for group in columns {
            weights.push(builder.multiply(group, weight)?);
        }
        if weights.is_empty() {
            weights.push(weight);
        }
        Ok(Weighted { weights, partials, rows })
    }

    /// For each of the query's groups each partial result, over the rows that count.
    pub(crate) fn totals(
        &self,
        builder: &mut Builder,
        Weighted { weights, partials, rows }: &Weighted,
    ) -> Result<BTreeMap<String, ValueId>, Refused> {
        let rows = *rows;
        let mut totals = BTreeMap::new();
        let mut added = Vec::new();
        for (partial, column) in self.partials.iter().zip(partials.iter().copied()) {
            match partial {
                Partial::Min(x) | Partial::Max(x) => {
                    let is_least = matches!(partial, Partial::Min(_));
                    let by_group = extremes(builder, x, is_least, column, weights, rows)?;
                    totals.insert(partial.name(), self.by_group(builder, &by_group)?);
                }
                _ => added.push((partial.name(), column)),
            }
        }
        let sums: Vec<ValueId> = added.iter().map(|(_, column)| *column).collect();
        let product = joined::product(builder, &sums, weights, [0, rows])?;
        for (place, (name, _)) in added.into_iter().enumerate() {
            // No more groups than [`crate::GROUPS_MAX`], and no more columns than a program has.
            let first = (place * weights.len()) as u32;
            let mut by_group = Vec::with_capacity(weights.len());
            for group in 0..weights.len() as u32 {
                by_group.push(builder.slice(product, first + group, 1)?);
            }
            totals.insert(name, self.by_group(builder, &by_group)?);
        }
        Ok(totals)
    }

    /// Values of the groups that rows are told apart by, as the query's groups.
    pub(crate) fn by_group(&self, builder: &mut Builder, values: &[ValueId]) -> Result<ValueId, Refused> {
        let of: Vec<ValueId> =
            self.groups.of.iter().filter_map(|group| values.get(*group)).copied().collect();
        match of.as_slice() {
            [only] => Ok(*only),
            _ => Ok(builder.concat(of)?),
        }
    }
}

/// For each group the least or greatest value of the rows that count; without any, what a stage without rows yields.
fn extremes(
    builder: &mut Builder,
    x: &Argument,
    is_least: bool,
    column: ValueId,
    weights: &[ValueId],
    rows: u32,
) -> Result<Vec<ValueId>, Refused> {
    let absent = builder.constant(vec![if is_least { x.interval.max } else { x.interval.min }])?;
    let absent = builder.repeat(absent, rows)?;
    let distance = builder.subtract(column, absent)?;
    let mut by_group = Vec::with_capacity(weights.len());
    for weight in weights {
        let distance = builder.multiply(distance, *weight)?;
        let value = builder.add(absent, distance)?;
        by_group.push(builder.push(match is_least {
            true => Operation::Least(value),
            false => Operation::Greatest(value),
        })?);
    }
    Ok(by_group)
}

fn part(place: usize) -> String {
    format!("part {}", place + 1)
}
