//! UNION, INTERSECT and EXCEPT: of two SELECTs of the same number of columns, the first two also of more. In FROM their
//! values are counted; a query that is one shows its values, as groups.

use contract::{Column, ColumnType, Range, Schema};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query as Asked, Select, SelectItem, SetExpr, SetOperator, SetQuantifier,
    Statement, TableFactor,
};

use super::{
    Query,
    from::{self, From},
    grammar,
    join::{Relation, check_types, relations},
    limits, names, predicate,
    scope::Scope,
    units,
};
use crate::{Construct, Refused, domain, packed};

/// Which values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetKind {
    /// Those that any of the tables has.
    Union,
    /// Those that all of them have.
    Intersect,
    /// The first one's that the second does not have.
    Except,
}

/// Columns of two tables or more whose different values are counted, or shown.
#[derive(Clone, Debug)]
pub(crate) struct SetJoin {
    pub(crate) kind: SetKind,
    /// For each column that of every table, in the order in which they are selected.
    pub(crate) keys: Vec<Vec<Column>>,
    /// What each table's values are read as: as wide as all of them, and NULL where one may be.
    pub(crate) columns: Vec<Column>,
}

/// As the syntax tree has it: for each table the columns, and the condition.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    kind: SetKind,
    /// What the subquery is called, and its columns.
    name: String,
    names: Vec<String>,
    parts: Vec<(Vec<Expr>, Option<Expr>)>,
}

/// `SELECT a FROM x INTERSECT SELECT b FROM y …` as `SELECT a FROM (SELECT a FROM x INTERSECT SELECT b FROM y) GROUP BY a …`:
/// what is shown of a set are its values, each once.
pub(super) fn grouped(statement: &mut Statement) -> Result<(), Refused> {
    let Statement::Query(query) = statement else { return Ok(()) };
    let mut first = query.body.as_ref();
    if !matches!(first, SetExpr::SetOperation { .. }) {
        return Ok(());
    }
    while let SetExpr::SetOperation { left, .. } = first {
        first = left;
    }
    let refused = || Construct::SetOperation.refuse(query);
    let Side { items, .. } = side_of(first).ok_or_else(refused)?;
    let columns: Vec<Expr> = items.into_iter().map(|(name, _)| Expr::Identifier(name)).collect();
    let Ok([Statement::Query(form)]) = <[Statement; 1]>::try_from(grammar::read(GROUPED)?) else {
        return Err(refused());
    };
    let Asked { body, .. } = *form;
    let SetExpr::Select(mut outer) = *body else { return Err(refused()) };
    let Some(TableFactor::Derived { subquery, .. }) = outer.from.first_mut().map(|table| &mut table.relation)
    else {
        return Err(refused());
    };
    outer.projection = columns.iter().cloned().map(SelectItem::UnnamedExpr).collect();
    outer.group_by = GroupByExpr::Expressions(columns, Vec::new());
    std::mem::swap(&mut subquery.body, &mut query.body);
    *query.body = SetExpr::Select(outer);
    Ok(())
}

/// What columns and set are put into.
const GROUPED: &str = "SELECT a FROM (SELECT a FROM x) AS \"values\" GROUP BY a";

