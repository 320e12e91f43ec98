//! Window functions over the rows of a table: columns that its owner computes at home, as functions of one row are
//! ([`super::home`]), but of what stands in other rows, too. Of several datasets they are computed on shares
//! ([`super::row_windows`]).
//!
//! They are written in a subquery of FROM. What it selects is put in place of its names by [`super::unfold`], which first
//! marks each window function with the subquery's condition: windows run over the rows for which that holds, and only then
//! does the query's own condition choose among them.
//!
//! SQL leaves open in which order rows stand that ORDER BY does not tell apart, so that a row's number could be another one
//! in each run. Here they follow by the other columns that the query reads, in the order of the table's columns,
//! ascending, NULL last: rows that are equal in all of these are the same to the query, whatever their order.

use std::{collections::BTreeSet, fmt, ops::ControlFlow};

use datafusion::sql::sqlparser::ast::{
    Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    ObjectName, OrderByExpr, Query, Value, VisitMut, VisitorMut, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};

use super::{argument::shown, identifier, names::normalised, predicate};
use crate::{Construct, Refused};

/// A window function, with the rows that it runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windowed {
    pub(crate) function: WindowFunction,
    /// What it is taken of; none of ROW_NUMBER, RANK, DENSE_RANK and COUNT(*).
    pub(crate) of: Option<Operand>,
    partition: Vec<Operand>,
    pub(crate) order: Vec<Term>,
    pub(crate) frame: Frame,
    /// The rows that it runs over, if not all.
    pub(crate) rows: Option<Rows>,
}

/// The rows that satisfy the condition of the subquery in which a window function stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// As SQL over the table's columns.
    pub(super) condition: String,
    /// The columns that the condition reads.
    pub(super) read: BTreeSet<String>,
}

/// The functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    RowNumber,
    Rank,
    DenseRank,
    /// LAG and LEAD: so many rows before or after. There is no default for a row that there is not: it would have a value
    /// then, and nobody would see that an aggregate leaves it out.
    Neighbour {
        is_before: bool,
        offset: u32,
    },
    FirstValue,
    LastValue,
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

/// A column, of the table or computed at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) column: String,
    pub(super) is_computed: bool,
}

/// One term of ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) of: Operand,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// Which rows of its part of the table a row's value is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// All.
    Whole,
    /// Those before it, itself, and those that ORDER BY does not tell from it.
    Peers,
    /// So many before it, or all, and itself.
    Rows(Option<u32>),
}

/// LAG and LEAD reach, and frames hold, at most so many rows.
const ROWS_MAX: u32 = 1 << 30;

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name of what is computed reads as an expression itself.
        if self.is_computed { f.write_str(&self.column) } else { f.write_str(&shown(&self.column)) }
    }
}

/// A column that a subquery selects, its window functions marked with the subquery's condition. The mark is a call of a
/// function without a name, which no text can be read as.
pub(super) fn marked(expr: &Expr, rows: Option<&Expr>) -> Expr {
    let mut expr = expr.clone();
    let _: ControlFlow<()> = expr.visit(&mut Marks { rows, depth: 0 });
    expr
}

struct Marks<'r> {
    rows: Option<&'r Expr>,
    /// Within how many marks, which are those of another subquery, or queries.
    depth: usize,
}

impl VisitorMut for Marks<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.depth += usize::from(mark(expr).is_some());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if mark(expr).is_some() {
            self.depth -= 1;
        } else if self.depth == 0 && matches!(expr, Expr::Function(call) if call.over.is_some()) {
            let argument = |expr: Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
            let args = std::iter::once(expr.clone()).chain(self.rows.cloned()).map(argument).collect();
            *expr = Expr::Function(Call {
                name: ObjectName(Vec::new()),
                uses_odbc_syntax: false,
                parameters: FunctionArguments::None,
                args: FunctionArguments::List(FunctionArgumentList {
                    duplicate_treatment: None,
                    args,
                    clauses: Vec::new(),
                }),
                filter: None,
                null_treatment: None,
                over: None,
                within_group: Vec::new(),
            });
        }
        ControlFlow::Continue(())
    }
}

