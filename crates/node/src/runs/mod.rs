//! What this node does in a run, from the moment it sees the request on the ledger.
//!
//! | it sees | it does | file |
//! | --- | --- | --- |
//! | requested | its gatekeeper decides | [`permit`] |
//! | permitted by all | as data provider: local stage, commitment, shares out | [`provide`] |
//! | | as compute party: collects shares, checks them, runs the program, files a receipt | [`compute`] |
//! | completed (the receipts agree) | as compute party: releases its output shares to the receivers | [`release`] |
//! | | as receiver: combines them, checks them against the receipts | [`receive`] |
//! | refused or failed | as compute party: stops, and signs that nothing was opened, if so | [`settle`] |
//!
//! Output shares leave only after the receipts agreed on the ledger: a run that fails, or is disputed, opens nothing.
//!
//! A run needs the receipts of all compute parties. Where the scheme lets some vanish it needs those of one more than may
//! collude, and a compute party that is killed, or cannot go on, after it has begun to compute does not end the run.

mod alive;
mod compute;
pub(crate) mod kept;
mod permit;
mod provide;
mod receive;
mod release;
mod settle;
pub(crate) mod shares;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::types::runs::ProgressView;
use contract::{Did, Hash};
use ledger::{Action, Event, FailReason, Happening, Phase, Run};
use peers::SessionTransport;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub(crate) use receive::{may_hand_over, receive_output, result_view};

use crate::failure::Failure;
use crate::gatekeeper::Granted;
use crate::node::Node;
use crate::setup::now_seconds;

/// The pause before events are read again that the disk did not yield.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs that this node takes part in just now.
#[derive(Default)]
pub(crate) struct Desk {
    runs: Mutex<BTreeMap<Hash, Active>>,
    /// Rung when shares arrive.
    pub(crate) arrivals: Notify,
}

#[derive(Default)]
struct Active {
    granted: Option<Arc<Granted>>,
    tasks: Vec<AbortHandle>,
    /// The connections to the other compute parties. They stay open until the run is over on the ledger: a party that
    /// stopped and hung up first would be blamed by those who wait for it, instead of the one that is at fault.
    transport: Option<Arc<SessionTransport>>,
    progress: Option<ProgressView>,
}

impl Desk {
    fn open(&self, run: &Hash) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).entry(*run).or_default();
    }

    /// Notes something about a run that is open here; nothing about one that was closed meanwhile.
    fn note(&self, run: &Hash, note: impl FnOnce(&mut Active)) {
        if let Some(active) = self.runs.lock().unwrap_or_else(PoisonError::into_inner).get_mut(run) {
            note(active);
        }
    }

    fn granted(&self, run: &Hash) -> Option<Arc<Granted>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(run)?.granted.clone()
    }

    /// Ends what this node still does for a run.
    fn close(&self, run: &Hash) {
        let closed = self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
        let Some(active) = closed else { return };
        for task in active.tasks {
            task.abort();
        }
        // A computation that waits for a peer on a thread of its own cannot be aborted otherwise.
        if let Some(transport) = active.transport {
            transport.abort();
        }
    }

    /// Lets go of a run for which this node has nothing more to do: what it has sent still reaches slower compute parties.
    fn leave(&self, run: &Hash) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
    }

    /// How far this node's own computation is.
    pub(crate) fn progress(&self, run: &Hash) -> Option<ProgressView> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(run)?.progress.clone()
    }
}

/// Why this node could not do its part: what to tell the others, and who is at fault if that is known.
#[derive(Debug)]
pub(crate) struct Trouble {
    text: String,
    blamed: Option<Did>,
}

impl Trouble {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), blamed: None }
    }

    fn by(member: Did, text: impl Into<String>) -> Self {
        Self { text: text.into(), blamed: Some(member) }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::new(failure.problem.message)
    }
}

impl From<crate::journal::JournalError> for Trouble {
    fn from(error: crate::journal::JournalError) -> Self {
        Self::new(error.to_string())
    }
}

/// Follows the ledger's final entries and does this node's part in every run, for as long as the node runs.
pub(crate) async fn conduct(node: Arc<Node>) {
    let mut heads = node.replica.watch();
    let Some(mut next) = settle::pick_up(&node, &mut heads).await else { return };
    loop {
        let Ok(seen) = heads.wait_for(|heads| heads.final_size > next).await.map(|heads| heads.final_size)
        else {
            return;
        };
        let Some(events) = node.replica.events(next, seen) else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        for event in events {
            react(&node, &event);
        }
        next = seen;
    }
}