/// The set operation that a subquery of FROM is, if it is one.
pub(super) fn read(factor: &TableFactor) -> Result<Option<From>, Refused> {
    let TableFactor::Derived { lateral: false, subquery, alias, sample: None } = factor else {
        return Ok(None);
    };
    let SetExpr::SetOperation { op, .. } = subquery.body.as_ref() else {
        return Ok(None);
    };
    let refused = || Construct::SetOperation.refuse(factor);
    let kind = match op {
        SetOperator::Union => SetKind::Union,
        SetOperator::Intersect => SetKind::Intersect,
        SetOperator::Except => SetKind::Except,
        SetOperator::Minus => return Err(refused()),
    };
    let mut sides = Vec::new();
    each(&subquery.body, *op, &mut sides)?;
    limits::check_tables(sides.len())?;
    if kind == SetKind::Except && sides.len() != 2 {
        return Err(Construct::SetChain.refuse(&subquery));
    }
    let is_plain = subquery.to_string() == subquery.body.to_string()
        && alias.as_ref().is_none_or(|alias| alias.columns.is_empty());
    if !is_plain {
        return Err(refused());
    }
    let (mut named, mut parts, mut columns_of) = (Vec::new(), Vec::new(), Vec::new());
    for side in sides {
        let Side { table, items, condition } = side_of(side).ok_or_else(refused)?;
        let table = from::named(table)?;
        condition.as_ref().map_or(Ok(()), predicate::check)?;
        named.push(table);
        let (names, columns): (Vec<Ident>, Vec<Expr>) = items.into_iter().unzip();
        columns_of.push(names.iter().map(names::normalised).collect::<Vec<_>>());
        parts.push((columns, condition));
    }
    // The first table's names are the set's.
    let names = columns_of.swap_remove(0);
    let has_equal = names.iter().enumerate().any(|(place, name)| names.iter().take(place).any(|n| n == name));
    if has_equal || parts.iter().any(|(columns, _)| columns.len() != names.len()) {
        return Err(refused());
    }
    let name = alias.as_ref().map(|alias| names::normalised(&alias.name)).unwrap_or_default();
    let set = Parts { kind, name, names, parts };
    Ok(Some(From { relations: named, join: None, set: Some(set) }))
}

/// The sides of one operation, also of several of a kind: what UNION and INTERSECT yield does not hang on their order.
fn each<'b>(body: &'b SetExpr, kind: SetOperator, sides: &mut Vec<&'b SetExpr>) -> Result<(), Refused> {
    match body {
        SetExpr::SetOperation { op, set_quantifier, left, right } => {
            if *op != kind {
                return Err(Construct::SetChain.refuse(body));
            }
            if !matches!(set_quantifier, SetQuantifier::None | SetQuantifier::Distinct) {
                return Err(Construct::SetOperation.refuse(body));
            }
            each(left, kind, sides)?;
            each(right, kind, sides)
        }
        SetExpr::Query(query)
            if matches!(query.body.as_ref(), SetExpr::SetOperation { .. })
                && query.to_string() == query.body.to_string() =>
        {
            each(&query.body, kind, sides)
        }
        side => {
            sides.push(side);
            Ok(())
        }
    }
}

struct Side<'q> {
    table: &'q TableFactor,
    /// Each column under the name that it has in the result.
    items: Vec<(Ident, Expr)>,
    condition: Option<Expr>,
}

/// Table, columns and condition of `SELECT columns FROM table WHERE …`.
fn side_of(side: &SetExpr) -> Option<Side<'_>> {
    let select = match side {
        SetExpr::Select(select) => select,
        SetExpr::Query(query) => inner(query)?,
        _ => return None,
    };
    let item = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(column @ Expr::Identifier(name)) => Some((name.clone(), column.clone())),
        SelectItem::UnnamedExpr(column @ Expr::CompoundIdentifier(parts)) => {
            Some((parts.last()?.clone(), column.clone()))
        }
        SelectItem::ExprWithAlias {
            expr: column @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
            alias,
        } => Some((alias.clone(), column.clone())),
        _ => None,
    };
    let items = select.projection.iter().map(item).collect::<Option<Vec<_>>>()?;
    let [table] = select.from.as_slice() else { return None };
    let filter = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    let list: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
    if select.to_string() != format!("SELECT {} FROM {table}{filter}", list.join(", "))
        || !table.joins.is_empty()
    {
        return None;
    }
    Some(Side { table: &table.relation, items, condition: select.selection.clone() })
}

