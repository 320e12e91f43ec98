//! `treaty demo refusals`: everything that must not run.

use std::collections::BTreeMap;

use crate::support::{Demo, assert_run_is_sound};

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
