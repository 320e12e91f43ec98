//! `treaty node`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ledger::Standing;
use node::Shutdown;
use node::setup::InitOptions;
use serde_json::json;

use super::log::LogForm;
use super::{Session, alliance};
use crate::error::Error;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Node {
    /// Make a member's keys, its node's certificate, an identity card and a first person
    #[command(after_help = INIT)]
    Init(Init),
    /// Run the node until it is told to stop
    #[command(after_help = RUN)]
    Run(Run),
    /// Show who the node is and how far it has followed the ledger
    #[command(after_help = "Example:\n  treaty node status --profile north/profile.json")]
    Status,
}

const INIT: &str = "\
Example:
  treaty node init --dir north --name north --peer 10.0.0.1:7100 --api 127.0.0.1:7101

  treaty node init --dir west --name west --peer 10.0.0.4:7100 --api 127.0.0.1:7401 --join alliance.json

  treaty node init --dir north --name north --peer 10.0.0.1:7100 --api 127.0.0.1:7101 --bft 10.0.0.1:7102

Hand the card to whoever founds the alliance, or to a member who proposes to admit you; keep everything else in the \
directory to yourself.";

const RUN: &str = "\
Example:
  treaty node run --dir north

Prints one line `ready peer=… api=…` once it serves. Logs go to standard error; TREATY_LOG sets \
what is logged, for example TREATY_LOG=debug. No log holds a value of the data or a key.";

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where the node lives; made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The member's name in the alliance: lower-case letters, digits and hyphens
    #[arg(long)]
    name: String,
    /// A regulator, who reads and checks but neither provides nor computes
    #[arg(long)]
    regulator: bool,
    /// Address that other nodes connect to
    #[arg(long, value_name = "HOST:PORT")]
    peer: String,
    /// Address that the member's persons connect to
    #[arg(long, value_name = "HOST:PORT")]
    api: String,
    /// Address that other members' validators connect to, for an alliance whose members order its ledger together:
    /// `treaty node run` then runs `cometbft` there
    #[arg(long, value_name = "HOST:PORT")]
    bft: Option<String>,
    /// Follow the alliance of this founding document, whose members have yet to admit the new one by vote
    #[arg(long, value_name = "ALLIANCE")]
    join: Option<PathBuf>,
    /// The present card of a member from whose node the ledger can be fetched, if founders have moved since
    #[arg(long, value_name = "CARD", requires = "join")]
    contact: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The node's directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = LogForm::Text)]
    log: LogForm,
    /// Stop when standard input is closed: whoever started the node is gone
    #[arg(long)]
    stop_with_parent: bool,
}

impl Node {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Init(init) => init.run(session),
            Self::Run(run) => run.run(),
            Self::Status => status(session),
        }
    }
}

impl Init {
    fn run(self, session: &Session) -> Result<(), Error> {
        let standing = if self.regulator { Standing::Regulator } else { Standing::Member };
        let validator = self.bft.is_some();
        let options =
            InitOptions { name: self.name, standing, peer: self.peer, api: self.api, bft: self.bft };
        let made = node::setup::init(&self.dir, options)?;
        let joined = match &self.join {
            Some(alliance) => Some(node::setup::join(&self.dir, alliance, self.contact.as_deref())?),
            None => None,
        };
        let answer = json!({
            "member": made.did, "card": made.card, "profile": made.profile, "warning": made.warning,
        });
        let next = joined.map_or_else(
            || {
                format!(
                    "next: hand the card to whoever founds the alliance, then `treaty alliance join --dir {} ALLIANCE.json`",
                    self.dir.display()
                )
            },
            |joined| alliance::next(joined, &self.dir),
        );
        session.output.answer(&answer, || {
            let cometbft = if validator { format!("{}\n", alliance::cometbft()) } else { String::new() };
            format!(
                "member   {}\ncard     {}\nprofile  {}\n{cometbft}warning: {}\n{next}",
                made.did,
                made.card.display(),
                made.profile.display(),
                made.warning,
            )
        })
    }
}

impl Run {
    fn run(self) -> Result<(), Error> {
        self.log.begin("info");
        let shutdown = if self.stop_with_parent { Shutdown::SignalsOrStdinClosed } else { Shutdown::Signals };
        Ok(node::run(&self.dir, shutdown)?)
    }
}

fn status(session: &Session) -> Result<(), Error> {
    let status = session.client()?.status()?;
    session.output.answer(&status, || {
        let members = status.members.iter().map(|member| {
            let operates =
                if Some(&member.name) == status.operator.as_ref() { "orders the ledger" } else { "" };
            [
                member.name.clone(),
                member.standing.clone(),
                member.peer.clone(),
                operates.to_owned(),
                member.member.clone(),
            ]
        });
        let stopped = status.stopped.as_ref();
        let stopped = stopped.map_or_else(String::new, |stopped| format!("stopped   {stopped}\n"));
        format!(
            "node      {} ({})\nmember    {}\nalliance  {} ({})\nledger    {} entries, {} final, root {}\n\
             rules     version {}, from entry {} on\n{stopped}{}",
            status.name,
            status.standing,
            status.member,
            status.alliance,
            status.alliance_id,
            status.entries,
            status.final_entries,
            status.root,
            status.rules,
            status.rules_since,
            table(&["name", "standing", "address", "", "identity"], members),
        )
    })
}
