//! Linking datasets whose rows stay in PostgreSQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::auth::Scope;
use api::types::Problem;
use api::types::datasets::{DatasetView, LinkDataset};
use axum::Extension;
use axum::extract::State;
use postgres::{Address, PostgresError};
use vault::{Earlier, ImportError, LinkRequest, Location, SourceFailure};
use zeroize::Zeroizing;

use super::admit::require;
use super::datasets::{declaration, new_version, next_of};
use super::extract::{Json, Path};
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// Makes a PostgreSQL table, which stays where it is, the next version of a dataset: reads it once, and keeps hashes of
/// its rows. Nothing is published by this.
#[utoipa::path(post, path = "/v1/datasets/{name}/link", tag = "datasets", request_body = LinkDataset,
    responses((status = 200, body = DatasetView), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn link(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Json(request): Json<LinkDataset>,
) -> Result<Json<DatasetView>, Failure> {
    require(&person, Scope::Data)?;
    let (name, earlier) = next_of(&node, &name)?;
    let linking = Arc::clone(&node);
    let linked = tokio::task::spawn_blocking(move || run(&linking, &name, earlier, request))
        .await
        .map_err(|_| Failure::unavailable("linking broke off"))?;
    let linked = linked.map_err(failure)?;
    Ok(Json(new_version(&node, &linked)?))
}

fn run(
    node: &Node,
    name: &str,
    earlier: Option<Earlier>,
    request: LinkDataset,
) -> Result<vault::Imported, ImportError> {
    let source = |error: PostgresError| ImportError::Source(error.into());
    let (address, in_url) =
        Address::parse(request.url.expose()).map_err(|fault| source(PostgresError::Address(fault)))?;
    let apart = request.password.map(|password| Zeroizing::new(password.expose().to_owned()));
    if let Some(password) = apart.or(in_url) {
        node.postgres.keep_password(&address, password).map_err(source)?;
    }
    let location = Location { url: address.to_string(), table: request.table, order_by: request.order_by };
    let columns: BTreeMap<_, _> = request.columns.into_iter().map(declaration).collect();
    let request = LinkRequest {
        name,
        description: &request.description,
        location: &location,
        select: &request.select,
        columns: &columns,
    };
    match earlier {
        None => node.vault.link(&request),
        Some(earlier) => node.vault.link_after(&request, &earlier),
    }
}

fn failure(error: ImportError) -> Failure {
    let is_elsewhere = |reason: &SourceFailure| {
        use PostgresError::{BrokenOff, NoThread, Silent, Unreachable};
        let fault = reason.downcast_ref::<PostgresError>();
        matches!(fault, Some(Unreachable { .. } | BrokenOff { .. } | Silent { .. } | NoThread(_)))
    };
    match &error {
        ImportError::Source(reason) if is_elsewhere(reason) => Failure::unavailable(error.to_string()),
        _ => Failure::malformed(error.to_string()),
    }
}
