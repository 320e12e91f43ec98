//! Who is let in: a middleware that checks the signature of every request before its handler sees it.

use std::sync::Arc;

use api::auth::{Credentials, Scope, body_hash};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

use super::BODY_BYTES_MAX;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::{NotLetIn, Person};
use crate::setup::now_seconds;

/// Checks the credentials and puts the [`Person`] into the request's extensions.
pub(super) async fn admit(
    State(node): State<Arc<Node>>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let credentials = credentials(&parts.headers)?;
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
        Failure::malformed(format!("the request's body is larger than {BODY_BYTES_MAX} bytes"))
    })?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let person =
        node.persons.admit(&credentials, parts.method.as_str(), path, &body_hash(&body), now_seconds())?;
    parts.extensions.insert(person);
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// The `Authorization` header.
pub(super) fn credentials(headers: &HeaderMap) -> Result<Credentials, Failure> {
    let header = headers.get(AUTHORIZATION).ok_or(NotLetIn::Anonymous)?;
    let text = header.to_str().unwrap_or_default();
    Ok(Credentials::parse(text).map_err(NotLetIn::from)?)
}

/// Whether the person's delegation covers the act.
pub(super) fn require(person: &Person, scope: Scope) -> Result<(), Failure> {
    Ok(person.may(scope)?)
}