/// The window function of a mark, and the condition.
pub(super) fn mark(expr: &Expr) -> Option<(&Call, Option<&Expr>)> {
    let Expr::Function(Call { name, args: FunctionArguments::List(list), .. }) = expr else { return None };
    if !name.0.is_empty() {
        return None;
    }
    let expr_of = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    let mut parts = list.args.iter().filter_map(expr_of);
    match parts.next() {
        Some(Expr::Function(call)) => Some((call, parts.next())),
        _ => None,
    }
}

/// Reads a window function over rows, whose functions of columns have become columns; `is_computed` says which. The
/// condition is over columns without their table's name.
pub(super) fn read(
    call: &Call,
    rows: Option<&Expr>,
    is_computed: &dyn Fn(&str) -> bool,
) -> Result<Windowed, Refused> {
    let refused = || Construct::RowWindow.refuse(call);
    let operand = |expr: &Expr| {
        let column = column_name(expr).ok_or_else(refused)?;
        Ok::<_, Refused>(Operand { is_computed: is_computed(&column), column })
    };
    let Some(WindowType::WindowSpec(spec)) = &call.over else { return Err(refused()) };
    let FunctionArguments::List(list) = &call.args else { return Err(refused()) };
    let is_plain = call.filter.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty()
        && call.parameters == FunctionArguments::None
        && !call.uses_odbc_syntax
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
        && spec.window_name.is_none();
    if !is_plain {
        return Err(refused());
    }
    if has_default(call, &list.args) {
        return Err(Construct::RowWindowDefault.refuse(call));
    }
    let (function, of) = function(call, &list.args).ok_or_else(refused)?;
    let frame = frame(spec).ok_or_else(refused)?;
    if function.runs_by_order() && spec.order_by.is_empty()
        || matches!(frame, Frame::Rows(_)) && spec.order_by.is_empty()
    {
        return Err(Construct::RowWindowOrder.refuse(call));
    }
    if !function.has_frame() && spec.window_frame.is_some() {
        return Err(refused());
    }
    let term = |term: &OrderByExpr| {
        if term.with_fill.is_some() {
            return Err(refused());
        }
        let descending = term.options.asc == Some(false);
        // As PostgreSQL has it: NULL is above all values.
        let nulls_first = term.options.nulls_first.unwrap_or(descending);
        Ok(Term { of: operand(&term.expr)?, descending, nulls_first })
    };
    let rows = match rows {
        Some(condition) => {
            predicate::check(condition)?;
            let mut read = BTreeSet::new();
            predicate::columns(condition, &mut |column| read.extend(column_name(column)));
            Some(Rows { condition: condition.to_string(), read })
        }
        None => None,
    };
    Ok(Windowed {
        of: of.map(operand).transpose()?,
        partition: spec.partition_by.iter().map(operand).collect::<Result<_, _>>()?,
        order: spec.order_by.iter().map(term).collect::<Result<_, _>>()?,
        function,
        frame,
        rows,
    })
}

/// A column's own name, without its table's: there is one table.
pub(super) fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(normalised(name)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [_, column] => Some(normalised(column)),
            _ => None,
        },
        Expr::Nested(inner) => column_name(inner),
        _ => None,
    }
}

