//! `treaty proof` and `treaty verify`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use contract::Hash;
use ledger::proof::{PROOF_BYTES_MAX, Report};

use super::Session;
use crate::error::Error;
use crate::files::{self, FileError};

#[derive(Debug, Subcommand)]
pub(super) enum Proof {
    /// Write the proof of a completed run
    #[command(
        after_help = "Examples:\n  treaty proof export RUN --out run.proof\n  treaty proof export RUN > run.proof"
    )]
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The run's id
    run: String,
    /// Where to write it; to standard output when left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const VERIFY: &str = "\
Example:
  treaty verify run.proof --alliance alliance.json

Checks the signatures of all parties, that the program is the contract's, all permits, commitments \
and receipts, and that everything stands on the ledger under a checkpoint that a quorum of members \
cosigned. Needs nothing but the two files. One changed byte fails with the name of what failed.";

/// `treaty verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub(super) struct Verify {
    /// The proof
    proof: PathBuf,
    /// The alliance's founding document, from a source that you trust
    #[arg(long, value_name = "FILE")]
    alliance: PathBuf,
}

impl Proof {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let Self::Export(Export { run, out }) = self;
        let bytes = session.client()?.proof(&run)?;
        match out {
            None => Ok(std::io::stdout().lock().write_all(&bytes)?),
            Some(out) => {
                files::write(&out, &bytes)?;
                let answer = serde_json::json!({ "run": run, "proof": out, "bytes": bytes.len() });
                session.output.answer(&answer, || {
                    let out = out.display();
                    format!(
                        "{} bytes written to {out}; next: `treaty verify {out} --alliance ALLIANCE.json`",
                        bytes.len()
                    )
                })
            }
        }
    }
}

impl Verify {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let report = verify(&self.proof, &self.alliance)?;
        session.output.answer(&report, || format!("{report}the proof holds"))
    }
}

/// Checks a proof file against a founding document.
pub(crate) fn verify(proof: &Path, alliance: &Path) -> Result<Report, Error> {
    let unreadable = |source| FileError::Unreadable { path: proof.to_owned(), source };
    if std::fs::metadata(proof).map_err(unreadable)?.len() > PROOF_BYTES_MAX as u64 {
        return Err(FileError::TooLarge { path: proof.to_owned() }.into());
    }
    let bytes = std::fs::read(proof).map_err(unreadable)?;
    ledger::verify(&bytes, &files::read(alliance)?, program_hash).map_err(|flaw| Error::unproven(proof, flaw))
}

/// The hash of a program by its canonical text; every other spelling of the same program is refused.
pub(crate) fn program_hash(text: &str) -> Result<Hash, String> {
    let program = program::Program::parse(text).map_err(|error| error.to_string())?;
    if program.to_string() != text {
        return Err("the program's text is not in canonical form".to_owned());
    }
    Ok(Hash::from_bytes(program.hash()))
}
