//! Tables for tests: declared columns, rows as Arrow batches, and the whole path run in one process.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use contract::{Column, ColumnType, Range, Schema, audit::Verdict};
use program::Stage;
use treaty_compiler::{
    Compiled, LocalError, ResultTable, Source, Table, compile, decode, local, plain,
    rows::{BadRows, arrow_schema},
};

use crate::jointly;

pub(crate) fn column(name: &str, kind: ColumnType) -> Column {
    Column::new(name, kind)
}

pub(crate) trait Declare {
    fn values(self, values: &[&str]) -> Self;
    fn range(self, min: &str, max: &str) -> Self;
    fn nullable(self) -> Self;
    fn unit(self, unit: &str) -> Self;
    fn bytes_max(self, most: u16) -> Self;
    fn unique(self) -> Self;
}

impl Declare for Column {
    fn values(mut self, values: &[&str]) -> Self {
        self.values = Some(values.iter().map(|v| (*v).to_owned()).collect());
        self
    }
    fn range(mut self, min: &str, max: &str) -> Self {
        self.range = Some(Range { min: min.into(), max: max.into() });
        self
    }
    fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
    fn unit(mut self, unit: &str) -> Self {
        self.unit = unit.into();
        self
    }
    fn bytes_max(mut self, most: u16) -> Self {
        self.bytes_max = Some(most);
        self
    }
    fn unique(mut self) -> Self {
        self.unique = true;
        self
    }
}

/// The people of a town: every type, with and without NULL, declared and not.
pub(crate) fn people() -> Schema {
    Schema {
        columns: vec![
            column("rank", ColumnType::Text).values(&["low", "mid", "o'high"]),
            column("team", ColumnType::Integer).values(&["2", "1"]).nullable(),
            column("active", ColumnType::Boolean).nullable(),
            column("joined", ColumnType::Date).nullable(),
            column("salary", ColumnType::Integer).range("-1000", "200000").unit("USD/year"),
            column("bonus", ColumnType::Decimal { scale: 2 }).range("-50.00", "999.99").nullable(),
            column("score", ColumnType::Float { scale: 3 }).range("-10", "10").nullable(),
            column("note", ColumnType::Text).bytes_max(24).nullable(),
            column("free", ColumnType::Integer),
        ],
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) rank: String,
    pub(crate) team: Option<i64>,
    pub(crate) active: Option<bool>,
    pub(crate) joined: Option<i32>,
    pub(crate) salary: i64,
    pub(crate) bonus: Option<i128>,
    pub(crate) score: Option<f64>,
    pub(crate) note: Option<String>,
    pub(crate) free: i64,
}

