//! Taking over a whole log at once: a new member's node that does not take every block from the first on.
//!
//! The root at the end is vouched for before anything comes. What comes then is a stretch of leaves at a time, from whoever
//! has them, each with a proof that the log of that root goes on so: what does not belong to it is seen at once, blamed on
//! whoever sent it, and never written. Then each entry is applied by the rules, its signature included. Until the end
//! nothing of it shows, and a process that is killed meanwhile begins anew.

use contract::{Hash, canonical::CanonicalError};

use crate::{
    Entry, Ledger, LedgerError, State,
    ledger::{check_balance, check_protocol, encode_effects},
    log::{
        tree::{self, Frontier},
        verify,
    },
    store::Addition,
};

/// A log that is being taken over.
#[derive(Debug)]
pub struct Restoration {
    state: State,
    frontier: Frontier,
    /// How many entries there will be.
    end: u64,
    /// The root over them that was vouched for.
    expected: Hash,
}

impl Restoration {
    /// Number of entries so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// How many there will be.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Merkle root over those so far.
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
    /// What came is not of the log that was vouched for.
    #[error("entries {from} to {to} are not those of the log of {end} entries that was vouched for")]
    Foreign {
        /// The first.
        from: u64,
        /// After the last.
        to: u64,
        /// How many were announced.
        end: u64,
    },
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
    /// Canonical bytes of entries from `from` to before `end`: up to the one with which they are `bytes_enough`. So where
    /// they stop follows from themselves.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn leaves(&self, from: u64, end: u64, bytes_enough: usize) -> Result<Vec<Vec<u8>>, LedgerError> {
        let (mut leaves, mut bytes_total) = (Vec::new(), 0);
        self.store.visit_entries(from, |index, bytes| {
            if index >= end {
                return Ok(false);
            }
            bytes_total += bytes.len();
            leaves.push(bytes.to_vec());
            Ok::<_, LedgerError>(bytes_total < bytes_enough)
        })?;
        Ok(leaves)
    }

    /// Begins to take over the log of `end` entries with that root, which was vouched for. What an earlier attempt left is
    /// forgotten.
    ///
    /// # Errors
    /// When this ledger has blocks already, or is ordered by an operator; when the disk fails.
    pub fn begin_restoration(&mut self, end: u64, expected: Hash) -> Result<Restoration, LedgerError> {
        if let Some(operator) = self.state.roster().operator() {
            return Err(LedgerError::NotOperator { who: operator, operator });
        }
        if self.size() != 1 {
            return Err(LedgerError::Overtaken { what: "a snapshot", expected: 1, found: self.size() });
        }
        self.store.begin_restoration()?;
        Ok(Restoration { state: self.state.clone(), frontier: self.frontier.clone(), end, expected })
    }

    /// Forgets what an unfinished restoration left, if any: blocks are taken one by one instead.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn abandon_restoration(&mut self) -> Result<(), LedgerError> {
        Ok(self.store.abandon_restoration()?)
    }

    /// Takes the next leaves, with the proof ([`Ledger::consistency`]) that the whole log begins with them and those before.
    /// They are on disk when it returns, and do not count before [`finish_restoration`](Self::finish_restoration).
    ///
    /// # Errors
    /// When they are others than those that were vouched for, or don't follow by the rules. The restoration is as it was
    /// then: another one's leaves can take their place.
    pub fn restore(
        &self,
        restoration: &mut Restoration,
        leaves: Vec<Vec<u8>>,
        proof: &[Hash],
    ) -> Result<(), RestoreError> {
        let Restoration { state, frontier, end, expected } = restoration;
        let mut addition = Addition { first: frontier.size(), ..Addition::default() };
        let mut longer = frontier.clone();
        for leaf in &leaves {
            longer.push(tree::leaf_hash(leaf), |node| addition.nodes.push(node));
        }
        let to = longer.size();
        if !verify::consistency(to, &longer.root(), *end, expected, proof) {
            return Err(RestoreError::Foreign { from: addition.first, to, end: *end });
        }
        let mut after = state.clone();
        for (index, leaf) in (addition.first..).zip(&leaves) {
            check_protocol(&after)?;
            let entry = Entry::from_bytes(leaf).map_err(|flaw| RestoreError::Malformed { index, flaw })?;
            let not_following = || RestoreError::NotFollowing { index };
            let signed = entry.transaction().ok_or_else(not_following)?;
            let verified = signed.verify().map_err(|_| not_following())?;
            let outcome = after.advance(entry.time, verified).map_err(|_| not_following())?;
            if entry.index != index || outcome.effects != entry.effects {
                return Err(not_following());
            }
            addition.events.push(encode_effects(&outcome)?);
        }
        check_balance(&after)?;
        addition.entries = leaves;
        self.store.add(&addition).map_err(LedgerError::from)?;
        (*state, *frontier) = (after, longer);
        Ok(())
    }

    /// The log is there: it is this ledger's from now on, as after the block of that height.
    ///
    /// # Errors
    /// When it is not there to its end, or the disk fails; nothing of it counts then.
    pub fn finish_restoration(&mut self, restoration: Restoration, height: u64) -> Result<(), RestoreError> {
        let (size, found, expected) = (restoration.size(), restoration.root(), restoration.expected);
        if size != restoration.end || found != expected {
            return Err(RestoreError::Root { size, expected, found });
        }
        self.store.finish_restoration(height, size).map_err(LedgerError::from)?;
        (self.state, self.frontier) = (restoration.state, restoration.frontier);
        Ok(())
    }
}
