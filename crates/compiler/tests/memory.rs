//! Memory while a table goes from a file into a vault and through its owner's local stage. Alone in its process, whose peak
//! it measures. `TREATY_ROWS=10000000` makes the table larger than the memory of a small machine: the bound stays.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use treaty_compiler::{Source, Table, compile, local};
use vault::{Format, ImportRequest, Vault};

/// How far the process may grow while it reads: a few chunks of 16 MiB, whatever the table's size.
const GROWTH_MAX: u64 = 160_000_000;
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

/// Imports the file and counts at home; gives the bytes of the dataset.
fn import_and_count(directory: &Path, file: &Path, name: &str) -> u64 {
    let vault = Arc::new(Vault::open(directory.join("vault")).unwrap());
    let format = Format::of(file).unwrap();
    let columns = BTreeMap::new();
    vault.import(&ImportRequest { name, description: "", file, format, columns: &columns }).unwrap();
    let held = vault.describe(name, 1).unwrap();
    let source = Source {
        reference: format!("north/{name}@1"),
        owner: "north".to_owned(),
        schema: held.schema.clone(),
        rows: held.rows,
        floor_rows: 1,
        rows_per_person: None,
    };
    let table = Table { name: "visits".to_owned(), datasets: vec![source] };
    let sql = "SELECT COUNT(*) AS n FROM visits WHERE note LIKE '%3' AND id % 10 = 7";
    let compiled = compile(sql, &[table], 1).unwrap();
    let reader = Arc::clone(&vault);
    let read = name.to_owned();
    let open = move || -> local::Batches {
        Box::new(reader.scan_shared(&read, 1).unwrap().map(|batch| batch.map_err(Into::into)))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let counted = runtime.block_on(local::run(&compiled.program, 0, &held.schema, open)).unwrap();
    // 7 · 7919 ends in 3: every row whose number ends in 7, and no other.
    assert_eq!(counted, [vec![i128::from(rows() / 10)]]);
    held.bytes
}

#[test]
fn a_table_is_imported_and_counted_without_being_held() {
    let directory = tempfile::tempdir().unwrap();
    let files = [csv(directory.path()), parquet(directory.path())];
    let before = memory("VmRSS:");
    for (file, name) in files.iter().zip(["csv", "parquet"]) {
        let bytes = import_and_count(directory.path(), file, name);
        let grown = memory("VmHWM:").saturating_sub(before);
        println!("{name}: {} rows, {bytes} bytes, the process grew by {grown} bytes", rows());
        assert!(bytes > GROWTH_MAX && grown < GROWTH_MAX, "{name}: grew by {grown} bytes to read {bytes}");
    }
}
