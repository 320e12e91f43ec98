//! `treaty member`.

use std::path::PathBuf;

use api::types::member::{Place, RenewCard};
use clap::{Args, Subcommand};

use super::Session;
use crate::error::Error;
use crate::files;

#[derive(Debug, Subcommand)]
pub(super) enum Member {
    /// Change the member's key: a new one is made on the node, and the old one signs for it
    #[command(after_help = ROTATE)]
    RotateKey,
    /// Renew the member's card: the node's addresses, its certificate, where the member is
    #[command(after_help = RENEW)]
    RenewCard(Renew),
    /// Make a key for a member that has lost its own; the others put it in place by vote
    #[command(after_help = NEW_KEY)]
    NewKey(NewKey),
    /// Make keys for a validator that has lost its own, where all members order the ledger
    #[command(after_help = NEW_VALIDATOR)]
    NewValidator(NewValidator),
}

const ROTATE: &str = "\
Example:
  treaty member rotate-key

The identity stays. What the old key signed stays valid; from the next entry of the ledger on it signs nothing. The \
new key is on the node's disk before the ledger is told, so that a crash at any moment loses neither.";

const RENEW: &str = "\
Examples:
  treaty member renew-card --certificate
  treaty member renew-card --validator
  treaty member renew-card --jurisdiction DE --operated-by \"Lake Hospital\" --hosted-by \"own rooms\" --region Konstanz

The node's addresses are taken from its node.toml: to move, change them there, start the node again and renew the card. \
A new certificate is presented at once; the other nodes hear the old one for ten minutes more. Persons' profiles stay \
valid. A new validator's key votes two blocks after the card; the old one does until then, and the node deletes it.";

const NEW_KEY: &str = "\
Example:
  treaty member new-key --dir lake --out lake-key.json
  treaty alliance propose replace-key lake-key.json      (by another member; then they vote)

The node takes the new key over with the entry that decides the vote. Where the key of the member that orders the ledger is \
lost, nobody can order that vote: another member goes on first, see `treaty alliance succeed`.";

const NEW_VALIDATOR: &str = "\
Example:
  treaty member new-validator --dir lake      (the node does not start without its keys)
  treaty node run --dir lake
  treaty member renew-card --validator

Made anew is what is missing in the directory: the key that votes on blocks, the one by which CometBFT processes know each \
other, or both. Until the renewed card names them the node follows, or waits to be let in, and has no vote: more than two \
thirds of the other members must be up. By plan, with the old key still there, `treaty member renew-card --validator` is \
enough.";

#[derive(Debug, Args)]
pub(super) struct NewValidator {
    /// The node's directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Renew {
    /// With a new certificate and key between nodes
    #[arg(long)]
    certificate: bool,
    /// With a new key for votes on blocks, where all members order the ledger
    #[arg(long)]
    validator: bool,
    /// The law that the member acts under, for example DE or US-CA
    #[arg(long, requires_all = ["operated_by", "hosted_by", "region"])]
    jurisdiction: Option<String>,
    /// Who runs the node
    #[arg(long, requires = "jurisdiction", value_name = "NAME")]
    operated_by: Option<String>,
    /// On whose machines
    #[arg(long, requires = "jurisdiction", value_name = "NAME")]
    hosted_by: Option<String>,
    /// Where those are
    #[arg(long, requires = "jurisdiction")]
    region: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// The node's directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where to write what the others need to vote on
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Member {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::RotateKey => {
                let rotated = session.client()?.rotate_key()?;
                session.output.answer(&rotated, || {
                    format!(
                        "{} signs with {} from entry {} on",
                        rotated.member,
                        rotated.key,
                        rotated.entry + 1
                    )
                })
            }
            Self::RenewCard(renew) => renew.run(session),
            Self::NewValidator(NewValidator { dir }) => {
                let made = node::setup::new_validator(&dir)?;
                session.output.answer(&made, || {
                    format!(
                        "{}\nnext: `treaty node run --dir {}`, then `treaty member renew-card --validator`",
                        made.key,
                        dir.display()
                    )
                })
            }
            Self::NewKey(NewKey { dir, out }) => {
                let made = node::setup::new_key(&dir)?;
                let text = serde_json::to_vec_pretty(&made).unwrap_or_default();
                files::write(&out, &text)?;
                session.output.answer(&made, || {
                    format!(
                        "{}\nwritten to {}; next, by another member: `treaty alliance propose replace-key {}`",
                        made.key,
                        out.display(),
                        out.display()
                    )
                })
            }
        }
    }
}

impl Renew {
    fn run(self, session: &Session) -> Result<(), Error> {
        let place = match (self.jurisdiction, self.operated_by, self.hosted_by, self.region) {
            (Some(jurisdiction), Some(operator), Some(hosting), Some(region)) => {
                Some(Place { jurisdiction, operator, hosting, region })
            }
            _ => None,
        };
        let recorded = session.client()?.renew_card(&RenewCard {
            certificate: self.certificate,
            validator: self.validator,
            place,
        })?;
        session.output.answer(&recorded, || format!("renewed by entry {}", recorded.entry))
    }
}
