//! The typed computation that a contract names: what each provider computes at home, which columns it then
//! secret-shares, what is computed jointly on the shares, and which columns are opened to the receivers.
//!
//! A [`Program`] is pure data, so that a contract can name it by its hash, a person can read it, and every party can check it ([`Program::verify`]) before anything runs. It knows
//! nothing of shares or schemes: crate `vm` runs it on one.
//!
//! | question | answer |
//! | --- | --- |
//! | how do I write one? | [`Builder`], which checks types as it goes |
//! | may I run what I was given? | [`Program::verify`], whose [`Values`] hold every value's type and bound |
//!
//! Values are columns in single static assignment: the inputs come first, then one value per instruction.
//! Integers are signed and exact. The verifier carries a bound on each of them from the inputs' declared widths
//! and refuses a program in which any could reach 2^126: on a 128-bit ring nothing ever wraps.
//!
//! ```
//! use treaty_program::{Builder, Kind};
//!
//! let mut b = Builder::new();
//! let north = b.stage(0, "salaries", "north/salaries@1", "SELECT …", 6)?;
//! let south = b.stage(1, "salaries", "south/salaries@1", "SELECT …", 6)?;
//! let x = b.input("north total", north, 0, Kind::Integer, 40)?;
//! let y = b.input("south total", south, 0, Kind::Integer, 40)?;
//! let total = b.add(x, y)?;
//! b.output("total", total)?;
//! let program = b.finish()?;
//! # Ok::<(), treaty_program::Flaw>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

mod builder;
mod document;
mod flaw;
mod infer;
mod operation;
mod types;
mod verify;

pub use builder::Builder;
pub use document::{Input, Output, Program, Stage};
pub use flaw::{Flaw, TextFlaw};
pub use operation::{Divide, Operation, SquareRoot};
pub use types::{Kind, Type, Value, ValueId, Visibility};
pub use verify::{Values, limits};
