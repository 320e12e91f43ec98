//! Versions whose rows stay elsewhere: the same chunks as imported ones, read again each time, never held at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow::{
    array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema as ArrowSchema},
};
use contract::ColumnType;
use treaty_vault::{
    Declaration, Format, ImportError, ImportRequest, LinkRequest, Location, Source, SourceColumn,
    SourceFailure, SourceTable, Vault, VaultError,
};

/// What a table holds: `number` and `text` in each row.
type Content = Vec<(Option<i64>, String)>;

/// A table in memory, that counts how many of its batches are alive.
#[derive(Debug, Default)]
struct Table {
    content: Mutex<Content>,
    /// Rows made on the way instead of held, as many as this.
    generated: i64,
    /// After so many batches the table can be read no further.
    breaks_after: Mutex<Option<usize>>,
    alive_max: Arc<AtomicUsize>,
}

const BATCH_ROWS: i64 = 1000;

impl Table {
    fn rows(&self, from: i64) -> Content {
        if self.generated > 0 {
            let to = (from + BATCH_ROWS).min(self.generated);
            return (from..to).map(|row| (Some(row), format!("text of row {row}"))).collect();
        }
        let content = self.content.lock().unwrap();
        content.iter().skip(from as usize).take(BATCH_ROWS as usize).cloned().collect()
    }
}

#[derive(Debug)]
struct Shared(Arc<Table>);

impl Source for Shared {
    fn open(&self, location: &Location, columns: Option<&[String]>) -> Result<SourceTable, SourceFailure> {
        assert_eq!(location.table, "clinic.visits");
        assert!(columns.is_none_or(|columns| columns == ["Number", "text"]), "{columns:?}");
        let table = Arc::clone(&self.0);
        let breaks_after = *table.breaks_after.lock().unwrap();
        let mut alive: Vec<std::sync::Weak<dyn Array>> = Vec::new();
        let batches = (0_usize..).map_while(move |batch| {
            if breaks_after.is_some_and(|after| batch >= after) {
                return Some(Err("the server hung up".into()));
            }
            alive.retain(|array| array.strong_count() > 0);
            table.alive_max.fetch_max(alive.len(), Ordering::Relaxed);
            let rows = table.rows(batch as i64 * BATCH_ROWS);
            if rows.is_empty() {
                return None;
            }
            let numbers: ArrayRef = Arc::new(rows.iter().map(|(number, _)| *number).collect::<Int64Array>());
            let texts: ArrayRef =
                Arc::new(rows.iter().map(|(_, text)| Some(text.as_str())).collect::<StringArray>());
            alive.push(Arc::downgrade(&numbers));
            let fields =
                vec![Field::new("Number", DataType::Int64, true), Field::new("text", DataType::Utf8, true)];
            Some(Ok(RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), vec![numbers, texts]).unwrap()))
        });
        let column = |name: &str, kind| SourceColumn { name: name.to_owned(), kind: Some(kind) };
        let columns = vec![column("Number", ColumnType::Integer), column("text", ColumnType::Text)];
        Ok(SourceTable { columns, batches: Box::new(batches) })
    }
}

fn location() -> Location {
    Location {
        url: "postgresql://reader@db.example/clinic".to_owned(),
        table: "clinic.visits".to_owned(),
        order_by: vec!["Number".to_owned()],
    }
}

fn open(directory: &std::path::Path, table: &Arc<Table>) -> Vault {
    Vault::open(directory).unwrap().with_source(Arc::new(Shared(Arc::clone(table))))
}

fn link(
    vault: &Vault,
    columns: &BTreeMap<String, Declaration>,
) -> Result<treaty_vault::Imported, ImportError> {
    let location = location();
    vault.link(&LinkRequest { name: "visits", description: "", location: &location, select: &[], columns })
}

fn table(rows: i64) -> Arc<Table> {
    let content = (0..rows).map(|row| (Some(row), format!("text of row {row}"))).collect();
    Arc::new(Table { content: Mutex::new(content), ..Table::default() })
}

