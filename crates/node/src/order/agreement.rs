//! All members' nodes order together, by CometBFT beside each (crate `ordering`).
//!
//! After every block a node signs the checkpoint that it reached and sends it to all others; with a quorum it is final.
//! What was lost on its way is made good once a second: sign again, and ask the others for what they hold to be final.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use contract::Did;
use futures::future::{BoxFuture, join_all};
use ledger::{LedgerError, SignedTransaction, Validator};
use ordering::home::Home;
use ordering::{Agreement, Fault, Headers, Options, OrderingError, Verdict, relay};
use peers::Body;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Ordering;
use crate::failure::Failure;
use crate::replica::{Heads, Ordered, Replica};
use crate::setup::now_seconds;

/// How long a transaction may take to its block.
const BLOCK: Duration = Duration::from_secs(20);
/// How long another member's node may take to answer.
const ANSWER: Duration = Duration::from_secs(3);
/// How often what was lost is made good.
const TICK: Duration = Duration::from_secs(1);
/// A block whose time is older than this was ordered while this node was away: others have signed it, in seconds.
const FRESH_SECONDS: u64 = 30;
/// Checkpoints that wait to be sent; older ones are overtaken.
const WAITING_MAX: usize = 8;

/// This node's part in the agreement.
pub(crate) struct ByAgreement {
    program: PathBuf,
    home: Home,
    validator: Validator,
    agreement: OnceLock<Arc<Agreement>>,
    outbox: Arc<Outbox>,
}

/// What this member signed and has yet to send.
#[derive(Default)]
struct Outbox {
    notes: Mutex<VecDeque<String>>,
    filled: Notify,
    /// Entries under the last checkpoint that was signed.
    signed: AtomicU64,
    /// Changes of the roster that were seen.
    changes: AtomicUsize,
}

impl ByAgreement {
    /// Looks for CometBFT; nothing is started yet.
    pub(crate) fn new(home: Home, validator: Validator) -> Result<Self, OrderingError> {
        let program = ordering::find()?;
        Ok(Self { program, home, validator, agreement: OnceLock::new(), outbox: Arc::default() })
    }

    /// Starts CometBFT, which takes blocks into the replica from now on. Blocks; to be called on a thread of the runtime
    /// that may.
    pub(crate) fn start(&self, replica: &Arc<Replica>) -> Result<(), OrderingError> {
        if replica.outdated().is_some() {
            // The replica says so; there is nothing to take part in.
            return Ok(());
        }
        let (weak, outbox) = (Arc::downgrade(replica), Arc::clone(&self.outbox));
        let (asking, runtime) = (Arc::downgrade(replica), Handle::current());
        let headers: Headers = Arc::new(move |turn, question| {
            let replica = asking.upgrade()?;
            runtime.block_on(ask_for_headers(&replica, turn, question))
        });
        let agreement = Agreement::start(Options {
            home: self.home.clone(),
            program: self.program.clone(),
            member: replica.member(),
            validator: self.validator.clone(),
            ledger: replica.shared(),
            headers: Some(headers),
            clock: now_seconds,
            committed: Box::new(move || committed(&weak, &outbox)),
        })?;
        // It is started once.
        self.agreement.set(Arc::new(agreement)).ok();
        Ok(())
    }

    /// Ends CometBFT; blocks until it has ended.
    pub(crate) fn stop(&self) {
        if let Some(agreement) = self.agreement.get() {
            agreement.stop();
        }
    }

    fn running(&self) -> Result<Arc<Agreement>, Failure> {
        self.agreement.get().cloned().ok_or_else(|| Failure::unavailable("the node is starting: try again"))
    }

    async fn keep_up(&self, replica: &Arc<Replica>) -> String {
        loop {
            let wait = tokio::time::timeout(TICK, self.outbox.filled.notified());
            let was_filled = wait.await.is_ok();
            for note in self.outbox.take() {
                send(replica, &note).await;
            }
            match self.agreement.get().and_then(|agreement| agreement.fault()) {
                Some(Fault::Ledger(LedgerError::Outdated { from, version })) => {
                    replica.stand_still_at(from, version);
                }
                Some(fault) => return fault.to_string(),
                None => {}
            }
            let Heads { size, final_size } = *replica.watch().borrow();
            if !was_filled && final_size < size {
                self.make_good(replica).await;
            }
        }
    }

    async fn make_good(&self, replica: &Arc<Replica>) {
        let asked = others(replica).into_iter().map(|member| async move {
            let member = member.to_string();
            let path = "/peer/ledger/checkpoint";
            let answer = replica.peers().request_within(ANSWER, &member, Method::GET, path, Body::Empty);
            let answer = answer.await.ok().filter(|answer| answer.status().is_success())?;
            Some(String::from_utf8_lossy(answer.body()).into_owned())
        });
        for note in join_all(asked).await.into_iter().flatten() {
            replica.adopt_if_covered(&note);
        }
        let Heads { size, final_size } = *replica.watch().borrow();
        if final_size < size
            && let Some(note) = replica.endorse()
        {
            send(replica, &note).await;
        }
    }
}

