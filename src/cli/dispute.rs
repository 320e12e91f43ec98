//! `treaty dispute`.

use clap::{Args, Subcommand, ValueEnum};
use ledger::Action;
use ledger::dispute::Subject;

use super::Session;
use super::act::{act, evidence, id, member, records};
use super::paging::Paging;
use crate::error::Error;

#[derive(Debug, Subcommand)]
pub(super) enum Dispute {
    /// Challenge a run, a token or a claim
    #[command(
        after_help = "Example:\n  treaty dispute challenge run RUN --accuse south --reason \"it did not answer\""
    )]
    Challenge(Challenge),
    /// Decide as an arbiter
    Decide {
        /// The dispute's id
        dispute: String,
        /// Against the challenger
        #[arg(long)]
        dismiss: bool,
    },
    /// List disputes
    List(Paging),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A run that has ended
    Run,
    /// A token
    Token,
    /// A claim to own a dataset
    Claim,
}

#[derive(Debug, Args)]
pub(super) struct Challenge {
    /// What is challenged
    #[arg(value_enum)]
    kind: Kind,
    /// Its id
    subject: String,
    /// The member at fault
    #[arg(long, value_name = "MEMBER")]
    accuse: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Hashes of documents, for example as `sha256sum` prints them
    #[arg(long, value_name = "HASH")]
    evidence: Vec<String>,
}

impl Dispute {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Challenge(challenge) => challenge.run(session),
            Self::Decide { dispute, dismiss } => {
                let decide =
                    Action::Arbitrate { dispute: id(&dispute, "treaty dispute list")?, uphold: !dismiss };
                act(session, &session.client()?, &decide)
            }
            Self::List(paging) => records(session, "disputes", &paging),
        }
    }
}

impl Challenge {
    fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let list = match self.kind {
            Kind::Run => "treaty run list",
            Kind::Token => "treaty access tokens",
            Kind::Claim => "treaty data claims",
        };
        let subject = id(&self.subject, list)?;
        let action = Action::Challenge {
            subject: match self.kind {
                Kind::Run => Subject::Run(subject),
                Kind::Token => Subject::Token(subject),
                Kind::Claim => Subject::Claim(subject),
            },
            accused: self.accuse.map(|name| member(&client, &name)).transpose()?,
            reason: self.reason,
            evidence: evidence(&self.evidence)?,
        };
        act(session, &client, &action)
    }
}
