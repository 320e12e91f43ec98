//! UNION, INTERSECT and EXCEPT in FROM: of two SELECTs of one column each.

use contract::Column;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier, TableFactor,
};

use super::{
    from::{self, From},
    join::{Relation, check_types, relations},
    predicate,
    scope::Scope,
    units,
};
use crate::{Construct, Refused};

/// Which values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetKind {
    /// Those that either column has.
    Union,
    /// Those that both have.
    Intersect,
    /// The first one's that the second does not have.
    Except,
}

/// Two columns whose different values are counted.
#[derive(Clone, Debug)]
pub(crate) struct SetJoin {
    pub(crate) kind: SetKind,
    pub(crate) keys: [Column; 2],
}

/// As the syntax tree has it: for each table the column, and the condition.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    kind: SetKind,
    parts: Vec<(Expr, Option<Expr>)>,
}

/// The set operation that a subquery of FROM is, if it is one.
pub(super) fn read(factor: &TableFactor) -> Result<Option<From>, Refused> {
    let TableFactor::Derived { lateral: false, subquery, alias, sample: None } = factor else {
        return Ok(None);
    };
    let SetExpr::SetOperation { op, set_quantifier, left, right } = subquery.body.as_ref() else {
        return Ok(None);
    };
    let refused = || Construct::SetOperation.refuse(factor);
    let kind = match op {
        SetOperator::Union => SetKind::Union,
        SetOperator::Intersect => SetKind::Intersect,
        SetOperator::Except => SetKind::Except,
        SetOperator::Minus => return Err(refused()),
    };
    let is_plain = subquery.to_string() == subquery.body.to_string()
        && alias.as_ref().is_none_or(|alias| alias.columns.is_empty());
    if !is_plain || !matches!(set_quantifier, SetQuantifier::None | SetQuantifier::Distinct) {
        return Err(refused());
    }
    let (mut named, mut parts) = (Vec::new(), Vec::new());
    for side in [left, right] {
        let Side { table, column, condition } = side_of(side).ok_or_else(refused)?;
        let table = from::named(table)?;
        condition.as_ref().map_or(Ok(()), predicate::check)?;
        named.push(table);
        parts.push((column, condition));
    }
    Ok(Some(From { relations: named, join: None, set: Some(Parts { kind, parts }) }))
}

struct Side<'q> {
    table: &'q TableFactor,
    column: Expr,
    condition: Option<Expr>,
}

/// Table, column and condition of `SELECT column FROM table WHERE …`.
fn side_of(side: &SetExpr) -> Option<Side<'_>> {
    let select = match side {
        SetExpr::Select(select) => select,
        SetExpr::Query(query) => inner(query)?,
        _ => return None,
    };
    let [
        item @ SelectItem::UnnamedExpr(column @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
        | item @ SelectItem::ExprWithAlias {
            expr: column @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
            ..
        },
    ] = select.projection.as_slice()
    else {
        return None;
    };
    let [table] = select.from.as_slice() else { return None };
    let filter = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    if select.to_string() != format!("SELECT {item} FROM {table}{filter}") || !table.joins.is_empty() {
        return None;
    }
    Some(Side { table: &table.relation, column: column.clone(), condition: select.selection.clone() })
}

fn inner(query: &Query) -> Option<&Select> {
    match query.body.as_ref() {
        SetExpr::Select(select) if query.to_string() == select.to_string() => Some(select),
        _ => None,
    }
}

impl Parts {
    /// The tables, each with its own condition, and the columns.
    pub(super) fn resolve(
        &self,
        from: &From,
        tables: &[usize],
        schemas: &[(String, &contract::Schema)],
    ) -> Result<(Vec<Relation>, SetJoin), Refused> {
        let mut relations = relations(from, tables);
        let mut keys = Vec::with_capacity(2);
        for ((relation, schema), (column, condition)) in relations.iter_mut().zip(schemas).zip(&self.parts) {
            let scope = Scope::new(vec![schema.clone()], [false; 2]);
            let unknown = || Refused::Unqualified(column.to_string());
            keys.push(scope.column(column).ok_or_else(unknown)?.column);
            relation.filter = condition.as_ref().map(ToString::to_string);
        }
        let Ok([first, second]) = <[Column; 2]>::try_from(keys) else {
            return Err(Construct::SetOperation.refuse(&"one column"));
        };
        check_types(&first, &second)?;
        units::check_same([&first, &second])?;
        Ok((relations, SetJoin { kind: self.kind, keys: [first, second] }))
    }
}
