//! PostgreSQL's wire protocol for the results of contracts: `psql` and reporting tools ask, a member's node runs.
//!
//! | question | file |
//! | --- | --- |
//! | who listens, with which protection? | [`serve`] |
//! | who is let in? | `login` |
//! | what does a connection say, in which order, and how fast? | `session`, `connection`, `wire` |
//! | how is a statement asked? | `simple`, `extended`, `prepared` |
//! | what does a statement mean here? | `statement`, `text`, `settings` |
//! | which contract asks exactly this, and may it run? | `ask` |
//! | what has been received, and what do other SELECTs make of it? | `views` |
//! | how do results become rows? | `rows`, `binary` |
//!
//! A gateway is a client of one person: it asks the member's node by that person's signed requests, and can do nothing
//! that the person cannot. It adds no way into the node. A SELECT whose text is that of a contract which every party has
//! signed runs that contract, and takes one of its uses; any other reads what completed runs have given this member,
//! which lies at its node, and takes none.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod ask;
mod binary;
mod connection;
mod extended;
mod login;
mod node;
mod prepared;
mod refusal;
mod rows;
mod serve;
mod session;
mod settings;
mod simple;
mod statement;
mod text;
mod views;
mod wire;

pub use login::{Login, NoRandomness};
pub use node::Node;
pub use serve::{GatewayError, Options, Served, run, serve};
