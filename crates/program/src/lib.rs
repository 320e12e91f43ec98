//! The typed computation that a contract names: what each provider computes at home, which columns it then
//! secret-shares, what is computed jointly on the shares, and which columns are opened to the receivers.
//!
//! A [`Program`] is pure data, so that a contract can name it by [`Program::hash`], a person can read it
//! ([`std::fmt::Display`]), and every party can check it ([`Program::verify`]) before anything runs. It knows
//! nothing of shares or schemes: crate `vm` runs it on one.
//!
//! | question | answer |
//! | --- | --- |
//! | how do I write one? | [`Builder`], which checks types as it goes |
//! | may I run what I was given? | [`Program::verify`], whose [`Values`] hold every value's type and bound |
//! | what does it compute, exactly? | [`interpret`], on plain integers |
//! | what did the parties sign? | [`Program::to_bytes`] (canonical) and [`Program::hash`] |
//! | what does it look like? | `to_string()` and [`Program::parse`], which round-trip |
//!
//! Values are columns or matrices in single static assignment: the inputs come first, then one value per instruction.
//! Numbers are signed integers or stand for fractions with a fixed number of binary places. The verifier carries a bound
//! on each of them from the inputs' declared widths and refuses a program in which any could reach 2^126: on a 128-bit
//! ring nothing ever wraps. It also says how far a result on shares may be from the plaintext reference.
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
//! assert_eq!(treaty_program::interpret(&program, &[vec![1; 6], vec![2; 6]])?, vec![vec![3; 6]]);
//! assert_eq!(treaty_program::Program::parse(&program.to_string())?, program);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

mod binary;
mod builder;
mod document;
mod flaw;
mod infer;
mod interpret;
mod operation;
mod text;
mod types;
mod verify;

pub use binary::Undecodable;
pub use builder::Builder;
pub use document::{Beside, Input, Output, Program, Stage};
pub use flaw::{Flaw, TextFlaw};
pub use interpret::{Fault, Operand, evaluate, interpret};
pub use operation::{Divide, Key, Operation, SquareRoot, gaussian_bits, noise_bits};
pub use text::Misread;
pub use types::{Kind, Type, Value, ValueId, Visibility};
pub use verify::{Values, limits};
