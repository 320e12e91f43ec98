//! The log on disk: entries, hashes of subtrees, checkpoints. One redb file; every write is one durable transaction,
//! so that a process killed at any moment finds all that it acknowledged, and nothing half-written.

use std::path::Path;

use contract::Hash;
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};

use crate::log::tree::{Node, Nodes};

/// Canonical bytes of each entry by index.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
/// Hashes of complete subtrees by level and index.
const NODES: TableDefinition<'_, (u8, u64), &[u8; 32]> = TableDefinition::new("nodes");
/// What each entry caused, as JSON by index: a record for readers, computed again whenever entries are replayed.
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Checkpoints with their signatures by size: the last final one and those after it.
const CHECKPOINTS: TableDefinition<'_, u64, &str> = TableDefinition::new("checkpoints");
/// Number of entries after each block, by height; empty where an operator orders.
const BLOCKS: TableDefinition<'_, u64, u64> = TableDefinition::new("blocks");
/// Checkpoints that confirm changes of the roster, with their signatures by size: kept for ever.
const HANDOVERS: TableDefinition<'_, u64, &str> = TableDefinition::new("handovers");
/// Checkpoints after which somebody else or another key signs as the log, by size: kept for ever.
const TURNS: TableDefinition<'_, u64, &str> = TableDefinition::new("turns");
/// What this member has signed about another operator: who, by the size from which on.
const PLEDGES: TableDefinition<'_, u64, &str> = TableDefinition::new("pledges");
/// Under [`FINAL`]: the size of the last final checkpoint.
const MARKS: TableDefinition<'_, &str, u64> = TableDefinition::new("marks");
const FINAL: &str = "final";
/// There while a whole log is being taken over: what is behind the first entry doesn't count.
const RESTORING: &str = "restoring";

/// Memory for pages read from disk.
const CACHE_BYTES: usize = 32 << 20;

/// Why the disk didn't do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed, or its file is damaged.
    #[error("the ledger's store: {0}")]
    Database(Box<redb::Error>),
    /// Another process holds the file.
    #[error("another process has the ledger's store open: stop the node that runs in this directory first")]
    Taken,
    /// Something that was written is not there.
    #[error(
        "the ledger's store has lost {what}: restore it from a backup, or delete it to fetch all from the members"
    )]
    Lost {
        /// What.
        what: String,
    },
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::Taken,
            error => Self::Database(Box::new(error)),
        }
    }
}

/// The log's file.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
}

/// What one write adds.
#[derive(Debug, Default)]
pub(crate) struct Addition {
    /// Canonical bytes of new entries, from `first` on.
    pub(crate) entries: Vec<Vec<u8>>,
    /// Index of the first new entry.
    pub(crate) first: u64,
    /// Events of new entries, from `first` on.
    pub(crate) events: Vec<Vec<u8>>,
    /// Subtrees that the new entries complete.
    pub(crate) nodes: Vec<Node>,
    /// A checkpoint by its size.
    pub(crate) checkpoint: Option<(u64, String)>,
    /// A block: its height and the number of entries after it.
    pub(crate) block: Option<(u64, u64)>,
}

