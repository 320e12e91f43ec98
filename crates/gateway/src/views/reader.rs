//! Runs a SELECT over views and system tables, with DataFusion, in plaintext: the rows are the member's own.
//!
//! A statement reaches what is registered for it and nothing else: tables in memory that are made from the node's answers
//! for the names it reads. Files, addresses, settings and other tables have no name here. It has so much memory and time,
//! and a thread of its own with room for its depth.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use api::types::contracts::DescribedColumn;
use arrow::{error::ArrowError, record_batch::RecordBatch};
use datafusion::{
    catalog::{CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider},
    common::{
        TableReference,
        tree_node::{Transformed, TreeNode},
    },
    datasource::MemTable,
    error::DataFusionError,
    execution::{
        SessionState, SessionStateDefaults,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::GreedyMemoryPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
        session_state::SessionStateBuilder,
    },
    functions::datetime::planner::DatetimeFunctionPlanner,
    logical_expr::LogicalPlan,
    optimizer::Analyzer,
    physical_plan::{coop::CooperativeExec, execute_stream},
    prelude::{SQLOptions, SessionConfig},
    sql::{
        parser::Statement as DFStatement,
        sqlparser::ast::{Query, Statement},
    },
};
use futures::TryStreamExt;
use tokio::{
    runtime,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use super::{
    SCHEMA, View, catalog, dialect,
    exact::{CheckIntegers, QuotedNumbers},
    functions::{self, Known},
    not_populated, parameters,
    parameters::Value,
    results, rewrite,
    system::{self, System},
    unknown, views,
};
use crate::{
    Node,
    refusal::{
        DATA, DIVISION_BY_ZERO, FAILED, NO_COLUMN, NO_FUNCTION, NOT_SUPPORTED, OUT_OF_MEMORY, OUT_OF_RANGE,
        Refusal, SEVERAL_ROWS, SYNTAX, TOO_LONG, TOO_MUCH,
    },
    rows::{Columns, Row, Table, held_back},
};

/// Statements at once; further ones wait.
const READERS_MAX: usize = 8;
/// What all of them together may hold of what joins, sorts and groups keep.
const MEMORY_BYTES_MAX: usize = 256 << 20;
/// Rows that are worked on at once; small, since each may hold long texts.
const BATCH_ROWS: usize = 1024;
/// Longest answer, in bytes of its texts.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What all answers together may have that clients have not taken yet.
const ANSWERS_BYTES_MAX: usize = 256 << 20;
/// In what pieces it is counted.
const ROOM_BYTES: usize = 1 << 10;
/// How long a statement may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Address space; only what is touched becomes memory. What [`dialect`] lets through needs less, also without optimisation.
const STACK_BYTES: usize = 1 << 28;

/// A statement, and who asks.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) text: String,
    /// What the client connected to.
    pub(crate) database: String,
    /// The types of parameters as OIDs; 0 where the client declared none.
    pub(crate) types: Vec<i32>,
    pub(crate) values: Vec<Value>,
}

/// What a statement will give.
pub(crate) struct Described {
    pub(crate) columns: Columns,
    /// The types of its parameters, as OIDs.
    pub(crate) parameters: Vec<i32>,
}

/// What a statement gave.
pub(crate) struct Answer {
    pub(crate) table: Table,
    /// What floors held back in the views that it read.
    pub(crate) notices: Vec<String>,
    /// What its rows take of what all answers have; to be held until they are gone.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Runs statements, of all sessions.
pub(crate) struct Reader {
    runtime: Arc<RuntimeEnv>,
    places: Arc<Semaphore>,
    /// Room for answers, in pieces of [`ROOM_BYTES`].
    answers: Arc<Semaphore>,
    time_max: Duration,
    /// Columns by contract, whose program never changes.
    described: Mutex<BTreeMap<String, Vec<DescribedColumn>>>,
}

impl Reader {
    pub(crate) fn new() -> Result<Self, DataFusionError> {
        Self::limited(TIME_MAX, MEMORY_BYTES_MAX)
    }

