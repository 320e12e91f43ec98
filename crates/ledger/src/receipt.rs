//! Receipts: what each compute party states about a run, and whether the statements agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use contract::{Contract, Did, Hash, canonical::CanonicalError, document::Role};
use serde::{Deserialize, Serialize};

use crate::{InputCommitment, opening::Intermediate, refused::ReceiptRule};

/// Most components that the output of a run may have.
pub const COMPONENTS_MAX: usize = 64;

/// A compute party's statement about a run; signed as part of that party's own transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Which run.
    pub run: Hash,
    /// Under which contract.
    pub contract: Hash,
    /// The program that was executed.
    pub program: Hash,
    /// Whose statement.
    pub party: Did,
    /// For every data provider, the digest of the input commitment that its shares were checked against.
    pub inputs: BTreeMap<Did, Hash>,
    /// For every other compute party, a digest of all that was sent to it; where some may vanish, for those that had not when
    /// this party was done, as far as it could tell.
    pub sent: BTreeMap<Did, Hash>,
    /// For the same ones, a digest of all that was received from each.
    pub received: BTreeMap<Did, Hash>,
    /// The components of the result that this party holds, ascending by component; at least one.
    pub output: Vec<OutputComponent>,
    /// Salted commitments to this party's shares of the values that the contract names, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intermediates: Vec<Intermediate>,
}

/// A component of the shared result, fixed but not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputComponent {
    /// Its number in the scheme's order, below [`COMPONENTS_MAX`].
    pub component: u16,
    /// Hash of its bytes.
    pub hash: Hash,
}

/// How the receipts of a run contradict each other or the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disagreement {
    /// The parties of which at least one states what is not so.
    pub who: BTreeSet<Did>,
    /// What they state differently.
    pub what: Difference,
}

/// What receipts state differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Difference {
    /// The run or the contract.
    Run,
    /// The program that was executed.
    Program,
    /// The input of a data provider.
    Input {
        /// Whose input.
        provider: Did,
    },
    /// What one party sent and the other received.
    Transcript {
        /// Who sent.
        sender: Did,
        /// Who received.
        receiver: Did,
    },
    /// A component of the result.
    Output {
        /// Which.
        component: u16,
    },
    /// How many parties hold each component: a scheme gives every component to equally many.
    Holders {
        /// A component held by fewer parties than others.
        component: u16,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => write!(f, "the run"),
            Self::Program => write!(f, "the program"),
            Self::Input { provider } => write!(f, "the input of `{provider}`"),
            Self::Transcript { sender, receiver } => {
                write!(f, "what `{sender}` sent to `{receiver}`")
            }
            Self::Output { component } => write!(f, "component {component} of the result"),
            Self::Holders { component } => write!(f, "who holds component {component} of the result"),
        }
    }
}

impl Receipt {
    /// Whether a receipt is about a run of this contract and complete. What it states is judged once all are there:
    /// a contradiction is evidence and must get on the ledger.
    ///
    /// # Errors
    /// The first [`ReceiptRule`] that it breaks.
    pub fn check_form(&self, member: Did, id: Hash, contract: &Contract) -> Result<(), ReceiptRule> {
        if self.party != member {
            return Err(ReceiptRule::Party);
        }
        if self.contract != id {
            return Err(ReceiptRule::Contract);
        }
        let keys = |map: &BTreeMap<Did, Hash>| map.keys().copied().collect::<BTreeSet<_>>();
        let providers = contract.parties_with(Role::DataProvider).map(|party| party.member);
        if keys(&self.inputs) != providers.collect() {
            return Err(ReceiptRule::Inputs);
        }
        let parties = contract.protection.compute_parties.iter().copied();
        let others: BTreeSet<Did> = parties.filter(|party| *party != member).collect();
        let named = keys(&self.sent);
        let enough = match contract.protection.some_may_vanish() {
            // Those whose receipts complete the run have worked with each other.
            true => named.is_subset(&others) && named.len() + 1 >= contract.protection.receipts_needed(),
            false => named == others,
        };
        if !enough || keys(&self.received) != named {
            return Err(ReceiptRule::Transcripts);
        }
        let components: Vec<usize> = self.output.iter().map(|output| output.component.into()).collect();
        let ascending = components.windows(2).all(|pair| matches!(pair, [one, next] if one < next));
        if components.is_empty()
            || !ascending
            || components.iter().any(|component| *component >= COMPONENTS_MAX)
        {
            return Err(ReceiptRule::Output);
        }
        let committed = self.intermediates.iter().map(|intermediate| &intermediate.value);
        if !committed.eq(&contract.computation.committed) {
            return Err(ReceiptRule::Intermediates);
        }
        Ok(())
    }
}

