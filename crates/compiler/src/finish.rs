//! What a receiver computes from opened groups: expressions over aggregates, window functions, orders that the
//! computation did not make. It reads opened values alone, so that it reveals nothing beyond them; the audit names them.
//!
//! The query's own plan runs on DataFusion, its aggregation replaced by the opened groups. HAVING was decided inside
//! the computation; so were ORDER BY and LIMIT where there is a LIMIT. A cell that is made of a withheld one is withheld.
//! Division by zero gives NULL: an error would cost the whole result, whose use is spent.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray, UInt64Array,
    },
    datatypes::{DataType, Field, Schema, TimeUnit},
    record_batch::RecordBatch,
};
use datafusion::{
    common::{
        Column,
        tree_node::{Transformed, TreeNode},
    },
    datasource::{MemTable, provider_as_source},
    error::DataFusionError,
    logical_expr::{
        BinaryExpr, Expr, Limit, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Sort, TryCast,
        Window, lit, when,
    },
    prelude::{SessionConfig, SessionContext},
};
use tokio::runtime;

use crate::{
    Cell, ResultKind, calendar, deep, moments, plain,
    sql::{Finishing, Flow},
};

/// A plan over opened groups.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    plan: LogicalPlan,
    /// How the aggregation's columns are read; nothing for those that nobody needs.
    pub(crate) inputs: Vec<Option<ResultKind>>,
    flows: Vec<Flow>,
    is_cut: bool,
}

/// The opened groups' table, and the column that numbers them.
const OPENED: &str = "opened groups";
const ROW: &str = "opened row";

impl Finish {
    pub(crate) fn new(finishing: &Finishing, inputs: Vec<Option<ResultKind>>) -> Self {
        let Finishing { plan, flows, is_cut, .. } = finishing.clone();
        Self { plan, inputs, flows, is_cut }
    }

    /// The result's rows; `opened` has a cell for each input.
    pub(crate) fn rows(&self, opened: &[Vec<Cell>]) -> Result<Vec<Vec<Cell>>, String> {
        let run = || {
            let event_loop =
                runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
            event_loop.block_on(self.rows_here(opened))
        };
        deep::call(run).map_err(|error| error.to_string())?
    }

    async fn rows_here(&self, opened: &[Vec<Cell>]) -> Result<Vec<Vec<Cell>>, String> {
        let shown = |error: DataFusionError| error.find_root().message().into_owned();
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let plan = self.over(&self.plan, opened).map_err(shown)?;
        let row = Expr::Column(Column::new_unqualified(ROW)).sort(true, false);
        let plan = match is_sorted(&plan) {
            true => plan,
            false => {
                LogicalPlanBuilder::from(plan).sort([row]).and_then(|plan| plan.build()).map_err(shown)?
            }
        };
        let frame = context.execute_logical_plan(plan).await.map_err(shown)?;
        let mut rows = Vec::new();
        for batch in frame.collect().await.map_err(shown)? {
            let number = batch.column_by_name(ROW).ok_or("the rows have no numbers")?;
            for row in 0..batch.num_rows() {
                let Ok(Cell::Integer(number)) = plain::cell(number, row, ROW) else {
                    return Err("a row has no number".to_owned());
                };
                let group = usize::try_from(number).ok().and_then(|number| opened.get(number));
                let mut cells = Vec::with_capacity(self.flows.len());
                for (array, flow) in batch.columns().iter().zip(&self.flows) {
                    cells.push(match self.is_withheld(flow, group, opened) {
                        true => Cell::Withheld,
                        false => {
                            plain::cell(array, row, "of the result").map_err(|error| error.to_string())?
                        }
                    });
                }
                rows.push(cells.into_iter().map(finite).collect());
            }
        }
        Ok(rows)
    }

    /// Whether a cell is made of a withheld one, of its own group or, for a window, of any.
    fn is_withheld(&self, flow: &Flow, group: Option<&Vec<Cell>>, opened: &[Vec<Cell>]) -> bool {
        let of = |row: &Vec<Cell>, from: &BTreeSet<usize>| {
            from.iter().any(|input| row.get(*input) == Some(&Cell::Withheld))
        };
        match flow.is_across {
            true => opened.iter().any(|row| of(row, &flow.from)),
            false => group.is_some_and(|row| of(row, &flow.from)),
        }
    }

    /// The plan over the opened groups, each step of which passes on the row's number as its last column.
    fn over(&self, plan: &LogicalPlan, opened: &[Vec<Cell>]) -> Result<LogicalPlan, DataFusionError> {
        let row = || Expr::Column(Column::new_unqualified(ROW));
        let total =
            |exprs: &[Expr]| exprs.iter().cloned().map(without_failure).collect::<Result<Vec<_>, _>>();
        Ok(match plan {
            LogicalPlan::Aggregate(aggregate) => self.opened(aggregate, opened)?,
            LogicalPlan::Filter(filter) => self.over(&filter.input, opened)?,
            LogicalPlan::Sort(sort) if self.is_cut => self.over(&sort.input, opened)?,
            LogicalPlan::Limit(limit) if self.is_cut => self.over(&limit.input, opened)?,
            LogicalPlan::Sort(sort) => {
                let input = Arc::new(self.over(&sort.input, opened)?);
                let mut expr = sort.expr.clone();
                for term in &mut expr {
                    term.expr = without_failure(term.expr.clone())?;
                }
                expr.push(row().sort(true, false));
                LogicalPlan::Sort(Sort { expr, input, fetch: None })
            }
            LogicalPlan::Limit(limit) => {
                let input = Arc::new(self.over(&limit.input, opened)?);
                LogicalPlan::Limit(Limit { input, ..limit.clone() })
            }
            LogicalPlan::Window(window) => {
                let input = self.over(&window.input, opened)?;
                let row = row();
                let plan =
                    LogicalPlan::Window(Window::try_new(total(&window.window_expr)?, Arc::new(input))?);
                // The number stays the last column.
                let columns = plan.schema().columns().into_iter().map(Expr::Column);
                let expr = columns.filter(|column| *column != row).chain([row.clone()]).collect();
                LogicalPlan::Projection(Projection::try_new(expr, Arc::new(plan))?)
            }
            LogicalPlan::Projection(projection) => {
                let input = self.over(&projection.input, opened)?;
                let expr = total(&projection.expr)?.into_iter().chain([row()]).collect();
                LogicalPlan::Projection(Projection::try_new(expr, Arc::new(input))?)
            }
            other => return datafusion::common::plan_err!("`{}` is no step over groups", other.display()),
        })
    }

