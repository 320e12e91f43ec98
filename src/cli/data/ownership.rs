//! Who owns a dataset: claims, and handing it over.

use clap::Args;
use ledger::Action;

use crate::cli::Session;
use crate::cli::act::{act, evidence, member};
use crate::error::Error;

pub(super) const CLAIM: &str = "\
Example:
  treaty data claim north/salaries --statement \"collected by our own office\" --evidence $(sha256sum deed.pdf | cut -c-64)

Until the end of the window that `treaty alliance parameters` has as `dispute-seconds`, any other member can run
`treaty dispute challenge claim CLAIM`. A claim that nobody disputes in time, or that arbiters uphold, is established.";

pub(super) const OFFER: &str = "\
Example:
  treaty data offer north/salaries --to lake

Whoever accepts publishes further versions, withdraws earlier ones and answers requests for access from then on. The
rows of the versions so far stay in this member's vault, and contracts that name them go on reading them there, until
the new owner withdraws those versions. Access that was asked for or given before stays with the member that was asked.";

pub(super) const ACCEPT: &str = "\
Example:
  treaty data accept north/salaries
  treaty data import salaries.csv --name north/salaries --columns salaries-columns.toml
  treaty data publish north/salaries --terms terms.toml

The path stays as it is, and versions count on. The rows of the next version lie in this member's vault; those of the
versions before stay with the member that published them. Contracts that were answered over those cannot be compared
with new queries: each counts against overlaps_max in the terms.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Claim {
    /// The dataset's path: `owner/name`
    path: String,
    /// Why it is this member's own
    #[arg(long, value_name = "TEXT")]
    statement: String,
    /// Hashes of documents, for example as `sha256sum` prints them
    #[arg(long, value_name = "HASH")]
    evidence: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Offer {
    /// The dataset's path: `owner/name`
    path: String,
    /// To which member
    #[arg(long, value_name = "MEMBER")]
    to: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Accept {
    /// The dataset's path: `owner/name`
    path: String,
}

impl Claim {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let evidence = evidence(&self.evidence)?;
        let claim = Action::ClaimDataset { path: self.path, statement: self.statement, evidence };
        act(session, &session.client()?, &claim)
    }
}

impl Offer {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let client = session.client()?;
        let to = member(&client, &self.to)?;
        act(session, &client, &Action::OfferDataset { path: self.path, to })
    }
}

impl Accept {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        act(session, &session.client()?, &Action::AcceptDataset { path: self.path })
    }
}
