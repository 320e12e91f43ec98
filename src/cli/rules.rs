//! `treaty alliance rules`, and what is asked before another version of them is put to the vote.

use api::Client;
use api::types::acts::RecordView;
use api::types::rules::{MemberRules, Rules};
use serde_json::Value;

use super::Session;
use super::paging::{Paging, listed};
use crate::error::Error;
use crate::output::table;

/// `treaty alliance rules`.
pub(super) fn show(session: &Session) -> Result<(), Error> {
    let rules = session.client()?.rules()?;
    session.output.answer(&rules, || text(&rules))
}

fn text(rules: &Rules) -> String {
    let next = rules.next.as_ref().map_or_else(String::new, |next| {
        format!("\nadopted   version {} from entry {} on", next.version, next.from)
    });
    let stopped = rules.stopped.as_ref().map_or_else(String::new, |stopped| format!("\nstopped   {stopped}"));
    let members = rules.members.iter().map(|MemberRules { member, known }| {
        [member.clone(), known.map_or_else(|| "did not answer".to_owned(), |known| known.to_string())]
    });
    format!(
        "rules     version {}, from entry {} on; this node has {}{next}{stopped}\n{}",
        rules.holds,
        rules.since,
        rules.known,
        table(&["member", "its node has"], members),
    )
}

/// Proposals, one a line; with one for other rules, who could follow it.
pub(super) fn proposals(session: &Session, paging: &Paging) -> Result<(), Error> {
    let client = session.client()?;
    let page = paging.collect(|after| client.records("proposals", after))?;
    let is_open = |item: &&RecordView| item.record["verdict"].is_null();
    let asked = page.items.iter().filter(is_open).any(|item| version(&item.record).is_some());
    let rules = asked.then(|| client.rules()).transpose()?;
    session.output.answer(&page, || {
        let line = |item: &RecordView| {
            let readiness = version(&item.record).zip(rules.as_ref()).filter(|_| is_open(&item));
            let readiness = readiness.map_or_else(String::new, |(version, rules)| {
                format!("\n  version {version}: {}", Readiness::of(rules, version).text())
            });
            format!("{}  {}{readiness}", item.id, item.record)
        };
        let lines = |items: &[RecordView]| items.iter().map(line).collect::<Vec<_>>().join("\n");
        listed(&page, "there are no proposals", lines)
    })
}

/// The version that a proposal would make hold.
fn version(proposal: &Value) -> Option<u32> {
    u32::try_from(proposal.pointer("/motion/adopt-protocol/version")?.as_u64()?).ok()
}

/// Who could follow a version of the rules.
#[derive(Default)]
struct Readiness {
    has: Vec<String>,
    lacks: Vec<String>,
    silent: Vec<String>,
}

impl Readiness {
    fn of(rules: &Rules, version: u32) -> Self {
        let mut readiness = Self::default();
        for MemberRules { member, known } in &rules.members {
            let list = match known {
                Some(known) if *known >= version => &mut readiness.has,
                Some(_) => &mut readiness.lacks,
                None => &mut readiness.silent,
            };
            list.push(member.clone());
        }
        readiness
    }

    fn text(&self) -> String {
        let lists = [("has it", &self.has), ("lacks it", &self.lacks), ("did not answer", &self.silent)];
        let lists = lists.iter().filter(|(_, names)| !names.is_empty());
        lists.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect::<Vec<_>>().join("; ")
    }
}

/// Stops who would bring about rules that some members' nodes cannot follow, unless that is meant.
pub(super) fn must_be_known(client: &Client, version: u32) -> Result<(), Error> {
    let readiness = Readiness::of(&client.rules()?, version);
    if readiness.lacks.is_empty() && readiness.silent.is_empty() {
        return Ok(());
    }
    let message = format!(
        "not every member's node has version {version} of the rules, and one that lacks it stops at the first entry under \
         it ({}): have all install a build that has it, or say --although-missing",
        readiness.text()
    );
    Err(Error::usage(message, "treaty alliance rules"))
}

/// The same for a vote on a proposal, if it is one for other rules.
pub(super) fn must_be_known_to_approve(client: &Client, proposal: &str) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = client.records("proposals", after.as_deref())?;
        if let Some(item) = page.items.iter().find(|item| item.id == proposal) {
            return version(&item.record).map_or(Ok(()), |version| must_be_known(client, version));
        }
        match page.next {
            Some(next) => after = Some(next),
            // The ledger says so.
            None => return Ok(()),
        }
    }
}
