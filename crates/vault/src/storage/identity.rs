//! What makes a directory a vault: a random identity, and a lock for the one process that has it open.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use contract::{Hash, canonical};
use serde::{Deserialize, Serialize};

use super::files::{self, Staged};
use crate::VaultError;

/// First field of `vault.json`.
const FORMAT: &str = "treaty-vault-identity/1";

/// The content of `vault.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    format: String,
    /// Random; makes dataset ids unique among all vaults.
    identity: Hash,
}

/// Holds the vault until the file is dropped or the process ends.
pub(crate) fn lock(directory: &Path) -> Result<File, VaultError> {
    let path = directory.join("lock");
    let file = files::open_lock(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(VaultError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(VaultError::io("lock", &path)(error)),
    }
}

/// Reads the vault's identity, or chooses one for a vault without datasets.
pub(crate) fn load_or_create(directory: &Path) -> Result<Hash, VaultError> {
    let not_a_vault = |reason: String| VaultError::NotAVault { path: directory.to_owned(), reason };
    let path = directory.join("vault.json");
    if let Some(bytes) = files::read_at_most(&path, 4096)? {
        let found: Identity =
            canonical::from_bytes(&bytes, 4096).map_err(|error| not_a_vault(error.to_string()))?;
        if found.format != FORMAT {
            return Err(not_a_vault(format!("its format is `{}`, expected `{FORMAT}`", found.format)));
        }
        return Ok(found.identity);
    }
    if !files::names(&directory.join("datasets"))?.is_empty() {
        return Err(not_a_vault("it has datasets but no `vault.json`".to_owned()));
    }
    let created = Identity { format: FORMAT.to_owned(), identity: random()? };
    let bytes = canonical::to_bytes(&created).map_err(|error| not_a_vault(error.to_string()))?;
    Staged::write(directory.join("incoming").join("vault.json"), &bytes)?.place(&path)?;
    files::sync_directory(directory)?;
    Ok(created.identity)
}

/// 32 bytes from the operating system.
pub(crate) fn random() -> Result<Hash, VaultError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::NoRandomness { reason: error.to_string() })?;
    Ok(Hash::from_bytes(bytes))
}
