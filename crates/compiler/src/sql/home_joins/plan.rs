//! Which of a query's tables are joined at home, and the query with one table in their place.

use std::{cell::Cell, collections::BTreeSet, ops::ControlFlow};

use contract::Schema;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, OrderByKind, Query, Select, SelectItem,
    SetExpr, TableAlias, TableFactor, TableWithJoins, VisitMut,
};

use super::{
    HomeJoin, Link, matches, named,
    rows::{Put, reads_otherwise, rows, written},
};
use crate::{
    Refused, Table,
    sql::{
        columns::Columns,
        computed::is_aggregate,
        condition::{conjuncts, equal_columns},
        from::{self, Named},
        home,
        join::check_types,
        names::normalised,
        scope::{Found, Scope},
        stack,
        unfold::and,
        units,
        usage::Origin,
    },
};

/// Which of a query's tables are joined at home.
pub(super) struct Plan<'t> {
    tables: &'t [Table],
    relations: Vec<(Named, &'t Table)>,
    /// Of those that LEFT JOIN joins its condition.
    optional: Vec<Option<Expr>>,
    /// The conditions of ON and WHERE that all rows satisfy.
    conditions: Vec<Expr>,
    /// By which of them a relation is looked up, and of which other one.
    looked_up: Vec<Option<By>>,
}

#[derive(Clone)]
struct By {
    relation: usize,
    column: String,
    key: String,
    /// Whether rows stay that meet none of its rows.
    is_optional: bool,
}

/// A column of one relation, by the relation's place.
pub(super) type Place = (usize, String);

fn place(found: &Found) -> Place {
    (found.side, found.column.name.clone())
}

impl By {
    fn of(of: &Found, key: &Found, is_optional: bool) -> Self {
        let (column, key) = (of.column.name.clone(), key.column.name.clone());
        Self { relation: of.side, column, key, is_optional }
    }
}

impl<'t> Plan<'t> {
    /// Nothing if none are.
    pub(super) fn of(query: &Query, tables: &'t [Table]) -> Option<Self> {
        let SetExpr::Select(select) = query.body.as_ref() else { return None };
        if reads_otherwise(query, select) {
            return None;
        }
        let From { relations: named, optional, conditions } = From::read(select)?;
        let table = |named: &Named| tables.iter().find(|table| table.name == named.table);
        let relations: Vec<(Named, &Table)> = named
            .into_iter()
            .map(|named| table(&named).map(|table| (named, table)))
            .collect::<Option<_>>()?;
        let distinct: BTreeSet<&String> = relations.iter().map(|(named, _)| &named.name).collect();
        // Names of joined columns have a point between table and column.
        if distinct.len() < relations.len() || distinct.iter().any(|name| name.contains('.')) {
            return None;
        }
        let looked_up = vec![None; relations.len()];
        let mut plan = Self { tables, relations, optional, conditions, looked_up };
        plan.look_up()?;
        Some(plan)
    }

