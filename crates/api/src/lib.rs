//! The node's interface: what its API takes and answers, how callers sign requests, and a blocking client.
//!
//! The API is JSON over HTTPS. A caller is a *person* who acts for the node's member by a delegated key:
//! every request is signed ([`auth`]). `openapi.json` beside this crate is the golden description of every route;
//! a test of the node keeps it true.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

pub mod auth;
pub mod client;
pub mod profile;
pub mod types;
pub mod visitors;

pub use client::{Client, ClientError};
pub use profile::Profile;
