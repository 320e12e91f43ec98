//! Layers: which crate may name which, and what must stay out of a crate's reach altogether, however indirectly.

use crate::finding::Finding;
use crate::metadata::Graph;

/// ARCHITECTURE.md, "Rooms": each crate with the crates that its manifest may name.
///
/// Dependencies of tests are free, since they never reach the product.
const MAY_USE: &[(&str, &[&str])] = &[
    ("treaty-ring", &[]),
    ("treaty-program", &[]),
    ("treaty-engine", &["treaty-ring"]),
    ("treaty-vm", &["treaty-engine", "treaty-program", "treaty-ring"]),
    ("treaty-contract", &["treaty-program"]),
    ("treaty-compiler", &["treaty-contract", "treaty-program"]),
    ("treaty-ledger", &["treaty-contract"]),
    ("treaty-ordering", &["treaty-contract", "treaty-ledger"]),
    ("treaty-api", &["treaty-contract", "treaty-program"]),
    ("treaty-vault", &["treaty-contract"]),
    ("treaty-postgres", &["treaty-contract", "treaty-vault"]),
    ("treaty-gateway", &["treaty-api"]),
    ("treaty-peers", &["treaty-engine"]),
    (
        "treaty-node",
        &[
            "treaty-api",
            "treaty-compiler",
            "treaty-contract",
            "treaty-ledger",
            "treaty-ordering",
            "treaty-peers",
            "treaty-postgres",
            "treaty-program",
            "treaty-vault",
            "treaty-vm",
        ],
    ),
    // Beside `api`, through which it speaks to nodes: setting up a node, checking a proof without one, and what the
    // demonstration needs to compare with plaintext and to attack as a stranger.
    (
        "treaty",
        &[
            "treaty-api",
            "treaty-compiler",
            "treaty-contract",
            "treaty-engine",
            "treaty-gateway",
            "treaty-ledger",
            "treaty-loopback",
            "treaty-node",
            "treaty-ordering",
            "treaty-peers",
            "treaty-program",
            "treaty-vault",
            "treaty-vm",
        ],
    ),
    // What fuzz targets and tests ask of all decoders; no part of the product.
    (
        "treaty-decoders",
        &["treaty-contract", "treaty-engine", "treaty-ledger", "treaty-program", "treaty-ring"],
    ),
    // Where demonstrations and tests start their servers.
    ("treaty-loopback", &[]),
    ("xtask", &[]),
];

/// Async runtimes, TLS and HTTP, and the query engine that brings them.
const NETWORK: &[&str] = &[
    "async-std",
    "axum",
    "datafusion",
    "hyper",
    "native-tls",
    "openssl",
    "reqwest",
    "rustls",
    "smol",
    "tokio",
    "ureq",
];

/// Everything that knows a multi-party protocol.
const PROTOCOLS: &[&str] = &["treaty-engine", "treaty-ring", "treaty-vm"];

/// ARCHITECTURE.md, "Who may know whom": a crate, what it must not reach, and why.
const OUT_OF_REACH: &[(&str, &[&str], &str)] = &[
    ("treaty-ring", NETWORK, "the engine blocks on threads; async, TLS and HTTP live at the edge of `node`"),
    (
        "treaty-engine",
        NETWORK,
        "the engine blocks on threads; async, TLS and HTTP live at the edge of `node`",
    ),
    ("treaty-program", NETWORK, "a program is pure data"),
    (
        "treaty-vault",
        NETWORK,
        "rows that are elsewhere are read through the `Source` that `postgres` implements",
    ),
    ("treaty-contract", PROTOCOLS, "a contract never sees a multi-party protocol"),
    ("treaty-ordering", NETWORK, "agreement blocks on threads, over Unix sockets"),
    ("treaty-ledger", PROTOCOLS, "the ledger never sees a multi-party protocol"),
];

pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings = direct(graph, MAY_USE);
    findings.extend(reach(graph, OUT_OF_REACH));
    findings
}

fn direct(graph: &Graph, may_use: &[(&str, &[&str])]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, manifest) in graph.members() {
        let name = graph.name(id);
        let Some((_, allowed)) = may_use.iter().find(|(row, _)| *row == name) else {
            findings.push(Finding::whole(
                manifest,
                format!(
                    "`{name}` has no row in the table of layers; say what it may use in xtask/src/layers.rs"
                ),
            ));
            continue;
        };
        for used in graph.members_used(id).map(|used| graph.name(used)) {
            if !allowed.contains(&used) {
                let expected = if allowed.is_empty() {
                    "no other crate of the workspace".to_owned()
                } else {
                    allowed.join(", ")
                };
                findings.push(Finding::whole(manifest, format!("uses `{used}`, expected only: {expected}")));
            }
        }
    }
    for (row, _) in may_use {
        if !graph.members().any(|(id, _)| graph.name(id) == *row) {
            findings.push(Finding::whole(
                "xtask/src/layers.rs",
                format!("has a row for `{row}`, which is not in the workspace; remove it"),
            ));
        }
    }
    findings
}

fn reach(graph: &Graph, out_of_reach: &[(&str, &[&str], &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, manifest) in graph.members() {
        for (_, forbidden, reason) in out_of_reach.iter().filter(|(name, ..)| *name == graph.name(id)) {
            for (reached, way) in graph.reached(id) {
                if forbidden.contains(&reached.as_str()) {
                    findings.push(Finding::whole(
                        manifest,
                        format!("reaches `{reached}` ({}); {reason}", way.join(" → ")),
                    ));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &[(&str, &[&str])] = &[("low", &[]), ("high", &["low"])];

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn the_allowed_direction_passes_and_the_other_is_found() {
        assert_eq!(direct(&Graph::of(&["low", "high"], &[("high", "low")]), ROWS), []);
        let found = messages(&direct(&Graph::of(&["low", "high"], &[("low", "high")]), ROWS));
        assert_eq!(found, ["low/Cargo.toml: uses `high`, expected only: no other crate of the workspace"]);
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_found() {
        let found = messages(&direct(&Graph::of(&["low", "new"], &[]), ROWS));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("new/Cargo.toml: `new` has no row"), "{found:?}");
        assert!(found[1].contains("row for `high`"), "{found:?}");
    }

    #[test]
    fn what_is_out_of_reach_is_found_through_others_with_the_way_there() {
        let graph = Graph::of(&["low"], &[("low", "bytes"), ("bytes", "tokio"), ("other", "hyper")]);
        let found = messages(&reach(&graph, &[("low", NETWORK, "it blocks")]));
        assert_eq!(found, ["low/Cargo.toml: reaches `tokio` (low → bytes → tokio); it blocks"]);
    }
}
