//! `treaty run commitments`, `open-commitment`, `check-commitment`: values on the way to a result, in a dispute.

use std::path::PathBuf;

use api::types::runs::OpenedShares;
use clap::Args;
use contract::Hash;
use ledger::opening::Opening;
use ledger::{Action, Proof, Receipt};

use crate::cli::{Session, drafting, proof};
use crate::error::Error;
use crate::files;
use crate::output::table;

pub(super) const OPEN: &str = "\
Example:
  treaty run open-commitment RUN v17 --out lake-v17.json

The file shows this compute party's shares. Hand it to whoever decides the dispute, and to nobody else: who has the shares \
of more compute parties than the contract's threshold knows the value.";

pub(super) const CHECK: &str = "\
Examples:
  treaty run check-commitment lake-v17.json
  treaty run check-commitment lake-v17.json --proof run.proof --alliance alliance.json

Holds the shares against the party's receipt on the ledger; with a proof, without a node.";

/// A value on the way to a result.
#[derive(Debug, Args)]
pub(in crate::cli) struct OpenArgs {
    /// The run's id
    run: String,
    /// The program's value, as its listing names it
    #[arg(value_parser = drafting::value_number)]
    value: u32,
    /// Where to write the shares
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Shares that somebody shows.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// What the compute party has shown
    opening: PathBuf,
    /// The run's proof
    #[arg(long, value_name = "FILE", requires = "alliance")]
    proof: Option<PathBuf>,
    /// The alliance's founding document, from a source that you trust
    #[arg(long, value_name = "FILE", requires = "proof")]
    alliance: Option<PathBuf>,
}

pub(super) fn list(session: &Session, run: &str) -> Result<(), Error> {
    let found = session.client()?.commitments(run)?;
    session.output.answer(&found, || {
        if found.is_empty() {
            return "no receipt of the run commits to a value on the way to its result".to_owned();
        }
        let rows =
            found.iter().map(|view| [view.name.clone(), format!("v{}", view.value), view.commitment.clone()]);
        table(&["compute party", "value", "commitment"], rows)
    })
}

impl OpenArgs {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let opened = session.client()?.open_commitment(&self.run, self.value)?;
        let bytes = serde_json::to_vec_pretty(&opened).unwrap_or_default();
        files::write_private(&self.out, &bytes)?;
        let answer = serde_json::json!({ "run": opened.run, "value": opened.value, "file": self.out });
        session.output.answer(&answer, || {
            let out = self.out.display();
            format!("this party's shares of v{} are in {out}; they are checked with `treaty run check-commitment {out}`", opened.value)
        })
    }
}

impl Check {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let shown: OpenedShares = files::read_json(&self.opening)?;
        let opening = read(&shown).ok_or_else(|| {
            let message =
                format!("`{}` is not what `treaty run open-commitment` writes", self.opening.display());
            Error::usage(message, "treaty run open-commitment --help")
        })?;
        match (&self.proof, &self.alliance) {
            (Some(proof), Some(alliance)) => {
                let receipt = proven(proof, alliance, &opening)?;
                let held = opening.check(&receipt).map_err(|flaw| flaw.to_string());
                held.map_err(|reason| refused(&opening, &reason))?;
            }
            _ => {
                let committed = session.client()?.commitments(&shown.run)?;
                let of_party =
                    committed.iter().find(|view| (&view.party, view.value) == (&shown.party, shown.value));
                let found = opening.commitment().map_err(|flaw| refused(&opening, &flaw.to_string()))?;
                match of_party {
                    None => return Err(refused(&opening, "its receipt commits to no shares of that value")),
                    Some(view) if view.commitment != found.to_string() => {
                        let reason = "these are not the shares that its receipt commits to";
                        return Err(refused(&opening, reason));
                    }
                    Some(_) => {}
                }
            }
        }
        let answer = serde_json::json!({ "run": shown.run, "party": shown.party, "value": shown.value, "holds": true });
        session.output.answer(&answer, || {
            format!("{} had these shares of v{} when it filed its receipt", shown.party, shown.value)
        })
    }
}

fn read(shown: &OpenedShares) -> Option<Opening> {
    Some(Opening {
        run: shown.run.parse().ok()?,
        party: shown.party.parse().ok()?,
        value: shown.value,
        salt: shown.salt.parse::<Hash>().ok()?,
        shares: shown.shares.clone(),
    })
}

/// The party's receipt in a proof that holds.
fn proven(path: &std::path::Path, alliance: &std::path::Path, opening: &Opening) -> Result<Receipt, Error> {
    proof::verify(path, alliance)?;
    let proof = Proof::from_bytes(&files::read(path)?);
    let entries = proof.map(|proof| proof.entries).unwrap_or_default();
    let receipts =
        entries.into_iter().filter_map(|proven| match &proven.entry.transaction()?.transaction.action {
            Action::File(receipt) => Some(Receipt::clone(receipt)),
            _ => None,
        });
    let of = |receipt: &Receipt| (receipt.run, receipt.party) == (opening.run, opening.party);
    receipts
        .into_iter()
        .find(of)
        .ok_or_else(|| refused(opening, "the proof has no receipt of that party for that run"))
}

fn refused(opening: &Opening, reason: &str) -> Error {
    Error::NotOpened { party: opening.party.to_string(), value: opening.value, reason: reason.to_owned() }
}
