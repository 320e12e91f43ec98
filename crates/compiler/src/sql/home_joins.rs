//! Tables of one owner that a query joins, joined at that owner's: nothing of it has to be hidden from anybody, so that it
//! costs nothing on shares. In the statement one table stands for them afterwards, which has the rows of the one whose
//! rows meet one row of each of the others at most, and its columns beside theirs; so that everything that holds of tables
//! holds of it. What is asked of it is then traced back to the columns of those that it is made of. The owner's stage joins
//! them first ([`crate::home_joined`]).
//!
//! | joined at home are tables | because |
//! | --- | --- |
//! | of one dataset each, of one owner | nobody else has rows of them |
//! | by one equality, of a column that is declared `unique` | rows stay those of one table, however they are counted |
//! | of which the one that is looked up has no floor of its own | of its rows nobody counts how many are behind a group |
//! | by JOIN or in FROM, in a query without subqueries and windows over rows | these are about rows before they are joined |
//!
//! All others are joined on shares, as those of different owners are.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use contract::{Column, ColumnType, Schema, policy::Compared, terms::Use};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, OrderByKind, Query, Select, SelectItem, SetExpr, Statement,
    TableAlias, TableWithJoins, Visit, VisitMut, Visitor,
};

use super::{
    columns::Columns,
    condition::{conjuncts, equal_columns},
    from::{self, Named},
    join::check_types,
    names::normalised,
    scope::{Found, Scope},
    stack,
    unfold::and,
    usage::{Comparisons, Origin, Uses},
    windowed,
};
use crate::{
    Refused, Source, Table,
    home_joined::{HomeJoined, LookedUp},
};

/// Tables that are joined at home.
#[derive(Clone, Debug)]
pub(super) struct HomeJoin {
    /// What the table is called that stands for them.
    pub(super) made: String,
    /// The table whose rows it has.
    table: String,
    /// Each is looked up by a column of the table, or of one before it.
    links: Vec<Link>,
}

/// A table of which each row of another meets one row at most.
#[derive(Clone, Debug)]
struct Link {
    table: String,
    /// In the query.
    called: String,
    /// The made table's column that its key must equal.
    by: String,
    key: String,
    /// Those of its columns that the query reads, and its key.
    columns: BTreeSet<String>,
}

impl Link {
    /// What one of its columns is called in the made table.
    fn named(&self, column: &str) -> String {
        named(&self.called, column)
    }

    /// The column that says whether a row of the made table has met a row of it.
    fn found(&self) -> String {
        format!("{} found", self.called)
    }
}

fn named(called: &str, column: &str) -> String {
    format!("{called}.{column}")
}

/// Puts one table in the place of those that are joined at home. Without tables nothing is known of their owners.
pub(super) fn take(statement: &mut Statement, tables: &[Table]) -> Result<Vec<HomeJoin>, Refused> {
    let Statement::Query(query) = statement else { return Ok(Vec::new()) };
    let Some(plan) = Plan::of(query, tables) else { return Ok(Vec::new()) };
    let mut joined = query.as_ref().clone();
    match plan.replace(&mut joined)? {
        Some(joins) => {
            **query = joined;
            Ok(joins)
        }
        None => Ok(Vec::new()),
    }
}

/// Which of a query's tables are joined at home.
struct Plan<'t> {
    relations: Vec<(Named, &'t Table)>,
    /// The conditions of ON and WHERE.
    conditions: Vec<Expr>,
    /// By which of them a relation is looked up, and of which other one.
    looked_up: Vec<Option<By>>,
}

#[derive(Clone)]
struct By {
    relation: usize,
    column: String,
    key: String,
    condition: usize,
}

