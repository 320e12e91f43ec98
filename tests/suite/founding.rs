//! What the commands of a founding say of its choices, and of what they need. Needs no CometBFT: that it is missing is
//! what is tried.

use std::path::Path;
use std::process::Output;

use crate::support::{both, treaty};

/// Where CometBFT is not.
fn run(words: &[&str]) -> Output {
    treaty().args(words).env("TREATY_COMETBFT", "/nowhere/cometbft").output().unwrap()
}

fn said(words: &[&str]) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words:?}: {}", both(&output));
    both(&output)
}

/// Makes nodes; answers with their cards and what was said of the last one.
fn nodes(room: &Path, names: &[&str], bft: bool) -> (Vec<String>, String) {
    let mut last = String::new();
    let cards = names.iter().zip(1..).map(|(name, number)| {
        let dir = room.join(name).display().to_string();
        let [peer, api, validator] =
            [1, 2, 3].map(|kind| format!("127.0.0.1:{}", 20_000 + 10 * number + kind));
        let words = ["node", "init", "--dir", &dir, "--name", name, "--peer", &peer, "--api", &api];
        let more = if bft { vec!["--bft", &validator] } else { Vec::new() };
        last = said(&[&words[..], &more].concat());
        format!("{dir}/card.json")
    });
    (cards.collect(), last)
}

#[test]
fn who_orders_together_learns_what_to_install() {
    let room = tempfile::tempdir().unwrap();
    let (cards, made) = nodes(room.path(), &["north", "lake", "south", "west"], true);
    let document = room.path().join("alliance.json").display().to_string();
    let words = ["alliance", "init", "--name", "faculties", "--bft", "--out", &document];
    let cards: Vec<_> = cards.iter().map(String::as_str).collect();
    let founded = said(&[&words[..], &cards].concat());
    assert!(founded.contains("nobody can delay it while 3 of 4 are up"), "{founded}");
    let north = room.path().join("north").display().to_string();
    said(&["alliance", "join", "--dir", &north, &document]);
    let started = run(&["node", "run", "--dir", &north]);
    assert!(!started.status.success());
    for said in [made, founded, both(&started)] {
        assert!(said.contains("go install github.com/cometbft/cometbft/cmd/cometbft@v0.38"), "{said}");
        assert!(said.contains("https://go.dev/dl") && said.contains("TREATY_COMETBFT"), "{said}");
    }
}

#[test]
fn founders_learn_what_becomes_of_an_operator_that_loses_its_key() {
    let room = tempfile::tempdir().unwrap();
    let document = room.path().join("alliance.json").display().to_string();
    let (cards, _) = nodes(room.path(), &["north", "lake", "south"], false);
    let words = ["alliance", "found", "--name", "faculties", "--operator", "north", "--out", &document];
    let of = |count: usize, more: &[&str]| {
        let cards: Vec<_> = cards[..count].iter().map(String::as_str).collect();
        said(&[&words[..], more, &cards].concat())
    };
    let three = of(3, &[]);
    assert!(
        three.contains("`north` orders the ledger: it can delay, but neither forge nor rewrite"),
        "{three}"
    );
    assert!(three.contains("2 of the 2 others can go on"), "{three}");
    for lone in [of(2, &[]), of(3, &["--quorum", "3"])] {
        assert!(lone.contains("nobody can go on without it: keep a backup"), "{lone}");
    }
    assert!(of(2, &["--quorum", "1"]).contains("1 of the 1 others can go on"));
}
