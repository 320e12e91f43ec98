//! What remains to be done after a run, or after this node was restarted.

use std::sync::Arc;

use contract::Hash;
use ledger::{Action, Phase, Run};
use tokio::sync::watch;

use super::{Trouble, fail, is_participant, permit, release, start, wait_for};
use crate::journal::Note;
use crate::node::Node;
use crate::replica::Heads;

/// Runs a closing step; what goes wrong is logged, since the run itself is over.
pub(super) fn spawn<F, Step>(node: &Arc<Node>, run: Hash, step: Step)
where
    F: Future<Output = Result<(), Trouble>> + Send + 'static,
    Step: FnOnce(Arc<Node>, Hash) -> F,
{
    let work = step(Arc::clone(node), run);
    tokio::spawn(async move {
        if let Err(trouble) = work.await {
            tracing::warn!(%run, reason = trouble.text, "after the run");
        }
    });
}

/// A compute party of a refused or failed run signs that it opened nothing, if that is so. Outputs are released only
/// after completion, so that for a failed run it always is; the journal is asked all the same.
pub(super) async fn attest(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    let is_due = node.replica.read(|ledger| {
        let state = ledger.state();
        let record = state.run(&run)?;
        let contract = &state.contract(&record.contract)?.contract;
        let over = matches!(record.phase, Phase::Refused | Phase::Failed);
        let mine = contract.protection.compute_parties.contains(&node.me);
        (over && mine).then(|| !record.nothing_opened.contains(&node.me))
    });
    let Some(is_due) = is_due else { return Ok(()) };
    if node.journal.has(&run, Note::Released)? {
        return Ok(());
    }
    forget_inputs(&node, &run)?;
    // Never to be released from now on.
    node.journal.forget(&run, Note::Sealed)?;
    node.journal.forget(&run, Note::Kept)?;
    if !is_due {
        return Ok(());
    }
    node.replica.record(None, Action::NothingOpened { run }).await?;
    Ok(())
}

/// A disputed run computes no further.
pub(super) async fn close_dispute(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    forget_inputs(&node, &run)
}

/// Shares are kept no longer than they are needed.
pub(super) fn forget_inputs(node: &Node, run: &Hash) -> Result<(), Trouble> {
    let contract = node.replica.read(|ledger| {
        let state = ledger.state();
        Some(Arc::clone(&state.contract(&state.run(run)?.contract)?.contract))
    });
    for (_, input) in contract.iter().flat_map(|contract| contract.inputs()) {
        if node.journal.has(run, Note::Input(&input.provider))? {
            node.journal.forget(run, Note::Input(&input.provider))?;
        }
    }
    Ok(())
}

/// Takes up what a restart interrupted. A run that was under way cannot be taken up in the middle: this node fails
/// it. One that still waits for this node's gatekeeper is decided; one that is over is closed.
///
/// Nothing is taken up from entries that no quorum has cosigned: it waits until all of them are final, and says how
/// many there are. `None` when the node stops meanwhile.
pub(super) async fn pick_up(node: &Arc<Node>, heads: &mut watch::Receiver<Heads>) -> Option<u64> {
    let (size, runs) = loop {
        let settled =
            heads.wait_for(|heads| heads.final_size >= heads.size).await.map(|heads| heads.size).ok()?;
        let runs = node.replica.read(|ledger| {
            let runs =
                || ledger.state().runs().map(|(run, record)| (*run, record.clone())).collect::<Vec<_>>();
            (ledger.size() == settled).then(runs)
        });
        if let Some(runs) = runs {
            break (settled, runs);
        }
    };
    for (run, record) in runs {
        match record.phase {
            Phase::Requested | Phase::Permitted | Phase::Running if !is_participant(node, &record) => {}
            Phase::Requested if !record.permits.contains_key(&node.me) => {
                start(node, run, permit::decide);
                watch_deadline(node, run);
            }
            // This node's part is done; its sealed output waits in the journal.
            Phase::Running if record.receipts.contains_key(&node.me) => watch_deadline(node, run),
            Phase::Running if is_dispensable(node, &run, &record) => watch_deadline(node, run),
            Phase::Requested | Phase::Permitted | Phase::Running => {
                let node = Arc::clone(node);
                tokio::spawn(async move {
                    let text =
                        format!("the node of `{}` was restarted during the run", node.names.name(&node.me));
                    fail(&node, run, Trouble::by(node.me, text)).await;
                });
            }
            // The sealed output stays until the dispute is decided.
            Phase::Disputed => spawn(node, run, close_dispute),
            Phase::Completed => spawn(node, run, release::release),
            Phase::Refused | Phase::Failed => spawn(node, run, attest),
        }
    }
    Some(size)
}

/// Whether the others can complete a run without this node, which was restarted and cannot take up what it had prepared: it
/// owes them no input, and the scheme lets compute parties vanish. If they had not prepared it either they notice.
fn is_dispensable(node: &Node, run: &Hash, record: &Run) -> bool {
    let contract = node
        .replica
        .read(|ledger| ledger.state().contract(&record.contract).map(|record| Arc::clone(&record.contract)));
    contract.is_some_and(|contract| {
        let provides = contract.inputs().any(|(_, input)| input.provider == node.me);
        let owes_nothing = !provides || node.journal.has(run, Note::Dealt).unwrap_or(false);
        contract.protection.some_may_vanish() && owes_nothing
    })
}

/// A run that is still open at its deadline is declared failed, naming who is missing. Every participant watches;
/// the first one's word counts.
pub(super) fn watch_deadline(node: &Arc<Node>, run: Hash) {
    let node = Arc::clone(node);
    tokio::spawn(async move {
        let Some(deadline) =
            node.replica.read(|ledger| ledger.state().run(&run).map(|record| record.deadline))
        else {
            return;
        };
        let over = wait_for(&node, &run, deadline + 1, |record| (!record.phase.is_open()).then_some(()));
        if over.await.is_some() {
            return;
        }
        if let Some(trouble) = missing(&node, &run) {
            fail(&node, run, trouble).await;
        }
    });
}

/// Whom an open run waits for.
fn missing(node: &Node, run: &Hash) -> Option<Trouble> {
    let (phase, absent) = node.replica.read(|ledger| {
        let state = ledger.state();
        let record = state.run(run)?;
        let contract = &state.contract(&record.contract)?.contract;
        let participants = ledger::state::participants(contract);
        let absent = participants.into_iter().find(|member| match record.phase {
            Phase::Requested => !record.permits.contains_key(member),
            Phase::Permitted => {
                contract.inputs().any(|(_, input)| input.provider == *member)
                    && !record.commitments.contains_key(member)
            }
            _ => {
                contract.protection.compute_parties.contains(member) && !record.receipts.contains_key(member)
            }
        });
        Some((record.phase, absent))
    })?;
    let awaited = match phase {
        Phase::Requested => "decision of the gatekeeper",
        Phase::Permitted => "input commitment",
        _ => "receipt",
    };
    Some(match absent {
        Some(member) => {
            let name = node.names.name(&member);
            Trouble::by(
                member,
                format!("the {awaited} of `{name}` did not come within the contract's time limit"),
            )
        }
        None => Trouble::new("the run did not complete within the contract's time limit"),
    })
}
