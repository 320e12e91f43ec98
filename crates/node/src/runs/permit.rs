//! The gatekeeper's word on a run goes on the ledger.

use std::sync::Arc;

use contract::Hash;
use ledger::Action;

use super::Trouble;
use crate::gatekeeper;
use crate::node::Node;

pub(super) async fn decide(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    let deciding = Arc::clone(&node);
    let decision = tokio::task::spawn_blocking(move || {
        gatekeeper::decide(&run, &deciding.me, &deciding.replica, &deciding.vault)
    })
    .await
    .map_err(|_| Trouble::new("the gatekeeper did not come to a decision"))?;
    let action = match decision {
        Ok(granted) => {
            tracing::info!(%run, contract = %granted.contract_id, "permitted");
            node.desk.note(&run, |active| active.granted = Some(Arc::new(granted)));
            Action::PermitRun { run }
        }
        Err(refusals) => {
            let rules: Vec<_> = refusals.iter().map(contract::policy::Refusal::rule).collect();
            tracing::info!(%run, ?rules, "refused");
            Action::RefuseRun { run, refusals }
        }
    };
    match node.replica.record(None, action).await {
        Ok(_) => Ok(()),
        // Another participant refused first.
        Err(failure) if failure.problem.rule != "unavailable" => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}
