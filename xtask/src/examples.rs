//! Examples carry real data, so each says where it comes from and under which licence.

use crate::finding::Finding;
use crate::tree::Tree;

/// How the two lines begin.
const STATEMENTS: [&str; 2] = ["Source:", "Licence:"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for example in tree.folders_in("examples") {
        let path = format!("examples/{example}/README.md");
        let Some(text) = tree.texts().get(&path) else {
            findings.push(Finding::whole(&path, "is missing; every example is described there"));
            continue;
        };
        for statement in STATEMENTS {
            let stated = text
                .lines()
                .filter_map(|line| line.strip_prefix(statement))
                .any(|rest| !rest.trim().is_empty());
            if !stated {
                findings.push(Finding::whole(
                    &path,
                    format!("has no line `{statement} …`, which every example needs"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_states_both_passes() {
        let tree = Tree::of(&[
            ("examples/a/README.md", "# a\n\nSource: x\n\nLicence: y\n"),
            ("examples/a/a.csv", ""),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_missing_readme_and_an_empty_statement_are_found() {
        let tree = Tree::of(&[("examples/a/README.md", "Source: x\nLicence:\n"), ("examples/b/b.csv", "")]);
        let found: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("examples/a/README.md: has no line `Licence: …`"), "{found:?}");
        assert!(found[1].starts_with("examples/b/README.md: is missing"), "{found:?}");
    }
}
