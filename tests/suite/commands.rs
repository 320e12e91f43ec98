//! Commands without a node: what they refuse, and how they say it.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::{both, treaty};

fn run(words: &[&str]) -> Output {
    treaty().args(words).output().unwrap()
}

fn refused(words: &[&str], code: i32, says: &str) {
    let output = run(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {}", both(&output));
    assert!(both(&output).contains(says), "{words:?}: {}", both(&output));
}

#[test]
fn commands_that_make_no_sense_exit_with_2_and_name_the_next_one() {
    refused(&["frobnicate"], 2, "unrecognized subcommand");
    refused(&["node", "status"], 2, "TREATY_PROFILE");
    refused(&["points"], 2, "TREATY_PROFILE");
    refused(&["contract", "draft", "--title", "t"], 2, "without a draft file, --purpose is needed");
    refused(&["data", "import", "x.txt", "--name", "x"], 2, "ends neither in .csv nor in .parquet");
    refused(&["contract", "draft", "--expires-in", "soon"], 2, "not a span of time");
    refused(
        &["alliance", "found", "--name", "a", "--operator", "o", "--points", "x", "--out", "o", "c"],
        2,
        "north=1000",
    );
}

#[test]
fn what_fails_exits_with_1_and_says_why() {
    refused(&["--profile", "/nowhere/profile.json", "points"], 1, "cannot read the profile");
    refused(
        &["demo", "nonsense"],
        1,
        "neither a shipped scenario (`salaries`, `hospitals`, `refusals`, `banks`, `alliance`)",
    );
    refused(
        &["verify", "/nowhere/a.proof", "--alliance", "/nowhere/a.json"],
        1,
        "cannot read `/nowhere/a.proof`",
    );
    refused(&["node", "run", "--dir", "/nowhere"], 1, "has joined no alliance");
    refused(&["--json", "demo", "nonsense"], 1, r#"{"error":{"#);
}

fn init(directory: &Path, name: &str) -> Output {
    let home = directory.join(name);
    treaty()
        .args([
            "node",
            "init",
            "--name",
            name,
            "--peer",
            "127.0.0.1:7100",
            "--api",
            "127.0.0.1:7101",
            "--dir",
        ])
        .arg(home)
        .output()
        .unwrap()
}

/// Keys are made once, are readable by their owner alone, and never printed.
#[test]
fn a_member_is_set_up_by_commands_alone() {
    use std::os::unix::fs::PermissionsExt;

    let room = tempfile::tempdir().unwrap();
    let made = init(room.path(), "north");
    assert!(made.status.success(), "{}", both(&made));
    assert!(both(&made).contains("not encrypted"), "{}", both(&made));
    let home = room.path().join("north");
    for private in ["member.key", "node.key.pem", "profile.json"] {
        let mode = fs::metadata(home.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    let seed = fs::read_to_string(home.join("member.key")).unwrap();
    assert!(!both(&made).contains(seed.trim()));
    let again = init(room.path(), "north");
    assert_eq!(again.status.code(), Some(1));
    assert!(both(&again).contains("already holds a node"), "{}", both(&again));

    let path = |name: &str| room.path().join(name).display().to_string();
    let (card, alliance, ada) = (path("north/card.json"), path("alliance.json"), path("ada.json"));
    let found = run(&[
        "alliance",
        "found",
        "--name",
        "a",
        "--operator",
        "north",
        "--points",
        "north=5",
        "--out",
        &alliance,
        &card,
    ]);
    assert!(found.status.success(), "{}", both(&found));
    let joined = run(&["alliance", "join", "--dir", &path("north"), &alliance]);
    assert!(joined.status.success(), "{}", both(&joined));
    let shown = run(&["alliance", "show", &alliance]);
    assert!(both(&shown).contains("orders the ledger"), "{}", both(&shown));
    let added = run(&[
        "person",
        "add",
        "--dir",
        &path("north"),
        "--name",
        "ada",
        "--scope",
        "read,run",
        "--out",
        &ada,
    ]);
    assert!(added.status.success(), "{}", both(&added));
    assert_eq!(fs::metadata(&ada).unwrap().permissions().mode() & 0o777, 0o600);
}
