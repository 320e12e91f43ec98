//! The alliance's replicated state machine, its storage, ordering and proofs.
//!
//! | question | answer |
//! | --- | --- |
//! | who is in the alliance? | [`Alliance`], entry 0 of the log |
//! | what can a member do? | [`Action`], in a [`SignedTransaction`] |
//! | what holds now? | [`State`], a pure function of the entries |
//! | why was it refused? | [`Refused`] |
//! | what changed? | [`Event`] |
//! | how is it kept, ordered and followed? | [`Ledger`] |
//! | how can anyone check a run? | [`Proof`], [`verify`] and its [`proof::Report`] |
//! | who orders the log when its operator cannot hand it over? | [`succession::Succession`] |
//! | who stands behind it? | [`log::Checkpoint`] and its [`log::Endorsement`] |
//!
//! Deterministic throughout: no clock, no randomness, no floating point, no unordered maps.
//!
//! ```
//! # use std::{collections::BTreeMap, error::Error};
//! # use contract::{Hash, SigningKey};
//! use treaty_ledger::{Action, Alliance, Card, Ledger, Refused, SignedTransaction, Standing, Transaction, alliance};
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("ledger.redb");
//! let north = SigningKey::generate()?;
//! let card = Card::sign(&north, "north", Standing::Member, "localhost:7001", "https://localhost:7002", b"DER")?;
//! let alliance = Alliance {
//!     format: alliance::FORMAT.to_owned(),
//!     name: "Salaries".to_owned(),
//!     founded: 1_800_000_000,
//!     operator: Some(north.did()),
//!     quorum: 1,
//!     members: vec![card],
//!     points: BTreeMap::new(),
//! };
//! let mut ledger = Ledger::open(&path, alliance)?;
//!
//! let action = Action::PermitRun { run: Hash::of("example", b"a run that nobody requested") };
//! let member = north.did();
//! let sequence = ledger.state().next_sequence(&member);
//! let transaction = Transaction { alliance: ledger.state().alliance_id(), member, sequence, person: None, signer: None, action };
//! let answers = ledger.append(1_800_000_001, vec![SignedTransaction::sign(transaction, &north)?])?;
//! assert!(matches!(&answers[..], [Err(Refused::UnknownRun { .. })]));
//!
//! ledger.sign_checkpoint(&north)?;
//! assert_eq!(ledger.final_checkpoint().map(|(checkpoint, _)| checkpoint.size), Some(1));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

pub mod access;
pub mod alliance;
mod blocks;
pub mod catalog;
pub mod contribution;
pub mod dispute;
pub mod entry;
pub mod error;
pub mod event;
pub mod finder;
pub mod follow;
pub mod governance;
pub mod handover;
pub mod identity;
mod ledger;
pub mod log;
pub mod opening;
pub mod proof;
pub mod receipt;
pub mod refused;
pub mod restore;
pub mod roster;
pub mod search;
pub mod settlement;
pub mod state;
pub mod store;
pub mod succession;
mod text;
pub mod transaction;

pub use alliance::{Alliance, Card, Standing, Validator};
pub use blocks::Staged;
pub use entry::{Content, Entry};
pub use error::{Divergence, LedgerError};
pub use event::{Effects, Event, Happening};
pub use follow::Page;
pub use ledger::{Applied, BATCH_BYTES_MAX, CLOCK_TOLERANCE_SECONDS, Ledger};
pub use proof::{Proof, verify};
pub use receipt::{Disagreement, OutputComponent, Receipt, receipts_agree};
pub use refused::Refused;
pub use roster::Roster;
pub use settlement::Transfer;
pub use state::{Phase, Run, State};
pub use transaction::{Action, Checked, FailReason, InputCommitment, SignedTransaction, Transaction};
