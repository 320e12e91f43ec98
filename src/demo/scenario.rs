//! What a scenario says: who takes part, with which data, under which contracts, and what is to happen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vault::Declaration;

use super::DemoError;
use super::trials::Act;
use crate::files::{self, DraftFile, TermsFile};

/// The file that makes a directory a scenario.
pub(super) const FILE: &str = "scenario.toml";

/// A `scenario.toml`. Unknown keys are refused, with their place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// One line for people.
    pub(super) title: String,
    /// The alliance's name.
    pub(super) alliance: String,
    /// The member whose node orders the ledger; the first one when left out.
    #[serde(default)]
    pub(super) operator: Option<String>,
    /// Who takes part.
    #[serde(rename = "member")]
    pub(super) members: Vec<MemberText>,
    /// What they publish.
    #[serde(rename = "dataset")]
    pub(super) datasets: Vec<DatasetText>,
    /// What they sign.
    #[serde(rename = "contract")]
    pub(super) contracts: Vec<ContractText>,
    /// What runs.
    #[serde(rename = "run")]
    pub(super) runs: Vec<RunText>,
    /// What must not happen, after the runs.
    #[serde(default, rename = "trial")]
    pub(super) trials: Vec<TrialText>,
}

/// An organisation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberText {
    /// Its name in the alliance.
    pub(super) name: String,
    /// Whether it only reads and checks.
    #[serde(default)]
    pub(super) regulator: bool,
    /// Points that it starts with.
    #[serde(default)]
    pub(super) points: u64,
}

/// Datasets of one name, one at each owner, with common columns and terms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetText {
    /// Its name in each vault.
    pub(super) name: String,
    /// For people who search the catalog.
    pub(super) description: String,
    /// Owner and file, relative to the scenario.
    pub(super) files: BTreeMap<String, PathBuf>,
    /// What is declared about columns.
    #[serde(default)]
    pub(super) columns: BTreeMap<String, Declaration>,
    /// What the owners allow.
    pub(super) terms: TermsFile,
}

/// A contract that is drafted, checked, proposed and signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContractText {
    /// Its name in this file.
    pub(super) name: String,
    /// What it says.
    pub(super) draft: DraftFile,
    /// Who signs; all parties when left out.
    #[serde(default)]
    pub(super) signed_by: Option<Vec<String>>,
}

/// A run that is started.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunText {
    /// Name of its contract.
    pub(super) contract: String,
    /// Who starts it.
    pub(super) by: String,
    /// Stated instead of the contract's purpose.
    #[serde(default)]
    pub(super) purpose: Option<String>,
    /// What must come of it.
    #[serde(default)]
    pub(super) expect: Expectation,
}

/// What must come of a run: `"completed"`, or `{ refused = "rule" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expectation {
    /// A result, equal to the plaintext answer.
    #[default]
    Completed,
    /// A refusal by that rule, at the request or by a gatekeeper.
    Refused(String),
}

/// Something that must not happen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialText {
    /// What is tried.
    pub(super) act: Act,
    /// The contract that it is tried with, or on the pattern of which another one is drafted.
    pub(super) contract: String,
    /// The member that suffers or cheats.
    pub(super) member: String,
    /// For `compute-party-disappears`: milliseconds from the start of the joint computation on.
    #[serde(default)]
    pub(super) after_ms: u64,
}

/// Reads the scenario in a directory, and checks that every name in it is defined.
pub(super) fn read(directory: &Path) -> Result<Scenario, DemoError> {
    let scenario: Scenario = files::read_toml(&directory.join(FILE))?;
    scenario.check_names()?;
    Ok(scenario)
}

impl Scenario {
    /// The member whose node orders the ledger.
    pub(super) fn operator(&self) -> &str {
        let first = self.members.first().map_or("", |member| member.name.as_str());
        self.operator.as_deref().unwrap_or(first)
    }

    fn check_names(&self) -> Result<(), DemoError> {
        let members: BTreeSet<&str> = self.members.iter().map(|member| member.name.as_str()).collect();
        let contracts: BTreeSet<&str> =
            self.contracts.iter().map(|contract| contract.name.as_str()).collect();
        let defined = |place: &str, what: &'static str, name: &str, known: &BTreeSet<&str>| {
            if known.contains(name) {
                return Ok(());
            }
            let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
            Err(DemoError::Undefined {
                place: place.to_owned(),
                what,
                name: name.to_owned(),
                known: known.join(", "),
            })
        };
        defined("`operator`", "member", self.operator(), &members)?;
        for dataset in &self.datasets {
            for owner in dataset.files.keys() {
                defined(&format!("dataset `{}`", dataset.name), "member", owner, &members)?;
            }
        }
        for contract in &self.contracts {
            for signer in contract.signed_by.iter().flatten() {
                defined(&format!("contract `{}`", contract.name), "member", signer, &members)?;
            }
        }
        for (number, run) in (1..).zip(&self.runs) {
            let place = format!("run {number}");
            defined(&place, "contract", &run.contract, &contracts)?;
            defined(&place, "member", &run.by, &members)?;
        }
        for (number, trial) in (1..).zip(&self.trials) {
            let place = format!("trial {number}");
            defined(&place, "contract", &trial.contract, &contracts)?;
            defined(&place, "member", &trial.member, &members)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
title = "t"
alliance = "a"
[[member]]
name = "north"
points = 5
[[dataset]]
name = "salaries"
description = "d"
files = { north = "north.csv" }
[dataset.columns]
salary = { type = "integer", range = { min = "0", max = "9" } }
[dataset.terms]
purposes = ["p"]
floor_rows = 2
runs_max = 1
columns = { salary = ["aggregate"] }
[[contract]]
name = "c"
[contract.draft]
title = "t"
purpose = "p"
sql = "SELECT COUNT(*) AS n FROM salaries"
tables = { salaries = ["north/salaries@1"] }
compute_parties = ["north", "north", "north"]
data_users = ["north"]
receivers = ["north"]
runs = 1
expires_in = "7d"
settlement = { payer = "north", fee = 0, providers = 5000, compute_parties = 5000 }
[[run]]
contract = "c"
by = "north"
[[run]]
contract = "c"
by = "north"
expect = { refused = "uses-exhausted" }
"#;

    fn read_text(text: &str) -> Result<Scenario, DemoError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), text).unwrap();
        read(directory.path())
    }

    #[test]
    fn a_scenario_is_read() {
        let scenario = read_text(SMALL).unwrap();
        assert_eq!(scenario.operator(), "north");
        assert_eq!(scenario.runs[0].expect, Expectation::Completed);
        assert_eq!(scenario.runs[1].expect, Expectation::Refused("uses-exhausted".to_owned()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let text = SMALL.replace("points = 5", "point = 5");
        let message = read_text(&text).unwrap_err().to_string();
        assert!(message.contains("line 6") && message.contains("`point`"), "{message}");
    }

    #[test]
    fn an_undefined_name_is_refused() {
        for (from, to) in [("by = \"north\"", "by = \"south\""), ("contract = \"c\"", "contract = \"d\"")] {
            let refused = read_text(&SMALL.replacen(from, to, 1));
            assert!(matches!(refused, Err(DemoError::Undefined { .. })), "{refused:?}");
        }
    }
}
