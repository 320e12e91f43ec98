//! How the node says no: one type for every refusal, with its HTTP status.

use api::types::Problem;
use api::types::problem::Reason;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contract::policy::Refusal;

use crate::journal::JournalError;
use crate::names::Names;
use crate::persons::NotLetIn;

/// A refusal or an error, ready to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) problem: Problem,
}

impl Failure {
    /// The caller named something that is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, problem: Problem::new("not-found", message) }
    }

    /// The request does not make sense, whatever the state.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, problem: Problem::new("malformed", message) }
    }

    /// A rule forbids it in the present state.
    pub(crate) fn refused(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, problem: Problem::new(rule, message) }
    }

    /// A rule of the ledger forbids it; the command that shows what the rule speaks of comes next.
    pub(crate) fn by_rule(rule: String, message: String) -> Self {
        let next = shows(&rule);
        let failure = Self::refused(rule, message);
        match next {
            Some(command) => failure.next(command),
            None => failure,
        }
    }

    /// The caller may not see or do this.
    pub(crate) fn forbidden(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, problem: Problem::new(rule, message) }
    }

    /// Another node, the disk or this node itself failed; nothing that the caller did.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, problem: Problem::new("unavailable", message) }
    }

    /// Policy refuses, for one or several reasons. The rule of the first one names the whole.
    pub(crate) fn policy(what: &str, refusals: &[Refusal], names: &Names) -> Self {
        let rule = refusals.first().map_or("refused", Refusal::rule);
        let mut failure = Self::refused(rule, what);
        failure.problem.reasons = reasons(refusals, names);
        failure
    }

    pub(crate) fn next(mut self, command: impl Into<String>) -> Self {
        self.problem = self.problem.next(command);
        self
    }
}

/// The command that lists what a rule of the ledger speaks of.
fn shows(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "unknown-proposal" | "proposal-decided" | "vote-closed" | "already-voted" => {
            "treaty alliance proposals"
        }
        "protocol-unknown" | "protocol-not-newer" | "protocol-too-soon" => "treaty alliance rules",
        "parameter-range" => "treaty alliance parameters",
        "not-a-voter" | "not-seated" | "not-a-regulator" | "other-jurisdiction" => "treaty alliance members",
        "no-stop-right" => "treaty alliance propose stop-right",
        "too-few-points" => "treaty points",
        "unknown-request" | "request-answered" => "treaty access requests",
        "unknown-token" | "not-the-holder" | "token-revoked" | "token-expired" | "token-used"
        | "token-attenuated" => "treaty access tokens",
        "unknown-dispute" | "dispute-decided" | "already-challenged" | "not-an-arbiter"
        | "already-arbitrated" => "treaty dispute list",
        "unknown-claim" | "already-claimed" | "claim-not-established" | "not-offered" => "treaty data claims",
        "unknown-publication" | "publication-version" | "not-your-publication" => {
            "treaty catalog publications"
        }
        "unknown-path" | "not-your-path" | "unknown-dataset" => "treaty catalog search",
        "unknown-contract" | "outside-jurisdiction" => "treaty contract list",
        "unknown-person" | "delegation-revoked" | "delegation-expired" => "treaty person list",
        _ => return None,
    })
}

/// Refusals as the API shows them.
pub(crate) fn reasons(refusals: &[Refusal], names: &Names) -> Vec<Reason> {
    refusals
        .iter()
        .map(|refusal| Reason {
            rule: refusal.rule().to_owned(),
            message: refusal.describe(|did| names.name(did)),
        })
        .collect()
}

impl From<NotLetIn> for Failure {
    fn from(error: NotLetIn) -> Self {
        let (status, rule) = match error {
            NotLetIn::Anonymous => (StatusCode::UNAUTHORIZED, "anonymous"),
            NotLetIn::Credentials(_) => (StatusCode::UNAUTHORIZED, "forged-request"),
            NotLetIn::Stale { .. } | NotLetIn::BeforeStart => (StatusCode::UNAUTHORIZED, "stale-request"),
            NotLetIn::Replayed => (StatusCode::UNAUTHORIZED, "replayed-request"),
            NotLetIn::Stranger { .. } => (StatusCode::FORBIDDEN, "stranger"),
            NotLetIn::Expired { .. } => (StatusCode::FORBIDDEN, "delegation-expired"),
            NotLetIn::OutOfScope { .. } => (StatusCode::FORBIDDEN, "out-of-scope"),
        };
        Self { status, problem: Problem::new(rule, error.to_string()) }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.problem)).into_response()
    }
}
