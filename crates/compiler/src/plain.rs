//! The answer that one place with all rows would give: DataFusion runs the query as written. Independent of the
//! lowering, so that the two can disagree; used by tests and by demonstrations that hold all files.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit,
        TimestampMicrosecondType, UInt64Type,
    },
    record_batch::RecordBatch,
};
use contract::Schema;
use datafusion::{
    common::TableReference,
    datasource::MemTable,
    error::DataFusionError,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder},
    prelude::{SessionConfig, SessionContext},
    sql::{
        parser::{DFParser, Statement as DFStatement},
        sqlparser::ast::Statement,
    },
};
use thiserror::Error;

use crate::{
    Cell, CellType, ColumnHead, ResultTable, Source, Table, calendar, deep, local, moments,
    number::format_scaled, sql,
};

/// Why there is no plaintext answer.
#[derive(Debug, Error)]
pub enum PlainError {
    /// DataFusion refuses the query or fails to run it.
    #[error("the plaintext query failed: {0}")]
    Query(#[from] Box<DataFusionError>),
    /// The operating system gives no thread, or the thread ended early.
    #[error("the plaintext query has no thread to run on: {0}")]
    NoThread(#[from] std::io::Error),
    /// A result column of a type that no supported query yields.
    #[error("column `{column}` of the plaintext result has type {found}, which cannot be shown")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
}

impl From<DataFusionError> for PlainError {
    fn from(error: DataFusionError) -> Self {
        Self::Query(Box::new(error))
    }
}

/// A table's name, schema and all its rows.
pub type Rows = (String, Schema, Vec<RecordBatch>);

/// Runs a query over whole tables. Rows come in the order of ORDER BY, otherwise ascending by group key, NULL last.
/// Nothing is withheld.
pub async fn query(sql: &str, tables: Vec<Rows>) -> Result<ResultTable, PlainError> {
    let sql = sql.to_owned();
    deep::run(move || async move { query_here(&sql, tables).await }).await?
}

async fn query_here(text: &str, tables: Vec<Rows>) -> Result<ResultTable, PlainError> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    local::register_functions(&context);
    let mut known = Vec::with_capacity(tables.len());
    for (name, schema, batches) in tables {
        let source = Source {
            reference: name.clone(),
            owner: String::new(),
            schema: schema.clone(),
            rows: 0,
            floor_rows: 1,
            rows_per_person: None,
        };
        known.push(Table { name: name.clone(), datasets: vec![source] });
        let declared = crate::rows::arrow_schema(&schema);
        let relabelled = batches.iter().map(|batch| local::relabelled(&declared, batch));
        let batches = relabelled.collect::<Result<_, _>>()?;
        let table = MemTable::try_new(declared, vec![batches])?;
        context.register_table(TableReference::bare(name), Arc::new(table))?;
    }
    let mut statements = DFParser::parse_sql(text)?;
    for statement in &mut statements {
        if let DFStatement::Statement(statement) = statement {
            sql::spelled_out(statement, &known)
                .map_err(|refused| DataFusionError::Plan(refused.to_string()))?;
        }
    }
    let asked = statements.pop_back().ok_or_else(|| DataFusionError::Plan("no statement".to_owned()))?;
    for mut view in statements {
        // DataFusion has no temporary views; a context ends with its query.
        if let DFStatement::Statement(statement) = &mut view
            && let Statement::CreateView(view) = statement.as_mut()
        {
            view.temporary = false;
        }
        let plan = context.state().statement_to_plan(view).await?;
        context.execute_logical_plan(plan).await?;
    }
    let plan = ordered(context.state().statement_to_plan(asked).await?)?;
    let frame = context.execute_logical_plan(plan).await?;
    let fields: Vec<(String, DataType)> = frame
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect();
    let batches = frame.collect().await?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().zip(&fields).map(|(array, (name, _))| cell(array, row, name));
            rows.push(cells.collect::<Result<_, _>>()?);
        }
    }
    let columns = fields.iter().map(|(name, data_type)| head(name, data_type)).collect::<Result<_, _>>()?;
    Ok(ResultTable { columns, rows, suppressed: Vec::new() })
}

/// Sorts by group key, below the projection, unless the query has an order of its own.
fn ordered(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let LogicalPlan::Projection(projection) = &plan else { return Ok(plan) };
    let groups = projection.input.as_ref();
    let aggregate = match groups {
        LogicalPlan::Aggregate(aggregate) => aggregate,
        LogicalPlan::Filter(having) => match having.input.as_ref() {
            LogicalPlan::Aggregate(aggregate) => aggregate,
            _ => return Ok(plan),
        },
        _ => return Ok(plan),
    };
    let keys = aggregate.schema.columns().into_iter().take(aggregate.group_expr.len());
    let order: Vec<_> = keys.map(|key| Expr::Column(key).sort(true, false)).collect();
    if order.is_empty() {
        return Ok(plan);
    }
    LogicalPlanBuilder::from(groups.clone()).sort(order)?.project(projection.expr.clone())?.build()
}

fn head(name: &str, data_type: &DataType) -> Result<ColumnHead, PlainError> {
    let kind = cell_type(data_type).ok_or_else(|| unknown(name, data_type))?;
    Ok(ColumnHead { name: name.to_owned(), kind, unit: String::new() })
}

/// How values of a type are shown, if they can be.
pub(crate) fn cell_type(data_type: &DataType) -> Option<CellType> {
    Some(match data_type {
        DataType::Boolean => CellType::Boolean,
        DataType::Int32 | DataType::Int64 | DataType::UInt64 => CellType::Integer,
        DataType::Decimal128(..) => CellType::Decimal,
        DataType::Float64 => CellType::Real,
        DataType::Utf8 | DataType::Utf8View => CellType::Text,
        DataType::Date32 => CellType::Date,
        DataType::Timestamp(TimeUnit::Microsecond, None) => CellType::Timestamp,
        _ => return None,
    })
}

fn unknown(column: &str, found: &DataType) -> PlainError {
    PlainError::Type { column: column.to_owned(), found: found.to_string() }
}

pub(crate) fn cell(array: &dyn Array, row: usize, column: &str) -> Result<Cell, PlainError> {
    if array.is_null(row) {
        return Ok(Cell::Null);
    }
    Ok(match array.data_type() {
        DataType::Boolean => Cell::Boolean(array.as_boolean().value(row)),
        DataType::Int32 => Cell::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt64 => Cell::Integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Decimal128(_, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            Cell::Decimal(format_scaled(value, scale.unsigned_abs()))
        }
        DataType::Float64 => Cell::Real(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Date32 => Cell::Date(calendar::text(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Cell::Timestamp(moments::text(array.as_primitive::<TimestampMicrosecondType>().value(row)))
        }
        other => return Err(unknown(column, other)),
    })
}
