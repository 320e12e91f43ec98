//! Computation contracts: what they say, their canonical form, signatures, life cycle and the one policy decision.
//!
//! Everything here is deterministic data and pure functions: no clock, no randomness, no floating point, no I/O.
//! The only exception is [`identity::SigningKey::generate`], which asks the operating system for a key.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

pub mod canonical;
pub mod dataset;
pub mod document;
pub mod identity;
pub mod terms;

pub use canonical::Hash;
pub use dataset::{Column, ColumnType, Dataset, Range, Schema};
pub use document::Contract;
pub use identity::{Did, Signature, SigningKey};
pub use terms::Terms;
