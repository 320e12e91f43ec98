//! What stands above the aggregation in a plan: HAVING, windows, expressions over groups, ORDER BY and LIMIT; and for
//! each of the steps' columns, which of the aggregation's columns it is made of.

use std::collections::BTreeSet;

use datafusion::{
    common::ScalarValue,
    logical_expr::{Aggregate as AggregatePlan, Expr, Limit, LogicalPlan, SortExpr},
};

use super::query::{unaliased, unanalysed};
use crate::{Construct, Refused};

/// A plan, read down to its aggregation.
#[derive(Default)]
pub(super) struct Above<'p> {
    pub(super) aggregate: Option<&'p AggregatePlan>,
    /// The condition of HAVING, over the aggregation's columns.
    pub(super) having: Option<&'p Expr>,
    /// ORDER BY, each term with what it reads.
    pub(super) order: Vec<(&'p SortExpr, Flow)>,
    pub(super) limit: Option<Cut>,
    pub(super) has_windows: bool,
}

/// Which rows LIMIT and OFFSET let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) skip: u32,
    /// `None` for all that follow.
    pub(crate) rows: Option<u32>,
}

impl Cut {
    /// First row and number of rows that it opens of so many.
    pub(crate) fn slice(self, rows: usize) -> Result<[u32; 2], Refused> {
        let rows = rows as u32;
        let rest = rows.checked_sub(self.skip).filter(|rest| *rest > 0);
        let rest =
            rest.ok_or_else(|| Construct::Limit.refuse(&format!("OFFSET {} of {rows} groups", self.skip)))?;
        Ok([self.skip, self.rows.unwrap_or(rest).min(rest)])
    }
}

/// What a column above the aggregation is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The aggregation's columns, by number: keys first.
    pub(crate) from: BTreeSet<usize>,
    /// Whether it is the one column that it is made of, as it is.
    pub(crate) is_plain: bool,
    /// Whether it reads other rows, too: it is, or is made of, a window function.
    pub(crate) is_across: bool,
}

/// Reads a plan; the flows are those of its columns.
pub(super) fn read(plan: &LogicalPlan) -> Result<(Above<'_>, Vec<Flow>), Refused> {
    let mut above = Above::default();
    let flows = above.trace(plan)?;
    Ok((above, flows))
}

impl<'p> Above<'p> {
    fn trace(&mut self, plan: &'p LogicalPlan) -> Result<Vec<Flow>, Refused> {
        match plan {
            LogicalPlan::Aggregate(aggregate) => {
                self.aggregate = Some(aggregate);
                let plain =
                    |column| Flow { from: BTreeSet::from([column]), is_plain: true, is_across: false };
                Ok((0..aggregate.schema.fields().len()).map(plain).collect())
            }
            LogicalPlan::Filter(filter) if matches!(*filter.input, LogicalPlan::Aggregate(_)) => {
                self.having = Some(&filter.predicate);
                self.trace(&filter.input)
            }
            LogicalPlan::Window(window) => {
                if !is_grouped(&window.input) {
                    let found: Vec<String> = window.window_expr.iter().map(ToString::to_string).collect();
                    return Err(Construct::Window.refuse(&found.join(", ")));
                }
                self.has_windows = true;
                let mut flows = self.trace(&window.input)?;
                for expr in &window.window_expr {
                    let of = flow(expr, &window.input, &flows)?;
                    flows.push(Flow { is_across: true, is_plain: false, ..of });
                }
                Ok(flows)
            }
            LogicalPlan::Projection(projection) => {
                if !is_grouped(&projection.input) && !matches!(*projection.input, LogicalPlan::Window(_)) {
                    return Err(match projection.expr.iter().flat_map(|item| item.column_refs()).next() {
                        Some(column) => Refused::RowsRevealed(column.name.clone()),
                        None => unanalysed(plan),
                    });
                }
                let flows = self.trace(&projection.input)?;
                projection.expr.iter().map(|expr| flow(expr, &projection.input, &flows)).collect()
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() && self.order.is_empty() => {
                let flows = self.trace(&sort.input)?;
                for term in &sort.expr {
                    self.order.push((term, flow(&term.expr, &sort.input, &flows)?));
                }
                Ok(flows)
            }
            LogicalPlan::Limit(limit) if self.limit.is_none() => {
                self.limit = Some(cut(limit)?);
                self.trace(&limit.input)
            }
            _ => Err(unanalysed(plan)),
        }
    }
}

/// Whether a step's rows are groups.
pub(super) fn is_grouped(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) => true,
        LogicalPlan::Projection(projection) => is_grouped(&projection.input),
        LogicalPlan::Filter(filter) => is_grouped(&filter.input),
        LogicalPlan::Window(window) => is_grouped(&window.input),
        LogicalPlan::Sort(sort) => is_grouped(&sort.input),
        LogicalPlan::Limit(limit) => is_grouped(&limit.input),
        LogicalPlan::SubqueryAlias(alias) => is_grouped(&alias.input),
        _ => false,
    }
}

fn flow(expr: &Expr, input: &LogicalPlan, flows: &[Flow]) -> Result<Flow, Refused> {
    let of = |column| input.schema().maybe_index_of_column(column).and_then(|index| flows.get(index));
    if let Expr::Column(column) = unaliased(expr) {
        return of(column).cloned().ok_or_else(|| Construct::SelectExpression.refuse(expr));
    }
    let mut all = Flow::default();
    for column in expr.column_refs() {
        let part = of(column).ok_or_else(|| Construct::SelectExpression.refuse(expr))?;
        all.from.extend(&part.from);
        all.is_across |= part.is_across;
    }
    Ok(all)
}

/// How many rows LIMIT and OFFSET let through.
fn cut(limit: &Limit) -> Result<Cut, Refused> {
    let number = |expr: Option<&Expr>, least: i64| match expr {
        None => Ok(None),
        Some(Expr::Literal(ScalarValue::Int64(Some(rows)), _)) => match u32::try_from(*rows) {
            Ok(rows @ ..=ROWS_MAX) if i64::from(rows) >= least => Ok(Some(rows)),
            _ => Err(Refused::TooLarge {
                what: "rows in LIMIT or OFFSET",
                found: usize::try_from(*rows).unwrap_or_default(),
                most: ROWS_MAX as usize,
            }),
        },
        Some(other) => Err(Construct::Limit.refuse(other)),
    };
    Ok(Cut { skip: number(limit.skip.as_deref(), 0)?.unwrap_or(0), rows: number(limit.fetch.as_deref(), 1)? })
}

/// Results are read by people.
const ROWS_MAX: u32 = crate::GROUPS_MAX as u32;