    fn schemas(&self) -> Option<Vec<(String, &'t Schema)>> {
        let schema =
            |(named, table): &(Named, &'t Table)| Some((named.name.clone(), &table.datasets.first()?.schema));
        self.relations.iter().map(schema).collect()
    }

    /// Finds what can be looked up; nothing if that is nothing, or leaves columns of what is joined to be compared.
    fn look_up(&mut self) -> Option<()> {
        let scope = Scope::new(self.schemas()?, [false, false]);
        let equal: Vec<[Found; 2]> =
            self.conditions.iter().filter_map(|one| equal_columns(one, &scope)).collect();
        for (relation, on) in self.optional.clone().iter().enumerate() {
            let Some(on) = on else { continue };
            let [of, key] = equal_columns(on, &scope)?;
            let is_own = key.side == relation && self.can_be_looked_up(&of, &key);
            *self.looked_up.get_mut(relation)? = Some(is_own.then(|| By::of(&of, &key, true))?);
        }
        for (of, key) in ways(&equal) {
            if self.looked_up.get(key.side)?.is_none() && self.can_be_looked_up(of, key) {
                *self.looked_up.get_mut(key.side)? = Some(By::of(of, key, false));
            }
        }
        let mut kept: BTreeSet<[Place; 2]> = BTreeSet::new();
        let mut conditions = Vec::with_capacity(self.conditions.len());
        for condition in &self.conditions {
            let Some(pair) = equal_columns(condition, &scope) else {
                conditions.push(condition.clone());
                continue;
            };
            let mut pair = pair.map(|found| self.stands_for(place(&found)));
            pair.sort();
            let [x, y] = &pair;
            if x == y || kept.contains(&pair) {
                continue;
            }
            if self.root(x.0) == self.root(y.0) {
                return None;
            }
            let columns = [x, y].map(|(relation, name)| {
                self.relations.get(*relation).map(|(named, _)| Box::new(column(&named.name, name)))
            });
            let [Some(left), Some(right)] = columns else { return None };
            conditions.push(Expr::BinaryOp { left, op: BinaryOperator::Eq, right });
            kept.insert(pair);
        }
        self.conditions = conditions;
        self.looked_up.iter().any(Option::is_some).then_some(())
    }

    /// The column that a key is looked up by, which it equals; of all others they themselves.
    fn stands_for(&self, place: Place) -> Place {
        let mut place = place;
        while let Some(Some(by)) = self.looked_up.get(place.0)
            && by.key == place.1
            && !by.is_optional
        {
            place = (by.relation, by.column.clone());
        }
        place
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
            && own.path() != other.path()
            && other.floor_rows <= 1
            && key.column.unique
            && check_types(&of.column, &key.column).is_ok()
            && units::check_same([&of.column, &key.column]).is_ok()
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
    pub(super) fn replace(&self, query: &mut Query) -> Result<Option<Vec<HomeJoin>>, Refused> {
        let Some(mut joins) = self.joins() else { return Ok(None) };
        let written = written(query);
        for (root, join) in &mut joins {
            join.matched = self.matched(query, *root);
        }
        let SetExpr::Select(select) = query.body.as_mut() else { return Ok(None) };
        let Some(from) = self.from(&joins)? else { return Ok(None) };
        let found = self.looked_up.iter().enumerate();
        let found = found.filter(|(_, by)| by.as_ref().is_some_and(|by| !by.is_optional));
        let found = found.filter_map(|(relation, _)| self.found(relation));
        let selection = found.chain(self.conditions.iter().cloned()).map(Some).fold(None, and);
        let mut put = Put { of: rows(select), put: (from, selection) };
        let _: ControlFlow<()> = VisitMut::visit(&mut select.having, &mut put);
        (select.from, select.selection) = put.put;
        let order_by = query.order_by.as_mut().map(|order_by| &mut order_by.kind);
        let Some(read) = self.renamed(select, order_by) else { return Ok(None) };
        for link in joins.iter_mut().flat_map(|(_, join)| &mut join.links) {
            let own = read.iter().filter(|(called, _)| *called == link.called);
            link.columns.extend(own.map(|(_, name)| name.clone()));
        }
        let is_ambiguous = joins.iter().any(|(_, join)| self.is_ambiguous(join, &written));
        Ok((!is_ambiguous).then(|| joins.into_iter().map(|(_, join)| join).collect()))
    }

    /// FROM, of the tables that are left.
    fn from(&self, joins: &[(usize, HomeJoin)]) -> Result<Option<Vec<TableWithJoins>>, Refused> {
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
        Ok(Some(tables))
    }

    fn is_looked_up(&self, relation: usize) -> bool {
        self.looked_up.get(relation).is_some_and(Option::is_some)
    }

    /// What is joined, by the relation whose rows it has.
    fn joins(&self) -> Option<Vec<(usize, HomeJoin)>> {
        let mut joins: Vec<(usize, HomeJoin)> = Vec::new();
        for (root, (_, table)) in
            self.relations.iter().enumerate().filter(|(root, _)| !self.is_looked_up(*root))
        {
            // Each after the one by whose column it is looked up.
            let mut reached = vec![root];
            let mut links = Vec::new();
            let mut next = 0;
            while let Some(of) = reached.get(next).copied() {
                next += 1;
                for (relation, by) in self.looked_up.iter().enumerate() {
                    let Some(by) = by.as_ref().filter(|by| by.relation == of) else { continue };
                    let ((link, of_link), (owner, _)) =
                        (self.relations.get(relation)?, self.relations.get(of)?);
                    reached.push(relation);
                    links.push(Link {
                        table: of_link.name.clone(),
                        called: link.name.clone(),
                        by: if of == root { by.column.clone() } else { named(&owner.name, &by.column) },
                        key: by.key.clone(),
                        is_optional: by.is_optional,
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
                let mut made = format!("{} with {}", table.name, others.join(", "));
                let is_table = |name: &str| self.tables.iter().any(|table| table.name == name);
                while is_table(&made) || joins.iter().any(|(_, join)| join.made == made) {
                    made.push('\'');
                }
                let (table, matched) = (table.name.clone(), BTreeSet::new());
                joins.push((root, HomeJoin { made, table, links, shared: self.shared(), matched }));
            }
        }
        Some(joins)
    }

    /// The names of columns that several relations have.
    fn shared(&self) -> BTreeSet<String> {
        let schemas = self.schemas().unwrap_or_default();
        let all = schemas.iter().flat_map(|(_, schema)| &schema.columns).map(|column| &column.name);
        all.filter(|name| having(&schemas, None, name).count() > 1).cloned().collect()
    }

    /// Whether a column of the made table would be called as another one, or as one that the query reads: what it reads of
    /// them it must not name itself, since that a row was found is no column that terms know.
    fn is_ambiguous(&self, join: &HomeJoin, written: &BTreeSet<String>) -> bool {
        let made = join.links.iter().flat_map(|link| {
            let columns = link.columns.iter().map(|column| link.named(column));
            columns.chain([link.found()])
        });
        let mut known: BTreeSet<String> = self
            .relations
            .iter()
            .flat_map(|(_, table)| table.datasets.iter().flat_map(|source| &source.schema.columns))
            .map(|column| column.name.clone())
            .chain(written.iter().cloned())
            .collect();
        made.into_iter().any(|name| !known.insert(name))
    }

    /// Columns of several tables of one join that the query compares for equality, of tables' own.
    fn matched(&self, query: &Query, root: usize) -> BTreeSet<Origin> {
        let Some(schemas) = self.schemas() else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        for columns in matches::of(query, &schemas) {
            let own = columns.into_iter().filter(|(relation, _)| self.root(*relation) == root);
            let own: BTreeSet<Place> = own.collect();
            let relations: BTreeSet<usize> = own.iter().map(|(relation, _)| *relation).collect();
            if relations.len() > 1 {
                let of = |(relation, name): Place| Some((self.relations.get(relation)?.1.name.clone(), name));
                found.extend(own.into_iter().filter_map(of));
            }
        }
        found
    }

    /// The column that says whether rows meet one of a relation's.
    fn found(&self, relation: usize) -> Option<Expr> {
        let (root, _) = self.relations.get(self.root(relation))?;
        let (named, _) = self.relations.get(relation)?;
        Some(column(&root.name, &format!("{} found", named.name)))
    }

    /// Puts the made tables' columns in the place of those that are looked up; which ones these are. Nothing if a name
    /// could be one of several tables'.
    fn renamed(
        &self,
        select: &mut Select,
        order_by: Option<&mut OrderByKind>,
    ) -> Option<BTreeSet<(String, String)>> {
        let schemas = self.schemas()?;
        let mut read = BTreeSet::new();
        let mut is_unclear = false;
        // Of ORDER BY the names that the query itself gives its result's columns come first.
        let given: BTreeSet<String> = select.projection.iter().filter_map(given_name).collect();
        let is_order = Cell::new(false);
        let mut of = |qualifier: Option<&Ident>, name: &Ident, _: &[Vec<String>]| {
            if qualifier.is_none() && is_order.get() && given.contains(&normalised(name)) {
                return None;
            }
            let name = normalised(name);
            let mut having = having(&schemas, qualifier, &name);
            let relation = having.next()?;
            is_unclear |= having.next().is_some();
            let (of, _) = self.relations.get(relation).filter(|_| self.is_looked_up(relation))?;
            let (root, _) = self.relations.get(self.root(relation))?;
            read.insert((of.name.clone(), name.clone()));
            Some(column(&root.name, &named(&of.name, &name)))
        };
        let mut columns = Columns { within: Vec::new(), of: &mut of };
        let names: Vec<Option<String>> = select.projection.iter().map(item_name).collect();
        for (item, name) in select.projection.iter_mut().zip(&names) {
            let before = item.clone();
            let _: ControlFlow<()> = item.visit(&mut columns);
            // Two of one name keep those that tell them apart; what a call is called follows from its columns.
            let name = match (&before, name) {
                (_, Some(name)) if names.iter().flatten().filter(|other| *other == name).count() > 1 => None,
                (_, Some(name)) => Some(name.clone()),
                (SelectItem::UnnamedExpr(expr @ Expr::Function(call)), None)
                    if is_aggregate(call) || home::call(expr).is_some() =>
                {
                    None
                }
                (before, None) => Some(before.to_string()),
            };
            if let (SelectItem::UnnamedExpr(expr), Some(name), true) = (&*item, name, before != *item) {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) };
            }
        }
        let _: ControlFlow<()> = VisitMut::visit(&mut select.selection, &mut columns);
        let _: ControlFlow<()> = VisitMut::visit(&mut select.group_by, &mut columns);
        let _: ControlFlow<()> = VisitMut::visit(&mut select.having, &mut columns);
        is_order.set(true);
        if let Some(OrderByKind::Expressions(terms)) = order_by {
            let is_own = |expr: &Expr| matches!(expr, Expr::Identifier(name) if names.contains(&Some(normalised(name))));
            for term in terms.iter_mut().filter(|term| !is_own(&term.expr)) {
                let _: ControlFlow<()> = VisitMut::visit(&mut term.expr, &mut columns);
            }
        }
        (!is_unclear).then_some(read)
    }
}

fn column(table: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier([table, name].map(|name| Ident::with_quote('"', name)).to_vec())
}

/// The relations that have a column of that name, by place.
pub(super) fn having<'s>(
    schemas: &'s [(String, &Schema)],
    qualifier: Option<&Ident>,
    name: &'s str,
) -> impl Iterator<Item = usize> + use<'s> {
    let wanted = qualifier.map(normalised);
    let has = move |(called, schema): &(String, &Schema)| {
        wanted.as_ref().is_none_or(|wanted| wanted == called) && schema.column(name).is_some()
    };
    schemas.iter().enumerate().filter(move |(_, one)| has(one)).map(|(relation, _)| relation)
}

/// The alias of an item.
fn given_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(normalised(alias)),
        _ => None,
    }
}