fn inner(query: &Asked) -> Option<&Select> {
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
        schemas: &[(String, &Schema)],
    ) -> Result<(Vec<Relation>, SetJoin), Refused> {
        let mut relations = relations(from, tables);
        let mut found = Vec::with_capacity(self.parts.len());
        for ((relation, schema), (columns, condition)) in relations.iter_mut().zip(schemas).zip(&self.parts) {
            let scope = Scope::new(vec![schema.clone()], [false; 2]);
            let column = |column: &Expr| {
                let found = scope.column(column).ok_or_else(|| Refused::Unqualified(column.to_string()))?;
                Ok(found.column)
            };
            found.push(columns.iter().map(column).collect::<Result<Vec<_>, Refused>>()?);
            relation.filter = condition.as_ref().map(ToString::to_string);
        }
        let (mut keys, mut columns) = (Vec::new(), Vec::new());
        for (place, name) in self.names.iter().enumerate() {
            let mut own = found.iter().filter_map(|columns: &Vec<Column>| columns.get(place));
            let Some(first) = own.next() else { return Err(Construct::SetOperation.refuse(&self.name)) };
            let (mut all, mut column) = (vec![first.clone()], first.clone());
            for other in own {
                check_types(first, other)?;
                units::check_same([&column, other])?;
                column = both(name, [&column, other])?;
                all.push(other.clone());
            }
            columns.push(column);
            keys.push(all);
        }
        Ok((relations, SetJoin { kind: self.kind, keys, columns }))
    }

    /// What the set is called where it is read, and the columns that it has there.
    pub(super) fn schema(&self, set: &SetJoin) -> (String, Schema) {
        (self.name.clone(), Schema { columns: set.columns.clone() })
    }
}

/// A column that holds the values of two, under a name of its own. Of a list only how long its texts are is used: which
/// values are shown is found among those that there are.
pub(super) fn both(name: &str, [x, y]: [&Column; 2]) -> Result<Column, Refused> {
    let range = match (&x.range, &y.range) {
        (Some(of_x), Some(of_y)) => {
            let [own, other] = [domain::range(x)?, domain::range(y)?];
            let min = if own.min <= other.min { &of_x.min } else { &of_y.min };
            let max = if own.max >= other.max { &of_x.max } else { &of_y.max };
            Some(Range { min: min.clone(), max: max.clone() })
        }
        _ => None,
    };
    let bytes_max = match (x.kind, packed::bytes_max(x), packed::bytes_max(y)) {
        (ColumnType::Text, Some(of_x), Some(of_y)) => Some(of_x.max(of_y)),
        _ => None,
    };
    let column = Column::new(name, x.kind);
    let unit = if x.unit.is_empty() { y.unit.clone() } else { x.unit.clone() };
    Ok(Column { range, bytes_max, unit, nullable: x.nullable || y.nullable, ..column })
}

/// Whether a query over a set is one that is supported: a count of its values, or these themselves, all columns of them
/// and LIMIT of them; and which of the set's columns each group column is.
pub(super) fn check(set: &mut SetJoin, query: &mut Query) -> Result<(), Refused> {
    if query.keys.is_empty() {
        return Ok(());
    }
    let place = |key: &super::Key| set.columns.iter().position(|column| column.name == key.column.name);
    let places: Vec<usize> = query.keys.iter().filter_map(place).collect();
    let is_each = places.len() == set.columns.len() && (0..places.len()).all(|at| places.contains(&at));
    let is_cut = query.cut.is_some_and(|cut| cut.rows.is_some());
    if !is_each || !is_cut || !query.aggregates.is_empty() || query.having.is_some() {
        let found = query.keys.iter().map(|key| key.column.name.clone()).collect::<Vec<_>>().join(", ");
        return Err(Construct::SetValues.refuse(&found));
    }
    set.keys = places.iter().filter_map(|place| set.keys.get(*place)).cloned().collect();
    set.columns = places.iter().filter_map(|place| set.columns.get(*place)).cloned().collect();
    // Also of columns with public lists: which values are shown is what is asked.
    query.has_public_groups = false;
    Ok(())
}