impl<'t> Plan<'t> {
    /// Nothing if none are.
    fn of(query: &Query, tables: &'t [Table]) -> Option<Self> {
        let SetExpr::Select(select) = query.body.as_ref() else { return None };
        if reads_otherwise(query) {
            return None;
        }
        let (named, conditions) = inner_joins(select)?;
        let table = |named: &Named| tables.iter().find(|table| table.name == named.table);
        let relations: Vec<(Named, &Table)> =
            named.into_iter().map(|named| table(&named).map(|table| (named, table))).collect::<Option<_>>()?;
        let distinct: BTreeSet<&String> = relations.iter().map(|(named, _)| &named.name).collect();
        if distinct.len() < relations.len() {
            return None;
        }
        let looked_up = vec![None; relations.len()];
        let mut plan = Self { relations, conditions, looked_up };
        plan.look_up()?;
        Some(plan)
    }

    fn schemas(&self) -> Option<Vec<(String, &'t Schema)>> {
        let schema = |(named, table): &(Named, &'t Table)| {
            Some((named.name.clone(), &table.datasets.first()?.schema))
        };
        self.relations.iter().map(schema).collect()
    }

    /// Finds what can be looked up; nothing if that is nothing, or leaves two columns of what is joined to be compared.
    fn look_up(&mut self) -> Option<()> {
        let scope = Scope::new(self.schemas()?, [false, false]);
        let equal = self.conditions.iter().enumerate();
        let equal: Vec<(usize, [Found; 2])> =
            equal.filter_map(|(place, one)| Some((place, equal_columns(one, &scope)?))).collect();
        let sides = |[x, y]: &[Found; 2]| [x.side, y.side];
        for (place, pair) in &equal {
            if equal.iter().filter(|(_, other)| sides(other) == sides(pair)).count() > 1 {
                continue;
            }
            let [x, y] = pair;
            // Of two that could each be looked up by the other the later one is.
            for (of, key) in [(x, y), (y, x)] {
                if self.looked_up.get(key.side)?.is_none() && self.can_be_looked_up(of, key) {
                    let by = By {
                        relation: of.side,
                        column: of.column.name.clone(),
                        key: key.column.name.clone(),
                        condition: *place,
                    };
                    *self.looked_up.get_mut(key.side)? = Some(by);
                    break;
                }
            }
        }
        let taken: BTreeSet<usize> = self.looked_up.iter().flatten().map(|by| by.condition).collect();
        let is_left = |(place, pair): &(usize, [Found; 2])| {
            let [x, y] = sides(pair);
            !taken.contains(place) && self.root(x) == self.root(y)
        };
        (!taken.is_empty() && !equal.iter().any(is_left)).then_some(())
    }

    fn can_be_looked_up(&self, of: &Found, key: &Found) -> bool {
        let source = |found: &Found| {
            let (_, table) = self.relations.get(found.side)?;
            match table.datasets.as_slice() {
                [only] => Some(only),
                _ => None,
            }
        };
        let (Some(own), Some(other)) = (source(of), source(key)) else { return false };
        own.owner == other.owner
            && path(own) != path(other)
            && other.floor_rows <= 1
            && key.column.unique
            && check_types(&of.column, &key.column).is_ok()
            && self.root(of.side) != key.side
    }

    /// The relation whose rows a relation's become.
    fn root(&self, relation: usize) -> usize {
        let mut root = relation;
        while let Some(Some(by)) = self.looked_up.get(root) {
            root = by.relation;
        }
        root
    }

