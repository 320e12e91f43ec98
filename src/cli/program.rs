//! `treaty program`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::Session;
use super::proof::program_hash;
use crate::error::Error;
use crate::files::{self, FileError};

#[derive(Debug, Subcommand)]
pub(super) enum Program {
    /// Show the program that this node compiles from a contract's source, and what it reveals
    #[command(after_help = "Example:\n  treaty program show CONTRACT")]
    Show(Show),
    /// Check a program's listing offline and print its hash, as contracts name it
    #[command(after_help = "Example:\n  treaty program hash program.txt")]
    Hash(HashCommand),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The contract's id
    contract: String,
}

#[derive(Debug, Args)]
pub(super) struct HashCommand {
    /// The listing, as `treaty program show` prints it
    file: PathBuf,
}

impl Program {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Show(Show { contract }) => {
                let check = session.client()?.check(&contract)?;
                let answer = json!({ "program": check.program, "audit": check.audit });
                session.output.answer(&answer, || format!("{}\n{}", check.program, check.audit))
            }
            Self::Hash(HashCommand { file }) => {
                let malformed = |reason| FileError::Malformed { path: file.clone(), reason };
                let text = String::from_utf8(files::read(&file)?)
                    .map_err(|error| malformed(error.utf8_error().to_string()))?;
                let hash = program_hash(&text).map_err(malformed)?;
                session.output.answer(&json!({ "hash": hash }), || hash.to_string())
            }
        }
    }
}
