//! Proofs: one file by which anyone can check a run offline, with nothing but the alliance's founding document.
//!
//! A proof holds the entries of the log that tell the whole story of a completed run, each with its audit path to
//! one checkpoint that a quorum of members stands behind. [`verify`] believes none of it before it is checked, and
//! leaves no byte unchecked.

mod flaw;
mod report;
mod verify;

use std::collections::BTreeSet;

use contract::{
    Hash,
    canonical::{self, CanonicalError},
};
use serde::{Deserialize, Serialize};

pub use self::{
    flaw::{Evidence, Flaw},
    report::{Cosigner, Report, ReportParty},
    verify::verify,
};
use crate::{Effects, Entry, Ledger, LedgerError, Phase, handover::Handover};

/// The format that this build writes and reads.
pub const FORMAT: &str = "treaty-proof/1";
/// Most bytes of a proof.
pub const PROOF_BYTES_MAX: usize = 64 << 20;

/// A self-contained proof of a completed run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`FORMAT`].
    pub format: String,
    /// Which run.
    pub run: Hash,
    /// The program's canonical text; its hash is in the contract.
    pub program: String,
    /// Founding, every change of the roster, contract, all signatures, all auditors' opinions, request, all permits, all input commitments, all receipts; by index.
    pub entries: Vec<ProvenEntry>,
    /// Signed by the operator and cosigned by a quorum of members.
    pub checkpoint: String,
    /// Earlier checkpoints by which those of before confirmed who came and went, by size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handovers: Vec<Handover>,
    /// That the checkpoint extends the log that each succession of an operator names, by index (RFC 6962 §2.1.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successions: Vec<Vec<Hash>>,
}

/// An entry with its audit path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenEntry {
    /// As it is in the log.
    pub entry: Entry,
    /// From its sibling up to the checkpoint's root (RFC 6962 §2.1.1).
    pub path: Vec<Hash>,
    /// What it caused, for entries that changed who is in the alliance or with which key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effects: Option<Effects>,
}

/// Why there is no proof of a run.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Nobody requested it.
    #[error("run {run} is not on the ledger")]
    UnknownRun {
        /// As named.
        run: Hash,
    },
    /// Proofs are of completed runs.
    #[error("run {run} is {phase}: only a completed run has a proof")]
    NotCompleted {
        /// Which.
        run: Hash,
        /// Where it stands.
        phase: Phase,
    },
    /// Not enough members have cosigned yet.
    #[error(
        "run {run} ends with entry {last}, but a quorum of members has cosigned {size} entries only: try again soon"
    )]
    NotFinal {
        /// Which.
        run: Hash,
        /// Index of its last receipt.
        last: u64,
        /// Size of the last final checkpoint.
        size: u64,
    },
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Proof {
    /// The proof of a completed run under the last final checkpoint. `program` is the program's canonical text.
    ///
    /// # Errors
    /// When there is no such run, it has not completed, or not enough members have cosigned it yet.
    pub fn export(ledger: &Ledger, run: Hash, program: String) -> Result<Self, ExportError> {
        let mut indices = entries_of(ledger, run)?;
        let last = indices.last().copied().unwrap_or_default();
        let size = ledger.final_checkpoint().map_or(0, |(checkpoint, _)| checkpoint.size);
        let checkpoint = match ledger.final_checkpoint() {
            Some((checkpoint, note)) if last < checkpoint.size => note.clone(),
            _ => return Err(ExportError::NotFinal { run, last, size }),
        };
        let roster: BTreeSet<u64> =
            ledger.state().roster().changes().iter().copied().filter(|index| *index < size).collect();
        indices.extend(&roster);
        let proven = |index: &u64| -> Result<ProvenEntry, LedgerError> {
            let entry = ledger.entries(*index, 1)?.pop();
            let entry = entry.ok_or(LedgerError::OutOfRange { size: ledger.size(), asked: *index })?;
            let effects = roster.contains(index).then(|| ledger.effects(*index)).transpose()?;
            Ok(ProvenEntry { entry, path: ledger.inclusion(*index, size)?, effects })
        };
        let entries = indices.iter().map(proven).collect::<Result<_, _>>()?;
        let handovers = ledger.handovers(size)?;
        let succeeded = ledger.state().roster().successions().filter(|index| *index < size);
        let successions = succeeded.map(|index| ledger.consistency(index, size)).collect::<Result<_, _>>()?;
        Ok(Self { format: FORMAT.to_owned(), run, program, entries, checkpoint, handovers, successions })
    }

    /// Reads a proof from its canonical bytes; nothing is checked yet.
    ///
    /// # Errors
    /// When it is longer than [`PROOF_BYTES_MAX`] or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::from_bytes(bytes, PROOF_BYTES_MAX)
    }

    /// The canonical bytes: the file.
    ///
    /// # Errors
    /// Never for a proof that [`Self::export`] made.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }
}

/// The entries that tell a completed run's story.
fn entries_of(ledger: &Ledger, id: Hash) -> Result<BTreeSet<u64>, ExportError> {
    let state = ledger.state();
    let run = state.run(&id).ok_or(ExportError::UnknownRun { run: id })?;
    if run.phase != Phase::Completed {
        return Err(ExportError::NotCompleted { run: id, phase: run.phase });
    }
    let mut indices = BTreeSet::from([0, run.requested.index]);
    if let Some(record) = state.contract(&run.contract) {
        indices.insert(record.proposed.index);
        indices.extend(record.signed.values());
        indices.extend(record.opinions.values().map(|opinion| opinion.index));
    }
    indices.extend(run.permits.values());
    indices.extend(run.commitments.values().map(|filed| filed.index));
    indices.extend(run.receipts.values().map(|filed| filed.index));
    Ok(indices)
}
