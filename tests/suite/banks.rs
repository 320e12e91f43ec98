//! `treaty demo banks`: accounts of three banks joined with a telephone company's lines.

use crate::support::{Demo, assert_run_is_sound};

#[test]
fn banks_agrees_with_plaintext() {
    let demo = Demo::of("banks");
    assert_run_is_sound(&demo);
    let result = &demo.report["result"];
    let regions: Vec<_> = result["rows"].as_array().unwrap().iter().map(|row| row[0].clone()).collect();
    assert_eq!(regions, ["coast", "inland"], "the islands' group is under the floor");
    for (row, wanted) in [(0, ["52", "25", "127415.66"]), (1, ["41", "15", "69902.08"])] {
        let found = (1..4).map(|cell| result["rows"][row][cell].to_string().replace('"', ""));
        assert_eq!(found.collect::<Vec<_>>(), wanted);
    }
    let rules = demo.report["refusals"].as_array().unwrap().iter().map(|refusal| refusal["rule"].clone());
    assert_eq!(
        rules.collect::<Vec<_>>(),
        ["differencing", "privacy-budget", "column-not-allowed", "floor-too-low"]
    );
}
