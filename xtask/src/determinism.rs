//! The crates that every member runs to the same result hold nothing that could differ from machine to machine.

use crate::finding::Finding;
use crate::rust::RustFile;

const DETERMINISTIC: [&str; 3] = ["contract", "ledger", "program"];

/// A name and what to use instead.
const FORBIDDEN: [(&str, &str); 7] = [
    ("HashMap", "its order differs from run to run; use `BTreeMap`"),
    ("HashSet", "its order differs from run to run; use `BTreeSet`"),
    ("SystemTime", "time comes in as data"),
    ("Instant", "time comes in as data"),
    ("f32", "floating point differs between machines; use integers with a stated scale"),
    ("f64", "floating point differs between machines; use integers with a stated scale"),
    ("rand", "randomness comes in as data"),
];

/// The files that refuse floating point, for which they have to name it.
const REFUSING: [&str; 2] =
    ["crates/contract/src/canonical/name.rs", "crates/contract/src/canonical/writer.rs"];

pub(crate) fn check(files: &[RustFile<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let Some(name) = file.crate_name().filter(|name| DETERMINISTIC.contains(name)) else { continue };
        let refuses = REFUSING.contains(&file.path());
        for (word, instead) in
            FORBIDDEN.iter().filter(|(word, _)| !(refuses && matches!(*word, "f32" | "f64")))
        {
            for offset in file.words(word).filter(|offset| !file.is_test_at(*offset)) {
                let message = format!("`{word}` in crate `{name}`, which is deterministic: {instead}");
                findings.push(Finding::at(file.path(), file.line(offset), message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[RustFile::new(path, text)]).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn every_forbidden_name_is_found() {
        for (word, _) in FORBIDDEN {
            assert_eq!(found("crates/ledger/src/a.rs", &format!("use {word};")).len(), 1, "{word}");
        }
        let path = "crates/contract/src/a.rs";
        let first = &found(path, "\nfn a(x: f64) {}")[0];
        assert!(first.starts_with("crates/contract/src/a.rs:2: `f64` in crate `contract`"), "{first}");
    }

    #[test]
    fn other_crates_tests_and_prose_are_free() {
        assert_eq!(found("crates/node/src/a.rs", "use std::time::Instant;"), [""; 0]);
        assert_eq!(found(REFUSING[0], "fn a(_: f64) {}"), [""; 0]);
        assert_eq!(found("crates/ledger/tests/a.rs", "use std::collections::HashMap;"), [""; 0]);
        assert_eq!(found("crates/ledger/src/a.rs", "// no f64 here\nfn as_f64() {}"), [""; 0]);
    }
}
