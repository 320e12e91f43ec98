//! `treaty`: runs a member's node, speaks with it, and shows the whole path on one machine.
//!
//! | question | folder |
//! | --- | --- |
//! | what can I type? | [`cli`], one file per group of commands |
//! | how do I write terms, drafts and spans of time in TOML? | [`files`] |
//! | how fast is the engine here? | [`bench`] |
//! | how does `treaty demo` walk the whole path? | [`demo`] |
//!
//! Commands that speak with a node use nothing but its API ([`api::Client`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod bench;
mod cli;
mod demo;
mod error;
mod files;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.json;
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(json, &error);
            ExitCode::from(error.exit_code())
        }
    }
}
