//! An owner's local stage: its SQL run at home on DataFusion, yielding the integers that are then shared.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc};

use arrow::{
    array::{Array, AsArray, BooleanArray, Int64Array},
    datatypes::{DataType, Decimal128Type, Int64Type, SchemaRef},
    record_batch::RecordBatch,
};
use contract::Schema;
use datafusion::{
    catalog::streaming::StreamingTable,
    common::{TableReference, exec_err},
    error::DataFusionError,
    execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext},
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
    physical_plan::{stream::RecordBatchStreamAdapter, streaming::PartitionStream},
    prelude::{SQLOptions, SessionConfig, SessionContext},
    sql::parser::DFParserBuilder,
};
use futures::StreamExt as _;
use program::{Input, Program, Stage};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    buckets, deep, packed,
    rows::{self, BadRows, Check},
    sql::identifier,
    text_functions, time_functions,
};

/// Why a local stage yields nothing to share. For the owner's own eyes: texts name rows and columns and quote no
/// value, but that a stage failed, and where, is itself something about the data.
#[derive(Debug, Error)]
pub enum LocalError {
    /// The program has no such stage.
    #[error("the program has no stage {stage}; it has {stages}")]
    NoStage {
        /// Asked for.
        stage: u16,
        /// How many there are.
        stages: usize,
    },
    /// The operating system gives no thread, or the thread ended early.
    #[error("dataset `{dataset}`: the local stage has no thread to run on: {reason}")]
    NoThread {
        /// The dataset.
        dataset: String,
        /// The system's error.
        reason: std::io::Error,
    },
    /// A dataset that the stage reads, of which nothing was given.
    #[error("dataset `{dataset}`: the local stage reads it, but its rows were not given")]
    NoRows {
        /// The dataset.
        dataset: String,
    },
    /// The rows are not what the schema declares.
    #[error("dataset `{dataset}`: {reason}")]
    Rows {
        /// The dataset.
        dataset: String,
        /// What is wrong, and where.
        reason: BadRows,
    },
    /// The rows could not be read.
    #[error("dataset `{dataset}`: the rows cannot be read: {reason}")]
    Source {
        /// The dataset.
        dataset: String,
        /// What the source says.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// DataFusion could not run the stage.
    #[error("dataset `{dataset}`: the local stage failed: {reason}")]
    Query {
        /// The dataset.
        dataset: String,
        /// DataFusion's error.
        reason: Box<DataFusionError>,
    },
    /// The stage's result has another shape than the program states.
    #[error("dataset `{dataset}`: the local stage yields {found} for column {column}, expected {expected}")]
    Shape {
        /// The dataset.
        dataset: String,
        /// Which column of the stage's result, from 0.
        column: u16,
        /// What the program states.
        expected: String,
        /// What the stage yields.
        found: String,
    },
    /// A partial result needs more bits than the program states, so the dataset has more rows than published.
    #[error(
        "dataset `{dataset}`: {input}, row {row}: the partial result needs more than the {bits} bits that the program allows; does the dataset have more rows than were published?"
    )]
    TooLarge {
        /// The dataset.
        dataset: String,
        /// The program's input.
        input: String,
        /// Which group, from 0.
        row: usize,
        /// What the program states.
        bits: u8,
    },
}

/// A dataset's rows, batch after batch, as [`rows::arrow_schema`] says.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Box<dyn Error + Send + Sync>>> + Send>;

/// A dataset as a stage reads it.
#[derive(Clone)]
pub struct Rows {
    /// As published.
    pub schema: Schema,
    open: Arc<dyn Fn() -> Batches + Send + Sync>,
}

impl Rows {
    /// Rows that should be as `schema` declares; `open` begins to read them, as often as the query does.
    pub fn new(schema: Schema, open: impl Fn() -> Batches + Send + Sync + 'static) -> Self {
        Self { schema, open: Arc::new(open) }
    }

