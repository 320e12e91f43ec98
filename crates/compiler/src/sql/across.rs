//! What follows for a query from columns that are computed across rows ([`super::windowed`]): which uses they make of the
//! columns behind them, in which order rows stand that tie, and which rows have a part in a value.

use std::collections::BTreeSet;

use contract::{Column, terms::Use};

use super::{
    computed::{Computed, Made},
    from::From,
    identifier,
    join::{OwnersColumn, row_number},
    told::Told,
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
/// What it gives a row can be what one other row has, or tell that there is one: MAX, LAG and FIRST_VALUE do, a running
/// number does of the row that moves the others up, and a count of few rows, or of one more than is known. So each column
/// that it reads is an extreme, however the result is used, and a condition, since it chooses: what it is taken of,
/// ordered and parted by, and what says which rows there are. What it is taken of and ordered by is also used as the
/// result is.
pub(super) fn uses(of: &Windowed, made: &BTreeSet<Use>) -> Vec<(String, BTreeSet<Use>)> {
    let single = BTreeSet::from([Use::Filter, Use::Extreme]);
    let passed_on: BTreeSet<Use> = single.union(made).copied().collect();
    let given = of.of.iter().map(|of| &of.column).chain(of.order());
    let given = given.map(|column| (column.clone(), passed_on.clone()));
    let rows = of.rows.iter().flat_map(|rows| &rows.read);
    let chosen = of.parts().chain(rows).map(|column| (column.clone(), single.clone()));
    given.chain(chosen).collect()
}

/// The columns by which the rows of each window follow that ORDER BY leaves open. They order rows as those of ORDER BY do,
/// and are used so. `uses` are those of the whole query, by the tables' own columns, of which `tables` has computed ones,
/// too. Rows that are equal in all of these are the same to the query; the number that a stage gives each row has them
/// follow in one and the same order in all windows.
pub(super) fn ties(
    computed: &[Computed],
    tables: &[Table],
    uses: &mut Uses,
    comparisons: &mut Comparisons,
) -> Vec<Vec<String>> {
    let mut all = Vec::with_capacity(computed.len());
    for one in computed {
        let mut ties = Vec::new();
        if let Some(table) = named(tables, &one.table)
            && let Made::Windowed(of) = &one.of
            && of.needs_ties()
            && !is_settled(of, table)
        {
            let own = uses.entry(one.table.clone()).or_default();
            let compared = comparisons.entry(one.table.clone()).or_default();
            for column in columns(table) {
                let Some(uses) = own.get_mut(&column.name) else { continue };
                if of.places().all(|place| *place != column.name) {
                    uses.extend([Use::Filter, Use::Extreme]);
                    compared.entry(column.name.clone()).or_default().otherwise = true;
                    ties.push(column.name.clone());
                }
            }
            ties.push(row_number(table));
        }
        all.push(ties);
    }
    all
}

/// Whether no two rows stand at one place, as was declared. It is declared of each dataset by itself.
fn is_settled(of: &Windowed, table: &Table) -> bool {
    let is_unique = |name: &String| {
        columns(table).iter().any(|column| column.name == *name && column.unique && !column.nullable)
    };
    table.datasets.len() == 1 && of.places().any(is_unique)
}

fn named<'t>(tables: &'t [Table], name: &str) -> Option<&'t Table> {
    tables.iter().find(|table| table.name == name)
}

fn columns(table: &Table) -> &[Column] {
    table.datasets.first().map_or(&[], |source| source.schema.columns.as_slice())
}

/// The conditions of the rows that have a part in a window function's values: those that it runs over, and of these those
/// with a value, of which it may tell how many there are.
fn sets(of: &Windowed, columns: &[Column]) -> BTreeSet<String> {
    let rows = of.rows.as_ref().map_or("TRUE", |rows| rows.condition.as_str());
    let mut sets = BTreeSet::from([rows.to_owned()]);
    let is_nullable = |name: &String| columns.iter().any(|column| column.name == *name && column.nullable);
    if let Some(of) = of.of.as_ref().filter(|taken| of.function.adds_up() && is_nullable(&taken.column)) {
        sets.insert(format!("({rows}) AND {} IS NOT NULL", identifier(&of.column)));
    }
    sets
}

/// What is computed of a table, which `tables` has with it, given by which columns ties are broken.
pub(super) fn of_table(
    table: &str,
    computed: &[Computed],
    tables: &[Table],
    ties: &[Vec<String>],
) -> Vec<OwnersColumn> {
    let columns = named(tables, table).map_or(&[][..], columns);
    let mut all: Vec<OwnersColumn> = Vec::new();
    for (one, ties) in computed.iter().zip(ties).filter(|(one, _)| one.table == table) {
        let mut read = one.own();
        let (mut across, mut told) = (BTreeSet::new(), BTreeSet::new());
        let (sql, mut carries) = match &one.of {
            Made::Home(of) => (of.sql(None), false),
            Made::Rows(of) => (of.sql(), false),
            Made::Windowed(of) => {
                read.extend(of.rows.as_ref().map(Rows::name));
                across = sets(of, columns);
                told.insert(Told::of(of, ties));
                (of.sql_over(columns, ties), !of.function.is_count())
            }
            Made::Arithmetic(of) => (of.sql(columns), false),
        };
        let made = |name: &String| all.iter().find(|column| column.name == *name);
        let mut layer = usize::from(!matches!(one.of, Made::Home(_)));
        for before in read.iter().filter_map(made) {
            across.extend(before.across.iter().cloned());
            told.extend(before.told.iter().cloned());
            layer = layer.max(before.layer + 1);
        }
        let mut of = BTreeSet::new();
        for name in one.own() {
            match made(&name) {
                Some(before) => {
                    of.extend(before.of.iter().cloned());
                    carries |= before.carries && matches!(one.of, Made::Arithmetic(_));
                }
                None => drop(of.insert(name)),
            }
        }
        all.push(OwnersColumn { name: one.name(), sql, of, layer, across, carries, told });
    }
    all
}
