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
    join::{Relation, all, check_types, relations},
    query::{Key, Query},
    scope::Scope,
};
use crate::{
    Construct, Refused,
    domain::{self, Value},
    groups::literal,
};

/// How several relations are joined.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The relation to whose rows everything is brought.
    pub(crate) root: usize,
    pub(crate) edges: Vec<Edge>,
    /// Of groups that are not public, the root's columns that are the keys, in the order of GROUP BY.
    pub(crate) secret: Vec<Column>,
    pub(crate) circle: Option<Box<Circle>>,
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
    rows: &[u64],
) -> Result<(Vec<Relation>, Tree), Refused> {
    let mut relations = relations(from, tables);
    let Some((JoinKind::Inner, on)) = &from.join else {
        return Err(Construct::SeveralTables.refuse(&"an outer join, EXISTS or IN beside other tables"));
    };
    let mut split = Split { own: vec![Vec::new(); relations.len()], edges: Vec::new() };
    for condition in on.iter().chain(filter).flat_map(conjuncts) {
        split.add(condition, scope)?;
    }
    for (relation, own) in relations.iter_mut().zip(&split.own) {
        relation.filter = all(own);
    }
    let circle = split.broken(rows)?;
    check_tree(&relations, &split.edges)?;
    if let (Some(circle), false) = (&circle, query.has_public_groups) {
        return Err(circle.refuse());
    }
    let degree = |side: usize| split.edges.iter().filter(|edge| edge.sides.contains(&side)).count();
    let most = (0..relations.len()).rev().max_by_key(|side| degree(*side)).unwrap_or_default();
    let (root, secret) = match query.has_public_groups {
        true => (circle.as_ref().map_or(most, |circle| circle.ends[0].0), Vec::new()),
        false => holder(relations.len(), &split.edges, &query.keys).ok_or_else(|| {
            let names: Vec<&str> = query.keys.iter().map(|key| key.column.name.as_str()).collect();
            Construct::GroupsAcross.refuse(&names.join(", "))
        })?,
    };
    Ok((relations, Tree { root, edges: split.edges, secret, circle: circle.map(Box::new) }))
}

struct Split {
    own: Vec<Vec<String>>,
    edges: Vec<Edge>,
}

impl Split {
    fn add(&mut self, condition: &Expr, scope: &Scope<'_>) -> Result<(), Refused> {
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
            return Err(Construct::TreeCondition.refuse(condition));
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
    fn broken(&mut self, rows: &[u64]) -> Result<Option<Circle>, Refused> {
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
        let ends = match rows.get(x) <= rows.get(y) {
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

/// The relation that has all group columns, or columns that equal them, and these columns.
fn holder(relations: usize, edges: &[Edge], keys: &[Key]) -> Option<(usize, Vec<Column>)> {
    (0..relations).find_map(|side| {
        let own = |key: &Key| match key.side == side {
            true => Some(key.column.clone()),
            false => edges.iter().find_map(|edge| {
                let here = edge.sides.iter().position(|of| *of == side)?;
                let there = edge.sides.iter().position(|of| *of == key.side)?;
                let equal = edge
                    .keys
                    .iter()
                    .find(|pair| pair.get(there).is_some_and(|of| of.name == key.column.name));
                equal?.get(here).cloned()
            }),
        };
        Some((side, keys.iter().map(own).collect::<Option<Vec<Column>>>()?))
    })
}
