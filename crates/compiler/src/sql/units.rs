//! Units in a query: what is added, subtracted or compared is brought to the smaller unit of the two, and what measures
//! different things is refused. A constant has the unit of what it meets; products and quotients are not followed.

use std::ops::ControlFlow;

use contract::Column;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, SetExpr, Statement, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::{computed, names::normalised};
use crate::{
    Refused, Table,
    refused::shortened,
    unit::{Conversion, Unit},
};

/// Multiplies in place where units of one kind differ.
pub(super) fn convert(statement: &mut Statement, tables: &[Table]) -> Result<(), Refused> {
    let mut units = Units { tables, scopes: Vec::new(), depth: 0, found: Vec::new() };
    match statement.visit(&mut units) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A condition over the rows of one table, multiplied so.
pub(super) fn converted(condition: &Expr, table: &str, tables: &[Table]) -> Result<Expr, Refused> {
    let table = tables.iter().find(|known| known.name == table);
    let scope = table.map(|table| (table.name.clone(), table));
    let mut units = Units { tables, scopes: vec![scope.into_iter().collect()], depth: 0, found: Vec::new() };
    let mut condition = condition.clone();
    match condition.visit(&mut units) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(condition),
    }
}

/// The values of two columns can be matched.
pub(super) fn check_same([first, second]: [&Column; 2]) -> Result<(), Refused> {
    match (Unit::of(&first.unit), Unit::of(&second.unit)) {
        (Some(x), Some(y)) if x.conversion(&y) != Some(Conversion::Same) => {
            Err(mixed(&format!("{}, {}", first.name, second.name), &x, &y))
        }
        _ => Ok(()),
    }
}

struct Units<'t> {
    tables: &'t [Table],
    /// For each query around, its tables under the names that columns are qualified by.
    scopes: Vec<Vec<(String, &'t Table)>>,
    depth: usize,
    /// Expressions that stand in none that was left, with how deep they are. Parts come before their wholes.
    found: Vec<(usize, Option<Unit>)>,
}

impl VisitorMut for Units<'_> {
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

    fn pre_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<Refused> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        let parts = self.found.iter().rposition(|(depth, _)| *depth <= self.depth).map_or(0, |last| last + 1);
        let parts: Vec<Option<Unit>> =
            self.found.split_off(parts).into_iter().map(|(_, unit)| unit).collect();
        let unit = match self.unit(expr, parts) {
            Ok(unit) => unit,
            Err(refused) => return ControlFlow::Break(refused),
        };
        self.found.push((self.depth, unit));
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

impl<'t> Units<'t> {
    fn enter(&self, body: &SetExpr, scope: &mut Vec<(String, &'t Table)>) {
        match body {
            SetExpr::Select(select) => scope.extend(computed::named_tables(select, self.tables)),
            SetExpr::SetOperation { left, right, .. } => {
                self.enter(left, scope);
                self.enter(right, scope);
            }
            _ => {}
        }
    }

    /// The innermost query that has such a column says which it is.
    fn column(&self, qualifier: Option<&Ident>, column: &Ident) -> Option<Unit> {
        let (qualifier, column) = (qualifier.map(normalised), normalised(column));
        let mut tables = self.scopes.iter().rev().flat_map(|scope| {
            scope.iter().filter(|(name, _)| qualifier.as_ref().is_none_or(|wanted| wanted == name))
        });
        let found = tables.find_map(|(_, table)| table.datasets.first()?.schema.column(&column))?;
        Unit::of(&found.unit)
    }

    /// An expression's unit, given those of its parts in the order in which they stand.
    fn unit(&self, expr: &mut Expr, mut parts: Vec<Option<Unit>>) -> Result<Option<Unit>, Refused> {
        match expr {
            Expr::Identifier(column) => Ok(self.column(None, column)),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [table, column] => Ok(self.column(Some(table), column)),
                _ => Ok(None),
            },
            Expr::Nested(_)
            | Expr::Cast { .. }
            | Expr::Subquery(_)
            | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, .. } => {
                Ok(parts.into_iter().next().flatten())
            }
            Expr::BinaryOp { left, op, right } => {
                use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, NotEq, Plus};
                if !matches!(op, Plus | Minus | Modulo | Eq | NotEq | Lt | LtEq | Gt | GtEq) {
                    return Ok(None);
                }
                let (second, first) = (parts.pop().flatten(), parts.pop().flatten());
                let unit = meet(left, op, right, first.or_else(|| second.clone()), second)?;
                Ok(unit.filter(|_| matches!(op, Plus | Minus | Modulo)))
            }
            Expr::Between { .. } | Expr::InList { .. } => alike(expr, parts).map(|_| None),
            Expr::InSubquery { .. } => {
                // What the subquery selects, and then what its conditions are made of.
                parts.truncate(2);
                alike(expr, parts).map(|_| None)
            }
            Expr::Case { operand: None, .. } => alike(expr, parts),
            Expr::Function(call) => match call.name.to_string().to_lowercase().as_str() {
                "coalesce" | "nullif" | "greatest" | "least" | "percentile_cont" => alike(expr, parts),
                "sum" | "avg" | "min" | "max" | "median" | "stddev" | "stddev_samp" | "stddev_pop"
                | "lag" | "lead" | "first_value" | "last_value" => Ok(parts.into_iter().next().flatten()),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

/// Brings both sides to one unit.
fn meet(
    left: &mut Expr,
    op: &BinaryOperator,
    right: &mut Expr,
    first: Option<Unit>,
    second: Option<Unit>,
) -> Result<Option<Unit>, Refused> {
    let (Some(x), Some(y)) = (&first, &second) else { return Ok(first) };
    match x.conversion(y) {
        Some(Conversion::Same) => Ok(first),
        Some(Conversion::First(factor)) => {
            multiply(left, factor);
            Ok(second)
        }
        Some(Conversion::Second(factor)) => {
            multiply(right, factor);
            Ok(first)
        }
        None => Err(mixed(&format!("{left} {op} {right}"), x, y)),
    }
}

fn multiply(expr: &mut Expr, factor: u64) {
    let before = std::mem::replace(expr, Expr::value(Value::Null));
    let left = match before {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Nested(_) | Expr::Function(_) => before,
        // In brackets already.
        Expr::Subquery(_) => before,
        _ => Expr::Nested(Box::new(before)),
    };
    let (left, right) = (Box::new(left), Box::new(Expr::value(Value::Number(factor.to_string(), false))));
    *expr = Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Multiply, right }));
}

/// Where nothing is multiplied, all have the same unit or none.
fn alike(expr: &Expr, parts: Vec<Option<Unit>>) -> Result<Option<Unit>, Refused> {
    let mut units = parts.into_iter().flatten();
    let Some(first) = units.next() else { return Ok(None) };
    match units.find(|unit| first.conversion(unit) != Some(Conversion::Same)) {
        Some(other) => Err(mixed(&expr.to_string(), &first, &other)),
        None => Ok(Some(first)),
    }
}

fn mixed(shown: &str, first: &Unit, second: &Unit) -> Refused {
    Refused::Units { found: shortened(shown), first: first.to_string(), second: second.to_string() }
}
