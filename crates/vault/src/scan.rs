//! The rows of a dataset version, each chunk verified before it is given.

use std::borrow::Borrow;

use arrow::array::RecordBatch;
use contract::{Hash, Schema};

use crate::{
    ImportError, Vault, VaultError,
    import::link::Reread,
    storage::{
        chunk,
        manifest::{ChunkEntry, Link, Manifest},
    },
};

/// The verified rows of one dataset version, chunk by chunk. Holds one chunk in memory, and of a linked version also
/// what its source reads ahead.
#[derive(Debug)]
pub struct Scan<V> {
    vault: V,
    manifest: Manifest,
    next: usize,
    /// The table of a linked version, from the first chunk on.
    reread: Option<Reread>,
}

impl<V> Scan<V> {
    pub(crate) fn new(vault: V, manifest: Manifest) -> Self {
        Self { vault, manifest, next: 0, reread: None }
    }

    /// Columns in order; the batches follow [`to_arrow`](crate::to_arrow) of it.
    pub fn schema(&self) -> &Schema {
        &self.manifest.head.schema
    }

    /// Rows in all chunks together.
    pub fn rows(&self) -> u64 {
        self.manifest.head.rows
    }

    /// The root that every chunk given so far is part of.
    pub fn root(&self) -> Hash {
        self.manifest.root
    }
}

impl<V: Borrow<Vault>> Scan<V> {
    /// Reads the next chunk's file.
    fn kept(&self, index: usize, rows: u32) -> Result<Option<RecordBatch>, VaultError> {
        let Some(bytes) = self.vault.borrow().chunk_bytes(&self.manifest, index)? else { return Ok(None) };
        let batch = chunk::decode(bytes, self.schema(), rows);
        batch.map(Some).map_err(|fault| VaultError::ChunkUnreadable {
            dataset: self.manifest.dataset(),
            chunk: index + 1,
            fault,
        })
    }

    /// Makes the next chunk anew from rows that are elsewhere, and compares it with what was linked. Looks for rows
    /// after the last one, too.
    fn linked(&mut self, index: usize, link: &Link) -> Result<Option<RecordBatch>, VaultError> {
        let reread = self.reread.take();
        let failed = |fault| self.explain(fault, index, link);
        let mut reread = match reread {
            Some(reread) => reread,
            None => {
                Reread::open(self.vault.borrow().source()?, link, &self.schema().columns).map_err(failed)?
            }
        };
        let found = reread.next().map_err(failed)?;
        match (found, self.manifest.chunks.get(index)) {
            (Some(found), Some(expected)) if found.entry == *expected => {
                self.reread = Some(reread);
                Ok(Some(found.batch))
            }
            (None, None) => Ok(None),
            _ => Err(self.changed(index, link)),
        }
    }

    fn explain(&self, fault: ImportError, index: usize, link: &Link) -> VaultError {
        match fault {
            ImportError::Source(reason) => VaultError::Source { dataset: self.manifest.dataset(), reason },
            ImportError::Vault(fault) => fault,
            // What was declared was true of the rows that were linked.
            _ => self.changed(index, link),
        }
    }

    fn changed(&self, index: usize, link: &Link) -> VaultError {
        let rows = |chunks: &[ChunkEntry]| chunks.iter().map(|chunk| u64::from(chunk.rows)).sum::<u64>();
        let first = rows(self.manifest.chunks.get(..index).unwrap_or_default()) + 1;
        let last = self.manifest.chunks.get(index).map(|chunk| first - 1 + u64::from(chunk.rows));
        VaultError::LinkedRowsChanged {
            dataset: self.manifest.dataset(),
            chunk: index + 1,
            rows: match last {
                Some(last) => format!("rows {first} to {last}"),
                None => format!("the rows from {first} on, which were not there,"),
            },
            table: link.location.table.clone(),
        }
    }
}

impl<V: Borrow<Vault>> Iterator for Scan<V> {
    type Item = Result<RecordBatch, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        let chunks = self.manifest.chunks.len();
        self.next += 1;
        let Some(link) = self.manifest.link.clone() else {
            let rows = self.manifest.chunks.get(index)?.rows;
            return self.kept(index, rows).transpose();
        };
        if index > chunks {
            return None;
        }
        let batch = self.linked(index, &link).transpose()?;
        if batch.is_err() {
            // Whatever follows rows at fault is at fault as well.
            self.next = chunks + 1;
        }
        Some(batch)
    }
}
