//! The form of a subquery in FROM with GROUP BY, on the syntax tree: its SELECT becomes one of keys and aggregates alone,
//! each under a name of its own, and what the query around reads of it becomes expressions over these. HAVING becomes a
//! condition of the query around, since groups that it leaves out are not there.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function as Call, GroupByExpr, Ident, ObjectNamePart, Query, Select, SelectItem, SetExpr,
    TableFactor, TableWithJoins, Value, VisitMut, VisitorMut, visit_expressions,
};

use super::super::{Function, argument::shown, from, names::normalised, stack, unfold};
use crate::{Construct, Refused};

/// Such a subquery.
pub(in crate::sql) struct Form {
    /// `SELECT keys, aggregates FROM table WHERE … GROUP BY keys`.
    pub(in crate::sql) query: Query,
    /// The columns that it has for the query around, and what they are of these.
    pub(in crate::sql) columns: Vec<(String, Expr)>,
    /// HAVING, over these.
    pub(in crate::sql) condition: Option<Expr>,
}

/// Whether a SELECT aggregates what the only item of its FROM gives.
pub(in crate::sql) fn aggregates(select: &Select) -> bool {
    let is_only = matches!(select.from.as_slice(), [only] if only.joins.is_empty());
    let has_keys = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let found = visit_expressions(&select.projection, |expr| match expr {
        Expr::Function(call) if is_aggregate(call) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    is_only && (has_keys || found.is_break())
}

/// Takes a subquery apart whose columns are qualified by `alias`; nothing of one without groups.
pub(in crate::sql) fn of(query: &Query, alias: &Ident) -> Result<Option<Form>, Refused> {
    let SetExpr::Select(select) = query.body.as_ref() else { return Ok(None) };
    let GroupByExpr::Expressions(written, modifiers) = &select.group_by else { return Ok(None) };
    if written.is_empty() || !modifiers.is_empty() {
        return Ok(None);
    }
    let refused = || Construct::Nested.refuse(query);
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return Err(refused()) };
    let (TableFactor::Table { .. }, [], Some(own)) = (relation, joins.as_slice(), unfold::called(relation))
    else {
        return Err(refused());
    };
    from::check_plain(relation)?;
    if plain(select) != query.to_string() {
        return Err(refused());
    }
    let bare = |expr: &Expr| bare(expr, &own);
    let items = select.projection.iter().map(|item| named(item).map(|(name, expr)| (name, bare(expr))));
    let items = items.collect::<Option<Vec<_>>>().ok_or_else(refused)?;
    let mut made = Made { alias: alias.clone(), keys: Vec::new(), aggregates: Vec::new() };
    for key in written {
        let key = resolved(&bare(key), &items).ok_or_else(|| Construct::Nested.refuse(key))?;
        made.enter_key(key, &items);
    }
    let mut columns = Vec::with_capacity(items.len());
    for (name, expr) in &items {
        let made = made.expression(expr, name.as_deref())?;
        columns.extend(name.clone().map(|name| (name, made)));
    }
    let condition = select.having.as_ref().map(|having| made.expression(&bare(having), None)).transpose()?;
    let mut relation = relation.clone();
    if let TableFactor::Table { alias, .. } = &mut relation {
        *alias = None;
    }
    let item = |(name, expr): &(String, Expr)| SelectItem::ExprWithAlias {
        expr: expr.clone(),
        alias: Ident::with_quote('"', name),
    };
    let mut inner = select.as_ref().clone();
    inner.projection = made.keys.iter().chain(&made.aggregates).map(item).collect();
    inner.from = vec![TableWithJoins { relation, joins: Vec::new() }];
    inner.selection = select.selection.as_ref().map(bare);
    inner.group_by =
        GroupByExpr::Expressions(made.keys.iter().map(|(_, key)| key.clone()).collect(), Vec::new());
    inner.having = None;
    Ok(Some(Form { query: stack::bare(SetExpr::Select(Box::new(inner))), columns, condition }))
}

/// The text of a SELECT that is nothing but what is taken apart here.
pub(super) fn plain(select: &Select) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let items = list(select.projection.iter().map(ToString::to_string).collect());
    let from = list(select.from.iter().map(ToString::to_string).collect());
    let filter = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    let having = select.having.as_ref().map(|having| format!(" HAVING {having}")).unwrap_or_default();
    let keys = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => list(keys.iter().map(ToString::to_string).collect()),
        GroupByExpr::All(_) => String::new(),
    };
    format!("SELECT {items} FROM {from}{filter} GROUP BY {keys}{having}")
}

/// An item's expression, and its name if it has one.
fn named(item: &SelectItem) -> Option<(Option<String>, &Expr)> {
    Some(match item {
        SelectItem::ExprWithAlias { expr, alias } => (Some(normalised(alias)), expr),
        SelectItem::UnnamedExpr(expr @ Expr::Identifier(name)) => (Some(normalised(name)), expr),
        SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(parts)) => {
            (parts.last().map(normalised), expr)
        }
        SelectItem::UnnamedExpr(expr) => (None, expr),
        _ => return None,
    })
}

