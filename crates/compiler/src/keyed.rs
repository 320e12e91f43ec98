//! What an owner computes at home when its table is joined: for each join key among its rows the partial results over
//! the rows with that key, by group and term, and rows without meaning up to as many as the dataset has.
//!
//! The number of rows that a stage yields is the dataset's published one, whatever the conditions leave and however
//! often keys repeat. Which of them mean something says a mark, shared like every other column.
//!
//! A text key becomes two integers of 60 bits, the head of its SHA-256 hash: 2^-80 bounds the chance that any two of
//! 2^20 texts collide. Hashes are shared, never opened: nobody sees one to try texts against it.

use std::collections::BTreeMap;

use contract::{Column, ColumnType};
use program::{Builder, Kind, Operation, ValueId};

use crate::{
    Refused, Source, Table,
    aggregation::{Aggregation, Call},
    domain,
    groups::Sided,
    local,
    number::bits,
    sql::{Join, JoinKind, Relation, Shared, Term, identifier},
    stage::{self, Partial},
};

/// One relation's part of a join, as its owners share it.
pub(crate) struct Keyed {
    /// Of each row the keys' integers and, last, its mark.
    pub(crate) keys: Vec<ValueId>,
    /// What is compared with the other relation's.
    pub(crate) compared: Vec<ValueId>,
    /// Partial results, by [`Layout::column`].
    pub(crate) columns: Vec<ValueId>,
    /// How many rows each owner shares.
    pub(crate) rows: Vec<u32>,
}

/// In which order a stage yields partial results: for each partial, term and group one.
pub(crate) struct Layout {
    pub(crate) partials: Vec<Partial>,
    pub(crate) terms: usize,
    pub(crate) groups: usize,
    /// See [`crate::products::are_apart`].
    pub(crate) are_apart: bool,
}

impl Layout {
    /// How many columns.
    pub(crate) fn len(&self) -> usize {
        self.partials.len() * self.terms * self.groups
    }

    /// Where the groups' columns of a partial result begin, for one term.
    pub(crate) fn first(&self, partial: &Partial, term: usize) -> Option<usize> {
        let name = partial.name();
        let place = self.partials.iter().position(|known| known.name() == name)?;
        Some((place * self.terms + term) * self.groups)
    }

    /// Which columns are looked up together.
    pub(crate) fn together(&self) -> Vec<Vec<usize>> {
        let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for place in 0..self.len() {
            let degree = self.partial(place).filter(|_| self.are_apart).map_or(0, Partial::degree);
            classes.entry(degree).or_default().push(place);
        }
        classes.into_values().collect()
    }

    pub(crate) fn partial(&self, column: usize) -> Option<&Partial> {
        self.partials.get(column / (self.terms * self.groups).max(1))
    }
}

/// The mark of a row that may have a partner.
const MATCHABLE: u8 = 1;
/// The mark of a row of the first relation that cannot have one: a key is NULL, or ON excludes it, or it is padding.
const ALONE: u8 = 2;
/// That of such a row of the second relation, of FULL JOIN; no row of the first has it.
const ALONE_OF_SECOND: u8 = 3;
/// The mark of padding of the second relation; it differs from every mark of the first.
pub(crate) const PADDING: u8 = 0;

/// One relation of a join.
pub(crate) struct Part<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) table: &'a Table,
    pub(crate) join: &'a Join,
    /// 0 or 1.
    pub(crate) side: usize,
    pub(crate) groups: &'a Sided,
    pub(crate) layout: Layout,
}

