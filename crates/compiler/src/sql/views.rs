//! `CREATE VIEW name AS SELECT …;` before the SELECT: the same as WITH, and put into its form, so that what an owner checks
//! is the SELECT alone. Nothing is created anywhere: a view is a name within one query's text.

use datafusion::sql::sqlparser::ast::{
    CreateView, Cte, Ident, ObjectNamePart, Query, SelectItem, SetExpr, Statement, TableAlias,
    TableAliasColumnDef, With, helpers::attached_token::AttachedToken,
};

use super::{limits, names::normalised};
use crate::{Construct, Refused};

/// The one statement that is left once views stand in its WITH, and what they are called.
pub(super) fn inline(mut statements: Vec<Statement>) -> Result<(Statement, Vec<String>), Refused> {
    let found = statements.len();
    let count = || Refused::StatementCount { found };
    let mut asked = statements.pop().ok_or_else(count)?;
    let (mut tables, mut names) = (Vec::with_capacity(statements.len()), Vec::new());
    limits::check_named(statements.len())?;
    for statement in statements {
        let Statement::CreateView(view) = statement else { return Err(count()) };
        let table = named(view)?;
        let name = normalised(&table.alias.name);
        if names.contains(&name) {
            return Err(Refused::ViewName(name));
        }
        names.push(name);
        tables.push(table);
    }
    if !tables.is_empty() {
        let Statement::Query(query) = &mut asked else {
            return Err(Construct::OtherStatement.refuse(&asked));
        };
        match &mut query.with {
            Some(with) => {
                // Of WITH RECURSIVE a name may be read before it is given, which none of these may.
                if with.recursive {
                    return Err(Construct::CommonTable.refuse(with));
                }
                tables.append(&mut with.cte_tables);
                with.cte_tables = tables;
            }
            None => {
                let with_token = AttachedToken::empty();
                query.with = Some(With { with_token, recursive: false, cte_tables: tables });
            }
        }
    }
    Ok((asked, names))
}

/// Refuses a view that a table is called like: which of them a name in FROM means would depend on where it stands. A view
/// that reads itself is one, too, since its own name is not yet known within.
pub(super) fn check_names<'t>(
    views: &[String],
    mut tables: impl Iterator<Item = &'t str>,
) -> Result<(), Refused> {
    match tables.find(|table| views.iter().any(|view| view == table)) {
        Some(table) => Err(Refused::ViewName(table.to_owned())),
        None => Ok(()),
    }
}

/// A view as WITH has it.
fn named(view: CreateView) -> Result<Cte, Refused> {
    let [ObjectNamePart::Identifier(name)] = view.name.0.as_slice() else {
        return Err(Construct::View.refuse(&view));
    };
    let columns: Vec<Ident> = view.columns.iter().map(|column| column.name.clone()).collect();
    let list: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let list = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
    let temporary = if view.temporary { "TEMPORARY " } else { "" };
    // OR REPLACE, IF NOT EXISTS, MATERIALIZED and whatever else there is.
    if view.to_string() != format!("CREATE {temporary}VIEW {name}{list} AS {}", view.query) {
        return Err(Construct::View.refuse(&view));
    }
    let columns = columns.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
    Ok(Cte {
        alias: TableAlias { explicit: true, name: name.clone(), columns, at: None },
        query: view.query,
        from: None,
        materialized: None,
        closing_paren_token: AttachedToken::empty(),
    })
}

/// The columns' names of `name (columns) AS …`, as those that the query gives them itself.
pub(super) fn renamed(query: &mut Query, table: &TableAlias) -> Result<(), Refused> {
    let refused = || Construct::ColumnAliases.refuse(table);
    let mut names = table.columns.iter();
    if names.len() == 0 {
        return Ok(());
    }
    let mut body = query.body.as_mut();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let SetExpr::Select(select) = body else { return Err(refused()) };
    if select.projection.len() != names.len() {
        return Err(refused());
    }
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = &*item else {
            return Err(refused());
        };
        let column = names.next().filter(|column| column.data_type.is_none()).ok_or_else(refused)?;
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: column.name.clone() };
    }
    Ok(())
}
