//! Other rules of the ledger: members see whose nodes have them, and a node that lacks them stops and can be read.

use std::fs;

use serde_json::Value;

use crate::alliance::{Alliance, MEMBERS};
use crate::support::{both, treaty};

#[test]
fn nodes_that_lack_adopted_rules_stand_still_and_say_so() {
    let mut alliance = Alliance::founded();
    stand_still(&mut alliance, &MEMBERS);
}

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn nodes_that_order_together_stand_still_too() {
    let members = ["north", "lake", "south", "west"];
    let mut alliance = Alliance::founded_by_all(&members);
    stand_still(&mut alliance, &members);
}

fn stand_still(alliance: &mut Alliance, members: &[&str]) {
    let entries = alliance.json("north", &["node", "status"])["entries"].as_u64().unwrap();
    let rules = alliance.json("lake", &["alliance", "rules"]);
    assert_eq!((&rules["holds"], &rules["since"], &rules["known"]), (&1.into(), &0.into(), &1.into()));
    let known = rules["members"].as_array().unwrap().iter().map(|member| &member["known"]);
    assert_eq!(known.collect::<Vec<_>>(), vec![1; members.len()]);

    // By accident it is neither proposed nor approved.
    let from = entries + 8;
    let start = from.to_string();
    let propose = ["alliance", "propose", "protocol", "2", &start];
    let refused = held_back(alliance, "north", &propose);
    assert!(refused.contains("lacks it: ") && refused.contains("south"), "{refused}");
    let propose = [&propose[..], &["--although-missing"]].concat();
    let proposal = alliance.json("north", &propose)["id"].as_str().unwrap().to_owned();
    for member in &members[1..] {
        alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(&proposal));
    }
    let shown = alliance.text("south", &["alliance", "proposals"]);
    assert!(shown.contains("version 2: lacks it: ") && shown.contains("lake"), "{shown}");
    let refused = held_back(alliance, "lake", &["alliance", "vote", &proposal]);
    assert!(refused.contains("--although-missing"), "{refused}");
    for member in &members[..members.len() - 1] {
        alliance.json(member, &["alliance", "vote", &proposal, "--although-missing"]);
    }
    let rules = alliance.until("south", &["alliance", "rules"], |rules| rules["next"].is_object());
    assert_eq!((&rules["next"]["version"], &rules["next"]["from"]), (&2.into(), &from.into()));

    // Up to the last entry under the rules that they have, and no further.
    let status = |alliance: &Alliance, member: &str| alliance.json(member, &["node", "status"]);
    while status(alliance, "north")["entries"].as_u64() < Some(from) {
        alliance.text("north", &["points", "give", "lake", "1", "--note", "still there"]);
    }
    for member in members {
        let stopped = alliance.until(member, &["node", "status"], |status| {
            status["entries"] == from && status["final_entries"] == from
        });
        assert_stopped(&stopped, from);
        let refused = alliance.refused(member, &["points", "give", "north", "1", "--note", "more?"]);
        assert!(refused.contains("version 2") && refused.contains("install a build"), "{refused}");
        assert!(refused.contains("treaty alliance rules"), "{refused}");
    }
    // So also when it is started again, and it still answers.
    let before = status(alliance, "lake");
    alliance.kill("lake");
    alliance.run("lake");
    let after = alliance.until("lake", &["node", "status"], |status| status["root"] == before["root"]);
    assert_stopped(&after, from);
    assert!(alliance.text("lake", &["points"]).contains("north"));
    assert!(alliance.text("lake", &["node", "status"]).contains("stopped   from entry"));
    let log = fs::read_to_string(alliance.path("lake.log")).unwrap();
    let said = log.lines().filter(|line| line.contains("install a build that has it")).count();
    assert_eq!(said, 2, "once at each start: {log}");
}

/// What the command line does not hand to the node; answers with what it says.
fn held_back(alliance: &Alliance, member: &str, words: &[&str]) -> String {
    let profile = alliance.path(&format!("{member}/profile.json"));
    let output = treaty().args(["--profile", &profile]).args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {}", both(&output));
    both(&output)
}

fn assert_stopped(status: &Value, from: u64) {
    let stopped = status["stopped"].as_str().unwrap_or_default();
    assert!(stopped.contains(&format!("from entry {from} on")), "{status}");
    assert_eq!((&status["rules"], &status["rules_since"]), (&2.into(), &from.into()), "{status}");
}
