//! `treaty demo`.

use std::path::PathBuf;

use clap::Args;

use crate::demo::{self, Options};
use crate::error::Error;

const AFTER: &str = "\
Examples:
  treaty demo                        three employers compare what they pay
  treaty demo hospitals              three hospitals describe one disease
  treaty demo banks                  three banks and a telephone company join on hidden keys
  treaty demo refusals               everything that must not run, and why it does not
  treaty demo alliance               members decide about each other: votes, tokens, disputes, keys
  treaty demo salaries --bft         on a ledger that no single member orders; also with the others
  treaty demo ./my-scenario --json   any directory with a scenario.toml and CSV or Parquet files

Every member is a process of its own on 127.0.0.1, with its own keys and data; the demo speaks with \
the nodes only through their public API. Since all files are on one machine, it also computes the \
expected answer in plaintext and fails unless the joint one agrees.";

/// Walk the whole path on this machine
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(super) struct Demo {
    /// A shipped scenario (salaries, hospitals, refusals, banks, alliance) or a directory
    #[arg(default_value = "salaries", value_name = "SCENARIO|DIR")]
    scenario: String,
    /// Leave the nodes running at the end, and say how to reach them
    #[arg(long)]
    keep: bool,
    /// All members' nodes order the ledger together, by Byzantine agreement; needs `cometbft`
    #[arg(long)]
    bft: bool,
    /// Where the members' directories are made, and kept; a temporary place when left out
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub(super) fn run(self, json: bool) -> Result<(), Error> {
        let options =
            Options { scenario: self.scenario, keep: self.keep, directory: self.dir, bft: self.bft, json };
        demo::run(&options)
    }
}
