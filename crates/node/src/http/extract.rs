//! What a request holds, read so that what cannot be read is refused by a `Problem`, as everything else is.

use std::error::Error;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// A body in JSON, of a request or an answer.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable("body", &rejection)),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// What stands after `?`.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable("query", &rejection)),
        }
    }
}

/// What stands in place of `{…}` in a route.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable("path", &rejection)),
        }
    }
}

/// The cause says which field; the words around it are of the program's inside.
fn unreadable(part: &str, rejection: &dyn Error) -> Failure {
    let cause = rejection.source().unwrap_or(rejection);
    Failure::malformed(format!("the request's {part} cannot be read: {cause}"))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::http::header::CONTENT_TYPE;
    use axum::routing::post;
    use axum::{Router, extract::State};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        limit: u8,
    }

    async fn asked(method: &str, uri: &str, kind: &str, body: &str) -> (StatusCode, api::types::Problem) {
        let handler = async |State(()): State<()>,
                             Path(number): Path<u8>,
                             Query(query): Query<Wanted>,
                             Json(body): Json<Vec<Wanted>>| {
            let limits = body.iter().map(|wanted| wanted.limit).sum::<u8>();
            Failure::not_found(format!("{number} {} {limits}", query.limit))
        };
        let router = Router::new().route("/{number}", post(handler));
        let router: Router = super::super::refusing_the_rest(router).with_state(());
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(CONTENT_TYPE, kind)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = TowerToHyperService::new(router).call(request).await.unwrap();
        let status = answer.status();
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_a_problem_that_names_it() {
        let json = "application/json";
        let whole = asked("POST", "/1?limit=2", json, r#"[{"limit": 3}]"#).await;
        assert_eq!((whole.0, whole.1.message.as_str()), (StatusCode::NOT_FOUND, "1 2 3"));
        for (uri, kind, body, parts) in [
            ("/1?limit=2", json, r#"[{"limit": 3}, {"limit": 300}]"#, ["body", "[1].limit"]),
            ("/1?limit=2", json, r#"[{"limit": 3, "x": 1}]"#, ["body", "unknown field `x`"]),
            ("/1?limit=2", json, "[{", ["body", "line 1 column 2"]),
            ("/1?limit=2", "text/plain", "[]", ["body", "application/json"]),
            ("/1?limit=many", json, "[]", ["query", "limit"]),
            ("/1", json, "[]", ["query", "missing field `limit`"]),
            ("/one?limit=2", json, "[]", ["path", "one"]),
        ] {
            let (status, problem) = asked("POST", uri, kind, body).await;
            assert_eq!(
                (status, problem.rule.as_str()),
                (StatusCode::BAD_REQUEST, "malformed"),
                "{uri} {body}"
            );
            for part in parts {
                assert!(problem.message.contains(part), "{uri} {body}: {}", problem.message);
            }
        }
    }

    #[tokio::test]
    async fn what_no_route_takes_is_a_problem_that_says_where_to_look() {
        let (status, problem) = asked("POST", "/1/2", "application/json", "[]").await;
        assert_eq!((status, problem.rule.as_str()), (StatusCode::NOT_FOUND, "not-found"));
        assert!(problem.message.contains("no `/1/2` here") && problem.message.contains("/v1/openapi.json"));
        let (status, problem) = asked("DELETE", "/1", "application/json", "").await;
        assert_eq!((status, problem.rule.as_str()), (StatusCode::METHOD_NOT_ALLOWED, "malformed"));
        assert!(problem.message.contains("`/1` takes no DELETE"), "{}", problem.message);
    }
}
