//! What a checked proof says, for people.

use std::fmt;

use contract::{Contract, Did, Hash, calendar::utc};
use serde::Serialize;

use super::{Proof, verify::Story};
use crate::{Alliance, Roster, log::Endorsement};

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The alliance's name.
    pub alliance: String,
    /// Its founding document's hash.
    pub alliance_id: Hash,
    /// Which run.
    pub run: Hash,
    /// Under which contract.
    pub contract: Hash,
    /// The contract's title.
    pub title: String,
    /// Why the data was used.
    pub purpose: String,
    /// All parties; each signed the contract.
    pub parties: Vec<ReportParty>,
    /// Hash of the audit report that all parties signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Hash>,
    /// Names of the auditors that approved it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auditors: Vec<String>,
    /// Hash of the program that all compute parties executed.
    pub program: Hash,
    /// The dataset versions that were read: reference and Merkle root.
    pub datasets: Vec<(String, Hash)>,
    /// Names of those who received the result.
    pub receivers: Vec<String>,
    /// Groups of fewer rows were suppressed.
    pub floor_rows: u64,
    /// The name of the data user that asked for the run.
    pub requester: String,
    /// When, seconds since 1970, by the ledger.
    pub requested_at: u64,
    /// When the last receipt was filed of those that it took.
    pub completed_at: u64,
    /// Entries that were proven to be in the log.
    pub entries: usize,
    /// Size of the log under the checkpoint.
    pub checkpoint_size: u64,
    /// Its Merkle root.
    pub checkpoint_root: Hash,
    /// The name of the member that orders the log, and signed the checkpoint; none when all order it together.
    pub operator: Option<String>,
    /// Who cosigned the checkpoint, and when.
    pub cosigners: Vec<Cosigner>,
}

/// A party of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportParty {
    /// Its identity.
    pub member: Did,
    /// Its name.
    pub name: String,
    /// In words, for example `data provider`.
    pub roles: Vec<String>,
}

/// A member or regulator that checked the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cosigner {
    /// Its name.
    pub name: String,
    /// By its own clock, seconds since 1970.
    pub at: u64,
}

impl Report {
    pub(super) fn new(
        alliance: &Alliance,
        roster: &Roster,
        alliance_id: Hash,
        endorsement: &Endorsement,
        proof: &Proof,
        story: &Story<'_>,
    ) -> Self {
        let name =
            |did: &Did| roster.seat(did).map_or_else(|| did.to_string(), |seat| seat.card.name.clone());
        let contract = story.contract;
        let cosigners = endorsement.cosigners.iter();
        Self {
            alliance: alliance.name.clone(),
            alliance_id,
            run: proof.run,
            contract: story.contract_id,
            title: contract.title.clone(),
            purpose: contract.purpose.clone(),
            parties: parties(contract),
            audit: contract.audit,
            auditors: story.approvals.iter().map(name).collect(),
            program: contract.computation.program,
            datasets: contract.inputs().map(|(_, input)| (input.dataset.clone(), input.root)).collect(),
            receivers: contract.output.receivers.iter().map(name).collect(),
            floor_rows: contract.output.floor_rows,
            requester: name(&story.requester),
            requested_at: story.requested_at,
            completed_at: story.completed_at,
            entries: proof.entries.len(),
            checkpoint_size: endorsement.checkpoint.size,
            checkpoint_root: endorsement.checkpoint.root,
            operator: roster.operator_at(endorsement.checkpoint.size).as_ref().map(name),
            cosigners: cosigners.map(|(did, at)| Cosigner { name: name(did), at: *at }).collect(),
        }
    }
}

fn parties(contract: &Contract) -> Vec<ReportParty> {
    let party = |party: &contract::document::Party| ReportParty {
        member: party.member,
        name: party.name.clone(),
        roles: party.roles.iter().map(ToString::to_string).collect(),
    };
    contract.parties.iter().map(party).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, what: &str, text: &str| writeln!(f, "{what:<12} {text}");
        line(f, "alliance", &format!("{} ({})", self.alliance, self.alliance_id))?;
        line(f, "run", &self.run.to_string())?;
        line(f, "contract", &format!("{} ({})", self.title, self.contract))?;
        line(f, "purpose", &self.purpose)?;
        for party in &self.parties {
            line(f, "signed by", &format!("{}: {}", party.name, party.roles.join(", ")))?;
        }
        if let Some(report) = &self.audit {
            line(f, "audit", &report.to_string())?;
        }
        for auditor in &self.auditors {
            line(f, "approved by", auditor)?;
        }
        line(f, "program", &self.program.to_string())?;
        for (dataset, root) in &self.datasets {
            line(f, "read", &format!("{dataset} ({root})"))?;
        }
        line(f, "revealed to", &self.receivers.join(", "))?;
        line(f, "floor", &format!("groups of fewer than {} rows were suppressed", self.floor_rows))?;
        line(f, "requested", &format!("{} by {}", utc(self.requested_at), self.requester))?;
        line(f, "completed", &utc(self.completed_at))?;
        let log =
            format!("{} entries proven, of {} under this checkpoint", self.entries, self.checkpoint_size);
        line(f, "log", &log)?;
        line(f, "root", &self.checkpoint_root.to_string())?;
        line(f, "ordered by", self.operator.as_deref().unwrap_or("all members, by agreement"))?;
        for cosigner in &self.cosigners {
            line(f, "cosigned by", &format!("{} ({})", cosigner.name, utc(cosigner.at)))?;
        }
        Ok(())
    }
}
