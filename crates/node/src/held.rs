//! The rows of a dataset in this node's vault, for whoever reads them more than once.

use std::sync::Arc;

use compiler::local::Batches;
use contract::{Hash, Schema};
use vault::{Vault, VaultError};

/// A version that this member holds.
pub(crate) struct Held {
    pub(crate) schema: Schema,
    /// Over its rows, as the vault's manifest has it.
    pub(crate) root: Hash,
    vault: Arc<Vault>,
    name: String,
    version: u32,
}

impl Held {
    /// Reads what the version is, and none of its rows.
    pub(crate) fn open(vault: &Arc<Vault>, name: &str, version: u32) -> Result<Self, VaultError> {
        let held = vault.describe(name, version)?;
        Ok(Self { schema: held.schema, root: held.root, vault: Arc::clone(vault), name: held.name, version })
    }

    /// What begins to read the rows, each time anew: those of this root and no others.
    pub(crate) fn rows(self) -> impl Fn() -> Batches + Send + Sync + 'static {
        move || match self.vault.scan_shared(&self.name, self.version) {
            Ok(scan) if scan.root() == self.root => Box::new(scan.map(|batch| batch.map_err(Into::into))),
            Ok(_) => Box::new(std::iter::once(Err("the version has another root than before".into()))),
            Err(error) => Box::new(std::iter::once(Err(error.into()))),
        }
    }
}
