//! The API that this member's persons use: JSON over HTTPS, every request signed.

mod acts;
mod admit;
mod catalog;
mod contracts;
mod datasets;
mod evidence;
mod extract;
mod find;
mod ledger;
mod links;
mod member;
mod paging;
mod queries;
mod rules;
mod runs;
mod serve;
mod succession;
mod transactions;

use std::sync::Arc;

use axum::Json;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use serve::serve;

use crate::failure::Failure;
use crate::node::Node;

/// The largest JSON request.
const BODY_BYTES_MAX: usize = 2 << 20;

/// The head of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(
    title = "Treaty node",
    description = "What a member's persons may ask of the member's node. Every request but `GET /v1/openapi.json` \
            carries `Authorization: Treaty <person> <unix seconds> <nonce> <signature>`: Ed25519 by a person's key \
            that the member delegated, over these lines with a line feed between: `treaty/api-request/1`, the \
            `did:key` of the member whose node is asked, method, path with query, SHA-256 of the body in hex, time, \
            nonce (16 to 64 letters and digits, once only; times within 60 s of the node's). A request with a body \
            also carries `Content-Digest: sha-256=:<base64>:`. A refusal \
            is a `Problem`: its `rule` is stable, its `message` says what, where and what to do."
))]
struct Head;

/// Every route whose signature is checked before its handler runs.
fn signed_routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(ledger::status))
        .routes(routes!(ledger::points))
        .routes(routes!(ledger::entries))
        .routes(routes!(find::find))
        .routes(routes!(ledger::checkpoint))
        .routes(routes!(ledger::events))
        .routes(routes!(acts::act))
        .routes(routes!(acts::records))
        .routes(routes!(rules::rules))
        .routes(routes!(transactions::next))
        .routes(routes!(transactions::submit))
        .routes(routes!(member::rotate_key))
        .routes(routes!(member::renew_card))
        .routes(routes!(succession::sign))
        .routes(routes!(succession::take_over))
        .routes(routes!(datasets::import, datasets::list))
        .routes(routes!(links::link))
        .routes(routes!(datasets::publish))
        .routes(routes!(datasets::withdraw))
        .routes(routes!(catalog::catalog))
        .routes(routes!(catalog::matches))
        .routes(routes!(contracts::templates))
        .routes(routes!(contracts::draft))
        .routes(routes!(queries::dry_run))
        .routes(routes!(contracts::propose, contracts::list))
        .routes(routes!(contracts::show))
        .routes(routes!(contracts::check))
        .routes(routes!(contracts::columns))
        .routes(routes!(contracts::audit, contracts::give_opinion))
        .routes(routes!(contracts::sign))
        .routes(routes!(contracts::file_signature))
        .routes(routes!(contracts::revoke))
        .routes(routes!(runs::start, runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::result))
        .routes(routes!(runs::egress))
        .routes(routes!(evidence::commitments))
        .routes(routes!(evidence::open))
        .routes(routes!(runs::proof))
        .routes(routes!(runs::watch))
}

/// An upload is too large to be held in memory: its handler checks the signature over the announced digest.
fn upload_routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(datasets::upload)).layer(DefaultBodyLimit::disable())
}

/// The router of a running node.
fn router(node: Arc<Node>) -> axum::Router {
    let signed = signed_routes()
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&node), admit::admit))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let (router, document) =
        OpenApiRouter::with_openapi(Head::openapi()).merge(signed).merge(upload_routes()).split_for_parts();
    let router = router.route("/v1/openapi.json", get(move || async move { Json(document) }));
    refusing_the_rest(router).with_state(node)
}

/// What no route takes is answered as a refusal, too.
fn refusing_the_rest<S: Clone + Send + Sync + 'static>(router: axum::Router<S>) -> axum::Router<S> {
    router.fallback(no_such_path).method_not_allowed_fallback(no_such_method)
}

async fn no_such_path(uri: Uri) -> Failure {
    Failure::not_found(format!("there is no `{}` here; `/v1/openapi.json` lists what there is", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Failure {
    let message = format!("`{}` takes no {method}; `/v1/openapi.json` lists what there is", uri.path());
    Failure { status: StatusCode::METHOD_NOT_ALLOWED, ..Failure::malformed(message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `crates/api/openapi.json` is what clients are built from: a change to the API must show in its diff.
    #[test]
    fn the_golden_openapi_document_is_true() {
        let routes =
            OpenApiRouter::with_openapi(Head::openapi()).merge(signed_routes()).merge(upload_routes());
        let found = routes.get_openapi().to_pretty_json().unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/openapi.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &found).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            golden == found,
            "the API changed: read the diff after `UPDATE_GOLDEN=1 cargo test -p treaty-node openapi`"
        );
    }
}
