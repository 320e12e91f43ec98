//! The gatekeeper's word on a run goes on the ledger.

use std::sync::Arc;
use std::time::Duration;

use contract::Hash;
use contract::policy::Refusal;
use ledger::Action;

use super::{Granted, Trouble};
use crate::node::Node;
use crate::{differencing, gatekeeper};

/// How long another participant's node may take to say which history it has.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn decide(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    share_one_history(&node, &run).await?;
    let deciding = Arc::clone(&node);
    let decision = tokio::task::spawn_blocking(move || {
        gatekeeper::decide(&run, deciding.member(), &deciding.replica, &deciding.vault)
    })
    .await
    .map_err(|_| Trouble::new("the gatekeeper did not come to a decision"))?;
    let decision = match decision {
        Ok(granted) => match too_close(&node, &granted).await {
            refusals if refusals.is_empty() => Ok(granted),
            refusals => Err(refusals),
        },
        Err(refusals) => Err(refusals),
    };
    let action = match decision {
        Ok(granted) => {
            tracing::info!(%run, contract = %granted.contract_id, "permitted");
            node.desk.note(&run, |active| active.granted = Some(Arc::new(granted)));
            Action::PermitRun { run }
        }
        Err(refusals) => {
            let rules: Vec<_> = refusals.iter().map(Refusal::rule).collect();
            tracing::info!(%run, ?rules, "refused");
            Action::RefuseRun { run, refusals }
        }
    };
    match node.replica.record(None, action).await {
        Ok(_) => Ok(()),
        // Another participant refused first.
        Err(failure) if failure.problem.rule != "unavailable" && !is_open(&node, &run) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

/// What earlier answers say against this one, over this member's rows.
async fn too_close(node: &Arc<Node>, granted: &Granted) -> Vec<Refusal> {
    let requested =
        node.replica.read(|ledger| ledger.state().run(&granted.run).map(|run| run.requested.index));
    let (contract, compiled) = (&granted.contract, &granted.compiled);
    differencing::refusals(contract, compiled, requested, node.member(), &node.replica, &node.vault).await
}

fn is_open(node: &Node, run: &Hash) -> bool {
    node.replica.read(|ledger| ledger.state().run(run).is_some_and(|run| run.phase.is_open()))
}

/// Asks every other participant for its final checkpoint: two that are not of one history show that the operator, with
/// as many cosigners as the quorum takes, tells different members different things. Whoever asks last sees a checkpoint
/// over the request itself.
async fn share_one_history(node: &Arc<Node>, run: &Hash) -> Result<(), Trouble> {
    let others = node.replica.read(|ledger| {
        let state = ledger.state();
        let contract = state.contract(&state.run(run)?.contract)?;
        Some(ledger::state::participants(&contract.contract))
    });
    let others = others.into_iter().flatten().filter(|member| *member != node.me);
    let comparisons = others.map(|member| async move {
        let name = node.names.name(&member);
        let Some(note) = node.final_checkpoint_of(&member).await else {
            return Err(Trouble::by(member, format!("the node of `{name}` does not answer any more")));
        };
        node.replica.compare(&note, PATIENCE).await.map_err(|reason| {
            let text =
                format!("the ledger of `{name}` cannot be brought together with this node's: {reason}");
            tracing::error!(reason = text, note, "the ledger is forked, or the operator withholds entries");
            // Without an operator, whoever holds a final checkpoint of another log has accepted one.
            Trouble::by(node.replica.operator().unwrap_or(member), text)
        })
    });
    futures::future::try_join_all(comparisons).await.map(drop)
}
