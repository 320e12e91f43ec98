//! How large a statement becomes once it is planned, by its tree alone.
//!
//! A plan has the body of a WITH name at each place that reads it, and where conditions are pushed below a SELECT each
//! column is replaced by what computes it: thirty names that read the one before twice are a plan of 2^30 tables, and sixty
//! that double a column make a sum of 2^60 terms. Here both are counted before anything is planned, each query once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr, TableFactor, Visit, Visitor};

use super::names;

/// Expressions of a statement that have others in them; each may make its tree a level deeper.
const OPERATORS_MAX: usize = 300;
/// Tables and subqueries that a query reads, also those below the names that it reads.
const RELATIONS_MAX: usize = 64;
/// Operators of a query once names and columns are replaced by what they stand for; the time to plan grows with them.
const PLANNED_MAX: usize = 15_000;
/// Of these, those of a column.
const COLUMN_MAX: usize = 3_000;
/// Names of WITH whose bodies stand in others; each is looked through twice by the one around it.
const WITHIN_MAX: usize = 6;

/// Says what a statement has too many of; `None` if it can be planned.
pub(super) fn excess(query: &Query) -> Option<String> {
    query.visit(&mut Weight::default()).break_value()
}

/// What stands for a query where its name is read.
#[derive(Clone, Copy)]
struct Size {
    relations: usize,
    operators: usize,
    /// Operators of its largest column; 1 at least.
    column: usize,
}

#[derive(Default)]
struct Weight {
    /// Operators as they are written.
    operators: usize,
    /// Queries around the one that is visited, the outermost first.
    around: Vec<Frame>,
    /// Of queries that are done, by their addresses: the tree stands still.
    sizes: BTreeMap<usize, Size>,
    /// Subqueries of a FROM that know nothing of the query around them.
    derived: BTreeSet<usize>,
}

#[derive(Default)]
struct Frame {
    /// What its WITH names.
    given: Vec<(String, usize)>,
    relations: usize,
    operators: usize,
    /// Places where a column is read.
    columns: usize,
    /// The size of the largest column that it may read.
    input: usize,
    /// Of these, the size of the largest that a query around it has.
    outer: usize,
    /// How many bodies of WITH it stands in.
    within: usize,
}

impl Frame {
    fn add(&mut self, size: Size) {
        self.relations = self.relations.saturating_add(size.relations);
        self.operators = self.operators.saturating_add(size.operators);
    }
}

impl Weight {
    fn written(&mut self, operators: usize) -> ControlFlow<String> {
        self.operators += operators;
        if self.operators > OPERATORS_MAX {
            return ControlFlow::Break(format!("a statement has {OPERATORS_MAX} operators at most"));
        }
        if let Some(frame) = self.around.last_mut() {
            frame.operators = frame.operators.saturating_add(operators);
        }
        ControlFlow::Continue(())
    }

    /// What a name of WITH stands for. One that is not done yet is not seen by what stands in it, or is read once by itself.
    fn given(&self, name: &str) -> Option<Size> {
        let names = self.around.iter().rev().flat_map(|frame| &frame.given);
        let mut sizes = names.filter(|(given, _)| given == name).filter_map(|(_, at)| self.sizes.get(at));
        sizes.next().copied()
    }

    /// The size of the largest column that a body gives.
    fn column(&self, body: &SetExpr, input: usize) -> usize {
        let item = |item: &SelectItem| match item {
            SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => column(expr, input),
            _ => input,
        };
        bodies(body)
            .into_iter()
            .map(|body| match body {
                SetExpr::Select(select) => select.projection.iter().map(item).max().unwrap_or(1),
                SetExpr::Values(values) => {
                    let cells = values.rows.iter().flat_map(|row| row.iter());
                    cells.map(|cell| column(cell, input)).max().unwrap_or(1)
                }
                SetExpr::Query(query) => self.sizes.get(&address(query)).map_or(input, |size| size.column),
                _ => input,
            })
            .max()
            .unwrap_or(1)
    }
}

