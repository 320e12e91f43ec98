//! From a file to a dataset version: find the types, hold the owner to what is declared, convert every value.

pub(crate) mod column;
pub(crate) mod csv;
pub(crate) mod declaration;
pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod names;
pub(crate) mod notes;
pub(crate) mod parquet;
pub(crate) mod plan;
pub(crate) mod records;
pub(crate) mod sink;
pub(crate) mod survey;

use std::{collections::BTreeMap, fs::File, path::Path};

use contract::{Hash, Schema};

use crate::{ColumnNote, Declaration, Format, ImportError, Vault};

/// Most columns that a file may have.
pub(crate) const COLUMNS_MAX: usize = 1024;

/// Longest description, unit or value that may be declared, in bytes.
pub(crate) const DECLARED_BYTES_MAX: usize = 4096;

/// What to import, and what its owner declares about it.
#[derive(Clone, Debug)]
pub struct ImportRequest<'a> {
    /// Name in the vault: a lower-case letter, then at most 62 lower-case letters, digits, `_` or `-`.
    pub name: &'a str,
    /// One paragraph for people who search the catalog.
    pub description: &'a str,
    /// A file that doesn't change while it is imported.
    pub file: &'a Path,
    /// How the file is written.
    pub format: Format,
    /// By column, named as in the file or as in the schema. What is not declared is not published: a column has no
    /// range, no list of values, no unit, and may have missing values.
    pub columns: &'a BTreeMap<String, Declaration>,
}

/// A new dataset version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Name in this vault.
    pub name: String,
    /// 1 for a new dataset, one more than the latest otherwise.
    pub version: u32,
    /// The dataset's, the same in every version, and different in every vault.
    pub id: Hash,
    /// What may be published about the columns.
    pub schema: Schema,
    /// Number of rows.
    pub rows: u64,
    /// Merkle root of the version.
    pub root: Hash,
    /// For the owner alone, one per column: they tell about the data.
    pub notes: Vec<ColumnNote>,
}

pub(crate) fn run(vault: &Vault, request: &ImportRequest<'_>) -> Result<Imported, ImportError> {
    if !names::is_dataset(request.name) {
        return Err(ImportError::DatasetName {
            name: request.name.to_owned(),
            suggestion: names::suggest_dataset(request.name),
        });
    }
    let found = request.description.len();
    if found > DECLARED_BYTES_MAX {
        return Err(ImportError::DescriptionTooLong { found, limit: DECLARED_BYTES_MAX });
    }
    let file = File::open(request.file).map_err(ImportError::file(request.file))?;
    let (sink, notes) = match request.format {
        Format::Csv => csv::import(vault, &file, request)?,
        Format::Parquet => parquet::import(vault, &file, request)?,
    };
    let (schema, chunks) = sink.finish()?;
    let manifest = vault.publish(request.name, request.description, schema, chunks)?;
    Ok(Imported {
        name: manifest.head.name,
        version: manifest.head.version,
        id: manifest.head.id,
        schema: manifest.head.schema,
        rows: manifest.head.rows,
        root: manifest.root,
        notes,
    })
}
