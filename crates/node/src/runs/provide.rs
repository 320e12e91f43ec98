//! A data provider's part: the local stage in plaintext at home, a commitment on the ledger, shares to the compute
//! parties. Nothing but shares leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use compiler::local::{self, Rows};
use contract::document::Input;
use contract::{Did, Hash};
use ledger::{Action, InputCommitment};
use program::{Program, Stage};
use zeroize::Zeroizing;

use super::shares::{InputShares, by_component, commit_input};
use super::{Granted, Trouble};
use crate::held::Held;
use crate::journal::{Leaving, Note};
use crate::node::Node;
use crate::paths::local_name;
use crate::setup::now_seconds;

pub(super) async fn provide(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    let Some(granted) = node.desk.granted(&run) else {
        return Err(Trouble::by(node.me, "this node was restarted after it permitted the run"));
    };
    let rows = rows_provided(&node, &granted);
    if rows.is_empty() {
        return Ok(());
    }
    still_permitted(&node, &granted)?;
    let inputs = local_stages(&node, &granted).await?;
    let dealt = deal(&granted, inputs)?;
    let commitment = InputCommitment { components: dealt.commitments, rows: rows.values().sum() };
    node.replica.record(None, Action::CommitInput { run, commitment }).await?;
    let deliveries =
        granted.contract.protection.compute_parties.iter().zip(dealt.shares).map(|(party, shares)| {
            let node = Arc::clone(&node);
            async move { deliver(&node, run, party, &shares).await }
        });
    futures::future::try_join_all(deliveries).await?;
    Ok(node.journal.put(&run, Note::Dealt, b"")?)
}

/// The permit may be old: between it and the last one of the others a party may have ended the contract, or this
/// member withdrawn its data.
fn still_permitted(node: &Node, granted: &Granted) -> Result<(), Trouble> {
    use contract::lifecycle::State::{Active, Exhausted};
    let (state, datasets) = node.replica.read(|ledger| {
        let state = ledger.state();
        let now = state.time().max(now_seconds());
        let contract = state.contract(&granted.contract_id).map(|record| record.state_at(now));
        (contract, state.datasets_of(&granted.contract))
    });
    if !matches!(state, Some(Active | Exhausted)) {
        return Err(Trouble::by(node.me, "the contract ended after this node permitted the run"));
    }
    let withdrawn = granted.contract.inputs().find(|(_, input)| !datasets.contains_key(&input.dataset));
    match withdrawn {
        Some((_, input)) => Err(Trouble::by(
            input.provider,
            format!("`{}` was withdrawn after this node permitted the run", input.dataset),
        )),
        None => Ok(()),
    }
}

/// Rows of each dataset that this member provides, as published.
fn rows_provided(node: &Node, granted: &Granted) -> BTreeMap<String, u64> {
    let mine = granted.contract.inputs().filter(|(_, input)| input.provider == node.me);
    node.replica.read(|ledger| {
        mine.filter_map(|(_, input)| {
            let record = ledger.state().dataset(&input.dataset)?;
            Some((input.dataset.clone(), record.dataset.rows))
        })
        .collect()
    })
}

/// Runs this member's local stages; answers with the values of each program input that it owns.
async fn local_stages(
    node: &Arc<Node>,
    granted: &Granted,
) -> Result<Vec<(u32, Zeroizing<Vec<i128>>)>, Trouble> {
    let program = &granted.compiled.program;
    let inputs: Vec<&Input> = granted.contract.inputs().map(|(_, input)| input).collect();
    let mut values = Vec::new();
    for (number, stage) in (0..).zip(&program.stages) {
        let Some(read) = inputs_read(&inputs, node.me, stage)? else { continue };
        let columns = local_stage(node, program, number, &read).await?;
        let read = (0..).zip(&program.inputs).filter(|(_, input)| input.stage == number);
        values.extend(read.map(|(input, _)| input).zip(columns.into_iter().map(Zeroizing::new)));
    }
    Ok(values)
}

/// Those of a contract's inputs that a stage of this member's reads, the stage's own first; absent if the stage is
/// another's.
fn inputs_read<'a>(inputs: &[&'a Input], me: Did, stage: &Stage) -> Result<Option<Vec<&'a Input>>, Trouble> {
    let provided =
        |dataset: &str| inputs.iter().copied().find(|input| input.dataset == dataset && input.provider == me);
    if provided(&stage.dataset).is_none() {
        return Ok(None);
    }
    let inputs = stage.tables().map(|(_, dataset)| {
        let not_mine = || {
            let own = &stage.dataset;
            Trouble::by(
                me,
                format!("the stage on `{own}` reads `{dataset}`, which its owner does not provide"),
            )
        };
        provided(dataset).ok_or_else(not_mine)
    });
    inputs.collect::<Result<_, _>>().map(Some)
}

/// What exactly is wrong with the data is the owner's business: its own log has it, the others learn only that
/// something is.
async fn local_stage(
    node: &Arc<Node>,
    program: &Program,
    stage: u16,
    inputs: &[&Input],
) -> Result<Vec<Vec<i128>>, Trouble> {
    let own = inputs.first().map_or("", |input| &input.dataset);
    let failed = |dataset: &str, error: &dyn std::fmt::Display| {
        tracing::error!(dataset, %error, "the local stage failed");
        Trouble::by(node.me, format!("the local stage on `{own}` failed; its owner's log says why"))
    };
    let rows = inputs.iter().map(|input| {
        let rows = rows_held(node, input).map_err(|error| failed(&input.dataset, &error))?;
        Ok((input.dataset.clone(), rows))
    });
    let rows = rows.collect::<Result<BTreeMap<_, _>, Trouble>>()?;
    local::run(program, stage, rows).await.map_err(|error| failed(own, &error))
}