    fn limited(time_max: Duration, memory_bytes_max: usize) -> Result<Self, DataFusionError> {
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes_max)))
            .with_disk_manager_builder(disk)
            .build_arc()?;
        let places = Arc::new(Semaphore::new(READERS_MAX));
        let answers = Arc::new(Semaphore::new(ANSWERS_BYTES_MAX / ROOM_BYTES));
        Ok(Self { runtime, places, answers, time_max, described: Mutex::default() })
    }

    /// The columns and parameters of a statement. Nothing runs.
    pub(crate) async fn describe(
        self: &Arc<Self>,
        node: &Arc<dyn Node>,
        question: Question,
    ) -> Result<Described, Refusal> {
        let (reader, node) = (Arc::clone(self), Arc::clone(node));
        self.apart(move || {
            let mut query = dialect::read(&question.text)?;
            let (count, lists) = parameters::places(&mut query)?;
            parameters::declare(&mut query, &question.types);
            let (state, plan, _) = reader.planned(&*node, query, &question.database, false)?;
            let parameters = parameters::types(count, &lists, &question.types, &plan);
            let columns = results::columns(optimized(&state, &plan)?.schema().as_arrow())?;
            Ok(Described { columns, parameters })
        })
        .await
    }

    /// The rows of a statement.
    pub(crate) async fn read(
        self: &Arc<Self>,
        node: &Arc<dyn Node>,
        question: Question,
    ) -> Result<Answer, Refusal> {
        let (reader, node) = (Arc::clone(self), Arc::clone(node));
        self.apart(move || {
            let mut query = dialect::read(&question.text)?;
            parameters::fill(&mut query, &question.types, &question.values)?;
            let (state, plan, notices) = reader.planned(&*node, query, &question.database, true)?;
            let event_loop = runtime::Builder::new_current_thread().enable_time().build();
            let event_loop =
                event_loop.map_err(|error| Refusal::new(FAILED, error.to_string(), "ask again"))?;
            let rows = rows(state, plan, &reader.answers);
            let rows = event_loop.block_on(async { timeout(reader.time_max, rows).await });
            let (table, room) = rows.unwrap_or_else(|_| Err(reader.too_long()))?;
            Ok(Answer { table, notices, room })
        })
        .await
    }

    /// Works on a thread with a deep stack. One that is stuck keeps its place until it ends.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let broken = || Refusal::new(FAILED, "the gateway broke off", "ask again");
        let done = timeout(self.time_max + self.time_max / 6, async {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| broken())?;
            let (send, receive) = oneshot::channel();
            let thread = thread::Builder::new().name("reader".to_owned()).stack_size(STACK_BYTES);
            let spawned = thread.spawn(move || {
                // Nobody waits any more if the receiver is gone.
                let _ = send.send(work());
                drop(place);
            });
            spawned.map_err(|error| Refusal::new(FAILED, error.to_string(), "ask again"))?;
            receive.await.map_err(|_| broken())?
        });
        done.await.unwrap_or_else(|_| Err(self.too_long()))
    }

    fn too_long(&self) -> Refusal {
        let message = format!("the statement takes more than {} seconds", self.time_max.as_secs());
        Refusal::new(TOO_LONG, message, "ask for less: fewer joins, a WHERE")
    }

    /// A statement's plan over the tables that it names; what was held back in them.
    fn planned(
        &self,
        node: &dyn Node,
        mut query: Box<Query>,
        database: &str,
        with_rows: bool,
    ) -> Result<(SessionState, LogicalPlan, Vec<String>), Refusal> {
        let (member, did) = node.member()?;
        let views = Arc::new(views(node.contracts()?, &did));
        let known = Known { database: database.to_owned(), member, views };
        rewrite::rewrite(&mut query, &known.views)?;
        let statement = DFStatement::Statement(Box::new(Statement::Query(query)));
        let catalogs = MemoryCatalogProviderList::new();
        let state = self.state(&known, catalogs);
        let references = state.resolve_table_references(&statement).map_err(refusal)?;
        let mut notices = Vec::new();
        let catalog = MemoryCatalogProvider::new();
        for schema in [SCHEMA, system::PG_CATALOG, system::INFORMATION_SCHEMA] {
            catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new())).map_err(refusal)?;
        }
        for reference in references {
            let batch = self.table(node, &known, &reference, with_rows, &mut notices)?;
            let table = MemTable::try_new(batch.schema(), vec![pieces(&batch)]).map_err(refusal)?;
            let schema = catalog
                .schema(reference.schema().unwrap_or(SCHEMA))
                .ok_or_else(|| unknown(reference.table()))?;
            schema.register_table(reference.table().to_owned(), Arc::new(table)).map_err(refusal)?;
        }
        state.catalog_list().register_catalog(database.to_owned(), Arc::new(catalog));
        let event_loop = runtime::Builder::new_current_thread().build();
        let event_loop = event_loop.map_err(|error| Refusal::new(FAILED, error.to_string(), "ask again"))?;
        let plan = event_loop.block_on(state.statement_to_plan(statement)).map_err(refusal)?;
        // What was parsed only reads; this holds should the two ever differ.
        let read_only =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&plan).map_err(refusal)?;
        Ok((state, plan, notices))
    }

    /// The table that a name means: of PostgreSQL's catalog, else a view.
    fn table(
        &self,
        node: &dyn Node,
        known: &Known,
        reference: &TableReference,
        with_rows: bool,
        notices: &mut Vec<String>,
    ) -> Result<RecordBatch, Refusal> {
        let (schema, name) = (reference.schema(), reference.table());
        if reference.catalog().is_some_and(|catalog| catalog != known.database) {
            let message = format!("cross-database references are not implemented: \"{reference}\"");
            return Err(Refusal::new(NOT_SUPPORTED, message, "leave the database out"));
        }
        if let Some(table) = system::table(schema, name) {
            return self.system(node, known, table);
        }
        let view = known.views.iter().find(|view| view.name == name);
        let Some(view) = view.filter(|_| schema.is_none_or(|schema| schema == SCHEMA)) else {
            return Err(unknown(&reference.to_string()));
        };
        let columns = self.columns(node, view)?;
        if !with_rows {
            return results::batch(&columns, None);
        }
        let Some(run) = &view.contract.last_completed else { return Err(not_populated(name)) };
        let result = node.result(run)?;
        if let Some(words) = held_back(&result) {
            notices.push(format!("{name}: {words}"));
        }
        results::batch(&columns, Some(&result))
    }

    fn system(&self, node: &dyn Node, known: &Known, table: &System) -> Result<RecordBatch, Refusal> {
        let mut columns = Vec::new();
        if catalog::needs_columns(table) {
            for view in known.views.iter() {
                // One that cannot be described any more is listed without columns.
                columns.push(self.columns(node, view).or_else(|refusal| match refusal.code {
                    crate::refusal::UNREACHABLE => Err(refusal),
                    _ => Ok(Vec::new()),
                })?);
            }
        }
        let batch = catalog::batch(table, known, &columns);
        batch.map_err(|error| refusal(DataFusionError::from(error)))
    }

    fn columns(&self, node: &dyn Node, view: &View) -> Result<Vec<DescribedColumn>, Refusal> {
        let id = &view.contract.id;
        let described = || self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(columns) = described().get(id) {
            return Ok(columns.clone());
        }
        let columns = node.columns(id)?;
        described().insert(id.clone(), columns.clone());
        Ok(columns)
    }

    fn state(&self, known: &Known, catalogs: MemoryCatalogProviderList) -> SessionState {
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_batch_size(NonZeroUsize::new(BATCH_ROWS).map_or(1, NonZeroUsize::get))
            .with_default_catalog_and_schema(known.database.as_str(), SCHEMA)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(false);
        let options = config.options_mut();
        options.sql_parser.map_string_types_to_utf8view = false;
        // Constants are exact, as PostgreSQL's are.
        options.sql_parser.parse_float_as_decimal = true;
        let mut planners = SessionStateDefaults::default_expr_planners();
        planners.push(Arc::new(DatetimeFunctionPlanner));
        let mut rules = Analyzer::new().rules;
        rules.insert(0, Arc::new(QuotedNumbers));
        rules.push(Arc::new(CheckIntegers));
        SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_catalog_list(Arc::new(catalogs))
            .with_expr_planners(planners)
            .with_scalar_functions(functions::offered(known))
            .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
            .with_window_functions(SessionStateDefaults::default_window_functions())
            .with_analyzer_rules(rules)
            .build()
    }
}

