//! Constants that are points in time. All of them are written as `TIMESTAMP(6) '2026-11-01T07:30:00'` before anything is
//! planned: DataFusion takes those without a number, texts and dates for nanoseconds, in which only the years 1677 to 2262
//! can be told, and would convert the column that they are compared with.

use std::ops::ControlFlow;

use contract::ColumnType;
use datafusion::sql::sqlparser::{
    ast::{
        BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query,
        SetExpr, Statement, TimezoneInfo, TypedString, Value, VisitMut, VisitorMut,
    },
    tokenizer::Span,
};

use super::{computed, intervals, names::normalised};
use crate::{Refused, Table, calendar, moments, refused::shortened, time_functions};

/// A constant's point in time.
pub(super) fn constant(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Nested(inner) => constant(inner),
        Expr::TypedString(TypedString { data_type, value, .. }) if *data_type == MICROSECONDS => {
            match &value.value {
                Value::SingleQuotedString(text) => moments::micros(text),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A point in time as a constant.
pub(super) fn written(at: i64) -> Expr {
    Expr::TypedString(TypedString {
        data_type: MICROSECONDS,
        value: Value::SingleQuotedString(moments::text(at)).with_span(Span::empty()),
        uses_odbc_syntax: false,
    })
}

/// To the microsecond, without a time zone.
const MICROSECONDS: DataType = DataType::Timestamp(Some(6), TimezoneInfo::None);

/// Writes `TIMESTAMP '2026-11-01 07:30'` and the like in one way.
pub(super) fn canonical(statement: &mut Statement) -> Result<(), Refused> {
    struct Constants;
    impl VisitorMut for Constants {
        type Break = Refused;

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
            let Expr::TypedString(TypedString { data_type, value, .. }) = &*expr else {
                return ControlFlow::Continue(());
            };
            let (DataType::Timestamp(digits, zone), Value::SingleQuotedString(text)) =
                (data_type, &value.value)
            else {
                return ControlFlow::Continue(());
            };
            let has_zone = !matches!(zone, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone);
            // What is finer than it says would have to be rounded.
            let unit = 10_i64.pow(6_u64.saturating_sub(digits.unwrap_or(6)) as u32);
            match read(text).filter(|at| !has_zone && at % unit == 0) {
                Some(at) => {
                    *expr = written(at);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(none(expr)),
            }
        }
    }
    match statement.visit(&mut Constants) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Texts and dates that are compared with a timestamp as the timestamps that they are.
pub(super) fn compared(statement: &mut Statement, tables: &[Table]) -> Result<(), Refused> {
    let mut timestamps = Timestamps { tables, scopes: Vec::new() };
    match statement.visit(&mut timestamps) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A condition over the rows of one table, compared so.
pub(super) fn converted(condition: &Expr, table: &str, tables: &[Table]) -> Result<Expr, Refused> {
    let table = tables.iter().find(|known| known.name == table);
    let scope = table.map(|table| (table.name.clone(), table));
    let mut timestamps = Timestamps { tables, scopes: vec![Some(scope.into_iter().collect())] };
    let mut condition = condition.clone();
    match condition.visit(&mut timestamps) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(condition),
    }
}

/// A text's point in time; that of a day is its beginning.
fn read(text: &str) -> Option<i64> {
    let text = text.trim();
    moments::micros(text).or_else(|| calendar::days(text).map(moments::midnight))
}

fn none(found: &Expr) -> Refused {
    Refused::Meaning(format!(
        "`{}` is no timestamp; write TIMESTAMP 'YYYY-MM-DD HH:MM:SS', to the microsecond and without a time zone",
        shortened(&found.to_string())
    ))
}

struct Timestamps<'t> {
    tables: &'t [Table],
    /// For each query around, its tables under the names that columns are qualified by. Of a set operation none: each of its
    /// SELECTs has its own.
    scopes: Vec<Option<Vec<(String, &'t Table)>>>,
}

impl VisitorMut for Timestamps<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        let scope = match &mut *query.body {
            SetExpr::Select(select) => Some(computed::named_tables(select, self.tables)),
            body => {
                for select in computed::sides(body) {
                    self.scopes.push(Some(computed::named_tables(select, self.tables)));
                    let done = select.visit(self);
                    self.scopes.pop();
                    done?;
                }
                None
            }
        };
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Refused> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        let operands = match expr {
            Expr::BinaryOp { left, op: Eq | NotEq | Lt | LtEq | Gt | GtEq, right }
            | Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right) => vec![&mut **left, &mut **right],
            Expr::Between { expr, low, high, .. } => vec![&mut **expr, &mut **low, &mut **high],
            Expr::InList { expr, list, .. } => std::iter::once(&mut **expr).chain(list).collect(),
            Expr::Function(call) if is_choice(&call.name.to_string()) => arguments(&mut call.args),
            _ => return ControlFlow::Continue(()),
        };
        if !operands.iter().any(|operand| self.is_timestamp(operand)) {
            return ControlFlow::Continue(());
        }
        for operand in operands {
            let at = match &*operand {
                Expr::Value(value) => match &value.value {
                    Value::SingleQuotedString(text) => match read(text) {
                        Some(at) => at,
                        None => return ControlFlow::Break(none(operand)),
                    },
                    _ => continue,
                },
                other => match intervals::date(other) {
                    Some((_, day)) => moments::midnight(day),
                    None => continue,
                },
            };
            *operand = written(at);
        }
        ControlFlow::Continue(())
    }
}

impl<'t> Timestamps<'t> {
    fn is_timestamp(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Nested(inner) => self.is_timestamp(inner),
            Expr::Identifier(column) => self.is_column(None, column),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [table, column] => self.is_column(Some(table), column),
                _ => false,
            },
            Expr::Function(call) => {
                let name = call.name.to_string().to_lowercase();
                let keeps = is_choice(&name) || ["min", "max"].contains(&name.as_str());
                let FunctionArguments::List(list) = &call.args else { return false };
                let of = |argument: &FunctionArg| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.is_timestamp(expr),
                    _ => false,
                };
                // As a stage writes them; in a query columns stand for them.
                let is_made = time_functions::keeps_type(&name) && list.args.last().is_some_and(of);
                is_made || keeps && list.args.iter().any(of)
            }
            Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => {
                matches!(**right, Expr::Interval(_)) && self.is_timestamp(left)
            }
            _ => constant(expr).is_some(),
        }
    }

    /// The innermost query that has such a column says which it is.
    fn is_column(&self, qualifier: Option<&Ident>, column: &Ident) -> bool {
        let (qualifier, column) = (qualifier.map(normalised), normalised(column));
        let mut tables = self.scopes.iter().rev().map_while(Option::as_ref).flat_map(|scope| {
            scope.iter().filter(|(name, _)| qualifier.as_ref().is_none_or(|wanted| wanted == name))
        });
        let found = tables.find_map(|(_, table)| table.datasets.first()?.schema.column(&column));
        found.is_some_and(|column| column.kind == ColumnType::Timestamp)
    }
}

/// Whether a function gives one of its arguments.
fn is_choice(name: &str) -> bool {
    ["coalesce", "nullif", "greatest", "least"].contains(&name.to_lowercase().as_str())
}

fn arguments(all: &mut FunctionArguments) -> Vec<&mut Expr> {
    let FunctionArguments::List(list) = all else { return Vec::new() };
    list.args.iter_mut().filter_map(expression).collect()
}

fn expression(argument: &mut FunctionArg) -> Option<&mut Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}
