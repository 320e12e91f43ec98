//! What a statement means to a gateway.

use crate::{
    refusal::{NO_OBJECT, NOT_SUPPORTED, Refusal},
    settings::setting as setting_value,
    text::{canonical, one},
};

/// A statement that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// `BEGIN`: there are no transactions, but drivers open one around each question.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK`.
    Rollback,
    /// `SAVEPOINT`: nothing is done that could be undone.
    Savepoint,
    /// `RELEASE SAVEPOINT`.
    Release,
    /// `ROLLBACK TO SAVEPOINT`.
    RollbackTo,
    /// `SET` of something that changes no answer.
    Set,
    /// `DEALLOCATE`: a prepared statement is not needed any more, or none is.
    Deallocate(Option<String>),
    /// `DISCARD ALL`: nothing of the session is needed any more.
    Discard,
    /// `TABLE contracts`.
    Contracts,
    /// `SHOW` of a setting: its name and value.
    Show(&'static str, &'static str),
    /// `REFRESH MATERIALIZED VIEW`, with the name as it is written.
    Refresh(String),
    /// A question for a contract, or for what contracts have given.
    Ask(Ask),
}

/// A SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// In [canonical] form, by which a contract's own text is found.
    pub(crate) question: String,
    /// As it is read when no contract asks exactly this.
    pub(crate) text: String,
}

/// Settings that drivers make when they connect, and that mean nothing here.
const SETTINGS: [&str; 16] = [
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "lock_timeout",
    "row_security",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "timezone",
    // Of a transaction or a session there is nothing that a mode could change.
    "characteristics",
    "transaction",
];

/// The hint that is right wherever somebody asks for something that is not there.
pub(crate) const LISTED: &str = "`TABLE contracts` lists what may be asked here, word for word";

impl Statement {
    /// Reads a statement; what is neither a question nor one of the few others is refused by name.
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let question = canonical(text);
        let lower = question.to_ascii_lowercase();
        let makes_view = ["create view ", "create temp view ", "create temporary view "];
        let begins_with_view = makes_view.iter().any(|words| lower.starts_with(words));
        if one(text).is_none() && !begins_with_view {
            let message = "several statements came in one message";
            return Err(Refusal::new(NOT_SUPPORTED, message, "send them one by one"));
        }
        let first: String = lower.chars().take_while(char::is_ascii_alphabetic).take(20).collect();
        match first.as_str() {
            "begin" | "start" => Ok(Self::Begin),
            "commit" | "end" => Ok(Self::Commit),
            "savepoint" => Ok(Self::Savepoint),
            "release" => Ok(Self::Release),
            "rollback" if goes_back(&lower) => Ok(Self::RollbackTo),
            "rollback" | "abort" => Ok(Self::Rollback),
            "set" => setting(&lower),
            "deallocate" => Ok(Self::Deallocate(name(&question))),
            "discard" if lower == "discard all" => Ok(Self::Discard),
            "table" if lower == "table contracts" => Ok(Self::Contracts),
            "select" | "with" if lower == "select*from contracts" => Ok(Self::Contracts),
            "select" | "with" | "values" => Ok(Self::Ask(Ask { question, text: text.to_owned() })),
            "" if lower.starts_with('(') => Ok(Self::Ask(Ask { question, text: text.to_owned() })),
            "table" => {
                let text = format!("SELECT * FROM {}", question.get(first.len()..).unwrap_or_default());
                Ok(Self::Ask(Ask { question, text }))
            }
            "show" => shown(&lower),
            "refresh" => refreshed(&question),
            "create" if begins_with_view && one(text).is_some() => Err(Refusal::new(
                NOT_SUPPORTED,
                "a view holds for the SELECT that comes with it, and none came",
                "send both in one message; psql does so where `\\;` stands between them",
            )),
            "create" if begins_with_view => Ok(Self::Ask(Ask { question, text: text.to_owned() })),
            _ => {
                let word = first.to_ascii_uppercase();
                let message =
                    format!("a gateway answers no {word}, only SELECT and REFRESH MATERIALIZED VIEW");
                Err(Refusal::new(NOT_SUPPORTED, message, LISTED))
            }
        }
    }
}

/// Which statement `DEALLOCATE` names; none for `ALL`. Names that are not quoted are in lower case.
fn name(question: &str) -> Option<String> {
    let word = question.rsplit(' ').next().unwrap_or_default();
    match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
        Some(quoted) => Some(quoted.replace("\"\"", "\"")),
        None => Some(word.to_ascii_lowercase()).filter(|word| word != "all"),
    }
}

/// `ROLLBACK [WORK | TRANSACTION] TO …`, after which the transaction goes on.
fn goes_back(lower: &str) -> bool {
    let rest =
        lower.trim_start_matches("rollback ").trim_start_matches("work ").trim_start_matches("transaction ");
    rest.starts_with("to ")
}

fn shown(lower: &str) -> Result<Statement, Refusal> {
    let name = lower.trim_start_matches("show").trim();
    match setting_value(name) {
        Some((name, value)) => Ok(Statement::Show(name, value)),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(Refusal::new(NO_OBJECT, message, "`SELECT name FROM pg_settings` lists what there is"))
        }
    }
}

