//! Functions of columns ([`super::home`]) as columns of their own: wherever one stands in a query, a column of the same
//! name stands there afterwards, which the owner's stage computes beside those that the table has. So what holds for
//! columns holds for them: groups, keys of joins, conditions, aggregates.

use std::{collections::BTreeSet, ops::ControlFlow};

use contract::{Column, terms::Use};
use datafusion::sql::sqlparser::{
    ast::{Expr, Ident, Query, Select, SetExpr, Statement, VisitMut, VisitorMut},
    dialect::GenericDialect,
    parser::Parser,
};

use super::{
    from,
    home::{self, Home},
    join::OwnersColumn,
    names::normalised,
    timestamps,
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

    /// It, made of its table's own columns.
    pub(super) fn column(&self, own: &[Column]) -> Result<Column, Refused> {
        self.of.column(own)
    }

    /// The columns that it is computed of.
    pub(super) fn columns(&self) -> BTreeSet<Origin> {
        self.of.columns().iter().map(|column| (self.table.clone(), column.to_string())).collect()
    }

    /// As [`Home::is_cut`].
    pub(super) fn is_cut(&self) -> bool {
        self.of.is_cut()
    }
}

/// The columns whose values the query cuts where it wants.
pub(super) fn cuts(computed: &[Computed]) -> BTreeSet<String> {
    computed.iter().filter(|column| column.is_cut()).map(|column| column.of.name()).collect()
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
        if matches!(*query.body, SetExpr::SetOperation { .. }) {
            self.each_side(&mut query.body)?;
        }
        let scope = self.entered(&query.body);
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
            let table = self.having(&of, qualifier.as_ref());
            if of.is_conversion() && !table.as_ref().is_some_and(|table| self.is_timestamp(&of, table)) {
                // Of a result's column, or one that is refused.
                return ControlFlow::Continue(());
            }
            let Some(table) = table else {
                return ControlFlow::Break(Refused::Unqualified(expr.to_string()));
            };
            let computed = Computed { table, of: of.clone() };
            if !self.found.contains(&computed) {
                self.found.push(computed);
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
    fn is_timestamp(&self, of: &Home, table: &str) -> bool {
        let known = self.tables.iter().find(|known| known.name == table);
        known.and_then(|table| table.datasets.first()).is_some_and(|source| of.fits(&source.schema.columns))
    }

    /// The tables of a SELECT; of a set operation those of its first one, of which its result has the names.
    fn entered(&self, body: &SetExpr) -> Vec<(String, &'t Table)> {
        match body {
            SetExpr::Select(select) => named_tables(select, self.tables),
            SetExpr::SetOperation { left, .. } => self.entered(left),
            _ => Vec::new(),
        }
    }

    /// Goes through each SELECT of a set operation by itself: no side sees another one's tables.
    fn each_side(&mut self, body: &mut SetExpr) -> ControlFlow<Refused> {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.each_side(left)?;
                self.each_side(right)
            }
            SetExpr::Select(select) => {
                let scope = named_tables(select, self.tables);
                self.scopes.push(scope);
                let done = select.visit(self);
                self.scopes.pop();
                done
            }
            // A query of its own.
            _ => ControlFlow::Continue(()),
        }
    }

    /// The table whose columns a function is of: as in SQL, of the innermost query in which a table has any of them. It
    /// must have all of them, and no other table there any.
    fn having(&self, of: &Home, qualifier: Option<&Ident>) -> Option<String> {
        let wanted = qualifier.map(normalised);
        let has = |table: &Table, column: &str| {
            let source = table.datasets.first();
            source.is_some_and(|source| source.schema.column(column).is_some())
        };
        let columns = of.columns();
        for scope in self.scopes.iter().rev() {
            let called = scope.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
            let mut with_any = called.filter(|(_, table)| columns.iter().any(|column| has(table, column)));
            if let Some((_, table)) = with_any.next() {
                let is_only = with_any.next().is_none();
                let is_whole = columns.iter().all(|column| has(table, column));
                return (is_only && is_whole).then(|| table.name.clone());
            }
        }
        None
    }
}

/// The tables of a SELECT's FROM that are known, under the names that columns are qualified by.
pub(super) fn named_tables<'t>(select: &Select, tables: &'t [Table]) -> Vec<(String, &'t Table)> {
    let joined = select.from.iter().flat_map(|table| table.joins.iter().map(|join| &join.relation));
    let all = select.from.iter().map(|table| &table.relation).chain(joined);
    // What is no table's name is refused later.
    let named = all.filter_map(|relation| from::named(relation).ok());
    let known = named.map(|named| (named.name, tables.iter().find(|table| table.name == named.table)));
    known.filter_map(|(name, table)| Some((name, table?))).collect()
}

/// The tables, with what their owners compute beside their own columns.
pub(super) fn extended(tables: &[Table], computed: &[Computed]) -> Result<Vec<Table>, Refused> {
    let mut tables = tables.to_vec();
    // Of any table: within a subquery the name would be its column.
    for Computed { of, .. } in computed {
        let name = of.name();
        let has = |table: &&Table| table.datasets.iter().any(|source| source.schema.column(&name).is_some());
        if let Some(table) = tables.iter().find(has) {
            return Err(Refused::Meaning(format!(
                "table `{}` has a column that is called like a function, `{name}`",
                table.name
            )));
        }
    }
    for table in &mut tables {
        for source in &mut table.datasets {
            let own = source.schema.columns.clone();
            for Computed { of, .. } in computed.iter().filter(|one| one.table == table.name) {
                source.schema.columns.push(of.column(&own)?);
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

/// A query's functions as stages write them, and what is compared with timestamps as such, for who runs it over all rows in one place. Not by way of the query's text: a
/// text with quotes may read back as another one.
pub(crate) fn spelled_out(statement: &mut Statement, tables: &[Table]) -> Result<(), Refused> {
    struct Spells;
    impl VisitorMut for Spells {
        type Break = Refused;

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
            let Some((of, qualifier)) = home::call(expr) else { return ControlFlow::Continue(()) };
            if matches!(of, Home::Joined { skips_null: false, .. } | Home::Shifted(..) | Home::Day(_)) {
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
    timestamps::canonical(statement)?;
    match statement.visit(&mut Spells) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => timestamps::compared(statement, tables),
    }
}
