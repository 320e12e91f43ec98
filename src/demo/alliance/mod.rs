//! `treaty demo alliance`: what members decide about each other, on their nodes.
//!
//! Three members found the alliance, a fourth is admitted. Everything is asked of the members' own nodes; one of them is
//! killed for a while, to have something to dispute.

mod acts;

use std::collections::{BTreeMap, BTreeSet};

use api::types::runs::StartRun;
use contract::access::Rights;
use contract::terms::Use;
use contract::{ColumnType, Contract};
use ledger::Action;
use ledger::catalog::{Publication, Published, Wanted, WantedColumn};
use ledger::dispute::Subject;
use ledger::governance::{Motion, Shares};

use self::acts::{act, caused, expect, level, pass, read};
use super::execution::{self, completed, over};
use super::report::Report;
use super::steps::Steps;
use super::walk::{World, eventually};
use super::{DemoError, members, trials};
use crate::cli::{now_seconds, verify_proof};
use crate::files;

/// The scenario's contract.
const CONTRACT: &str = "by-rank";
/// Why the data is used.
const PURPOSE: &str = "pay equity";
/// The member that comes later.
const WEST: &str = "west";
/// Seconds of a day.
const DAY: u64 = 86_400;

/// Walks through all of it; fails when a rule does not hold.
pub(super) fn walk(
    world: &mut World,
    bft: bool,
    steps: &mut Steps,
    report: &mut Report,
) -> Result<(), DemoError> {
    steps.step("admit by vote", |_| admit(world, bft))?;
    world.publish(steps)?;
    steps.step("search", |_| search(world))?;
    let token = steps.step("request, pay, review", |_| request(world))?;
    world.agree(steps)?;
    let run = world.scenario.runs.first().cloned().ok_or_else(|| DemoError::Broken {
        what: "read the scenario".to_owned(),
        detail: "it has no run".to_owned(),
    })?;
    report.refusals.push(trials::refused_run(world, &run, "token-missing", steps)?);
    steps.step("attenuate and use", |_| attenuate(world, &token))?;
    let first = execution::run(world, 1, &run, steps)?;
    steps.step("dispute and decide", |_| dispute(world))?;
    steps.step("vote on the shares", |_| shares(world))?;
    steps.step("revoke", |_| revoke(world, &token))?;
    report.refusals.push(trials::refused_run(world, &run, "token-revoked", steps)?);
    steps.step("rotate a key", |_| rotate(world))?;
    steps.step("let a member leave", |_| leave(world))?;
    steps.step("verify what was before", |_| verify(world, &first))?;
    report.executions.push(first);
    Ok(())
}

type Said = Result<((), String), DemoError>;

/// West makes its keys and card; the members vote; its node starts and fetches everything that was before.
fn admit(world: &mut World, bft: bool) -> Said {
    let (west, card) = members::make_one(WEST, &world.place, bft)?;
    node::setup::join(&west.berth.directory, &world.place.alliance(), None)?;
    pass(world, "north", Motion::Admit(Box::new(node::setup::read_card(&card)?)))?;
    world.fleet.start(std::slice::from_ref(&west.berth))?;
    let points = 500;
    let give = Action::TransferPoints { to: west.did, points, note: "to begin with".to_owned() };
    world.members.push(west);
    act(world, "north", &give)?;
    let root = eventually("that all nodes have one root", || {
        let status =
            |member: &members::Member| member.client.status().map_err(DemoError::client(&member.name));
        let roots: BTreeSet<String> = world
            .members
            .iter()
            .map(|member| status(member).map(|status| status.root))
            .collect::<Result<_, _>>()?;
        Ok(roots.first().filter(|_| roots.len() == 1).cloned())
    })?;
    Ok(((), format!("west joins; four nodes agree on root {}…", root.get(..8).unwrap_or_default())))
}

