//! A Rust file as the rules read it: comments and literals blanked, attributes and what they cover found.
//!
//! This is a scanner, not a parser. It relies on rustfmt's layout only for the spelling of attributes.

mod scan;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::tree::Tree;

/// One `.rs` file.
pub(crate) struct RustFile<'a> {
    path: &'a str,
    /// The text with every comment and literal blanked; offsets and lines are those of the file.
    code: String,
    attributes: Vec<Attribute>,
    /// Whether the file as a whole is compiled for tests only.
    is_test: bool,
    tests: Vec<Range<usize>>,
}

/// One `#[…]` or `#![…]`.
pub(crate) struct Attribute {
    range: Range<usize>,
    /// Everything it applies to: the item or statement after it, or the whole file for `#![…]`.
    covers: Range<usize>,
}

impl<'a> RustFile<'a> {
    /// Every Rust file, with those that only tests compile marked: by their folder, or by `#[cfg(test)] mod x;`.
    pub(crate) fn of_tree(tree: &'a Tree) -> Vec<Self> {
        let mut files: Vec<Self> = tree.ending_in(".rs").map(|(path, text)| Self::new(path, text)).collect();
        let test_modules: BTreeSet<String> = files.iter().flat_map(Self::test_modules).collect();
        for file in &mut files {
            file.is_test |= test_modules.iter().any(|module| {
                let rest = file.path.strip_prefix(module.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
        files
    }

    pub(crate) fn new(path: &'a str, text: &str) -> Self {
        let code = scan::blank_comments_and_literals(text);
        let attributes = scan::attributes(&code);
        let tests = attributes
            .iter()
            .filter(|attribute| is_for_tests(&code[attribute.range.clone()]))
            .map(|attribute| attribute.covers.clone())
            .collect();
        let is_test = path.split('/').any(|part| matches!(part, "tests" | "benches" | "fuzz"));
        Self { path, code, attributes, is_test, tests }
    }

    pub(crate) fn path(&self) -> &str {
        self.path
    }

    /// The crate's folder name where the file belongs to `crates/`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once('/').map(|(name, _)| name)
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Line number of an offset into [`Self::code`], from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.code.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    /// Whether only tests compile what stands at `offset`.
    pub(crate) fn is_test_at(&self, offset: usize) -> bool {
        self.is_test || self.tests.iter().any(|range| range.contains(&offset))
    }

    /// Offset and text of every attribute.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (usize, &str)> {
        self.attributes.iter().map(|attribute| (attribute.range.start, &self.code[attribute.range.clone()]))
    }

    /// Whether an `#[expect(lint, reason = …)]` covers `offset`.
    pub(crate) fn is_expected_at(&self, offset: usize, lint: &str) -> bool {
        self.attributes.iter().any(|attribute| {
            let text = &self.code[attribute.range.clone()];
            attribute.covers.contains(&offset)
                && scan::words(text, "expect").next().is_some()
                && scan::words(text, "reason").next().is_some()
                && text.contains(lint)
        })
    }

    /// Offsets at which `word` stands alone, not as part of a longer name.
    pub(crate) fn words(&self, word: &'static str) -> impl Iterator<Item = usize> {
        scan::words(&self.code, word)
    }

    /// Offset of the bracket that closes the one at `open`.
    pub(crate) fn closing(&self, open: usize) -> Option<usize> {
        scan::closing(self.code.as_bytes(), open)
    }

    /// Paths, without `.rs`, of the modules that this file declares for tests only.
    fn test_modules(&self) -> Vec<String> {
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder,
            _ => self.path.trim_end_matches(".rs"),
        };
        self.tests
            .iter()
            .filter_map(|range| {
                let declared = self.code[range.clone()].trim_end().strip_suffix(';')?;
                let (before, name) = declared.rsplit_once(' ')?;
                before.ends_with("mod").then(|| format!("{folder}/{name}"))
            })
            .collect()
    }
}

fn is_for_tests(attribute: &str) -> bool {
    attribute == "#[test]"
        || ["#[cfg(test)", "#![cfg(test)", "#[cfg(all(test"].iter().any(|start| attribute.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_module_covers_its_braces_only() {
        let file =
            RustFile::new("a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { x }\n}\nfn c() { y }\n");
        assert!(file.is_test_at(file.words("x").next().unwrap()));
        assert!(!file.is_test_at(file.words("y").next().unwrap()));
        assert_eq!(file.line(file.words("y").next().unwrap()), 6);
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_for_tests() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod checks;\n"),
            ("crates/a/src/b.rs", "use a;\n#[cfg(test)]\npub(crate) mod model;\n"),
            ("crates/a/src/b/model.rs", "x"),
            ("crates/a/src/checks/deep.rs", "x"),
            ("crates/a/src/checksum.rs", "x"),
            ("crates/a/tests/all.rs", "x"),
        ]);
        let files = RustFile::of_tree(&tree);
        let for_tests: Vec<&str> = files.iter().filter(|f| f.is_test_at(0)).map(RustFile::path).collect();
        assert_eq!(
            for_tests,
            ["crates/a/src/b/model.rs", "crates/a/src/checks/deep.rs", "crates/a/tests/all.rs"]
        );
    }

    #[test]
    fn an_expectation_covers_one_statement() {
        let text = "fn a() {\n #[expect(clippy::unwrap_used, reason = \"r\")]\n let x = f(|| { 1 }).one();\n two();\n}";
        let file = RustFile::new("a.rs", text);
        let at = |word| file.words(word).next().unwrap();
        assert!(file.is_expected_at(at("one"), "clippy::unwrap_used"));
        assert!(!file.is_expected_at(at("one"), "clippy::expect_used"));
        assert!(!file.is_expected_at(at("two"), "clippy::unwrap_used"));
    }
}
