//! What makes up one dataset version, as a file of canonical JSON.

use std::fmt;

use contract::{
    Hash, Schema,
    canonical::{self, CanonicalError},
};
use serde::{Deserialize, Serialize};

use super::{merkle, schema};
use crate::{Location, VaultError};

/// First field of every manifest.
const FORMAT: &str = "treaty-vault/1";

/// A manifest with 16 MiB lists about 130,000 chunks, or eight billion rows.
pub(crate) const MANIFEST_BYTES_MAX: usize = 16 << 20;

/// A larger chunk is never written; see `import::sink`.
pub(crate) const CHUNK_BYTES_MAX: u32 = 128 << 20;

/// One dataset version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    pub(crate) head: Head,
    salt: Salt,
    /// In order.
    pub(crate) chunks: Vec<ChunkEntry>,
    /// Merkle root over all of the above.
    pub(crate) root: Hash,
    /// Where the rows are if not here. Not under the root: a table that moves to another server keeps its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<Link>,
}

/// Where the rows of a linked version are, and how their columns become the schema's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) location: Location,
    /// One for each column of the schema.
    pub(crate) columns: Vec<LinkedColumn>,
}

/// A column of a linked table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkedColumn {
    /// As the table names it.
    pub(crate) name: String,
    /// Texts that were declared to mean a missing value.
    pub(crate) null_as: Vec<String>,
}

/// What a version is, apart from its rows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// The dataset's, the same in every version.
    pub(crate) id: Hash,
    pub(crate) name: String,
    /// Counts from 1.
    pub(crate) version: u32,
    pub(crate) description: String,
    pub(crate) schema: Schema,
    pub(crate) rows: u64,
}

/// One chunk of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChunkEntry {
    /// Hash of the chunk's bytes under the domain `vault/chunk`; the name of its file if it has one.
    pub(crate) hash: Hash,
    /// At least one.
    pub(crate) rows: u32,
    pub(crate) bytes: u32,
}

/// Random bytes that keep a published root from confirming guesses; as private as the data beside it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Salt(Hash);

impl Manifest {
    /// Completes a version with its root. `salt` must be fresh randomness.
    pub(crate) fn new(
        head: Head,
        salt: Hash,
        chunks: Vec<ChunkEntry>,
        link: Option<Link>,
    ) -> Result<Self, CanonicalError> {
        let root = merkle::root(&salt, &head, &chunks)?;
        Ok(Self { format: FORMAT.to_owned(), head, salt: Salt(salt), chunks, root, link })
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Reads what should be version `version` of `name`, and refuses anything that import would not have written.
    pub(crate) fn from_bytes(bytes: &[u8], name: &str, version: u32) -> Result<Self, VaultError> {
        let dataset = || format!("{name}@{version}");
        let unreadable = |source| VaultError::ManifestUnreadable { dataset: dataset(), source };
        let manifest: Self = canonical::from_bytes(bytes, MANIFEST_BYTES_MAX).map_err(unreadable)?;
        if let Some(field) = manifest.inconsistency(name, version) {
            return Err(VaultError::ManifestInconsistent { dataset: dataset(), field });
        }
        let found = merkle::root(&manifest.salt.0, &manifest.head, &manifest.chunks).map_err(unreadable)?;
        if found != manifest.root {
            return Err(VaultError::RootChanged { dataset: dataset(), expected: manifest.root, found });
        }
        Ok(manifest)
    }

    /// `name@version`.
    pub(crate) fn dataset(&self) -> String {
        format!("{}@{}", self.head.name, self.head.version)
    }

    fn inconsistency(&self, name: &str, version: u32) -> Option<&'static str> {
        let rows: u64 = self.chunks.iter().map(|chunk| u64::from(chunk.rows)).sum();
        let columns = self.head.schema.columns.len();
        let checks = [
            (self.format == FORMAT, "format"),
            (self.head.name == name, "head.name"),
            (self.head.version == version, "head.version"),
            (schema::is_storable(&self.head.schema), "head.schema"),
            (self.head.rows == rows, "head.rows"),
            (self.chunks.iter().all(|chunk| chunk.rows > 0), "chunks.rows"),
            (self.chunks.iter().all(|chunk| chunk.bytes <= CHUNK_BYTES_MAX), "chunks.bytes"),
            (self.link.as_ref().is_none_or(|link| link.columns.len() == columns), "link.columns"),
        ];
        checks.into_iter().find_map(|(holds, field)| (!holds).then_some(field))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}
