//! What the catalog holds beside datasets: algorithms, contract templates, requests for data; and claims to own data.

use contract::{Dataset, Did, Hash, dataset::ColumnType};
use serde::{Deserialize, Serialize};

/// Something published by a member, in versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// `owner/name`, as for datasets.
    pub path: String,
    /// Counts from 1.
    pub version: u32,
    /// One paragraph for people.
    pub description: String,
    /// What it is.
    pub content: Published,
}

impl Publication {
    /// `owner/name@version`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.path, self.version)
    }
}

/// What can be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Published {
    /// A program, or what compiles to one.
    Algorithm {
        /// The program's hash.
        hash: Hash,
        /// Its source, up to 64 KiB; sealed when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// Points that its provider asks for a run.
        price: u64,
    },
    /// A contract to start from, up to 64 KiB.
    Template {
        /// As the drafting tools read it.
        text: String,
    },
    /// A wish for data.
    Wanted(Wanted),
}

/// Data that somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// All of these; 1 to 64.
    pub columns: Vec<WantedColumn>,
    /// One of the purposes that the terms must allow.
    pub purpose: String,
    /// At least so many rows.
    pub rows_min: u64,
    /// Seconds since 1970.
    pub until: u64,
}

/// A column that somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedColumn {
    /// Its name.
    pub name: String,
    /// Its type; any when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// Its unit; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl Wanted {
    /// Whether a dataset is what is looked for.
    pub fn matches(&self, dataset: &Dataset) -> bool {
        let has = |wanted: &WantedColumn| {
            dataset.schema.column(&wanted.name).is_some_and(|column| {
                wanted.kind.is_none_or(|kind| kind == column.kind)
                    && wanted.unit.as_ref().is_none_or(|unit| *unit == column.unit)
            })
        };
        dataset.rows >= self.rows_min
            && dataset.terms.purposes.contains(&self.purpose)
            && self.columns.iter().all(has)
    }
}

/// A publication as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicationRecord {
    /// What was published.
    pub publication: Publication,
    /// By whom.
    pub owner: Did,
    /// The entry that published it.
    pub published: u64,
    /// The entry that withdrew it.
    pub withdrawn: Option<u64>,
}

/// A member's word that a dataset is its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// `owner/name`.
    pub path: String,
    /// Who claims.
    pub by: Did,
    /// Why it is its own.
    pub statement: String,
    /// Hashes of documents that it holds.
    pub evidence: Vec<Hash>,
    /// The entry that brought it.
    pub claimed: u64,
    /// Others can dispute it before this time, seconds since 1970.
    pub disputable_until: u64,
    /// Whether it holds: not yet, yes, or no.
    pub standing: ClaimStanding,
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimStanding {
    /// Others can still dispute it, or do.
    Pending,
    /// Nobody did, or without success.
    Established,
    /// A dispute was decided against it.
    Rejected,
}
