//! Runs a [`Program`](program::Program) on a secret-sharing scheme.
//!
//! Who calls what:
//!
//! | who | calls |
//! | --- | --- |
//! | a data provider | [`deal`]: one share message per compute party; [`components`] of each, to commit to |
//! | a compute party | [`run`]: share messages in, sealed share messages and a record of the run out; [`run_keeping`]: also of values on the way |
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
//! of rows, so that memory stays bounded and computing overlaps sending; what sorts, groups, joins or scans needs whole
//! columns. Values are dropped after their last use.
//!
//! ```
//! use program::{Builder, Kind};
//! use treaty_vm::{Prg, SchemeName, combine, deal, fresh_seed, run};
//!
//! let mut b = Builder::new();
//! let north = b.stage(0, "staff", "north/staff@1", "SELECT …", 2)?;
//! let x = b.input("x", north, 0, Kind::Integer, 20)?;
//! let square = b.multiply(x, x)?;
//! b.output("square", square)?;
//! let program = b.finish()?;
//!
//! // The provider, at home: a message for each compute party.
//! let dealt = deal(SchemeName::Rep3, &[7, -9], Kind::Integer, &mut Prg::new(fresh_seed()?))?;
//!
//! // Each compute party, here on threads of one process.
//! let outputs = engine::session::sim::run(3, |me, transport| {
//!     let inputs = [dealt[me.0].clone()];
//!     let ran = run(&program, SchemeName::Rep3, transport, &inputs, &fresh_seed()?, &mut |_| {})?;
//!     Ok(ran.outputs)
//! });
//! let outputs = outputs.into_iter().collect::<Result<Vec<_>, treaty_vm::Error>>()?;
//!
//! // The receiver: the first output's message from each party.
//! let messages: Vec<_> = outputs.into_iter().map(|mut sealed| sealed.swap_remove(0)).collect();
//! assert_eq!(combine(SchemeName::Rep3, &messages, Kind::Integer, 2)?, [49, 81]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

mod call;
mod column;
mod error;
mod estimate;
mod execute;
mod joint;
mod lanes;
mod lifetimes;
mod local;
mod machine;
mod narrow;
mod report;
mod schedule;
mod scheme;
mod transcript;
mod whole;

pub use engine::session::{Frame, Party, Transport, fresh_seed};
pub use error::Error;
pub use estimate::{Estimate, Network};
pub use report::{InstructionCost, Measured, Progress, RunOutput, Transcript};
pub use ring::{Prg, Seed};
pub use scheme::{SchemeName, check_kept, combine, components, deal, estimate, run, run_keeping};