/// A term of GROUP BY that is an item's number or name, as that item.
fn resolved(key: &Expr, items: &[(Option<String>, Expr)]) -> Option<Expr> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let place = digits.to_string().parse::<usize>().ok()?.checked_sub(1)?;
                items.get(place).map(|(_, expr)| expr.clone())
            }
            _ => None,
        },
        Expr::Identifier(name) => {
            let name = normalised(name);
            let item = items.iter().find(|(known, _)| known.as_ref() == Some(&name));
            Some(item.map_or_else(|| key.clone(), |(_, expr)| expr.clone()))
        }
        _ => Some(key.clone()),
    }
}

/// The columns of such a SELECT.
struct Made {
    alias: Ident,
    keys: Vec<(String, Expr)>,
    aggregates: Vec<(String, Expr)>,
}

impl Made {
    fn enter_key(&mut self, key: Expr, items: &[(Option<String>, Expr)]) {
        if self.keys.iter().all(|(_, known)| *known != key) {
            let name = items.iter().find(|(_, expr)| *expr == key).and_then(|(name, _)| name.clone());
            let name = self.free(name.unwrap_or_else(|| text(&key)));
            self.keys.push((name, key));
        }
    }

    /// The column of an aggregate, which is called `name` if nothing else is.
    fn enter_aggregate(&mut self, call: &Expr, name: Option<&str>) -> String {
        if let Some((known, _)) = self.aggregates.iter().find(|(_, known)| known == call) {
            return known.clone();
        }
        let name = self.free(name.map_or_else(|| text(call), str::to_owned));
        self.aggregates.push((name.clone(), call.clone()));
        name
    }

    /// A name that no other column has.
    fn free(&self, mut name: String) -> String {
        while self.keys.iter().chain(&self.aggregates).any(|(known, _)| *known == name) {
            name.push('\'');
        }
        name
    }

    /// An expression over groups as one over these columns.
    fn expression(&mut self, expr: &Expr, name: Option<&str>) -> Result<Expr, Refused> {
        struct Replaces<'m> {
            made: &'m mut Made,
            name: Option<&'m str>,
            other: Option<Refused>,
        }
        impl VisitorMut for Replaces<'_> {
            type Break = ();

            fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
                self.other = Some(Construct::Nested.refuse(query));
                ControlFlow::Break(())
            }

            fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
                let key = self.made.keys.iter().find(|(_, key)| key == expr).map(|(name, _)| name.clone());
                let column = match (key, &*expr) {
                    (Some(name), _) => Some(name),
                    (None, Expr::Function(call)) if is_aggregate(call) => {
                        Some(self.made.enter_aggregate(expr, self.name))
                    }
                    // What was put in before.
                    (None, Expr::CompoundIdentifier(_)) => None,
                    (None, Expr::Identifier(column)) => {
                        let text =
                            format!("`{column}` is neither in GROUP BY of its subquery nor aggregated");
                        self.other = Some(Refused::Meaning(text));
                        return ControlFlow::Break(());
                    }
                    _ => None,
                };
                if let Some(column) = column {
                    let column = Ident::with_quote('"', column);
                    *expr = Expr::CompoundIdentifier(vec![self.made.alias.clone(), column]);
                    // Of what stands within nothing is left.
                    return ControlFlow::Continue(());
                }
                self.name = None;
                ControlFlow::Continue(())
            }
        }
        let mut made = expr.clone();
        let mut replaces = Replaces { made: self, name, other: None };
        let _: ControlFlow<()> = made.visit(&mut replaces);
        replaces.other.map_or(Ok(made), Err)
    }
}

fn text(expr: &Expr) -> String {
    expr.to_string().to_lowercase()
}

pub(super) fn is_aggregate(call: &Call) -> bool {
    call.over.is_none() && Function::named(&call.name.to_string().to_lowercase()).is_some()
}

/// An expression with names as SQL reads them, and without that of its table: equal ones have equal texts.
fn bare(expr: &Expr, own: &Ident) -> Expr {
    struct Bare(String);
    impl VisitorMut for Bare {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(name) => *name = plainly(name),
                Expr::CompoundIdentifier(parts) => {
                    if let [table, column] = parts.as_slice()
                        && normalised(table) == self.0
                    {
                        *expr = Expr::Identifier(plainly(column));
                    }
                }
                Expr::Function(call) => {
                    for part in &mut call.name.0 {
                        if let ObjectNamePart::Identifier(name) = part
                            && name.quote_style.is_none()
                        {
                            name.value.make_ascii_uppercase();
                        }
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut expr = expr.clone();
    let _: ControlFlow<()> = expr.visit(&mut Bare(normalised(own)));
    expr
}

fn plainly(name: &Ident) -> Ident {
    let name = normalised(name);
    if shown(&name) == name { Ident::new(name) } else { Ident::with_quote('"', name) }
}
