//! Rules that this build lacks: the node stands still before the first entry under them, says so, and can be read.

use std::sync::Arc;

use ledger::LedgerError;

use super::{Replica, broken};
use crate::failure::Failure;

impl Replica {
    /// Keeps up with what is ordered; completes, with the reason, only when this node cannot go on. At rules that this build
    /// lacks it stands still, and what it has can still be read.
    pub(crate) async fn keep_up(self: &Arc<Self>) -> String {
        let standing_still = async {
            let outdated = self.until_outdated().await;
            tracing::error!("{outdated}; what this node has can be read, and it records nothing further");
            self.ordering.halt().await;
            std::future::pending().await
        };
        tokio::select! {
            reason = self.ordering.follow(self) => reason,
            reason = standing_still => reason,
        }
    }

    async fn until_outdated(&self) -> LedgerError {
        let mut heads = self.watch();
        loop {
            if let Some(outdated) = self.outdated() {
                return outdated;
            }
            if heads.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Where the rules that this build has end, once the ledger is there.
    pub(crate) fn outdated(&self) -> Option<LedgerError> {
        let next = self.read(|ledger| {
            let state = ledger.state();
            state.unknown_protocol().map(|version| (state.size(), version))
        });
        let (from, version) = next.or_else(|| self.unreadable.get().copied())?;
        Some(LedgerError::Outdated { from, version })
    }

    /// Others have entries whose rules this build lacks.
    pub(crate) fn stand_still_at(&self, from: u64, version: u32) {
        // The first word counts.
        self.unreadable.set((from, version)).ok();
        self.heads.send_modify(|_| {});
    }

    /// Before anything is handed in: this build has the rules by which it will be judged.
    pub(super) fn must_know_the_rules(&self) -> Result<(), Failure> {
        self.outdated().map_or(Ok(()), |outdated| Err(broken(outdated)))
    }
}
