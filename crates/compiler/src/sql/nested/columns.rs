//! What is known of a subquery's groups without looking at any row: how many there can be, and between which values their
//! aggregates lie.

use contract::{Column, ColumnType, Schema};

use super::super::{
    argument::Argument,
    query::{Aggregate, Function},
    windowed_column::{self, check_width, range},
};
use crate::{Construct, Refused, Table, number::Interval, secret};

/// The groups as a table: a group for each row at most.
pub(super) fn table(
    name: &str,
    grouped: &Table,
    keys: &[(String, Column)],
    aggregates: &[(String, Aggregate)],
) -> Result<Table, Refused> {
    let own = grouped.datasets.first().map_or(&[][..], |source| source.schema.columns.as_slice());
    let rows = grouped.datasets.iter().fold(0_u64, |sum, source| sum.saturating_add(source.rows));
    let mut columns = Vec::with_capacity(keys.len() + aggregates.len());
    for (name, key) in keys {
        secret::check(key)?;
        columns.push(Column { name: name.clone(), unique: false, ..key.clone() });
    }
    for (name, aggregate) in aggregates {
        columns.push(column(name, aggregate, own, rows.max(1).into())?);
    }
    let mut datasets = grouped.datasets.clone();
    for source in &mut datasets {
        source.schema = Schema { columns: columns.clone() };
    }
    Ok(Table { name: name.to_owned(), datasets })
}

fn column(name: &str, aggregate: &Aggregate, own: &[Column], rows: i128) -> Result<Column, Refused> {
    let refused = || Construct::Nested.refuse(&aggregate.shown());
    if aggregate.whole || aggregate.second.is_some() {
        return Err(refused());
    }
    let count = || {
        let interval = Interval { min: 0, max: rows };
        Column { range: Some(range(interval, 0)), ..Column::new(name, ColumnType::Integer) }
    };
    let (Function::Sum | Function::Avg | Function::Min | Function::Max, Some(of)) =
        (aggregate.function, &aggregate.argument)
    else {
        return if aggregate.function == Function::Count { Ok(count()) } else { Err(refused()) };
    };
    let read = || own.iter().filter(|column| of.columns.contains(&column.name));
    if read().any(|column| matches!(column.kind, ColumnType::Float { .. })) || of.bytes_max.is_some() {
        return Err(refused());
    }
    let number = |kind: ColumnType, interval: Interval| Column {
        nullable: of.nullable,
        unit: of.unit.clone(),
        range: Some(range(interval, of.scale)),
        ..Column::new(name, kind)
    };
    Ok(match aggregate.function {
        Function::Sum => {
            let Interval { min, max } = of.interval;
            let interval = Interval { min: min.min(min * rows), max: max.max(max * rows) };
            check_width(interval, "SUM", &Column::new(of.shown.clone(), ColumnType::Integer))?;
            number(kind(of), interval)
        }
        Function::Avg => {
            let scale = windowed_column::mean_scale(of.interval, of.scale);
            number(ColumnType::Float { scale }, of.interval)
        }
        _ if of.temporal.is_some() => match read().next() {
            Some(column) => Column {
                name: name.to_owned(),
                unique: false,
                values: None,
                nullable: of.nullable,
                ..column.clone()
            },
            None => return Err(refused()),
        },
        _ => number(kind(of), of.interval),
    })
}

fn kind(of: &Argument) -> ColumnType {
    match of.scale {
        0 => ColumnType::Integer,
        scale => ColumnType::Decimal { scale },
    }
}