impl Part<'_> {
    /// Declares the stages; all stages come before the first input.
    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        stages(builder, self.relation, self.table, |rows| self.sql(rows))
    }

    /// Declares the inputs: by owner, then column.
    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut shared = Vec::with_capacity(stages.len());
        for (source, stage) in self.table.datasets.iter().zip(stages) {
            let name = |what: String| format!("{}: {what} of {}", source.reference, self.relation.called);
            let mut values = Vec::new();
            let mut column = 0;
            let mut input = |builder: &mut Builder, what: String, bits: u32| {
                values.push(builder.input(name(what), *stage, column, Kind::Integer, bits as u8)?);
                column += 1;
                Ok::<(), Refused>(())
            };
            for (number, width) in self.key_widths()?.into_iter().enumerate() {
                input(builder, format!("key {}", number + 1), width)?;
            }
            input(builder, "mark".to_owned(), 2)?;
            for (number, value) in self.compared().iter().enumerate() {
                input(
                    builder,
                    format!("compared {}, {}", number + 1, stage::cut(&value.column)),
                    value.bits,
                )?;
            }
            for place in 0..self.layout.len() {
                let Some(partial) = self.layout.partial(place) else { continue };
                let what = format!("part {}, {}", place + 1, stage::cut(&partial.name()));
                input(builder, what, partial.bits(self.rows_by_key(source)))?;
            }
            shared.push(values);
        }
        Ok(shared)
    }

    /// The columns of all owners one below the other.
    pub(crate) fn stacked(&self, builder: &mut Builder, shared: &[Vec<ValueId>]) -> Result<Keyed, Refused> {
        let mut columns = Vec::new();
        for place in 0..shared.first().map_or(0, Vec::len) {
            let parts: Vec<ValueId> = shared.iter().filter_map(|values| values.get(place)).copied().collect();
            columns.push(match parts.as_slice() {
                [only] => *only,
                _ => builder.concat(parts)?,
            });
        }
        let keys = columns.len() - self.layout.len().min(columns.len());
        let partials = columns.split_off(keys);
        let compared = columns.split_off(keys.saturating_sub(self.compared().len()));
        let rows = self.table.datasets.iter().map(|source| rows(source.rows)).collect();
        Ok(Keyed { keys: columns, compared, columns: partials, rows })
    }

    /// What is compared of this relation.
    pub(crate) fn compared(&self) -> &[Shared] {
        self.join.compared.as_ref().map_or(&[], |compared| compared.of(self.side))
    }

    /// Its key column that is relied on to have each value once.
    fn once(&self) -> Option<&str> {
        self.join.once.get(self.side).and_then(Option::as_deref)
    }

    /// Whether rows that cannot have a partner are shared, too.
    fn is_kept(&self) -> bool {
        match self.join.kind {
            JoinKind::Full => true,
            JoinKind::Left | JoinKind::Anti => self.side == 0,
            JoinKind::Inner | JoinKind::Semi => false,
        }
    }

    /// How many rows an owner has at most that become one.
    fn rows_by_key(&self, source: &Source) -> u64 {
        // Those that cannot have a partner are one together.
        if self.once().is_some() && !self.is_kept() { 1 } else { source.rows }
    }

    fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.join.keys.iter().filter_map(|pair| pair.get(self.side))
    }

    /// How wide each integer of the key is; the wider side's width, so that both sides agree.
    fn key_widths(&self) -> Result<Vec<u32>, Refused> {
        let mut widths = Vec::new();
        for pair in &self.join.keys {
            widths.extend(limb_widths(pair)?);
        }
        Ok(widths)
    }

    /// The local stage's SQL.
    fn sql(&self, rows: u32) -> String {
        let padding = if self.side == 0 { ALONE } else { PADDING };
        let keys = self.key_names().into_iter().map(|name| (name, 0)).chain([("mark".to_owned(), padding)]);
        let keys = keys.chain(self.compared_names().map(|name| (name, 0)));
        let parts = (0..self.layout.len()).filter_map(|place| {
            self.layout.partial(place).map(|partial| partial.shared(&format!("part {}", place + 1)))
        });
        let inner = self.by_key(&self.key_expressions());
        let once = self.once().map(|column| local::once(&self.table.name, column));
        let checks: Vec<String> = once.into_iter().collect();
        padded(rows, &keys.collect::<Vec<_>>(), &parts.collect::<Vec<_>>(), &inner, &checks)
    }

    fn compared_names(&self) -> impl Iterator<Item = String> {
        (1..=self.compared().len()).map(|number| format!("compared {number}"))
    }

    fn key_names(&self) -> Vec<String> {
        (1..=self.key_expressions().len()).map(|number| format!("key {number}")).collect()
    }

    /// The rows that take part, aggregated by key.
    fn by_key(&self, expressions: &[String]) -> String {
        let matchable = self.matchable();
        let kept = self.is_kept();
        let alone = if self.side == 0 { ALONE } else { ALONE_OF_SECOND };
        let mut keys = Vec::new();
        let or_none = |sql: &String| match kept {
            true => format!("CASE WHEN {matchable} THEN {sql} ELSE 0 END"),
            false => sql.clone(),
        };
        keys.extend(self.key_names().into_iter().zip(expressions.iter().map(or_none)));
        let mark = match kept {
            true => format!("CASE WHEN {matchable} THEN {MATCHABLE} ELSE {alone} END"),
            false => MATCHABLE.to_string(),
        };
        keys.push(("mark".to_owned(), mark));
        keys.extend(self.compared_names().zip(self.compared().iter().map(|value| or_none(&value.sql))));
        let mut calls = Vec::new();
        for place in 0..self.layout.len() {
            let Some(partial) = self.layout.partial(place) else { continue };
            let condition = self.condition(place);
            calls.push((format!("part {}", place + 1), partial.aggregate(condition.as_deref())));
        }
        let filter = self.relation.filter.as_ref().map(|filter| format!("({filter})"));
        let filters = filter.into_iter().chain((!kept).then_some(matchable)).collect();
        Aggregation { from: self.relation.name(self.table), filters, keys, calls }.sql()
    }

    /// Whether a row may have a partner; NULL for no, too.
    fn matchable(&self) -> String {
        let mut all: Vec<String> =
            self.key_columns().map(|key| format!("{} IS NOT NULL", identifier(&key.name))).collect();
        if let Some(condition) = self.join.matchable.as_ref().filter(|_| self.side == 0) {
            all.push(format!("({condition})"));
        }
        // What is NULL compares with nothing.
        all.extend(self.join.compared.iter().flat_map(|compared| compared.present(self.side)));
        format!("({})", all.join(" AND "))
    }

    /// Whether a column counts all rows of a key.
    pub(crate) fn is_every_row(&self, place: usize) -> bool {
        matches!(self.layout.partial(place), Some(Partial::Rows)) && self.condition(place).is_none()
    }

    /// Which rows a partial result covers, for its term and group.
    fn condition(&self, place: usize) -> Option<String> {
        let term = place / self.layout.groups.max(1) % self.layout.terms.max(1);
        let group = place % self.layout.groups.max(1);
        let term: Option<&Term> = self.join.terms.get(term);
        let of_term = term.and_then(|term| term.get(self.side)?.clone());
        let of_group = self.groups.conditions.get(group).cloned().flatten();
        match (of_term, of_group) {
            (Some(term), Some(group)) => Some(format!("({term}) AND ({group})")),
            (one, other) => one.or(other),
        }
    }

    fn key_expressions(&self) -> Vec<String> {
        self.key_columns().flat_map(limbs).collect()
    }
}

