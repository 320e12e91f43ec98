//! What columns are called: as PostgreSQL calls them, where a statement does not say.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{Expr, Ident, SelectItem, SetExpr};

use super::{
    names,
    rewrite::{is_session_word, take, type_name},
};

/// Stands around the number in the name of a column that has the name of one before it.
const HIDDEN: char = '\u{1}';

/// Gives columns the names that PostgreSQL would, each another.
pub(super) fn name(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::SetOperation { left, right, .. } => {
            name(left);
            name(right);
        }
        _ => {}
    }
}

fn name_items(items: &mut [SelectItem]) {
    let mut taken = BTreeSet::new();
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
        if is_new && (is_column || matches!(item, SelectItem::ExprWithAlias { .. })) {
            continue;
        }
        let name = if is_new { name } else { format!("{HIDDEN}{place}{HIDDEN}{name}") };
        let alias = Ident::with_quote('"', name);
        let (SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr)) = item else { continue };
        *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
    }
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
