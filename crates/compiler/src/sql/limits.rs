//! How large a query may be, checked on its tokens before it is parsed: parser, planner and optimiser recurse into
//! expressions, and a contract from elsewhere must not be able to exhaust a node's stack.

use datafusion::sql::sqlparser::{
    dialect::GenericDialect,
    keywords::Keyword,
    tokenizer::{Token, Tokenizer},
};

use super::Function;
use crate::Refused;

/// Bytes of SQL text.
const BYTES_MAX: usize = 1 << 16;
/// Words and operators that may deepen the syntax tree by one each. [`crate::deep`] has stack for several times as many;
/// a test takes it to the limit.
const STEPS_MAX: usize = 256;
/// Parentheses within each other: somewhat more than the parser lets through, which bounds those that are written; the
/// rest are those that unfolding adds.
const NESTING_MAX: usize = 64;
/// Subqueries that WITH names.
const NAMED_MAX: usize = 32;
/// Tables in FROM: more have more joins than anybody reads.
const TABLES_MAX: usize = 8;

/// Refuses queries that are too long or could be too deep.
pub(super) fn check(sql: &str) -> Result<(), Refused> {
    let too_large = |what, found, most| Refused::TooLarge { what, found, most };
    if sql.len() > BYTES_MAX {
        return Err(too_large("bytes", sql.len(), BYTES_MAX));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| Refused::Syntax(error.to_string()))?;
    let steps = tokens.iter().filter(|token| may_deepen(token)).count();
    if steps > STEPS_MAX {
        return Err(too_large("operators", steps, STEPS_MAX));
    }
    let deepest = nesting(&tokens);
    if deepest > NESTING_MAX {
        return Err(too_large("parentheses within each other", deepest, NESTING_MAX));
    }
    Ok(())
}

/// Refuses too many subqueries with a name.
pub(super) fn check_named(found: usize) -> Result<(), Refused> {
    let what = "subqueries in WITH";
    if found > NAMED_MAX { Err(Refused::TooLarge { what, found, most: NAMED_MAX }) } else { Ok(()) }
}

/// Refuses too many tables.
pub(super) fn check_tables(found: usize) -> Result<(), Refused> {
    let what = "tables in FROM";
    if found > TABLES_MAX { Err(Refused::TooLarge { what, found, most: TABLES_MAX }) } else { Ok(()) }
}

/// How many parentheses stand within each other.
fn nesting(tokens: &[Token]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Words that begin a clause, end an item or stand for a value.
const CLAUSES_AND_LEAVES: &[Keyword] = &[
    Keyword::NoKeyword,
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::ORDER,
    Keyword::BY,
    Keyword::AS,
    Keyword::ASC,
    Keyword::DESC,
    Keyword::NULLS,
    Keyword::FIRST,
    Keyword::LAST,
    Keyword::NULL,
    Keyword::TRUE,
    Keyword::FALSE,
];

fn may_deepen(token: &Token) -> bool {
    match token {
        Token::Word(word) if word.quote_style.is_some() => false,
        Token::Word(word) => {
            let is_clause = CLAUSES_AND_LEAVES.contains(&word.keyword);
            !is_clause && Function::named(&word.value.to_lowercase()).is_none()
        }
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
