//! The member that orders the ledger loses its key: the others go on, on real nodes, and it comes back.

use std::fs;

use crate::alliance::{Alliance, MEMBERS};

#[test]
fn members_go_on_without_the_operators_key_and_it_comes_back() {
    let mut alliance = Alliance::founded();
    give(&alliance, "north", "lake");
    give(&alliance, "north", "south");
    let file = alliance.path("south.json");
    let itself = alliance.refused("south", &["alliance", "succeed", "sign", "north", "--out", &file]);
    assert!(itself.contains("orders the log already") && itself.contains("by vote"), "{itself}");
    let by_itself = alliance.refused("north", &["alliance", "succeed", "sign", "lake", "--out", &file]);
    assert!(by_itself.contains("has no voice in this"), "{by_itself}");

    alliance.kill("north");
    fs::remove_file(alliance.path("north/member.key")).unwrap();
    let stands = alliance.refused("south", &["points", "give", "lake", "1", "--note", "who orders it?"]);
    assert!(stands.contains("does not answer"), "{stands}");

    let signed = alliance.json("south", &["alliance", "succeed", "sign", "lake", "--out", &file]);
    assert!(signed["size"].as_u64().unwrap() > 1);
    let other = alliance.refused("south", &["alliance", "succeed", "sign", "south", "--out", &file]);
    assert!(other.contains("has signed that `lake` orders the log"), "{other}");
    let text = fs::read_to_string(&file).unwrap();
    let size = format!("\"size\": {}", signed["size"]);
    let bent = alliance.write("bent.json", &text.replace(&size, "\"size\": 2"));
    let apart = alliance.refused("lake", &["alliance", "succeed", "take", &bent]);
    assert!(apart.contains("after 2 entries") && apart.contains("sign again"), "{apart}");
    let taken = alliance.json("lake", &["alliance", "succeed", "take", &file]);
    assert_eq!(taken["entry"], signed["size"]);

    for member in ["lake", "south"] {
        alliance.until(member, &["node", "status"], |status| status["operator"] == "lake");
    }
    give(&alliance, "south", "lake");
    give(&alliance, "lake", "south");

    // North gets another key by vote, follows, and takes part again.
    let key = alliance.path("north-key.json");
    alliance.plain(&["member", "new-key", "--dir", &alliance.path("north"), "--out", &key]);
    let proposal = alliance.json("south", &["alliance", "propose", "replace-key", &key]);
    let id = proposal["id"].as_str().unwrap();
    for member in ["south", "lake"] {
        alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(id));
        alliance.text(member, &["alliance", "vote", id]);
    }
    alliance.run("north");
    alliance.until("north", &["node", "status"], |status| status["operator"] == "lake");
    alliance.until("north", &["node", "status"], |status| status["entries"] == status["final_entries"]);
    give(&alliance, "north", "lake");
    // As does an operator that is started anew.
    alliance.kill("lake");
    alliance.run("lake");
    give(&alliance, "north", "south");
    let first =
        alliance.until("lake", &["node", "status"], |status| status["entries"] == status["final_entries"]);
    for member in MEMBERS {
        alliance.until(member, &["node", "status"], |status| status["root"] == first["root"]);
    }
}

fn give(alliance: &Alliance, from: &str, to: &str) {
    alliance.text(from, &["points", "give", to, "1", "--note", "still there"]);
}
