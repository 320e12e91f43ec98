//! What the commands of the alliance share: members by name, one act at a time, lists of records.

use std::collections::BTreeMap;

use api::Client;
use api::types::acts::RecordView;
use contract::{Did, Hash};
use ledger::{Action, SignedTransaction, Transaction};

use super::Session;
use super::paging::{Paging, listed};
use crate::error::Error;

/// The alliance's members by name.
pub(super) fn members(client: &Client) -> Result<BTreeMap<String, Did>, Error> {
    let members = client.status()?.members;
    Ok(members.into_iter().filter_map(|view| Some((view.name, view.member.parse().ok()?))).collect())
}

/// The member of that name.
pub(super) fn member(client: &Client, name: &str) -> Result<Did, Error> {
    let members = members(client)?;
    members.get(name).copied().ok_or_else(|| Error::Usage {
        message: format!("no member is called `{name}`"),
        next: "treaty alliance members".to_owned(),
    })
}

/// The id of a proposal, a request, a token, a dispute, a contract; `list` is the command that shows them.
pub(super) fn id(text: &str, list: &str) -> Result<Hash, Error> {
    text.parse().map_err(|_| Error::Usage {
        message: format!("`{text}` is no id: expected 64 hexadecimal digits"),
        next: list.to_owned(),
    })
}

/// Hashes of documents.
pub(super) fn evidence(hashes: &[String]) -> Result<Vec<Hash>, Error> {
    hashes.iter().map(|hash| id(hash, "sha256sum FILE")).collect()
}

/// Does it, and prints its id and what it caused.
pub(super) fn act(session: &Session, client: &Client, action: &Action) -> Result<(), Error> {
    let acted = if session.own_key {
        client.submit(signed_alone(session, client, action)?)?
    } else {
        client.act(serde_json::to_value(action).unwrap_or_default())?
    };
    session.output.answer(&acted, || {
        let caused = acted.events.iter().map(|event| format!("\n  {event}"));
        format!("{}  entry {}{}", acted.id, acted.entry, caused.collect::<String>())
    })
}

/// The act as the person's own transaction, signed with the profile's key.
fn signed_alone(session: &Session, client: &Client, action: &Action) -> Result<serde_json::Value, Error> {
    let unsigned = |reason: String| {
        Error::usage(format!("the act cannot be signed here: {reason}"), "treaty person delegate --help")
    };
    let profile = session.profile()?;
    let key = profile.signing_key().ok_or_else(|| unsigned("the profile has no key".to_owned()))?;
    let next = client.next_transaction()?;
    let alliance = next.alliance.parse().map_err(|_| unsigned("the node names no alliance".to_owned()))?;
    let transaction = Transaction {
        alliance,
        member: profile.member,
        sequence: next.sequence,
        person: Some(key.did()),
        signer: Some(key.did()),
        action: action.clone(),
    };
    let signed = SignedTransaction::sign(transaction, &key).map_err(|error| unsigned(error.to_string()))?;
    Ok(serde_json::to_value(signed).unwrap_or_default())
}

/// Prints records of a kind, one a line.
pub(super) fn records(session: &Session, kind: &str, paging: &Paging) -> Result<(), Error> {
    let client = session.client()?;
    let page = paging.collect(|after| client.records(kind, after))?;
    session.output.answer(&page, || {
        let line = |item: &RecordView| format!("{}  {}", item.id, item.record);
        let lines = |items: &[RecordView]| items.iter().map(line).collect::<Vec<_>>().join("\n");
        listed(&page, &format!("there are no {kind}"), lines)
    })
}
