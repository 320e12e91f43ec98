//! The binary as people use it: commands, demonstrations, and what must hold after each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod alliance;
mod banks;
mod bench;
mod commands;
mod commitments;
mod contributions;
mod demonstrations;
mod founding;
mod hospitals;
mod keys;
mod later;
mod operators;
mod path;
mod refusals;
mod rights;
mod rules;
mod salaries;
mod successors;
mod support;
mod takeover;
mod together;
mod twice;
mod validators;
mod vanishing;
