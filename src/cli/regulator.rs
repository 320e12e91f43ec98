//! `treaty regulator`.

use clap::{Args, Subcommand};
use ledger::Action;

use super::Session;
use super::act::{act, id, member, records};
use super::paging::Paging;
use crate::error::Error;

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
    /// As a regulator with a stop right, stop a contract with a party of its jurisdiction
    #[command(after_help = STOP)]
    Stop(Stop),
}

const ALLOW: &str = "\
Example:
  treaty regulator allow watchdog

Both name the same jurisdiction in their cards: see `treaty member renew-card`.";

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
