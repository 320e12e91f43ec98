//! Conflicts of a merge that were committed with their markers.

use crate::finding::Finding;
use crate::tree::Tree;

const MARKERS: [&str; 2] = ["<<<<<<< ", ">>>>>>> "];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            if MARKERS.iter().any(|marker| line.starts_with(marker)) {
                findings.push(Finding::at(path, index + 1, "a merge's conflict is left to be resolved"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_with_file_and_line() {
        let tree = Tree::of(&[
            ("a.md", "one\n<<<<<<< HEAD\ntwo\n=======\nthree\n>>>>>>> other\n"),
            ("b.md", "a << b\n"),
        ]);
        let found: Vec<_> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("a.md:2: "), "{found:?}");
    }
}
