//! Window functions over the rows of several owners, and what is aggregated of the rows after them:
//! `SELECT AVG(gap) FROM (SELECT amount - LAG(amount) OVER (PARTITION BY account ORDER BY day) AS gap FROM payments) AS s`.
//! No row is seen by another owner, nor where it stands among the others'.
//!
//! 1. Each owner shares its rows, filled up with rows without meaning to as many as were published: the columns that windows
//!    and conditions on them read, a bit for each condition that it decides at home and for each group, and what is
//!    aggregated of a row by itself.
//! 2. All owners' rows are sorted by partition, order and what breaks ties; rows over which a window does not run come last.
//!    Neighbours that differ in the partition say where its parts begin ([`segments`]), and each function is computed along
//!    the order ([`functions`]). What comes out is moved back to the rows as they were shared, so that windows of different
//!    orders stand beside each other, and are of each other.
//! 3. Conditions of WHERE on that are decided on shares ([`crate::held`]), and with those that were decided at home they say
//!    which rows count: [`crate::masked`] aggregates these, by groups that owners know of each row and by groups of what
//!    windows give ([`groups`]).
//!
//! *Ties*: rows that are equal in all that the query reads stay in the order in which they were shared, in each window the
//! same one.
//!
//! *Floor*: of the rows that come out as in every query. A window tells of the rows that it runs over however few of them
//! come out, by a count of all; so nothing is shown unless those that do not are none or as many as the floor
//! ([`crate::reread`]); and where aggregates or groups read what it gives, of each part of which rows come out ([`parts`]).
//! What windows give may have no value on a few rows, of which an aggregate beside a count of all would tell: it is withheld
//! unless in the group these are none or as many as the floor; so are groups with few rows whose frame is cut off. What is
//! about more sets of rows than these is left to the owners' `overlaps_max` ([`Windows::is_partial`]).
//!
//! *Cost*, of n rows: for each order one sort of n rows by all of its keys and one arrangement for each column that is read
//! in it; for each partition and order one comparison of neighbours in each column and one or two sorts by a bit; for each
//! function up to four arrangements of n rows and a product, of MIN and MAX log2 n comparisons one after another; for each
//! condition one comparison; and what [`crate::masked`] costs.

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    aggregation::Call,
    behind::Behind,
    domain,
    dominance::Parts,
    groups::{Groups, Sided},
    held::{Columns, Held, narrower},
    keyed,
    lower::Combined,
    masked::Layout,
    reread, secret,
    sql::{Aggregate, ON_SHARES, Relation, Windows, identifier},
    stage::{self, Partial},
    threshold_tables::stacked,
    union,
};
use functions::Rows;

mod functions;
mod groups;
mod parts;
mod segments;

/// As what numbers are refused that have no room.
const WIDE: Construct = Construct::RowWindowWide;

/// What each owner shares, column by column.
struct Shares<'a> {
    relation: &'a Relation,
    table: &'a Table,
    windows: &'a Windows,
    /// Of single rows, without windows.
    layout: Layout<'a>,
    /// The names of the columns that say of a row over which windows it is.
    rows: Vec<String>,
    /// The conditions on single rows beside those on windows.
    conditions: Vec<&'a String>,
}