fn react(node: &Arc<Node>, event: &Event) {
    match &event.what {
        Happening::RunRequested { run, .. } => {
            start(node, *run, permit::decide);
            settle::watch_deadline(node, *run);
        }
        Happening::RunPermittedByAll { run } => {
            start(node, *run, provide::provide);
            start(node, *run, compute::compute);
        }
        Happening::RunCompleted { run } => {
            if !is_still_computing(node, run) {
                node.desk.leave(run);
            }
            settle::spawn(node, *run, release::release);
        }
        Happening::RunRefused { run, .. } | Happening::RunFailed { run, .. } => {
            node.desk.close(run);
            settle::spawn(node, *run, settle::attest);
        }
        Happening::RunDisputed { run, .. } => {
            node.desk.close(run);
            settle::spawn(node, *run, settle::close_dispute);
        }
        _ => {}
    }
}

/// Starts this node's part of one step; if it cannot be done, the run fails by this node's word.
fn start<F, Step>(node: &Arc<Node>, run: Hash, step: Step)
where
    F: Future<Output = Result<(), Trouble>> + Send + 'static,
    Step: FnOnce(Arc<Node>, Hash) -> F,
{
    let record = node.replica.read(|ledger| ledger.state().run(&run).cloned());
    if !record.is_some_and(|record| is_participant(node, &record)) {
        return;
    }
    node.desk.open(&run);
    let work = step(Arc::clone(node), run);
    let owner = Arc::clone(node);
    let task = tokio::spawn(async move {
        if let Err(trouble) = work.await {
            // A task of its own: failing the run closes the desk, which aborts this one.
            tokio::spawn(async move { fail(&owner, run, trouble).await });
        }
    });
    node.desk.note(&run, |active| active.tasks.push(task.abort_handle()));
}

/// Data providers and compute parties.
fn is_participant(node: &Node, record: &Run) -> bool {
    node.replica.read(|ledger| {
        let contract = ledger.state().contract(&record.contract);
        contract.is_some_and(|contract| ledger::state::participants(&contract.contract).contains(&node.me))
    })
}

/// Whether this node computes in a run that others have completed without it, and may still file its receipt.
fn is_still_computing(node: &Node, run: &Hash) -> bool {
    node.desk.granted(run).is_some_and(|granted| {
        let protection = &granted.contract.protection;
        let filed = node.replica.read(|ledger| {
            ledger.state().run(run).is_none_or(|record| record.receipts.contains_key(&node.me))
        });
        protection.some_may_vanish() && protection.compute_parties.contains(&node.me) && !filed
    })
}

/// Tells everyone that this node cannot go on.
async fn fail(node: &Node, run: Hash, trouble: Trouble) {
    let mut text = node.names.in_text(&trouble.text);
    let blamed = trouble.blamed.map(|did| node.names.name(&did));
    tracing::warn!(%run, reason = text, blamed, "the run fails");
    text.retain(|c| !c.is_control());
    text.truncate(text.floor_char_boundary(900));
    let reason = FailReason { text, blamed: trouble.blamed };
    let over = |failure: &Failure| failure.problem.rule != "unavailable";
    for attempt in 0_u32..6 {
        match node.replica.record(None, Action::FailRun { run, reason: reason.clone() }).await {
            Ok(_) => return,
            // Somebody else failed it first, or it is over.
            Err(failure) if over(&failure) => {
                if !node
                    .replica
                    .read(|ledger| ledger.state().run(&run).is_some_and(|run| run.phase.is_open()))
                {
                    node.desk.close(&run);
                }
                return;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200 << attempt)).await,
        }
    }
}

/// Waits until this node's replica shows what `look` looks for, cosigned by a quorum or not yet, or the run's deadline
/// passes. What leaves the node waits for finality elsewhere: steps start on final events, and recording waits for it.
pub(crate) async fn wait_for<T>(
    node: &Node,
    run: &Hash,
    deadline: u64,
    mut look: impl FnMut(&Run) -> Option<T>,
) -> Option<T> {
    let mut heads = node.replica.watch();
    let left = Duration::from_secs(deadline.saturating_sub(now_seconds()));
    let waiting = async {
        loop {
            let found = node.replica.read(|ledger| ledger.state().run(run).and_then(&mut look));
            match found {
                Some(found) => return Some(found),
                None => heads.changed().await.ok()?,
            }
        }
    };
    tokio::time::timeout(left, waiting).await.ok().flatten()
}

/// Whether the run has got as far as the joint computation.
fn has_started(record: &Run) -> bool {
    matches!(record.phase, Phase::Running | Phase::Completed)
}
