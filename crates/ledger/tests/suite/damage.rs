//! A file that is not what this node wrote is not opened.

use std::path::PathBuf;

use contract::Hash;
use ledger::{Action, Content, Entry, Ledger, LedgerError, Proof, proof::ExportError, store::StoreError};
use redb::{Database, ReadableTable, TableDefinition};
use tempfile::TempDir;

use crate::world::{FOUNDED, PROGRAM, World, hash};

const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
const NODES: TableDefinition<'_, (u8, u64), &[u8; 32]> = TableDefinition::new("nodes");

/// A ledger of one completed run on disk, not open; its checkpoint covers all but the last entry.
struct File {
    world: World,
    path: PathBuf,
    size: u64,
    _directory: TempDir,
}

impl File {
    fn new() -> Self {
        let mut world = World::new();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.redb");
        let mut ledger = Ledger::open(&path, world.alliance.clone()).unwrap();
        let mut transactions = world.whole_path(hash("run"));
        let last = transactions.pop().unwrap();
        ledger.append(FOUNDED, transactions).unwrap();
        ledger.sign_checkpoint(&world.members[0]).unwrap();
        ledger.append(FOUNDED, vec![last]).unwrap();
        let size = ledger.size();
        Self { world, path, size, _directory: directory }
    }

    fn rewrite(&self, index: u64, change: impl FnOnce(&mut Entry)) {
        let database = Database::create(&self.path).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(ENTRIES).unwrap();
            let mut entry = Entry::from_bytes(table.get(index).unwrap().unwrap().value()).unwrap();
            change(&mut entry);
            table.insert(index, entry.to_bytes().unwrap().as_slice()).unwrap();
        }
        transaction.commit().unwrap();
    }

    fn open(&self) -> Result<Ledger, LedgerError> {
        Ledger::open(&self.path, self.world.alliance.clone())
    }

    fn damaged_at(&self) -> u64 {
        match self.open() {
            Err(LedgerError::Damaged { index, .. }) => index,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn entries_under_a_checkpoint_are_held_against_it() {
    let file = File::new();
    // The last second, so that time doesn't go back: only the root can tell.
    file.rewrite(3, |entry| {
        let Content::Transaction(signed) = &mut entry.content else { panic!() };
        signed.transaction.person = Some(file.world.did(2));
    });
    assert_eq!(file.damaged_at(), file.size - 2);
}

#[test]
fn effects_are_computed_again() {
    let file = File::new();
    file.rewrite(5, |entry| entry.effects = hash("wishful"));
    assert_eq!(file.damaged_at(), 5);
}

#[test]
fn entries_after_the_checkpoint_are_checked_in_full() {
    let file = File::new();
    let last = file.size - 1;
    file.rewrite(last, |entry| {
        let Content::Transaction(signed) = &mut entry.content else { panic!() };
        signed.transaction.person = Some(file.world.did(2));
    });
    assert_eq!(file.damaged_at(), last);
}

#[test]
fn entries_that_are_lost_are_noticed() {
    let file = File::new();
    {
        let database = Database::create(&file.path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(ENTRIES).unwrap().remove(file.size - 2).unwrap();
        transaction.commit().unwrap();
    }
    assert!(matches!(file.open(), Err(LedgerError::Store(StoreError::Lost { .. }))));
    {
        let database = Database::create(&file.path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(ENTRIES).unwrap().remove(file.size - 1).unwrap();
        transaction.commit().unwrap();
    }
    assert_eq!(file.damaged_at(), file.size - 1);
}

#[test]
fn the_tree_is_held_against_the_entries() {
    let file = File::new();
    file.open().unwrap();
    let database = Database::create(&file.path).unwrap();
    let transaction = database.begin_write().unwrap();
    let peak = {
        let mut table = transaction.open_table(NODES).unwrap();
        let peak = table.get((4, 0)).unwrap().map(|hash| Hash::from_bytes(*hash.value()));
        table.insert((4, 0), hash("other").as_bytes()).unwrap();
        peak
    };
    transaction.commit().unwrap();
    assert!(peak.is_some());
    drop(database);
    assert!(matches!(file.open(), Err(LedgerError::Damaged { .. })));
}

#[test]
fn a_file_is_open_once() {
    let file = File::new();
    let _open = file.open().unwrap();
    assert!(file.open().is_err_and(|error| error.is_taken()));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let file = File::new();
    let mut ledger = file.open().unwrap();
    let size = ledger.size();
    let out_of_range = |result: Result<Vec<Hash>, LedgerError>, expected: u64| {
        assert!(matches!(result, Err(LedgerError::OutOfRange { asked, .. }) if asked == expected));
    };
    out_of_range(ledger.inclusion(size, size), size);
    out_of_range(ledger.inclusion(0, size + 1), size + 1);
    out_of_range(ledger.consistency(1, size + 1), size + 1);
    out_of_range(ledger.consistency(size, size - 1), size);
    assert!(matches!(ledger.page(size), Err(LedgerError::OutOfRange { .. })));
    assert!(ledger.entries(size, 10).unwrap().is_empty());
    assert_eq!(ledger.entries(0, 3).unwrap().len(), 3);
    let proof = Proof::export(&ledger, hash("run"), PROGRAM.to_owned());
    assert!(matches!(proof, Err(ExportError::NotFinal { .. })));

    let mut many = Vec::new();
    for version in 2..8 {
        let mut dataset = file.world.dataset(0, version);
        dataset.schema.columns[0].description = "x".repeat(900_000);
        let sequence = ledger.state().next_sequence(&file.world.did(0)) + u64::from(version) - 2;
        let publish = Action::PublishDataset(Box::new(dataset));
        many.push(file.world.sign_as(&file.world.members[0], sequence, publish));
    }
    assert!(matches!(ledger.append(FOUNDED, many.clone()), Err(LedgerError::BatchTooLarge { .. })));
    assert_eq!(ledger.size(), size, "nothing is kept");
    many.truncate(4);
    assert!(ledger.append(FOUNDED, many).unwrap().iter().all(Result::is_ok));
}
