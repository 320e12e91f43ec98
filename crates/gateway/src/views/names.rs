//! Names of relations as a statement writes them.

use datafusion::sql::sqlparser::{
    ast::{Ident, ObjectName},
    dialect::PostgreSqlDialect,
    parser::Parser,
    tokenizer::Token,
};

use super::{SCHEMA, unknown};
use crate::refusal::Refusal;

/// The name of a view, which may be quoted and stand behind its schema.
pub(crate) fn view(text: &str) -> Result<String, Refusal> {
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text);
    let parsed = parser.and_then(|mut parser| {
        let name = parser.parse_object_name(false)?;
        parser.expect_token(&Token::EOF)?;
        Ok(name)
    });
    let parts = parts(&parsed.map_err(|_| unknown(text))?);
    match parts.as_slice() {
        [name] => Ok(name.clone()),
        [schema, name] if schema == SCHEMA => Ok(name.clone()),
        _ => Err(unknown(text)),
    }
}

/// The parts of a name; empty when it is made in a way that PostgreSQL does not know.
pub(super) fn parts(name: &ObjectName) -> Vec<String> {
    let parts: Option<Vec<_>> = name.0.iter().map(|part| part.as_ident().map(folded)).collect();
    parts.unwrap_or_default()
}

/// Names that are not quoted are in small letters.
pub(super) fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
