//! Compute parties whose nodes are killed in the middle of the protocol, under a scheme that lets them vanish.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use api::types::runs::{RunView, StartRun};
use api::{Client, Profile};
use serde_json::Value;

use crate::demonstrations::{five_employers, send};
use crate::support::{assert_nothing_runs_in, both, treaty, verify};

/// The nodes of a demonstration that were kept.
struct Nodes(Value);

impl Nodes {
    fn client(&self, member: &str) -> Client {
        let profile = self.0[member]["profile"].as_str().unwrap();
        Client::new(&Profile::read(Path::new(profile)).unwrap()).unwrap()
    }

    fn signal(&self, member: &str, signal: &str) {
        send(signal, u32::try_from(self.0[member]["process"].as_u64().unwrap()).unwrap());
    }
}

/// A test that fails leaves none of them running.
impl Drop for Nodes {
    fn drop(&mut self) {
        let ids = self.0.as_object().into_iter().flatten().filter_map(|(_, node)| node["process"].as_u64());
        for id in ids.filter(|_| std::thread::panicking()) {
            Command::new("kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status().ok();
        }
    }
}

/// A member's node, once it serves.
fn started(directory: &Path) -> Child {
    let mut node = treaty()
        .args(["node", "run", "--stop-with-parent", "--dir"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ready "), "{line}");
    node
}

/// Looks at a run on a node until it is as wanted.
fn until(client: &Client, run: &str, wanted: impl Fn(&RunView) -> bool) -> RunView {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let found = client.run(run).ok();
        if let Some(view) = found.clone().filter(|view| wanted(view)) {
            return view;
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Two of five may collude, and as many vanish. South has computed its first group of instructions when it is killed, which it
/// could not unless all had prepared the computation; it comes back at once and leaves the run to the others, shore does not.
#[test]
fn a_run_completes_though_two_of_five_compute_parties_are_killed_in_it() {
    let room = tempfile::tempdir().unwrap();
    let (scenario, place) = (room.path().join("five"), room.path().canonicalize().unwrap().join("demo"));
    five_employers(&scenario, "shamir_resilient");
    let output =
        treaty().args(["demo", "--json", "--keep"]).arg(&scenario).arg("--dir").arg(&place).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = Nodes(report["nodes"].clone());
    let complete = &report["runs"][0];

    let (hill, south) = (nodes.client("hill"), nodes.client("south"));
    let contract = complete["contract_id"].as_str().unwrap().to_owned();
    let run = hill.start_run(&StartRun { contract, purpose: None }).unwrap().id;
    let begun = |view: &RunView| view.progress.as_ref().is_some_and(|progress| progress.done > 0);
    let view = until(&south, &run, |view| begun(view) || view.is_over());
    assert_eq!(view.state, "running", "it was over before a node could be killed");
    nodes.signal("south", "-KILL");
    nodes.signal("shore", "-KILL");
    let home = place.join("members/south");
    assert_nothing_runs_in(&home);
    let mut back = started(&home);

    let ended = until(&hill, &run, RunView::is_over);
    assert_eq!(ended.state, "completed", "{ended:#?}");
    let mut receipts = ended.receipts_by;
    receipts.sort();
    assert_eq!(receipts, ["hill", "lake", "north"]);
    let result = loop {
        match hill.result(&run) {
            Ok(result) => break result,
            Err(error) if error.rule() == Some("unavailable") => {
                std::thread::sleep(Duration::from_millis(20))
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(serde_json::to_value(&result).unwrap(), complete["result"]);

    let proof = place.join("without-two.proof");
    let profile = report["nodes"]["hill"]["profile"].as_str().unwrap();
    let exported =
        treaty().args(["--profile", profile, "proof", "export", &run, "--out"]).arg(&proof).output().unwrap();
    assert!(exported.status.success(), "{}", both(&exported));
    let held = verify(&proof, Path::new(report["alliance"].as_str().unwrap()));
    assert!(held.status.success(), "{}", both(&held));

    back.kill().unwrap();
    back.wait().unwrap();
    for member in ["north", "lake", "hill"] {
        nodes.signal(member, "-TERM");
    }
    assert_nothing_runs_in(&place);
    fs::remove_dir_all(&place).unwrap();
}
