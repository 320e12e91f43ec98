//! What each owner computes at home: one row per public group, one integer column per partial result.

use crate::{
    Refused, Table,
    groups::Groups,
    number::bits,
    sql::{Aggregate, Argument, Checked, Function, decimal, identifier},
};

/// A column that every stage yields, to be combined over the owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Partial {
    /// How many rows.
    Rows,
    /// How many values that are not NULL.
    Present(Argument),
    /// Sum of the values.
    Sum(Argument),
    /// Sum of the distances from the range's centre.
    Distances(Argument),
    /// Sum of the squared distances from the range's centre.
    Squares(Argument),
    /// The least value; the range's upper end if there is none.
    Min(Argument),
    /// The greatest value; the range's lower end if there is none.
    Max(Argument),
}

/// The columns that a query's aggregates need, each once, rows first.
pub(crate) fn partials(aggregates: &[Aggregate]) -> Vec<Partial> {
    let mut all = vec![Partial::Rows];
    for Aggregate { function, argument } in aggregates {
        let Some(argument) = argument else { continue };
        let of = |make: fn(Argument) -> Partial| make(argument.clone());
        if argument.nullable {
            all.push(of(Partial::Present));
        }
        match function {
            Function::Count => {}
            Function::Sum | Function::Avg => all.push(of(Partial::Sum)),
            Function::Min => all.push(of(Partial::Min)),
            Function::Max => all.push(of(Partial::Max)),
            Function::Variance | Function::Deviation => {
                all.extend([of(Partial::Distances), of(Partial::Squares)]);
            }
        }
    }
    let mut once: Vec<Partial> = Vec::new();
    for partial in all {
        // COUNT(x) and SUM(x) share one count of the values, whatever else they need to know of x.
        if !once.iter().any(|known| known.name() == partial.name()) {
            once.push(partial);
        }
    }
    once
}

impl Partial {
    /// Name of the stage's column, and for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Rows => "rows".to_owned(),
            Self::Present(x) => format!("count of {}", x.shown),
            Self::Sum(x) => format!("sum of {}", x.shown),
            Self::Distances(x) => format!("sum of {} - centre", x.shown),
            Self::Squares(x) => format!("sum of ({} - centre) squared", x.shown),
            Self::Min(x) => format!("min of {}", x.shown),
            Self::Max(x) => format!("max of {}", x.shown),
        }
    }

    /// The least `b` such that this partial over `rows` rows lies within ±2^b.
    pub(crate) fn bits(&self, rows: u64) -> u32 {
        let rows = u128::from(rows);
        let bound = match self {
            Self::Rows | Self::Present(_) => Some(rows),
            Self::Sum(x) => rows.checked_mul(x.interval.magnitude()),
            Self::Distances(x) => rows.checked_mul(x.interval.radius()),
            Self::Squares(x) => {
                x.interval.radius().checked_pow(2).and_then(|square| rows.checked_mul(square))
            }
            Self::Min(x) | Self::Max(x) => Some(x.interval.magnitude()),
        };
        bound.map_or(u128::BITS, bits).max(1)
    }

    /// The aggregate over the owner's rows.
    fn aggregate(&self) -> String {
        match self {
            Self::Rows => "COUNT(*)".to_owned(),
            Self::Present(x) => format!("COUNT({})", x.sql),
            Self::Sum(x) => format!("SUM({})", x.sql),
            Self::Distances(x) => format!("SUM({})", distance(x)),
            Self::Squares(x) => format!("SUM({0} * {0})", distance(x)),
            Self::Min(x) => format!("MIN({})", x.sql),
            Self::Max(x) => format!("MAX({})", x.sql),
        }
    }

    /// Digits after the point; `None` for counts, which are integers.
    fn scale(&self) -> Option<u8> {
        match self {
            Self::Rows | Self::Present(_) => None,
            Self::Sum(x) | Self::Distances(x) | Self::Min(x) | Self::Max(x) => Some(x.scale),
            Self::Squares(x) => Some(2 * x.scale),
        }
    }

    /// What stands for a group without rows.
    fn absent(&self) -> String {
        match self {
            Self::Rows | Self::Present(_) => "0".to_owned(),
            Self::Sum(_) | Self::Distances(_) | Self::Squares(_) => "0".to_owned(),
            Self::Min(x) => decimal(x.interval.max, x.scale),
            Self::Max(x) => decimal(x.interval.min, x.scale),
        }
    }
}

fn distance(x: &Argument) -> String {
    format!("({} - {})", x.sql, decimal(x.interval.centre(), x.scale))
}

