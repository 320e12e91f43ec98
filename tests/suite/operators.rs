//! The member that orders the ledger changes its key, hands the ledger over and leaves, on real nodes.

use serde_json::Value;

use crate::alliance::{Alliance, MEMBERS};

#[test]
fn the_operator_changes_its_key_hands_the_ledger_over_and_leaves() {
    let mut alliance = Alliance::founded();
    give(&alliance, "north", "lake", "10");
    give(&alliance, "north", "south", "10");
    rotate(&mut alliance);
    hand_over(&mut alliance);
    leave(&mut alliance);
}

fn give(alliance: &Alliance, from: &str, to: &str, points: &str) {
    alliance.text(from, &["points", "give", to, points, "--note", "still there"]);
}

fn rotate(alliance: &mut Alliance) {
    let rotated = alliance.json("north", &["member", "rotate-key"]);
    assert_ne!(rotated["member"], rotated["key"]);
    give(alliance, "lake", "north", "1");
    // With the new key alone on its disk.
    alliance.kill("north");
    alliance.run("north");
    give(alliance, "south", "north", "1");
    same_everywhere(alliance, &MEMBERS);
}

fn hand_over(alliance: &mut Alliance) {
    let itself = alliance.refused("lake", &["alliance", "propose", "operator", "north"]);
    assert!(itself.contains("orders the log already"), "{itself}");
    pass(alliance, "north", &["operator", "lake"]);
    for member in MEMBERS {
        alliance.until(member, &["node", "status"], |status| status["operator"] == "lake");
    }
    for (from, to) in [("south", "north"), ("north", "lake"), ("lake", "south")] {
        give(alliance, from, to, "1");
    }
    alliance.kill("north");
    give(alliance, "south", "lake", "1");
    alliance.kill("lake");
    alliance.run("north");
    alliance.run("lake");
    give(alliance, "north", "south", "1");
    same_everywhere(alliance, &MEMBERS);
}

fn leave(alliance: &mut Alliance) {
    let stays = alliance.refused("lake", &["alliance", "propose", "leave"]);
    assert!(stays.contains("before it has handed the log over"), "{stays}");
    pass(alliance, "north", &["leave"]);
    let two = |status: &Value| status["members"].as_array().is_some_and(|members| members.len() == 2);
    for member in ["lake", "south"] {
        alliance.until(member, &["node", "status"], two);
    }
    alliance.kill("north");
    give(alliance, "south", "lake", "1");
    same_everywhere(alliance, &["lake", "south"]);
}

/// A member proposes, and votes come in until it is decided. Who voted last knows, for its node has its vote: another's
/// may be behind.
fn pass(alliance: &Alliance, by: &str, what: &[&str]) {
    let proposal = alliance.json(by, &[&["alliance", "propose"], what].concat());
    let id = proposal["id"].as_str().unwrap();
    let mut last = by;
    for member in MEMBERS {
        let known = |page: &Value| page.to_string().contains(id);
        let page = alliance.until(last, &["alliance", "proposals"], known);
        let items = page["items"].as_array().unwrap();
        if items.iter().any(|item| item["id"] == *id && item["record"]["verdict"].is_null()) {
            alliance.until(member, &["alliance", "proposals"], known);
            alliance.text(member, &["alliance", "vote", id]);
            last = member;
        }
    }
}

fn same_everywhere(alliance: &Alliance, members: &[&str]) {
    let first = alliance
        .until(members[0], &["node", "status"], |status| status["entries"] == status["final_entries"]);
    for member in members {
        alliance.until(member, &["node", "status"], |status| {
            status["root"] == first["root"] && status["entries"] == status["final_entries"]
        });
    }
}
