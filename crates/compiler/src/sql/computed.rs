//! Functions of columns ([`super::home`]) as columns of their own: wherever one stands in a query, a column of the same
//! name stands there afterwards, which the owner's stage computes beside those that the table has. So what holds for
//! columns holds for them: groups, keys of joins, conditions, aggregates.

use std::{collections::BTreeSet, ops::ControlFlow};

use contract::terms::Use;
use datafusion::sql::sqlparser::{
    ast::{Expr, Ident, Query, SetExpr, Statement, TableFactor, VisitMut, VisitorMut},
    dialect::GenericDialect,
    parser::Parser,
};

use super::{
    home::{self, Home},
    join::OwnersColumn,
    names::normalised,
    unfold,
    usage::{Origin, Uses},
};
use crate::{Construct, Refused, Table};

/// A column that its owner computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Computed {
    /// Of which table.
    table: String,
    of: Home,
}

impl Computed {
    /// The column that stands in the query.
    pub(super) fn origin(&self) -> Origin {
        (self.table.clone(), self.of.name())
    }

    /// The columns that it is computed of.
    pub(super) fn columns(&self) -> BTreeSet<Origin> {
        self.of.columns().iter().map(|column| (self.table.clone(), column.to_string())).collect()
    }
}

/// Puts columns in place of functions; which ones, and of which tables. Without tables nothing is known of their columns,
/// and nothing is computed.
pub(super) fn replace(statement: &mut Statement, tables: &[Table]) -> Result<Vec<Computed>, Refused> {
    let mut functions = Functions { tables, scopes: Vec::new(), found: Vec::new() };
    match statement.visit(&mut functions) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(functions.found),
    }
}

struct Functions<'t> {
    tables: &'t [Table],
    /// For each query around, its tables under the names that columns are qualified by.
    scopes: Vec<Vec<(String, &'t Table)>>,
    found: Vec<Computed>,
}

impl VisitorMut for Functions<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        let mut scope = Vec::new();
        self.enter(&query.body, &mut scope);
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Refused> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        let Some((of, qualifier)) = home::call(expr) else { return ControlFlow::Continue(()) };
        if !self.tables.is_empty() {
            let tables = self.having(&of, qualifier.as_ref());
            if tables.is_empty() {
                return ControlFlow::Break(Refused::Unqualified(expr.to_string()));
            }
            for table in tables {
                let computed = Computed { table, of: of.clone() };
                if !self.found.contains(&computed) {
                    self.found.push(computed);
                }
            }
        }
        let name = Ident::with_quote('"', of.name());
        *expr = match qualifier {
            Some(table) => Expr::CompoundIdentifier(vec![table, name]),
            None => Expr::Identifier(name),
        };
        ControlFlow::Continue(())
    }
}

impl<'t> Functions<'t> {
    fn enter(&self, body: &SetExpr, scope: &mut Vec<(String, &'t Table)>) {
        match body {
            SetExpr::Select(select) => {
                let joined =
                    select.from.iter().flat_map(|table| table.joins.iter().map(|join| &join.relation));
                for relation in select.from.iter().map(|table| &table.relation).chain(joined) {
                    let TableFactor::Table { name, .. } = relation else { continue };
                    let known = self.tables.iter().find(|table| table.name == name.to_string());
                    let called = unfold::called(relation).map(|called| normalised(&called));
                    scope.extend(called.zip(known));
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.enter(left, scope);
                self.enter(right, scope);
            }
            _ => {}
        }
    }

    /// The tables that have all columns of a function, of the innermost query in which there are any.
    fn having(&self, of: &Home, qualifier: Option<&Ident>) -> Vec<String> {
        let wanted = qualifier.map(normalised);
        for scope in self.scopes.iter().rev() {
            let called = scope.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
            let has_all = called.filter(|(_, table)| {
                let schema = table.datasets.first().map(|source| &source.schema);
                let has = |column: &&String| schema.is_some_and(|schema| schema.column(column).is_some());
                of.columns().iter().all(has)
            });
            let tables: Vec<String> = has_all.map(|(_, table)| table.name.clone()).collect();
            if !tables.is_empty() {
                return tables;
            }
        }
        Vec::new()
    }
}

/// The tables, with what their owners compute beside their own columns.
pub(super) fn extended(tables: &[Table], computed: &[Computed]) -> Result<Vec<Table>, Refused> {
    let mut tables = tables.to_vec();
    for table in &mut tables {
        for source in &mut table.datasets {
            let own = source.schema.columns.clone();
            for Computed { of, .. } in computed.iter().filter(|one| one.table == table.name) {
                let column = of.column(&own)?;
                if source.schema.column(&column.name).is_some() {
                    return Err(Refused::Meaning(format!(
                        "table `{}` has a column that is called like a function, `{}`",
                        table.name, column.name
                    )));
                }
                source.schema.columns.push(column);
            }
        }
    }
    Ok(tables)
}

/// What an owner computes of a row is NULL where an outer join lacks the row; SQL computes after the join, and CONCAT makes
/// a text of NULL.
pub(super) fn check_outer<'t>(
    mut lacking: impl Iterator<Item = &'t str>,
    computed: &[Computed],
) -> Result<(), Refused> {
    let differs = |table: &str| computed.iter().find(|one| one.table == table && !one.of.is_strict());
    match lacking.find_map(differs) {
        Some(one) => Err(Construct::OuterCase.refuse(&one.of.name())),
        None => Ok(()),
    }
}

/// What is computed of a table.
pub(super) fn of_table(table: &str, computed: &[Computed]) -> Vec<OwnersColumn> {
    let own = computed.iter().filter(|one| one.table == table);
    let column = |Computed { of, .. }: &Computed| OwnersColumn {
        name: of.name(),
        sql: of.sql(None),
        of: of.columns().into_iter().cloned().collect(),
    };
    own.map(column).collect()
}

/// The uses of computed columns as uses of what they are computed of. Who writes the function chooses what of a value
/// counts, so that all of them are conditions, too, but for groups: whose values may be shown, may be shown in part.
pub(super) fn traced(mut uses: Uses, computed: &[Computed]) -> Uses {
    for Computed { table, of } in computed {
        let Some(columns) = uses.get_mut(table) else { continue };
        let Some(mut made) = columns.remove(&of.name()) else { continue };
        if made != BTreeSet::from([Use::Group]) {
            made.insert(Use::Filter);
        }
        for column in of.columns() {
            columns.entry(column.clone()).or_default().extend(&made);
        }
    }
    uses
}

/// A query's functions as stages write them, for who runs it over all rows in one place. Not by way of the query's text: a
/// text with quotes may read back as another one.
pub(crate) fn spelled_out(statement: &mut Statement) -> Result<(), Refused> {
    struct Spells;
    impl VisitorMut for Spells {
        type Break = Refused;

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
            let Some((of, qualifier)) = home::call(expr) else { return ControlFlow::Continue(()) };
            if matches!(of, Home::Joined { skips_null: false, .. } | Home::Shifted(..)) {
                // It is planned as it is; its parts come next.
                return ControlFlow::Continue(());
            }
            let sql = of.sql(qualifier.as_ref());
            let parsed =
                Parser::new(&GenericDialect {}).try_with_sql(&sql).and_then(|mut it| it.parse_expr());
            match parsed {
                Ok(spelled) => *expr = spelled,
                Err(error) => return ControlFlow::Break(Refused::Syntax(error.to_string())),
            }
            ControlFlow::Continue(())
        }
    }
    match statement.visit(&mut Spells) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}
