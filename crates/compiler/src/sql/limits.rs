//! How large a query may be, checked on its tokens before it is parsed: parser, planner and optimiser recurse into
//! expressions, and a contract from elsewhere must not be able to exhaust a node's stack.

use datafusion::sql::sqlparser::{
    dialect::GenericDialect,
    keywords::Keyword,
    tokenizer::{Token, Tokenizer},
};

use crate::Refused;

/// Bytes of SQL text.
const BYTES_MAX: usize = 1 << 16;
/// Keywords and operators: each may deepen the syntax tree by one. Parentheses are bounded by the parser itself.
const STEPS_MAX: usize = 256;

/// Refuses queries that are too long or could be too deep.
pub(super) fn check(sql: &str) -> Result<(), Refused> {
    let too_large = |what, found, most| Refused::TooLarge { what, found, most };
    if sql.len() > BYTES_MAX {
        return Err(too_large("bytes", sql.len(), BYTES_MAX));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| Refused::Syntax(error.to_string()))?;
    let steps = tokens.iter().filter(|token| may_deepen(token)).count();
    if steps > STEPS_MAX { Err(too_large("keywords and operators", steps, STEPS_MAX)) } else { Ok(()) }
}

fn may_deepen(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none() && word.keyword != Keyword::NoKeyword,
        Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SemiColon
        | Token::EOF => false,
        _ => true,
    }
}