pub(crate) fn batch(people_: &[Person]) -> RecordBatch {
    let p = people_;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(p.iter().map(|p| Some(p.rank.as_str())).collect::<StringArray>()),
        Arc::new(p.iter().map(|p| p.team).collect::<Int64Array>()),
        Arc::new(p.iter().map(|p| p.active).collect::<BooleanArray>()),
        Arc::new(p.iter().map(|p| p.joined).collect::<Date32Array>()),
        Arc::new(p.iter().map(|p| Some(p.salary)).collect::<Int64Array>()),
        Arc::new(
            p.iter().map(|p| p.bonus).collect::<Decimal128Array>().with_precision_and_scale(18, 2).unwrap(),
        ),
        Arc::new(p.iter().map(|p| p.score).collect::<Float64Array>()),
        Arc::new(p.iter().map(|p| p.note.as_deref()).collect::<StringArray>()),
        Arc::new(p.iter().map(|p| Some(p.free)).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(arrow_schema(&people()), columns).unwrap()
}

/// The table `people` over one dataset for each number of rows.
pub(crate) fn table(rows: &[u64]) -> Table {
    let source = |(i, rows): (usize, &u64)| Source {
        reference: format!("owner{i}/people@1"),
        owner: format!("owner{i}"),
        schema: people(),
        rows: *rows,
        floor_rows: 1,
        rows_per_person: None,
    };
    Table { name: "people".into(), datasets: rows.iter().enumerate().map(source).collect() }
}

/// Compiles, runs every local stage and the program's reference interpreter, and decodes.
pub(crate) fn run(sql: &str, owners: &[Vec<Person>], floor: u64) -> (Compiled, Vec<Vec<i128>>, ResultTable) {
    let rows: Vec<u64> = owners.iter().map(|rows| rows.len() as u64).collect();
    let compiled = compile(sql, &[table(&rows)], floor).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    let inputs = inputs(&compiled, owners);
    let outputs = jointly::interpreted(&compiled.program, &inputs);
    let result = decode(&compiled, &outputs).unwrap();
    (compiled, outputs, result)
}

/// What each owner's stages yield.
pub(crate) fn inputs(compiled: &Compiled, owners: &[Vec<Person>]) -> Vec<Vec<i128>> {
    jointly::stages(compiled, |stage| (people(), vec![batch(&owners[usize::from(stage.provider)])]))
}

/// The plaintext answer over all owners' rows.
pub(crate) fn expected(sql: &str, owners: &[Vec<Person>]) -> ResultTable {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = vec![batch(&owners.concat())];
    runtime
        .block_on(plain::query(sql, vec![("people".into(), people(), rows)]))
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// Rows that a stage reads as often as it likes.
pub(crate) fn batches(batches: Vec<RecordBatch>) -> impl Fn() -> local::Batches + Send + Sync {
    move || Box::new(batches.clone().into_iter().map(Ok))
}

/// Whether the owners' nodes refuse it unless `overlaps_max` lets it through: all of them or none, and the audit says the same.
pub(crate) fn is_left_to_owners(compiled: &Compiled) -> bool {
    let first = compiled.answers[0].is_partial();
    assert!(compiled.answers.iter().all(|answers| answers.is_partial() == first), "{}", compiled.audit);
    let left = compiled.audit.attacks.iter();
    let left: Vec<_> =
        left.filter(|attack| attack.reason.contains("`overlaps_max` lets it through")).collect();
    assert_eq!(left.len(), if first { 2 } else { 0 }, "{}", compiled.audit);
    assert!(left.iter().all(|attack| attack.verdict == Verdict::Open), "{}", compiled.audit);
    first
}

/// A table's owner finds, at home, that a column has a value twice which is declared to have each once.
pub(crate) fn assert_repeated(
    compiled: &Compiled,
    table: &str,
    schema: &Schema,
    rows: RecordBatch,
    column: &str,
) {
    assert_repeated_among(compiled, &[(table, schema, rows)], column);
}

/// As [`assert_repeated`], of the first of an owner's tables that one stage reads together.
pub(crate) fn assert_repeated_among(
    compiled: &Compiled,
    tables: &[(&str, &Schema, RecordBatch)],
    column: &str,
) {
    let program = &compiled.program;
    let dataset_of = |stage: &Stage| {
        let mut read = stage.tables();
        read.find(|(table, _)| *table == tables[0].0).map(|(_, dataset)| dataset.to_owned())
    };
    let mut stages = program.stages.iter().enumerate();
    let (number, dataset) = stages.find_map(|(number, stage)| Some((number, dataset_of(stage)?))).unwrap();
    let rows = jointly::read_by(&program.stages[number], &|stage| {
        let (_, schema, rows) = tables.iter().find(|(table, ..)| *table == stage.table).unwrap();
        ((*schema).clone(), vec![rows.clone()])
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(local::run(program, number as u16, rows));
    let wanted = BadRows::Repeated { column: column.to_owned() };
    assert!(
        matches!(&found, Err(LocalError::Rows { dataset: of, reason }) if *of == dataset && *reason == wanted),
        "{program}\n{found:?}"
    );
}
