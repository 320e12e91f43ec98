//! Computation contracts: what they say, their canonical form, signatures, life cycle and the one policy decision.
//!
//! Everything here is deterministic data and pure functions: no clock, no randomness, no floating point, no I/O.
//! The only exception is [`identity::SigningKey::generate`], which asks the operating system for a key.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

pub mod access;
pub mod audit;
pub mod calendar;
pub mod canonical;
pub mod clause;
pub mod consent;
pub mod dataset;
pub mod disclosure;
mod display;
pub mod document;
pub mod identity;
pub mod lifecycle;
pub mod policy;
pub mod scheme;
pub mod settlement;
pub mod terms;
pub mod text;
pub mod wellformed;

pub use canonical::Hash;
pub use consent::SignedByAll;
pub use dataset::{Column, ColumnType, Dataset, Range, Schema};
pub use document::Contract;
pub use identity::{Did, Signature, SigningKey};
pub use terms::Terms;
pub use wellformed::Flaw;
