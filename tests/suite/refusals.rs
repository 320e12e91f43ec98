//! `treaty demo refusals`: everything that must not run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Demo, assert_run_is_sound, both, treaty};

/// What is tried, and the rule that refuses it.
const EXPECTED: [(&str, &str); 21] = [
    ("missing signature", "not-active"),
    ("forged signature", "forged-signature"),
    ("changed after signing", "forged-signature"),
    ("expired", "not-active"),
    ("not yet valid", "not-yet-valid"),
    ("uses exhausted", "not-active"),
    ("two runs at one instant", "not-active"),
    ("revoked", "not-active"),
    ("run for other purpose", "purpose"),
    ("purpose not in terms", "purpose-not-allowed"),
    ("column not allowed", "column-not-allowed"),
    ("floor too low", "floor-too-low"),
    ("group under the floor", "under-the-floor"),
    ("receiver not in terms", "receiver-not-allowed"),
    ("receiver not named", "not-a-receiver"),
    ("program differs", "program-differs"),
    ("dataset changed", "dataset-changed"),
    ("a stranger's node", "not-accepted"),
    ("a stranger's request", "stranger"),
    ("compute party vanishes", "run-failed"),
    ("nodes killed", "nothing-lost"),
];

#[test]
fn everything_that_must_not_run_is_refused() {
    let demo = Demo::of("refusals");
    assert_run_is_sound(&demo);
    let refusals = demo.report["refusals"].as_array().unwrap();
    let found: BTreeMap<_, _> = refusals
        .iter()
        .map(|refusal| (refusal["what"].as_str().unwrap(), refusal["rule"].as_str().unwrap()))
        .collect();
    assert_eq!(found, EXPECTED.into());
    assert!(refusals.iter().all(|refusal| !refusal["reason"].as_str().unwrap().is_empty()));
}

/// The refusals' own contract, with nothing tried but a compute party that is killed in the middle of the protocol.
#[test]
fn a_compute_party_that_dies_in_the_protocol_is_the_one_that_is_blamed() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let room = tempfile::tempdir().unwrap();
    fs::create_dir_all(room.path().join("salaries")).unwrap();
    fs::create_dir_all(room.path().join("crash")).unwrap();
    for file in ["north.csv", "lake.csv", "south.csv"] {
        fs::copy(examples.join("salaries").join(file), room.path().join("salaries").join(file)).unwrap();
    }
    let text = fs::read_to_string(examples.join("refusals/scenario.toml")).unwrap();
    let mut text = text.split_once("[[trial]]").unwrap().0.to_owned();
    for (number, member) in ["south", "lake", "south", "lake"].iter().enumerate() {
        let after_ms = 20 + 40 * number;
        text.push_str(&format!(
            "[[trial]]\nact = \"compute-party-disappears\"\ncontract = \"by-sex\"\nmember = \"{member}\"\nafter_ms = {after_ms}\n"
        ));
    }
    let scenario = room.path().join("crash");
    fs::write(scenario.join("scenario.toml"), text).unwrap();
    let output =
        treaty().args(["demo", "--json"]).arg(&scenario).arg("--dir").arg(room.path().join("demo")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", both(&output));
}