/// A key column's integers, as SQL.
pub(crate) fn limbs(column: &Column) -> Vec<String> {
    let name = identifier(&column.name);
    match column.kind {
        ColumnType::Text => (0..2).map(|limb| format!("{}({name}, {limb})", local::TEXT_KEY)).collect(),
        ColumnType::Date => vec![format!("CAST(CAST({name} AS INT) AS BIGINT)")],
        ColumnType::Timestamp => vec![format!("CAST({name} AS BIGINT)")],
        ColumnType::Boolean => vec![format!("CAST({name} AS BIGINT)")],
        _ => vec![name],
    }
}

/// How wide these integers are, of columns that are compared: the widest one's widths.
pub(crate) fn limb_widths<'c>(columns: impl IntoIterator<Item = &'c Column>) -> Result<Vec<u32>, Refused> {
    let mut most: Vec<u32> = Vec::new();
    for column in columns {
        let own = match column.kind {
            ColumnType::Text => vec![60, 60],
            ColumnType::Boolean => vec![1],
            ColumnType::Integer if column.range.is_none() => vec![64],
            _ => vec![bits(domain::range(column)?.magnitude()).max(1)],
        };
        most.resize(own.len(), 1);
        most.iter_mut().zip(own).for_each(|(most, own)| *most = own.max(*most));
    }
    Ok(most)
}

/// Declares a stage of each owner, by the SQL for as many rows as it is filled up to.
pub(crate) fn stages(
    builder: &mut Builder,
    relation: &Relation,
    table: &Table,
    sql: impl Fn(u32) -> String,
) -> Result<Vec<u16>, Refused> {
    let stage = |(number, source): (usize, &Source)| {
        let rows = rows(source.rows);
        relation.stage(builder, table, number, &sql(rows), rows)
    };
    table.datasets.iter().enumerate().map(stage).collect()
}

