//! What follows for a query from columns that are computed across rows ([`super::windowed`]): which uses they make of the
//! columns behind them, in which order rows stand that tie, and which rows have a part in a value.

use std::collections::BTreeSet;

use contract::{Column, terms::Use};

use super::{
    computed::{Computed, Made},
    from::From,
    join::OwnersColumn,
    usage::{Comparisons, Uses},
    windowed::{Rows, Windowed},
};
use crate::{Construct, Refused, Table};

/// Refuses them beside other tables: a row that a join multiplies or leaves out would have been counted before.
pub(super) fn check(computed: &[Computed], from: &From) -> Result<(), Refused> {
    let across = computed.iter().find(|one| one.is_across());
    match across.filter(|_| from.relations.len() != 1 || from.join.is_some() || from.set.is_some()) {
        Some(one) => Err(Construct::RowWindowTables.refuse(&one.name())),
        None => Ok(()),
    }
}

/// The uses that a window function makes of columns, given those that are made of what it gives.
///
/// Where a row stands decides what it gets, so that the columns of PARTITION BY and ORDER BY are conditions; where rows
/// are numbered or counted and that is aggregated, what is aggregated stems from these columns. A value that is carried to
/// other rows is in no measure that many rows' own: `x - LAG(x)` adds up to the last less the first. So its column is an
/// extreme, too, wherever it is aggregated.
pub(super) fn uses(of: &Windowed, made: &BTreeSet<Use>) -> Vec<(String, BTreeSet<Use>)> {
    let aggregated: BTreeSet<Use> = made
        .iter()
        .filter(|one| matches!(one, Use::Aggregate | Use::Extreme | Use::Product))
        .copied()
        .collect();
    let is_count = of.function.is_count();
    let mut places = BTreeSet::from([Use::Filter]);
    if is_count {
        places.extend(&aggregated);
    }
    let mut found: Vec<_> = of.places().map(|column| (column.clone(), places.clone())).collect();
    if let Some(taken) = &of.of {
        let mut uses = if is_count { aggregated.clone() } else { made.clone() };
        uses.insert(Use::Filter);
        if !is_count && !aggregated.is_empty() {
            uses.insert(Use::Extreme);
        }
        found.push((taken.column.clone(), uses));
    }
    found
}

/// The columns by which the rows of each window follow that ORDER BY leaves open; these choose, and so are conditions.
/// `uses` are those of the whole query, by the tables' own columns, of which `tables` has computed ones, too.
pub(super) fn ties(
    computed: &[Computed],
    tables: &[Table],
    uses: &mut Uses,
    comparisons: &mut Comparisons,
) -> Vec<Vec<String>> {
    let mut all = Vec::with_capacity(computed.len());
    // What a window gives tells rows apart for those that are computed after it.
    let mut before: Vec<String> = Vec::new();
    for one in computed {
        let mut ties = Vec::new();
        let columns = columns(tables, &one.table);
        if let Made::Windowed(of) = &one.of
            && of.needs_ties()
            && !is_settled(of, columns)
        {
            let own = uses.entry(one.table.clone()).or_default();
            let compared = comparisons.entry(one.table.clone()).or_default();
            for column in columns {
                let Some(uses) = own.get_mut(&column.name) else { continue };
                if of.places().all(|place| *place != column.name) {
                    uses.insert(Use::Filter);
                    compared.entry(column.name.clone()).or_default().otherwise = true;
                    ties.push(column.name.clone());
                }
            }
            ties.extend(before.iter().cloned());
        }
        if matches!(one.of, Made::Windowed(_)) {
            before.push(one.name());
        }
        all.push(ties);
    }
    all
}

/// Whether no two rows stand at one place, as was declared.
fn is_settled(of: &Windowed, columns: &[Column]) -> bool {
    let is_unique = |name: &String| {
        columns.iter().any(|column| column.name == *name && column.unique && !column.nullable)
    };
    of.places().any(is_unique)
}

fn columns<'t>(tables: &'t [Table], name: &str) -> &'t [Column] {
    let table = tables.iter().find(|table| table.name == name);
    table.and_then(|table| table.datasets.first()).map_or(&[], |source| source.schema.columns.as_slice())
}

/// What is computed of a table, which `tables` has with it, given by which columns ties are broken.
pub(super) fn of_table(
    table: &str,
    computed: &[Computed],
    tables: &[Table],
    ties: &[Vec<String>],
) -> Vec<OwnersColumn> {
    let columns = columns(tables, table);
    let mut all: Vec<OwnersColumn> = Vec::new();
    for (one, ties) in computed.iter().zip(ties).filter(|(one, _)| one.table == table) {
        let (sql, mut read, rows) = match &one.of {
            Made::Home(of) => (of.sql(None), one.own(), None),
            Made::Rows(of) => (of.sql(), one.own(), None),
            Made::Windowed(of) => (of.sql_over(columns, ties), one.own(), Some(of.rows.as_ref())),
            Made::Arithmetic(of) => (of.sql(columns), one.own(), None),
        };
        read.extend(rows.flatten().map(Rows::name));
        let mut of = BTreeSet::new();
        let mut carries = matches!(&one.of, Made::Windowed(of) if !of.function.is_count());
        let condition = |rows: Option<&Rows>| rows.map_or("TRUE".to_owned(), |rows| rows.condition.clone());
        let mut across: BTreeSet<String> = rows.map(condition).into_iter().collect();
        let made = |name: &String| all.iter().find(|column| column.name == *name);
        for before in read.iter().filter_map(made) {
            across.extend(before.across.iter().cloned());
        }
        for name in one.own() {
            match made(&name) {
                Some(before) => {
                    of.extend(before.of.iter().cloned());
                    carries |= before.carries && matches!(one.of, Made::Arithmetic(_));
                }
                None => drop(of.insert(name)),
            }
        }
        // Each window reads what is computed before it.
        let layer = match one.of {
            Made::Home(_) => 0,
            _ => all.iter().map(|column| column.layer + 1).max().unwrap_or(1),
        };
        all.push(OwnersColumn { name: one.name(), sql, of, layer, across, carries });
    }
    all
}