/// North says what data it looks for.
fn search(world: &World) -> Said {
    let kind = Some(ColumnType::Integer);
    let column = WantedColumn { name: "salary".to_owned(), kind, unit: Some("USD".to_owned()) };
    let wanted = Wanted {
        columns: vec![column],
        purpose: PURPOSE.to_owned(),
        rows_min: 100,
        until: now_seconds() + 30 * DAY,
    };
    let publication = Publication {
        path: "north/pay-wanted".to_owned(),
        version: 1,
        description: "what professors earn".to_owned(),
        content: Published::Wanted(wanted),
    };
    act(world, "north", &Action::Publish(Box::new(publication)))?;
    let client = world.client("north")?;
    let page = client.matches("north/pay-wanted@1", None).map_err(DemoError::client("north"))?;
    let found: Vec<_> = page.items.into_iter().map(|entry| entry.reference).collect();
    expect("who has what is wanted", found.len(), 2)?;
    Ok(((), format!("north's request for 100 rows of pay finds {}", found.join(" and "))))
}

/// What north may do with lake's data, for so many days.
fn rights(days: u64) -> Rights {
    let uses = |column: &str, wanted| (column.to_owned(), BTreeSet::from([wanted]));
    let columns = BTreeMap::from([uses("rank", Use::Group), uses("salary", Use::Aggregate)]);
    Rights { columns, expires: now_seconds() + days * DAY }
}

/// Answers with the token.
fn request(world: &World) -> Result<(String, String), DemoError> {
    let (dataset, purpose) = ("lake/salaries@1".to_owned(), PURPOSE.to_owned());
    let asked = act(world, "north", &Action::RequestAccess { dataset, rights: rights(90), purpose })?;
    let held = world.client("north")?.points().map_err(DemoError::client("north"))?.escrow;
    let approved = act(world, "lake", &Action::ApproveAccess { request: read(&asked.id)? })?;
    let token = caused(&approved, "token-issued", "token")?;
    Ok((token, format!("{held} points in escrow, reviewed and approved by lake, a token issued")))
}

/// North makes the token shorter and uses it for the contract.
fn attenuate(world: &World, token: &str) -> Said {
    let narrower = Action::AttenuateToken { token: read(token)?, rights: rights(60) };
    let narrowed = act(world, "north", &narrower)?.id;
    let contract = read(contract_id(world))?;
    act(world, "north", &Action::UseToken { token: read(&narrowed)?, contract })?;
    Ok(((), "north makes of it one that ends sooner, and uses that one for the contract".to_owned()))
}

/// South's node is killed; the run fails, and its fee stays in escrow until west, who has no part in it, decides.
fn dispute(world: &World) -> Said {
    world.fleet.kill("south")?;
    let outcome = dispute_without_south(world);
    world.restart("south")?;
    level(world, "south")?;
    outcome
}

fn dispute_without_south(world: &World) -> Said {
    let client = world.client("north")?;
    let before = client.points().map_err(DemoError::client("north"))?;
    let request = StartRun { contract: contract_id(world).to_owned(), purpose: None };
    let run = client.start_run(&request).map_err(DemoError::client("north"))?;
    let ended = over(world, "north", &run.id)?;
    expect("a run without south", ended.state.as_str(), "failed")?;
    let subject = Subject::Run(read(&run.id)?);
    let south = Some(world.member("south")?.did);
    let challenge = Action::Challenge {
        subject,
        accused: south,
        reason: "south neither computes nor says so".to_owned(),
        evidence: Vec::new(),
    };
    let challenged = act(world, "north", &challenge)?;
    let held = client.points().map_err(DemoError::client("north"))?.escrow.saturating_sub(before.escrow);
    act(world, WEST, &Action::Arbitrate { dispute: read(&challenged.id)?, uphold: true })?;
    level(world, "north")?;
    let after = client.points().map_err(DemoError::client("north"))?;
    expect("the points of north", after.balances.get("north"), before.balances.get("north"))?;
    let why = ended.failure.map(|failure| failure.reason).unwrap_or_default();
    Ok(((), format!("{why}; west, who has no part in it, decides: use and {held} points go back")))
}

