//! The measurement runs three processes over TLS and checks what they compute.

use serde_json::Value;

use crate::support::{both, treaty};

#[test]
fn the_engine_is_measured_in_three_processes() {
    let output = treaty().args(["bench", "engine", "equal", "--runs", "1", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let [equal] = lines.as_slice() else { panic!("expected one workload: {lines:?}") };
    assert_eq!(equal["workload"], "equal");
    assert_eq!(equal["correct"], true);
    let bytes_per_row = equal["bytes_sent"].as_f64().unwrap() / equal["rows"].as_f64().unwrap();
    assert!((8.0..12.0).contains(&bytes_per_row), "about 10.6 bytes a row are sent, found {bytes_per_row}");
}

#[test]
fn a_scheme_can_be_chosen() {
    let words = ["bench", "engine", "equal", "--runs", "1", "--json", "--scheme", "rep3_malicious"];
    let output = treaty().args(words).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(lines[0]["correct"], true);
    assert!(
        lines[0]["bytes_sent"].as_f64().unwrap() > 12.0 * lines[0]["rows"].as_f64().unwrap(),
        "with checks"
    );
}

#[test]
fn a_wide_area_network_takes_its_time_for_every_round() {
    let output =
        treaty().args(["bench", "engine", "equal", "--runs", "1", "--json", "--wan"]).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let (seconds, rounds) = (lines[0]["seconds"].as_f64().unwrap(), lines[0]["rounds"].as_f64().unwrap());
    assert!(seconds >= 0.01 * rounds, "{lines:?}");
}

#[test]
fn an_unknown_workload_is_refused_by_name() {
    let output = treaty().args(["bench", "engine", "nonsense"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(both(&output).contains("no workload's name contains `nonsense`"), "{}", both(&output));
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn members_that_order_together_are_measured() {
    let small = ["--transactions", "1000", "--datasets", "100", "--bft-transactions", "400"];
    let words = [&["bench", "ledger", "--bft", "--json"][..], &small].concat();
    let output = treaty().args(words).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bft = &figures["bft"];
    assert_eq!((bft["ordering"].as_str(), bft["validators"].as_u64()), (Some("bft"), Some(4)), "{figures}");
    assert_eq!(bft["transactions"], 400);
    assert!(bft["transactions_per_second"].as_f64().unwrap() > 0.0);
    assert!(bft["block_milliseconds_p50"].as_f64() <= bft["block_milliseconds_p99"].as_f64());
}

#[test]
fn the_ledger_is_measured_from_signature_to_search() {
    let words =
        ["bench", "ledger", "--transactions", "1000", "--batch", "100", "--datasets", "1000", "--json"];
    let output = treaty().args(words).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for phase in ["append", "follow", "replay"] {
        assert!(figures[phase]["transactions_per_second"].as_f64().unwrap() > 0.0, "{figures}");
    }
    let [half, most] =
        ["p50", "p99"].map(|p| figures[format!("finality_milliseconds_{p}")].as_f64().unwrap());
    assert!(0.0 < half && half <= most, "{figures}");
    assert!(figures["memory_bytes_max"].as_u64().unwrap() > 1 << 20, "{figures}");
}
