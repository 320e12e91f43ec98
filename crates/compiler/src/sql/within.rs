//! `column IN (SELECT key FROM t GROUP BY key HAVING condition)` in WHERE, where the query itself joins `t` and groups by
//! that key: its groups have the same rows of `t` as the subquery's, so that the condition can stand in its own HAVING.
//!
//! That holds if each row of `t` with the group's key is behind the group, and once. So `t` is joined by the key alone and
//! has no condition of its own; the other table's key has each value once, so that it is one row; and that row, and with
//! it whatever conditions there are on it, meets one row at most of every other table. Who has declared so looks at home
//! before each run ([`crate::local`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query as Subquery, Select, SelectItem, SetExpr, TableWithJoins, Visit, Visitor,
};

use super::{
    condition::conjuncts,
    from::{self, Named},
    join::Relation,
    query::Key,
    scope::Scope,
    tree::{self, Size, Tree, is_once, way},
    unfold::{and, requalified},
};
use crate::{Construct, Refused};

/// What a subquery's groups were taken for.
#[derive(Clone, Debug)]
pub(super) struct Within {
    /// As written.
    text: String,
    /// The column before IN.
    of: Expr,
    /// The subquery's key, as a column of the query's own table.
    key: Expr,
}

/// Takes such a condition out of WHERE and puts what it asks of groups into HAVING; nothing if there is none of that form.
pub(super) fn take(query: &mut Subquery) -> Result<Option<Within>, Refused> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(None) };
    let Some(filter) = select.selection.clone() else { return Ok(None) };
    let mut rest = conjuncts(&filter);
    let Some((place, part)) = rest.iter().enumerate().find_map(|(place, one)| Some((place, part(one)?)))
    else {
        return Ok(None);
    };
    let Part { of, table, key, having } = part;
    let text = rest.remove(place).to_string();
    let mut own = Vec::new();
    for TableWithJoins { relation, joins } in &select.from {
        for relation in std::iter::once(relation).chain(joins.iter().map(|join| &join.relation)) {
            own.extend(from::named(relation).ok().filter(|named| named.table == table.table));
        }
    }
    // A subquery of HAVING is over all groups, also those that IN leaves out.
    let ([own], false, false) = (own.as_slice(), has_query(&having), select.having.iter().any(has_query))
    else {
        return Err(Construct::GroupsWithin.refuse(&text));
    };
    let [inner, outer] = [&table, own].map(|named| Ident::with_quote('"', named.name.clone()));
    let (key, having) = (requalified(&key, &inner, &outer)?, requalified(&having, &inner, &outer)?);
    select.selection = rest.into_iter().cloned().map(Some).fold(None, and);
    select.having = and(select.having.take(), Some(having));
    Ok(Some(Within { text, of, key }))
}

/// A condition of that form, taken apart.
struct Part {
    of: Expr,
    table: Named,
    key: Expr,
    having: Expr,
}

fn part(condition: &Expr) -> Option<Part> {
    let Expr::InSubquery { expr, subquery, negated: false } = condition else { return None };
    let SetExpr::Select(select) = subquery.body.as_ref() else { return None };
    let Select { projection, from, group_by, having: Some(having), .. } = select.as_ref() else {
        return None;
    };
    let ([SelectItem::UnnamedExpr(key)], [table]) = (projection.as_slice(), from.as_slice()) else {
        return None;
    };
    let GroupByExpr::Expressions(keys, _) = group_by else { return None };
    // Nothing else stands in it.
    let plain = format!("SELECT {key} FROM {table} GROUP BY {key} HAVING {having}");
    let is_column = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let is_plain =
        *keys == [key.clone()] && plain == subquery.to_string() && is_column(key) && is_column(expr);
    if !is_plain || !table.joins.is_empty() {
        return None;
    }
    let table = from::named(&table.relation).ok()?;
    Some(Part { of: expr.as_ref().clone(), table, key: key.clone(), having: having.clone() })
}

fn has_query(expr: &Expr) -> bool {
    struct Finds;
    impl Visitor for Finds {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Subquery) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    expr.visit(&mut Finds).is_break()
}

impl Within {
    /// The refusal, where the groups are not the subquery's.
    pub(super) fn refuse(&self) -> Refused {
        Construct::GroupsWithin.refuse(&self.text)
    }

    /// Checks that the query's groups have the rows of the subquery's, and enters what that relies on.
    pub(super) fn check(
        &self,
        tree: &mut Tree,
        relations: &[Relation],
        scope: &Scope<'_>,
        sizes: &[Size],
    ) -> Result<(), Refused> {
        let relied = self.relied_on(tree, relations, scope, sizes).ok_or_else(|| self.refuse())?;
        tree::relied(&mut tree.once, relied);
        Ok(())
    }

    fn relied_on(
        &self,
        tree: &Tree,
        relations: &[Relation],
        scope: &Scope<'_>,
        sizes: &[Size],
    ) -> Option<Vec<Key>> {
        let (of, key) = (scope.column(&self.of)?, scope.column(&self.key)?);
        let mut edges = tree.edges.iter().filter(|edge| edge.sides.contains(&key.side));
        let (Some(edge), None) = (edges.next(), edges.next()) else { return None };
        let [pair] = edge.keys.as_slice() else { return None };
        let here = edge.sides.iter().position(|side| *side == key.side)?;
        let (other, column) = (*edge.sides.get(1 - here)?, pair.get(1 - here)?);
        let is_key = |side: usize, name: &str| {
            side == key.side && name == key.column.name || side == other && name == column.name
        };
        let is_tied = pair.get(here)?.name == key.column.name && is_key(of.side, &of.column.name);
        let is_grouped = tree.secret.iter().any(|group| is_key(group.side, &group.column.name));
        let is_split =
            tree.secret.iter().any(|group| group.side == key.side && !is_key(group.side, &group.column.name));
        let is_free = relations.get(key.side)?.filter.is_none();
        if !is_tied || !is_grouped || is_split || !is_free || !is_once(column, other, sizes) {
            return None;
        }
        let mut relied = vec![Key { side: other, column: column.clone() }];
        for side in (0..relations.len()).filter(|side| *side != key.side) {
            relied.extend(way(other, side, sizes, &tree.edges)?);
        }
        Some(relied)
    }
}
