//! How points move when a run completes: the rules that a contract can choose from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Did;

/// How points move when a run completes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Who pays; a data user of the contract.
    pub payer: Did,
    /// Points, as `charge` says; held in escrow from the request on.
    pub fee: u64,
    /// When the fee is due.
    #[serde(default, skip_serializing_if = "Charge::is_per_run")]
    pub charge: Charge,
    /// Of 10,000 parts, how many go to all data providers together, split as `split` says.
    pub providers: u16,
    /// Of 10,000 parts, how many go to all compute parties together, split evenly.
    pub compute_parties: u16,
    /// Of 10,000 parts, how many go to the algorithm providers together, split evenly.
    pub algorithm_providers: u16,
    /// Whether these parts count, or those that the alliance has voted when a run completes.
    #[serde(default, skip_serializing_if = "Parts::are_the_contracts")]
    pub parts: Parts,
    /// How data providers share theirs.
    #[serde(default, skip_serializing_if = "Split::is_by_rows")]
    pub split: Split,
}

/// When a fee is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charge {
    /// For each completed run.
    #[default]
    PerRun,
    /// Once, with the first run that completes.
    Fixed,
}

impl Charge {
    fn is_per_run(&self) -> bool {
        *self == Self::PerRun
    }
}

/// Whose parts of 10,000 count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parts {
    /// Those in the contract.
    #[default]
    Contract,
    /// Those that the alliance has voted when the run completes.
    Alliance,
}

impl Parts {
    fn are_the_contracts(&self) -> bool {
        *self == Self::Contract
    }
}

/// How data providers share what goes to all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Split {
    /// By the rows that they bring under the contract.
    #[default]
    Rows,
    /// Evenly.
    Even,
    /// By weights that the parties agreed on; who isn't named has none.
    Weights(BTreeMap<Did, u32>),
    /// By the contribution of each that the run measured, as all compute parties state it afterwards; by rows when
    /// they don't in time.
    Contribution,
}

impl Split {
    fn is_by_rows(&self) -> bool {
        *self == Self::Rows
    }
}
