//! Functions of columns ([`super::home`]) as columns of their own: wherever one stands in a query, a column of the same
//! name stands there afterwards, which the owner's stage computes beside those that the table has. So what holds for
//! columns holds for them: groups, keys of joins, conditions, aggregates. So it is with window functions over rows
//! ([`super::windowed`]), and with what an aggregate computes of them ([`super::row_arithmetic`]); of tables of several
//! datasets these are computed on shares.

use std::{collections::BTreeSet, ops::ControlFlow};

use contract::{Column, ColumnType, terms::Use};
use datafusion::sql::sqlparser::{
    ast::{Expr, Function as Call, Ident, Query, Select, SetExpr, Statement, VisitMut, VisitorMut},
    dialect::GenericDialect,
    parser::Parser,
};

use super::{
    Function, across, from,
    home::{self, Home},
    names::normalised,
    nested::Written,
    row_arithmetic::Arithmetic,
    timestamps, units,
    usage::{Origin, Uses},
    windowed::{self, Rows, Windowed},
};
use crate::{Construct, Refused, Table};

/// A column that its owner computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Computed {
    /// Of which table.
    pub(super) table: String,
    pub(super) of: Made,
}

/// How it is computed. What is of other computed columns stands after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Of one row.
    Home(Home),
    /// Which rows a window function runs over.
    Rows(Rows),
    /// Of several rows.
    Windowed(Windowed),
    /// Of one row, some of which was.
    Arithmetic(Arithmetic),
}

impl Computed {
    /// The name of the column that stands in the query.
    pub(super) fn name(&self) -> String {
        match &self.of {
            Made::Home(of) => of.name(),
            Made::Rows(of) => of.name(),
            Made::Windowed(of) => of.name(),
            Made::Arithmetic(of) => of.to_string(),
        }
    }

    /// The column that stands in the query.
    pub(super) fn origin(&self) -> Origin {
        (self.table.clone(), self.name())
    }

    /// The columns that it is computed of, of its table.
    pub(super) fn own(&self) -> BTreeSet<String> {
        match &self.of {
            Made::Home(of) => of.columns().into_iter().cloned().collect(),
            Made::Rows(of) => of.read.clone(),
            Made::Windowed(of) => of.columns().into_iter().cloned().collect(),
            Made::Arithmetic(of) => of.columns().into_iter().cloned().collect(),
        }
    }

    /// It, made of its table's own columns, of one row.
    pub(super) fn column(&self, own: &[Column]) -> Result<Column, Refused> {
        match &self.of {
            Made::Home(of) => of.column(own),
            Made::Rows(_) | Made::Windowed(_) | Made::Arithmetic(_) => {
                Err(Construct::RowWindowTables.refuse(&self.name()))
            }
        }
    }

    /// The columns that it is computed of.
    pub(super) fn columns(&self) -> BTreeSet<Origin> {
        self.own().into_iter().map(|column| (self.table.clone(), column)).collect()
    }

    /// Whether other rows are in it.
    pub(super) fn is_across(&self) -> bool {
        matches!(self.of, Made::Windowed(_) | Made::Arithmetic(_))
    }

    /// As [`Home::is_cut`].
    pub(super) fn is_cut(&self) -> bool {
        matches!(&self.of, Made::Home(of) if of.is_cut())
    }
}

/// The columns whose values the query cuts where it wants, of which some are `known`, and what is made of them.
pub(super) fn cuts(computed: &[Computed], known: BTreeSet<String>) -> BTreeSet<String> {
    let mut cuts = known;
    // What is made of others comes after them.
    for one in computed {
        if one.is_cut() || !one.own().is_disjoint(&cuts) {
            cuts.insert(one.name());
        }
    }
    cuts
}

/// Puts columns in place of functions; which ones, and of which tables. Without tables nothing is known of their columns,
/// and nothing is computed.
pub(super) fn replace(
    statement: &mut Statement,
    tables: &[Table],
    nested: Option<&Written>,
) -> Result<Vec<Computed>, Refused> {
    let mut functions = Functions { tables, nested, scopes: Vec::new(), found: Vec::new() };
    match statement.visit(&mut functions) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(functions.found),
    }
}

struct Functions<'t> {
    tables: &'t [Table],
    /// The groups that one of these is.
    nested: Option<&'t Written>,
    /// For each query around, its tables under the names that columns are qualified by.
    scopes: Vec<Vec<(String, &'t Table)>>,
    found: Vec<Computed>,
}

