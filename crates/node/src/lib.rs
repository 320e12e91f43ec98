//! One member's process: vault, catalog, gatekeeper, runs, peers and the API server.
//!
//! | question | file |
//! | --- | --- |
//! | how does a directory become a node? | [`setup`] |
//! | who decides whether this node takes part in a run? | `gatekeeper` |
//! | what does it do in a run? | `runs` |
//! | how does it follow and write the ledger? | `replica` |
//! | who decides what comes next on it? | `order` |
//! | whom does it know, and who is heard? | `acquaintance`, `names` |
//! | what are datasets called here? | `paths` |
//! | and when its operator is lost? | `succession` |
//! | with which key and certificate does it speak? | `keyring`, `certificates` |
//! | what may its own persons ask of it? | `http` |
//! | what may other nodes ask of it? | `peer_routes` |
//! | what survives a crash? | `journal`, the vault and the ledger's store |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod acquaintance;
mod certificates;
mod differencing;
mod draft;
mod failure;
mod gatekeeper;
mod held;
mod home;
mod http;
mod journal;
mod keyring;
mod names;
mod node;
mod order;
mod paths;
mod peer_routes;
mod persons;
mod replica;
mod runs;
pub mod setup;
mod succession;
mod taking_over;
mod wire;

pub use home::HomeError;
pub use journal::JournalError;
pub use node::{NodeError, Shutdown, run};