    /// Puts them into the query; nothing if a name would stand for something else.
    fn replace(&self, query: &mut Query) -> Result<Option<Vec<HomeJoin>>, Refused> {
        let SetExpr::Select(select) = query.body.as_mut() else { return Ok(None) };
        let taken: BTreeSet<usize> = self.looked_up.iter().flatten().map(|by| by.condition).collect();
        let left = self.conditions.iter().enumerate().filter(|(place, _)| !taken.contains(place));
        let found = (0..self.relations.len()).filter(|relation| self.is_looked_up(*relation));
        let found = found.filter_map(|relation| self.found(relation));
        select.selection = found.chain(left.map(|(_, one)| one.clone())).map(Some).fold(None, and);
        let Some(mut joins) = self.joins() else { return Ok(None) };
        let Some(read) = self.renamed(select, query.order_by.as_mut().map(|order_by| &mut order_by.kind)) else {
            return Ok(None);
        };
        for link in joins.iter_mut().flat_map(|(_, join)| &mut join.links) {
            link.columns.extend(read.iter().filter(|(called, _)| *called == link.called).map(|(_, name)| name.clone()));
        }
        if joins.iter().any(|(_, join)| self.is_ambiguous(join)) {
            return Ok(None);
        }
        let mut tables = Vec::new();
        for (relation, (named, _)) in self.relations.iter().enumerate() {
            if self.is_looked_up(relation) {
                continue;
            }
            let join = joins.iter().find(|(root, _)| *root == relation);
            let table = join.map_or(named.table.as_str(), |(_, join)| join.made.as_str());
            let name = Ident::with_quote('"', named.name.clone());
            let alias = TableAlias { explicit: true, name, columns: Vec::new(), at: None };
            let alias = (table != named.name).then_some(alias);
            let Some(relation) = stack::table_factor(table, alias.as_ref())? else { return Ok(None) };
            tables.push(TableWithJoins { relation, joins: Vec::new() });
        }
        select.from = tables;
        Ok(Some(joins.into_iter().map(|(_, join)| join).collect()))
    }

    fn is_looked_up(&self, relation: usize) -> bool {
        self.looked_up.get(relation).is_some_and(Option::is_some)
    }

    /// What is joined, by the relation whose rows it has.
    fn joins(&self) -> Option<Vec<(usize, HomeJoin)>> {
        let mut joins = Vec::new();
        for (root, (_, table)) in self.relations.iter().enumerate().filter(|(root, _)| !self.is_looked_up(*root)) {
            // Each after the one by whose column it is looked up.
            let mut reached = vec![root];
            let mut links = Vec::new();
            let mut next = 0;
            while let Some(of) = reached.get(next).copied() {
                next += 1;
                for (relation, by) in self.looked_up.iter().enumerate() {
                    let Some(by) = by.as_ref().filter(|by| by.relation == of) else { continue };
                    let ((link, of_link), (owner, _)) = (self.relations.get(relation)?, self.relations.get(of)?);
                    reached.push(relation);
                    links.push(Link {
                        table: of_link.name.clone(),
                        called: link.name.clone(),
                        by: if of == root { by.column.clone() } else { named(&owner.name, &by.column) },
                        key: by.key.clone(),
                        columns: BTreeSet::from([by.key.clone()]),
                    });
                }
            }
            // What another one is looked up by is read.
            for at in 0..links.len() {
                let by = links.get(at)?.by.clone();
                for link in &mut links {
                    let own = by.strip_prefix(&named(&link.called, ""));
                    link.columns.extend(own.map(str::to_owned));
                }
            }
            if !links.is_empty() {
                let others: Vec<&str> = links.iter().map(|link| link.called.as_str()).collect();
                let made = format!("{} with {}", table.name, others.join(", "));
                joins.push((root, HomeJoin { made, table: table.name.clone(), links }));
            }
        }
        Some(joins)
    }

    /// Whether a column of the made table would be called as another one.
    fn is_ambiguous(&self, join: &HomeJoin) -> bool {
        let made = join.links.iter().flat_map(|link| {
            let columns = link.columns.iter().map(|column| link.named(column));
            columns.chain([link.found()])
        });
        let mut known: BTreeSet<String> = self
            .relations
            .iter()
            .flat_map(|(_, table)| table.datasets.iter().flat_map(|source| &source.schema.columns))
            .map(|column| column.name.clone())
            .collect();
        made.into_iter().any(|name| !known.insert(name))
    }

    /// The column that says whether rows meet one of a relation's.
    fn found(&self, relation: usize) -> Option<Expr> {
        let (root, _) = self.relations.get(self.root(relation))?;
        let (named, _) = self.relations.get(relation)?;
        Some(column(&root.name, &format!("{} found", named.name)))
    }

