//! Statements as PostgreSQL's clients write them: read, and held to what a thread has room for and a view can answer.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{Query, SetExpr, Statement, TableFactor, Visit, Visitor},
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Token, Tokenizer},
};

use super::{unsupported, weight};
use crate::refusal::{Refusal, SYNTAX, TOO_COMPLEX};

/// Longest statement, in bytes.
const STATEMENT_BYTES_MAX: usize = 1 << 16;
/// Signs and joining words of a statement: what may make the parser's own work long. [`weight`] counts what it read.
const SIGNS_MAX: usize = 300;
/// Brackets in brackets.
const DEPTH_MAX: usize = 50;
/// Tables and subqueries that a statement reads.
const RELATIONS_MAX: usize = 64;

/// Reads one SELECT that reads and does nothing else.
pub(super) fn read(text: &str) -> Result<Box<Query>, Refusal> {
    if text.len() > STATEMENT_BYTES_MAX {
        return Err(too_complex(format!("a statement has {STATEMENT_BYTES_MAX} bytes at most")));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| syntax(&error))?;
    if tokens.iter().filter(|token| is_sign(&token.token)).count() > SIGNS_MAX {
        return Err(too_complex(format!("a statement has {SIGNS_MAX} operators at most")));
    }
    let parser = Parser::new(&dialect).with_recursion_limit(DEPTH_MAX);
    let statements = parser.with_tokens_with_locations(tokens).parse_statements();
    let mut statements = statements.map_err(|error| match error {
        ParserError::RecursionLimitExceeded => too_complex("brackets stand in too many others".to_owned()),
        error => syntax(&error),
    })?;
    let (Some(Statement::Query(query)), true) = (statements.pop(), statements.is_empty()) else {
        return Err(unsupported("this statement"));
    };
    if let Some(message) = weight::excess(&query) {
        return Err(too_complex(message));
    }
    let mut shape = Shape { relations: 0 };
    match query.visit(&mut shape) {
        ControlFlow::Break(refusal) => Err(refusal),
        ControlFlow::Continue(()) => Ok(query),
    }
}

/// What makes a tree deeper without a bracket, but for the words that stand between values.
fn is_sign(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            matches!(word.keyword, Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::JOIN)
        }
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::Whitespace(_)
        | Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::Placeholder(_)
        | Token::SemiColon
        | Token::EOF => false,
        _ => true,
    }
}

/// What a statement may consist of.
struct Shape {
    relations: usize,
}

impl Visitor for Shape {
    type Break = Refusal;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refusal> {
        let Query {
            with: _,
            body,
            order_by: _,
            limit_clause: _,
            fetch: _,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let is_foreign = for_clause.is_some() || settings.is_some() || format_clause.is_some();
        if is_foreign || !pipe_operators.is_empty() {
            return ControlFlow::Break(unsupported("a clause of this SELECT"));
        }
        if !locks.is_empty() {
            return ControlFlow::Break(unsupported("FOR UPDATE"));
        }
        body_reads(body)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Refusal> {
        self.relations += 1;
        if self.relations > RELATIONS_MAX {
            let message = format!("a statement reads {RELATIONS_MAX} tables at most");
            return ControlFlow::Break(too_complex(message));
        }
        match factor {
            TableFactor::Table { .. } | TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            // Those of catalog queries stand beside tables that have no rows.
            TableFactor::Function { .. } | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            _ => ControlFlow::Break(unsupported("what this FROM reads")),
        }
    }
}

fn body_reads(body: &SetExpr) -> ControlFlow<Refusal> {
    match body {
        SetExpr::Select(select) if select.into.is_some() => ControlFlow::Break(unsupported("SELECT INTO")),
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, .. } => {
            body_reads(left)?;
            body_reads(right)
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            ControlFlow::Break(unsupported("a statement that writes"))
        }
        SetExpr::Table(_) => ControlFlow::Break(unsupported("TABLE inside of a SELECT")),
    }
}

fn syntax(error: &dyn std::fmt::Display) -> Refusal {
    let message: String = error.to_string().chars().take(300).collect();
    Refusal::new(SYNTAX, message, "what is read here is PostgreSQL's SELECT")
}

fn too_complex(message: String) -> Refusal {
    Refusal::new(TOO_COMPLEX, message, "ask in parts")
}