impl Store {
    /// Opens or creates the file.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(NODES)?;
        transaction.open_table(CHECKPOINTS)?;
        transaction.open_table(HANDOVERS)?;
        transaction.open_table(TURNS)?;
        transaction.open_table(PLEDGES)?;
        transaction.open_table(MARKS)?;
        transaction.open_table(BLOCKS)?;
        forget_unfinished(&transaction)?;
        transaction.commit()?;
        Ok(Self { database })
    }

    /// What an unfinished restoration left is forgotten.
    pub(crate) fn abandon_restoration(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        forget_unfinished(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// From here on nothing but the first entry counts, until the restoration is finished.
    pub(crate) fn begin_restoration(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        forget_all_but_founding(&transaction)?;
        transaction.open_table(MARKS)?.insert(RESTORING, 1)?;
        Ok(transaction.commit()?)
    }

    /// What was added since counts, as after that block.
    pub(crate) fn finish_restoration(&self, height: u64, size: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(MARKS)?.remove(RESTORING)?;
        transaction.open_table(BLOCKS)?.insert(height, size)?;
        Ok(transaction.commit()?)
    }

    /// Number of entries.
    pub(crate) fn size(&self) -> Result<u64, StoreError> {
        Ok(self.database.begin_read()?.open_table(ENTRIES)?.len()?)
    }

    /// Adds all or nothing; durable when it returns.
    pub(crate) fn add(&self, addition: &Addition) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            for (index, bytes) in (addition.first..).zip(&addition.entries) {
                entries.insert(index, bytes.as_slice())?;
            }
            let mut events = transaction.open_table(EVENTS)?;
            for (index, bytes) in (addition.first..).zip(&addition.events) {
                events.insert(index, bytes.as_slice())?;
            }
            let mut nodes = transaction.open_table(NODES)?;
            for node in &addition.nodes {
                nodes.insert((node.level, node.index), node.hash.as_bytes())?;
            }
            let mut checkpoints = transaction.open_table(CHECKPOINTS)?;
            if let Some((size, note)) = &addition.checkpoint {
                checkpoints.insert(size, note.as_str())?;
            }
            if let Some((height, size)) = addition.block {
                transaction.open_table(BLOCKS)?.insert(height, size)?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The last block: its height and the number of entries after it.
    pub(crate) fn last_block(&self) -> Result<Option<(u64, u64)>, StoreError> {
        let table = self.database.begin_read()?.open_table(BLOCKS)?;
        Ok(table.last()?.map(|(height, size)| (height.value(), size.value())))
    }

    /// Number of entries after the block of that height.
    pub(crate) fn block(&self, height: u64) -> Result<Option<u64>, StoreError> {
        let table = self.database.begin_read()?.open_table(BLOCKS)?;
        Ok(table.get(height)?.map(|size| size.value()))
    }

    /// Replaces a checkpoint; when it is final, forgets those before it.
    pub(crate) fn put_checkpoint(&self, size: u64, note: &str, is_final: bool) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(CHECKPOINTS)?.insert(size, note)?;
        if is_final {
            mark_final(&transaction, size)?;
        }
        Ok(transaction.commit()?)
    }

    /// Keeps a checkpoint that confirms changes of the roster.
    pub(crate) fn put_handover(&self, size: u64, note: &str) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(HANDOVERS)?.insert(size, note)?;
        Ok(transaction.commit()?)
    }

    /// Keeps the checkpoint of that size, if it is there, as one after which somebody else signs as the log.
    pub(crate) fn keep_turn(&self, size: u64) -> Result<(), StoreError> {
        let Some(note) = self.checkpoint(size)? else { return Ok(()) };
        let transaction = self.database.begin_write()?;
        transaction.open_table(TURNS)?.insert(size, note.as_str())?;
        Ok(transaction.commit()?)
    }

    /// Keeps what this member signs about another operator.
    pub(crate) fn pledge(&self, size: u64, operator: &str) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(PLEDGES)?.insert(size, operator)?;
        Ok(transaction.commit()?)
    }

    /// All that it signed, ascending by size.
    pub(crate) fn pledges(&self) -> Result<Vec<(u64, String)>, StoreError> {
        let table = self.database.begin_read()?.open_table(PLEDGES)?;
        let rows = table.iter()?.map(|row| row.map(|(size, of)| (size.value(), of.value().to_owned())));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What it signed last.
    pub(crate) fn pledged(&self) -> Result<Option<(u64, String)>, StoreError> {
        let table = self.database.begin_read()?.open_table(PLEDGES)?;
        Ok(table.last()?.map(|(size, operator)| (size.value(), operator.value().to_owned())))
    }

    /// The checkpoint of that size that was kept so.
    pub(crate) fn turn(&self, size: u64) -> Result<Option<String>, StoreError> {
        let table = self.database.begin_read()?.open_table(TURNS)?;
        Ok(table.get(size)?.map(|note| note.value().to_owned()))
    }

    /// The checkpoints that confirm changes of the roster, of more than `above` and at most `size` entries.
    pub(crate) fn handovers(&self, above: u64, size: u64) -> Result<Vec<(u64, String)>, StoreError> {
        let table = self.database.begin_read()?.open_table(HANDOVERS)?;
        let range = table.range(above.saturating_add(1)..=size)?;
        let read = |found: Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &str>), _>| {
            let (size, note) = found?;
            Ok((size.value(), note.value().to_owned()))
        };
        range.map(read).collect()
    }

    /// Size of the last of them; 0 when there is none.
    pub(crate) fn last_handover(&self) -> Result<u64, StoreError> {
        let table = self.database.begin_read()?.open_table(HANDOVERS)?;
        Ok(table.last()?.map_or(0, |(size, _)| size.value()))
    }

    /// The canonical bytes of an entry.
    pub(crate) fn entry(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        let table = self.database.begin_read()?.open_table(ENTRIES)?;
        let entry = table.get(index)?;
        entry
            .map(|bytes| bytes.value().to_vec())
            .ok_or_else(|| StoreError::Lost { what: format!("entry {index}") })
    }

    /// Hands entries from `from` on to `visit`, until it answers false.
    pub(crate) fn visit_entries<E: From<StoreError>>(
        &self,
        from: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Result<bool, E>,
    ) -> Result<(), E> {
        let range = || -> Result<_, StoreError> {
            Ok(self.database.begin_read()?.open_table(ENTRIES)?.range(from..)?)
        };
        for (expected, found) in (from..).zip(range()?) {
            let (index, bytes) = found.map_err(StoreError::from)?;
            if index.value() != expected {
                return Err(StoreError::Lost { what: format!("entry {expected}") }.into());
            }
            if !visit(expected, bytes.value())? {
                break;
            }
        }
        Ok(())
    }

    /// The events of entries from `from` to before `to`, entry by entry; none for entry 0.
    pub(crate) fn events(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let table = self.database.begin_read()?.open_table(EVENTS)?;
        let range = table.range(from..to)?;
        range.map(|found| Ok(found?.1.value().to_vec())).collect()
    }

    /// The checkpoint of that size.
    pub(crate) fn checkpoint(&self, size: u64) -> Result<Option<String>, StoreError> {
        let table = self.database.begin_read()?.open_table(CHECKPOINTS)?;
        Ok(table.get(size)?.map(|note| note.value().to_owned()))
    }

    /// The checkpoint of the largest size.
    pub(crate) fn last_checkpoint(&self) -> Result<Option<String>, StoreError> {
        let table = self.database.begin_read()?.open_table(CHECKPOINTS)?;
        Ok(table.last()?.map(|(_, note)| note.value().to_owned()))
    }

    /// The last final checkpoint.
    pub(crate) fn final_checkpoint(&self) -> Result<Option<String>, StoreError> {
        let transaction = self.database.begin_read()?;
        let Some(size) = transaction.open_table(MARKS)?.get(FINAL)?.map(|size| size.value()) else {
            return Ok(None);
        };
        let note = transaction.open_table(CHECKPOINTS)?.get(size)?.map(|note| note.value().to_owned());
        note.map(Some)
            .ok_or_else(|| StoreError::Lost { what: format!("the final checkpoint of size {size}") })
    }
}