fn refreshed(question: &str) -> Result<Statement, Refusal> {
    let mut rest = question;
    for expected in ["refresh", "materialized", "view"] {
        let is_expected = rest.get(..expected.len()).is_some_and(|word| word.eq_ignore_ascii_case(expected));
        rest = match rest.get(expected.len()..) {
            Some(rest) if is_expected => rest.trim_start(),
            _ => {
                let message = "a gateway refreshes nothing but materialized views";
                return Err(Refusal::new(NOT_SUPPORTED, message, "REFRESH MATERIALIZED VIEW name"));
            }
        };
    }
    let lower = rest.to_ascii_lowercase();
    if lower.starts_with("concurrently ") {
        let hint = "leave CONCURRENTLY out: who reads meanwhile gets the last result";
        return Err(Refusal::new(NOT_SUPPORTED, "a view is refreshed by a whole run", hint));
    }
    if lower.ends_with(" with no data") {
        let message = "what a run has given cannot be taken back";
        return Err(Refusal::new(NOT_SUPPORTED, message, "leave WITH NO DATA out"));
    }
    let name = if lower.ends_with(" with data") { rest.get(..rest.len() - 10).unwrap_or(rest) } else { rest };
    Ok(Statement::Refresh(name.trim().to_owned()))
}

fn setting(lower: &str) -> Result<Statement, Refusal> {
    let words = lower.trim_start_matches("set ").trim_start_matches("session ").trim_start_matches("local ");
    let name: String =
        words.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').take(63).collect();
    if SETTINGS.contains(&name.as_str()) || lower.starts_with("set time zone") {
        return Ok(Statement::Set);
    }
    let known = SETTINGS.join(", ");
    Err(Refusal::new(
        NOT_SUPPORTED,
        format!("`{name}` cannot be set here"),
        format!("what can be set: {known}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drivers_say_is_understood_and_the_rest_is_refused_by_name() {
        assert_eq!(Statement::read("BEGIN;"), Ok(Statement::Begin));
        assert_eq!(Statement::read("start transaction read only"), Ok(Statement::Begin));
        assert_eq!(Statement::read("savepoint s"), Ok(Statement::Savepoint));
        assert_eq!(Statement::read("ROLLBACK TO s"), Ok(Statement::RollbackTo));
        assert_eq!(Statement::read("rollback work to savepoint s;"), Ok(Statement::RollbackTo));
        assert_eq!(Statement::read("ROLLBACK WORK"), Ok(Statement::Rollback));
        assert_eq!(Statement::read("SET extra_float_digits = 3"), Ok(Statement::Set));
        assert_eq!(Statement::read("set session TimeZone to 'UTC'"), Ok(Statement::Set));
        assert_eq!(Statement::read("Table contracts;"), Ok(Statement::Contracts));
        assert_eq!(Statement::read("select *\nfrom contracts"), Ok(Statement::Contracts));
        assert_eq!(Statement::read("DEALLOCATE ALL"), Ok(Statement::Deallocate(None)));
        for text in ["deallocate S1", "DEALLOCATE PREPARE s1", "DEALLOCATE \"s1\""] {
            assert_eq!(Statement::read(text), Ok(Statement::Deallocate(Some("s1".to_owned()))));
        }
        assert_eq!(Statement::read("Discard all;"), Ok(Statement::Discard));
        let with_view = "CREATE TEMP VIEW v AS SELECT n FROM pay; SELECT n FROM v;";
        let asked = "CREATE TEMP VIEW v AS SELECT n FROM pay;SELECT n FROM v".to_owned();
        let ask = |question: &str, text: &str| {
            Ok(Statement::Ask(Ask { question: question.to_owned(), text: text.to_owned() }))
        };
        assert_eq!(Statement::read(with_view), ask(&asked, with_view));
        assert_eq!(Statement::read("SELECT 1 ;"), ask("SELECT 1", "SELECT 1 ;"));
        assert_eq!(Statement::read("TABLE pay_1"), ask("TABLE pay_1", "SELECT * FROM  pay_1"));
        assert_eq!(Statement::read("(SELECT 1)"), ask("(SELECT 1)", "(SELECT 1)"));
        for text in ["REFRESH MATERIALIZED VIEW  Pay_1;", "refresh materialized\nview Pay_1 with data"] {
            assert_eq!(Statement::read(text), Ok(Statement::Refresh("Pay_1".to_owned())));
        }
        let shown = Statement::Show("transaction_isolation", "read committed");
        assert_eq!(Statement::read("SHOW TRANSACTION ISOLATION LEVEL"), Ok(shown));
        for (text, part) in [
            ("DROP TABLE pay", "answers no DROP"),
            ("SET role = 'x'", "`role` cannot be set"),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY pay_1", "by a whole run"),
            ("REFRESH MATERIALIZED VIEW pay_1 WITH NO DATA", "cannot be taken back"),
            ("REFRESH pay_1", "nothing but materialized views"),
            ("EXPLAIN SELECT 1", "answers no EXPLAIN"),
            ("COPY pay TO STDOUT", "answers no COPY"),
            ("BEGIN; SELECT 1", "several statements"),
            ("SELECT 1; SELECT 2;", "several statements"),
            ("CREATE VIEW v AS SELECT n FROM pay;", "none came"),
            ("CREATE TABLE v (n INT); SELECT 1", "several statements"),
        ] {
            let refused = Statement::read(text).unwrap_err();
            assert!(refused.message.contains(part) && refused.code == NOT_SUPPORTED, "{refused:?}");
        }
    }
}
