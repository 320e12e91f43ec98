//! Joins of several tables: which columns are equal between which two of them, and what each owner decides at home.
//!
//! Tables and equalities must make a tree: each table is tied to the others, and no equality closes a circle.

use contract::Column;
use datafusion::sql::sqlparser::ast::Expr;

use super::{
    condition::{conjuncts, equal_columns},
    from::{From, JoinKind},
    join::{Relation, all, check_types, relations},
    query::{Key, Query},
    scope::Scope,
};
use crate::{Construct, Refused};

/// How several relations are joined.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The relation to whose rows everything is brought.
    pub(crate) root: usize,
    pub(crate) edges: Vec<Edge>,
    /// Of groups that are not public, the root's columns that are the keys, in the order of GROUP BY.
    pub(crate) secret: Vec<Column>,
}

/// Columns of two relations that must be equal.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) sides: [usize; 2],
    /// At least one.
    pub(crate) keys: Vec<[Column; 2]>,
}

/// Splits ON and WHERE into equalities and conditions on one table each.
pub(super) fn read(
    from: &From,
    tables: &[usize],
    filter: &[Expr],
    scope: &Scope<'_>,
    query: &Query,
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
    check_tree(&relations, &split.edges)?;
    let degree = |side: usize| split.edges.iter().filter(|edge| edge.sides.contains(&side)).count();
    let most = (0..relations.len()).rev().max_by_key(|side| degree(*side)).unwrap_or_default();
    let (root, secret) = match query.has_public_groups {
        true => (most, Vec::new()),
        false => holder(relations.len(), &split.edges, &query.keys).ok_or_else(|| {
            let names: Vec<&str> = query.keys.iter().map(|key| key.column.name.as_str()).collect();
            Construct::GroupsAcross.refuse(&names.join(", "))
        })?,
    };
    Ok((relations, Tree { root, edges: split.edges, secret }))
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
