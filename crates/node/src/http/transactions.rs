//! Acts that persons sign themselves, with keys that their member delegated on the ledger: the node hands them in and
//! cannot have made them up.

use std::sync::Arc;

use api::types::Problem;
use api::types::acts::{Acted, NextTransaction, SignedAct};
use axum::Extension;
use axum::extract::State;
use ledger::{SignedTransaction, Transaction};

use super::acts::{acted, needed};
use super::admit::require;
use super::extract::Json;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// What the caller's next own transaction must say.
#[utoipa::path(get, path = "/v1/transactions/next", tag = "alliance",
    responses((status = 200, body = NextTransaction)))]
pub(super) async fn next(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
) -> Json<NextTransaction> {
    Json(node.replica.read(|ledger| NextTransaction {
        alliance: ledger.state().alliance_id().to_string(),
        member: node.me.to_string(),
        person: person.did.to_string(),
        sequence: ledger.state().next_sequence_of_person(&node.me, &person.did),
    }))
}

/// Hands in an act that the caller signed, and waits until a quorum has cosigned it. What the caller may sign is what
/// the member delegated to it on the ledger; what it may ask of this node, its delegation here.
#[utoipa::path(post, path = "/v1/transactions", tag = "alliance", request_body = SignedAct,
    responses((status = 200, body = Acted), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn submit(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<SignedAct>,
) -> Result<Json<Acted>, Failure> {
    let signed: SignedTransaction = serde_json::from_value(request.transaction)
        .map_err(|error| Failure::malformed(format!("that is no signed transaction: {error}")))?;
    let Transaction { member, person: named, action, .. } = &signed.transaction;
    let theirs = *member == node.me && *named == Some(person.did);
    if !theirs || signed.transaction.signer() != person.did {
        let message =
            "a transaction that is handed in here names this member, and the caller as person and signer";
        return Err(Failure::malformed(message));
    }
    for scope in needed(action)? {
        require(&person, scope)?;
    }
    let entry = node.replica.hand_in(signed).await?.entry;
    acted(&node, entry).map(Json)
}
