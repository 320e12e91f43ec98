//! From a file to a dataset version: find the types, hold the owner to what is declared, convert every value.

pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod csv;
pub(crate) mod declaration;
pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod link;
pub(crate) mod names;
pub(crate) mod notes;
pub(crate) mod parquet;
pub(crate) mod plan;
pub(crate) mod records;
pub(crate) mod sink;
pub(crate) mod survey;

use std::{collections::BTreeMap, fs::File, path::Path};

use contract::{Hash, Schema};

use crate::{
    ColumnNote, Declaration, Earlier, Format, ImportError, Location, Vault,
    storage::manifest::{Link, Manifest},
};
use sink::Sink;

/// Most columns that a file may have.
pub(crate) const COLUMNS_MAX: usize = 1024;

/// Longest description, unit or value that may be declared, in bytes.
pub(crate) const DECLARED_BYTES_MAX: usize = 4096;

/// What to import, and what its owner declares about it.
#[derive(Clone, Debug)]
pub struct ImportRequest<'a> {
    /// Name in the vault: a lower-case letter, then at most 62 lower-case letters, digits, `_` or `-`. Of a dataset
    /// that was taken over from another member: `owner/name`, as its path is.
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

/// What to link, and what its owner declares about it.
#[derive(Clone, Debug)]
pub struct LinkRequest<'a> {
    /// As of an [`ImportRequest`].
    pub name: &'a str,
    /// As of an [`ImportRequest`].
    pub description: &'a str,
    /// Where the rows are, and stay.
    pub location: &'a Location,
    /// The columns to link, as the table names them; all when empty. The key need not be among them.
    pub select: &'a [String],
    /// As of an [`ImportRequest`]. Types are the table's own where nothing else is declared.
    pub columns: &'a BTreeMap<String, Declaration>,
}

/// A new dataset version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Name in this vault.
    pub name: String,
    /// 1 for a new dataset, one more than the latest otherwise, here or published.
    pub version: u32,
    /// The dataset's, the same in every version; made by the vault that has its first one, and different in each.
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

pub(crate) fn run(
    vault: &Vault,
    request: &ImportRequest<'_>,
    earlier: Option<&Earlier>,
) -> Result<Imported, ImportError> {
    check(request.name, request.description)?;
    let file = File::open(request.file).map_err(ImportError::file(request.file))?;
    let (sink, notes) = match request.format {
        Format::Csv => csv::import(vault, &file, request)?,
        Format::Parquet => parquet::import(vault, &file, request)?,
    };
    let text = Text { name: request.name, description: request.description };
    publish(vault, text, earlier, sink, None, notes)
}

pub(crate) fn run_link(
    vault: &Vault,
    request: &LinkRequest<'_>,
    earlier: Option<&Earlier>,
) -> Result<Imported, ImportError> {
    check(request.name, request.description)?;
    let (sink, link, notes) = link::link(vault.source()?, request)?;
    let text = Text { name: request.name, description: request.description };
    publish(vault, text, earlier, sink, Some(link), notes)
}

fn check(name: &str, description: &str) -> Result<(), ImportError> {
    if !names::is_dataset(name) {
        return Err(ImportError::DatasetName {
            name: name.to_owned(),
            suggestion: names::suggest_dataset(name),
        });
    }
    let found = description.len();
    if found > DECLARED_BYTES_MAX {
        return Err(ImportError::DescriptionTooLong { found, limit: DECLARED_BYTES_MAX });
    }
    Ok(())
}

/// What a person says of a version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
}

fn publish(
    vault: &Vault,
    text: Text<'_>,
    earlier: Option<&Earlier>,
    sink: Sink<'_>,
    link: Option<Link>,
    notes: Vec<ColumnNote>,
) -> Result<Imported, ImportError> {
    let (schema, chunks) = sink.finish()?;
    let Manifest { head, root, .. } = vault.publish(text, earlier, schema, chunks, link)?;
    Ok(Imported {
        name: head.name,
        version: head.version,
        id: head.id,
        schema: head.schema,
        rows: head.rows,
        root,
        notes,
    })
}