/// Whether the receipts of a run agree with what the ledger says, its program and its input commitments, and with
/// each other.
///
/// # Errors
/// When a commitment has no canonical form; it was refused then.
pub(crate) fn evidence_agrees<'a>(
    program: Hash,
    commitments: impl Iterator<Item = (Did, &'a InputCommitment)>,
    receipts: &[Receipt],
) -> Result<Result<(), Disagreement>, CanonicalError> {
    let digests = commitments
        .map(|(provider, commitment)| Ok((provider, commitment.digest()?)))
        .collect::<Result<BTreeMap<Did, Hash>, CanonicalError>>()?;
    for receipt in receipts {
        let disagree = |what| Ok(Err(Disagreement { who: BTreeSet::from([receipt.party]), what }));
        if receipt.program != program {
            return disagree(Difference::Program);
        }
        if let Some(provider) = first_difference(&digests, &receipt.inputs) {
            return disagree(Difference::Input { provider });
        }
    }
    Ok(receipts_agree(receipts))
}

/// Whether receipts of one run, one for each compute party, agree: on run, contract, program and inputs; on what
/// each sent and the other received; on every component of the result that several hold.
///
/// # Errors
/// The first [`Disagreement`] in that order.
pub fn receipts_agree(receipts: &[Receipt]) -> Result<(), Disagreement> {
    let Some((first, others)) = receipts.split_first() else { return Ok(()) };
    for other in others {
        let differ = |what| Err(Disagreement { who: BTreeSet::from([first.party, other.party]), what });
        if (first.run, first.contract) != (other.run, other.contract) {
            return differ(Difference::Run);
        }
        if first.program != other.program {
            return differ(Difference::Program);
        }
        if let Some(provider) = first_difference(&first.inputs, &other.inputs) {
            return differ(Difference::Input { provider });
        }
    }
    transcripts_agree(receipts)?;
    outputs_agree(receipts)
}

fn transcripts_agree(receipts: &[Receipt]) -> Result<(), Disagreement> {
    for sender in receipts {
        for receiver in receipts.iter().filter(|receiver| receiver.party != sender.party) {
            let (from, to) = (sender.party, receiver.party);
            // A receipt that leaves a party out, as its form allows where some may vanish, states nothing of what passed.
            let (Some(sent), Some(received)) = (sender.sent.get(&to), receiver.received.get(&from)) else {
                continue;
            };
            if sent != received {
                let what = Difference::Transcript { sender: from, receiver: to };
                return Err(Disagreement { who: BTreeSet::from([from, to]), what });
            }
        }
    }
    Ok(())
}

fn outputs_agree(receipts: &[Receipt]) -> Result<(), Disagreement> {
    let mut holders: BTreeMap<u16, Vec<(Did, Hash)>> = BTreeMap::new();
    for receipt in receipts {
        for output in &receipt.output {
            holders.entry(output.component).or_default().push((receipt.party, output.hash));
        }
    }
    let replication = holders.values().map(Vec::len).max().unwrap_or(0);
    for (component, held) in &holders {
        let who = || held.iter().map(|(party, _)| *party).collect();
        if held.windows(2).any(|pair| matches!(pair, [(_, one), (_, other)] if one != other)) {
            return Err(Disagreement { who: who(), what: Difference::Output { component: *component } });
        }
        if held.len() < replication {
            let who = receipts.iter().map(|receipt| receipt.party).collect();
            return Err(Disagreement { who, what: Difference::Holders { component: *component } });
        }
    }
    Ok(())
}

fn first_difference(one: &BTreeMap<Did, Hash>, other: &BTreeMap<Did, Hash>) -> Option<Did> {
    one.keys().chain(other.keys()).find(|key| one.get(key) != other.get(key)).copied()
}
