//! The ledger as its users see it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test should say where"
)]
#![allow(missing_docs, reason = "tests")]

extern crate treaty_ledger as ledger;

mod accesses;
mod alliance_properties;
mod alliances;
mod arbitration;
mod audits;
mod blocks;
mod catalogs;
mod contributions;
mod crash;
mod damage;
mod disputes;
mod following;
mod golden;
mod governance;
mod handovers;
mod house;
mod identities;
mod notes;
mod operators;
mod path;
mod proofs;
mod properties;
mod refusals;
mod remedies;
mod searches;
mod settlements;
mod successions;
mod texts;
mod throughput;
mod trees;
mod vanishing;
mod world;