impl VisitorMut for Functions<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        if matches!(*query.body, SetExpr::SetOperation { .. }) {
            for select in sides(&mut query.body) {
                self.scopes.push(named_tables(select, self.tables));
                let done = select.visit(self);
                self.scopes.pop();
                done?;
            }
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
        let name = Ident::with_quote('"', of.name());
        if !self.tables.is_empty() {
            let table = self.having(&of, qualifier.as_ref());
            if of.is_conversion() && !table.as_ref().is_some_and(|table| self.is_timestamp(&of, table)) {
                // Of a result's column, or one that is refused.
                return ControlFlow::Continue(());
            }
            let Some(table) = table else {
                return ControlFlow::Break(Refused::Unqualified(expr.to_string()));
            };
            self.enter(Computed { table, of: Made::Home(of) });
        }
        *expr = match qualifier {
            Some(table) => Expr::CompoundIdentifier(vec![table, name]),
            None => Expr::Identifier(name),
        };
        ControlFlow::Continue(())
    }

    /// What stands within is replaced by then.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        let replaced = match &*expr {
            Expr::Nested(inner) if self.is_across(inner) => Some(inner.as_ref().clone()),
            Expr::Function(call) => match windowed::mark(expr) {
                Some((call, rows)) => match self.windowed(call, rows) {
                    Ok(column) => Some(column),
                    Err(refused) => return ControlFlow::Break(refused),
                },
                None if is_aggregate(call) => return self.arithmetic(expr),
                None => None,
            },
            _ => None,
        };
        if let Some(replaced) = replaced {
            *expr = replaced;
        }
        ControlFlow::Continue(())
    }
}

/// Whether a call is an aggregate's, and not over a window.
pub(super) fn is_aggregate(call: &Call) -> bool {
    call.over.is_none() && Function::named(&call.name.to_string().to_lowercase()).is_some()
}

impl<'t> Functions<'t> {
    fn is_timestamp(&self, of: &Home, table: &str) -> bool {
        let known = self.tables.iter().find(|known| known.name == table);
        known.and_then(|table| table.datasets.first()).is_some_and(|source| of.fits(&source.schema.columns))
    }

    fn enter(&mut self, computed: Computed) {
        if !self.found.contains(&computed) {
            self.found.push(computed);
        }
    }

    fn is_computed(&self, name: &str) -> bool {
        self.found.iter().any(|one| one.name() == name)
    }

    /// Whether an expression is a column that is computed across rows.
    fn is_across(&self, expr: &Expr) -> bool {
        let name = windowed::column_name(expr);
        name.is_some_and(|name| self.found.iter().any(|one| one.is_across() && one.name() == name))
    }

    /// The column in place of a window function.
    fn windowed(&mut self, call: &Call, rows: Option<&Expr>) -> Result<Expr, Refused> {
        let table = match self.scopes.last().map(Vec::as_slice) {
            Some([(_, table)]) => Some(*table),
            Some([_, _, ..]) => return Err(Construct::RowWindowTables.refuse(call)),
            // A table that is not known is refused later.
            _ => None,
        };
        let rows = match (table, rows.map(windowed::unqualified)) {
            (Some(table), Some(rows)) => {
                // As the same condition of the query will be.
                let tables = extended(self.tables, &self.found)?;
                let rows = timestamps::converted(&rows, &table.name, &tables)?;
                Some(units::converted(&rows, &table.name, &tables)?)
            }
            (_, rows) => rows,
        };
        let of = windowed::read(call, rows.as_ref(), &|name| self.is_computed(name))?;
        let name = Ident::with_quote('"', of.name());
        let table = table.map(|table| table.name.clone()).unwrap_or_default();
        if let Some(rows) = &of.rows {
            self.enter(Computed { table: table.clone(), of: Made::Rows(rows.clone()) });
        }
        self.enter(Computed { table, of: Made::Windowed(of) });
        Ok(Expr::Identifier(name))
    }

    /// The table of a column that may be computed on shares.
    fn on_shares(&self, name: &str) -> Option<String> {
        let across = self.found.iter().find(|one| one.is_across() && one.name() == name);
        let of_groups = self.nested.filter(|nested| nested.is_aggregate(name));
        across.map(|one| one.table.clone()).or_else(|| of_groups.map(|nested| nested.made.clone()))
    }