#[test]
fn a_linked_table_reads_as_the_imported_one() {
    let directory = tempfile::tempdir().unwrap();
    let table = table(70_000);
    table.content.lock().unwrap()[69_999] = (None, "NA".to_owned());
    let vault = open(directory.path(), &table);
    let declared = BTreeMap::from([(
        "text".to_owned(),
        Declaration { null_as: vec!["NA".to_owned()], ..Declaration::default() },
    )]);
    let linked = link(&vault, &declared).unwrap();
    assert_eq!((linked.version, linked.rows), (1, 70_000));

    let file = directory.path().join("visits.csv");
    let rows: String = (0..69_999).map(|row| format!("{row},text of row {row}\n")).collect();
    std::fs::write(&file, format!("Number,text\n{rows},NA\n")).unwrap();
    let request = ImportRequest {
        name: "imported",
        description: "",
        file: &file,
        format: Format::Csv,
        columns: &declared,
    };
    let imported = vault.import(&request).unwrap();
    assert_eq!(linked.schema, imported.schema);
    let all = |name| vault.scan(name, 1).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(all("visits"), all("imported"));
    assert_eq!(vault.verify("visits", 1).unwrap(), linked.root);
    let described = vault.describe("visits", 1).unwrap();
    assert_eq!(described.location, Some(location()));
    assert_eq!(described.bytes, vault.describe("imported", 1).unwrap().bytes);

    // Nothing of the rows lies in the vault, and a vault that was opened again still reads them.
    drop(vault);
    let manifest = std::fs::read_to_string(directory.path().join("datasets/visits/1.json")).unwrap();
    assert!(!manifest.contains("text of row"), "{manifest}");
    assert_eq!(open(directory.path(), &table).verify("visits", 1).unwrap(), linked.root);
    let blind = Vault::open(directory.path());
    assert!(matches!(blind.unwrap().verify("visits", 1), Err(VaultError::NoSource)));
}

#[test]
fn versions_of_one_table_exclude_each_other_when_its_rows_differ() {
    let directory = tempfile::tempdir().unwrap();
    let table = table(5);
    let vault = open(directory.path(), &table);
    let relink = |text: &str| {
        table.content.lock().unwrap()[2].1 = text.to_owned();
        link(&vault, &BTreeMap::new()).unwrap();
    };
    ["one", "other", "one"].into_iter().for_each(relink);
    let exclude = |one, other| vault.exclude_each_other("visits", one, other).unwrap();
    assert!(exclude(1, 2) && exclude(2, 3));
    assert!(!exclude(1, 3) && !exclude(1, 1), "the same rows can be read as either");
    let unknown = vault.exclude_each_other("visits", 1, 9);
    assert!(matches!(unknown, Err(VaultError::UnknownVersion { .. })));
}

