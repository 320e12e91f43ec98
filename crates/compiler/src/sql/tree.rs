//! Joins of several tables: which columns are equal between which two of them, and what each owner decides at home.
//!
//! Tables and equalities must make a tree: each table is tied to the others. One equality may close a circle, if its
//! columns have a public list of values: it is then asked value by value.

use contract::Column;
use datafusion::sql::sqlparser::ast::Expr;

use super::{
    argument::identifier,
    condition::{conjuncts, equal_columns},
    from::{From, JoinKind},
    group_condition::GroupCondition,
    join::{Relation, all, check_types, relations},
    query::{Key, Query},
    scope::Scope,
};
use crate::{
    Construct, Refused, Table,
    domain::{self, Value},
    groups::literal,
    secret,
};

/// How several relations are joined.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The relation to whose rows everything is brought.
    pub(crate) root: usize,
    pub(crate) edges: Vec<Edge>,
    /// Of groups that are not public, the keys, in the order of GROUP BY: columns of the root, and of relations of which
    /// each of the root's rows meets one row at most.
    pub(crate) secret: Vec<Key>,
    /// The key, by its place, that no two rows of the root have in common, so that each is a group of its own.
    pub(crate) alone: Option<usize>,
    /// Columns that are relied on to have each value once; their owner looks at home.
    pub(crate) once: Vec<Key>,
    pub(crate) circle: Option<Box<Circle>>,
    /// What groups must satisfy that columns of several tables make.
    pub(crate) of_groups: Vec<GroupCondition>,
}

/// An equality beside the tree's, of the root with another relation.
#[derive(Clone, Debug)]
pub(crate) struct Circle {
    /// Relation and column; the root first.
    pub(crate) ends: [(usize, Column); 2],
    /// Their public values.
    pub(crate) values: Vec<Value>,
}

/// Columns of two relations that must be equal.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) sides: [usize; 2],
    /// At least one.
    pub(crate) keys: Vec<[Column; 2]>,
}

impl Tree {
    /// Whether a relation's owner shares one row for each key, so that they need not be grouped. Otherwise each of its
    /// rows is shared: these are grouped anyway, and are less wide.
    pub(crate) fn is_merged(&self, side: usize, datasets: usize) -> bool {
        let edges = self.edges.iter().filter(|edge| edge.sides.contains(&side)).count();
        datasets == 1 && edges == 1 && (self.root != side || self.secret.is_empty())
    }
}

/// Splits ON and WHERE into equalities and conditions on one table each.
pub(super) fn read(
    from: &From,
    tables: &[usize],
    filter: &[Expr],
    scope: &Scope<'_>,
    query: &Query,
    sizes: &[Size],
) -> Result<(Vec<Relation>, Tree), Refused> {
    let mut relations = relations(from, tables);
    let Some((JoinKind::Inner, on)) = &from.join else {
        return Err(Construct::SeveralTables.refuse(&"an outer join, EXISTS or IN beside other tables"));
    };
    let own = vec![Vec::new(); relations.len()];
    let mut split = Split { own, edges: Vec::new(), of_groups: Vec::new() };
    for condition in on.iter().chain(filter).flat_map(conjuncts) {
        split.add(condition, scope, query)?;
    }
    for (relation, own) in relations.iter_mut().zip(&split.own) {
        relation.filter = all(own);
    }
    let circle = split.broken(sizes)?;
    check_tree(&relations, &split.edges)?;
    if let (Some(circle), false) = (&circle, query.has_public_groups) {
        return Err(circle.refuse());
    }
    let degree = |side: usize| split.edges.iter().filter(|edge| edge.sides.contains(&side)).count();
    let most = (0..relations.len()).rev().max_by_key(|side| degree(*side)).unwrap_or_default();
    let holder = match query.has_public_groups {
        true => {
            let root = circle.as_ref().map_or(most, |circle| circle.ends[0].0);
            Holder { root, keys: Vec::new(), once: Vec::new(), uncounted: None }
        }
        false => Holder::of(sizes, &split.edges, &query.keys).ok_or_else(|| {
            let names: Vec<&str> = query.keys.iter().map(|key| key.column.name.as_str()).collect();
            Construct::GroupsAcross.refuse(&names.join(", "))
        })?,
    };
    let Holder { root, keys: secret, mut once, uncounted } = holder;
    if let Some(relation) = uncounted.and_then(|side| relations.get(side)) {
        return Err(Construct::TreeFloor.refuse(&relation.called));
    }
    let is_alone = |key: &Key| key.side == root && is_once(&key.column, root, sizes) && !key.column.nullable;
    let alone = secret.iter().position(is_alone);
    relied(&mut once, alone.and_then(|place| secret.get(place)).cloned());
    let Split { edges, of_groups, .. } = split;
    Ok((relations, Tree { root, edges, secret, alone, once, circle: circle.map(Box::new), of_groups }))
}