impl Nodes for Store {
    type Error = StoreError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, StoreError> {
        let table = self.database.begin_read()?.open_table(NODES)?;
        let node = table.get((level, index))?;
        node.map(|hash| Hash::from_bytes(*hash.value()))
            .ok_or_else(|| StoreError::Lost { what: format!("the tree node {index} of level {level}") })
    }
}

fn forget_unfinished(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let was_restoring = transaction.open_table(MARKS)?.get(RESTORING)?.is_some();
    if was_restoring { forget_all_but_founding(transaction) } else { Ok(()) }
}

fn forget_all_but_founding(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(ENTRIES)?.retain(|index, _| index == 0)?;
    transaction.open_table(NODES)?.retain(|node, _| node == (0, 0))?;
    transaction.open_table(EVENTS)?.retain(|_, _| false)?;
    transaction.open_table(CHECKPOINTS)?.retain(|_, _| false)?;
    transaction.open_table(BLOCKS)?.retain(|_, _| false)?;
    transaction.open_table(MARKS)?.retain(|_, _| false)?;
    Ok(())
}

fn mark_final(transaction: &WriteTransaction, size: u64) -> Result<(), StoreError> {
    transaction.open_table(MARKS)?.insert(FINAL, size)?;
    transaction.open_table(CHECKPOINTS)?.retain(|kept, _| kept >= size)?;
    Ok(())
}