impl Visitor for Weight {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let given = tables.map(|table| (names::folded(&table.alias.name), address(&table.query))).collect();
        let at = address(query);
        let (outer, within) = self.around.last().map_or((1, 0), |around| {
            let is_given = around.given.iter().any(|(_, given)| *given == at);
            let is_apart = is_given || self.derived.contains(&at);
            let outer = if is_apart { around.outer } else { around.outer.max(around.input) };
            (outer, around.within + usize::from(is_given))
        });
        if within > WITHIN_MAX {
            return ControlFlow::Break("WITH stands in too many others".to_owned());
        }
        self.around.push(Frame { given, input: outer, outer, within, ..Frame::default() });
        // Of the chain of UNION, which may be as long as the statement, nothing is visited before it is counted.
        self.written(bodies(&query.body).len() - 1)
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        let Some(frame) = self.around.pop() else { return ControlFlow::Continue(()) };
        let column = self.column(&query.body, frame.input);
        // Columns of tables stand for themselves.
        let replaced = if frame.input > 1 { frame.columns.saturating_mul(frame.input) } else { 0 };
        let operators = frame.operators.saturating_add(replaced);
        let size = Size { relations: frame.relations, operators, column };
        if size.relations > RELATIONS_MAX {
            let message =
                format!("a statement reads {RELATIONS_MAX} tables at most, those of WITH at each place");
            return ControlFlow::Break(message);
        }
        if operators > PLANNED_MAX || column > COLUMN_MAX {
            return ControlFlow::Break(
                "columns are computed from others that are computed too often".to_owned(),
            );
        }
        let at = address(query);
        self.sizes.insert(at, size);
        let Some(around) = self.around.last_mut() else { return ControlFlow::Continue(()) };
        if around.given.iter().any(|(_, given)| *given == at) {
            return ControlFlow::Continue(());
        }
        around.add(size);
        if self.derived.contains(&at) {
            around.input = around.input.max(column);
        } else {
            // What stands in an expression may read columns of both.
            around.columns = around.columns.saturating_add(frame.columns);
            around.input = around.input.max(frame.input).max(column);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        let named = match factor {
            TableFactor::Table { name, .. } => match names::parts(name).as_slice() {
                [name] => self.given(name),
                _ => None,
            },
            TableFactor::Derived { lateral: false, subquery, .. } => {
                self.derived.insert(address(subquery));
                None
            }
            _ => None,
        };
        if let Some(frame) = self.around.last_mut() {
            frame.relations = frame.relations.saturating_add(1);
            if let Some(size) = named {
                frame.add(size);
                frame.input = frame.input.max(size.column);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        match kind(expr) {
            Kind::Constant => ControlFlow::Continue(()),
            Kind::Column => {
                if let Some(frame) = self.around.last_mut() {
                    frame.columns += 1;
                }
                ControlFlow::Continue(())
            }
            Kind::Operator => self.written(1),
        }
    }
}

enum Kind {
    Constant,
    Column,
    Operator,
}

fn kind(expr: &Expr) -> Kind {
    match expr {
        // How many brackets stand in others is what the parser counts.
        Expr::Value(_) | Expr::TypedString(_) | Expr::Nested(_) => Kind::Constant,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Kind::Column,
        _ => Kind::Operator,
    }
}

/// Operators of an expression whose columns have so many.
fn column(expr: &Expr, input: usize) -> usize {
    #[derive(Default)]
    struct Count {
        operators: usize,
        columns: usize,
    }
    impl Visitor for Count {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match kind(expr) {
                Kind::Constant => {}
                Kind::Column => self.columns += 1,
                Kind::Operator => self.operators += 1,
            }
            ControlFlow::Continue(())
        }
    }
    let mut count = Count::default();
    let _ = expr.visit(&mut count);
    count.operators.saturating_add(count.columns.saturating_mul(input)).max(1)
}

/// What UNION, INTERSECT and EXCEPT stand between.
fn bodies(body: &SetExpr) -> Vec<&SetExpr> {
    let (mut open, mut bodies) = (vec![body], Vec::new());
    while let Some(body) = open.pop() {
        match body {
            SetExpr::SetOperation { left, right, .. } => open.extend([left.as_ref(), right.as_ref()]),
            other => bodies.push(other),
        }
    }
    bodies
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}
