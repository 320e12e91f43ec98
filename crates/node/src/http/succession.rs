//! Another operator, when the one there cannot hand the ledger over.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::auth::Scope;
use api::types::Problem;
use api::types::ledger::Recorded;
use api::types::member::{SignSuccession, SuccessionSignature, TakeOver};
use axum::Extension;
use axum::extract::State;
use contract::{Did, Signature};
use ledger::succession::Succession;

use super::admit::require;
use super::extract::Json;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// Signs that another member orders the ledger from where it ends, when the operator has lost its key or its node. The
/// node keeps to it: it takes nothing further of the operator before.
#[utoipa::path(post, path = "/v1/succession/signature", tag = "ledger", request_body = SignSuccession,
    responses((status = 200, body = SuccessionSignature), (status = 409, body = Problem)))]
pub(super) async fn sign(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<SignSuccession>,
) -> Result<Json<SuccessionSignature>, Failure> {
    require(&person, Scope::Govern)?;
    let operator = node.names.member(&request.operator)?;
    let signed = node.replica.sign_succession(operator).await;
    let (succession, signature) = signed.map_err(|failure| in_names(&node, failure))?;
    Ok(Json(SuccessionSignature {
        alliance: succession.alliance.to_string(),
        size: succession.size,
        root: succession.root.to_string(),
        operator: succession.operator.to_string(),
        member: node.me.to_string(),
        signature: signature.to_string(),
    }))
}

/// Takes the ledger over by what the other members signed: this node orders from then on.
#[utoipa::path(post, path = "/v1/succession", tag = "ledger", request_body = TakeOver,
    responses((status = 200, body = Recorded), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn take_over(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<TakeOver>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Govern)?;
    let read = request.signatures.iter().map(read).collect::<Option<Vec<_>>>();
    let read = read
        .ok_or_else(|| Failure::malformed("a signature is not as `treaty alliance succeed sign` wrote it"))?;
    let (first, ..) = read.first().ok_or_else(|| Failure::malformed("no member has signed"))?;
    let me = node.config.name.clone();
    let apart = |who: &Did, theirs: &Succession, others: &Succession| {
        let name = node.names.name(who);
        let message = format!(
            "`{name}` signed that `{}` goes on after {} entries with root {}, and this is about `{}` after {} entries with \
             root {}: let who has fewer sign again, its node then fetches the rest",
            node.names.name(&theirs.operator),
            theirs.size,
            theirs.root,
            node.names.name(&others.operator),
            others.size,
            others.root
        );
        Failure::refused("succession-apart", message).next(format!("treaty alliance succeed sign {me}"))
    };
    if let Some((theirs, who, _)) = read.iter().find(|(succession, ..)| succession != first) {
        return Err(apart(who, theirs, first));
    }
    let signatures: BTreeMap<Did, Signature> =
        read.iter().map(|(_, member, signature)| (*member, *signature)).collect();
    let ends = |own: &Succession| apart(&node.me, own, first);
    let taken = node.replica.take_over(Some(person.did), signatures, first, ends).await;
    Ok(Json(taken.map_err(|failure| in_names(&node, failure))?))
}

fn read(signed: &SuccessionSignature) -> Option<(Succession, Did, Signature)> {
    let succession = Succession {
        alliance: signed.alliance.parse().ok()?,
        size: signed.size,
        root: signed.root.parse().ok()?,
        operator: signed.operator.parse().ok()?,
    };
    Some((succession, signed.member.parse().ok()?, signed.signature.parse().ok()?))
}

fn in_names(node: &Node, mut failure: Failure) -> Failure {
    failure.problem.message = node.names.in_text(&failure.problem.message);
    failure
}