/// Declares stages and inputs, and combines partial results over the rows that come out. Beside them a bit for each group,
/// without which nothing of it may be shown.
pub(crate) fn combine(
    builder: &mut Builder,
    (relation, table): (&Relation, &Table),
    windows: &Windows,
    groups: &Groups,
    partials: &[Partial],
    floor_rows: u64,
) -> Result<(Combined, Option<ValueId>), Refused> {
    stage::check_alone(partials)?;
    let sided = groups.sided(0);
    let is_shared = |partial: &&Partial| partial.argument().is_some_and(|of| windows.reads(of));
    let at_home: Vec<Partial> = partials.iter().filter(|partial| !is_shared(partial)).cloned().collect();
    let mut conditions = Vec::new();
    windows.tests.tests.iter().for_each(|test| test.at_home(&mut conditions));
    let shares = Shares {
        relation,
        table,
        windows,
        layout: Layout { partials: &at_home, groups: &sided },
        rows: windows.rows().into_iter().flatten().collect(),
        conditions,
    };
    let stages = keyed::stages(builder, relation, table, |rows| shares.sql(rows))?;
    let inputs = shares.inputs(builder, &stages)?;
    let mut columns = stacked(builder, inputs)?.into_iter();
    let mut rows = shares.read(builder, &mut columns)?;
    rows.compute(builder)?;
    let weight = rows.columns.counting(builder, rows.own);
    let weight = weight.map_err(|refused| narrower(refused, WIDE, "WHERE"))?;
    let mut own: Vec<ValueId> = columns.collect();
    let mut of_partials = own.split_off(own.len().saturating_sub(at_home.len())).into_iter();
    for partial in partials {
        let column = match partial.argument().filter(|of| windows.reads(of)) {
            Some(of) => {
                let column = rows.columns.partial(builder, partial, of);
                Some(column.map_err(|refused| narrower(refused, WIDE, &of.shown))?)
            }
            None => of_partials.next(),
        };
        own.extend(column);
    }
    let layout = Layout { partials, groups: &sided };
    let mut weighted = layout.weighted(builder, own, weight, rows.columns.count)?;
    let mut by_group = Sided { conditions: Vec::new(), of: sided.of.clone(), null: None };
    if groups.has_side(ON_SHARES) {
        weighted.weights = rows.by_group(builder, groups, &weighted.weights, &sided.of)?;
        by_group.of = (0..groups.keys.len()).collect();
    }
    let totals = Layout { partials, groups: &by_group }.totals(builder, &weighted)?;
    let floor_rows = floor_rows.max(table.floor_rows());
    let mut behind = Behind::default();
    let mut demanded = None;
    let number = groups.keys.len();
    if floor_rows > 1 {
        let missing = || Construct::RowWindowOwners.refuse(&Partial::Rows.name());
        let counted = *totals.get(&Partial::Rows.name()).ok_or_else(missing)?;
        let mut bits = Vec::new();
        for member in rows.members.values() {
            let under = builder.to_integer(*member)?;
            let under = builder.sum(under)?;
            bits.push(reread::none_or_enough(builder, under, counted, number, floor_rows)?);
        }
        if let Some(bit) = rows.rest_of_parts(builder, &weighted.weights, floor_rows)? {
            // At most `GROUPS_MAX`.
            bits.push(builder.repeat(bit, number as u32)?);
        }
        for cut in rows.cut_off(builder, &weighted.weights)? {
            let cut = Layout { partials, groups: &by_group }.by_group(builder, &cut)?;
            // Of a frame that nearly all rows cut off, the last ones tell the first ones' values.
            let rest = builder.subtract(counted, cut)?;
            for rows in [cut, rest] {
                bits.push(reread::is_none_or_enough(builder, rows, number, floor_rows)?);
            }
        }
        demanded = union::tree(builder, bits, Builder::and)?;
        let shared = partials.iter().filter(is_shared);
        behind.add_rests(builder, shared, &totals, (number, floor_rows))?;
    }
    let zero = builder.constant(vec![0; number])?;
    let one = builder.constant(vec![1; number])?;
    Ok((Combined { partials: totals, zero, one, behind, parts: Parts::default() }, demanded))
}

impl Windows {
    /// Whether a query may tell about few rows by itself: of one set of rows beside those that come out it is asked on shares
    /// how far they are apart; of several, sums and differences of these sets could still be about few. So could what is told
    /// of parts otherwise than by how many of their rows are not shown.
    pub(crate) fn is_partial(&self, aggregates: &[Aggregate]) -> bool {
        let mut parts: Vec<(&str, bool)> = Vec::new();
        for argument in aggregates.iter().flat_map(|one| one.argument.iter().chain(&one.second)) {
            let part = (argument.presence.as_str(), self.reads(argument));
            if argument.nullable && !parts.contains(&part) {
                parts.push(part);
            }
        }
        let framed = self.told.iter().filter(|told| told.framed.is_some()).count();
        let of_windows = framed > 0 || parts.iter().any(|(_, reads)| *reads);
        of_windows && parts.len() + framed > 1 || self.across.len() > 1 || self.is_loose
    }
}