    /// Rows that are in memory.
    pub fn held(schema: Schema, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, move || Box::new(batches.clone().into_iter().map(Ok)))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Runs stage number `stage` of `program` over the rows of the datasets that it reads, given by reference; others are
/// left alone.
///
/// They are checked against the declared types, ranges and values as they pass and never held all at once, but for one
/// side of what the stage joins. Yields one column of integers for each of the program's inputs that read this stage,
/// in the program's order. Runs on a thread of its own.
pub async fn run(
    program: &Program,
    stage: u16,
    rows: BTreeMap<String, Rows>,
) -> Result<Vec<Vec<i128>>, LocalError> {
    let no_stage = LocalError::NoStage { stage, stages: program.stages.len() };
    let description = program.stages.get(usize::from(stage)).ok_or(no_stage)?.clone();
    let inputs = program.inputs.iter().filter(|input| input.stage == stage).cloned().collect();
    let dataset = description.dataset.clone();
    let work = move || async move { run_here(&description, inputs, &rows).await };
    deep::run(work).await.map_err(|reason| LocalError::NoThread { dataset, reason })?
}

async fn run_here(
    stage: &Stage,
    inputs: Vec<Input>,
    rows: &BTreeMap<String, Rows>,
) -> Result<Vec<Vec<i128>>, LocalError> {
    let dataset = &stage.dataset;
    let sources = stage.tables().map(|(table, dataset)| {
        let no_rows = || LocalError::NoRows { dataset: dataset.to_owned() };
        Source::new(table, dataset, rows.get(dataset).ok_or_else(no_rows)?.clone())
    });
    let sources = sources.collect::<Result<_, _>>()?;
    let result = all_batches(&stage.sql, dataset, sources).await?;
    let mut columns = Vec::with_capacity(inputs.len());
    for Input { name: input, column, bits, .. } in inputs {
        let values = integers(&result, column, stage.rows, dataset)?;
        let within = |value: &i128| value.unsigned_abs() >> u32::from(bits).min(127) == 0;
        if let Some(row) = values.iter().position(|value| !within(value)) {
            return Err(LocalError::TooLarge { dataset: dataset.clone(), input, row, bits });
        }
        columns.push(values);
    }
    Ok(columns)
}

/// Runs SQL over a dataset's rows under the name `table`; on the caller's thread.
pub(crate) async fn rows(
    sql: &str,
    table: &str,
    dataset: &str,
    schema: Schema,
    open: impl Fn() -> Batches + Send + Sync + 'static,
) -> Result<Vec<RecordBatch>, LocalError> {
    let source = Source::new(table, dataset, Rows::new(schema, open))?;
    all_batches(sql, dataset, vec![source]).await
}

/// [`rows`], of which `take` gets one batch after the other.
pub(crate) async fn each_batch(
    sql: &str,
    table: &str,
    dataset: &str,
    schema: Schema,
    open: impl Fn() -> Batches + Send + Sync + 'static,
    take: impl FnMut(&RecordBatch) -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    let source = Source::new(table, dataset, Rows::new(schema, open))?;
    each_batch_of(sql, dataset, vec![source], take).await
}

async fn all_batches(sql: &str, dataset: &str, sources: Vec<Source>) -> Result<Vec<RecordBatch>, LocalError> {
    let mut rows = Vec::new();
    each_batch_of(sql, dataset, sources, |batch| {
        rows.push(batch.clone());
        Ok(())
    })
    .await?;
    Ok(rows)
}

/// Runs SQL over tables. What is the fault of no rows is said of `dataset`.
async fn each_batch_of(
    sql: &str,
    dataset: &str,
    sources: Vec<Source>,
    mut take: impl FnMut(&RecordBatch) -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    let mut result = query(sql, sources).await.map_err(|fault| explain(dataset, fault))?;
    while let Some(batch) = result.next().await {
        take(&batch.map_err(|fault| explain(dataset, fault))?)?;
    }
    Ok(())
}

async fn query(sql: &str, sources: Vec<Source>) -> Result<SendableRecordBatchStream, DataFusionError> {
    // One partition: errors come in the same order each time.
    let mut config = SessionConfig::new().with_target_partitions(1);
    // DataFusion takes `IS TRUE` for nullable in one plan and not in the other, and refuses aggregates over it.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    let context = SessionContext::new_with_state(unsuspicious(config));
    context.register_udf(text_key());
    context.register_udf(packed::function());
    context.register_udf(each_once(&sources));
    for source in sources {
        let table = TableReference::bare(source.table.as_str());
        let rows = StreamingTable::try_new(Arc::clone(source.schema()), vec![Arc::new(source)])?;
        context.register_table(table, Arc::new(rows))?;
    }
    register_functions(&context);
    // A stage reads; whatever else its text might say is refused.
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    context.sql_with_options(sql, read_only).await?.execute_stream().await
}

/// Whether the parser of stages reads SQL, which it does not if that is too deep.
pub(crate) fn is_readable(sql: &str) -> bool {
    let parser = DFParserBuilder::new(sql).build();
    parser.is_ok_and(|mut parser| parser.parse_statements().is_ok())
}

/// Without DataFusion's last check of a plan. Where a condition leaves one value of a key, a sort by it is taken out, which
/// that check then misses; it changes no plan, and rows without an order are numbered all the same.
fn unsuspicious(config: SessionConfig) -> SessionState {
    let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    let rules = state.physical_optimizers().iter().filter(|rule| rule.name() != "SanityCheckPlan");
    let rules = rules.cloned().collect();
    SessionStateBuilder::new_from_existing(state).with_physical_optimizer_rules(rules).build()
}

/// The functions that conditions, keys and values may be computed by ([`crate::sql`] says which).
pub(crate) fn register_functions(context: &SessionContext) {
    context.register_udf(buckets::function());
    time_functions::functions().into_iter().for_each(|function| context.register_udf(function));
    text_functions::functions().into_iter().for_each(|function| context.register_udf(function));
}

/// The function of stages that makes integers of a text key: `text_key(text, limb)`, limb 0 or 1.
pub(crate) const TEXT_KEY: &str = "text_key";

/// 60 bits of the text's SHA-256 hash: the first eight bytes for limb 0, the next eight for limb 1, without the highest
/// four bits of each.
fn text_key() -> ScalarUDF {
    let of = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let [texts, limbs] = arrays.as_slice() else {
            return exec_err!("{TEXT_KEY} takes a text and a limb");
        };
        let texts = arrow::compute::cast(texts, &DataType::Utf8)?;
        let keys = texts.as_string::<i32>().iter().zip(limbs.as_primitive::<Int64Type>().iter());
        let keys = keys.map(|(text, limb)| {
            let hash: [u8; 32] = Sha256::digest(text?).into();
            let [a, b, ..] = *hash.as_chunks::<8>().0 else { return None };
            let head = u64::from_be_bytes(if limb? == 0 { a } else { b }) >> 4;
            Some(head.cast_signed())
        });
        Ok(ColumnarValue::Array(Arc::new(keys.collect::<Int64Array>())))
    };
    let types = vec![DataType::Utf8, DataType::Int64];
    create_udf(TEXT_KEY, types, DataType::Int64, Volatility::Immutable, Arc::new(of))
}

