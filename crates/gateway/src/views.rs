//! Contracts as materialized views: what the member has received can be read with any SQL, without another run.
//!
//! A view is a contract that the member receives and that has run or may run. Its rows are those of the last completed run,
//! which the member's node holds; `REFRESH MATERIALIZED VIEW` runs the contract again.

mod catalog;
mod columns;
mod dialect;
mod empty;
mod exact;
mod functions;
mod names;
mod parameters;
mod reader;
mod results;
mod rewrite;
mod system;
mod weight;

use std::collections::BTreeMap;

use api::types::contracts::ContractView;

use crate::{
    Node, ask,
    refusal::{NO_RELATION, NOT_NOW, NOT_SUPPORTED, Refusal},
};

pub(crate) use parameters::{Value, value};
pub(crate) use reader::{Answer, Described, Question, Reader};

/// Where all views are.
pub(crate) const SCHEMA: &str = "public";
/// What a view has of its contract's title at most, in letters.
const TITLE_LETTERS_MAX: usize = 40;
/// What it has of the contract's id.
const ID_LETTERS: usize = 8;

/// A contract as a view.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Of small letters, digits and `_`, so that nothing in it has to be quoted.
    pub(crate) name: String,
    /// Its number in `pg_class`: the same as long as the contract is known.
    pub(crate) oid: i64,
    pub(crate) contract: ContractView,
}

impl View {
    /// What is told about it as its comment.
    pub(crate) fn comment(&self) -> String {
        format!("{} (contract {})", self.contract.contract.purpose, self.contract.id)
    }
}

/// The contracts that a member may read as views: those that it receives and that may run or have run.
pub(crate) fn views(contracts: Vec<ContractView>, member: &str) -> Vec<View> {
    let may_run = |view: &ContractView| matches!(view.state.as_str(), "active" | "exhausted" | "disputed");
    let mut received: Vec<_> = contracts
        .into_iter()
        .filter(|view| ask::receives(view, member) && (may_run(view) || view.last_completed.is_some()))
        .collect();
    received.sort_by(|one, other| one.id.cmp(&other.id));
    let mut same = BTreeMap::<String, usize>::new();
    for view in &received {
        *same.entry(name(view, ID_LETTERS)).or_default() += 1;
    }
    let mut views = Vec::<View>::with_capacity(received.len());
    for contract in received {
        let short = name(&contract, ID_LETTERS);
        // Both of two that would be called the same are called by their whole ids.
        let is_alone = same.get(&short) == Some(&1);
        let name = if is_alone { short } else { name(&contract, contract.id.len()) };
        let mut oid = number(&contract.id);
        while views.iter().any(|view| view.oid == oid) {
            oid += 1;
        }
        views.push(View { name, oid, contract });
    }
    views
}

/// Runs a view's contract, which takes one of its uses; gives what was held back, in words.
pub(crate) fn refresh(node: &dyn Node, name: &str) -> Result<Option<String>, Refusal> {
    let (_, member) = node.member()?;
    let named = names::view(name)?;
    let mut views = views(node.contracts()?, &member);
    let Some(place) = views.iter().position(|view| view.name == named) else { return Err(unknown(name)) };
    let contract = views.swap_remove(place).contract;
    if contract.state != "active" {
        return Err(ask::not_active(&[contract]));
    }
    ask::run(node, &contract.id).map(|result| crate::rows::held_back(&result))
}

/// In PostgreSQL's own words.
pub(crate) fn not_populated(name: &str) -> Refusal {
    Refusal::new(
        NOT_NOW,
        format!("materialized view \"{name}\" has not been populated"),
        format!("REFRESH MATERIALIZED VIEW {name}: it runs the contract, and takes one of its uses"),
    )
}

fn unknown(name: &str) -> Refusal {
    let hint = "no contract asks exactly this, and none is called so: `TABLE contracts` lists what may be asked, word \
                for word, `\\dm` what can be read";
    Refusal::new(NO_RELATION, format!("relation \"{name}\" does not exist"), hint)
}

fn unsupported(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(NOT_SUPPORTED, format!("{what} is not offered here"), "read views with a SELECT")
}

fn name(view: &ContractView, id_letters: usize) -> String {
    let mut name = String::new();
    for letter in view.contract.title.chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if name.len() >= TITLE_LETTERS_MAX {
            break;
        }
    }
    let title = name.trim_end_matches('_');
    let id: String = view.id.chars().take(id_letters).collect();
    match title.chars().next() {
        None => format!("contract_{id}"),
        Some(first) if first.is_ascii_digit() => format!("_{title}_{id}"),
        Some(_) => format!("{title}_{id}"),
    }
}

/// Above all numbers of PostgreSQL's own, below those that a program may take for negative.
fn number(id: &str) -> i64 {
    let bits = id
        .bytes()
        .take(8)
        .fold(0_i64, |bits, byte| (bits << 4) | char::from(byte).to_digit(16).map_or(0, i64::from));
    (bits & 0x3fff_ffff) | 0x4000_0000
}
