//! Files that people write for `treaty`: terms, drafts of contracts, declarations of columns.

mod draft;
mod privacy_loss;
mod span;
mod terms;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use api::types::Secret;
use api::types::datasets::ColumnDeclaration;
use serde::de::DeserializeOwned;
use vault::Declaration;

use crate::error::Error;

pub(crate) use self::draft::DraftFile;
pub(crate) use self::privacy_loss::PrivacyLoss;
pub(crate) use self::span::Span;
pub(crate) use self::terms::TermsFile;

/// The largest file of this kind.
const BYTES_MAX: u64 = 4 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any such file.
    #[error("`{}` has more than {BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// It does not say what such a file says; the text names line and column.
    #[error("`{}` cannot be used: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, where.
        reason: String,
    },
    /// A budget of differential privacy that nobody could spend, or that is two.
    #[error(
        "`[disclosure.privacy]` needs either `epsilon` or `rho`, greater than 0, for example `epsilon = \"2\"`; leave \
         the whole table out where exact results are allowed"
    )]
    PrivacyBudget,
    /// A member that nobody knows.
    #[error("no member is called `{name}`; the alliance has {known}")]
    UnknownMember {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    std::fs::read(path).map_err(unreadable)
}

/// Reads a password: the first line of a file.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, Error> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line.to_owned())),
        _ => {
            let message = format!("`{}` has no password on its first line", path.display());
            Err(Error::usage(message, "write it there, in UTF-8"))
        }
    }
}

/// Reads TOML; unknown keys are refused, with their place.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let malformed = |reason: String| FileError::Malformed { path: path.to_owned(), reason };
    let text = String::from_utf8(read(path)?).map_err(|error| malformed(error.utf8_error().to_string()))?;
    toml::from_str(&text).map_err(|error| malformed(error.to_string().trim_end().to_owned()))
}

/// Reads JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    serde_json::from_slice(&read(path)?)
        .map_err(|error| FileError::Malformed { path: path.to_owned(), reason: error.to_string() })
}

/// Writes a file that anyone may read.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    std::fs::write(path, content).map_err(|source| FileError::Unwritable { path: path.to_owned(), source })
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(content))
        .map_err(|source| FileError::Unwritable { path: path.to_owned(), source })
}

/// Declarations as the API takes them.
pub(crate) fn declarations(columns: &BTreeMap<String, Declaration>) -> Vec<ColumnDeclaration> {
    let declaration = |(name, declared): (&String, &Declaration)| {
        let Declaration { kind, nullable, unit, description, values, range, bytes_max, unique, null_as } =
            declared.clone();
        ColumnDeclaration {
            name: name.clone(),
            kind,
            nullable,
            unit,
            description,
            values,
            range,
            bytes_max,
            unique,
            null_as,
        }
    };
    columns.iter().map(declaration).collect()
}