/// What a result's column is called that is one of a table, or has an alias.
fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(normalised(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(normalised),
        item => given_name(item),
    }
}

/// Columns that must be equal, what is looked up by what: first where the query says so of the two, then where it follows.
/// Of two that could each be looked up by the other the later one comes first.
fn ways(equal: &[[Found; 2]]) -> Vec<(&Found, &Found)> {
    let mut ways: Vec<(&Found, &Found)> = equal.iter().flat_map(|[x, y]| [(x, y), (y, x)]).collect();
    let all: Vec<&Found> = equal.iter().flatten().collect();
    let mut same: Vec<usize> = (0..all.len()).collect();
    for (n, one) in all.iter().enumerate() {
        for (m, other) in all.iter().enumerate() {
            if n / 2 == m / 2 || place(one) == place(other) {
                let (from, to) = (same.get(m).copied(), same.get(n).copied());
                same.iter_mut().filter(|of| Some(**of) == from).for_each(|of| *of = to.unwrap_or(*of));
            }
        }
    }
    for (of, one) in all.iter().zip(&same) {
        for (key, other) in all.iter().zip(&same).filter(|(key, _)| key.side != of.side) {
            if one == other {
                ways.push((of, key));
            }
        }
    }
    ways
}

/// FROM and WHERE, of inner and left joins.
struct From {
    relations: Vec<Named>,
    /// Of those that LEFT JOIN joins its condition.
    optional: Vec<Option<Expr>>,
    /// All other conditions.
    conditions: Vec<Expr>,
}