/// A table in pieces of which each is worked on at once.
fn pieces(batch: &RecordBatch) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
    starts.map(|start| batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start))).collect()
}

fn optimized(state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan, Refusal> {
    state.optimize(plan).map_err(refusal)
}

async fn rows(
    state: SessionState,
    plan: LogicalPlan,
    answers: &Arc<Semaphore>,
) -> Result<(Table, Option<OwnedSemaphorePermit>), Refusal> {
    let plan = optimized(&state, &plan)?;
    let columns = results::columns(plan.schema().as_arrow())?;
    let plan = state.query_planner().create_physical_plan(&plan, &state).await.map_err(refusal)?;
    // Joins go on until they have rows to give, however long that takes; here every step can be the last.
    let plan = plan.transform_up(|step| Ok(Transformed::yes(Arc::new(CooperativeExec::new(step)) as _)));
    let plan = plan.map_err(refusal)?.data;
    let mut stream = execute_stream(plan, state.task_ctx()).map_err(refusal)?;
    let mut rows = Vec::<Row>::new();
    let (mut bytes, mut room) = (0, None::<OwnedSemaphorePermit>);
    while let Some(batch) = stream.try_next().await.map_err(refusal)? {
        let more = results::rows(&batch).map_err(|error| refusal(DataFusionError::from(error)))?;
        let cells = more.iter().flatten();
        bytes += cells.map(|cell| size_of_val(cell) + cell.as_ref().map_or(0, String::len)).sum::<usize>();
        if bytes > ANSWER_BYTES_MAX {
            let message = format!("the answer has more than {ANSWER_BYTES_MAX} bytes");
            return Err(Refusal::new(TOO_MUCH, message, "ask for fewer rows: LIMIT"));
        }
        let pieces = bytes.div_ceil(ROOM_BYTES) - room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more_room = u32::try_from(pieces).ok().and_then(|pieces| {
            // Nobody waits for it: clients that do not read might never give it back.
            Arc::clone(answers).try_acquire_many_owned(pieces).ok()
        });
        let Some(more_room) = more_room else {
            let message = "the answers that clients have not taken yet are too many bytes";
            return Err(Refusal::new(OUT_OF_MEMORY, message, "ask again later, or for fewer rows"));
        };
        match &mut room {
            Some(room) => room.merge(more_room),
            None => room = Some(more_room),
        }
        rows.extend(more);
    }
    Ok((Table { columns, rows }, room))
}

/// What DataFusion says, by PostgreSQL's classes of errors.
fn refusal(error: DataFusionError) -> Refusal {
    let said = |error: &DataFusionError| error.strip_backtrace().chars().take(500).collect::<String>();
    let (code, hint) = match error.find_root() {
        DataFusionError::SQL(..) => (SYNTAX, "what is read here is PostgreSQL's SELECT"),
        DataFusionError::SchemaError(..) => (NO_COLUMN, "`\\d NAME` lists a view's columns"),
        DataFusionError::NotImplemented(_) => (NOT_SUPPORTED, "write the SELECT without it"),
        DataFusionError::ResourcesExhausted(_) => {
            (OUT_OF_MEMORY, "ask for less: fewer joins, a WHERE, a LIMIT")
        }
        DataFusionError::ArrowError(error, _) => match **error {
            ArrowError::DivideByZero => (DIVISION_BY_ZERO, ""),
            ArrowError::ArithmeticOverflow(_) => (OUT_OF_RANGE, "cast to numeric first"),
            _ => (DATA, ""),
        },
        DataFusionError::Execution(words) if words.contains("more than one row") => (SEVERAL_ROWS, ""),
        DataFusionError::Execution(_) => (DATA, ""),
        DataFusionError::Plan(words) if words.contains("Invalid function") => {
            (NO_FUNCTION, "docs/decisions/019 says which functions there are")
        }
        DataFusionError::Plan(_) => (SYNTAX, "write it as PostgreSQL's manual has it"),
        _ => (FAILED, "ask in another way"),
    };
    Refusal::new(code, said(&error), hint)
}

#[cfg(test)]
mod tests;
