//! The dependency graph as `cargo metadata` resolves it. Dependencies that only tests use are left out: they
//! never reach the product.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::error::Error;

/// Packages by their cargo id; an edge is a normal or build dependency, on whatever platform.
#[derive(Default)]
pub(crate) struct Graph {
    names: BTreeMap<String, String>,
    /// Workspace members with the path of their manifest, relative to the repository.
    members: BTreeMap<String, String>,
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Asks cargo for the workspace at `root`, with `Cargo.lock` as it stands.
    pub(crate) fn of_workspace(root: &Path) -> Result<Self, Error> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root)
            .output()
            .map_err(Error::CargoNotRun)?;
        if !output.status.success() {
            return Err(Error::CargoFailed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Self::parse(&output.stdout)
    }

    /// Reads what `cargo metadata --format-version 1` prints.
    fn parse(json: &[u8]) -> Result<Self, Error> {
        let metadata: Value = serde_json::from_slice(json)?;
        let root = text(&metadata, "workspace_root")?;
        let member_ids: BTreeSet<&str> =
            list(&metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut graph = Self::default();
        for package in list(&metadata, "packages")? {
            let id = text(package, "id")?;
            graph.names.insert(id.to_owned(), text(package, "name")?.to_owned());
            if member_ids.contains(id) {
                let manifest = text(package, "manifest_path")?;
                let relative = manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/');
                graph.members.insert(id.to_owned(), relative.to_owned());
            }
        }
        let resolve = metadata.get("resolve").ok_or(Error::FieldMissing("resolve"))?;
        for node in list(resolve, "nodes")? {
            let uses = graph.uses.entry(text(node, "id")?.to_owned()).or_default();
            for dependency in list(node, "deps")? {
                let for_tests = |kind: &Value| kind.get("kind").and_then(Value::as_str) == Some("dev");
                if !list(dependency, "dep_kinds")?.iter().all(for_tests) {
                    uses.insert(text(dependency, "pkg")?.to_owned());
                }
            }
        }
        Ok(graph)
    }

    /// Every workspace member: id and manifest path.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|(id, manifest)| (id.as_str(), manifest.as_str()))
    }

    pub(crate) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// Workspace members that `id` names as its own dependencies.
    pub(crate) fn members_used(&self, id: &str) -> impl Iterator<Item = &str> {
        self.uses
            .get(id)
            .into_iter()
            .flatten()
            .filter(|used| self.members.contains_key(*used))
            .map(String::as_str)
    }

    /// A shortest way to each package that `id` reaches: the names from `id` to it, ordered by the last.
    pub(crate) fn reached(&self, id: &str) -> BTreeMap<String, Vec<String>> {
        let start = vec![self.name(id).to_owned()];
        let mut ways = BTreeMap::from([(id.to_owned(), start)]);
        let mut queue = VecDeque::from([id.to_owned()]);
        while let Some(at) = queue.pop_front() {
            let way = ways.get(&at).cloned().unwrap_or_default();
            for used in self.uses.get(&at).into_iter().flatten() {
                if !ways.contains_key(used) {
                    let mut longer = way.clone();
                    longer.push(self.name(used).to_owned());
                    ways.insert(used.clone(), longer);
                    queue.push_back(used.clone());
                }
            }
        }
        ways.into_values().filter_map(|way| Some((way.last()?.clone(), way))).collect()
    }
}

fn list<'a>(value: &'a Value, field: &'static str) -> Result<&'a Vec<Value>, Error> {
    value.get(field).and_then(Value::as_array).ok_or(Error::FieldMissing(field))
}

fn text<'a>(value: &'a Value, field: &'static str) -> Result<&'a str, Error> {
    value.get(field).and_then(Value::as_str).ok_or(Error::FieldMissing(field))
}

#[cfg(test)]
impl Graph {
    /// A workspace of `members`; an edge is (user, used). Other names in edges are outside packages.
    pub(crate) fn of(members: &[&str], edges: &[(&str, &str)]) -> Self {
        let mut graph = Self::default();
        for member in members {
            graph.members.insert((*member).to_owned(), format!("{member}/Cargo.toml"));
        }
        for (user, used) in edges {
            graph.uses.entry((*user).to_owned()).or_default().insert((*used).to_owned());
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
        "workspace_root": "/w",
        "workspace_members": ["a#1", "b#1"],
        "packages": [
            {"id": "a#1", "name": "a", "manifest_path": "/w/crates/a/Cargo.toml"},
            {"id": "b#1", "name": "b", "manifest_path": "/w/crates/b/Cargo.toml"},
            {"id": "c#1", "name": "c", "manifest_path": "/registry/c/Cargo.toml"}
        ],
        "resolve": {"nodes": [
            {"id": "a#1", "deps": [
                {"pkg": "b#1", "dep_kinds": [{"kind": null}, {"kind": "dev"}]},
                {"pkg": "c#1", "dep_kinds": [{"kind": "dev"}]}
            ]},
            {"id": "b#1", "deps": [{"pkg": "c#1", "dep_kinds": [{"kind": "build"}]}]},
            {"id": "c#1", "deps": []}
        ]}
    }"#;

    #[test]
    fn what_only_tests_use_is_no_edge() {
        let graph = Graph::parse(JSON.as_bytes()).unwrap();
        assert_eq!(graph.members().next(), Some(("a#1", "crates/a/Cargo.toml")));
        assert_eq!(graph.members_used("a#1").collect::<Vec<_>>(), ["b#1"]);
        assert_eq!(graph.reached("a#1")["c"], ["a", "b", "c"]);
    }

    #[test]
    fn a_missing_field_is_named() {
        let found = Graph::parse(b"{\"workspace_root\": \"/w\"}").err();
        assert!(matches!(found, Some(Error::FieldMissing("workspace_members"))), "{found:?}");
    }
}
