//! `treaty demo salaries`: what it shows, what its logs keep to themselves, and a proof of which no byte may change.

use std::fs;

use crate::support::{Demo, assert_run_is_sound, both, telling_values, verify};
use serde_json::{Value, json};

/// Counts are those of the files; assistant professors of the theoretical departments are 24, under the floor of 25.
#[test]
fn salaries_shows_the_whole_path() {
    let demo = Demo::of("salaries");
    assert_run_is_sound(&demo);
    let groups: Vec<Value> = demo.report["result"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!(row.as_array().unwrap()[..3]))
        .collect();
    let expected = [
        json!(["AssocProf", "A", 26]),
        json!(["AssocProf", "B", 38]),
        json!(["AsstProf", "B", 43]),
        json!(["Prof", "A", 131]),
        json!(["Prof", "B", 135]),
    ];
    assert_eq!(groups, expected);
    assert_eq!(demo.report["result"]["suppressed"], json!([["AsstProf", "A"]]));
    assert_eq!(demo.report["egress"]["watchdog"], json!([]), "a regulator only reads");

    no_log_tells_a_value_or_a_key(&demo);
    no_byte_of_the_proof_may_change(&demo);
}

/// At level `debug`, which is more than an operator usually keeps.
fn no_log_tells_a_value_or_a_key(demo: &Demo) {
    let values = telling_values(&["salaries/north.csv", "salaries/lake.csv", "salaries/south.csv"]);
    assert!(values.len() > 300, "{} values", values.len());
    for member in demo.members() {
        let log = fs::read_to_string(demo.directory.join("logs").join(format!("{member}.log"))).unwrap();
        assert!(log.contains("permitted") || log.contains("ready"), "the log of `{member}` is empty");
        for token in tokens(&log) {
            assert!(!values.contains(token), "the log of `{member}` tells the value {token}");
        }
        for secret in secrets(demo, &member) {
            assert!(!log.contains(&secret), "the log of `{member}` tells a key");
        }
    }
}

/// Numbers and words; what belongs to a time of day or to an address is not one.
fn tokens(log: &str) -> impl Iterator<Item = &str> {
    let words = log.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_')));
    words.map(|word| word.trim_matches(['.', ':']))
}

/// The member's seed, its first person's seed, and the private key of its certificate.
fn secrets(demo: &Demo, member: &str) -> Vec<String> {
    let home = demo.directory.join("members").join(member);
    let read = |file: &str| fs::read_to_string(home.join(file)).unwrap();
    let profile: Value = serde_json::from_str(&read("profile.json")).unwrap();
    let pem = read("node.key.pem");
    let body = pem.lines().filter(|line| !line.starts_with("-----")).max_by_key(|line| line.len()).unwrap();
    let secrets =
        [read("member.key").trim().to_owned(), profile["key"].as_str().unwrap().to_owned(), body.to_owned()];
    assert!(secrets.iter().all(|secret| secret.len() >= 32));
    secrets.into()
}

/// Every byte is tried by the ledger's own tests; here places all over the file, through the command.
fn no_byte_of_the_proof_may_change(demo: &Demo) {
    let proof = fs::read(demo.proof()).unwrap();
    let changed_path = demo.directory.join("changed.proof");
    for place in (0..proof.len()).step_by(proof.len() / 12) {
        let mut changed = proof.clone();
        changed[place] ^= 1;
        fs::write(&changed_path, &changed).unwrap();
        let outcome = verify(&changed_path, &demo.alliance());
        assert_eq!(outcome.status.code(), Some(1), "byte {place}: {}", both(&outcome));
        assert!(both(&outcome).contains("proves nothing: "), "byte {place}: {}", both(&outcome));
    }
}
