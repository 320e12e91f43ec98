//! Taking over a whole log at once: a new member's node that does not take every block from the first on.
//!
//! What comes is a stretch of leaves at a time, from whoever has them. Each entry is applied by the rules, its signature
//! included, and there are no more entries than were announced: so nobody can fill the disk with a log of its own making.
//! The root at the end must be one that was vouched for. Until then nothing of it shows, and a process that is killed
//! meanwhile begins anew.

use contract::{Hash, canonical::CanonicalError};

use crate::{
    Entry, Ledger, LedgerError, State,
    ledger::{check_balance, check_protocol, encode_effects},
    log::tree::{self, Frontier},
    store::Addition,
};

/// A log that is being taken over.
#[derive(Debug)]
pub struct Restoration {
    state: State,
    frontier: Frontier,
    /// How many entries there will be.
    end: u64,
}

impl Restoration {
    /// Number of entries so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Merkle root over them.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

/// Why a stretch of a log is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// This node's own ledger or disk.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What came is no entry.
    #[error("entry {index} is malformed: {flaw}")]
    Malformed {
        /// Which.
        index: u64,
        /// Why.
        flaw: CanonicalError,
    },
    /// What came is not what the rules give.
    #[error("entry {index} does not follow from those before it")]
    NotFollowing {
        /// Which.
        index: u64,
    },
    /// It goes on after its end.
    #[error("{found} entries came, and {end} were announced")]
    TooLong {
        /// How many were announced.
        end: u64,
        /// How many there are at least.
        found: u64,
    },
    /// Another log than the one that was vouched for.
    #[error("{size} entries have the root {found}, and {expected} was vouched for")]
    Root {
        /// How many came.
        size: u64,
        /// What was vouched for.
        expected: Hash,
        /// Their root.
        found: Hash,
    },
}

impl Ledger {
    /// Canonical bytes of entries from `from` to before `end`: as many as fit into `bytes_max`, and at least one. The
    /// same on every node with these entries.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn leaves(&self, from: u64, end: u64, bytes_max: usize) -> Result<Vec<Vec<u8>>, LedgerError> {
        let (mut leaves, mut bytes_total) = (Vec::new(), 0);
        self.store.visit_entries(from, |index, bytes| {
            bytes_total += bytes.len();
            if index >= end || (bytes_total > bytes_max && !leaves.is_empty()) {
                return Ok(false);
            }
            leaves.push(bytes.to_vec());
            Ok::<_, LedgerError>(true)
        })?;
        Ok(leaves)
    }

    /// Begins to take over a log of `end` entries. What an earlier attempt left is forgotten.
    ///
    /// # Errors
    /// When this ledger has blocks already, or is ordered by an operator; when the disk fails.
    pub fn begin_restoration(&mut self, end: u64) -> Result<Restoration, LedgerError> {
        if let Some(operator) = self.state.roster().operator() {
            return Err(LedgerError::NotOperator { who: operator, operator });
        }
        if self.size() != 1 {
            return Err(LedgerError::Overtaken { what: "a snapshot", expected: 1, found: self.size() });
        }
        self.store.begin_restoration()?;
        Ok(Restoration { state: self.state.clone(), frontier: self.frontier.clone(), end })
    }

    /// Forgets what an unfinished restoration left, if any: blocks are taken one by one instead.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn abandon_restoration(&mut self) -> Result<(), LedgerError> {
        Ok(self.store.abandon_restoration()?)
    }

    /// Takes the next leaves. They are on disk when it returns, and do not count before
    /// [`finish_restoration`](Self::finish_restoration).
    ///
    /// # Errors
    /// When they don't follow from those before; the restoration is of no use then.
    pub fn restore(&self, restoration: &mut Restoration, leaves: Vec<Vec<u8>>) -> Result<(), RestoreError> {
        let Restoration { state, frontier, end } = restoration;
        let found = frontier.size().saturating_add(leaves.len() as u64);
        if found > *end {
            return Err(RestoreError::TooLong { end: *end, found });
        }
        let mut addition = Addition { first: frontier.size(), ..Addition::default() };
        for (index, leaf) in (addition.first..).zip(&leaves) {
            check_protocol(state)?;
            let entry = Entry::from_bytes(leaf).map_err(|flaw| RestoreError::Malformed { index, flaw })?;
            let not_following = || RestoreError::NotFollowing { index };
            let signed = entry.transaction().ok_or_else(not_following)?;
            let verified = signed.verify().map_err(|_| not_following())?;
            let outcome = state.advance(entry.time, verified).map_err(|_| not_following())?;
            if entry.index != index || outcome.effects != entry.effects {
                return Err(not_following());
            }
            frontier.push(tree::leaf_hash(leaf), |node| addition.nodes.push(node));
            addition.events.push(encode_effects(&outcome)?);
        }
        check_balance(state)?;
        addition.entries = leaves;
        self.store.add(&addition).map_err(LedgerError::from)?;
        Ok(())
    }

    /// The log is there: it is this ledger's from now on, as after the block of that height.
    ///
    /// # Errors
    /// When its root is not the one that was vouched for, or the disk fails; nothing of it counts then.
    pub fn finish_restoration(
        &mut self,
        restoration: Restoration,
        expected: Hash,
        height: u64,
    ) -> Result<(), RestoreError> {
        let (size, found) = (restoration.size(), restoration.root());
        if found != expected {
            return Err(RestoreError::Root { size, expected, found });
        }
        self.store.finish_restoration(height, size).map_err(LedgerError::from)?;
        (self.state, self.frontier) = (restoration.state, restoration.frontier);
        Ok(())
    }
}
