//! The one shape of every refusal and error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was refused: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable, kebab-case, for programs: `uses-exhausted`, `not-found`, `malformed` …
    pub rule: String,
    /// One sentence for people.
    pub message: String,
    /// Every single reason, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The command that helps, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of several reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// The rule that refused.
    pub rule: String,
    /// One sentence for people.
    pub message: String,
}

impl Problem {
    /// A problem with a rule and a message.
    pub fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule: rule.into(), message: message.into(), reasons: Vec::new(), next: None }
    }

    /// The same, naming the command that helps.
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }
}