impl From {
    fn read(select: &Select) -> Option<Self> {
        let mut from = Self { relations: Vec::new(), optional: Vec::new(), conditions: Vec::new() };
        for TableWithJoins { relation, joins } in &select.from {
            from.enter(relation, None)?;
            for join in joins {
                match &join.join_operator {
                    _ if join.global => return None,
                    JoinOperator::Join(JoinConstraint::None) | JoinOperator::Inner(JoinConstraint::None) => {
                        from.enter(&join.relation, None)?;
                    }
                    JoinOperator::Join(JoinConstraint::On(on))
                    | JoinOperator::Inner(JoinConstraint::On(on)) => {
                        from.enter(&join.relation, None)?;
                        from.conditions.extend(conjuncts(on).into_iter().cloned());
                    }
                    JoinOperator::Left(JoinConstraint::On(on))
                    | JoinOperator::LeftOuter(JoinConstraint::On(on)) => {
                        from.enter(&join.relation, Some(on.clone()))?;
                    }
                    _ => return None,
                }
            }
        }
        from.conditions.extend(select.selection.iter().flat_map(conjuncts).cloned());
        Some(from)
    }

    fn enter(&mut self, relation: &TableFactor, optional: Option<Expr>) -> Option<()> {
        self.relations.push(from::named(relation).ok()?);
        self.optional.push(optional);
        Some(())
    }
}