    /// Puts the made tables' columns in the place of those that are looked up; which ones these are. Nothing if a name
    /// could be one of several tables'.
    fn renamed(&self, select: &mut Select, order_by: Option<&mut OrderByKind>) -> Option<BTreeSet<(String, String)>> {
        let schemas = self.schemas()?;
        let mut read = BTreeSet::new();
        let mut is_unclear = false;
        let mut of = |qualifier: Option<&Ident>, name: &Ident, _: &[Vec<String>]| {
            let (wanted, name) = (qualifier.map(normalised), normalised(name));
            let has = |(called, schema): &(String, &Schema)| {
                wanted.as_ref().is_none_or(|wanted| wanted == called) && schema.column(&name).is_some()
            };
            let mut having = schemas.iter().enumerate().filter(|(_, one)| has(one)).map(|(relation, _)| relation);
            let relation = having.next()?;
            is_unclear |= having.next().is_some();
            let (of, _) = self.relations.get(relation).filter(|_| self.is_looked_up(relation))?;
            let (root, _) = self.relations.get(self.root(relation))?;
            read.insert((of.name.clone(), name.clone()));
            Some(column(&root.name, &named(&of.name, &name)))
        };
        let mut columns = Columns { within: Vec::new(), of: &mut of };
        let mut names = BTreeSet::new();
        for item in &mut select.projection {
            let before = item.clone();
            let _: ControlFlow<()> = item.visit(&mut columns);
            if let (SelectItem::UnnamedExpr(expr), SelectItem::UnnamedExpr(made)) = (&before, &*item)
                && let (Some(name), true) = (column_name(expr), before != *item)
            {
                let alias = Ident::with_quote('"', name);
                *item = SelectItem::ExprWithAlias { expr: made.clone(), alias };
            }
            names.extend(match &*item {
                SelectItem::ExprWithAlias { alias, .. } => Some(normalised(alias)),
                SelectItem::UnnamedExpr(expr) => column_name(expr),
                _ => None,
            });
        }
        let _: ControlFlow<()> = select.selection.visit(&mut columns);
        let _: ControlFlow<()> = select.group_by.visit(&mut columns);
        let _: ControlFlow<()> = select.having.visit(&mut columns);
        if let Some(OrderByKind::Expressions(terms)) = order_by {
            // The result's own columns come first.
            let is_own = |expr: &Expr| {
                matches!(expr, Expr::Identifier(name) if names.contains(&normalised(name)))
            };
            for term in terms.iter_mut().filter(|term| !is_own(&term.expr)) {
                let _: ControlFlow<()> = term.expr.visit(&mut columns);
            }
        }
        (!is_unclear).then_some(read)
    }
}

fn column(table: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier([table, name].map(|name| Ident::with_quote('"', name)).to_vec())
}

fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(normalised(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(normalised),
        _ => None,
    }
}

/// A dataset without its version: rows of two versions are mostly the same.
fn path(source: &Source) -> &str {
    source.reference.rsplit_once('@').map_or(source.reference.as_str(), |(path, _)| path)
}