impl Ordering for ByAgreement {
    fn order<'a>(
        &'a self,
        replica: &'a Replica,
        signed: &'a SignedTransaction,
    ) -> BoxFuture<'a, Result<Ordered, Failure>> {
        Box::pin(async {
            if !self.is_let_in(replica) {
                return by_another(replica, signed).await;
            }
            let (agreement, signed) = (self.running()?, signed.clone());
            let verdict = tokio::task::spawn_blocking(move || agreement.submit(&signed, BLOCK)).await;
            let verdict = verdict.map_err(|error| Failure::unavailable(error.to_string()))?;
            match verdict.map_err(|error| Failure::unavailable(error.to_string()))? {
                Verdict::Entry(index) => Ok(Ordered::Entry(index)),
                Verdict::Refused { rule, message } => {
                    Ok(Ordered::Refused { rule, message: replica.in_names(&message) })
                }
            }
        })
    }

    /// A process that lost its key is no longer the one that the member's card names: the others don't let it in.
    fn is_let_in(&self, replica: &Replica) -> bool {
        let Ok(node) = self.home.node() else { return false };
        replica.read(|ledger| {
            let mut processes = ledger.state().roster().cards().filter_map(|card| card.validator.as_ref());
            processes.any(|validator| validator.node == node)
        })
    }

    fn halt(&self) -> BoxFuture<'_, ()> {
        let agreement = self.agreement.get().cloned();
        Box::pin(async {
            // It waits for a process to end.
            tokio::task::spawn_blocking(move || agreement.inspect(|agreement| agreement.stop())).await.ok();
        })
    }

    fn follow<'a>(&'a self, replica: &'a Arc<Replica>) -> BoxFuture<'a, String> {
        Box::pin(self.keep_up(replica))
    }
}

impl Outbox {
    fn put(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push_back(note);
        let excess = notes.len().saturating_sub(WAITING_MAX);
        notes.drain(..excess);
        drop(notes);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

/// After every block: tells whoever watches the replica, and signs.
fn committed(replica: &Weak<Replica>, outbox: &Outbox) {
    let Some(replica) = replica.upgrade() else { return };
    let (size, time, changes) = replica.read(|ledger| {
        let state = ledger.state();
        (ledger.size(), state.time(), state.roster().changes().len())
    });
    replica.notice(outbox.changes.swap(changes, SeqCst) != changes);
    let is_fresh = time.saturating_add(FRESH_SECONDS) > now_seconds();
    if is_fresh
        && outbox.signed.swap(size, SeqCst) != size
        && let Some(note) = replica.endorse()
    {
        outbox.put(note);
    }
}

fn others(replica: &Replica) -> Vec<Did> {
    let me = replica.member();
    replica
        .read(|ledger| ledger.state().roster().voters())
        .into_iter()
        .filter(|member| *member != me)
        .collect()
}

/// Hands a transaction to all other members' nodes at once: none of them alone can keep it back by saying that it was
/// ordered, or refused.
async fn by_another(replica: &Replica, signed: &SignedTransaction) -> Result<Ordered, Failure> {
    let body = Bytes::from(signed.to_bytes().map_err(|error| Failure::malformed(error.to_string()))?);
    let asked = others(replica).into_iter().map(|member| {
        let body = Body::Json(body.clone());
        async move {
            let path = "/peer/ledger/transactions";
            let (patience, member) = (BLOCK + ANSWER, member.to_string());
            let answer = replica.peers().request_within(patience, &member, Method::POST, path, body).await;
            let answer = answer.ok().filter(|answer| answer.status().is_success())?;
            serde_json::from_slice::<Ordered>(answer.body()).ok()
        }
    });
    let answers: Vec<Ordered> = join_all(asked).await.into_iter().flatten().collect();
    // That it was recorded counts more than that it is there already, or may not be.
    let recorded = answers.iter().position(|ordered| matches!(ordered, Ordered::Entry(_))).unwrap_or(0);
    answers.into_iter().nth(recorded).ok_or_else(|| {
        Failure::unavailable(
            "this node's cometbft has keys that its card does not name, and no other member's node hands this in for it",
        )
    })
}

/// Asks members' nodes for what a light client needs, in turn, until one has it. What none of them has is answered as the
/// last one that answered did.
async fn ask_for_headers(replica: &Replica, turn: usize, question: &[u8]) -> Option<Vec<u8>> {
    let mut members = others(replica);
    members.extend(replica.contact().filter(|contact| !members.contains(contact)));
    let half = members.len().div_ceil(2).checked_mul(turn)?;
    let first = half.checked_rem(members.len())?;
    members.rotate_left(first);
    let mut last = None;
    for member in members {
        let body = Body::Json(Bytes::copy_from_slice(question));
        let (member, path) = (member.to_string(), "/peer/ledger/headers");
        let answer = replica.peers().request_within(ANSWER, &member, Method::POST, path, body).await;
        let Some(answer) = answer.ok().filter(|answer| answer.status().is_success()) else { continue };
        let answer = answer.body().to_vec();
        if relay::has_result(&answer) {
            return Some(answer);
        }
        last = Some(answer);
    }
    last
}

/// Answers another member's node what its light client asks of this node's CometBFT, and nothing else. Blocks.
pub(crate) fn answer_headers(home: &Home, question: &[u8]) -> Result<Vec<u8>, Failure> {
    relay::forward(&home.rpc(), question, ANSWER).map_err(|error| match error {
        OrderingError::NotTaken(_) => Failure::malformed(error.to_string()),
        _ => Failure::unavailable(error.to_string()),
    })
}

/// To all others at once; who does not answer asks later.
async fn send(replica: &Replica, note: &str) {
    let sent = others(replica).into_iter().map(|member| async move {
        let member = member.to_string();
        let body = Body::Octets(Bytes::copy_from_slice(note.as_bytes()));
        let path = "/peer/ledger/cosignatures";
        let answer = replica.peers().request_within(ANSWER, &member, Method::POST, path, body).await;
        if let Err(error) = answer {
            tracing::debug!(%error, %member, "a checkpoint could not be handed over");
        }
    });
    join_all(sent).await;
}