/// An expression over columns without their table's name.
pub(super) fn unqualified(expr: &Expr) -> Expr {
    struct Bare;
    impl VisitorMut for Bare {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let [_, column] = parts.as_slice()
            {
                *expr = Expr::Identifier(column.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut expr = expr.clone();
    let _: ControlFlow<()> = expr.visit(&mut Bare);
    expr
}

/// Whether something stands for a row that there is not.
fn has_default(call: &Call, arguments: &[FunctionArg]) -> bool {
    let name = call.name.to_string().to_lowercase();
    matches!(name.as_str(), "lag" | "lead") && arguments.len() == 3
}

fn function<'e>(call: &Call, arguments: &'e [FunctionArg]) -> Option<(WindowFunction, Option<&'e Expr>)> {
    use WindowFunction::{Avg, Count, DenseRank, FirstValue, LastValue, Max, Min, Rank, RowNumber, Sum};
    let name = call.name.to_string().to_lowercase();
    if let ("count", [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]) = (name.as_str(), arguments) {
        return Some((Count, None));
    }
    let mut exprs = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else { return None };
        exprs.push(expr);
    }
    let neighbour = |offset: u32| WindowFunction::Neighbour { is_before: name == "lag", offset };
    Some(match (name.as_str(), exprs.as_slice()) {
        ("row_number", []) => (RowNumber, None),
        ("rank", []) => (Rank, None),
        ("dense_rank", []) => (DenseRank, None),
        ("lag" | "lead", [of]) => (neighbour(1), Some(*of)),
        ("lag" | "lead", [of, offset]) => (neighbour(number(offset)?), Some(*of)),
        ("first_value", [of]) => (FirstValue, Some(*of)),
        ("last_value", [of]) => (LastValue, Some(*of)),
        ("count", [of]) => (Count, Some(*of)),
        ("sum", [of]) => (Sum, Some(*of)),
        ("avg" | "mean", [of]) => (Avg, Some(*of)),
        ("min", [of]) => (Min, Some(*of)),
        ("max", [of]) => (Max, Some(*of)),
        _ => return None,
    })
}

fn frame(spec: &WindowSpec) -> Option<Frame> {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    let by_peers = if spec.order_by.is_empty() { Frame::Whole } else { Frame::Peers };
    let Some(WindowFrame { units, start_bound, end_bound }) = &spec.window_frame else {
        return Some(by_peers);
    };
    match (units, start_bound, end_bound.as_ref().unwrap_or(&CurrentRow)) {
        (WindowFrameUnits::Rows | WindowFrameUnits::Range, Preceding(None), Following(None)) => {
            Some(Frame::Whole)
        }
        (WindowFrameUnits::Range, Preceding(None), CurrentRow) => Some(by_peers),
        (WindowFrameUnits::Rows, Preceding(None), CurrentRow) => Some(Frame::Rows(None)),
        (WindowFrameUnits::Rows, Preceding(Some(rows)), CurrentRow) => Some(Frame::Rows(Some(number(rows)?))),
        (WindowFrameUnits::Rows, CurrentRow, CurrentRow) => Some(Frame::Rows(Some(0))),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<u32> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.to_string().parse().ok().filter(|rows| *rows <= ROWS_MAX),
            _ => None,
        },
        _ => None,
    }
}

impl WindowFunction {
    /// Whether it means nothing without ORDER BY.
    fn runs_by_order(&self) -> bool {
        !matches!(self, Self::Count | Self::Sum | Self::Avg | Self::Min | Self::Max)
    }

    pub(super) fn has_frame(&self) -> bool {
        !matches!(self, Self::RowNumber | Self::Rank | Self::DenseRank | Self::Neighbour { .. })
    }

    /// Whether it counts rows, so that no value of one row gets into another; else it carries them from row to row.
    pub(super) fn is_count(&self) -> bool {
        matches!(self, Self::RowNumber | Self::Rank | Self::DenseRank | Self::Count)
    }

    /// Whether it counts the rows with a value, or with others tells their count.
    pub(super) fn adds_up(&self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::Avg)
    }

    /// In upper case, as SQL and messages have it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::RowNumber => "ROW_NUMBER",
            Self::Rank => "RANK",
            Self::DenseRank => "DENSE_RANK",
            Self::Neighbour { is_before: true, .. } => "LAG",
            Self::Neighbour { is_before: false, .. } => "LEAD",
            Self::FirstValue => "FIRST_VALUE",
            Self::LastValue => "LAST_VALUE",
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
        }
    }
}

impl Rows {
    /// The name of the column that tells them from the others, by which they are parts of their own.
    pub(crate) fn name(&self) -> String {
        format!("rows where {}", self.condition)
    }

    /// That column, as SQL of a stage. Nothing is said of NULL, which does not satisfy a condition.
    pub(super) fn sql(&self) -> String {
        format!("CASE WHEN {} THEN TRUE ELSE FALSE END", self.condition)
    }
}