/// The function of stages that fails where a column that has each value once does not:
/// `each_once(table, column, repeated)`.
const EACH_ONCE: &str = "each_once";

/// The condition that no two rows of a table have the same value in a column, as SQL. It holds or the stage fails.
pub(crate) fn once(table: &str, column: &str) -> String {
    let (of, from) = (identifier(column), identifier(table));
    let [table, column] = [table, column].map(|name| name.replace('\'', "''"));
    format!("{EACH_ONCE}('{table}', '{column}', (SELECT COUNT({of}) - COUNT(DISTINCT {of}) FROM {from}))")
}

fn each_once(sources: &[Source]) -> ScalarUDF {
    let datasets = sources.iter().map(|source| (source.table.clone(), source.dataset.clone()));
    let datasets: BTreeMap<String, String> = datasets.collect();
    let repeated_in = move |table: Option<&str>, column: Option<&str>| {
        let table = table.unwrap_or_default();
        let dataset = datasets.get(table).map_or(table, String::as_str).to_owned();
        let column = column.unwrap_or_default().to_owned();
        DataFusionError::from(Fault::Rows { dataset, reason: BadRows::Repeated { column } })
    };
    let of = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let [tables, columns, repeated] = arrays.as_slice() else {
            return exec_err!("{EACH_ONCE} takes the names of a table and a column, and a number");
        };
        let tables = arrow::compute::cast(tables, &DataType::Utf8)?;
        let columns = arrow::compute::cast(columns, &DataType::Utf8)?;
        let names = tables.as_string::<i32>().iter().zip(columns.as_string::<i32>());
        let rows = names.zip(repeated.as_primitive::<Int64Type>());
        let holds = rows.map(|((table, column), repeated)| match repeated {
            Some(0) => Ok(Some(true)),
            _ => Err(repeated_in(table, column)),
        });
        Ok(ColumnarValue::Array(Arc::new(holds.collect::<Result<BooleanArray, _>>()?)))
    };
    let types = vec![DataType::Utf8, DataType::Utf8, DataType::Int64];
    create_udf(EACH_ONCE, types, DataType::Boolean, Volatility::Immutable, Arc::new(of))
}

