//! Byzantine agreement on the order of the ledger's transactions: the members' nodes order together, and none of
//! them alone.
//!
//! The agreement is CometBFT's (Tendermint consensus: Buchman, Kwon and Milosevic, *The latest gossip on BFT
//! consensus*, arXiv:1807.04938), a process beside each node. The node is its application, by ABCI 2.0 over a Unix
//! socket. CometBFT decides which transactions come next and at which time; what they do is decided by
//! [`ledger::State`] alone, and every block's application hash is the root of the log, so that validators agree on the
//! consequences of the block before.
//!
//! | question | file |
//! | --- | --- |
//! | how do the two processes speak? | [`abci`] in [`messages`] and [`framing`], and [`rpc`] in the other direction, by [`http`] |
//! | what does the application answer? | [`app`], [`mempool`] for single transactions, [`block`] for blocks |
//! | who votes on blocks? | [`validators`] |
//! | how does a new node get the log? | [`state_sync`] decides; [`snapshot`], in [`chunk`]s, and [`relay`] for the headers that vouch for it, from the [`first_block`] on |
//! | what does CometBFT read from its directory? | [`home`] |
//! | how does a validator get other keys? | [`keys`] |
//! | who starts it, and ends it? | [`process`], [`Agreement`] |
//!
//! *Adversary:* fewer than a third of the validators are malicious, in any way; the network may delay everything.
//! Nothing that was committed is lost or changed then; new blocks need more than two thirds of the validators and a
//! network that delivers. *Rounds:* a block takes three message delays between validators (proposal, prevote,
//! precommit). *Bytes:* each transaction goes once to every validator, and once more in its block's parts.
//!
//! Blocking throughout: threads, no async runtime.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod abci;
mod agreement;
mod app;
mod block;
mod chunk;
mod error;
mod first_block;
mod framing;
pub mod home;
mod http;
mod keys;
mod mempool;
mod messages;
mod process;
pub mod relay;
pub mod rpc;
mod snapshot;
mod state_sync;
mod validators;

pub use agreement::{Agreement, Options};
pub use app::{SharedLedger, Verdict};
pub use error::{Fault, OrderingError};
pub use process::{COMETBFT, find};
pub use state_sync::Headers;
