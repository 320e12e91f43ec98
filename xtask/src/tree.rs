//! The repository's files as the rules see them: every path, and the text of the kinds that rules read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::error::Error;

/// Folders that are not part of the repository.
const OUTSIDE: [&str; 3] = [".git", ".treaty", "target"];

/// Paths are relative to the repository and written with `/`.
pub(crate) struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the repository at `root`. Symbolic links are neither listed nor followed.
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let mut tree = Self { paths: BTreeSet::new(), texts: BTreeMap::new() };
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    /// Whether a file or folder is there. The repository itself is the empty path.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }

    /// Every Rust and Markdown file with its text, ordered by path.
    pub(crate) fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// Text files whose name ends in `suffix`, ordered by path.
    pub(crate) fn ending_in(&self, suffix: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .filter(move |(path, _)| path.ends_with(suffix))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Names of the folders directly inside `folder`, ordered.
    pub(crate) fn folders_in(&self, folder: &str) -> Vec<&str> {
        let prefix = format!("{folder}/");
        let names: BTreeSet<&str> = self
            .paths
            .iter()
            .filter_map(|path| path.strip_prefix(&prefix)?.split_once('/'))
            .map(|(name, _)| name)
            .collect();
        names.into_iter().collect()
    }

    fn read_folder(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let own_name = entry.file_name().to_string_lossy().into_owned();
            if OUTSIDE.contains(&own_name.as_str()) {
                continue;
            }
            let path = if name.is_empty() { own_name } else { format!("{name}/{own_name}") };
            if kind.is_dir() {
                self.read_folder(&entry.path(), &path)?;
            } else if kind.is_file() && (path.ends_with(".rs") || path.ends_with(".md")) {
                let text = fs::read_to_string(entry.path())
                    .map_err(|source| Error::Unreadable { path: entry.path(), source })?;
                self.texts.insert(path.clone(), text);
            } else if !kind.is_file() {
                continue;
            }
            self.paths.insert(path);
        }
        Ok(())
    }
}

#[cfg(test)]
impl Tree {
    /// A repository of these files and the folders above them.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self { paths: BTreeSet::new(), texts: BTreeMap::new() };
        for (path, text) in files {
            for (end, _) in path.match_indices('/') {
                tree.paths.insert(path[..end].to_owned());
            }
            tree.paths.insert((*path).to_owned());
            if path.ends_with(".rs") || path.ends_with(".md") {
                tree.texts.insert((*path).to_owned(), (*text).to_owned());
            }
        }
        tree
    }
}
