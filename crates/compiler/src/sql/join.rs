//! A join as the lowering needs it: its keys, and what each owner decides at home.

use std::collections::BTreeSet;

use contract::{Column, ColumnType};
use datafusion::sql::sqlparser::ast::Expr;

use super::{
    argument::identifier,
    compared::{self, RowComparison},
    condition::{Split, Term},
    from::{From, JoinKind},
    scope::Scope,
    told::Told,
    tree::Size,
};
use crate::{Construct, Refused, Table, home_joined::HomeJoined, stacked::Stacked};

/// A table of FROM.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// Index of the table.
    pub(crate) table: usize,
    /// How conditions qualify columns, as SQL text, if not by the table's name.
    pub(crate) alias: Option<String>,
    /// For people: the alias, or else the table's name.
    pub(crate) called: String,
    /// Which rows take part, as SQL.
    pub(crate) filter: Option<String>,
    /// Columns that its owners compute beside the table's own.
    pub(crate) computed: Vec<OwnersColumn>,
    /// Of what the table is made, if it is several one below the other.
    pub(crate) stacked: Option<Stacked>,
    /// Of what it is made, if its owner joins several.
    pub(crate) home: Option<HomeJoined>,
}

/// A column that a table's owners compute of its own.
#[derive(Clone, Debug)]
pub(crate) struct OwnersColumn {
    pub(crate) name: String,
    /// Over a row, or of a window function over all rows.
    pub(crate) sql: String,
    /// The table's columns that it is computed of.
    pub(crate) of: BTreeSet<String>,
    /// It reads columns of lower layers alone.
    pub(crate) layer: usize,
    /// If it is computed across rows, the conditions, as SQL, that say which rows have a part in it.
    pub(crate) across: BTreeSet<String>,
    /// Whether values of other rows are in it, and not only how many of them there are, or where it stands among them.
    pub(crate) carries: bool,
    /// The windows that it is computed by.
    pub(crate) told: BTreeSet<Told>,
}

impl Relation {
    /// `table AS alias`, as SQL, with what is computed of its columns, layer by layer. Where that is across rows these are
    /// numbered first, as they stand.
    pub(crate) fn name(&self, table: &Table) -> String {
        let name = identifier(&table.name);
        let alias = self.alias.as_deref().unwrap_or(&name);
        let mut from = match &self.alias {
            Some(alias) if self.computed.is_empty() => format!("{name} AS {alias}"),
            _ => name.clone(),
        };
        if let Some(number) = self.number(table) {
            let number = identifier(&number);
            from = format!("(SELECT *, ROW_NUMBER() OVER () AS {number} FROM {from}) AS {alias}");
        }
        let layers: BTreeSet<usize> = self.computed.iter().map(|column| column.layer).collect();
        for layer in layers {
            let columns = self.computed.iter().filter(|column| column.layer == layer);
            let columns = columns.map(|column| format!(", {} AS {}", column.sql, identifier(&column.name)));
            let columns: String = columns.collect();
            from = format!("(SELECT *{columns} FROM {from}) AS {alias}");
        }
        from
    }

    /// The column that numbers the rows, if one does: computing may leave them in another order.
    pub(crate) fn number(&self, table: &Table) -> Option<String> {
        self.computed.iter().any(|column| !column.across.is_empty()).then(|| row_number(table))
    }
}

/// What the column that numbers a table's rows is called: as none of its own.
pub(super) fn row_number(table: &Table) -> String {
    let schemas = table.datasets.iter().map(|source| &source.schema);
    let mut name = "row".to_owned();
    while schemas.clone().any(|schema| schema.column(&name).is_some()) {
        name.push('_');
    }
    name
}

/// How two relations are joined.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    /// Columns whose equality makes a pair, of the first and of the second relation; at least one.
    pub(crate) keys: Vec<[Column; 2]>,
    /// Which rows of the first relation may have a partner at all, as SQL; not for [`JoinKind::Inner`].
    pub(crate) matchable: Option<String>,
    /// Which pairs count: those for which one of the terms, which exclude each other, holds.
    pub(crate) terms: Vec<Term>,
    /// What else must hold of a row's columns and its partner's; a row then has one partner at most.
    pub(crate) compared: Option<RowComparison>,
    /// Of either relation the key column that is relied on to have each value once; its owner looks at home.
    pub(crate) once: [Option<String>; 2],
}

