//! File sizes: a file has one subject, and a file of more than [`LINES_MAX`] lines has not found it yet.

use crate::finding::Finding;
use crate::tree::Tree;

/// The longest Rust file that needs no reason; aim for half of it.
const LINES_MAX: usize = 600;

/// A file that may be longer, but not longer than it already is.
struct Longer {
    path: &'static str,
    lines_max: usize,
    reason: &'static str,
}

/// Only ever shrinks: an entry leaves when its file is split.
const LONGER: &[Longer] = &[];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    check_against(tree, LONGER)
}

fn check_against(tree: &Tree, longer: &[Longer]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending_in(".rs") {
        let lines = text.lines().count();
        match longer.iter().find(|entry| entry.path == path) {
            Some(entry) if lines > entry.lines_max => findings.push(Finding::whole(
                path,
                format!(
                    "has {lines} lines, expected at most the {} agreed because {}; split it by subject",
                    entry.lines_max, entry.reason
                ),
            )),
            None if lines > LINES_MAX => findings.push(Finding::whole(
                path,
                format!("has {lines} lines, expected at most {LINES_MAX}; split it by subject"),
            )),
            _ => {}
        }
    }
    for entry in longer {
        let lines = tree.texts().get(entry.path).map_or(0, |text| text.lines().count());
        if lines <= LINES_MAX {
            findings.push(Finding::whole(
                entry.path,
                format!(
                    "has {lines} lines and needs no exception; remove it from the table in xtask/src/sizes.rs"
                ),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(lines: usize) -> Tree {
        Tree::of(&[("a.rs", &"\n".repeat(lines)), ("long.md", &"\n".repeat(2_000))])
    }

    fn agreed() -> [Longer; 1] {
        [Longer { path: "a.rs", lines_max: 700, reason: "it is one table" }]
    }

    #[test]
    fn a_file_at_the_limit_passes_and_one_line_more_does_not() {
        assert_eq!(check_against(&tree(600), &[]), []);
        let found = check_against(&tree(601), &[]);
        assert_eq!(found[0].to_string(), "a.rs: has 601 lines, expected at most 600; split it by subject");
    }

    #[test]
    fn an_agreed_length_holds_and_does_not_grow() {
        assert_eq!(check_against(&tree(700), &agreed()), []);
        assert_eq!(check_against(&tree(701), &agreed()).len(), 1);
    }

    #[test]
    fn an_exception_that_is_not_needed_is_found() {
        let found = check_against(&tree(300), &agreed());
        assert!(found[0].to_string().contains("needs no exception"), "{found:?}");
    }
}
