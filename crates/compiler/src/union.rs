//! One table: nothing has to be matched, and so no row leaves its owner. Each owner's stage yields one row for each
//! public group, and the owners' partial results are added up, or compared for extremes.

use std::collections::BTreeMap;

use program::{Builder, Flaw, Kind, ValueId};

use crate::{
    Refused, Table,
    aggregation::Aggregation,
    behind::Behind,
    distinct::Distinct,
    dominance,
    groups::Groups,
    lower::Combined,
    quantile::Ranked,
    sql::{Relation, identifier},
    stage::{self, Partial},
    text_extremes,
};

/// Declares stages and inputs, and combines the partial results of all owners.
pub(crate) fn combine(
    builder: &mut Builder,
    table: &Table,
    relation: &Relation,
    groups: &Groups,
    partials: &[Partial],
) -> Result<Combined, Refused> {
    // What several owners have in common is counted on shares, and values are sorted there.
    let (apart, partials): (Vec<&Partial>, Vec<&Partial>) = partials.iter().partition(|one| match one {
        Partial::Distinct(_) => table.datasets.len() > 1,
        partial => partial.needs_values(),
    });
    let sided = groups.sided(0);
    let apart = apart.into_iter().filter_map(|partial| {
        let of = match partial {
            Partial::Distinct(x) => Apart::Distinct(Distinct::new(table, relation, x, &sided)?),
            Partial::Quantile(argument, quantile) => {
                Apart::Ranked(Ranked { table, relation, argument, quantile: *quantile, groups: &sided })
            }
            _ => return None,
        };
        Some((partial.name(), of))
    });
    let apart: Vec<(String, Apart<'_>)> = apart.collect();
    let sql = sql(table, relation, groups, &partials);
    // At most `GROUPS_MAX` groups; more datasets or columns than 2^16 are refused by the program's own limits.
    let count = groups.keys.len() as u32;
    let mut stages = Vec::with_capacity(table.datasets.len());
    for number in 0..table.datasets.len() {
        stages.push(relation.stage(builder, table, number, &sql, count)?);
    }
    let mut of_values = Vec::with_capacity(apart.len());
    for (_, of) in &apart {
        of_values.push(of.stages(builder)?);
    }
    let mut shared: Vec<Vec<ValueId>> = vec![Vec::new(); partials.len()];
    for (source, stage) in table.datasets.iter().zip(stages) {
        for ((column, partial), values) in partials.iter().enumerate().zip(&mut shared) {
            let name = format!("{}: {}", source.reference, stage::short(partial.name(), column));
            let bits = partial.bits(source.rows) as u8;
            values.push(builder.input(name, stage, column as u16, Kind::Integer, bits)?);
        }
    }
    let mut inputs = Vec::with_capacity(apart.len());
    for ((_, of), stages) in apart.iter().zip(&of_values) {
        inputs.push(of.inputs(builder, stages)?);
    }
    let zero = builder.constant(vec![0; groups.keys.len()])?;
    let one = builder.constant(vec![1; groups.keys.len()])?;
    let parts = dominance::parts(builder, table, &partials, &shared)?;
    let mut combined = BTreeMap::new();
    text_extremes::combine(builder, &partials, &shared, &mut combined)?;
    for (partial, values) in partials.iter().zip(shared) {
        let value = match partial {
            Partial::Text(_) => continue,
            Partial::Min(_) => tree(builder, values, Builder::minimum)?,
            Partial::Max(_) => tree(builder, values, Builder::maximum)?,
            _ => tree(builder, values, Builder::add)?,
        };
        combined.insert(partial.name(), value.unwrap_or(zero));
    }
    for ((name, of), inputs) in apart.into_iter().zip(inputs) {
        combined.insert(name, of.total(builder, inputs)?);
    }
    Ok(Combined { partials: combined, zero, one, behind: Behind::default(), parts })
}

/// What is computed from the owners' single values, beside the partial results by group.
enum Apart<'a> {
    Distinct(Distinct<'a>),
    Ranked(Ranked<'a>),
}

impl Apart<'_> {
    fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        match self {
            Self::Distinct(distinct) => distinct.stages(builder),
            Self::Ranked(ranked) => ranked.stages(builder),
        }
    }

    fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        match self {
            Self::Distinct(distinct) => distinct.inputs(builder, stages),
            Self::Ranked(ranked) => ranked.inputs(builder, stages),
        }
    }

    fn total(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<ValueId, Refused> {
        match self {
            Self::Distinct(distinct) => distinct.count(builder, inputs),
            Self::Ranked(ranked) => ranked.total(builder, inputs),
        }
    }
}

/// Combines values pairwise, so that as few steps as possible depend on each other.
pub(crate) fn tree(
    builder: &mut Builder,
    mut values: Vec<ValueId>,
    combine: fn(&mut Builder, ValueId, ValueId) -> Result<ValueId, Flaw>,
) -> Result<Option<ValueId>, Flaw> {
    while values.len() > 1 {
        let mut halved = Vec::with_capacity(values.len().div_ceil(2));
        for pair in values.chunks(2) {
            halved.push(match *pair {
                [x, y] => combine(builder, x, y)?,
                [x] => x,
                _ => continue,
            });
        }
        values = halved;
    }
    Ok(values.first().copied())
}

/// The local stage's SQL, the same for every owner.
fn sql(table: &Table, relation: &Relation, groups: &Groups, partials: &[&Partial]) -> String {
    let named = groups.columns.iter().enumerate();
    let by = named.map(|(n, column)| (format!("key {}", n + 1), identifier(&column.name)));
    let by: Vec<(String, String)> = by.collect();
    let keys: Vec<String> = by.iter().map(|(name, _)| identifier(name)).collect();
    let calls = partials.iter().map(|partial| (partial.name(), partial.aggregate(None))).collect();
    let filters = relation.filter.iter().cloned().collect();
    let inner = Aggregation { from: relation.name(table), filters, keys: by, calls }.sql();
    let columns: Vec<String> = partials.iter().map(|partial| partial.shared(&partial.name())).collect();
    let columns = columns.join(",\n  ");
    if keys.is_empty() {
        return format!("SELECT\n  {columns}\nFROM (\n{inner}\n) AS a");
    }
    let on: Vec<String> = keys.iter().map(|key| format!("(g.{key} IS NOT DISTINCT FROM a.{key})")).collect();
    format!(
        "SELECT\n  {columns}\nFROM (VALUES {values}) AS g(n, {keys})\nLEFT JOIN (\n{inner}\n) AS a ON {on}\nORDER BY g.n",
        values = groups.values_list(),
        keys = keys.join(", "),
        on = on.join(" AND "),
    )
}
