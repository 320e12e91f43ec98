//! Window functions over the rows of several owners, which are computed on shares ([`crate::windows`]): what of a query is
//! decided there and what at home.
//!
//! Columns that window functions make are columns of the table to everything that reads the query, as those are that one
//! owner computes of its own rows ([`super::windowed`]). What is taken apart here is which of them are computed at home,
//! each of its own row, and which on shares; and the conditions of WHERE, of which those that read a column of the second
//! kind are decided on shares ([`super::row_test`]).

use std::collections::BTreeSet;

use contract::{Column, ColumnType};
use datafusion::sql::sqlparser::ast::Expr;

use super::{
    Relation,
    argument::{Argument, identifier},
    computed::{Computed, Made},
    join::{self, row_number},
    query::{Function, Query},
    row_arithmetic::Arithmetic,
    row_test::{Reader, RowTests},
    told::{self, Told, told},
    windowed::{self, Frame, WindowFunction, Windowed},
};
use crate::{Construct, Refused, Table};

/// The side of group columns that are computed on shares; the table's own are on side 0.
pub(crate) const ON_SHARES: usize = 1;

/// What is computed of several owners' rows.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// In an order in which each reads columns of the table and earlier ones.
    pub(crate) columns: Vec<Shared>,
    /// The table's columns and all that are computed.
    pub(crate) known: Vec<Column>,
    /// The conditions of WHERE that read any of these columns.
    pub(crate) tests: RowTests,
    /// The conditions that say which rows have a part in them, as SQL.
    pub(crate) across: BTreeSet<String>,
    /// The columns in which values of other rows are.
    carrying: BTreeSet<String>,
    /// The windows that the query tells of.
    pub(crate) told: BTreeSet<Told>,
    /// Whether it tells of parts of which others come out than are counted on shares.
    pub(crate) is_loose: bool,
}

/// A column that is computed on shares.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) of: Step,
}

/// How it is computed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Rows that ORDER BY leaves open follow by these columns.
    Window {
        of: Windowed,
        ties: Vec<String>,
    },
    Arithmetic(Arithmetic),
}

impl Windows {
    /// Of a table of several owners with windows over it; the relation keeps what is decided at home.
    pub(super) fn take(
        relation: &mut Relation,
        table: &Table,
        computed: &[Computed],
        ties: &[Vec<String>],
        filter: &[Expr],
        query: &mut Query,
    ) -> Result<Option<Self>, Refused> {
        let is_shared = |name: &str| {
            relation.computed.iter().any(|column| column.name == name && !column.across.is_empty())
        };
        if table.datasets.len() < 2 || !relation.computed.iter().any(|column| is_shared(&column.name)) {
            return Ok(None);
        }
        if relation.stacked.is_some() {
            return Err(Construct::RowWindowOwners.refuse(&format!("beside UNION ALL: {}", table.name)));
        }
        let known = table.datasets.first().map_or_else(Vec::new, |source| source.schema.columns.clone());
        let mut columns = Vec::new();
        let own = computed.iter().zip(ties).filter(|(one, _)| one.table == table.name);
        for (one, ties) in own.filter(|(one, _)| is_shared(&one.name())) {
            columns.push(Shared { name: one.name(), of: step(one, ties, table)? });
        }
        let mut reader = Reader::new(&known, &is_shared, Construct::RowWindowOwners);
        let mut at_home = Vec::new();
        for condition in filter {
            if !reader.take(condition)? {
                at_home.push(condition.to_string());
            }
        }
        let tests = reader.finish();
        let across = relation.computed.iter().flat_map(|column| &column.across).cloned().collect();
        let carrying = relation.computed.iter().filter(|column| column.carries);
        let carrying = carrying.map(|column| column.name.clone()).collect();
        let told: BTreeSet<Told> = told(&relation.computed, query).into_iter().cloned().collect();
        let all_come_out = tests.tests.is_empty() && across == BTreeSet::from([condition(filter)]);
        let is_loose = told::is_loose(&told, query, all_come_out);
        let windows = Self { columns, known, tests, across, carrying, told, is_loose };
        windows.check_query(query)?;
        windows.check_columns()?;
        for key in &mut query.keys {
            key.side = if windows.has(&key.column.name) { ON_SHARES } else { key.side };
        }
        relation.filter = join::all(&at_home);
        relation.computed.retain(|column| column.across.is_empty());
        Ok(Some(windows))
    }

    /// Whether a column is computed on shares.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// Whether an argument is taken of what is computed on shares.
    pub(crate) fn reads(&self, argument: &Argument) -> bool {
        argument.columns.iter().any(|name| self.has(name))
    }

    /// Whether values of other rows are in an argument.
    pub(crate) fn carries(&self, argument: &Argument) -> bool {
        argument.columns.iter().any(|name| self.carrying.contains(name))
    }

