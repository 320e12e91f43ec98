//! The vault: a directory of dataset versions, opened by one process at a time.

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;
use contract::{Hash, Schema};

use crate::{
    ImportError, ImportRequest, Imported, LinkRequest, Location, Scan, Source, VaultError,
    import::{self, Text},
    storage::{
        files::{self, Staged},
        identity,
        manifest::{CHUNK_BYTES_MAX, ChunkEntry, Head, Link, MANIFEST_BYTES_MAX, Manifest},
    },
};

/// A directory of dataset versions. Shared between threads by reference: reading and importing may overlap.
#[derive(Debug)]
pub struct Vault {
    directory: PathBuf,
    identity: Hash,
    /// Held while a version number is chosen and its manifest written.
    publishing: Mutex<()>,
    /// Reads the rows of linked versions.
    source: Option<Arc<dyn Source>>,
    /// Makes the names in `incoming/` distinct.
    files_written: AtomicU64,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

/// What was published of a dataset before, out of this vault or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The dataset's id, which all its versions keep.
    pub id: Hash,
    /// The latest version.
    pub version: u32,
}

/// A dataset version without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name in this vault.
    pub name: String,
    /// Counts from 1.
    pub version: u32,
    /// The dataset's, the same in every version; made by the vault that has its first one, and different in each.
    pub id: Hash,
    /// One paragraph for people.
    pub description: String,
    /// Columns in order.
    pub schema: Schema,
    /// Number of rows.
    pub rows: u64,
    /// Bytes of all chunks: on disk, unless the rows are elsewhere.
    pub bytes: u64,
    /// Where the rows are if not in this vault.
    pub location: Option<Location>,
    /// Merkle root over all of this and the chunks.
    pub root: Hash,
}

