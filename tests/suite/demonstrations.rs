//! Demonstrations that are not shipped, that are broken off, and whose nodes stay.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{assert_nothing_runs_in, both, processes_in, treaty};
use serde_json::Value;

/// The salaries with one run granted, and more runs than that.
fn scenario(directory: &Path, expect: &str) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/salaries");
    fs::create_dir_all(directory).unwrap();
    for file in ["north.csv", "lake.csv", "south.csv"] {
        fs::copy(shipped.join(file), directory.join(file)).unwrap();
    }
    let text = fs::read_to_string(shipped.join("scenario.toml")).unwrap().replace("runs = 3", "runs = 1");
    let more = format!("\n[[run]]\ncontract = \"by-rank\"\nby = \"north\"\nexpect = {expect}\n");
    fs::write(directory.join("scenario.toml"), text + &more).unwrap();
}

#[test]
fn any_directory_is_a_scenario_and_its_expectations_are_held_to() {
    let room = tempfile::tempdir().unwrap();
    let directory = room.path().join("mine");
    scenario(&directory, r#"{ refused = "not-active" }"#);
    let output = treaty().args(["demo", "--json"]).arg(&directory).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["runs"].as_array().unwrap().len(), 1);
    assert_eq!(report["refusals"][0]["rule"], "not-active");
    fs::remove_dir_all(report["directory"].as_str().unwrap()).unwrap();

    scenario(&directory, r#"{ refused = "purpose" }"#);
    let place = room.path().join("place");
    let output = treaty().args(["demo", "--json"]).arg(&directory).arg("--dir").arg(&place).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", both(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failure = report["failure"].as_str().unwrap();
    assert!(failure.contains("was refused as `not-active`, expected `purpose`"), "{failure}");
    assert_nothing_runs_in(&place);
}

#[test]
fn members_decide_about_each_other_and_an_old_proof_still_holds() {
    let room = tempfile::tempdir().unwrap();
    let place = room.path().canonicalize().unwrap().join("demo");
    let output = treaty().args(["demo", "alliance", "--json", "--dir"]).arg(&place).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules: Vec<_> =
        report["refusals"].as_array().unwrap().iter().map(|refused| &refused["rule"]).collect();
    assert_eq!(rules, ["token-missing", "token-revoked"]);
    let last = report["steps"].as_array().unwrap().last().unwrap();
    assert!(last["detail"].as_str().unwrap().contains("the proof from before all that holds"), "{last}");
    let (proof, alliance) = (place.join("by-rank-2.proof"), place.join("alliance.json"));
    let held = both(&crate::support::verify(&proof, &alliance));
    assert!(held.contains("the proof holds") && held.contains("west"), "{held}");
    assert_nothing_runs_in(&place);
}

/// The salaries dealt to five employers, who all compute, two of whom may collude.
pub(crate) fn five_employers(directory: &Path, scheme: &str) {
    let members = ["north", "lake", "south", "hill", "shore"];
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/salaries");
    let all =
        ["north.csv", "lake.csv", "south.csv"].map(|file| fs::read_to_string(shipped.join(file)).unwrap());
    let header = all[0].lines().next().unwrap();
    let rows: Vec<_> = all.iter().flat_map(|text| text.lines().skip(1)).collect();
    fs::create_dir_all(directory).unwrap();
    for (number, member) in members.iter().enumerate() {
        let part = rows.iter().copied().skip(number).step_by(members.len());
        let lines: Vec<_> = std::iter::once(header).chain(part).collect();
        fs::write(directory.join(format!("{member}.csv")), lines.join("\n")).unwrap();
    }
    let listed = |each: fn(&str) -> String| members.map(each).join(", ");
    let (quoted, files) =
        (listed(|name| format!("{name:?}")), listed(|name| format!("{name} = \"{name}.csv\"")));
    let versions = listed(|name| format!("\"{name}/salaries@1\""));
    let points: String = members.map(|name| format!("[[member]]\nname = {name:?}\npoints = 100\n")).concat();
    let text = format!(
        r#"
title = "Five employers"
alliance = "faculties"
{points}
[[dataset]]
name = "salaries"
description = "Nine-month academic salaries of professors, 2008 to 2009"
files = {{ {files} }}
[dataset.columns]
rank = {{ nullable = false, values = ["AsstProf", "AssocProf", "Prof"] }}
salary = {{ nullable = false, range = {{ min = "0", max = "500000" }} }}
[dataset.terms]
purposes = ["pay equity"]
receivers = ["hill"]
floor_rows = 10
runs_max = 4
schemes = ["{scheme}"]
expires_in = "365d"
[dataset.terms.columns]
rank = ["group"]
salary = ["aggregate", "extreme"]
[[contract]]
name = "by-rank"
[contract.draft]
title = "What professors earn, by rank"
purpose = "pay equity"
sql = "SELECT rank, COUNT(*) AS people, SUM(salary) AS together, MAX(salary) AS most FROM salaries GROUP BY rank"
compute_parties = [{quoted}]
scheme = "{scheme}"
data_users = ["hill"]
receivers = ["hill"]
runs = 2
expires_in = "30d"
[contract.draft.tables]
salaries = [{versions}]
[contract.draft.settlement]
payer = "hill"
fee = 10
providers = 5000
compute_parties = 5000
[[run]]
contract = "by-rank"
by = "hill"
"#
    );
    fs::write(directory.join("scenario.toml"), text).unwrap();
}

#[test]
fn five_members_compute_by_polynomials() {
    for scheme in ["shamir", "shamir_malicious", "shamir_resilient"] {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("five");
        five_employers(&directory, scheme);
        let output = treaty().args(["demo", "--json"]).arg(&directory).output().unwrap();
        assert!(output.status.success(), "{}", both(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["runs"].as_array().unwrap().len(), 1, "{report:#}");
        fs::remove_dir_all(report["directory"].as_str().unwrap()).unwrap();
    }
}

/// A demonstration whose nodes are up.
fn under_way(place: &Path) -> Child {
    let mut demo =
        treaty().args(["demo", "refusals", "--dir"]).arg(place).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.starts_with("import")));
    assert_eq!(processes_in(place).len(), 4);
    demo
}

