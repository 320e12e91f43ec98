//! `treaty person`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use api::Profile;
use api::auth::Scope;
use clap::{Args, Subcommand, ValueEnum};
use contract::Did;
use ledger::{Action, identity};
use serde_json::json;

use super::act::{act, records};
use super::paging::Paging;
use super::{Session, now_seconds};
use crate::error::Error;

#[derive(Debug, Subcommand)]
pub(super) enum Person {
    /// Delegate to a further person and write their profile
    #[command(after_help = ADD)]
    Add(Add),
    /// Let a person sign acts on the ledger alone, with an own key
    #[command(after_help = DELEGATE)]
    Delegate(Delegate),
    /// List who may sign alone for which member, and who could
    #[command(after_help = "Example:\n  treaty person list")]
    List(Paging),
    /// Take that back: what the person's key signs from now on is refused
    #[command(after_help = "Example:\n  treaty person revoke did:key:z6Mk…")]
    Revoke(Revoke),
}

const DELEGATE: &str = "\
Examples:
  treaty person delegate ada.json --scope vote,points --days 30
  treaty --profile ada.json --own-key alliance vote PROPOSAL

The first command is a colleague's; it puts ada's key on the ledger, where everybody sees it. With --own-key ada's acts \
bear ada's signature and not the member's, so that nobody, the member's node included, can act in ada's name. Whoever \
delegates must have the scopes that are handed on.";

const ADD: &str = "\
Examples:
  treaty person add --dir north --name ada --out ada.json
  treaty person add --dir north --name auditor --scope read --days 30 --out auditor.json

The profile holds the person's key: hand it over in a safe way. To end a delegation early, remove the \
person's file in DIR/persons; the node notices at once. The node then acts in the member's name for that person; \
`treaty person delegate` lets the person sign.";

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

#[derive(Debug, Args)]
pub(super) struct Delegate {
    /// The person's profile, as `treaty person add` wrote it, or their `did:key`
    person: String,
    /// The person's name, for people; the profile's when left out
    #[arg(long)]
    name: Option<String>,
    /// What the person may do
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    scope: Vec<Signing>,
    /// After so many days the delegation ends
    #[arg(long, default_value_t = 365)]
    days: u32,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The person's profile or `did:key`
    person: String,
}

/// What a person may sign alone on the ledger.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Signing {
    /// Publish, withdraw, claim and transfer what is in the catalog
    Data,
    /// Propose, revoke and stop contracts
    Contract,
    /// Request runs
    Run,
    /// Ask for access, and decide on requests for access
    Access,
    /// Propose and vote, challenge and arbitrate
    Vote,
    /// Transfer points
    Points,
    /// For a regulator: read at the nodes of members that let it
    Read,
}

impl From<Signing> for identity::Scope {
    fn from(name: Signing) -> Self {
        match name {
            Signing::Data => Self::Data,
            Signing::Contract => Self::Contract,
            Signing::Run => Self::Run,
            Signing::Access => Self::Access,
            Signing::Vote => Self::Vote,
            Signing::Points => Self::Points,
            Signing::Read => Self::Read,
        }
    }
}

impl Person {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Add(add) => add.run(session),
            Self::Delegate(delegate) => delegate.run(session),
            Self::List(paging) => records(session, "persons", &paging),
            Self::Revoke(Revoke { person }) => {
                let (person, _) = known(&person)?;
                act(session, &session.client()?, &Action::RevokeDelegation { person })
            }
        }
    }
}

/// A person's key and, from a profile, name.
fn known(person: &str) -> Result<(Did, Option<String>), Error> {
    if let Ok(did) = person.parse() {
        return Ok((did, None));
    }
    let profile = Profile::read(Path::new(person))?;
    let key = profile.signing_key();
    let did = key.map(|key| key.did()).ok_or_else(|| {
        Error::usage(format!("the profile `{person}` has no key"), "treaty person add --help")
    })?;
    Ok((did, Some(profile.person)))
}

impl Delegate {
    fn run(self, session: &Session) -> Result<(), Error> {
        let (person, name) = known(&self.person)?;
        let name = self.name.or(name).ok_or_else(|| {
            Error::usage("a person known by key alone needs a --name", "treaty person delegate --help")
        })?;
        let delegation = identity::Delegation {
            person,
            name,
            scopes: self.scope.into_iter().map(identity::Scope::from).collect(),
            expires: now_seconds().saturating_add(u64::from(self.days) * 86_400),
        };
        act(session, &session.client()?, &Action::Delegate(delegation))
    }
}

impl Add {
    fn run(self, session: &Session) -> Result<(), Error> {
        let Self { dir, name, scope, days, out } = self;
        let scopes: BTreeSet<Scope> =
            if scope.is_empty() { Scope::ALL.into() } else { scope.into_iter().map(Scope::from).collect() };
        node::setup::add_person(&dir, &name, scopes.clone(), days, &out)?;
        let answer = json!({ "person": name, "scopes": scopes, "days": days, "profile": out });
        session.output.answer(&answer, || {
            format!("`{name}` may act for the member for {days} days, with the profile {}", out.display())
        })
    }
}
