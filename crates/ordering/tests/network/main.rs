//! Real validators: processes of this very test, each with a CometBFT beside it, on the loopback interface.
//!
//! They need `cometbft`, which `.ci/bft` installs when it is missing, before it runs
//! `cargo test -p treaty-ordering --test network -- --include-ignored`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod alliance;
mod crashes;
mod flow;
mod keys;
mod members;
mod node;
mod throughput;
