//! The audit report: what a contract reveals to whom, and what was tried against it, as a document with a hash.
//!
//! A contract names the report's hash, so that whoever signs the contract signs the report, too. The report follows from
//! the contract and from what is published about its datasets alone: every node derives it anew, and signs no contract
//! that names another.

mod page;

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Did, Hash,
    canonical::{self, CanonicalError},
    document::Role,
};

/// The format of the reports that this build derives. What changes a report's bytes from one release to the next, also a
/// sentence in it, makes another format of it.
pub const FORMAT: &str = "treaty-audit/1";

/// Hash domain of reports.
const DOMAIN: &str = "audit-report";

/// The longest reason for an opinion, in bytes.
pub const REASON_BYTES_MAX: usize = 1000;

/// The audit report of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// The contract's title.
    pub title: String,
    /// Why the data is used.
    pub purpose: String,
    /// Hash of the program that was audited.
    pub program: Hash,
    /// What the contract means for each party, in the contract's order.
    pub signers: Vec<Signer>,
    /// What the program reveals, and what was tried against it.
    pub findings: Audit,
    /// Of all attacks together.
    pub score: Score,
}

/// What a contract means for one of its parties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The party.
    pub member: Did,
    /// Its name in the contract.
    pub name: String,
    /// Its roles there.
    pub roles: BTreeSet<Role>,
    /// What it learns, one sentence each.
    pub learns: Vec<String>,
    /// What it gives, one sentence each.
    pub gives: Vec<String>,
}

/// What a program reveals to whom. Prints as a page; equal queries print alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// What the receivers learn, one sentence each.
    pub to_receivers: Vec<String>,
    /// For each result column: what it is made of.
    pub columns: Vec<ColumnAudit>,
    /// What the compute parties learn, one sentence each.
    pub to_compute_parties: Vec<String>,
    /// What each provider does at home, one sentence each.
    pub at_home: Vec<String>,
    /// How columns are used, one sentence each.
    pub uses: Vec<String>,
    /// What the signers should know that the computation does not prevent.
    pub beyond: Vec<String>,
    /// What could be tried against the answers.
    pub attacks: Vec<Attack>,
}

/// One result column's origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnAudit {
    /// The result column.
    pub name: String,
    /// The input columns that flow into it.
    pub from: Vec<String>,
    /// How, in words.
    pub how: String,
}

/// One attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// What is tried.
    pub name: String,
    /// Whether it can succeed.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// Whether an attack can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing prevents it.
    Open,
    /// It tells something, within a bound.
    Bounded,
    /// It yields nothing.
    Closed,
}

/// Points for a list of attacks: 2 for a closed one, 1 for a bounded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// What it got.
    pub points: u32,
    /// The most there could be.
    pub most: u32,
}

/// What an auditor says of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Opinion {
    /// The contract may become active.
    Approved,
    /// It may not.
    Declined {
        /// Why; 1 to [`REASON_BYTES_MAX`] bytes.
        reason: String,
    },
}

impl Report {
    /// What contracts name: the hash of the canonical bytes in the domain `audit-report`.
    ///
    /// # Errors
    /// Never: all parts have a canonical form.
    pub fn hash(&self) -> Result<Hash, CanonicalError> {
        canonical::hash(DOMAIN, self)
    }
}

impl Score {
    /// The score of a list of attacks.
    pub fn of(attacks: &[Attack]) -> Self {
        attacks.iter().fold(Self { points: 0, most: 0 }, |Self { points, most }, attack| {
            let more = match attack.verdict {
                Verdict::Closed => 2,
                Verdict::Bounded => 1,
                Verdict::Open => 0,
            };
            Self { points: points.saturating_add(more), most: most.saturating_add(2) }
        })
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} points", self.points, self.most)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Bounded => "bounded",
            Self::Closed => "closed",
        })
    }
}

impl Opinion {
    /// The reason, if it is against the contract.
    pub fn objection(&self) -> Option<&str> {
        match self {
            Self::Approved => None,
            Self::Declined { reason } => Some(reason),
        }
    }

    /// `approved` or `declined`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined { .. } => "declined",
        }
    }
}