impl Vault {
    /// Opens the vault in `directory`, or makes one there. Removes what an import that was killed left behind.
    ///
    /// # Errors
    /// [`VaultError::InUse`] while another process has it open, [`VaultError::NotAVault`] when datasets are there
    /// without a readable `vault.json`, and [`VaultError::Io`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, VaultError> {
        let directory = directory.as_ref().to_owned();
        files::create_directory(&directory)?;
        let lock = identity::lock(&directory)?;
        for part in ["incoming", "chunks", "datasets"] {
            files::create_directory(&directory.join(part))?;
        }
        for name in files::names(&directory.join("incoming"))? {
            files::remove(&directory.join("incoming").join(name))?;
        }
        let identity = identity::load_or_create(&directory)?;
        let vault = Self {
            directory,
            identity,
            publishing: Mutex::new(()),
            source: None,
            files_written: AtomicU64::new(0),
            _lock: lock,
        };
        vault.remove_orphans()?;
        Ok(vault)
    }

    /// Imports a file as the next version of a dataset.
    ///
    /// Holds one chunk of rows in memory (16 MiB and one row), of a Parquet file also the pages of 1024 rows. A CSV
    /// file is read twice: once to find the types, once to convert every value; a Parquet file once.
    ///
    /// # Errors
    /// [`ImportError`] names the row and column at fault; the vault is then as it was before.
    pub fn import(&self, request: &ImportRequest<'_>) -> Result<Imported, ImportError> {
        import::run(self, request, None)
    }

    /// As [`Self::import`], of a dataset of which versions were published before, perhaps out of another vault.
    ///
    /// # Errors
    /// As [`Self::import`].
    pub fn import_after(
        &self,
        request: &ImportRequest<'_>,
        earlier: &Earlier,
    ) -> Result<Imported, ImportError> {
        import::run(self, request, Some(earlier))
    }

    /// The same vault with a way to read tables that stay where they are.
    pub fn with_source(self, source: Arc<dyn Source>) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Links a table as the next version of a dataset: reads it once, and keeps hashes of its rows instead of them.
    ///
    /// Holds one chunk of rows in memory (16 MiB and one row) and what the source reads ahead.
    ///
    /// # Errors
    /// [`ImportError`] names the row and column at fault; the vault is then as it was before.
    pub fn link(&self, request: &LinkRequest<'_>) -> Result<Imported, ImportError> {
        import::run_link(self, request, None)
    }

    /// As [`Self::link`], of a dataset of which versions were published before, perhaps out of another vault.
    ///
    /// # Errors
    /// As [`Self::link`].
    pub fn link_after(&self, request: &LinkRequest<'_>, earlier: &Earlier) -> Result<Imported, ImportError> {
        import::run_link(self, request, Some(earlier))
    }

    /// The names of all datasets, sorted.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn list(&self) -> Result<Vec<String>, VaultError> {
        let directories = files::names(&self.directory.join("datasets"))?;
        let mut names: Vec<String> =
            directories.iter().filter_map(|directory| import::names::of_directory(directory)).collect();
        names.sort_unstable();
        // A directory without a manifest is what an import killed just before its end leaves.
        let mut listed = Vec::with_capacity(names.len());
        for name in names {
            if !self.version_numbers(&name)?.is_empty() {
                listed.push(name);
            }
        }
        Ok(listed)
    }

    /// The versions of a dataset, ascending; at least one.
    ///
    /// # Errors
    /// [`VaultError::UnknownDataset`] and [`VaultError::Io`].
    pub fn versions(&self, name: &str) -> Result<Vec<u32>, VaultError> {
        let versions = if import::names::is_dataset(name) { self.version_numbers(name)? } else { Vec::new() };
        if versions.is_empty() {
            let known = self.list()?;
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(VaultError::UnknownDataset { name: name.to_owned(), known });
        }
        Ok(versions)
    }

    /// What a version is, from its manifest, whose root is computed again; the chunks are not read.
    ///
    /// # Errors
    /// [`VaultError::UnknownDataset`], [`VaultError::UnknownVersion`], or that the manifest has been changed.
    pub fn describe(&self, name: &str, version: u32) -> Result<Description, VaultError> {
        let Manifest { head, chunks, root, link, .. } = self.manifest(name, version)?;
        let location = link.map(|link| link.location);
        let bytes = chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum();
        let Head { id, name, version, description, schema, rows } = head;
        Ok(Description { name, version, id, description, schema, rows, bytes, location, root })
    }

    /// Whether two versions cannot both be read: they are linked to the same columns of one table, and differ in rows.
    ///
    /// # Errors
    /// As [`Self::describe`].
    pub fn exclude_each_other(&self, name: &str, one: u32, other: u32) -> Result<bool, VaultError> {
        let (one, other) = (self.manifest(name, one)?, self.manifest(name, other)?);
        let same_table = one.link.is_some() && one.link == other.link && one.head.schema == other.head.schema;
        Ok(same_table && one.chunks != other.chunks)
    }

    /// Hashes the manifest and every chunk again and gives the version's root. Costs one pass over its files, or over
    /// the table of a linked version.
    ///
    /// # Errors
    /// The first file that is not as imported: [`VaultError::ChunkChanged`], [`VaultError::ChunkMissing`] or a
    /// changed manifest; of a linked version [`VaultError::LinkedRowsChanged`] or [`VaultError::Source`].
    pub fn verify(&self, name: &str, version: u32) -> Result<Hash, VaultError> {
        let manifest = self.manifest(name, version)?;
        if manifest.link.is_some() {
            let mut scan = Scan::new(self, manifest);
            return scan.try_for_each(|batch| batch.map(drop)).map(|()| scan.root());
        }
        for index in 0..manifest.chunks.len() {
            self.chunk_bytes(&manifest, index)?;
        }
        Ok(manifest.root)
    }

    /// All rows of a version, verified while they are read. Holds them in memory; [`Self::scan`] does not.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn read(&self, name: &str, version: u32) -> Result<(Schema, Vec<RecordBatch>), VaultError> {
        let scan = self.scan(name, version)?;
        let schema = scan.schema().clone();
        Ok((schema, scan.collect::<Result<_, _>>()?))
    }

    /// The rows of a version chunk by chunk, each verified before it is given.
    ///
    /// # Errors
    /// As [`Self::describe`]; each item fails as [`Self::verify`] does.
    pub fn scan(&self, name: &str, version: u32) -> Result<Scan<&Self>, VaultError> {
        Ok(Scan::new(self, self.manifest(name, version)?))
    }

    /// As [`Self::scan`], for readers that outlive the borrow.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_shared(self: &Arc<Self>, name: &str, version: u32) -> Result<Scan<Arc<Self>>, VaultError> {
        Ok(Scan::new(Arc::clone(self), self.manifest(name, version)?))
    }

    /// What reads the rows of linked versions.
    pub(crate) fn source(&self) -> Result<&dyn Source, VaultError> {
        self.source.as_deref().ok_or(VaultError::NoSource)
    }

    /// Writes one chunk of an import to disk, aside.
    pub(crate) fn stage_chunk(&self, entry: ChunkEntry, bytes: &[u8]) -> Result<StagedChunk, VaultError> {
        Ok(StagedChunk { entry, file: Some(Staged::write(self.aside(), bytes)?) })
    }

    /// Makes staged chunks the next version of a dataset: durable, and visible to readers at once.
    pub(crate) fn publish(
        &self,
        text: Text<'_>,
        earlier: Option<&Earlier>,
        schema: Schema,
        staged: Vec<StagedChunk>,
        link: Option<Link>,
    ) -> Result<Manifest, ImportError> {
        let _one_at_a_time = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let Text { name, description } = text;
        let last = self.version_numbers(name)?.last().copied().unwrap_or(0);
        let last = earlier.map_or(last, |earlier| earlier.version.max(last));
        let own_id = || Hash::of("vault/dataset", &[self.identity.as_bytes(), name.as_bytes()].concat());
        let chunks: Vec<_> = staged.iter().map(|chunk| chunk.entry.clone()).collect();
        let head = Head {
            id: earlier.map_or_else(own_id, |earlier| earlier.id),
            name: name.to_owned(),
            version: last.checked_add(1).ok_or(ImportError::TooLarge)?,
            description: description.to_owned(),
            schema,
            rows: chunks.iter().map(|chunk| u64::from(chunk.rows)).sum(),
        };
        let manifest =
            Manifest::new(head, identity::random()?, chunks, link).map_err(|_| ImportError::TooLarge)?;
        let bytes = manifest.to_bytes().map_err(|_| ImportError::TooLarge)?;
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ImportError::TooLarge);
        }
        for chunk in staged {
            if let Some(file) = chunk.file {
                file.place(&self.chunk_path(&chunk.entry.hash))?;
            }
        }
        files::sync_directory(&self.directory.join("chunks"))?;
        let directory = self.dataset_path(name);
        files::create_directory(&directory)?;
        let path = manifest_path(&directory, manifest.head.version);
        Staged::write(self.aside(), &bytes)?.place(&path)?;
        files::sync_directory(&directory)?;
        Ok(manifest)
    }

    fn manifest(&self, name: &str, version: u32) -> Result<Manifest, VaultError> {
        let versions = self.versions(name)?;
        let path = manifest_path(&self.dataset_path(name), version);
        let bytes = files::read_at_most(&path, MANIFEST_BYTES_MAX + 1)?;
        let latest = versions.last().copied().unwrap_or_default();
        let unknown = || VaultError::UnknownVersion { name: name.to_owned(), version, latest };
        Manifest::from_bytes(&bytes.ok_or_else(unknown)?, name, version)
    }

    /// The bytes of a chunk, whose hash is the manifest's.
    pub(crate) fn chunk_bytes(
        &self,
        manifest: &Manifest,
        index: usize,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(entry) = manifest.chunks.get(index) else { return Ok(None) };
        let (dataset, chunk, expected) = (manifest.dataset(), index + 1, entry.hash);
        let limit = entry.bytes.min(CHUNK_BYTES_MAX) as usize + 1;
        let Some(bytes) = files::read_at_most(&self.chunk_path(&expected), limit)? else {
            return Err(VaultError::ChunkMissing { dataset, chunk, expected });
        };
        let found = Hash::of("vault/chunk", &bytes);
        if found == expected {
            Ok(Some(bytes))
        } else {
            Err(VaultError::ChunkChanged { dataset, chunk, expected, found })
        }
    }

    /// Removes chunks that no manifest names: the remains of killed or refused imports. While any manifest cannot
    /// be read, nothing is removed, since its chunks are not known.
    fn remove_orphans(&self) -> Result<(), VaultError> {
        let mut used = BTreeSet::new();
        for name in self.list()? {
            for version in self.version_numbers(&name)? {
                match self.manifest(&name, version) {
                    Ok(manifest) => used.extend(manifest.chunks.iter().map(|chunk| chunk.hash.to_string())),
                    Err(_) => return Ok(()),
                }
            }
        }
        let chunks = self.directory.join("chunks");
        for name in files::names(&chunks)?.iter().filter(|name| !used.contains(*name)) {
            files::remove(&chunks.join(name))?;
        }
        Ok(())
    }

    /// Ascending; empty when there is no such dataset.
    fn version_numbers(&self, name: &str) -> Result<Vec<u32>, VaultError> {
        let names = files::names(&self.dataset_path(name))?;
        let number = |name: &String| {
            let number = name.strip_suffix(".json")?.parse().ok()?;
            (format!("{number}.json") == *name).then_some(number)
        };
        let mut numbers: Vec<u32> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn dataset_path(&self, name: &str) -> PathBuf {
        self.directory.join("datasets").join(import::names::directory(name))
    }

    fn chunk_path(&self, hash: &Hash) -> PathBuf {
        self.directory.join("chunks").join(hash.to_string())
    }

    fn aside(&self) -> PathBuf {
        let number = self.files_written.fetch_add(1, Ordering::Relaxed);
        self.directory.join("incoming").join(number.to_string())
    }
}

/// A chunk that is not yet part of a version.
#[derive(Debug)]
pub(crate) struct StagedChunk {
    entry: ChunkEntry,
    /// Its bytes on disk, aside; none when they stay elsewhere.
    file: Option<Staged>,
}

impl StagedChunk {
    /// A chunk of rows that stay where they are.
    pub(crate) fn elsewhere(entry: ChunkEntry) -> Self {
        Self { entry, file: None }
    }
}

fn manifest_path(directory: &Path, version: u32) -> PathBuf {
    directory.join(format!("{version}.json"))
}
