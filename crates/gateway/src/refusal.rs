//! Refusals as PostgreSQL's clients show them: an SQLSTATE, what is wrong, and a hint what to do.

use api::ClientError;

/// Why a statement gets no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// SQLSTATE, of PostgreSQL's own table (appendix A of its manual).
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Where PostgreSQL would say it, if drivers go by that; else empty.
    pub(crate) routine: &'static str,
}

/// `feature_not_supported`.
pub(crate) const NOT_SUPPORTED: &str = "0A000";
/// `insufficient_privilege`.
pub(crate) const NOT_PERMITTED: &str = "42501";
/// `object_not_in_prerequisite_state`.
pub(crate) const NOT_NOW: &str = "55000";
/// `ambiguous_alias`, the nearest there is for more than one contract.
pub(crate) const AMBIGUOUS: &str = "42P09";
/// `system_error`.
pub(crate) const FAILED: &str = "58000";
/// `invalid_authorization_specification`.
pub(crate) const NOT_ADMITTED: &str = "28000";
/// `in_failed_sql_transaction`.
pub(crate) const TRANSACTION_FAILED: &str = "25P02";
/// `no_active_sql_transaction`.
pub(crate) const NO_TRANSACTION: &str = "25P01";
/// `protocol_violation`.
pub(crate) const PROTOCOL: &str = "08P01";
/// `too_many_connections`.
pub(crate) const TOO_MANY: &str = "53300";
/// `idle_session_timeout`.
pub(crate) const IDLE: &str = "57P05";
/// `invalid_password`.
pub(crate) const WRONG_PASSWORD: &str = "28P01";
/// `invalid_sql_statement_name`.
pub(crate) const NO_STATEMENT: &str = "26000";
/// `invalid_cursor_name`.
pub(crate) const NO_PORTAL: &str = "34000";
/// `duplicate_prepared_statement`.
pub(crate) const STATEMENT_EXISTS: &str = "42P05";
/// `duplicate_cursor`.
pub(crate) const PORTAL_EXISTS: &str = "42P03";
/// `configuration_limit_exceeded`.
pub(crate) const TOO_MUCH: &str = "53400";
/// `undefined_table`.
pub(crate) const NO_RELATION: &str = "42P01";
/// `undefined_column`.
pub(crate) const NO_COLUMN: &str = "42703";
/// `undefined_function`.
pub(crate) const NO_FUNCTION: &str = "42883";
/// `undefined_object`.
pub(crate) const NO_OBJECT: &str = "42704";
/// `syntax_error`.
pub(crate) const SYNTAX: &str = "42601";
/// `statement_too_complex`.
pub(crate) const TOO_COMPLEX: &str = "54001";
/// `data_exception`.
pub(crate) const DATA: &str = "22000";
/// `numeric_value_out_of_range`.
pub(crate) const OUT_OF_RANGE: &str = "22003";
/// `division_by_zero`.
pub(crate) const DIVISION_BY_ZERO: &str = "22012";
/// `cardinality_violation`.
pub(crate) const SEVERAL_ROWS: &str = "21000";
/// `out_of_memory`.
pub(crate) const OUT_OF_MEMORY: &str = "53200";
/// `query_canceled`.
pub(crate) const TOO_LONG: &str = "57014";
/// `connection_failure`.
pub(crate) const UNREACHABLE: &str = "08006";

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), routine: "" }
    }

    /// Another refusal, if there is one and this one says no more than that nothing is called so.
    pub(crate) fn or(self, other: Option<Self>) -> Self {
        if self.code == NO_RELATION { other.unwrap_or(self) } else { self }
    }

    pub(crate) fn of_routine(self, routine: &'static str) -> Self {
        Self { routine, ..self }
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused(problem) => {
                Self::new(NOT_NOW, problem.message.clone(), problem.next.clone().unwrap_or_default())
            }
            ClientError::Unreachable { .. } => {
                Self::new(UNREACHABLE, error.to_string(), "start the node: `treaty node run`")
            }
            ClientError::Unexpected { .. } | ClientError::Profile(_) | ClientError::File { .. } => {
                Self::new(FAILED, error.to_string(), "is the node of the same release as this gateway?")
            }
        }
    }
}