impl Windowed {
    /// The name of the column that it makes: equal texts mean the same function of the same rows.
    pub(crate) fn name(&self) -> String {
        let mut arguments: Vec<String> = self.of.iter().map(ToString::to_string).collect();
        match &self.function {
            WindowFunction::Count if self.of.is_none() => arguments.push("*".to_owned()),
            WindowFunction::Neighbour { offset, .. } => arguments.push(offset.to_string()),
            _ => {}
        }
        let mut over = Vec::new();
        if !self.partition.is_empty() {
            let columns: Vec<String> = self.partition.iter().map(ToString::to_string).collect();
            over.push(format!("partition by {}", columns.join(", ")));
        }
        if !self.order.is_empty() {
            let term = |Term { of, descending, nulls_first }: &Term| {
                let direction = if *descending { " desc" } else { "" };
                let nulls = match (descending, nulls_first) {
                    (false, true) => " nulls first",
                    (true, false) => " nulls last",
                    _ => "",
                };
                format!("{of}{direction}{nulls}")
            };
            let terms: Vec<String> = self.order.iter().map(term).collect();
            over.push(format!("order by {}", terms.join(", ")));
        }
        match self.frame {
            Frame::Whole if !self.order.is_empty() => over.push("of all rows".to_owned()),
            Frame::Rows(None) => over.push("rows unbounded preceding".to_owned()),
            Frame::Rows(Some(rows)) => over.push(format!("rows {rows} preceding")),
            Frame::Whole | Frame::Peers => {}
        }
        let rows = self.rows.as_ref().map(|rows| format!(" of {}", rows.name())).unwrap_or_default();
        let function = self.function.name().to_lowercase();
        format!("{function}({}) over ({}){rows}", arguments.join(", "), over.join(" "))
    }

    /// The column that tells the rows apart that it runs over, if not all.
    pub(crate) fn rows_name(&self) -> Option<String> {
        self.rows.as_ref().map(Rows::name)
    }

    /// How many rows of a part have a frame that would begin before it, if frames have so many.
    pub(super) fn cut(&self) -> Option<u32> {
        match (&self.function, self.frame) {
            // Its own value.
            (WindowFunction::LastValue, _) => None,
            (_, Frame::Rows(Some(rows))) => Some(rows).filter(|rows| *rows > 0),
            _ => None,
        }
    }

