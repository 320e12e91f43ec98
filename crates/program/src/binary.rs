//! The canonical binary form: one program, one sequence of bytes.
//!
//! ```text
//! program   = "treaty-program/2\n" stages inputs body outputs          each a u32 count, then the items
//! stage     = provider u16, table, dataset, besides, sql, rows u32     a text is a u32 length, then UTF-8
//! beside    = table, dataset                                           besides: a u32 count, then the items
//! input     = name, stage u16, column u16, kind u8, bits u8
//! operation = tag u8, then its fields in the order of `Operation`      a value is a u32, a constant's element i128;
//!                                                                      tags and fields: `operation::table`
//! output    = name, value u32
//! ```
//! Integers are little-endian and of fixed width, so that nothing can be written in two ways.

mod read;
mod write;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Flaw, Program, verify::limits::MAX_BYTES};

/// The first bytes of every program: its format and version, which also separate its hash from all others.
const MAGIC: &[u8] = b"treaty-program/2\n";

/// Why bytes are not a program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Undecodable {
    /// Longer than any program may be.
    #[error("{found} bytes are too long for a program; at most {most} are allowed")]
    TooLong {
        /// Their number.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Another format or version.
    #[error("these bytes are not a program of format `treaty-program/2`")]
    Format,
    /// The bytes end early.
    #[error("the program ends within {what}, at byte {at}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A count that the remaining bytes cannot hold.
    #[error("{count} {what} are announced at byte {at}, more than the remaining bytes can hold")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The count.
        count: u32,
        /// Where.
        at: usize,
    },
    /// A number that stands for nothing.
    #[error("{found} at byte {at} is no known {what}")]
    Unknown {
        /// What it should be.
        what: &'static str,
        /// What stands there.
        found: u8,
        /// Where.
        at: usize,
    },
    /// Not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    NotText {
        /// Which text.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// Bytes after the end.
    #[error("{count} bytes follow the end of the program")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// Well-formed, but not a program that may run.
    #[error(transparent)]
    Refused(#[from] Flaw),
}

impl Program {
    /// The canonical bytes: equal programs have equal bytes, different ones different bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        write::program(self)
    }

    /// Reads canonical bytes. Strict: what it accepts is verified, and [`Program::to_bytes`] yields the same bytes
    /// again. Memory is bounded by a small multiple of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Program, Undecodable> {
        if bytes.len() > MAX_BYTES {
            return Err(Undecodable::TooLong { found: bytes.len(), most: MAX_BYTES });
        }
        let program = read::program(bytes)?;
        program.verify()?;
        Ok(program)
    }

    /// SHA-256 of the canonical bytes, whose first line names format and version: what a contract signs.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }
}
