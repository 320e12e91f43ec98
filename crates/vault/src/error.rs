//! Why a vault cannot be opened, read or written.

use std::{io, path::PathBuf};

use contract::{Hash, canonical::CanonicalError};

use crate::SourceFailure;

/// What went wrong with a vault's files or with what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The operating system refused.
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the vault open.
    #[error("the vault `{path}` is in use by another process; stop that one first")]
    InUse {
        /// The vault's directory.
        path: PathBuf,
    },
    /// The directory holds datasets but its `vault.json` is missing, damaged or of another format.
    #[error(
        "`{path}` cannot be opened as a vault: {reason}; restore its `vault.json` or choose an empty directory"
    )]
    NotAVault {
        /// The vault's directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {reason}")]
    NoRandomness {
        /// What it said.
        reason: String,
    },
    /// No dataset of that name.
    #[error("the vault has no dataset `{name}`; it has: {known}")]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The names there are, or `none`.
        known: String,
    },
    /// The dataset exists, but not in that version.
    #[error("dataset `{name}` has no version {version}; the latest is {latest}")]
    UnknownVersion {
        /// The dataset.
        name: String,
        /// The version asked for.
        version: u32,
        /// The latest there is.
        latest: u32,
    },
    /// A manifest is not the canonical JSON that import wrote.
    #[error("the manifest of `{dataset}` has been changed: {source}; restore it from a backup")]
    ManifestUnreadable {
        /// `name@version`.
        dataset: String,
        /// Why it cannot be read.
        source: CanonicalError,
    },
    /// A manifest is readable, but one of its fields contradicts another or its place in the vault.
    #[error(
        "the manifest of `{dataset}` has been changed: `{field}` is not what it must be; restore it from a backup"
    )]
    ManifestInconsistent {
        /// `name@version`.
        dataset: String,
        /// The field that contradicts.
        field: &'static str,
    },
    /// A manifest names a root that does not follow from what it lists.
    #[error(
        "the manifest of `{dataset}` has been changed: its root is {expected}, what it lists gives {found}; \
         restore it from a backup"
    )]
    RootChanged {
        /// `name@version`.
        dataset: String,
        /// The root that the manifest states.
        expected: Hash,
        /// The root of what the manifest lists.
        found: Hash,
    },
    /// A chunk's file is gone.
    #[error(
        "chunk {chunk} of `{dataset}` is missing: expected the file {expected}; restore it from a backup"
    )]
    ChunkMissing {
        /// `name@version`.
        dataset: String,
        /// Counted from 1.
        chunk: usize,
        /// The chunk's hash, which is its file's name.
        expected: Hash,
    },
    /// A chunk's bytes are not the ones imported.
    #[error(
        "chunk {chunk} of `{dataset}` has been changed: expected {expected}, found {found}; \
         restore it from a backup"
    )]
    ChunkChanged {
        /// `name@version`.
        dataset: String,
        /// Counted from 1.
        chunk: usize,
        /// The hash in the manifest.
        expected: Hash,
        /// The hash of the file's bytes, of which no more are read than the manifest says plus one.
        found: Hash,
    },
    /// A version's rows stay elsewhere, and this vault was opened without a way to read them.
    #[error(
        "the rows are not in this vault, and it was opened without a way to read them from where they are"
    )]
    NoSource,
    /// The rows of a linked version cannot be read from where they are.
    #[error("the rows of `{dataset}` cannot be read: {reason}")]
    Source {
        /// `name@version`.
        dataset: String,
        /// What their source said.
        reason: SourceFailure,
    },
    /// Rows of a linked version are not the ones that were linked.
    #[error(
        "chunk {chunk} of `{dataset}` has been changed: {rows} of `{table}` are not as they were linked; undo the \
         change, or link the table again: that makes the next version"
    )]
    LinkedRowsChanged {
        /// `name@version`.
        dataset: String,
        /// Counted from 1.
        chunk: usize,
        /// Which rows, in the order of the table's key.
        rows: String,
        /// The table.
        table: String,
    },
    /// A chunk has the right hash, but does not hold the columns and rows that the manifest says.
    #[error("chunk {chunk} of `{dataset}` does not hold what its manifest says: {fault}")]
    ChunkUnreadable {
        /// `name@version`.
        dataset: String,
        /// Counted from 1.
        chunk: usize,
        /// What is wrong inside.
        fault: ChunkFault,
    },
}

/// Why bytes are not a chunk of a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkFault {
    /// Not an Arrow IPC stream of one schema and one record batch.
    #[error("it is not an Arrow stream of one record batch, from byte {offset} on")]
    Framing {
        /// Where the stream stops making sense.
        offset: usize,
    },
    /// The batch lists other columns or buffers than the schema has, or buffers outside the chunk.
    #[error("its record batch does not lie within the chunk or does not match the schema")]
    Layout,
    /// The batch holds another number of rows.
    #[error("expected {expected} rows, found {found}")]
    Rows {
        /// Rows in the manifest.
        expected: u32,
        /// Rows in the batch.
        found: i64,
    },
    /// The columns' bytes are not values of their types.
    #[error("its columns are not valid: {reason}")]
    Columns {
        /// What the Arrow library found.
        reason: String,
    },
}

impl VaultError {
    /// For `map_err`: the system's error with what was tried on which path.
    pub(crate) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
