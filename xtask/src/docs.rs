//! Documents: what they link to is there, and ARCHITECTURE.md has a heading for every crate.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = crates_without_heading(tree);
    for (path, text) in tree.ending_in(".md") {
        for (line, target) in links(text) {
            if let Err(problem) = resolve(tree, path, target) {
                findings.push(Finding::at(path, line, format!("link to `{target}`: {problem}")));
            }
        }
    }
    findings
}

fn crates_without_heading(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.texts().get(ARCHITECTURE) else {
        return vec![Finding::whole(ARCHITECTURE, "is missing; it has one heading per crate")];
    };
    let named: BTreeSet<&str> = headings(text)
        .flat_map(|heading| heading.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_'))
        .collect();
    tree.folders_in("crates")
        .into_iter()
        .filter(|name| tree.has(&format!("crates/{name}/Cargo.toml")) && !named.contains(name))
        .map(|name| Finding::whole(ARCHITECTURE, format!("no heading names the crate `{name}`")))
        .collect()
}

/// Whether a link's target, written in the document at `from`, is in the repository.
fn resolve(tree: &Tree, from: &str, target: &str) -> Result<(), String> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return Ok(());
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        from.to_owned()
    } else {
        relative(from, file).ok_or("leads out of the repository; expected a relative path inside it")?
    };
    if !tree.has(&path) {
        return Err(format!("there is no `{path}`"));
    }
    match tree.texts().get(&path) {
        Some(text) if path.ends_with(".md") && !fragment.is_empty() => {
            let found = headings(text).any(|heading| anchor(heading) == fragment);
            if found { Ok(()) } else { Err(format!("`{path}` has no heading with the anchor `{fragment}`")) }
        }
        _ => Ok(()),
    }
}

/// The path that `link` names from the document at `from`; `None` when it leaves the repository.
fn relative(from: &str, link: &str) -> Option<String> {
    if link.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Line number and target of every inline link, image and link definition outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, content) in prose(text) {
        if content.starts_with('[')
            && let Some((_, target)) = content.split_once("]: ")
        {
            found.push((line, destination(target)));
        }
        for (at, _) in content.match_indices("](") {
            let in_code = content[..at].matches('`').count() % 2 == 1;
            if !in_code && let Some((target, _)) = content[at + 2..].split_once(')') {
                found.push((line, destination(target)));
            }
        }
    }
    found
}

/// A target without its angle brackets and its title.
fn destination(target: &str) -> &str {
    let target = target.trim();
    target.split_once(' ').map_or(target, |(before, _)| before).trim_matches(['<', '>'])
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .map(|(_, line)| line)
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_matches(['#', ' ']))
}

/// Lines outside fenced code, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            return None;
        }
        (!in_fence).then_some((index + 1, line))
    })
}

/// The anchor that code-hosting sites give a heading.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMS: (&str, &str) = ("ARCHITECTURE.md", "# Rooms\n\n## `engine`: columns\n");

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(&[&[ROOMS], files].concat())).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn links_that_resolve_pass() {
        let text = "[a](b.md) [c](../src/) [d](https://x.org/y) [e](#a-b) [f](../ARCHITECTURE.md#engine-columns)\n# A, b\n\n[g]: b.md \"title\"\n";
        assert_eq!(found(&[("docs/a.md", text), ("docs/b.md", ""), ("src/main.rs", "")]), [""; 0]);
    }

    #[test]
    fn broken_links_are_found_with_file_and_line() {
        let text = "\n[a](gone.md)\n[b](../../x)\n[c](/etc)\n[d](#none)\n[e]: gone.md\n";
        let found = found(&[("docs/a.md", text)]);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[0], "docs/a.md:2: link to `gone.md`: there is no `docs/gone.md`");
        assert!(found[1].contains("leads out of the repository"), "{found:?}");
        assert!(found[3].contains("no heading with the anchor `none`"), "{found:?}");
    }

    #[test]
    fn code_is_not_read_for_links() {
        assert_eq!(found(&[("a.md", "`[a](b)`\n```\n[a](b)\n```\n")]), [""; 0]);
    }

    #[test]
    fn every_crate_needs_a_heading() {
        assert_eq!(found(&[("crates/engine/Cargo.toml", "")]), [""; 0]);
        let missing = found(&[("crates/ring/Cargo.toml", ""), ("crates/ring/src/lib.rs", "")]);
        assert_eq!(missing, ["ARCHITECTURE.md: no heading names the crate `ring`"]);
    }
}