/// Enters columns that are relied on, each once.
pub(super) fn relied(once: &mut Vec<Key>, keys: impl IntoIterator<Item = Key>) {
    for key in keys {
        if !once.contains(&key) {
            once.push(key);
        }
    }
}

/// How large a relation's table is, and how many of its rows must be behind a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: u64,
    pub(super) datasets: usize,
    /// How many of its rows its owners want behind each group.
    pub(super) floor_rows: u64,
}

impl Size {
    pub(super) fn of(table: &Table) -> Self {
        Self {
            rows: table.datasets.iter().map(|source| source.rows).fold(0, u64::saturating_add),
            datasets: table.datasets.len(),
            floor_rows: table.floor_rows(),
        }
    }
}

/// Whether a column of that relation has each value once: what is declared of each dataset says nothing of several.
pub(super) fn is_once(column: &Column, side: usize, sizes: &[Size]) -> bool {
    column.unique && sizes.get(side).is_some_and(|size| size.datasets == 1)
}

struct Split {
    own: Vec<Vec<String>>,
    edges: Vec<Edge>,
    of_groups: Vec<GroupCondition>,
}

impl Split {
    fn add(&mut self, condition: &Expr, scope: &Scope<'_>, query: &Query) -> Result<(), Refused> {
        if let Some([x, y]) = equal_columns(condition, scope) {
            check_types(&x.column, &y.column)?;
            let (sides, keys) = ([x.side, y.side], [x.column, y.column]);
            match self.edges.iter_mut().find(|edge| edge.sides == sides) {
                Some(edge) => edge.keys.push(keys),
                None => self.edges.push(Edge { sides, keys: vec![keys] }),
            }
            return Ok(());
        }
        if let Some(unclear) = scope.unclear(condition) {
            return Err(Refused::Unqualified(unclear));
        }
        let sides = scope.sides(condition);
        if sides.count_ones() > 1 {
            let of_groups = GroupCondition::read(condition, &query.keys, scope);
            let of_groups = of_groups.filter(|_| query.has_public_groups);
            self.of_groups.push(of_groups.ok_or_else(|| Construct::TreeCondition.refuse(condition))?);
            return Ok(());
        }
        // Conditions on no table are the first one's.
        let side = if sides == 0 { 0 } else { sides.trailing_zeros() as usize };
        if let Some(own) = self.own.get_mut(side) {
            own.push(condition.to_string());
        }
        Ok(())
    }
}

impl Split {
    /// Takes the equality out that closes a circle, if one does and can be asked value by value. Others are left, to be
    /// refused.
    fn broken(&mut self, sizes: &[Size]) -> Result<Option<Circle>, Refused> {
        let values = |edge: &Edge| match edge.keys.as_slice() {
            [pair] => pair.iter().find_map(|column| domain::values(column).ok()),
            _ => None,
        };
        // Of those that make a circle, one with a public list is left over.
        self.edges.sort_by_key(|edge| values(edge).is_some());
        let most = self.edges.iter().flat_map(|edge| edge.sides).max().unwrap_or_default();
        let mut part: Vec<usize> = (0..=most).collect();
        let closing = self.edges.iter().position(|edge| {
            let [x, y] = edge.sides.map(|side| part.get(side).copied());
            part.iter_mut().filter(|own| Some(**own) == y).for_each(|own| *own = x.unwrap_or(*own));
            x == y
        });
        let Some(place) = closing else { return Ok(None) };
        let Some(values) = self.edges.get(place).and_then(values) else { return Ok(None) };
        let Edge { sides: [x, y], mut keys } = self.edges.remove(place);
        let Some([of_x, of_y]) = keys.pop() else { return Ok(None) };
        // What is met value by value is brought to the smaller table's rows.
        let rows = |side: usize| sizes.get(side).map(|size| size.rows);
        let ends = match rows(x) <= rows(y) {
            true => [(x, of_x), (y, of_y)],
            false => [(y, of_y), (x, of_x)],
        };
        Ok(Some(Circle { ends, values }))
    }
}

impl Circle {
    pub(crate) fn refuse(&self) -> Refused {
        let [(_, x), (_, y)] = &self.ends;
        Construct::CyclicJoin.refuse(&format!("{} = {}", x.name, y.name))
    }

    /// Of a relation at either end, for each value the condition that it has it, as SQL.
    pub(crate) fn conditions(&self, side: usize) -> Vec<String> {
        let Some((_, column)) = self.ends.iter().find(|(end, _)| *end == side) else { return Vec::new() };
        let name = identifier(&column.name);
        self.values.iter().map(|value| format!("{name} = {}", literal(Some(value), column.kind))).collect()
    }
}

