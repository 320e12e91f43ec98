//! Ring elements, packed columns, bit transposes and keyed random streams.
//!
//! Everything that touches single elements in a loop lives here, so that the protocols above are written on
//! whole columns:
//! - [`Ring`] and [`Number`]: what a protocol may compute with (`u64`, `u128`, the field [`Mersenne61`], and
//!   [`Lanes`] for bits);
//! - [`Binary`]: small fields of characteristic 2, bit-sliced, for sharings of bits by polynomials;
//! - [`Lift`]: for each of them a larger ring, in which false results are found;
//! - [`Column`]: a vector of secret elements, wiped when dropped and absent from debug output;
//! - [`PackedBits`]: public bits, 64 to a word, with their exact length;
//! - [`Number::to_slices`] and [`Number::from_slices`]: numbers to bit slices and back;
//! - [`Permutation`]: a secret order of rows;
//! - [`Prg`]: an AES-128 counter stream, filled in bulk, with domain-separated children.
//!
//! # Unsafe code
//! No other crate has any. Here it is of three kinds, each argued where it stands: calls of functions that need processor
//! features, which take a value that exists only where these were detected (`processor`); vector loads and stores, of arrays of
//! the vector's size behind references; and the cast of elements to bytes, for types without padding (`bytes`). Tests compare
//! every vector path with the scalar one on random data, of odd lengths and anywhere in memory, and `.ci/miri` runs them under
//! Miri with the vector paths on: what a processor without them would take is run by `cargo miri test` without flags.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod binary;
mod bytes;
mod column;
mod element;
mod field;
mod lanes;
mod lift;
mod matmul;
mod mersenne;
mod permutation;
mod pool;
mod prg;
mod processor;
mod tile;
mod transpose;
mod wide;

pub use binary::Binary;
pub use column::Column;
pub use element::{Number, Ring};
pub use field::Gf64;
pub use lanes::{Lanes, PackedBits};
pub use lift::{Checked, Lift};
pub use matmul::{Shape, add_matmul};
pub use mersenne::Mersenne61;
pub use permutation::Permutation;
pub use prg::{Prg, Seed};
pub use processor::cipher_instructions;
pub use tile::{RowWeights, Tile, TileSums};
pub use transpose::{rows_of_slices, slices_of_rows};
pub use wide::Wide;
