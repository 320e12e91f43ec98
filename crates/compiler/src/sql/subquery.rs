//! EXISTS and IN over another table, in WHERE: joins that keep rows of the first table and add none.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SelectItem, SetExpr, Value,
};

use super::{
    condition::conjuncts,
    from::{self, From, JoinKind, Named},
};
use crate::{Construct, Refused};

/// Takes the one EXISTS or IN out of WHERE, as a join; what is left of WHERE stays.
pub(super) fn take(from: From, filter: Option<&Expr>) -> Result<(From, Vec<Expr>), Refused> {
    let conditions: Vec<&Expr> = filter.into_iter().flat_map(conjuncts).collect();
    let is_query = |condition: &&Expr| matches!(condition, Expr::Exists { .. } | Expr::InSubquery { .. });
    let mut queries = conditions.iter().copied().filter(is_query);
    let Some(query) = queries.next() else { return Ok((from, conditions.into_iter().cloned().collect())) };
    if let Some(second) = queries.next() {
        return Err(Construct::SeveralTables.refuse(second));
    }
    let ([outer], None, None) = (from.relations.as_slice(), &from.join, &from.set) else {
        return Err(Construct::SeveralTables.refuse(query));
    };
    let (inner, kind, on) = match query {
        Expr::Exists { subquery, negated } => {
            let (inner, _, condition) = read(subquery)?;
            (inner, if *negated { JoinKind::Anti } else { JoinKind::Semi }, condition)
        }
        // NULL among the values makes NOT IN unknown for every row.
        Expr::InSubquery { negated: true, .. } => return Err(Construct::NotIn.refuse(query)),
        Expr::InSubquery { expr, subquery, .. } => {
            let (inner, item, condition) = read(subquery)?;
            let key = |expr: &Expr, of: &Named| {
                column(expr, of).ok_or_else(|| Construct::InExpression.refuse(query))
            };
            let item = item.ok_or_else(|| Construct::InExpression.refuse(query))?;
            let (left, right) = (Box::new(key(expr, outer)?), Box::new(key(&item, &inner)?));
            let equal = Expr::BinaryOp { left, op: BinaryOperator::Eq, right };
            let on = match condition {
                Some(condition) => Expr::BinaryOp {
                    left: Box::new(equal),
                    op: BinaryOperator::And,
                    right: Box::new(Expr::Nested(Box::new(condition))),
                },
                None => equal,
            };
            (inner, JoinKind::Semi, Some(on))
        }
        _ => return Err(Construct::Subquery.refuse(query)),
    };
    if inner.name == outer.name {
        return Err(Refused::SameRelation(inner.name));
    }
    let rest = conditions.iter().filter(|condition| !is_query(condition)).map(|one| (*one).clone()).collect();
    Ok((From { relations: vec![outer.clone(), inner], join: Some((kind, on)), set: None }, rest))
}

/// Table, selected expression if it is one, and condition of `SELECT … FROM table WHERE …`.
fn read(query: &Query) -> Result<(Named, Option<Expr>, Option<Expr>), Refused> {
    let refused = || Construct::Subquery.refuse(&query);
    let SetExpr::Select(select) = query.body.as_ref() else { return Err(refused()) };
    let [item] = select.projection.as_slice() else { return Err(refused()) };
    let from = from::read(select, true)?;
    let ([table], None) = (from.relations.as_slice(), from.join) else {
        return Err(Construct::SeveralTables.refuse(&query));
    };
    if text(select, item) != query.to_string() {
        return Err(refused());
    }
    let item = match item {
        SelectItem::UnnamedExpr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
        | SelectItem::ExprWithAlias {
            expr: expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
            ..
        } => Some(expr.clone()),
        SelectItem::UnnamedExpr(Expr::Value(value)) if matches!(value.value, Value::Number(..)) => None,
        SelectItem::Wildcard(_) => None,
        _ => return Err(refused()),
    };
    Ok((table.clone(), item, select.selection.clone()))
}

/// How the subquery reads if nothing in it is unknown.
pub(super) fn text(select: &Select, item: &SelectItem) -> String {
    let from: Vec<String> = select.from.iter().map(ToString::to_string).collect();
    let filter = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    format!("SELECT {item} FROM {}{filter}", from.join(", "))
}

/// A column, qualified by the table that it is read in.
fn column(expr: &Expr, of: &Named) -> Option<Expr> {
    match expr {
        Expr::Identifier(column) => {
            Some(Expr::CompoundIdentifier(vec![Ident::with_quote('"', of.name.clone()), column.clone()]))
        }
        Expr::CompoundIdentifier(_) => Some(expr.clone()),
        Expr::Nested(inner) => column(inner, of),
        _ => None,
    }
}