/// The local stage's SQL, the same for every owner.
pub(crate) fn sql(table: &Table, checked: &Checked, groups: &Groups, partials: &[Partial]) -> String {
    let keys: Vec<String> = (1..=groups.columns.len()).map(|n| identifier(&format!("key {n}"))).collect();
    let inner = aggregation(table, checked, groups, partials, &keys);
    let columns: Vec<String> = partials.iter().map(combined).collect();
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

/// Rows that the owner has, filtered and grouped.
fn aggregation(
    table: &Table,
    checked: &Checked,
    groups: &Groups,
    partials: &[Partial],
    keys: &[String],
) -> String {
    let mut columns: Vec<String> = groups
        .columns
        .iter()
        .zip(keys)
        .map(|(column, key)| format!("{} AS {key}", identifier(&column.name)))
        .collect();
    columns.extend(
        partials.iter().map(|partial| format!("{} AS {}", partial.aggregate(), identifier(&partial.name()))),
    );
    let mut sql = format!("  SELECT\n    {}\n  FROM {}", columns.join(",\n    "), identifier(&table.name));
    if let Some(alias) = &checked.alias {
        sql.push_str(&format!(" AS {alias}"));
    }
    if let Some(filter) = &checked.filter {
        sql.push_str(&format!("\n  WHERE {filter}"));
    }
    if !groups.columns.is_empty() {
        let keys: Vec<String> = groups.columns.iter().map(|column| identifier(&column.name)).collect();
        sql.push_str(&format!("\n  GROUP BY {}", keys.join(", ")));
    }
    sql
}

/// A partial as the stage yields it: never NULL, and a decimal whose unscaled integer is what is shared.
fn combined(partial: &Partial) -> String {
    let name = identifier(&partial.name());
    let absent = partial.absent();
    match partial.scale() {
        None => format!("COALESCE(a.{name}, {absent}) AS {name}"),
        Some(scale) => {
            let decimal = format!("DECIMAL(38, {scale})");
            format!("COALESCE(CAST(a.{name} AS {decimal}), CAST({absent} AS {decimal})) AS {name}")
        }
    }
}

/// Refuses aggregates whose exact values or quotients need more bits than a program has.
pub(crate) fn check_widths(aggregates: &[Aggregate], rows: u64) -> Result<(), Refused> {
    use program::limits::{MAX_BITS, MAX_DENOMINATOR_BITS, MAX_NUMERATOR_BITS, MAX_QUOTIENT_BITS};
    // Declared widths round up to powers of two, at each owner: two bits of room.
    let sum_max = u32::from(MAX_BITS) - 2;
    for Aggregate { function, argument } in aggregates {
        let Some(argument) = argument else { continue };
        let check = |bits: u32, most: u32| {
            if bits <= most {
                return Ok(());
            }
            let columns = argument.quoted_columns();
            Err(Refused::TooWide {
                function: function.name(),
                argument: argument.shown.clone(),
                bits,
                most,
                columns,
            })
        };
        match function {
            Function::Count | Function::Min | Function::Max => {}
            Function::Sum => check(Partial::Sum(argument.clone()).bits(rows), sum_max)?,
            Function::Avg => {
                check(Partial::Sum(argument.clone()).bits(rows), MAX_NUMERATOR_BITS.into())?;
                check(bits(rows.into()), MAX_DENOMINATOR_BITS.into())?;
            }
            Function::Variance | Function::Deviation => {
                check(variance_numerator_bits(argument, rows), MAX_NUMERATOR_BITS.into())?;
                check(variance_denominator_bits(rows), MAX_DENOMINATOR_BITS.into())?;
                check(variance_bits(argument), u32::from(MAX_QUOTIENT_BITS) - FRACTION_MIN)?;
            }
        }
    }
    Ok(())
}

/// A quotient has at least this many binary places.
pub(crate) const FRACTION_MIN: u32 = 24;

/// n·Σd² − (Σd)² is at most n²·r² for n distances d within ±r.
pub(crate) fn variance_numerator_bits(argument: &Argument, rows: u64) -> u32 {
    let most = u128::from(rows).checked_mul(argument.interval.radius()).and_then(|root| root.checked_pow(2));
    most.map_or(u128::BITS, bits).max(1)
}

/// n·(n − 1).
pub(crate) fn variance_denominator_bits(rows: u64) -> u32 {
    bits(u128::from(rows) * u128::from(rows.saturating_sub(1))).max(1)
}

/// The sample variance of values within ±r of a centre is largest for two values at the ends: 2r².
pub(crate) fn variance_bits(argument: &Argument) -> u32 {
    let most = argument.interval.radius().checked_pow(2).and_then(|square| square.checked_mul(2));
    most.map_or(u128::BITS, bits).max(1)
}