/// An input's rows in this member's vault: exactly those that the contract names.
fn rows_held(node: &Node, input: &Input) -> Result<Rows, String> {
    let name = local_name(&node.config.name, &input.dataset);
    let (name, version) = name.ok_or("it is no dataset of this vault")?;
    let held = Held::open(&node.vault, name, version).map_err(|error| error.to_string())?;
    if held.root != input.root {
        return Err("the vault's version is not the one that the contract names".to_owned());
    }
    Ok(Rows::new(held.schema.clone(), held.rows()))
}

/// Shares for every compute party, and the commitments to each component.
struct Dealt {
    shares: Vec<InputShares>,
    commitments: Vec<Hash>,
}

fn deal(granted: &Granted, inputs: Vec<(u32, Zeroizing<Vec<i128>>)>) -> Result<Dealt, Trouble> {
    let scheme = granted.scheme;
    let parties = granted.contract.protection.compute_parties.len();
    let seed = vm::fresh_seed().map_err(|error| Trouble::new(error.to_string()))?;
    let mut prg = vm::Prg::new(seed);
    let mut messages: Vec<Vec<(u32, Zeroizing<Vec<u8>>)>> = (0..parties).map(|_| Vec::new()).collect();
    for (input, values) in inputs {
        let declared = granted
            .compiled
            .program
            .inputs
            .get(input as usize)
            .ok_or_else(|| Trouble::new(format!("the program has no input {input}")))?;
        let dealt = vm::deal(scheme, &values, declared.kind, &mut prg)
            .map_err(|error| Trouble::new(format!("input `{}`: {error}", declared.name)))?;
        for (party, message) in messages.iter_mut().zip(dealt) {
            party.push((input, Zeroizing::new(message)));
        }
    }
    commit(granted, messages)
}

/// Salts and commits; every component is committed to once, whoever holds it.
fn commit(granted: &Granted, messages: Vec<Vec<(u32, Zeroizing<Vec<u8>>)>>) -> Result<Dealt, Trouble> {
    let mut salts: BTreeMap<u16, [u8; 32]> = BTreeMap::new();
    let mut commitments: BTreeMap<u16, Hash> = BTreeMap::new();
    let mut shares = Vec::new();
    for messages in messages {
        let views = messages.iter().map(|(input, message)| (*input, message.as_slice()));
        let components =
            by_component(granted.scheme, views).map_err(|error| Trouble::new(error.to_string()))?;
        let mut held = BTreeMap::new();
        for (component, parts) in components {
            let salt = match salts.get(&component) {
                Some(salt) => *salt,
                None => {
                    let mut salt = [0; 32];
                    getrandom::fill(&mut salt)
                        .map_err(|error| Trouble::new(format!("no randomness for the salts: {error}")))?;
                    salts.insert(component, salt);
                    salt
                }
            };
            held.insert(component, salt);
            commitments
                .entry(component)
                .or_insert_with(|| commit_input(&granted.run, component, &salt, &parts));
        }
        shares.push(InputShares { salts: held, messages });
    }
    Ok(Dealt { shares, commitments: commitments.into_values().collect() })
}

/// Hands a compute party its shares; to this node itself without the network.
async fn deliver(node: &Node, run: Hash, party: &Did, shares: &InputShares) -> Result<(), Trouble> {
    let body = shares.to_bytes();
    if *party == node.me {
        node.journal.put(&run, Note::Input(&node.me), &body)?;
        node.desk.arrivals.notify_waiters();
        return Ok(());
    }
    let path = format!("/peer/runs/{run}/inputs");
    node.leave(&run, party, Leaving::InputShares, &path, &body).await.map_err(|failure| {
        Trouble::by(*party, format!("could not hand over input shares: {}", failure.problem.message))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use contract::SigningKey;
    use program::Beside;

    use super::*;

    fn member(seed: u8) -> Did {
        SigningKey::from_seed(&[seed; 32]).did()
    }

    fn input(dataset: &str, provider: Did) -> Input {
        Input { dataset: dataset.to_owned(), provider, root: Hash::from_bytes([7; 32]) }
    }

    fn stage(dataset: &str, besides: &[&str]) -> Stage {
        let beside = |dataset: &&str| Beside { table: (*dataset).to_owned(), dataset: (*dataset).to_owned() };
        Stage {
            provider: 0,
            table: "t".to_owned(),
            dataset: dataset.to_owned(),
            beside: besides.iter().map(beside).collect(),
            sql: "SELECT 1".to_owned(),
            rows: 1,
        }
    }

    #[test]
    fn a_stage_reads_its_owners_datasets_and_no_others() {
        let (me, other) = (member(1), member(2));
        let inputs = [input("north/a@1", me), input("south/a@1", other), input("north/b@1", me)];
        let inputs: Vec<&Input> = inputs.iter().collect();
        let read = |dataset, beside: &[&str]| inputs_read(&inputs, me, &stage(dataset, beside));
        let [a, _, b] = inputs[..] else { unreachable!() };
        assert_eq!(read("north/a@1", &["north/b@1"]).unwrap(), Some(vec![a, b]));
        assert_eq!(read("south/a@1", &["north/b@1"]).unwrap(), None, "it is the other's");
        for beside in ["south/a@1", "north/c@1"] {
            let trouble = read("north/a@1", &["north/b@1", beside]).unwrap_err();
            assert_eq!(trouble.blamed, Some(me));
            let text = format!("the stage on `north/a@1` reads `{beside}`, which its owner does not provide");
            assert_eq!(trouble.text, text);
        }
    }
}
