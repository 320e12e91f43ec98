//! Workloads that measure a scheme, each with a check of its outputs.
//!
//! A workload is run by every compute party on a session of its own; a caller brings the transport, so that the
//! same workloads measure threads of one process and processes that speak TLS.

mod functions;
mod harness;
mod joins;
mod learning;
mod numbers;
mod streams;
mod tables;

pub use streams::Streams;

use std::time::Duration;

use crate::error::Result;
use crate::mpc::{Cost, Mixed};

/// Rows of a block: large enough that a round is paid for, small enough that a block stays in the cache.
pub const BLOCK: usize = 1 << 13;

/// What one party measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// From the shared inputs to the shared outputs.
    pub took: Duration,
    /// What was used meanwhile.
    pub cost: Cost,
    /// Whether the outputs were right wherever they were looked at.
    pub correct: bool,
}

/// A named workload over schemes of type `P`.
pub struct Workload<P> {
    /// Its name on the command line.
    pub name: &'static str,
    /// Rows, or gates, by default.
    pub rows: usize,
    /// Runs it on that many rows.
    pub run: fn(&mut P, usize) -> Result<Measured>,
}

/// The workloads that run over 64 bits and more, in the order in which they are printed.
#[must_use]
pub fn workloads<P: Mixed>() -> Vec<Workload<P>> {
    let workload = |name, rows, run| Workload { name, rows, run };
    vec![
        workload("mul", 10_000_000, numbers::mul),
        workload("and", 1_000_000_000, numbers::and),
        workload("less-than", 1_000_000, numbers::less_than),
        workload("equal", 1_000_000, numbers::equal),
        workload("matmul", 512, functions::matmul),
        workload("sort", 100_000, tables::sort),
        workload("group-sum", 100_000, tables::group_sum),
        workload("group-median", 100_000, joins::group_median),
        workload("top-k", 100_000, joins::top_k),
        workload("join", 100_000, joins::join),
    ]
}

/// The workloads that need 128 bits.
#[must_use]
pub fn wide_workloads<P: Mixed>() -> Vec<Workload<P>> {
    let workload = |name, rows, run| Workload { name, rows, run };
    vec![
        workload("divide", 1_000_000, functions::divide),
        workload("square-root", 1_000_000, functions::square_root),
        workload("exp", 1_000_000, functions::exp),
        workload("sigmoid", 1_000_000, functions::sigmoid),
        workload("mean-variance", 1_000_000, learning::mean_and_variance),
        workload("logistic-regression", 10_000, learning::logistic_regression),
    ]
}