/// Whose fault it is that a stage failed: the rows', their source's, or the query's.
fn explain(dataset: &str, fault: DataFusionError) -> LocalError {
    if let DataFusionError::External(cause) = fault.find_root() {
        match cause.downcast_ref::<Fault>() {
            Some(Fault::Rows { dataset, reason }) => {
                return LocalError::Rows { dataset: dataset.clone(), reason: reason.clone() };
            }
            Some(Fault::Source { dataset, reason }) => {
                return LocalError::Source { dataset: dataset.clone(), reason: reason.to_string().into() };
            }
            None => {}
        }
    }
    LocalError::Query { dataset: dataset.to_owned(), reason: Box::new(fault) }
}

/// What ends the stream of a dataset's rows.
#[derive(Debug, Error)]
enum Fault {
    #[error("dataset `{dataset}`: {reason}")]
    Rows { dataset: String, reason: BadRows },
    #[error("dataset `{dataset}`: {reason}")]
    Source { dataset: String, reason: Box<dyn Error + Send + Sync> },
}

impl From<Fault> for DataFusionError {
    fn from(fault: Fault) -> Self {
        Self::External(Box::new(fault))
    }
}

/// A dataset's rows as DataFusion reads them, under a table's name: each batch is checked as it passes.
#[derive(Debug)]
struct Source {
    table: String,
    dataset: String,
    schema: SchemaRef,
    rows: Rows,
}

impl Source {
    fn new(table: &str, dataset: &str, rows: Rows) -> Result<Self, LocalError> {
        let (table, dataset) = (table.to_owned(), dataset.to_owned());
        match Check::new(&rows.schema) {
            Ok(_) => Ok(Self { table, dataset, schema: rows::arrow_schema(&rows.schema), rows }),
            Err(reason) => Err(LocalError::Rows { dataset, reason }),
        }
    }
}

impl PartitionStream for Source {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (declared, dataset) = (Arc::clone(&self.schema), self.dataset.clone());
        let mut check = Check::new(&self.rows.schema);
        let pass = move |batch: Result<RecordBatch, Box<dyn Error + Send + Sync>>| {
            let batch = batch.map_err(|reason| Fault::Source { dataset: dataset.clone(), reason })?;
            let checked =
                check.as_mut().map_err(|reason| reason.clone()).and_then(|check| check.batch(&batch));
            checked.map_err(|reason| Fault::Rows { dataset: dataset.clone(), reason })?;
            relabelled(&declared, &batch)
        };
        let batches = futures::stream::iter((self.rows.open)().map(pass));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// The same columns under the declared schema: sources differ in metadata and in what they call nullable.
pub(crate) fn relabelled(declared: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    Ok(RecordBatch::try_new(Arc::clone(declared), batch.columns().to_vec())?)
}

/// One column of a stage's result: integers as they are, decimals without their point.
fn integers(result: &[RecordBatch], column: u16, rows: u32, dataset: &str) -> Result<Vec<i128>, LocalError> {
    let shape = |expected: &str, found: String| LocalError::Shape {
        dataset: dataset.to_owned(),
        column,
        expected: expected.to_owned(),
        found,
    };
    let mut values: Vec<i128> = Vec::with_capacity(rows as usize);
    for batch in result {
        let array = batch.columns().get(usize::from(column));
        let array = array.ok_or_else(|| shape("a column", "none".to_owned()))?;
        if array.null_count() > 0 {
            return Err(shape("no NULL", "NULL".to_owned()));
        }
        match array.data_type() {
            DataType::Int64 => {
                values.extend(
                    array.as_primitive::<Int64Type>().values().iter().map(|value| i128::from(*value)),
                );
            }
            DataType::Decimal128(..) => values.extend(array.as_primitive::<Decimal128Type>().values()),
            other => return Err(shape("integers or decimals", other.to_string())),
        }
    }
    if values.len() != rows as usize {
        return Err(shape(&format!("{rows} rows"), format!("{} rows", values.len())));
    }
    Ok(values)
}
