//! Commitments of compute parties to values on the way to a result, and showing what they are of.

use std::sync::Arc;

use api::auth::Scope;
use api::types::Problem;
use api::types::runs::{CommitmentView, OpenCommitment, OpenedShares};
use axum::Extension;
use axum::extract::State;

use super::admit::require;
use super::extract::{Json, Path};
use crate::draft::read_id;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;
use crate::runs::kept;

/// What the receipts of a run commit to beside its result.
#[utoipa::path(get, path = "/v1/runs/{id}/commitments", tag = "runs",
    responses((status = 200, body = Vec<CommitmentView>), (status = 404, body = Problem)))]
pub(super) async fn commitments(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<Vec<CommitmentView>>, Failure> {
    require(&person, Scope::Read)?;
    let run = read_id(&id)?;
    let state = node.replica.state();
    let record = state.run(&run).ok_or_else(|| {
        Failure::not_found(format!("run {run} is not on the ledger")).next("treaty run list")
    })?;
    let all = record.receipts.iter().flat_map(|(party, receipt)| {
        receipt.value.intermediates.iter().map(|committed| CommitmentView {
            party: party.to_string(),
            name: node.names.name(party),
            value: committed.value,
            commitment: committed.hash.to_string(),
        })
    });
    Ok(Json(all.collect()))
}

/// Shows this compute party's shares of a value, so that anybody can hold them against its receipt. Whoever has those of
/// enough other compute parties then knows the value.
#[utoipa::path(post, path = "/v1/runs/{id}/opening", tag = "runs", request_body = OpenCommitment,
    responses((status = 200, body = OpenedShares), (status = 404, body = Problem)))]
pub(super) async fn open(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
    Json(request): Json<OpenCommitment>,
) -> Result<Json<OpenedShares>, Failure> {
    require(&person, Scope::Govern)?;
    let run = read_id(&id)?;
    let opened = kept::open(&node, run, request.value)?;
    tracing::warn!(%run, value = request.value, person = %person.did, "this party's shares of a value are shown");
    Ok(Json(OpenedShares {
        run: opened.run.to_string(),
        party: opened.party.to_string(),
        value: opened.value,
        salt: opened.salt.to_string(),
        shares: opened.shares,
    }))
}
