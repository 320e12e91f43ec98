//! Which version of the rules holds, and whose nodes have which.

use std::sync::Arc;

use api::types::rules::{MemberRules, Rules, RulesFrom};
use axum::extract::State;
use futures::future::join_all;
use ledger::Ledger;
use ledger::governance::PROTOCOL;

use super::extract::Json;
use crate::node::Node;

/// Which version of the ledger's rules holds, which one is to follow, and which one each member's node has: it is asked
/// now, and what it says is its own word.
#[utoipa::path(get, path = "/v1/rules", tag = "ledger", responses((status = 200, body = Rules)))]
pub(super) async fn rules(State(node): State<Arc<Node>>) -> Json<Rules> {
    let voters = node.replica.read(|ledger| ledger.state().roster().voters());
    let members = join_all(voters.iter().map(|member| async {
        MemberRules { member: node.names.name(member), known: node.rules_known_by(member).await }
    }));
    let members = members.await;
    let stopped = node.replica.outdated().map(|outdated| outdated.to_string());
    Json(node.replica.read(|ledger| {
        let (holds, since) = now(ledger);
        let adopted = ledger.state().parameters().protocols.iter();
        let next = adopted.filter(|(from, _)| *from > ledger.size()).min();
        let next = next.map(|(from, version)| RulesFrom { version: *version, from: *from });
        Rules { holds, since, known: PROTOCOL, next, stopped, members }
    }))
}

/// The version for the next entry, and the first entry under it.
pub(super) fn now(ledger: &Ledger) -> (u32, u64) {
    let (size, parameters) = (ledger.size(), ledger.state().parameters());
    let holds = parameters.protocol(size);
    let since =
        parameters.protocols.iter().find(|(_, version)| *version == holds).map_or(0, |(from, _)| *from);
    (holds, since)
}