    /// Puts columns in place of what an aggregate computes of window functions, or of groups' aggregates.
    fn arithmetic(&mut self, aggregate: &mut Expr) -> ControlFlow<Refused> {
        struct Steps<'a, 't>(&'a mut Functions<'t>);
        impl VisitorMut for Steps<'_, '_> {
            type Break = Refused;

            fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
                let functions = &mut *self.0;
                if !matches!(expr, Expr::BinaryOp { .. } | Expr::UnaryOp { .. } | Expr::Nested(_)) {
                    return ControlFlow::Continue(());
                }
                let read = Arithmetic::read(expr, &|name| functions.is_computed(name));
                let Some(of @ Arithmetic::Both(..)) = read else { return ControlFlow::Continue(()) };
                let columns = of.columns();
                let Some(table) = columns.into_iter().find_map(|name| functions.on_shares(name)) else {
                    return ControlFlow::Continue(());
                };
                *expr = Expr::Identifier(Ident::with_quote('"', of.to_string()));
                functions.enter(Computed { table, of: Made::Arithmetic(of) });
                ControlFlow::Continue(())
            }
        }
        aggregate.visit(&mut Steps(self))
    }

    /// The tables of a SELECT; of a set operation those of its first one, of which its result has the names.
    fn entered(&self, body: &SetExpr) -> Vec<(String, &'t Table)> {
        match body {
            SetExpr::Select(select) => named_tables(select, self.tables),
            SetExpr::SetOperation { left, .. } => self.entered(left),
            _ => Vec::new(),
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

/// The SELECTs of a set operation, to be gone through each by itself: no side sees another one's tables.
pub(super) fn sides(body: &mut SetExpr) -> Vec<&mut Select> {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            let mut all = sides(left);
            all.extend(sides(right));
            all
        }
        SetExpr::Select(select) => vec![select],
        // A query of its own.
        _ => Vec::new(),
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
    for one in computed {
        let name = one.name();
        let has = |table: &&Table| table.datasets.iter().any(|source| source.schema.column(&name).is_some());
        if let Some(table) = tables.iter().find(has) {
            return Err(Refused::Meaning(format!(
                "table `{}` has a column that is called like a function, `{name}`",
                table.name
            )));
        }
    }
    for table in &mut tables {
        let own: Vec<&Computed> = computed.iter().filter(|one| one.table == table.name).collect();
        // Windows run over the rows of all datasets together.
        let rows = table.datasets.iter().fold(0_u64, |sum, source| sum.saturating_add(source.rows));
        for source in &mut table.datasets {
            for one in &own {
                let columns = &source.schema.columns;
                let column = match &one.of {
                    Made::Home(of) => of.column(columns)?,
                    Made::Rows(of) => Column::new(of.name(), ColumnType::Boolean),
                    Made::Windowed(of) => of.column(columns, rows)?,
                    Made::Arithmetic(of) => of.column(columns)?,
                };
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
    let is_strict = |one: &Computed| match &one.of {
        Made::Home(of) => of.is_strict(),
        Made::Rows(_) | Made::Windowed(_) | Made::Arithmetic(_) => true,
    };
    let differs = |table: &str| computed.iter().find(|one| one.table == table && !is_strict(one));
    match lacking.find_map(differs) {
        Some(one) => Err(Construct::OuterCase.refuse(&one.name())),
        None => Ok(()),
    }
}

/// The uses of computed columns as uses of what they are computed of. Who writes the function chooses what of a value
/// counts, so that all of them are conditions, too, but for groups: whose values may be shown, may be shown in part.
pub(super) fn traced(mut uses: Uses, computed: &[Computed]) -> Uses {
    // What is made of others comes after them.
    for one in computed.iter().rev() {
        let Some(columns) = uses.get_mut(&one.table) else { continue };
        let Some(mut made) = columns.remove(&one.name()) else { continue };
        if let Made::Windowed(of) = &one.of {
            for (column, made) in across::uses(of, &made) {
                columns.entry(column).or_default().extend(made);
            }
            continue;
        }
        if made != BTreeSet::from([Use::Group]) {
            made.insert(Use::Filter);
        }
        if let Made::Arithmetic(of) = &one.of
            && of.has_product()
        {
            made.insert(Use::Product);
        }
        for column in one.own() {
            columns.entry(column).or_default().extend(&made);
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
