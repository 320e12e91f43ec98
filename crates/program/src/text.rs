//! The readable form: a listing that a reviewer reads top to bottom, and that parses back to the same program.
//!
//! ```text
//! treaty program 1
//!
//! stage 0: 6 rows from "north/salaries@1" as "salaries", dataset 0
//!   beside "north/grades@3" as "grades"
//!   | SELECT …
//!
//! v0: integer[6] = input "north total", stage 0 column 0, 40 bits
//! v1: integer[6] = input "north count", stage 0 column 1, 20 bits
//!
//! v2: integer[6] = divide v0 (40 bits) by v1 (20 bits), result 40 bits, 24 fraction bits
//!
//! output "mean" = v2
//! ```

mod fields;
mod parse;
mod print;
mod scan;

use thiserror::Error;

use crate::{Flaw, Program, Type, ValueId, verify::limits::MAX_BYTES};

/// First line of every listing.
const TITLE: &str = "treaty program 1";

/// How the line of a dataset that a stage reads beside its own begins; those of its query begin with a bar.
const BESIDE: &str = "  beside ";

/// Why a text is not a program's listing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Misread {
    /// Longer than any program may be.
    #[error("{found} bytes are too long for a program; at most {most} are allowed")]
    TooLong {
        /// Their number.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Something else was expected.
    #[error("line {line}, column {column}: expected {expected}, found `{found}`")]
    Unexpected {
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there, cut short.
        found: String,
    },
    /// Stages and values are numbered in order.
    #[error("line {line}: numbered {found}, but {expected} comes next")]
    Numbering {
        /// Counted from 1.
        line: usize,
        /// The number that comes next.
        expected: u32,
        /// The number that stands there.
        found: u32,
    },
    /// A type that is not the one that the operation yields.
    #[error("line {line}: {value} is listed as {listed}, but its operation yields {derived}")]
    Type {
        /// Counted from 1.
        line: usize,
        /// The value.
        value: ValueId,
        /// The type that stands there.
        listed: Type,
        /// The type that follows from its operands.
        derived: Type,
    },
    /// A constant that announces more elements than a program may hold.
    #[error("line {line}: a constant of more than {most} elements")]
    LongConstant {
        /// Counted from 1.
        line: usize,
        /// The limit.
        most: usize,
    },
    /// Well-formed, but not a program that may run.
    #[error(transparent)]
    Refused(#[from] Flaw),
}

impl Program {
    /// Reads a listing, as `to_string` of a verified program writes it. What it accepts is verified. Blank lines
    /// do not matter between statements.
    pub fn parse(listing: &str) -> Result<Program, Misread> {
        if listing.len() > MAX_BYTES {
            return Err(Misread::TooLong { found: listing.len(), most: MAX_BYTES });
        }
        parse::program(listing)
    }
}

impl Misread {
    /// How far a line was read: those that say more than that something else was expected come last.
    fn column(&self) -> usize {
        match self {
            Misread::Unexpected { column, .. } => *column,
            _ => usize::MAX,
        }
    }
}
