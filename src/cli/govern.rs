//! `treaty alliance propose`, `vote` and what they are about.

use std::path::PathBuf;

use api::Client;
use clap::{Args, Subcommand};
use contract::Did;
use ledger::Action;
use ledger::governance::{Motion, Parameter, Shares};

use super::Session;
use super::act::{act, id, member};
use super::rules;
use crate::error::Error;
use crate::files;

#[derive(Debug, Args)]
pub(super) struct Propose {
    /// Why, for the others
    #[arg(long, value_name = "TEXT", default_value = "proposed on the command line")]
    why: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take an organisation into the alliance, by its identity card
    Admit {
        /// Its card, as `treaty node init` wrote it
        card: PathBuf,
    },
    /// Put a member out; it has no vote in this
    Expel {
        /// Its name
        member: String,
    },
    /// Leave the alliance
    Leave,
    /// Change a number that the rules use
    Set {
        /// Which, as `treaty alliance parameters` has it
        parameter: String,
        /// To what
        value: u64,
    },
    /// Change how fees are split where contracts leave it to the alliance, in parts of 10000
    Shares {
        /// For data providers
        providers: u16,
        /// For compute parties
        compute_parties: u16,
        /// For algorithm providers
        algorithm_providers: u16,
    },
    /// Change how much a member's vote weighs
    Weight {
        /// Its name
        member: String,
        /// 1 at first
        weight: u32,
    },
    /// Let another member's node order the ledger, for example before this one leaves
    Operator {
        /// Its name
        member: String,
    },
    /// Make another version of the rules hold; asks first whether every member's node has it
    Protocol {
        /// The next version
        version: u32,
        /// Index of the first entry under it
        from: u64,
        /// Also when some members' nodes lack it, and would stop there
        #[arg(long)]
        although_missing: bool,
    },
    /// Create points
    Issue {
        /// For whom
        member: String,
        /// How many
        points: u64,
    },
    /// Destroy points
    Burn {
        /// Whose
        member: String,
        /// How many
        points: u64,
    },
    /// Decide a dispute in the arbiters' place
    Decide {
        /// Which
        dispute: String,
        /// Against the challenger
        #[arg(long)]
        dismiss: bool,
    },
    /// Give a member another key in place of a lost one
    ReplaceKey {
        /// What the member's `treaty member new-key` wrote
        key: PathBuf,
    },
    /// Let a regulator stop contracts of its jurisdiction
    StopRight {
        /// Its name
        regulator: String,
        /// Take it back
        #[arg(long)]
        revoke: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Vote {
    /// The proposal's id
    proposal: String,
    /// Against it
    #[arg(long)]
    no: bool,
    /// For other rules, also when some members' nodes lack them, and would stop there
    #[arg(long, conflicts_with = "no")]
    although_missing: bool,
}

impl Propose {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let motion = self.what.motion(&client)?;
        act(session, &client, &Action::Propose { motion, text: self.why })
    }
}

impl Vote {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        if !self.no && !self.although_missing {
            rules::must_be_known_to_approve(&client, &self.proposal)?;
        }
        let vote =
            Action::Vote { proposal: id(&self.proposal, "treaty alliance proposals")?, approve: !self.no };
        act(session, &client, &vote)
    }
}

impl What {
    fn motion(self, client: &Client) -> Result<Motion, Error> {
        let named = |name: &str| -> Result<Did, Error> { member(client, name) };
        Ok(match self {
            Self::Admit { card } => {
                let card = contract::canonical::from_bytes(&files::read(&card)?, 1 << 16);
                Motion::Admit(Box::new(card.map_err(|flaw| usage(flaw.to_string()))?))
            }
            Self::Expel { member } => {
                Motion::Expel { member: named(&member)?, reason: "by vote of the members".to_owned() }
            }
            Self::Leave => Motion::Release { member: named(&client.status()?.name)? },
            Self::Set { parameter, value } => Motion::SetParameter { parameter: read(&parameter)?, value },
            Self::Shares { providers, compute_parties, algorithm_providers } => {
                Motion::SetShares(Shares { providers, compute_parties, algorithm_providers })
            }
            Self::Weight { member, weight } => Motion::SetWeight { member: named(&member)?, weight },
            Self::Operator { member } => Motion::HandOver { to: named(&member)? },
            Self::Protocol { version, from, although_missing } => {
                if !although_missing {
                    rules::must_be_known(client, version)?;
                }
                Motion::AdoptProtocol { version, from }
            }
            Self::Issue { member, points } => Motion::Issue { to: named(&member)?, points },
            Self::Burn { member, points } => Motion::Burn { from: named(&member)?, points },
            Self::Decide { dispute, dismiss } => {
                Motion::Decide { dispute: id(&dispute, "treaty dispute list")?, uphold: !dismiss }
            }
            Self::ReplaceKey { key } => {
                let bytes = files::read(&key)?;
                let node::setup::NewKey { member, key, proof } = serde_json::from_slice(&bytes)
                    .map_err(|error| usage(format!("`{}` is no new key: {error}", key.display())))?;
                Motion::ReplaceKey { member, key, proof }
            }
            Self::StopRight { regulator, revoke } => {
                Motion::SetStopRight { regulator: named(&regulator)?, granted: !revoke }
            }
        })
    }
}

fn read(name: &str) -> Result<Parameter, Error> {
    let known = || Parameter::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let found = Parameter::ALL.into_iter().find(|parameter| parameter.to_string() == name);
    found.ok_or_else(|| usage(format!("there is no parameter `{name}`; there are {}", known())))
}

fn usage(message: String) -> Error {
    Error::Usage { message, next: "treaty alliance propose --help".to_owned() }
}
