//! Members that order together get other keys for their validators, on real nodes with CometBFT beside each.

use std::fs;

use serde_json::Value;

use crate::alliance::Alliance;
use crate::support::{both, treaty};

const MEMBERS: [&str; 4] = ["north", "lake", "south", "west"];
const KEY: &str = "bft/config/priv_validator_key.json";
const NEXT: &str = "bft/config/priv_validator_key.next.json";
const NODE_KEY: &str = "bft/config/node_key.json";

#[test]
#[ignore = "needs cometbft: run `.ci/bft`"]
fn validators_get_other_keys_by_plan_and_after_a_loss() {
    let mut alliance = Alliance::founded_by_all(&MEMBERS);
    give(&alliance, "north", "lake");
    by_plan(&mut alliance);
    after_a_loss(&mut alliance);
}

fn give(alliance: &Alliance, from: &str, to: &str) {
    alliance.text(from, &["points", "give", to, "1", "--note", "still there"]);
}

fn key(alliance: &Alliance, member: &str) -> String {
    let file: Value =
        serde_json::from_slice(&fs::read(alliance.path(&format!("{member}/{KEY}"))).unwrap()).unwrap();
    file["pub_key"]["value"].as_str().unwrap().to_owned()
}

/// Until the key on disk is the next one.
fn in_place(alliance: &Alliance, member: &str) {
    for _ in 0..600 {
        if !fs::exists(alliance.path(&format!("{member}/{NEXT}"))).unwrap() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the next key of `{member}` never came into place");
}

fn by_plan(alliance: &mut Alliance) {
    let old = key(alliance, "lake");
    alliance.text("lake", &["member", "renew-card", "--validator"]);
    give(alliance, "south", "lake");
    in_place(alliance, "lake");
    assert_ne!(key(alliance, "lake"), old);
    // Three of four must vote on a block, and lake is one of the three.
    alliance.kill("north");
    give(alliance, "west", "lake");
    give(alliance, "lake", "west");
    alliance.run("north");
    give(alliance, "north", "lake");
}

fn after_a_loss(alliance: &mut Alliance) {
    alliance.kill("south");
    let home = alliance.path("south");
    for lost in [KEY, NODE_KEY] {
        fs::remove_file(alliance.path(&format!("south/{lost}"))).unwrap();
    }
    let stopped = treaty().args(["node", "run", "--dir", &home]).output().unwrap();
    assert!(!stopped.status.success());
    assert!(both(&stopped).contains("treaty member new-validator"), "{}", both(&stopped));
    alliance.plain(&["member", "new-validator", "--dir", &home]);
    give(alliance, "north", "west");
    alliance.run("south");
    // Another member's node hands its card in; its process is let in then, and catches up.
    let profile = alliance.path("south/profile.json");
    let renew = ["--profile", &profile, "member", "renew-card", "--validator"];
    let renewed = treaty().args(renew).output().unwrap();
    let said = both(&renewed);
    assert!(renewed.status.success() || said.contains("is on the ledger"), "{said}");
    in_place(alliance, "south");
    alliance.until("south", &["node", "status"], |status| {
        status["entries"] == status["final_entries"] && status["entries"].as_u64() > Some(8)
    });
    alliance.kill("lake");
    give(alliance, "west", "north");
    give(alliance, "south", "north");
    let first =
        alliance.until("north", &["node", "status"], |status| status["entries"] == status["final_entries"]);
    for member in ["south", "west"] {
        alliance.until(member, &["node", "status"], |status| status["root"] == first["root"]);
    }
}