/// The tables of FROM, before anything is known of conditions.
pub(super) fn relations(from: &From, tables: &[usize]) -> Vec<Relation> {
    let relation = |(named, table): (&super::from::Named, &usize)| Relation {
        table: *table,
        alias: named.alias.clone(),
        called: named.name.clone(),
        filter: None,
        computed: Vec::new(),
        stacked: None,
        home: None,
    };
    from.relations.iter().zip(tables).map(relation).collect()
}

/// Splits ON and WHERE into what concerns each relation and what both.
pub(super) fn read(
    from: &From,
    tables: &[usize],
    filter: &[Expr],
    scope: &Scope<'_>,
    sizes: &[Size],
) -> Result<(Vec<Relation>, Option<Join>), Refused> {
    let mut relations = relations(from, tables);
    let Some((kind, on)) = &from.join else {
        if let [only] = relations.as_mut_slice() {
            only.filter = all(&filter.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        return Ok((relations, None));
    };
    let of_pairs = match kind {
        JoinKind::Inner => filter,
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti | JoinKind::Full => &[],
    };
    let (written, on) = compared::take(on.iter().chain(of_pairs), scope);
    let (split, matchable) = match kind {
        JoinKind::Inner => (Split::of(&on, scope)?, None),
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti => kept(&on, filter, scope)?,
        JoinKind::Full => (keys_alone(&on, filter, scope)?, None),
    };
    if let (JoinKind::Full, Some(other)) = (kind, written.first()) {
        return Err(other.refuse(Construct::FullCondition));
    }
    for (relation, own) in relations.iter_mut().zip(&split.own) {
        relation.filter = all(own);
    }
    let [first, second] = relations.as_slice() else { return Ok((relations, None)) };
    if split.keys.is_empty() {
        written.iter().try_for_each(|one| one.check_types(scope))?;
        return Err(Refused::NoJoinKey { first: first.called.clone(), second: second.called.clone() });
    }
    let mut keys = Vec::with_capacity(split.keys.len());
    for [x, y] in &split.keys {
        check_types(&x.column, &y.column)?;
        keys.push([x.column.clone(), y.column.clone()]);
    }
    let (compared, once) = compared::read(&written, &keys, scope, sizes)?.unzip();
    let join = Join { kind: *kind, keys, matchable, terms: split.terms()?, compared, once: [None, once] };
    Ok((relations, Some(join)))
}

/// ON, or the subquery's WHERE, decides which pairs there are, WHERE which of the first table's rows count.
fn kept(on: &[Expr], filter: &[Expr], scope: &Scope<'_>) -> Result<(Split, Option<String>), Refused> {
    let mut split = Split::of(on, scope)?;
    let kept = Split::of(filter, scope)?;
    let [of_first, of_second] = &kept.own;
    if split.is_mixed() || kept.is_mixed() || !kept.keys.is_empty() || !of_second.is_empty() {
        let found = filter.iter().chain(on).map(ToString::to_string).collect::<Vec<_>>().join(" AND ");
        return Err(Construct::OuterCondition.refuse(&found));
    }
    let matchable = all(&split.own[0]);
    split.own[0].clone_from(of_first);
    Ok((split, matchable))
}

/// Of FULL JOIN every row of either table is kept: a condition on either would be one on what is NULL.
fn keys_alone(on: &[Expr], filter: &[Expr], scope: &Scope<'_>) -> Result<Split, Refused> {
    let split = Split::of(on, scope)?;
    if let Some(found) = split.own.iter().flatten().next() {
        return Err(Construct::FullCondition.refuse(found));
    }
    match filter.first().or_else(|| on.first().filter(|_| split.is_mixed())) {
        Some(found) => Err(Construct::FullCondition.refuse(found)),
        None => Ok(split),
    }
}

pub(super) fn all(conditions: &[String]) -> Option<String> {
    match conditions {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(several.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" AND ")),
    }
}

pub(super) fn check_types(x: &Column, y: &Column) -> Result<(), Refused> {
    use ColumnType::{Date, Integer, Text, Timestamp};
    match (x.kind, y.kind) {
        (Integer, Integer) | (Date, Date) | (Timestamp, Timestamp) | (Text, Text) => Ok(()),
        _ => Err(Refused::JoinKeyTypes {
            first: x.name.clone(),
            first_type: type_name(x.kind).to_owned(),
            second: y.name.clone(),
            second_type: type_name(y.kind).to_owned(),
        }),
    }
}

pub(super) fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Boolean => "a boolean",
        ColumnType::Integer => "an integer",
        ColumnType::Decimal { .. } => "a decimal",
        ColumnType::Float { .. } => "a float",
        ColumnType::Text => "text",
        ColumnType::Date => "a date",
        ColumnType::Timestamp => "a timestamp",
    }
}