/// Every relation is reached from the first, by one way.
fn check_tree(relations: &[Relation], edges: &[Edge]) -> Result<(), Refused> {
    let mut reached = vec![0];
    let mut rest: Vec<&Edge> = edges.iter().collect();
    while let Some(place) = rest.iter().position(|edge| edge.sides.iter().any(|side| reached.contains(side)))
    {
        let Edge { sides: [x, y], keys } = rest.remove(place);
        if reached.contains(x) && reached.contains(y) {
            let names = keys.iter().map(|[x, y]| format!("{} = {}", x.name, y.name));
            return Err(Construct::CyclicJoin.refuse(&names.collect::<Vec<_>>().join(" AND ")));
        }
        reached.push(if reached.contains(x) { *y } else { *x });
    }
    let called =
        |side: usize| relations.get(side).map(|relation| relation.called.clone()).unwrap_or_default();
    match (0..relations.len()).find(|side| !reached.contains(side)) {
        Some(alone) => Err(Refused::NoJoinKey { first: called(0), second: called(alone) }),
        None => Ok(()),
    }
}

/// The relation by whose rows groups that are not public are made.
struct Holder {
    root: usize,
    keys: Vec<Key>,
    /// What is relied on to have each value once.
    once: Vec<Key>,
    /// A relation whose floor cannot be counted, since a row of it may be behind several groups.
    uncounted: Option<usize>,
}

impl Holder {
    /// The first relation that has all group columns, or columns that equal them. Otherwise, of those whose rows each meet
    /// one row at most of the relations that have the others, the one with the fewest rows. Before all, one at which every
    /// floor can be counted.
    fn of(sizes: &[Size], edges: &[Edge], keys: &[Key]) -> Option<Self> {
        let all = (0..sizes.len()).filter_map(|root| Self::at(root, sizes, edges, keys));
        all.min_by_key(|holder| {
            let rows = sizes.get(holder.root).map_or(0, |size| size.rows);
            let rows = if holder.is_whole() { None } else { Some(rows) };
            (holder.uncounted.is_some(), rows)
        })
    }

    fn at(root: usize, sizes: &[Size], edges: &[Edge], keys: &[Key]) -> Option<Self> {
        let keys_of = Vec::with_capacity(keys.len());
        let mut holder = Self { root, keys: keys_of, once: Vec::new(), uncounted: None };
        for key in keys {
            if let Some(column) = equal(root, key, edges) {
                holder.keys.push(Key { side: root, column });
                continue;
            }
            relied(&mut holder.once, way(root, key.side, sizes, edges)?);
            holder.keys.push(key.clone());
        }
        let has_floor = |(side, size): &(usize, &Size)| *side != root && size.floor_rows > 1;
        for (side, _) in sizes.iter().enumerate().filter(has_floor) {
            // Its rows are counted by group, so that each of them must be behind one group at most.
            let ways = holder.keys.iter().map(|key| way(side, key.side, sizes, edges));
            match ways.collect::<Option<Vec<_>>>() {
                Some(ways) => relied(&mut holder.once, ways.into_iter().flatten()),
                None => holder.uncounted = Some(side),
            }
        }
        Some(holder)
    }

    /// Whether the relation itself has all keys.
    fn is_whole(&self) -> bool {
        self.keys.iter().all(|key| key.side == self.root)
    }
}

/// The key's column of a relation: its own, or one that equals it.
fn equal(side: usize, key: &Key, edges: &[Edge]) -> Option<Column> {
    if key.side == side {
        return Some(key.column.clone());
    }
    edges.iter().find_map(|edge| {
        let here = edge.sides.iter().position(|of| *of == side)?;
        let there = edge.sides.iter().position(|of| *of == key.side)?;
        let named = |pair: &&[Column; 2]| pair.get(there).is_some_and(|of| of.name == key.column.name);
        // Of text it must be known how long it is.
        edge.keys.iter().find(named)?.get(here).filter(|column| secret::check(column).is_ok()).cloned()
    })
}

/// The way from one relation to another, if each row meets one row at most at every step: by the columns that have each
/// value once.
pub(super) fn way(from: usize, to: usize, sizes: &[Size], edges: &[Edge]) -> Option<Vec<Key>> {
    let mut ways = vec![(from, Vec::new())];
    let mut next = 0;
    while let Some((side, way)) = ways.get(next).cloned() {
        if side == to {
            return Some(way);
        }
        for edge in edges.iter().filter(|edge| edge.sides.contains(&side)) {
            let [x, y] = edge.sides;
            let (other, there) = if x == side { (y, 1) } else { (x, 0) };
            let columns = edge.keys.iter().filter_map(|pair| pair.get(there));
            let once = columns.into_iter().find(|column| is_once(column, other, sizes));
            if let (Some(column), false) = (once, ways.iter().any(|(known, _)| *known == other)) {
                let step = Key { side: other, column: column.clone() };
                ways.push((other, [way.as_slice(), &[step]].concat()));
            }
        }
        next += 1;
    }
    None
}
