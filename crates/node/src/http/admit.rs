//! Who is let in: a request's signature is checked before a byte of its body is read.

use std::sync::Arc;
use std::time::Duration;

use api::auth::{Credentials, Scope, body_hash, parse_content_digest};
use axum::body::{Body, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use contract::Did;

use super::BODY_BYTES_MAX;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::{NotLetIn, Person};
use crate::setup::now_seconds;

/// The time in which a request's body must have come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Checks the credentials, reads the body that they announce, and puts the [`Person`] into the request's extensions.
pub(super) async fn admit(
    State(node): State<Arc<Node>>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let uri = OriginalUri(parts.uri.clone());
    let (person, announced) = announced(&node, &parts.method, &uri, &parts.headers)?;
    let body = tokio::time::timeout(PATIENCE, to_bytes(body, BODY_BYTES_MAX))
        .await
        .map_err(|_| Failure::malformed(format!("the body did not come within {} s", PATIENCE.as_secs())))?
        .map_err(|_| {
            Failure::malformed(format!("the request's body is larger than {BODY_BYTES_MAX} bytes"))
        })?;
    if body_hash(&body) != announced {
        return Err(Failure::malformed("the body is not what its `Content-Digest` says"));
    }
    parts.extensions.insert(person);
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// Who asks, and the SHA-256 that the body must have: that of `Content-Digest`, or of nothing when there is none.
pub(super) fn announced(
    node: &Node,
    method: &Method,
    OriginalUri(uri): &OriginalUri,
    headers: &HeaderMap,
) -> Result<(Person, [u8; 32]), Failure> {
    let header = headers.get(AUTHORIZATION).ok_or(NotLetIn::Anonymous)?;
    let credentials = Credentials::parse(header.to_str().unwrap_or_default()).map_err(NotLetIn::from)?;
    let hash = match headers.get("content-digest") {
        None => body_hash(b""),
        Some(header) => header.to_str().ok().and_then(parse_content_digest).ok_or_else(|| {
            Failure::malformed("`Content-Digest` is not of the form `sha-256=:…:` (RFC 9530)")
        })?,
    };
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let now = now_seconds();
    let reader = |person: &Did| reader(node, person, now, path_and_query);
    let person = node.persons.admit(&credentials, method.as_str(), path_and_query, &hash, now, reader)?;
    Ok((person, hash))
}

/// A person of a regulator that this member lets read, by the ledger; what it asks for is in the node's log.
fn reader(node: &Node, person: &Did, now: u64, path: &str) -> Option<Person> {
    let (regulator, name, expires) = node.replica.read(|ledger| {
        let (regulator, delegation) = ledger.state().reader_of(&node.me, person, now)?;
        Some((regulator, delegation.name.clone(), delegation.expires))
    })?;
    let regulator = node.names.name(&regulator);
    tracing::info!(%person, regulator, path, "a regulator asks to read");
    Some(Person::reader(*person, format!("{name} of {regulator}"), expires))
}

/// Whether the person's delegation covers the act.
pub(super) fn require(person: &Person, scope: Scope) -> Result<(), Failure> {
    Ok(person.may(scope)?)
}
