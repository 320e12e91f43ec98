//! Following the operator: on every node but its own.

use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use contract::{Did, SigningKey};
use ledger::{Ledger, LedgerError};
use peers::Body;

use super::{Heads, News, Replica, broken, is_covered};
use crate::failure::Failure;
use crate::setup::now_seconds;

impl Replica {
    /// Whom to ask for what is new after so many attempts: the operator, and as long as it does not answer every second
    /// time one of the others in turn.
    fn source(&self, attempts: u32) -> Did {
        let (operator, me) = (self.operator(), self.keyring.member());
        let others: Vec<Did> = self.read(|ledger| {
            let seated = ledger.state().roster().cards().map(|card| card.member);
            let known = seated.chain(self.acquaintance.contact());
            known.filter(|member| *member != me && Some(*member) != operator).collect()
        });
        whom_to_ask(attempts, operator, &others).unwrap_or(me)
    }

    /// On every other node: follows the operator, for as long as it is another member's.
    pub(crate) async fn follow(&self) {
        let mut attempts = 0_u32;
        while !self.is_operator() {
            let source = self.source(attempts);
            let followed = self.follow_once(&source).await;
            if self.unreadable.get().is_some() {
                // Asking again brings nothing else.
                return std::future::pending().await;
            }
            if followed.is_ok() && self.operator() == Some(source) {
                attempts = 0;
                continue;
            }
            if let (0, Err(failure)) = (attempts, followed) {
                tracing::warn!(reason = failure.problem.message, "cannot follow the ledger; trying again");
            }
            attempts = attempts.saturating_add(1);
            tokio::time::sleep(Duration::from_millis(50 << attempts.min(6))).await;
        }
    }

    async fn follow_once(&self, source: &Did) -> Result<(), Failure> {
        let Heads { size, final_size } = *self.watch().borrow();
        let confirmed = self.read(Ledger::confirmed);
        let path = format!("/peer/ledger/news?size={size}&final={final_size}&confirmed={confirmed}");
        let news: News = self.ask(source, Method::GET, &path, Body::Empty).await?;
        let replayed = self.change(|ledger| -> Result<_, Failure> {
            if let Err(error) = ledger.replay(&news.page) {
                if let LedgerError::Outdated { from, version } = error {
                    return Ok(Err((from, version)));
                }
                return Err(diverged(error));
            }
            for note in &news.handovers {
                if is_covered(note, ledger) {
                    ledger.adopt_handover(note).map_err(diverged)?;
                }
            }
            if let Some(note) = news.final_checkpoint.filter(|note| is_covered(note, ledger)) {
                ledger.adopt_final(&note).map_err(diverged)?;
            }
            // Also what was cosigned before, as long as it is not final: the word may have been lost on its way.
            let is_open = !news.page.entries.is_empty() || final_size < size;
            let reached =
                ledger.latest_checkpoint().is_some_and(|(checkpoint, _)| checkpoint.size == ledger.size());
            // One that has left, or is not admitted yet, follows and stands behind nothing.
            let roster = ledger.state().roster();
            let speaks = |key: &SigningKey| roster.signer(&key.did(), ledger.size()).is_some();
            match self.keyring.at(ledger.size()).filter(speaks) {
                Some(key) if is_open && reached => match ledger.cosign(&key, now_seconds()) {
                    // It has signed that another member goes on.
                    Err(LedgerError::Pledged { .. }) => Ok(Ok(None)),
                    cosigned => Ok(Ok(Some(cosigned.map_err(broken)?))),
                },
                _ => Ok(Ok(None)),
            }
        })?;
        let cosignature = match replayed {
            Ok(cosignature) => cosignature,
            Err((from, version)) => {
                self.stand_still_at(from, version);
                return Ok(());
            }
        };
        if let Some(note) = cosignature {
            if self.is_operator() {
                // What the operator before ordered last: handing the log over to this node.
                return self.change(|ledger| ledger.add_cosignature(&note)).map(drop).map_err(broken);
            }
            let body = Body::Octets(Bytes::from(note));
            let path = "/peer/ledger/cosignatures";
            let _: serde_json::Value = self.ask(&self.the_operator()?, Method::POST, path, body).await?;
        }
        Ok(())
    }
}

/// The operator first, and every second time; the others in turn between.
fn whom_to_ask(attempts: u32, operator: Option<Did>, others: &[Did]) -> Option<Did> {
    let turn = usize::try_from(attempts / 2).unwrap_or(0).checked_rem(others.len()).unwrap_or(0);
    let other = others.get(turn).copied().filter(|_| attempts % 2 == 1);
    other.or(operator)
}

/// The operator showed something that cannot be: this node keeps its last agreed state.
fn diverged(error: LedgerError) -> Failure {
    tracing::error!(%error, "the operator's ledger is refused; this node keeps its last agreed state");
    Failure::unavailable(format!("the operator's ledger is refused: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_hear_the_operator_asks_it_again_before_every_other() {
        let [operator, lake, south] = [1, 2, 3].map(|seed| SigningKey::from_seed(&[seed; 32]).did());
        let asked = |others: &[Did], attempts: u32| -> Vec<Did> {
            (0..attempts).filter_map(|attempt| whom_to_ask(attempt, Some(operator), others)).collect()
        };
        let expected = [operator, lake, operator, south, operator, lake, operator, south];
        assert_eq!(asked(&[lake, south], 8), expected);
        assert_eq!(asked(&[], 3), [operator; 3], "there is nobody else");
        assert_eq!(whom_to_ask(u32::MAX, Some(operator), &[lake, south]), Some(south));
    }
}
