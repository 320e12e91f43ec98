//! After all receipts agreed: output shares go to the contract's receivers, and to nobody else.

use std::sync::Arc;
use std::time::Duration;

use contract::{Did, Hash};

use super::{Trouble, receive, settle};
use crate::journal::{Leaving, Note};
use crate::node::Node;

/// The longest pause before delivery to a receiver that is not there is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(60);

pub(super) async fn release(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    let Some(sealed) = node.journal.read(&run, Note::Sealed)? else {
        // Where some may vanish, this node may have been one of them.
        return settle::forget_inputs(&node, &run);
    };
    let receivers = node.replica.read(|ledger| {
        let state = ledger.state();
        let contract = state.contract(&state.run(&run)?.contract)?;
        Some(contract.contract.output.receivers.clone())
    });
    let Some(receivers) = receivers else { return Ok(()) };
    node.journal.put(&run, Note::Released, b"")?;
    let deliveries = receivers.iter().map(|receiver| {
        let (node, sealed) = (Arc::clone(&node), sealed.clone());
        async move { deliver(&node, &run, receiver, &sealed).await }
    });
    // All of them, whatever happens to one.
    futures::future::join_all(deliveries).await.into_iter().collect::<Result<(), _>>()?;
    // Every receiver has them; this node needs them no longer.
    node.journal.forget(&run, Note::Sealed)?;
    settle::forget_inputs(&node, &run)
}

async fn deliver(node: &Node, run: &Hash, receiver: &Did, sealed: &[u8]) -> Result<(), Trouble> {
    if node.journal.has(run, Note::Delivered(receiver))? {
        return Ok(());
    }
    if *receiver == node.me {
        receive::keep(node, run, &node.me, sealed)?;
        return Ok(node.journal.put(run, Note::Delivered(receiver), b"")?);
    }
    let path = format!("/peer/runs/{run}/outputs");
    let mut pause = Duration::from_millis(50);
    // For as long as it takes: also at the next start it is tried again.
    while let Err(failure) = node.leave(run, receiver, Leaving::OutputShares, &path, sealed).await {
        tracing::debug!(%run, %receiver, reason = failure.problem.message, "output shares wait for their receiver");
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(PAUSE_MAX);
    }
    Ok(node.journal.put(run, Note::Delivered(receiver), b"")?)
}