/// The members change how fees are split, and the next run is.
fn shares(world: &World) -> Said {
    let shares = Shares { providers: 1_000, compute_parties: 9_000, algorithm_providers: 0 };
    pass(world, "north", Motion::SetShares(shares))?;
    let client = world.client("north")?;
    let contract = agreed(world)?;
    let request = StartRun { contract: contract_id(world).to_owned(), purpose: None };
    let run = client.start_run(&request).map_err(DemoError::client("north"))?;
    let run = completed(world, &contract, "north", &run.id, CONTRACT, None)?;
    let paid: Vec<_> = run.settlement.iter().map(|(name, points)| format!("{name} {points}")).collect();
    // 100 points by rows of 397, 900 in three parts.
    expect("the next settlement", run.settlement.get("south"), Some(&322))?;
    Ok(((), format!("9000 of 10000 parts to compute parties; the next run settles: {}", paid.join(", "))))
}

fn revoke(world: &World, token: &str) -> Said {
    let reason = "the study took long enough".to_owned();
    act(world, "lake", &Action::RevokeToken { token: read(token)?, reason })?;
    Ok(((), "lake takes the token back, and with it the one that was made of it".to_owned()))
}

/// Lake's node signs and cosigns with another key from then on.
fn rotate(world: &World) -> Said {
    level(world, "lake")?;
    let client = world.client("lake")?;
    let rotated = client.rotate_key().map_err(DemoError::client("lake"))?;
    let to = world.member("north")?.did;
    let note = "signed with the new key".to_owned();
    let given = act(world, "lake", &Action::TransferPoints { to, points: 1, note })?;
    let query = [("id", given.id.as_str())];
    let found = client.find_entries(&query, None).map_err(DemoError::client("lake"))?;
    let signer = "/content/transaction/transaction/signer";
    let signer = found.items.first().and_then(|item| item.entry.pointer(signer)?.as_str());
    expect("who signs for lake", signer, Some(rotated.key.as_str()))?;
    Ok(((), "lake signs with a new key; its identity, contracts and points stay".to_owned()))
}

fn leave(world: &World) -> Said {
    let south = world.member("south")?.did;
    pass(world, "south", Motion::Release { member: south })?;
    level(world, "north")?;
    let client = world.client("north")?;
    let status = client.status().map_err(DemoError::client("north"))?;
    let left: Vec<_> = client
        .catalog("salaries", None)
        .map_err(DemoError::client("north"))?
        .items
        .into_iter()
        .map(|entry| entry.owner)
        .collect();
    let contract = client.contract(contract_id(world)).map_err(DemoError::client("north"))?.state;
    expect("who is left", status.members.len(), 3)?;
    expect("whose data is left", left.contains(&"south".to_owned()), false)?;
    expect("the contract with south", contract.as_str(), "revoked")?;
    Ok(((), "south's data is withdrawn, its contracts are ended, its seat is empty".to_owned()))
}

/// The proof from before, and one of the same run under the signatures of those who are left.
fn verify(world: &World, first: &execution::Execution) -> Said {
    let unproven = |error: crate::error::Error| DemoError::Unproven(error.to_string());
    let before = verify_proof(first.proof(), &world.place.alliance()).map_err(unproven)?;
    let client = world.client("north")?;
    let again =
        eventually("a checkpoint over the departure", || match client.proof(&before.run.to_string()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.rule() == Some("unavailable") => Ok(None),
            Err(error) => Err(DemoError::client("north")(error)),
        })?;
    let path = world.place.proof(CONTRACT, 2);
    files::write(&path, &again)?;
    let after = verify_proof(&path, &world.place.alliance()).map_err(unproven)?;
    let cosigners: Vec<_> = after.cosigners.iter().map(|cosigner| cosigner.name.as_str()).collect();
    Ok((
        (),
        format!(
            "the proof from before all that holds, and so does one of {} entries under {}'s signatures",
            after.entries,
            cosigners.join(" and ")
        ),
    ))
}

fn contract_id(world: &World) -> &str {
    world.contracts.get(CONTRACT).map_or("", String::as_str)
}

fn agreed(world: &World) -> Result<Contract, DemoError> {
    Ok(world.contract_at("north", contract_id(world))?.contract)
}
