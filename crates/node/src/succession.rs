//! Another operator when the one there cannot hand the log over: signing it, taking the log over, noticing it.
//!
//! What holds is in `ledger::succession`. Members sign where the log ends, so each first fetches from all others what it
//! lacks of it; whoever signs takes nothing of the operator before any more. The next operator's node orders the
//! signatures as its first entry, and the others find it when the operator before does not answer. The operator's own
//! node looks now and then whether the others have gone on without it.

use std::collections::BTreeMap;
use std::time::Duration;

use api::types::ledger::Recorded;
use axum::http::Method;
use contract::{Did, Signature};
use ledger::Action;
use ledger::log::{Checkpoint, Endorsement, Note};
use ledger::succession::{SignedSuccession, Succession};
use peers::Body;

use crate::failure::Failure;
use crate::replica::{Heads, News, Replica, broken};
use crate::setup::now_seconds;

/// How long another member's node may take to answer.
const ANSWER: Duration = Duration::from_secs(3);
/// How often the operator's node looks whether the others have gone on without it.
const LOOK: Duration = Duration::from_secs(10);

impl Replica {
    /// Signs that a member orders the log from where it ends here, and keeps to it.
    pub(crate) async fn sign_succession(&self, operator: Did) -> Result<(Succession, Signature), Failure> {
        self.gather().await;
        self.change(|ledger| {
            let key = self.own().0.at(ledger.size()).map_or_else(|| self.present_key(), Ok)?;
            ledger.pledge(operator, &key).map_err(not_signed)
        })
    }

    /// Takes the log over by what the others signed; this member signs too.
    pub(crate) async fn take_over(
        &self,
        person: Option<Did>,
        signatures: BTreeMap<Did, Signature>,
        signed: &Succession,
        ends: impl Fn(&Succession) -> Failure,
    ) -> Result<Recorded, Failure> {
        let (succession, own) = self.sign_succession(self.member()).await?;
        if succession != *signed {
            return Err(ends(&succession));
        }
        let mut signatures = signatures;
        signatures.insert(self.member(), own);
        let action = Action::Succeed(Box::new(SignedSuccession { succession, signatures }));
        let signed = self.sign_next(0, person, action)?;
        let transaction = signed.clone();
        let entry = self.change(|ledger| -> Result<u64, Failure> {
            let applied = ledger.take_over(now_seconds(), transaction).map_err(broken)?;
            let applied = applied.map_err(|refused| {
                Failure::by_rule(refused.rule().to_owned(), self.in_names(&refused.to_string()))
            })?;
            let key = self.own().0.at(ledger.size()).map_or_else(|| self.present_key(), Ok)?;
            ledger.sign_checkpoint(&key).map_err(broken)?;
            Ok(applied.index)
        })?;
        tracing::warn!(entry, "this node has taken the log over and orders it from here on");
        self.settled(entry, &signed).await
    }

    /// Fetches from every other member what this node lacks. Who does not answer has nothing.
    async fn gather(&self) {
        for member in self.others() {
            self.gather_from(&member).await;
        }
    }

    async fn gather_from(&self, member: &Did) {
        loop {
            let Heads { size, .. } = *self.watch().borrow();
            let confirmed = self.read(ledger::Ledger::confirmed);
            // As if nothing were final here: so that the answer comes at once.
            let path = format!("/peer/ledger/news?size={size}&final=0&confirmed={confirmed}");
            let answer = self.heard(member, &path).await;
            let Some(news) = answer.and_then(|answer| serde_json::from_slice::<News>(&answer).ok()) else {
                return;
            };
            let caught_up = self.change(|ledger| ledger.catch_up(&news.page));
            if let Err(error) = &caught_up {
                tracing::warn!(%member, %error, "what another member has of the ledger is not taken");
            }
            if caught_up.is_err() || self.watch().borrow().size == size {
                return;
            }
        }
    }

    /// On the operator's node: until another member's orders.
    pub(crate) async fn until_handed_over(&self) {
        let mut heads = self.watch();
        while self.is_operator() {
            if heads.changed().await.is_err() {
                return;
            }
        }
    }

    /// On the operator's node: until the others have gone on without it, and this node has taken that over.
    pub(crate) async fn until_succeeded(&self) {
        let mut turn = 0_usize;
        while self.is_operator() {
            let others = self.others();
            if let Some(member) = turn.checked_rem(others.len()).and_then(|at| others.get(at))
                && self.has_gone_on(member).await
            {
                self.gather_from(member).await;
            }
            turn = turn.wrapping_add(1);
            if self.is_operator() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Whether a member holds a checkpoint to be final that this operator never signed.
    async fn has_gone_on(&self, member: &Did) -> bool {
        let path = "/peer/ledger/checkpoint";
        let Some(answer) = self.heard(member, path).await else { return false };
        let note = String::from_utf8_lossy(&answer).into_owned();
        let Some(checkpoint) =
            Note::parse(&note).ok().and_then(|note| Checkpoint::parse_body(&note.body).ok())
        else {
            return false;
        };
        self.read(|ledger| {
            let state = ledger.state();
            let is_own = Endorsement::check(&note, state.roster(), &state.alliance_id())
                .is_ok_and(|endorsement| endorsement.operator);
            checkpoint.size > ledger.size() || !is_own
        })
    }

    /// What another member's node answers, if it does.
    async fn heard(&self, member: &Did, path: &str) -> Option<Vec<u8>> {
        let member = member.to_string();
        let answer =
            self.peers().request_within(ANSWER, &member, Method::GET, path, Body::Empty).await.ok()?;
        answer.status().is_success().then(|| answer.body().to_vec())
    }

    fn others(&self) -> Vec<Did> {
        let me = self.member();
        self.read(|ledger| {
            let seated = ledger.state().roster().cards().map(|card| card.member);
            seated.filter(|member| *member != me).collect()
        })
    }
}

fn not_signed(error: ledger::LedgerError) -> Failure {
    match error {
        ledger::LedgerError::Refused(refused) => {
            Failure::by_rule(refused.rule().to_owned(), refused.to_string())
        }
        ledger::LedgerError::Pledged { .. } => Failure::refused("succession-pledged", error.to_string()),
        other => broken(other),
    }
}
