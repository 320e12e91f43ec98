//! Memory while a table goes from a file into a vault and through its owner's local stage. Alone in its process, whose peak
//! it measures. `TREATY_ROWS=10000000` makes the table larger than the memory of a small machine: the bound stays.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test should say where"
)]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use tokio::runtime::Runtime;
use treaty_compiler::answers::identities;
use treaty_compiler::overlap::{self, Answer, Field, Verdict};
use treaty_compiler::{Compiled, Source, Table, compile, local};
use vault::{Description, Format, ImportRequest, Vault};

/// How far the process may grow while it reads: a few chunks of 16 MiB, whatever the table's size.
const GROWTH_MAX: u64 = 160_000_000;
/// How much further while it compares two answers over two versions, by row: two classes, two names, and both under way.
const COMPARED_MAX: u64 = 120;
/// Rows of the suite's table, of 320 bytes and more each: above the bound.
const ROWS: i64 = 600_000;

/// The memory of this process in bytes: `VmRSS:` what it holds, `VmHWM:` the most that it ever held.
fn memory(of: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn rows() -> i64 {
    std::env::var("TREATY_ROWS").map_or(ROWS, |rows| rows.parse().unwrap())
}

fn note(id: i64) -> String {
    format!("{:0310}", id.wrapping_mul(7_919))
}

fn csv(directory: &Path) -> PathBuf {
    let path = directory.join("visits.csv");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    writeln!(file, "id,note").unwrap();
    for id in 0..rows() {
        writeln!(file, "{id},n{}", note(id)).unwrap();
    }
    file.flush().unwrap();
    path
}

fn parquet(directory: &Path) -> PathBuf {
    let path = directory.join("visits.parquet");
    let batch = |from: i64| {
        let ids = from..(from + 10_000).min(rows());
        let notes: ArrayRef =
            Arc::new(StringArray::from_iter_values(ids.clone().map(|id| format!("n{}", note(id)))));
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
        RecordBatch::try_from_iter([("id", ids), ("note", notes)]).unwrap()
    };
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch(0).schema(), None).unwrap();
    for from in (0..rows()).step_by(10_000) {
        writer.write(&batch(from)).unwrap();
        // A row group is in the writer's memory, and in no reader's.
        if from % 100_000 == 0 {
            writer.flush().unwrap();
        }
    }
    writer.close().unwrap();
    path
}

/// A dataset that was imported from a file.
struct Held {
    vault: Arc<Vault>,
    name: String,
    description: Description,
}

impl Held {
    fn import(directory: &Path, file: &Path, name: &str) -> Self {
        let vault = Arc::new(Vault::open(directory.join("vault")).unwrap());
        let format = Format::of(file).unwrap();
        let columns = BTreeMap::new();
        vault.import(&ImportRequest { name, description: "", file, format, columns: &columns }).unwrap();
        let description = vault.describe(name, 1).unwrap();
        Self { vault, name: name.to_owned(), description }
    }

    fn reference(&self) -> String {
        format!("north/{}@1", self.name)
    }

    fn compile(&self, sql: &str) -> Compiled {
        let source = Source {
            reference: self.reference(),
            owner: "north".to_owned(),
            schema: self.description.schema.clone(),
            rows: self.description.rows,
            floor_rows: 1,
            rows_per_person: None,
        };
        compile(sql, &[Table { name: "visits".to_owned(), datasets: vec![source] }], 1).unwrap()
    }

    fn rows(&self) -> impl Fn() -> local::Batches + Send + Sync + 'static {
        let (vault, name) = (Arc::clone(&self.vault), self.name.clone());
        move || Box::new(vault.scan_shared(&name, 1).unwrap().map(|batch| batch.map_err(Into::into)))
    }

    fn count(&self, runtime: &Runtime) {
        let compiled = self.compile("SELECT COUNT(*) AS n FROM visits WHERE note LIKE '%3' AND id % 10 = 7");
        let held = local::Rows::new(self.description.schema.clone(), self.rows());
        let held = BTreeMap::from([(self.reference(), held)]);
        let counted = local::run(&compiled.program, 0, held);
        // 7 · 7919 ends in 3: every row whose number ends in 7, and no other.
        assert_eq!(runtime.block_on(counted).unwrap(), [vec![i128::from(rows() / 10)]]);
    }

    /// What stands in one row more than another answer, found by the rows' names as between two versions.
    fn compare(&self, runtime: &Runtime) {
        let schema = &self.description.schema;
        let reference = self.reference();
        let answer = |sql: &str| {
            let compiled = self.compile(sql);
            let selected = compiled.answers[0].select(&reference, schema, self.rows());
            let identities = identities(&reference, schema, self.rows());
            Answer {
                selected: runtime.block_on(selected).unwrap(),
                identities: runtime.block_on(identities).unwrap(),
                floor_rows: 2,
            }
        };
        let given = answer("SELECT COUNT(*) AS n FROM visits");
        let new = answer("SELECT COUNT(*) AS n FROM visits WHERE id <> 5");
        let verdict = overlap::compare(&[&given], &new, 2, true, Field::from_random(0x5eed));
        assert_eq!(verdict, Verdict::Close(1));
    }
}

#[test]
fn a_table_is_imported_counted_and_compared_without_being_held() {
    let directory = tempfile::tempdir().unwrap();
    let files = [csv(directory.path()), parquet(directory.path())];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let before = memory("VmRSS:");
    for (file, name) in files.iter().zip(["csv", "parquet"]) {
        let held = Held::import(directory.path(), file, name);
        let bytes = held.description.bytes;
        held.count(&runtime);
        let grown = memory("VmHWM:").saturating_sub(before);
        println!("{name}: {} rows, {bytes} bytes, the process grew by {grown} bytes", rows());
        assert!(bytes > GROWTH_MAX && grown < GROWTH_MAX, "{name}: grew by {grown} bytes to read {bytes}");
        // Once: how rows came here makes no difference any more.
        if name == "parquet" {
            held.compare(&runtime);
            let most = GROWTH_MAX + COMPARED_MAX * rows().unsigned_abs();
            let grown = memory("VmHWM:").saturating_sub(before);
            println!("compared, the process grew by {grown} bytes");
            assert!(grown < most, "grew by {grown} bytes to compare answers over {} rows", rows());
        }
    }
}
