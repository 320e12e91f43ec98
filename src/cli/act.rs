//! What the commands of the alliance share: members by name, one act at a time, lists of records.

use std::collections::BTreeMap;

use api::Client;
use api::types::acts::RecordView;
use contract::{Did, Hash};
use ledger::Action;

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

/// A proposal's, request's, token's or dispute's id.
pub(super) fn id(text: &str) -> Result<Hash, Error> {
    text.parse().map_err(|_| Error::Usage {
        message: format!("`{text}` is no id: expected 64 hexadecimal digits"),
        next: "treaty alliance proposals".to_owned(),
    })
}

/// Does it, and prints its id and what it caused.
pub(super) fn act(session: &Session, client: &Client, action: &Action) -> Result<(), Error> {
    let acted = client.act(serde_json::to_value(action).unwrap_or_default())?;
    session.output.answer(&acted, || {
        let caused = acted.events.iter().map(|event| format!("\n  {event}"));
        format!("{}  entry {}{}", acted.id, acted.entry, caused.collect::<String>())
    })
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
