//! Names in the syntax tree: those of result columns, and the columns that stand alone in the SELECT list.

use datafusion::sql::sqlparser::ast::{
    Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Select, SelectItem,
};

use super::Function;
use crate::Refused;

/// What the SELECT list names directly.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Outside aggregates, and not among the group keys by name.
    pub(crate) bare: Vec<String>,
    /// The alias of each item.
    pub(crate) aliases: Vec<Option<String>>,
    /// Each item as written.
    pub(crate) texts: Vec<String>,
    /// As the argument of an aggregate.
    pub(crate) aggregated: Vec<(Function, String)>,
}

/// Two result columns of one name could not be told apart.
pub(super) fn check_names(items: &[SelectItem]) -> Result<(), Refused> {
    let mut seen = Vec::with_capacity(items.len());
    for item in items {
        let name = match item {
            SelectItem::ExprWithAlias { alias, .. } => normalised(alias),
            _ => item.to_string().to_lowercase(),
        };
        if seen.contains(&name) {
            return Err(Refused::SameName(name));
        }
        seen.push(name);
    }
    Ok(())
}

/// What the SELECT list names directly.
pub(super) fn named(select: &Select, keys: &[Expr]) -> Named {
    let mut named = Named::default();
    let keys: Vec<String> = keys.iter().filter_map(column_name).collect();
    for item in &select.projection {
        named.texts.push(item.to_string());
        named.aliases.push(match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(normalised(alias)),
            _ => None,
        });
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
        match expr {
            Expr::Function(call) => {
                let function = Function::named(&call.name.to_string().to_lowercase());
                named.aggregated.extend(function.zip(argument_name(call)));
            }
            _ => named.bare.extend(column_name(expr).filter(|name| !keys.contains(name))),
        }
    }
    named
}

/// The column that an expression is, as SQL reads its name.
fn column_name(expr: &Expr) -> Option<String> {
    let ident = match expr {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(parts) => parts.last()?,
        Expr::Nested(inner) => return column_name(inner),
        _ => return None,
    };
    Some(normalised(ident))
}

fn argument_name(call: &Call) -> Option<String> {
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => column_name(expr),
        _ => None,
    }
}

/// SQL reads names in lower case unless they are quoted.
pub(super) fn normalised(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
