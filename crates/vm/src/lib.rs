//! Runs a [`Program`](program::Program) on a secret-sharing scheme.
//!
//! Who calls what:
//!
//! | who | calls |
//! | --- | --- |
//! | a data provider | [`deal`]: one share message per compute party; [`components`] of each, to commit to |
//! | a compute party | [`run`]: share messages in, sealed share messages and a record of the run out |
//! | a receiver | [`combine`]: the result, or which parties' messages contradict each other |
//! | whoever signs | [`estimate()`]: rounds, bytes, memory and time on a stated network, before anything runs |
//!
//! All of them take a [`SchemeName`]; the one `match` on it stands in `scheme`, and everything below is generic
//! and monomorphised. The plaintext reference that runs are tested against is [`program::interpret`].
//!
//! # How a program runs
//! A `schedule` is computed from the program alone, so that all parties follow the same one: instructions that
//! need no message run as soon as their operands are there; of the others, those of one kind are merged into one
//! call on concatenated columns, different kinds run at the same time on channels of their own, and a costly kind
//! waits for more of its kind when that takes fewer rounds than running twice. Long columns are cut into blocks
//! of rows, so that memory stays bounded and computing overlaps sending. Values are dropped after their last use.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

mod column;
mod error;
mod estimate;
mod execute;
mod joint;
mod lanes;
mod lifetimes;
mod local;
mod machine;
mod parallel;
mod report;
mod schedule;
mod scheme;
mod transcript;

pub use engine::session::{Frame, Party, Transport, fresh_seed};
pub use error::Error;
pub use estimate::{Estimate, Network};
pub use report::{InstructionCost, Measured, Progress, RunOutput, Transcript};
pub use ring::{Prg, Seed};
pub use scheme::{SchemeName, combine, components, deal, estimate, run};
