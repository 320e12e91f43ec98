//! Who vouches for a changed roster: of the checkpoints, those are kept for ever that confirm a change.
//!
//! A change of the roster is confirmed by a quorum of those who were there before it. Each node keeps the first final
//! checkpoint that does so; a proof carries them, so that a checker who knows only the founding document follows from
//! quorum to quorum to the members of today, however many founders have left since.

use serde::{Deserialize, Serialize};

use contract::Hash;

use crate::{Ledger, LedgerError, log::Endorsement};

/// A checkpoint that confirms changes of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// With the signatures that confirm.
    pub checkpoint: String,
    /// That the proof's checkpoint extends it (RFC 6962 §2.1.2).
    pub consistency: Vec<Hash>,
}

impl Ledger {
    /// The kept checkpoints of more than `above` entries, as notes, in order.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn handovers_above(&self, above: u64) -> Result<Vec<String>, LedgerError> {
        let kept = self.store.handovers(above, self.size())?;
        Ok(kept.into_iter().map(|(_, note)| note).collect())
    }

    /// Size of the last checkpoint that confirms changes of the roster; 0 when there is none.
    pub fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// The first change of the roster under the final checkpoint that too few of those before it stand behind yet: no
    /// proof under that checkpoint verifies until they do.
    pub fn unconfirmed(&self) -> Option<u64> {
        let size = self.final_checkpoint().map_or(0, |(checkpoint, _)| checkpoint.size);
        self.state.roster().changes().iter().copied().find(|index| (self.confirmed..size).contains(index))
    }

    /// Takes over a checkpoint by which another member saw changes of the roster confirmed; without effect when it
    /// confirms nothing that is still open here.
    ///
    /// # Errors
    /// When a signature is not valid, this node lacks entries, or has others.
    pub fn adopt_handover(&mut self, note: &str) -> Result<(), LedgerError> {
        let endorsement = self.endorsement(note)?;
        self.check_own_root(&endorsement.checkpoint)?;
        self.keep_handover(&endorsement, note)
    }

    /// What a proof under a checkpoint of `size` entries needs.
    pub(crate) fn handovers(&self, size: u64) -> Result<Vec<Handover>, LedgerError> {
        let kept = self.store.handovers(0, size)?;
        let handover = |(of, checkpoint): (u64, String)| {
            Ok(Handover { checkpoint, consistency: self.consistency(of, size)? })
        };
        kept.into_iter().map(handover).collect()
    }

    /// Keeps a checkpoint whose signatures were checked, if it confirms all changes under it that are still open.
    pub(crate) fn keep_handover(&mut self, endorsement: &Endorsement, note: &str) -> Result<(), LedgerError> {
        let size = endorsement.checkpoint.size;
        let roster = self.state.roster();
        let mut open =
            roster.changes().iter().filter(|index| (self.confirmed..size).contains(index)).peekable();
        if open.peek().is_none() || !open.all(|index| roster.confirms(endorsement, *index).is_ok()) {
            return Ok(());
        }
        self.store.put_handover(size, note)?;
        self.confirmed = size;
        Ok(())
    }
}
