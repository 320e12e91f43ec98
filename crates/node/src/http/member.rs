//! What this member says of itself: its key, its node's addresses and certificate, where it is.

use std::sync::Arc;

use api::auth::Scope;
use api::types::Problem;
use api::types::ledger::Recorded;
use api::types::member::{RenewCard, RotatedKey};
use axum::Extension;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::alliance::Place;
use ledger::{Action, identity};

use super::admit::require;
use super::extract::Json;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;
use crate::setup::host_of;

/// Changes the member's key: a new one is made on the node, signed for by the old one, and signs from the next entry
/// on. What the old one signed stays valid.
#[utoipa::path(post, path = "/v1/member/key", tag = "member",
    responses((status = 200, body = RotatedKey), (status = 409, body = Problem)))]
pub(super) async fn rotate_key(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
) -> Result<Json<RotatedKey>, Failure> {
    require(&person, Scope::Govern)?;
    let (keyring, _) = node.replica.own();
    let key = keyring.prepare().map_err(|error| Failure::unavailable(error.to_string()))?;
    let alliance = node.replica.read(|ledger| ledger.state().alliance_id());
    let proof = identity::prove_key(&alliance, &node.me, &key)
        .map_err(|error| Failure::unavailable(error.to_string()))?;
    let action = Action::RotateKey { key: key.did(), proof };
    let entry = node.replica.record(Some(person.did), action).await?.entry;
    Ok(Json(RotatedKey { member: node.me.to_string(), key: key.did().to_string(), entry }))
}

/// Renews the member's card: its node's addresses as they are configured now and, if asked for, a new certificate, a new
/// key for votes on blocks, and where the member is. The node puts the new key in place once it votes.
#[utoipa::path(post, path = "/v1/member/card", tag = "member", request_body = RenewCard,
    responses((status = 200, body = Recorded), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn renew_card(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<RenewCard>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Govern)?;
    let present = node.replica.read(|ledger| ledger.state().roster().card(&node.me).cloned());
    let mut card = present.ok_or_else(|| {
        Failure::refused("not-in-alliance", "only a member that has been admitted has a card to renew")
    })?;
    card.peer.clone_from(&node.config.peer);
    card.api = format!("https://{}", node.config.api);
    if let Some(place) = request.place {
        let api::types::member::Place { jurisdiction, operator, hosting, region } = place;
        card.place = Some(Place { jurisdiction, operator, hosting, region });
    }
    if request.certificate {
        let hosts = [host_of(&node.config.peer), host_of(&node.config.api)];
        let (_, certificates) = node.replica.own();
        let der = certificates.prepare(&hosts).map_err(|error| Failure::unavailable(error.to_string()))?;
        card.certificate = STANDARD.encode(der);
    }
    if request.validator {
        let present = card.validator.ok_or_else(|| {
            Failure::refused(
                "no-validator",
                "this member's card names no validator: it has no vote on blocks",
            )
        })?;
        let bft = ordering::home::Home::new(&node.home.bft());
        let is_taken = |key: &contract::Did| {
            let named = |ledger: &ledger::Ledger| ledger.state().roster().validators().get(key).copied();
            node.replica.read(named).is_some_and(|member| member != node.me)
        };
        let next = bft.next(&present.address, is_taken);
        let next = next.map_err(|error| Failure::unavailable(error.to_string()))?;
        card.validator = Some(next);
    }
    let card = card
        .renewed(&node.replica.present_key()?)
        .map_err(|flaw| Failure::malformed(format!("the card cannot be renewed: {flaw}")))?;
    Ok(Json(node.replica.record(Some(person.did), Action::RenewCard(Box::new(card))).await?))
}
