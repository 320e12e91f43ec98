//! Queries, before there is a contract.

use std::sync::Arc;

use api::auth::Scope;
use api::types::Problem;
use api::types::contracts::DraftContract;
use api::types::queries::DryRun;
use axum::Extension;
use axum::extract::State;

use super::admit::require;
use super::extract::Json;
use crate::draft;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// Runs a query in plaintext over rows that are made up from what is published about its datasets, so that the result's
/// shape is seen before anyone signs. Nothing is recorded, and no data is read.
#[utoipa::path(post, path = "/v1/queries/dry-run", tag = "contracts", request_body = DraftContract,
    responses((status = 200, body = DryRun), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn dry_run(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<DraftContract>,
) -> Result<Json<DryRun>, Failure> {
    require(&person, Scope::Contract)?;
    Ok(Json(draft::dry_run(&node, &request).await?))
}
