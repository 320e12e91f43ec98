//! Files that are there whole or not at all, and that only the vault's user may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use crate::VaultError;

/// Creates a directory and its parents for this user alone, and makes the creation durable.
pub(crate) fn create_directory(path: &Path) -> Result<(), VaultError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(VaultError::io("create", path))?;
    match path.parent() {
        Some(parent) if parent != Path::new("") => sync_directory(parent),
        _ => Ok(()),
    }
}

/// A file whose bytes are on disk, but aside; removed when dropped before it is placed.
#[derive(Debug)]
pub(crate) struct Staged {
    aside: PathBuf,
    placed: bool,
}

impl Staged {
    /// Writes and syncs a new file at `aside`.
    pub(crate) fn write(aside: PathBuf, bytes: &[u8]) -> Result<Self, VaultError> {
        let mut file =
            private_options().create_new(true).open(&aside).map_err(VaultError::io("create", &aside))?;
        let staged = Self { aside, placed: false };
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(VaultError::io("write", &staged.aside))?;
        Ok(staged)
    }

    /// Renames it to `target`, replacing what is there. After a crash `target` is as before or whole; that it is the
    /// new one is durable only after [`sync_directory`] of its directory.
    pub(crate) fn place(mut self, target: &Path) -> Result<(), VaultError> {
        fs::rename(&self.aside, target).map_err(VaultError::io("write", target))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            // Best effort: what stays behind is removed when the vault is opened next.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), VaultError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(VaultError::io("sync", path))
}

/// Opens or creates a file for locking.
pub(crate) fn open_lock(path: &Path) -> Result<File, VaultError> {
    private_options().create(true).open(path).map_err(VaultError::io("open", path))
}

/// The first `limit` bytes of a file at most; `None` when there is no such file.
pub(crate) fn read_at_most(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(VaultError::io("open", path)(error)),
    };
    let length = file.metadata().map_err(VaultError::io("read", path))?.len();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or(0));
    file.take(limit).read_to_end(&mut bytes).map_err(VaultError::io("read", path))?;
    Ok(Some(bytes))
}

/// The names in a directory that are valid UTF-8, sorted; none when there is no such directory.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, VaultError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(VaultError::io("list", path)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(VaultError::io("list", path))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Removes a file; one that is already gone is no error.
pub(crate) fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(VaultError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
