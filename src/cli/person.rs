//! `treaty person`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use api::auth::Scope;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::Session;
use crate::error::Error;

#[derive(Debug, Subcommand)]
pub(super) enum Person {
    /// Delegate to a further person and write their profile
    #[command(after_help = ADD)]
    Add(Add),
}

const ADD: &str = "\
Examples:
  treaty person add --dir north --name ada --out ada.json
  treaty person add --dir north --name auditor --scope read --days 30 --out auditor.json

The profile holds the person's key: hand it over in a safe way. To end a delegation early, remove the \
person's file in DIR/persons; the node notices at once.";

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The member's node directory, which holds the member's key
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The person's name, for people
    #[arg(long)]
    name: String,
    /// What the person may do; everything when left out
    #[arg(long, value_enum, value_delimiter = ',')]
    scope: Vec<ScopeName>,
    /// After so many days the delegation ends
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// Where to write the person's profile
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeName {
    /// See catalog, contracts, runs, ledger and results
    Read,
    /// Import and publish datasets
    Data,
    /// Draft, propose, sign and revoke contracts
    Contract,
    /// Start runs
    Run,
    /// Propose and vote, challenge and arbitrate, move points
    Govern,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Data => Self::Data,
            ScopeName::Contract => Self::Contract,
            ScopeName::Run => Self::Run,
            ScopeName::Govern => Self::Govern,
        }
    }
}

impl Person {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let Self::Add(Add { dir, name, scope, days, out }) = self;
        let scopes: BTreeSet<Scope> =
            if scope.is_empty() { Scope::ALL.into() } else { scope.into_iter().map(Scope::from).collect() };
        node::setup::add_person(&dir, &name, scopes.clone(), days, &out)?;
        let answer = json!({ "person": name, "scopes": scopes, "days": days, "profile": out });
        session.output.answer(&answer, || {
            format!("`{name}` may act for the member for {days} days, with the profile {}", out.display())
        })
    }
}
