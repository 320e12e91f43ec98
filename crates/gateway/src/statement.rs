//! What a statement means to a gateway.

use crate::{
    refusal::{NOT_SUPPORTED, Refusal},
    text::{canonical, one},
    type_names::TypeNames,
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
    /// `SET` of something that changes no answer.
    Set,
    /// `DEALLOCATE`: a prepared statement is not needed any more, or none is.
    Deallocate(Option<String>),
    /// `DISCARD ALL`: nothing of the session is needed any more.
    Discard,
    /// `TABLE contracts`.
    Contracts,
    /// What the columns' types are called, which psql asks for `\\gdesc`.
    TypeNames(TypeNames),
    /// A question for a contract, in [canonical] form.
    Ask(String),
}

/// Settings that drivers make when they connect, and that mean nothing here.
const SETTINGS: [&str; 9] = [
    "application_name",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "extra_float_digits",
    "intervalstyle",
    "search_path",
    "standard_conforming_strings",
    "timezone",
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
        if let Some(names) = TypeNames::read(text) {
            return Ok(Self::TypeNames(names));
        }
        let first: String = lower.chars().take_while(char::is_ascii_alphabetic).take(20).collect();
        match first.as_str() {
            "begin" | "start" => Ok(Self::Begin),
            "commit" | "end" => Ok(Self::Commit),
            "rollback" | "abort" => Ok(Self::Rollback),
            "set" => setting(&lower),
            "deallocate" => Ok(Self::Deallocate(name(&question))),
            "discard" if lower == "discard all" => Ok(Self::Discard),
            "table" if lower == "table contracts" => Ok(Self::Contracts),
            "select" | "with" if lower.contains("pg_catalog.") || lower.contains("information_schema.") => {
                Err(Refusal::new(NOT_SUPPORTED, "a gateway has no catalog of tables to look into", LISTED))
            }
            "select" | "with" if lower == "select*from contracts" => Ok(Self::Contracts),
            "select" | "with" => Ok(Self::Ask(question)),
            "create" if begins_with_view && one(text).is_some() => Err(Refusal::new(
                NOT_SUPPORTED,
                "a view holds for the SELECT that comes with it, and none came",
                "send both in one message; psql does so where `\\;` stands between them",
            )),
            "create" if begins_with_view => Ok(Self::Ask(question)),
            _ => {
                let word = first.to_ascii_uppercase();
                Err(Refusal::new(NOT_SUPPORTED, format!("a gateway answers no {word}, only SELECT"), LISTED))
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
        assert_eq!(Statement::read(with_view), Ok(Statement::Ask(asked)));
        assert_eq!(Statement::read("SELECT 1 ;"), Ok(Statement::Ask("SELECT 1".to_owned())));
        for (text, part) in [
            ("DROP TABLE pay", "answers no DROP"),
            ("SET role = 'x'", "`role` cannot be set"),
            ("SELECT n.nspname FROM pg_catalog.pg_namespace n", "no catalog"),
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
