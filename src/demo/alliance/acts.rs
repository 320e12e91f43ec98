//! How members act on the ledger, each through its own node.

use api::types::acts::Acted;
use ledger::Action;
use ledger::governance::Motion;
use serde_json::Value;

use super::WEST;
use crate::demo::DemoError;
use crate::demo::walk::{World, eventually};

/// The members whose votes come in, in this order, until a proposal is decided.
const VOTERS: [&str; 3] = ["north", "lake", WEST];

/// A member acts, once its node has everything that others did before.
pub(super) fn act(world: &World, by: &str, action: &Action) -> Result<Acted, DemoError> {
    level(world, by)?;
    let action = serde_json::to_value(action).unwrap_or_default();
    world.client(by)?.act(action).map_err(DemoError::client(by))
}

/// Waits until a member's node has all entries that any node has.
pub(super) fn level(world: &World, name: &str) -> Result<(), DemoError> {
    let client = world.client(name)?;
    // A node that was killed knows nothing.
    let sizes = world.members.iter().filter_map(|member| member.client.status().ok());
    let furthest = sizes.map(|status| status.entries).max().unwrap_or(0);
    eventually(&format!("that the node of `{name}` has all {furthest} entries"), || {
        let status = client.status().map_err(DemoError::client(name))?;
        Ok((status.entries >= furthest).then_some(()))
    })
}

/// A member proposes, and votes come in until the motion is carried.
pub(super) fn pass(world: &World, by: &str, motion: Motion) -> Result<(), DemoError> {
    let propose = Action::Propose { motion, text: "as discussed".to_owned() };
    let proposal = act(world, by, &propose)?.id;
    let voters = VOTERS.iter().filter(|name| world.member(name).is_ok());
    for name in voters {
        if verdict(world, name, &proposal)?.is_null() {
            let vote = Action::Vote { proposal: read(&proposal)?, approve: true };
            act(world, name, &vote)?;
        }
    }
    let verdict = verdict(world, "north", &proposal)?;
    expect("the vote", verdict.pointer("/1").cloned().unwrap_or_default(), Value::from("passed"))
}

fn verdict(world: &World, name: &str, proposal: &str) -> Result<Value, DemoError> {
    level(world, name)?;
    let found = record(world, name, "proposals", proposal)?;
    Ok(found.get("verdict").cloned().unwrap_or_default())
}

/// A record of the ledger, as a member's node has it.
pub(super) fn record(world: &World, name: &str, kind: &str, id: &str) -> Result<Value, DemoError> {
    let client = world.client(name)?;
    let mut after = None;
    loop {
        let page = client.records(kind, after.as_deref()).map_err(DemoError::client(name))?;
        if let Some(found) = page.items.into_iter().find(|item| item.id == id) {
            return Ok(found.record);
        }
        after = page.next;
        if after.is_none() {
            let detail = format!("the node of `{name}` has no {kind} {id}");
            return Err(DemoError::Broken { what: "read a record".to_owned(), detail });
        }
    }
}

/// A field of an event that an act caused.
pub(super) fn caused(acted: &Acted, event: &str, field: &str) -> Result<String, DemoError> {
    let found = acted.events.iter().find_map(|caused| caused.get(event)?.get(field)?.as_str());
    found.map(str::to_owned).ok_or_else(|| DemoError::Broken {
        what: "read the events".to_owned(),
        detail: format!("`{event}` is not among {:?}", acted.events),
    })
}

/// An id that a node answered with.
pub(super) fn read<T: std::str::FromStr>(text: &str) -> Result<T, DemoError> {
    text.parse().map_err(|_| DemoError::Broken {
        what: "read an answer".to_owned(),
        detail: format!("`{text}` names nothing"),
    })
}

/// What must be so.
pub(super) fn expect<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: T,
    expected: T,
) -> Result<(), DemoError> {
    if found == expected {
        return Ok(());
    }
    let detail = format!("expected {expected:?}, found {found:?}");
    Err(DemoError::Broken { what: what.to_owned(), detail })
}
