//! What columns are called: as PostgreSQL calls them, where a statement does not say.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Visit, Visitor,
};

use super::{
    names,
    rewrite::{is_session_word, take, type_name},
};

/// Stands around the number in the name of a column that has the name of one before it, or one that another place means.
const HIDDEN: char = '\u{1}';

/// Gives columns the names that PostgreSQL would, each another.
///
/// An expression of ORDER BY reads the columns of tables, a name alone one of the result. DataFusion looks for both in the
/// result first; what is computed is hidden from expressions.
pub(super) fn name(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    let (SetExpr::Select(select), Some(OrderBy { kind: OrderByKind::Expressions(keys), .. })) =
        (body.as_mut(), order_by)
    else {
        // A set operation is sorted by its result alone.
        return name_body(body);
    };
    let mut read = Read(BTreeSet::new());
    for key in keys.iter().filter(|key| !matches!(key.expr, Expr::Identifier(_))) {
        let _ = key.expr.visit(&mut read);
    }
    let hidden = name_items(&mut select.projection, &read.0);
    for OrderByExpr { expr, .. } in keys {
        if let Expr::Identifier(name) = expr
            && let Some(alias) = hidden.get(&names::folded(name))
        {
            *name = alias.clone();
        }
    }
}

fn name_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            name_items(&mut select.projection, &BTreeSet::new());
        }
        SetExpr::SetOperation { left, right, .. } => {
            name_body(left);
            name_body(right);
        }
        _ => {}
    }
}

/// Names that an expression reads.
struct Read(BTreeSet<String>);

impl Visitor for Read {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            self.0.insert(names::folded(name));
        }
        ControlFlow::Continue(())
    }
}

/// Gives those back that are hidden because they would be `read` in the place of a table's column.
fn name_items(items: &mut [SelectItem], read: &BTreeSet<String>) -> BTreeMap<String, Ident> {
    let (mut taken, mut hidden) = (BTreeSet::new(), BTreeMap::new());
    for (place, item) in items.iter_mut().enumerate() {
        let (name, is_column) = match item {
            SelectItem::ExprWithAlias { alias, .. } => (names::folded(alias), false),
            SelectItem::UnnamedExpr(Expr::Identifier(column)) if !is_session_word(&column.value) => {
                (names::folded(column), true)
            }
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                (parts.last().map(names::folded).unwrap_or_default(), true)
            }
            SelectItem::UnnamedExpr(expr) => (expression_name(expr), false),
            _ => continue,
        };
        let is_new = taken.insert(name.clone());
        let is_read = !is_column && read.contains(&name);
        if is_new && !is_read && (is_column || matches!(item, SelectItem::ExprWithAlias { .. })) {
            continue;
        }
        let is_hidden = !is_new || is_read;
        let shown = if is_hidden { format!("{HIDDEN}{place}{HIDDEN}{name}") } else { name.clone() };
        let alias = Ident::with_quote('"', shown);
        if is_new && is_hidden {
            hidden.insert(name, alias.clone());
        }
        let (SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr)) = item else { continue };
        *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
    }
    hidden
}

/// As `FigureColname` of PostgreSQL's `parse_target.c` has it.
fn expression_name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => names::folded(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(names::folded).unwrap_or_default(),
        Expr::Function(function) => names::parts(&function.name).pop().unwrap_or_default(),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => expression_name(inner),
        Expr::Cast { expr: inner, data_type, .. } => match expression_name(inner) {
            name if name == UNNAMED => match type_name(data_type) {
                Some(name) => name,
                None => data_type.to_string().to_lowercase(),
            },
            name => name,
        },
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Trim { .. } => "btrim".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first() {
                Some(SelectItem::ExprWithAlias { alias, .. }) => names::folded(alias),
                Some(SelectItem::UnnamedExpr(expr)) => expression_name(expr),
                _ => UNNAMED.to_owned(),
            },
            _ => UNNAMED.to_owned(),
        },
        _ => UNNAMED.to_owned(),
    }
}

const UNNAMED: &str = "?column?";

/// A column's name as it was asked for.
pub(super) fn shown(name: &str) -> &str {
    match name.strip_prefix(HIDDEN) {
        Some(rest) => rest.split_once(HIDDEN).map_or(rest, |(_, name)| name),
        None => name,
    }
}
