//! A cursor over one line of a listing.

use super::Misread;
use crate::{Kind, Type, ValueId, Visibility};

/// How much of an unexpected text an error quotes, in characters.
const QUOTED: usize = 24;

/// What is left of a line.
#[derive(Clone)]
pub(super) struct Scan<'a> {
    line: &'a str,
    rest: &'a str,
    number: usize,
    /// That of the value which the line defines.
    pub(super) kind: Kind,
}

impl<'a> Scan<'a> {
    /// Line `number`, counted from 1.
    pub(super) fn new(line: &'a str, number: usize) -> Self {
        Self { line, rest: line, number, kind: Kind::Integer }
    }

    pub(super) fn line_number(&self) -> usize {
        self.number
    }

    /// The same place, in a line that defines a value of `kind`.
    pub(super) fn with_kind(&self, kind: Kind) -> Self {
        Self { kind, ..self.clone() }
    }

    /// Takes `literal` if it comes next.
    pub(super) fn eat(&mut self, literal: &str) -> bool {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes `literal`, which must come next.
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Misread> {
        if self.eat(literal) { Ok(()) } else { Err(self.unexpected(literal)) }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Misread> {
        if self.is_at_end() { Ok(()) } else { Err(self.unexpected("the end of the line")) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// A decimal number in its shortest form, with a sign if `T` has one.
    pub(super) fn number<T: std::str::FromStr + ToString>(
        &mut self,
        expected: &'static str,
    ) -> Result<T, Misread> {
        let digits = self.rest.trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit());
        let (text, rest) = self.rest.split_at(self.rest.len() - digits.len());
        let parsed = text.parse::<T>().ok().filter(|x| x.to_string() == text);
        let x = parsed.ok_or_else(|| self.unexpected(expected))?;
        self.rest = rest;
        Ok(x)
    }

    /// `v7`.
    pub(super) fn value(&mut self) -> Result<ValueId, Misread> {
        let start = self.rest;
        if self.eat("v")
            && let Ok(id) = self.number("")
        {
            return Ok(ValueId(id));
        }
        self.rest = start;
        Err(self.unexpected("a value such as `v7`"))
    }

    /// `integer[6]`, `fixed18[6x3]` or `public bit[6]`.
    pub(super) fn ty(&mut self) -> Result<Type, Misread> {
        let visibility = if self.eat("public ") { Visibility::Public } else { Visibility::Secret };
        let kind = match () {
            () if self.eat("bit") => Kind::Bit,
            () if self.eat("integer") => Kind::Integer,
            () if self.eat("fixed") => Kind::Fixed(self.number("a number of binary places")?),
            () if self.eat("order") => Kind::Order,
            () if self.eat("groups") => Kind::Groups,
            () => return Err(self.unexpected("a type such as `integer[6]`")),
        };
        self.literal("[")?;
        let rows = self.number("a number of rows")?;
        let columns = if self.eat("x") { self.columns()? } else { 1 };
        self.literal("]")?;
        Ok(Type { kind, rows, columns, visibility })
    }

    /// Not 1: a row of one element is not counted.
    fn columns(&mut self) -> Result<u32, Misread> {
        let at = self.unexpected("a number of columns other than 1");
        self.number("a number of columns")
            .and_then(|columns| if columns == 1 { Err(at) } else { Ok(columns) })
    }

    /// A name in quotes.
    pub(super) fn quoted(&mut self) -> Result<String, Misread> {
        let start = self.rest;
        let mut text = String::new();
        if self.eat("\"") {
            let mut characters = self.rest.char_indices();
            while let Some((at, c)) = characters.next() {
                match c {
                    '"' => {
                        self.rest = self.rest.get(at + 1..).unwrap_or_default();
                        return Ok(text);
                    }
                    '\\' => match characters.next() {
                        Some((_, c @ ('"' | '\\'))) => text.push(c),
                        _ => break,
                    },
                    c => text.push(c),
                }
            }
        }
        self.rest = start;
        Err(self.unexpected("a name in quotes"))
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> Misread {
        let column = self.line.chars().count() - self.rest.chars().count() + 1;
        let found = match self.rest.is_empty() {
            true => "the end of the line".to_owned(),
            false => self.rest.chars().take(QUOTED).collect(),
        };
        Misread::Unexpected { line: self.number, column, expected, found }
    }
}
