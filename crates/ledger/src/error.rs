//! Why the ledger as a whole could not do something: a refused transaction is [`crate::Refused`].

use contract::{Did, calendar::utc, canonical::CanonicalError};

use crate::{
    alliance::AllianceFlaw,
    governance::PROTOCOL,
    log::{EndorsementFlaw, NoteFlaw},
    refused::Refused,
    store::StoreError,
};

/// Why the ledger could not be opened, read, extended or followed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The founding document.
    #[error(transparent)]
    Alliance(#[from] AllianceFlaw),
    /// Something has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The file holds another alliance's log.
    #[error("the ledger on disk is another alliance's: use the founding document that it was created with")]
    OtherAlliance,
    /// What is on disk is not what was written.
    #[error(
        "the ledger on disk is damaged at entry {index}: {what}; restore it from a backup, or delete it to fetch all from the members"
    )]
    Damaged {
        /// Where.
        index: u64,
        /// How.
        what: String,
    },
    /// Only the operator orders and signs.
    #[error("`{who}` is not the operator of this ledger, `{operator}` is")]
    NotOperator {
        /// Whose key was used.
        who: Did,
        /// Whose key is needed.
        operator: Did,
    },
    /// All members order.
    #[error(
        "this ledger has no operator: its members order it together, and nobody signs a checkpoint alone"
    )]
    NoOperator,
    /// Blocks come one after the other.
    #[error("the next block is {expected}, found {found}")]
    Height {
        /// The next height.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Something was prepared for another state of the ledger.
    #[error("{what} was prepared when the ledger had {expected} entries, and it has {found}")]
    Overtaken {
        /// What.
        what: &'static str,
        /// Entries then.
        expected: u64,
        /// Entries now.
        found: u64,
    },
    /// Only those in the alliance cosign.
    #[error("`{who}` is not in the alliance and cannot cosign")]
    NotInAlliance {
        /// Whose key was used.
        who: Did,
    },
    /// More than one append takes.
    #[error("a batch has at most {limit} bytes, found {found}: split it")]
    BatchTooLarge {
        /// The bound.
        limit: usize,
        /// The batch's size.
        found: usize,
    },
    /// No such entry, or no tree of that size.
    #[error("the ledger has {size} entries, asked for {asked}")]
    OutOfRange {
        /// Entries there are.
        size: u64,
        /// The index or size asked for.
        asked: u64,
    },
    /// Nothing to cosign or to serve yet.
    #[error("there is no signed checkpoint yet")]
    NoCheckpoint,
    /// A checkpoint that this node doesn't know.
    #[error("no checkpoint of size {size} waits for signatures")]
    UnknownCheckpoint {
        /// Its size.
        size: u64,
    },
    /// A checkpoint that is malformed or carries an invalid signature.
    #[error(transparent)]
    Endorsement(#[from] EndorsementFlaw),
    /// Too few members stand behind a checkpoint that was said to be final.
    #[error("{found} of {quorum} members stand behind the checkpoint: it is not final")]
    NotFinal {
        /// Members that signed.
        found: usize,
        /// Members needed.
        quorum: u16,
    },
    /// The operator's clock runs ahead of this node's.
    #[error("the last entry is {ahead} seconds in the future: not cosigned until clocks agree")]
    ClockAhead {
        /// By how much.
        ahead: u64,
    },
    /// The members voted for rules that this build doesn't have.
    #[error(
        "from entry {from} on the alliance uses version {version} of the rules, this build has {PROTOCOL}: install a build that has it; nothing after entry {} is computed here", from.saturating_sub(1)
    )]
    Outdated {
        /// Index of the first entry under them.
        from: u64,
        /// Their version.
        version: u32,
    },
    /// A defect of this build: the block is not taken.
    #[error("points would be made or lost before entry {size}: nothing is recorded")]
    Unbalanced {
        /// Number of entries after the block.
        size: u64,
    },
    /// This member has signed that another one goes on.
    #[error(
        "this member has signed that `{operator}` orders the log from entry {size} on: nothing else is taken as that entry"
    )]
    Pledged {
        /// Where the log ends for it.
        size: u64,
        /// Who goes on.
        operator: Did,
    },
    /// A rule stands against what was to be signed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The operator did something that it may not.
    #[error("the operator is at fault: {0}")]
    Diverged(#[from] Divergence),
}

impl LedgerError {
    /// Whether another process holds the ledger's file.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Store(StoreError::Taken))
    }
}

/// What an operator did wrong. The follower keeps what it had before, and cosigns nothing further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// The checkpoint is malformed, for another log, or has an invalid signature.
    #[error("its checkpoint is not acceptable: {0}")]
    Checkpoint(#[from] EndorsementFlaw),
    /// The checkpoint lacks the operator's signature.
    #[error("it did not sign the checkpoint of size {size}")]
    Unsigned {
        /// The checkpoint's size.
        size: u64,
    },
    /// Entries are not consecutive, or don't begin where this node stands.
    #[error("it left a gap: expected entry {expected}, found entry {found}")]
    Gap {
        /// The next index.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// It rewrote what this node already has.
    #[error("it rewrote history: entry {index} is not the one that this node has")]
    Rewritten {
        /// The first entry that differs.
        index: u64,
    },
    /// It signed two roots for one size, or a root that doesn't extend what this node has.
    #[error(
        "it forked the log: the checkpoint of size {size} does not extend the {known} entries that this node has"
    )]
    Fork {
        /// Entries that this node has, with those that came.
        known: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// Entries beyond the checkpoint, for which it doesn't stand.
    #[error("it sent {entries} entries under a checkpoint of size {size}")]
    BeyondCheckpoint {
        /// Entries with those that came.
        entries: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// An entry that is no transaction.
    #[error("entry {index} is not a transaction")]
    NotATransaction {
        /// Which.
        index: u64,
    },
    /// An entry too large, or not canonical.
    #[error("entry {index} is malformed: {flaw}")]
    Malformed {
        /// Which.
        index: u64,
        /// Why.
        flaw: CanonicalError,
    },
    /// Time goes back.
    #[error("entry {index} is from {}, before the entry that precedes it, which is from {}", utc(*found), utc(*last))]
    TimeWentBack {
        /// Which.
        index: u64,
        /// Time of the entry before, seconds since 1970.
        last: u64,
        /// Its time.
        found: u64,
    },
    /// A transaction that the rules refuse.
    #[error("it accepted entry {index}, which the rules refuse: {refused}")]
    Invalid {
        /// Which.
        index: u64,
        /// The rule.
        refused: Refused,
    },
    /// Another result than the rules give.
    #[error("entry {index} has effects {found}, the rules give {expected}")]
    Effects {
        /// Which.
        index: u64,
        /// By this node's own computation.
        expected: contract::Hash,
        /// As written.
        found: contract::Hash,
    },
}

impl From<NoteFlaw> for LedgerError {
    fn from(flaw: NoteFlaw) -> Self {
        Self::Endorsement(flaw.into())
    }
}