    /// The opened groups under the names of the aggregation's columns.
    fn opened(
        &self,
        aggregate: &datafusion::logical_expr::Aggregate,
        opened: &[Vec<Cell>],
    ) -> Result<LogicalPlan, DataFusionError> {
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        let mut names = Vec::new();
        for (input, (qualifier, field)) in aggregate.schema.iter().enumerate() {
            let name = format!("input {input}");
            let cells = opened.iter().map(|row| row.get(input).unwrap_or(&Cell::Null));
            arrays.push(array(cells, field.data_type())?);
            fields.push(Field::new(&name, field.data_type().clone(), true));
            let column = Expr::Column(Column::new(Some(OPENED), name));
            names.push(column.alias_qualified(qualifier.cloned(), field.name()));
        }
        arrays.push(Arc::new(Int64Array::from_iter_values((0_i64..).take(opened.len()))));
        fields.push(Field::new(ROW, DataType::Int64, false));
        names.push(Expr::Column(Column::new(Some(OPENED), ROW)).alias(ROW));
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        let source = provider_as_source(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?));
        LogicalPlanBuilder::scan(OPENED, source, None)?.project(names)?.build()
    }
}

fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(projection) => is_sorted(&projection.input),
        LogicalPlan::Limit(limit) => is_sorted(&limit.input),
        _ => false,
    }
}

/// Division by zero and conversions that fail give NULL.
fn without_failure(expr: Expr) -> Result<Expr, DataFusionError> {
    let name = match &expr {
        Expr::Alias(_) | Expr::Column(_) => None,
        other => Some(other.schema_name().to_string()),
    };
    let total = expr.transform_up(|part| {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Divide | Operator::Modulo), right }) => {
                let is_zero = right.as_ref().clone().eq(lit(0_i64));
                let quotient = Expr::BinaryExpr(BinaryExpr { left, op, right });
                Transformed::yes(when(is_zero.is_not_true(), quotient).end()?)
            }
            Expr::Cast(cast) => {
                Transformed::yes(Expr::TryCast(TryCast::new_from_field(cast.expr, cast.field)))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(match name {
        Some(name) if total.transformed => total.data.alias(name),
        _ => total.data,
    })
}

/// A number that is none is shown as NULL.
fn finite(cell: Cell) -> Cell {
    match cell {
        Cell::Real(value) if !value.is_finite() => Cell::Null,
        cell => cell,
    }
}

/// Cells as a column of the type that the plan expects; what is withheld is NULL until it is marked again.
fn array<'c>(cells: impl Iterator<Item = &'c Cell>, kind: &DataType) -> Result<ArrayRef, DataFusionError> {
    Ok(match kind {
        DataType::Boolean => Arc::new(BooleanArray::from_iter(cells.map(|cell| match cell {
            Cell::Boolean(value) => Some(*value),
            _ => None,
        }))),
        DataType::Int64 => Arc::new(Int64Array::from_iter(cells.map(|cell| match cell {
            Cell::Integer(value) => i64::try_from(*value).ok(),
            _ => None,
        }))),
        DataType::UInt64 => Arc::new(UInt64Array::from_iter(cells.map(|cell| match cell {
            Cell::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }))),
        DataType::Float64 => Arc::new(Float64Array::from_iter(cells.map(Cell::number))),
        DataType::Decimal128(precision, scale) => {
            let number = |cell: &Cell| match cell {
                Cell::Decimal(text) => scaled(text, *scale),
                Cell::Integer(value) => scaled(&value.to_string(), *scale),
                cell => cell.number().map(|value| (value * 10_f64.powi((*scale).into())).round() as i128),
            };
            let column = Decimal128Array::from_iter(cells.map(number));
            Arc::new(column.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Date32 => Arc::new(Date32Array::from_iter(cells.map(|cell| match cell {
            Cell::Date(text) => calendar::days(text),
            _ => None,
        }))),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Arc::new(TimestampMicrosecondArray::from_iter(cells.map(|cell| match cell {
                Cell::Timestamp(text) => moments::micros(text),
                _ => None,
            })))
        }
        DataType::Utf8 => Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        }))),
        other => return datafusion::common::plan_err!("groups have no column of type {other}"),
    })
}

/// A decimal's integer at a scale that has all of its digits.
fn scaled(text: &str, scale: i8) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let scale = usize::try_from(scale).ok().filter(|scale| *scale >= fraction.len())?;
    format!("{whole}{fraction:0<scale$}").parse().ok()
}
