//! A vault in a temporary directory, and files to import into it.

#![allow(clippy::unwrap_used, dead_code, reason = "tests, each of which uses a part of this")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use tempfile::TempDir;
use treaty_vault::{Declaration, Format, ImportError, ImportRequest, Imported, Vault, parse_flag};

pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.directory.path().join("vault")
    }

    pub(crate) fn open(&self) -> Vault {
        Vault::open(self.vault()).unwrap()
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports CSV text as dataset `data`, with declarations as flags.
    pub(crate) fn import(&self, vault: &Vault, csv: &str, flags: &[&str]) -> Result<Imported, ImportError> {
        let file = self.file("data.csv", csv);
        vault.import(&ImportRequest {
            name: "data",
            description: "rows for a test",
            file: &file,
            format: Format::Csv,
            columns: &declarations(flags),
        })
    }

    /// All files of the vault, relative to it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.vault()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }
}

pub(crate) fn declarations(flags: &[&str]) -> BTreeMap<String, Declaration> {
    flags.iter().map(|flag| parse_flag(flag).unwrap()).collect()
}
