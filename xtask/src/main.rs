//! `cargo xtask check`: the rules of this repository that the compiler and clippy cannot hold.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

mod code;
mod determinism;
mod docs;
mod error;
mod examples;
mod finding;
mod layers;
mod merges;
mod metadata;
mod rust;
mod sizes;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::Error;
use crate::finding::Finding;
use crate::metadata::Graph;
use crate::rust::RustFile;
use crate::tree::Tree;

const USAGE: &str = "\
usage: cargo xtask check

Checks what the compiler and clippy cannot:
  layers       which crate may use which, and what must stay out of reach
  sizes        no Rust file above 600 lines
  code         no unsafe outside crates/ring, no unwrap outside tests, reasons beside lint exceptions
  determinism  no clock, randomness, floating point or hash order in program, contract and ledger
  docs         relative links resolve, every crate has its heading in ARCHITECTURE.md
  examples     every example names its source and licence
  merges       no conflict of a merge is left unresolved";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments != ["check"] {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match check() {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            eprintln!("\n{} finding(s)", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs every rule over the repository and returns what they found, ordered by file and line.
fn check() -> Result<Vec<Finding>, Error> {
    let root = root()?;
    let tree = Tree::read(&root)?;
    let rust = RustFile::of_tree(&tree);
    let graph = Graph::of_workspace(&root)?;
    let mut findings = layers::check(&graph);
    findings.extend(sizes::check(&tree));
    findings.extend(code::check(&rust));
    findings.extend(determinism::check(&rust));
    findings.extend(docs::check(&tree));
    findings.extend(examples::check(&tree));
    findings.extend(merges::check(&tree));
    findings.sort();
    println!(
        "checked {} crates' dependencies and {} text files",
        graph.members().count(),
        tree.texts().len()
    );
    Ok(findings)
}

/// The repository's folder: cargo tells where this crate is, which lies directly below it.
fn root() -> Result<PathBuf, Error> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or(Error::NotUnderCargo)?;
    PathBuf::from(manifest).parent().map(PathBuf::from).ok_or(Error::NotUnderCargo)
}
