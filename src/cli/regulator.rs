//! `treaty regulator`.

use std::path::PathBuf;

use api::{Client, Profile};
use clap::{Args, Subcommand};
use ledger::Action;

use super::Session;
use super::act::{act, id, member, records};
use super::paging::Paging;
use crate::error::Error;
use crate::files;
use crate::output::json;

#[derive(Debug, Subcommand)]
pub(super) enum Regulator {
    /// Let a regulator of this member's jurisdiction read what the member may read
    #[command(after_help = ALLOW)]
    Allow(Named),
    /// Let it read no longer
    #[command(after_help = "Example:\n  treaty regulator disallow watchdog")]
    Disallow(Named),
    /// List which members let which regulators read
    #[command(after_help = "Example:\n  treaty regulator readings")]
    Readings(Paging),
    /// As a regulator's person, write a profile with which to read at the node of a member that allows it
    #[command(after_help = PROFILE)]
    Profile(ProfileOf),
    /// As a regulator with a stop right, stop a contract with a party of its jurisdiction
    #[command(after_help = STOP)]
    Stop(Stop),
}

const ALLOW: &str = "\
Example:
  treaty regulator allow watchdog

Both name the same jurisdiction in their cards: see `treaty member renew-card`.";

const PROFILE: &str = "\
Example, by a person of the regulator:
  treaty person delegate inspector.json --scope read --days 90
  treaty --profile inspector.json regulator profile lake --out lake.json
  treaty --profile lake.json ledger find --kind run-completed --proof

The node answers whatever its member may read, with proofs where they are asked for, until the member disallows it, \
the delegation ends or is revoked. What is read is noted in the node's log.";

const STOP: &str = "\
Example:
  treaty regulator stop CONTRACT --reason \"the consent of the persons concerned was withdrawn\"

No run starts under it from then on. Members give the right by vote: `treaty alliance propose stop-right watchdog`.";

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The regulator's name
    regulator: String,
}

#[derive(Debug, Args)]
pub(super) struct ProfileOf {
    /// The member's name
    member: String,
    /// Where to write the profile, which holds the person's key
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The certificate of the member's API, as its `node.pem` has it, if the member has renewed the one of its card
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Stop {
    /// The contract's id
    contract: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Regulator {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Allow(named) => named.set(session, true),
            Self::Disallow(named) => named.set(session, false),
            Self::Readings(paging) => records(session, "readings", &paging),
            Self::Profile(profile) => profile.write(session),
            Self::Stop(Stop { contract, reason }) => {
                let contract = id(&contract, "treaty contract list")?;
                act(session, &session.client()?, &Action::StopContract { contract, reason })
            }
        }
    }
}

impl Named {
    fn set(self, session: &Session, allowed: bool) -> Result<(), Error> {
        let client = session.client()?;
        let regulator = member(&client, &self.regulator)?;
        act(session, &client, &Action::SetReading { regulator, allowed })
    }
}

impl ProfileOf {
    fn write(self, session: &Session) -> Result<(), Error> {
        let (client, own) = (session.client()?, session.profile()?);
        let known = client.status()?.members.into_iter().find(|view| view.name == self.member);
        let unknown = || {
            let message = format!("no member is called `{}`", self.member);
            Error::usage(message, "treaty alliance members")
        };
        let view = known.ok_or_else(unknown)?;
        let member = view.member.parse().map_err(|_| unknown())?;
        let certificate = match &self.certificate {
            Some(file) => String::from_utf8_lossy(&files::read(file)?).into_owned(),
            None => pem(&card_certificate(&client, &view.member)?),
        };
        let key = own
            .signing_key()
            .ok_or_else(|| Error::usage("the profile has no key to read with", "treaty person add --help"))?;
        let profile = Profile::new(view.api, member, certificate, own.person, &key);
        files::write_private(&self.out, json(&profile)?.as_bytes())?;
        let answer = serde_json::json!({ "member": view.name, "profile": self.out });
        session.output.answer(&answer, || {
            let out = self.out.display();
            format!("written to {out}; next: `treaty --profile {out} node status`")
        })
    }
}

/// The certificate on a member's card, in base64.
fn card_certificate(client: &Client, member: &str) -> Result<String, Error> {
    let mut after = None;
    loop {
        let page = client.records("members", after.as_deref())?;
        let seat = page.items.iter().find(|item| item.id == member);
        if let Some(text) = seat.and_then(|seat| seat.record.pointer("/card/certificate")?.as_str()) {
            return Ok(text.to_owned());
        }
        after = page.next;
        if after.is_none() {
            return Err(Error::usage("the member has no card", "treaty alliance members"));
        }
    }
}

/// A certificate in its text form (RFC 7468), from its bytes in base64.
fn pem(base64: &str) -> String {
    let lines: Vec<String> =
        base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