/// Whether something in a query is about its tables' rows before these are joined: subqueries, windows over rows.
fn reads_otherwise(query: &Query) -> bool {
    struct Finds {
        queries: usize,
    }
    impl Visitor for Finds {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.queries += 1;
            if self.queries > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if windowed::mark(expr).is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    query.visit(&mut Finds { queries: 0 }).is_break()
}

/// The tables of FROM, if all pairs of their rows count that satisfy the conditions, and these.
fn inner_joins(select: &Select) -> Option<(Vec<Named>, Vec<Expr>)> {
    let mut relations = Vec::new();
    let mut all: Vec<Expr> = Vec::new();
    for TableWithJoins { relation, joins } in &select.from {
        relations.push(from::named(relation).ok()?);
        for join in joins {
            let (JoinOperator::Join(constraint) | JoinOperator::Inner(constraint)) = &join.join_operator else {
                return None;
            };
            match constraint {
                JoinConstraint::On(on) if !join.global => all.extend(conjuncts(on).into_iter().cloned()),
                JoinConstraint::None if !join.global => {}
                _ => return None,
            }
            relations.push(from::named(&join.relation).ok()?);
        }
    }
    all.extend(select.selection.iter().flat_map(conjuncts).cloned());
    Some((relations, all))
}

impl HomeJoin {
    /// The tables that it is made of.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.table.as_str()).chain(self.links.iter().map(|link| link.table.as_str()))
    }

    /// The table that it makes.
    pub(super) fn made_of(&self, tables: &[Table]) -> Result<Table, Refused> {
        let source = |name: &str| {
            let table = tables.iter().find(|table| table.name == name);
            table.and_then(|table| table.datasets.first()).ok_or_else(|| super::unknown(name, tables))
        };
        let mut made = source(&self.table)?.clone();
        for link in &self.links {
            made.schema.columns.push(Column::new(link.found(), ColumnType::Boolean));
            let of = source(&link.table)?;
            for column in of.schema.columns.iter().filter(|column| link.columns.contains(&column.name)) {
                let name = link.named(&column.name);
                made.schema.columns.push(Column { name, unique: false, ..column.clone() });
            }
        }
        Ok(Table { name: self.made.clone(), datasets: vec![made] })
    }

    /// What its owner joins first.
    pub(super) fn joined(&self, tables: &[Table]) -> Result<HomeJoined, Refused> {
        let reference = |name: &str| {
            let table = tables.iter().find(|table| table.name == name);
            let source = table.and_then(|table| table.datasets.first());
            source.map(|source| source.reference.clone()).ok_or_else(|| super::unknown(name, tables))
        };
        let looked_up = |link: &Link| {
            Ok(LookedUp {
                table: link.table.clone(),
                dataset: reference(&link.table)?,
                called: link.called.clone(),
                by: link.by.clone(),
                key: link.key.clone(),
                found: link.found(),
                columns: link.columns.iter().map(|name| (name.clone(), link.named(name))).collect(),
            })
        };
        Ok(HomeJoined {
            table: self.table.clone(),
            dataset: reference(&self.table)?,
            looked_up: self.links.iter().map(looked_up).collect::<Result<_, Refused>>()?,
        })
    }

    /// Columns of the made table that are equal on all rows that count.
    pub(super) fn equal(&self) -> impl Iterator<Item = BTreeSet<Origin>> {
        let of = |name: String| (self.made.clone(), name);
        self.links.iter().map(move |link| BTreeSet::from([of(link.by.clone()), of(link.named(&link.key))]))
    }

    /// Uses of the made table's columns as uses of those that they are, and those that joining makes.
    pub(super) fn traced(&self, uses: &mut Uses, comparisons: &mut Comparisons) {
        let used = uses.remove(&self.made).unwrap_or_default();
        let compared = comparisons.remove(&self.made).unwrap_or_default();
        for (name, made) in used {
            if let Some((table, column)) = self.origin(&name) {
                uses.entry(table).or_default().entry(column).or_default().extend(made);
            }
        }
        for (name, Compared { constants, otherwise }) in compared {
            if let Some((table, column)) = self.origin(&name) {
                let known = comparisons.entry(table).or_default().entry(column).or_default();
                known.constants.extend(constants);
                known.otherwise |= otherwise;
            }
        }
        for link in &self.links {
            let keys = [self.origin(&link.by), Some((link.table.clone(), link.key.clone()))];
            for (table, column) in keys.into_iter().flatten() {
                uses.entry(table).or_default().entry(column).or_default().insert(Use::Join);
            }
        }
    }

    /// The column of a table that one of the made table's is; none for whether a row was found.
    fn origin(&self, name: &str) -> Option<Origin> {
        let of_link = |link: &Link| {
            let column = name.strip_prefix(&named(&link.called, "")).filter(|own| link.columns.contains(*own))?;
            Some((link.table.clone(), column.to_owned()))
        };
        if let Some(origin) = self.links.iter().find_map(of_link) {
            return Some(origin);
        }
        let is_found = self.links.iter().any(|link| link.found() == name);
        (!is_found).then(|| (self.table.clone(), name.to_owned()))
    }
}
