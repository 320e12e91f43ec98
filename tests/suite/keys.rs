//! Members that change their keys and certificates, on real nodes that are killed meanwhile.

use serde_json::Value;

use crate::alliance::{Alliance, MEMBERS};

#[test]
fn a_member_changes_key_and_certificate_and_is_still_itself() {
    let mut alliance = Alliance::founded();
    rotate(&mut alliance);
    renew(&mut alliance);
    lose(&mut alliance);
    refuse(&alliance);
}

fn give(alliance: &Alliance, from: &str, to: &str) {
    alliance.text(from, &["points", "give", to, "1", "--note", "still there"]);
}

fn identity(alliance: &Alliance, member: &str) -> Value {
    alliance.json(member, &["node", "status"])["member"].clone()
}

/// The node signs, cosigns and is written to as before; also one that ended between the vote and its own files.
fn rotate(alliance: &mut Alliance) {
    alliance.text("north", &["points", "give", "lake", "10", "--note", "to begin with"]);
    let before = identity(alliance, "lake");
    let old = std::fs::read(alliance.path("lake/member.key")).unwrap();
    let rotated = alliance.json("lake", &["member", "rotate-key"]);
    assert_eq!(rotated["member"], before);
    assert_ne!(rotated["key"], before);
    assert_ne!(std::fs::read(alliance.path("lake/member.key")).unwrap(), old);
    assert!(!std::path::Path::new(&alliance.path("lake/member.key.next")).exists());
    give(alliance, "lake", "south");
    alliance.kill("south");
    // Only lake can make this final, with the new key.
    give(alliance, "north", "lake");
    let checkpoint = alliance.text("north", &["ledger", "checkpoint"]);
    assert!(checkpoint.contains(rotated["key"].as_str().unwrap()), "{checkpoint}");

    // As after a crash between the ledger's entry and the switch on disk: both files are there.
    alliance.kill("lake");
    let [present, next] = ["lake/member.key", "lake/member.key.next"].map(|file| alliance.path(file));
    std::fs::rename(&present, &next).unwrap();
    std::fs::write(&present, old).unwrap();
    alliance.run("lake");
    give(alliance, "lake", "north");
    assert!(!std::path::Path::new(&next).exists(), "the key that counts took its place");
    assert_eq!(identity(alliance, "lake"), before);
    alliance.run("south");
    // A person whom the member delegated with its first key, and one with its second.
    let (home, profile) = (alliance.path("lake"), alliance.path("ada.json"));
    alliance.plain(&["person", "add", "--dir", &home, "--name", "ada", "--out", &profile]);
    alliance.plain(&["--profile", &profile, "node", "status"]);
}

/// Others hear the new certificate at once; a node that was away from its own renewal finds it out.
fn renew(alliance: &mut Alliance) {
    alliance.text("lake", &["member", "renew-card", "--certificate"]);
    let words =
        ["--jurisdiction", "DE", "--operated-by", "Lake", "--hosted-by", "own rooms", "--region", "Konstanz"];
    alliance.text("lake", &[&["member", "renew-card"][..], &words].concat());
    let place = |page: &Value| page.to_string().contains("Konstanz");
    alliance.until("south", &["alliance", "members"], place);
    assert!(std::path::Path::new(&alliance.path("lake/peer.pem")).exists());
    give(alliance, "lake", "north");
    // The others forget the grace in which they heard the old certificate too.
    for name in MEMBERS {
        alliance.kill(name);
    }
    for name in ["north", "lake"] {
        alliance.run(name);
    }
    give(alliance, "lake", "north");
    give(alliance, "north", "lake");

    // As after a crash between the renewal's entry and its own replica's: the old certificate in its place, the new
    // one prepared, the entry unseen.
    alliance.kill("lake");
    let [present, next] = ["lake/peer.pem", "lake/peer.pem.next"].map(|file| alliance.path(file));
    std::fs::rename(&present, &next).unwrap();
    std::fs::remove_file(alliance.path("lake/ledger.redb")).unwrap();
    alliance.run("lake");
    alliance.run("south");
    let north = alliance.json("north", &["node", "status"]);
    alliance.until("lake", &["node", "status"], |status| status["root"] == north["root"]);
    give(alliance, "lake", "north");
    assert!(std::path::Path::new(&present).exists() && !std::path::Path::new(&next).exists());
}

/// South loses its key; the others put another in its place.
fn lose(alliance: &mut Alliance) {
    give(alliance, "lake", "south");
    alliance.kill("south");
    std::fs::remove_file(alliance.path("south/member.key")).unwrap();
    let (home, file) = (alliance.path("south"), alliance.path("south-key.json"));
    alliance.plain(&["member", "new-key", "--dir", &home, "--out", &file]);
    alliance.run("south");
    let mute = alliance.refused("south", &["points", "give", "lake", "1", "--note", "without a key"]);
    assert!(mute.contains("is not on this node"), "{mute}");
    let proposal = alliance.json("lake", &["alliance", "propose", "replace-key", &file]);
    let id = proposal["id"].as_str().unwrap();
    for member in ["lake", "north"] {
        alliance.until(member, &["alliance", "proposals"], |page| page.to_string().contains(id));
        alliance.text(member, &["alliance", "vote", id]);
    }
    let new: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let taken = |page: &Value| page["items"].to_string().matches(new["key"].as_str().unwrap()).count() == 1;
    alliance.until("south", &["alliance", "members"], taken);
    give(alliance, "south", "lake");
    assert!(std::path::Path::new(&alliance.path("south/member.key")).exists());
}

fn refuse(alliance: &Alliance) {
    let half =
        crate::support::treaty().args(["member", "renew-card", "--jurisdiction", "DE"]).output().unwrap();
    assert_eq!(half.status.code(), Some(2));
    let profile = alliance.path("reader.json");
    let home = alliance.path("lake");
    alliance.plain(&["person", "add", "--dir", &home, "--name", "eve", "--scope", "read", "--out", &profile]);
    for words in [&["member", "rotate-key"][..], &["member", "renew-card", "--certificate"]] {
        let output = crate::support::treaty().args(["--profile", &profile]).args(words).output().unwrap();
        let said = crate::support::both(&output);
        assert!(said.contains("needs the scope `govern`"), "{said}");
    }
}