#[test]
fn chunks_are_the_same_bytes_in_every_release() {
    // A linked version is compared with chunks that are made anew: a library that writes other bytes for the same
    // rows would make every linked dataset look changed.
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path(), &table(3));
    link(&vault, &BTreeMap::new()).unwrap();
    let manifest = std::fs::read_to_string(directory.path().join("datasets/visits/1.json")).unwrap();
    let start = manifest.find(r#""chunks":"#).unwrap();
    let end = manifest.find(r#","format""#).unwrap();
    insta::assert_snapshot!(&manifest[start..end]);
}

#[test]
fn a_change_anywhere_is_refused_by_the_name_of_its_chunk() {
    type Change = fn(&mut Content);
    let changes: [(&str, Change, usize, &str); 7] = [
        ("a value in the first chunk", |rows| rows[5].1.push('!'), 1, "rows 1 to 65536"),
        ("a value in the last chunk", |rows| rows[65_540].0 = Some(0), 2, "rows 65537 to 65600"),
        ("a value taken away", |rows| rows[65_536].0 = None, 2, "rows 65537 to 65600"),
        ("a row taken away", |rows| drop(rows.remove(70)), 1, "rows 1 to 65536"),
        ("the last row taken away", |rows| drop(rows.pop()), 2, "rows 65537 to 65600"),
        ("a row added", |rows| rows.push((Some(70_000), "new".to_owned())), 2, "rows 65537 to 65600"),
        ("two rows exchanged", |rows| rows.swap(1, 2), 1, "rows 1 to 65536"),
    ];
    for (what, change, chunk, rows) in changes {
        let directory = tempfile::tempdir().unwrap();
        let table = table(65_600);
        let vault = open(directory.path(), &table);
        link(&vault, &BTreeMap::new()).unwrap();
        change(&mut table.content.lock().unwrap());
        let refused = vault.verify("visits", 1).unwrap_err();
        let said = refused.to_string();
        assert!(
            matches!(refused, VaultError::LinkedRowsChanged { chunk: found, .. } if found == chunk),
            "{what}: {said}"
        );
        assert!(said.contains(rows) && said.contains("clinic.visits"), "{what}: {said}");
        let given: Vec<_> = vault.scan("visits", 1).unwrap().collect();
        assert_eq!(given.len(), chunk, "{what}: the chunks before are given, then one error, then nothing");
        assert_eq!(given.iter().filter(|batch| batch.is_err()).count(), 1, "{what}");
        // Linked again it is the next version, and the first one is still refused.
        assert_eq!(link(&vault, &BTreeMap::new()).unwrap().version, 2, "{what}");
        vault.verify("visits", 2).unwrap();
        vault.verify("visits", 1).unwrap_err();
    }
}

#[test]
fn rows_after_a_full_last_chunk_and_after_none_are_refused() {
    for rows in [0, 65_536] {
        let directory = tempfile::tempdir().unwrap();
        let table = table(rows);
        let vault = open(directory.path(), &table);
        link(&vault, &BTreeMap::new()).unwrap();
        vault.verify("visits", 1).unwrap();
        table.content.lock().unwrap().push((Some(rows), "new".to_owned()));
        let refused = vault.verify("visits", 1).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("the rows from {} on, which were not there", rows + 1)),
            "{refused}"
        );
    }
}

#[test]
fn declarations_are_held_to_and_a_breach_later_on_is_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let table = table(10);
    let vault = open(directory.path(), &table);
    let range = |max: &str| {
        let range = contract::Range { min: "0".to_owned(), max: max.to_owned() };
        BTreeMap::from([("number".to_owned(), Declaration { range: Some(range), ..Declaration::default() })])
    };
    let refused = link(&vault, &range("8")).unwrap_err().to_string();
    assert!(refused.starts_with("row 10, column `number`"), "{refused}");
    assert!(vault.list().unwrap().is_empty());
    link(&vault, &range("9")).unwrap();
    table.content.lock().unwrap()[3].0 = Some(10);
    assert!(matches!(vault.verify("visits", 1), Err(VaultError::LinkedRowsChanged { chunk: 1, .. })));
}

#[test]
fn a_table_that_cannot_be_read_on_is_an_error_and_no_end() {
    let directory = tempfile::tempdir().unwrap();
    let table = table(70_000);
    let vault = open(directory.path(), &table);
    link(&vault, &BTreeMap::new()).unwrap();
    *table.breaks_after.lock().unwrap() = Some(68);
    let given: Vec<_> = vault.scan("visits", 1).unwrap().collect();
    assert_eq!(given.len(), 2);
    let refused = given[1].as_ref().unwrap_err().to_string();
    assert_eq!(refused, "the rows of `visits@1` cannot be read: the server hung up");
    assert!(matches!(link(&vault, &BTreeMap::new()), Err(ImportError::Source(_))));
    assert_eq!(vault.versions("visits").unwrap(), [1], "what could not be read to its end is no version");
}

#[test]
fn millions_of_rows_pass_without_being_held() {
    let directory = tempfile::tempdir().unwrap();
    let table = Arc::new(Table { generated: 3_000_000, ..Table::default() });
    let vault = open(directory.path(), &table);
    assert_eq!(link(&vault, &BTreeMap::new()).unwrap().rows, 3_000_000);
    let mut chunks = 0;
    let mut last: Option<std::sync::Weak<dyn Array>> = None;
    for batch in vault.scan("visits", 1).unwrap() {
        assert!(last.take().is_none_or(|last| last.strong_count() == 0), "one chunk at a time");
        last = batch.unwrap().columns().first().map(Arc::downgrade);
        chunks += 1;
    }
    assert_eq!(chunks, 3_000_000_usize.div_ceil(65_536));
    assert!(table.alive_max.load(Ordering::Relaxed) <= 1, "a batch is let go before the next is asked for");
}
