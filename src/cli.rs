//! The command line: one file per group of commands.

mod access;
mod act;
mod alliance;
mod catalog;
mod contract;
mod data;
mod demo;
mod dispute;
mod drafting;
mod find;
mod gateway;
mod govern;
mod ledger;
mod log;
mod member;
mod node;
mod paging;
mod person;
mod program;
mod proof;
mod query;
mod regulator;
mod rules;
mod run;
mod succeed;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use self::data::format_of;
pub(crate) use self::proof::verify as verify_proof;
pub(crate) use self::run::why_not;

use api::{Client, Profile};
use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::error::Error;
use crate::output::Output;

const AFTER: &str = "\
See the whole path on this machine, with real processes and real data:
  treaty demo

Set up a member, in this order (`alliance found` once, by one member; all join with its file):
  treaty node init --dir north --name north --peer 10.0.0.1:7100 --api 127.0.0.1:7101
  treaty alliance found --name faculties --operator north --out alliance.json */card.json
  treaty alliance join --dir north alliance.json
  treaty node run --dir north

Then speak with its node:
  export TREATY_PROFILE=north/profile.json
  treaty data import salaries.csv --name salaries
  treaty contract draft draft.toml --out contract.json

Exit codes: 0 done, 1 refused or failed, 2 the command makes no sense.";

/// Compute on each other's data without handing it over, under terms that are enforced
#[derive(Debug, Parser)]
#[command(name = "treaty", version, after_help = AFTER, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The profile of the person who asks: which node, and with which key
    #[arg(long, global = true, env = "TREATY_PROFILE", value_name = "FILE", hide_env_values = true)]
    #[arg(help_heading = "Everywhere", display_order = 900)]
    profile: Option<PathBuf>,
    /// Answer in JSON, for programs
    #[arg(long, global = true, help_heading = "Everywhere", display_order = 901)]
    pub(crate) json: bool,
    /// Sign acts on the ledger with this person's own key, which the member delegated there
    #[arg(long, global = true, help_heading = "Everywhere", display_order = 902)]
    own_key: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Walk the whole path on this machine: several nodes, real data, a proof
    Demo(demo::Demo),
    /// Make, run and look at this member's node
    #[command(subcommand)]
    Node(node::Node),
    /// Change the member's key, and what it says of itself
    #[command(subcommand)]
    Member(member::Member),
    /// Let people act for the member
    #[command(subcommand)]
    Person(person::Person),
    /// Found, join and look at an alliance
    #[command(subcommand)]
    Alliance(alliance::Alliance),
    /// Import data into the vault, or link it where it is, and publish its description
    #[command(subcommand)]
    Data(data::Data),
    /// Find datasets that members published
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    /// Draft, check, sign and revoke contracts
    #[command(subcommand)]
    Contract(Box<contract::Contract>),
    /// Ask across organisations: draft, sign, wait, run and print the answer
    Query(Box<query::Query>),
    /// Start, watch and read runs
    #[command(subcommand)]
    Run(run::Run),
    /// Answer psql and reporting tools with what signed contracts ask
    Gateway(gateway::Gateway),
    /// Ask for access to datasets that need a token, grant it, narrow it, take it back
    #[command(subcommand)]
    Access(Box<access::Access>),
    /// Challenge runs, tokens and claims, and decide
    #[command(subcommand)]
    Dispute(dispute::Dispute),
    /// Show who has how many points, or give some to another member
    #[command(
        after_help = "Examples:\n  treaty points\n  treaty points give lake 20 --note \"for the survey\""
    )]
    Points(ledger::PointsArgs),
    /// Let regulators read, and stop contracts as one
    #[command(subcommand)]
    Regulator(regulator::Regulator),
    /// Read the alliance's ledger
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Export the proof of a run
    #[command(subcommand)]
    Proof(proof::Proof),
    /// Check a proof offline: no node, no network, no trust
    Verify(proof::Verify),
    /// Look at what a contract computes
    #[command(subcommand)]
    Program(program::Program),
    /// Measure how fast this machine computes
    #[command(subcommand)]
    Bench(Bench),
}

/// Does what was typed.
pub(crate) fn run(cli: Cli) -> Result<(), Error> {
    let session = Session { profile: cli.profile, own_key: cli.own_key, output: Output::new(cli.json) };
    match cli.command {
        Command::Demo(command) => command.run(cli.json),
        Command::Node(command) => command.run(&session),
        Command::Member(command) => command.run(&session),
        Command::Person(command) => command.run(&session),
        Command::Alliance(command) => command.run(&session),
        Command::Data(command) => command.run(&session),
        Command::Catalog(command) => command.run(&session),
        Command::Contract(command) => command.run(&session),
        Command::Query(command) => command.run(&session),
        Command::Run(command) => command.run(&session),
        Command::Gateway(command) => command.run(&session),
        Command::Access(command) => command.run(&session),
        Command::Dispute(command) => command.run(&session),
        Command::Regulator(command) => command.run(&session),
        Command::Points(command) => command.run(&session),
        Command::Ledger(command) => command.run(&session),
        Command::Proof(command) => command.run(&session),
        Command::Verify(command) => command.run(&session),
        Command::Program(command) => command.run(&session),
        Command::Bench(command) => Ok(command.run(session.output)?),
    }
}

/// What all commands share.
#[derive(Debug)]
struct Session {
    profile: Option<PathBuf>,
    own_key: bool,
    output: Output,
}

impl Session {
    /// A connection to the node that the profile names.
    fn client(&self) -> Result<Client, Error> {
        Ok(Client::new(&self.profile()?)?)
    }

    fn profile(&self) -> Result<Profile, Error> {
        let path = self.profile.as_ref().ok_or(Error::NoProfile)?;
        Ok(Profile::read(path)?)
    }
}

/// This machine's clock, in seconds since 1970.
pub(crate) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The help of every command, in one file to be read from top to bottom.
    #[test]
    fn help_reads_well_at_every_level() {
        let mut pages = String::new();
        write_help(&mut Cli::command().term_width(100), "treaty", &mut pages);
        insta::assert_snapshot!("help", pages);
    }

    fn write_help(command: &mut clap::Command, path: &str, pages: &mut String) {
        command.build();
        pages.push_str(&format!("$ {path} --help\n{}\n", command.render_long_help()));
        for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
            let path = format!("{path} {}", below.get_name());
            write_help(below, &path, pages);
        }
    }
}