/// How many rows of each group an owner has by key: what its stage computes, and what it shares of that.
pub(crate) fn counted(groups: &Sided) -> (Vec<(String, Call)>, Vec<String>) {
    let calls = groups.conditions.iter().enumerate().map(|(group, condition)| {
        (format!("part {}", group + 1), Partial::Rows.aggregate(condition.as_deref()))
    });
    let calls: Vec<(String, Call)> = calls.collect();
    let shared = calls.iter().map(|(name, _)| Partial::Rows.shared(name)).collect();
    (calls, shared)
}

/// Declares one owner's inputs, by name and width, each as one more part of its column.
pub(crate) fn declare(
    builder: &mut Builder,
    source: &Source,
    stage: u16,
    named: Vec<(String, u32)>,
    columns: &mut Vec<Vec<ValueId>>,
) -> Result<(), Refused> {
    for (column, (name, bits)) in named.into_iter().enumerate() {
        let name = format!("{}: {name}", source.reference);
        let value = builder.input(name, stage, column as u16, Kind::Integer, bits as u8)?;
        match columns.get_mut(column) {
            Some(parts) => parts.push(value),
            None => columns.push(vec![value]),
        }
    }
    Ok(())
}

/// Rows of `inner` in the order of `keys`, and rows without meaning after them: as many as were published, and not
/// fewer than the owner has, so that more would fail. A row has the keys' columns, each with what stands in rows
/// without meaning, and then those that `shared` makes of the others. `checks` are looked at whatever `inner` yields.
pub(crate) fn padded(
    rows: u32,
    keys: &[(String, u8)],
    shared: &[String],
    inner: &str,
    checks: &[String],
) -> String {
    let names: Vec<String> = keys.iter().map(|(name, _)| identifier(name)).collect();
    let keys =
        names.iter().zip(keys).map(|(name, (_, absent))| format!("COALESCE(a.{name}, {absent}) AS {name}"));
    let shared: Vec<String> = keys.chain(shared.iter().cloned()).collect();
    let order = names.join(", ");
    let checks = if checks.is_empty() { String::new() } else { format!("\nWHERE {}", checks.join(" AND ")) };
    format!(
        "SELECT\n  {}\nFROM generate_series(1, {rows}) AS g(n)\nFULL JOIN (\n  SELECT ROW_NUMBER() OVER (ORDER BY {order}) AS n, k.*\n  FROM (\n{inner}\n  ) AS k\n) AS a ON g.n = CAST(a.n AS BIGINT){checks}\nORDER BY COALESCE(g.n, CAST(a.n AS BIGINT))",
        shared.join(",\n  "),
    )
}

/// Rows of equal keys, as one. Beyond the groups all keys are zero, and so is what is added up: a mark is that of padding,
/// and a count is under every floor.
pub(crate) struct Merged {
    groups: ValueId,
    pub(crate) keys: Vec<ValueId>,
}

impl Merged {
    /// Groups rows by their keys.
    pub(crate) fn by(builder: &mut Builder, keys: Vec<ValueId>) -> Result<Self, Refused> {
        let groups = builder.group(keys.clone()).map_err(Refused::of_keys)?;
        let least = |of| Ok(builder.push(Operation::GroupMinimum { of, groups })?);
        Ok(Self { groups, keys: keys.into_iter().map(least).collect::<Result<_, Refused>>()? })
    }

    /// A column of these rows' partial results, combined.
    pub(crate) fn combined(
        &self,
        builder: &mut Builder,
        of: ValueId,
        partial: Option<&Partial>,
    ) -> Result<ValueId, Refused> {
        let groups = self.groups;
        Ok(match partial {
            Some(Partial::Min(_)) => builder.push(Operation::GroupMinimum { of, groups })?,
            Some(Partial::Max(_)) => builder.push(Operation::GroupMaximum { of, groups })?,
            _ => builder.group_sum(of, groups)?,
        })
    }
}

/// As many rows as were published; one at least, since no column is empty.
pub(crate) fn rows(published: u64) -> u32 {
    u32::try_from(published.max(1)).unwrap_or(u32::MAX)
}