    /// The columns of PARTITION BY.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &String> {
        self.partition.iter().map(|of| &of.column)
    }

    /// The columns of ORDER BY.
    pub(super) fn order(&self) -> impl Iterator<Item = &String> {
        self.order.iter().map(|term| &term.of.column)
    }

    /// The columns that say where a row stands.
    pub(super) fn places(&self) -> impl Iterator<Item = &String> {
        self.parts().chain(self.order())
    }

    /// Every column that it reads, but for those of the condition, which is one of the query itself.
    pub(super) fn columns(&self) -> BTreeSet<&String> {
        self.places().chain(self.of.iter().map(|of| &of.column)).collect()
    }

    /// Whether ORDER BY may leave open what it gives.
    pub(crate) fn needs_ties(&self) -> bool {
        match self.function {
            WindowFunction::Rank | WindowFunction::DenseRank => false,
            WindowFunction::RowNumber
            | WindowFunction::Neighbour { .. }
            | WindowFunction::FirstValue
            | WindowFunction::LastValue => true,
            _ => matches!(self.frame, Frame::Rows(_)),
        }
    }

    /// SQL of a stage; rows that ORDER BY leaves open follow by `ties`. Of rows that the condition excludes it gives
    /// something, too, which no condition of the query lets through: all rows are kept, so that they can be counted.
    /// Numbers are made of the type `cast`; `exact` is what it is taken of as a type whose sums do not wrap.
    pub(super) fn sql(&self, ties: &[String], cast: Option<&str>, exact: &str) -> String {
        let of = self.of.as_ref().map_or("*".to_owned(), |of| identifier(&of.column));
        let cast = |sql: String| match cast {
            Some(kind) => format!("CAST({sql} AS {kind})"),
            None => sql,
        };
        let peers = self.order.iter().map(Term::sql).collect::<Vec<_>>();
        let all = self.in_order(ties);
        let name = self.function.name();
        match &self.function {
            WindowFunction::RowNumber => cast(format!("{name}() {}", self.over(&[], &all, ""))),
            WindowFunction::Rank | WindowFunction::DenseRank => {
                cast(format!("{name}() {}", self.over(&[], &peers, "")))
            }
            WindowFunction::Neighbour { offset, .. } => {
                format!("{name}({of}, {offset}) {}", self.over(&[], &all, ""))
            }
            WindowFunction::LastValue if self.frame == Frame::Peers => {
                // The last of those that ORDER BY does not tell apart, as they follow here.
                let within: Vec<String> = self.order.iter().map(|term| identifier(&term.of.column)).collect();
                format!("{name}({of}) {}", self.over(&within, &all, WHOLE))
            }
            WindowFunction::FirstValue | WindowFunction::LastValue => {
                // What comes first does not hang on where the frame ends.
                let frame = if self.frame == Frame::Peers { Frame::Rows(None) } else { self.frame };
                format!("{name}({of}) {}", self.over(&[], &all, &rows(frame)))
            }
            WindowFunction::Count
            | WindowFunction::Sum
            | WindowFunction::Avg
            | WindowFunction::Min
            | WindowFunction::Max => {
                let over = match self.frame {
                    Frame::Whole => self.over(&[], &[], ""),
                    Frame::Peers => {
                        self.over(&[], &peers, "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")
                    }
                    Frame::Rows(_) => self.over(&[], &all, &rows(self.frame)),
                };
                match self.function {
                    // A mean is one quotient of exact numbers: it does not hang on the order in which they are added up.
                    WindowFunction::Avg => {
                        format!("CAST(SUM({exact}) {over} AS DOUBLE) / CAST(COUNT({of}) {over} AS DOUBLE)")
                    }
                    WindowFunction::Count | WindowFunction::Sum => cast(format!("{name}({of}) {over}")),
                    _ => format!("{name}({of}) {over}"),
                }
            }
        }
    }

    /// SQL of a stage: whether there are so many rows before a row in its part.
    pub(super) fn reaches_sql(&self, before: u32, ties: &[String]) -> String {
        let over = self.over(&[], &self.in_order(ties), &rows(Frame::Rows(Some(before))));
        format!("COUNT(*) {over} > {before}")
    }

    /// ORDER BY, and after it what it leaves open.
    fn in_order(&self, ties: &[String]) -> Vec<String> {
        let places: BTreeSet<&String> = self.places().collect();
        let ties = ties.iter().filter(|column| !places.contains(column));
        let ties = ties.map(|column| format!("{} ASC NULLS LAST", identifier(column)));
        self.order.iter().map(Term::sql).chain(ties).collect()
    }

    /// OVER: rows that the condition excludes are parts of their own.
    fn over(&self, within: &[String], order: &[String], frame: &str) -> String {
        let rows = self.rows.iter().map(|rows| identifier(&rows.name()));
        let partition = rows.chain(self.partition.iter().map(|of| identifier(&of.column)));
        let partition: Vec<String> = partition.chain(within.iter().cloned()).collect();
        let mut parts = Vec::new();
        if !partition.is_empty() {
            parts.push(format!("PARTITION BY {}", partition.join(", ")));
        }
        if !order.is_empty() {
            parts.push(format!("ORDER BY {}", order.join(", ")));
        }
        if !frame.is_empty() {
            parts.push(frame.to_owned());
        }
        format!("OVER ({})", parts.join(" "))
    }
}

const WHOLE: &str = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";

fn rows(frame: Frame) -> String {
    match frame {
        Frame::Whole => WHOLE.to_owned(),
        Frame::Peers | Frame::Rows(None) => "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
        Frame::Rows(Some(rows)) => format!("ROWS BETWEEN {rows} PRECEDING AND CURRENT ROW"),
    }
}

impl Term {
    fn sql(&self) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        let nulls = if self.nulls_first { "FIRST" } else { "LAST" };
        format!("{} {direction} NULLS {nulls}", identifier(&self.of.column))
    }
}
