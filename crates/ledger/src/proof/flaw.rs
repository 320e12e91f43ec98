//! What is wrong with a proof.

use std::fmt;

use contract::{Did, Flaw as ContractFlaw, Hash, canonical::CanonicalError, consent::NotSignedByAll};

use crate::{
    Refused, alliance::AllianceFlaw, log::EndorsementFlaw, receipt::Disagreement, refused::ReceiptRule,
};

/// The first thing found wrong with a proof; the checks are made in the order of the variants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The founding document that the proof is held against.
    #[error("the founding document of the alliance is not valid: {0}")]
    Alliance(#[from] AllianceFlaw),
    /// Not a proof, or not in its one spelling.
    #[error("the file is not a proof in canonical form: {0}")]
    NotReadable(CanonicalError),
    /// Written by another version.
    #[error("the proof has format `{found}`, this build reads `{}`", super::FORMAT)]
    Format {
        /// What it says.
        found: String,
    },
    /// The checkpoint, or a signature on it.
    #[error("the checkpoint does not hold: {0}")]
    Checkpoint(#[from] EndorsementFlaw),
    /// Too few stand behind it.
    #[error(
        "{found} members stand behind the checkpoint, the alliance asks for {quorum} with the operator among them"
    )]
    NoQuorum {
        /// Members that signed.
        found: usize,
        /// Members needed.
        quorum: u16,
    },
    /// The roster changed in a way that the proof doesn't show to be right.
    #[error(
        "what entry {index} is said to have caused is not what it commits to, or not about the alliance's members"
    )]
    Effects {
        /// Which entry.
        index: u64,
    },
    /// Too few of those who were in the alliance before a change stand behind what came after.
    #[error(
        "{found} members who were there before entry {index} stand behind the checkpoint or one that the proof carries, {quorum} had to: ask another member for the proof, or for one under an earlier checkpoint"
    )]
    Handover {
        /// The entry that changed the roster.
        index: u64,
        /// Members that signed.
        found: usize,
        /// Members needed.
        quorum: u16,
    },
    /// A checkpoint that should confirm a change of the roster.
    #[error(
        "the checkpoint of {size} entries that should confirm who came and went is not of the same log, or out of order"
    )]
    OtherLog {
        /// Its entries.
        size: u64,
    },
    /// Not in the log, or changed.
    #[error(
        "entry {index} is not in the log under the checkpoint: its content or its audit path was changed"
    )]
    NotIncluded {
        /// As the entry says.
        index: u64,
    },
    /// Entries ascend by index.
    #[error("entry {index} is out of order")]
    Order {
        /// The one that doesn't follow.
        index: u64,
    },
    /// The log is not the alliance's.
    #[error("the first entry is not the founding document of the alliance")]
    Founding,
    /// A transaction that its member did not sign, or for another alliance.
    #[error("entry {index} does not hold: {refused}")]
    Transaction {
        /// Which.
        index: u64,
        /// Why.
        refused: Refused,
    },
    /// Not part of this run's story, or told twice.
    #[error("entry {index} does not belong to the proof of run {run}")]
    Superfluous {
        /// Which.
        index: u64,
        /// The run.
        run: Hash,
    },
    /// Part of the story is left out.
    #[error("the proof lacks {0}")]
    Missing(Evidence),
    /// The contract makes no sense, or is another alliance's.
    #[error("the contract is not well-formed: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Contract(Vec<ContractFlaw>),
    /// Not every party signed exactly this contract.
    #[error("the contract does not bind: {0}")]
    Consent(NotSignedByAll),
    /// The text is not a program in canonical form.
    #[error("the program cannot be read: {reason}")]
    ProgramUnreadable {
        /// What the reader said.
        reason: String,
    },
    /// Another program than all parties signed.
    #[error("the program has hash {found}, all parties signed {expected}")]
    Program {
        /// In the contract.
        expected: Hash,
        /// Of the text.
        found: Hash,
    },
    /// The run was not the contract's to make.
    #[error("the run is not one that the contract allows: {refused}")]
    Request {
        /// Why.
        refused: Refused,
    },
    /// A receipt that is not about this run.
    #[error("the receipt of `{party}` is malformed: {rule}")]
    Receipt {
        /// Whose.
        party: Did,
        /// Why.
        rule: ReceiptRule,
    },
    /// Receipts contradict each other or the input commitments.
    #[error("the receipts do not agree on {}", .0.what)]
    Receipts(Disagreement),
}

/// A part of a run's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The founding document.
    Founding,
    /// The contract.
    Contract,
    /// An auditor's approval of the contract's report.
    Approval(Did),
    /// The request that took a use.
    Request,
    /// A participant's permit.
    Permit(Did),
    /// A data provider's input commitment.
    Commitment(Did),
    /// A compute party's receipt.
    Receipt(Did),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Founding => write!(f, "the founding document"),
            Self::Contract => write!(f, "the contract"),
            Self::Approval(who) => write!(f, "the auditor's approval of `{who}`"),
            Self::Request => write!(f, "the request for the run"),
            Self::Permit(who) => write!(f, "the permit of `{who}`"),
            Self::Commitment(who) => write!(f, "the input commitment of `{who}`"),
            Self::Receipt(who) => write!(f, "the receipt of `{who}`"),
        }
    }
}