    /// The mean that a column is, if it is one.
    pub(crate) fn is_mean(&self, name: &str) -> bool {
        let found = self.columns.iter().find(|column| column.name == name);
        let function = found.and_then(|column| match &column.of {
            Step::Window { of, .. } => Some(&of.function),
            Step::Arithmetic(_) => None,
        });
        function == Some(&WindowFunction::Avg)
    }

    /// The conditions under which windows run over a row, by the columns that say of each whether it does.
    pub(crate) fn rows(&self) -> BTreeSet<Option<String>> {
        let rows = self.columns.iter().filter_map(|column| match &column.of {
            Step::Window { of, .. } => Some(of.rows_name()),
            Step::Arithmetic(_) => None,
        });
        rows.collect()
    }

    /// The columns that owners share of each row, to be computed with.
    pub(crate) fn shared(&self) -> Vec<&Column> {
        let mut names = BTreeSet::new();
        for column in &self.columns {
            match &column.of {
                Step::Window { of, ties } => {
                    names.extend(of.columns());
                    names.extend(ties);
                }
                Step::Arithmetic(of) => names.extend(of.columns()),
            }
        }
        names.extend(&self.tests.columns);
        self.known.iter().filter(|column| names.contains(&column.name) && !self.has(&column.name)).collect()
    }

    /// Refuses what is computed at home of each row, or in an order of all values, where it is to be of what is computed on
    /// shares.
    fn check_query(&self, query: &Query) -> Result<(), Refused> {
        let refused = |what: &str| Err(Construct::RowWindowOwners.refuse(&what));
        if !query.has_public_groups {
            return refused("groups that are not public");
        }
        for aggregate in &query.aggregates {
            if matches!(aggregate.function, Function::CountDistinct | Function::Quantile(_)) {
                return refused(&aggregate.shown());
            }
            let both: Vec<&Argument> = aggregate.argument.iter().chain(&aggregate.second).collect();
            for argument in both.iter().filter(|argument| self.reads(argument)) {
                let [name] = argument.columns.iter().collect::<Vec<_>>()[..] else {
                    return refused(&aggregate.shown());
                };
                let is_itself = argument.presence == identifier(name) && argument.foreign.is_none();
                if !is_itself || both.len() > 1 || self.is_mean(name) {
                    return refused(&aggregate.shown());
                }
            }
        }
        Ok(())
    }

    /// Refuses columns that integers do not stand for.
    fn check_columns(&self) -> Result<(), Refused> {
        let is_float = |column: &&&Column| matches!(column.kind, ColumnType::Float { .. });
        if let Some(column) = self.shared().iter().find(is_float) {
            return Err(Construct::RowWindowOwners.refuse(&format!("the float {}", column.name)));
        }
        let read = |column: &Shared| match &column.of {
            Step::Window { of, .. } => of.columns().into_iter().cloned().collect::<Vec<_>>(),
            Step::Arithmetic(of) => of.columns().into_iter().cloned().collect(),
        };
        match self.columns.iter().flat_map(read).find(|name| self.is_mean(name)) {
            Some(mean) => Err(Construct::RowWindowOwners.refuse(&mean)),
            None => Ok(()),
        }
    }
}

/// WHERE as the condition of rows that windows run over reads, if it is that alone.
fn condition(filter: &[Expr]) -> String {
    let bare = |one: &Expr| windowed::unqualified(one).to_string();
    match filter {
        [] => "TRUE".to_owned(),
        [Expr::Nested(only)] => bare(only),
        several => several.iter().map(bare).collect::<Vec<_>>().join(" AND "),
    }
}

fn step(one: &Computed, ties: &[String], table: &Table) -> Result<Step, Refused> {
    let refused = || Construct::RowWindowOwners.refuse(&one.name());
    match &one.of {
        Made::Windowed(of) => {
            let is_framed = matches!(of.frame, Frame::Rows(Some(_)));
            let is_extreme = matches!(of.function, WindowFunction::Min | WindowFunction::Max);
            let kind = of.of.as_ref().and_then(|of| {
                let columns = table.datasets.first().map(|source| source.schema.columns.as_slice());
                columns?.iter().find(|column| column.name == of.column).map(|column| column.kind)
            });
            if is_extreme && (is_framed || kind == Some(ColumnType::Text)) {
                return Err(refused());
            }
            // Rows that are equal in all that the query reads stay in one order, whichever it is.
            let number = row_number(table);
            let ties = ties.iter().filter(|column| **column != number).cloned().collect();
            Ok(Step::Window { of: of.clone(), ties })
        }
        Made::Arithmetic(of) => Ok(Step::Arithmetic(of.clone())),
        Made::Home(_) | Made::Rows(_) => Err(refused()),
    }
}
