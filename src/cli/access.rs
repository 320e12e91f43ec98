//! `treaty access`: tokens for datasets that need one.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use contract::access::Rights;
use contract::terms::Use;
use ledger::Action;

use super::Session;
use super::act::{act, id, records};
use super::now_seconds;
use super::paging::Paging;
use crate::error::Error;
use crate::files::Span;

#[derive(Debug, Subcommand)]
pub(super) enum Access {
    /// Ask for a token; a price goes into escrow
    #[command(after_help = "Example:\n  treaty access request lake/salaries@1 --purpose \"pay equity\" \
                            --column salary=aggregate --column rank=group --for 30d")]
    Request(Request),
    /// Agree to a request for one of this member's datasets
    Approve {
        /// Its id
        request: String,
    },
    /// Say no to a request; what was paid goes back
    Decline {
        /// Its id
        request: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Make a narrower token in the place of one
    Attenuate {
        /// Its id
        token: String,
        #[command(flatten)]
        rights: RightsArgs,
    },
    /// Use a token for one contract
    Use {
        /// Its id
        token: String,
        /// The contract's id
        contract: String,
    },
    /// Take a token back, as the dataset's owner or the token's holder
    Revoke {
        /// Its id
        token: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List requests
    Requests(Paging),
    /// List tokens
    Tokens(Paging),
}

#[derive(Debug, Args)]
pub(super) struct Request {
    /// `owner/name@version`
    dataset: String,
    /// One of the purposes that the terms allow
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    #[command(flatten)]
    rights: RightsArgs,
}

#[derive(Debug, Args)]
pub(super) struct RightsArgs {
    /// A column and one use of it: filter, group, aggregate, extreme, join or product
    #[arg(long = "column", value_name = "COLUMN=USE", required = true, value_parser = column)]
    columns: Vec<(String, Use)>,
    /// How long the token holds
    #[arg(long = "for", value_name = "SPAN", default_value = "30d")]
    span: Span,
}

fn column(text: &str) -> Result<(String, Use), String> {
    let refused = || format!("`{text}` names no use of a column; expected for example `salary=aggregate`");
    let (column, name) = text.split_once('=').ok_or_else(refused)?;
    let uses = [Use::Filter, Use::Group, Use::Aggregate, Use::Extreme, Use::Join, Use::Product];
    let found = uses.into_iter().find(|known| known.to_string() == name).ok_or_else(refused)?;
    Ok((column.to_owned(), found))
}

impl RightsArgs {
    fn rights(self) -> Rights {
        let mut columns: BTreeMap<String, BTreeSet<Use>> = BTreeMap::new();
        for (column, wanted) in self.columns {
            columns.entry(column).or_default().insert(wanted);
        }
        Rights { columns, expires: now_seconds().saturating_add(self.span.seconds()) }
    }
}

impl Access {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let action = match self {
            Self::Request(Request { dataset, purpose, rights }) => {
                Action::RequestAccess { dataset, rights: rights.rights(), purpose }
            }
            Self::Approve { request } => {
                Action::ApproveAccess { request: id(&request, "treaty access requests")? }
            }
            Self::Decline { request, reason } => {
                Action::DeclineAccess { request: id(&request, "treaty access requests")?, reason }
            }
            Self::Attenuate { token, rights } => {
                Action::AttenuateToken { token: id(&token, "treaty access tokens")?, rights: rights.rights() }
            }
            Self::Use { token, contract } => Action::UseToken {
                token: id(&token, "treaty access tokens")?,
                contract: id(&contract, "treaty contract list")?,
            },
            Self::Revoke { token, reason } => {
                Action::RevokeToken { token: id(&token, "treaty access tokens")?, reason }
            }
            Self::Requests(paging) => return records(session, "requests", &paging),
            Self::Tokens(paging) => return records(session, "tokens", &paging),
        };
        act(session, &session.client()?, &action)
    }
}
