//! A member's data: typed columns in content-addressed chunks, one Merkle root per dataset version.
//!
//! [`Vault::import`] reads a CSV or Parquet file twice at most and never holds more than one chunk of it.
//! [`Vault::link`] does the same with a table that stays where it is, of which only the chunks' hashes are kept: to
//! read such a version is to read the table again and to make its chunks anew.
//! [`Vault::read`], [`Vault::scan`] and [`Vault::verify`] hash every chunk again and refuse rows that are not the
//! ones that were imported or linked. Nothing in a vault is published by itself: the schema, the number of rows
//! and the root are what an owner may publish, and ranges and lists of values stand in the schema only when the
//! owner declared them.
//!
//! A vault directory:
//!
//! ```text
//! vault.json                   format and the vault's random identity
//! lock                         held while a process has the vault open
//! incoming/                    files being written; emptied when the vault is opened
//! chunks/<hash>                Arrow IPC streams of one record batch each
//! datasets/<name>/<version>.json   manifests: what makes up a version, in canonical JSON; `<owner>.<name>` of a
//!                              dataset that was taken over from another member
//! ```
//!
//! Files are written aside, synced and renamed, a version's manifest last. A process that is killed leaves either
//! the versions that were there before or one more; chunks that no manifest names are removed at the next opening.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod error;
mod import;
mod scan;
mod source;
mod storage;
mod value;
mod vault;

pub use error::{ChunkFault, VaultError};
pub use import::{
    ImportRequest, Imported, LinkRequest,
    declaration::{Declaration, DeclarationFault, FlagError, flag, parse_flag, parse_type, type_name},
    error::{Breach, ImportError, Place},
    format::Format,
    notes::ColumnNote,
    records::CsvFault,
};
pub use scan::Scan;
pub use source::{Location, Source, SourceColumn, SourceFailure, SourceTable};
pub use storage::schema::to_arrow;
pub use vault::{Description, Earlier, Vault};