pub(crate) fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn no_process_is_left_behind_whatever_ends_the_demonstration() {
    for (signal, code) in [("-INT", Some(130)), ("-TERM", Some(130)), ("-KILL", None)] {
        let room = tempfile::tempdir().unwrap();
        let place = room.path().canonicalize().unwrap().join("demo");
        let mut demo = under_way(&place);
        send(signal, demo.id());
        assert_eq!(demo.wait().unwrap().code(), code, "{signal}");
        assert_nothing_runs_in(&place);
    }
}

#[test]
fn kept_nodes_stay_until_they_are_stopped() {
    let room = tempfile::tempdir().unwrap();
    let place = room.path().canonicalize().unwrap().join("demo");
    let output = treaty().args(["demo", "--json", "--keep", "--dir"]).arg(&place).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = report["nodes"].as_object().unwrap();
    assert_eq!(nodes.len(), 4);
    let ask = |profile: &str, words: &[&str]| {
        let answer = treaty().args(["--json", "--profile", profile]).args(words).output().unwrap();
        assert!(answer.status.success(), "{}", both(&answer));
        serde_json::from_slice::<Value>(&answer.stdout).unwrap()
    };
    for (member, node) in nodes {
        let profile = node["profile"].as_str().unwrap();
        assert_eq!(ask(profile, &["node", "status"])["name"], **member);
        assert_eq!(ask(profile, &["run", "list"])["items"][0]["state"], "completed");
        assert_eq!(ask(profile, &["catalog", "search", "salary"])["items"].as_array().unwrap().len(), 3);
    }
    for node in nodes.values() {
        send("-TERM", u32::try_from(node["process"].as_u64().unwrap()).unwrap());
    }
    assert_nothing_runs_in(&place);
}
