//! What the crate promises, through its public interface.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod canonical;
mod consent;
mod display;
mod identity;
mod lifecycle;
mod policy;
mod policy_properties;
mod tokens;
mod wellformed;
mod world;