impl Shares<'_> {
    /// Name and SQL over a row of each column before those of groups and partial results.
    fn columns(&self) -> Vec<(String, String)> {
        let bit = |condition: &str| format!("CASE WHEN {condition} THEN 1 ELSE 0 END");
        let mut columns = vec![("row".to_owned(), "1".to_owned())];
        columns.extend(self.relation.filter.iter().map(|filter| ("condition".to_owned(), bit(filter))));
        let rows = self.rows.iter().enumerate();
        columns.extend(rows.map(|(place, name)| (format!("window {}", place + 1), bit(&identifier(name)))));
        let conditions = self.conditions.iter().enumerate();
        columns.extend(
            conditions.map(|(place, condition)| (format!("condition {}", place + 1), bit(condition))),
        );
        for (place, column) in self.windows.shared().into_iter().enumerate() {
            let parts = secret::key(column).into_iter().enumerate();
            let name = |part: usize| format!("column {}, part {}", place + 1, part + 1);
            columns.extend(parts.map(|(part, sql)| (name(part), sql)));
        }
        columns
    }

    fn sql(&self, rows: u32) -> String {
        let mut columns = self.columns();
        columns.extend(self.layout.keys());
        let names: Vec<(String, u8)> = columns.iter().map(|(name, _)| (name.clone(), 0)).collect();
        let parts = self.layout.calls().into_iter().map(|(name, call)| (name, of_row(&call)));
        let columns = columns.into_iter().chain(parts);
        let columns: Vec<String> =
            columns.map(|(name, sql)| format!("{sql} AS {}", identifier(&name))).collect();
        let inner = format!(
            "    SELECT\n      {}\n    FROM {}",
            columns.join(",\n      "),
            self.relation.name(self.table)
        );
        keyed::padded(rows, &names, &self.layout.shared(), &inner, &[])
    }

    fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns = Vec::new();
        for (source, stage) in self.table.datasets.iter().zip(stages) {
            let bit = |name: String| (name, 1);
            let mut named = vec![bit("whether it is a row".to_owned())];
            named.extend(
                self.relation.filter.iter().map(|_| bit("whether its own condition holds".to_owned())),
            );
            named
                .extend((1..=self.rows.len()).map(|place| bit(format!("whether window {place} is over it"))));
            named.extend(
                (1..=self.conditions.len()).map(|place| bit(format!("whether condition {place} holds"))),
            );
            for (place, column) in self.windows.shared().into_iter().enumerate() {
                let name = stage::short(format!("{} of each row", column.name), place);
                let parts = secret::widths(column)?.into_iter().enumerate();
                named.extend(parts.map(|(part, width)| (format!("{name}, part {}", part + 1), width)));
            }
            named.extend(self.layout.named(1));
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    /// The columns on shares, from the first on.
    fn read<'w>(
        &'w self,
        builder: &mut Builder,
        columns: &mut impl Iterator<Item = ValueId>,
    ) -> Result<Rows<'w>, Refused> {
        let count = self.table.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        let zero = builder.constant(vec![0])?;
        let zeros = builder.repeat(zero, count)?;
        let mut next = || columns.next().ok_or_else(|| Refused::NoDataset(self.table.name.clone()));
        let bit = |builder: &mut Builder, column: ValueId| builder.less_than(zeros, column);
        let row = bit(builder, next()?)?;
        let own = if self.relation.filter.is_some() { bit(builder, next()?)? } else { row };
        let mut members = BTreeMap::new();
        for name in &self.rows {
            members.insert(Some(name.clone()), bit(builder, next()?)?);
        }
        if self.windows.rows().contains(&None) {
            members.insert(None, row);
        }
        let mut conditions = BTreeMap::new();
        for condition in &self.conditions {
            conditions.insert(condition.as_str(), bit(builder, next()?)?);
        }
        let mut held = BTreeMap::new();
        for column in self.windows.shared() {
            let widths = secret::widths(column)?.len();
            let missing = if column.nullable { Some(bit(builder, next()?)?) } else { None };
            let integers = (missing.iter().len()..widths).map(|_| next()).collect::<Result<_, _>>()?;
            let scale = domain::scale(column.kind);
            held.insert(column.name.clone(), Held { integers, missing, count: None, scale });
        }
        let columns = Columns {
            known: &self.windows.known,
            tests: &self.windows.tests,
            count,
            zeros,
            conditions,
            held,
            refused: Construct::RowWindowOwners,
        };
        Ok(Rows { windows: self.windows, columns, own, members, orders: Vec::new() })
    }
}

/// What an aggregate takes of one row, as SQL.
fn of_row(Call { function, of, .. }: &Call) -> String {
    match of {
        None => "1".to_owned(),
        Some(of) if *function == "COUNT" => format!("CASE WHEN ({of}) IS NOT NULL THEN 1 ELSE 0 END"),
        Some(of) => of.clone(),
    }
}
