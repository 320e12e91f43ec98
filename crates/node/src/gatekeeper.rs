//! The gatekeeper: this node's own decision on every run, and its own reading of every contract.
//!
//! Nobody else's verdict counts: the program is compiled again from the contract's source, the terms are those on
//! this node's replica of the ledger, and data that this member provides is hashed again before a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use compiler::{Compiled, Source, Table};
use contract::audit::Opinion;
use contract::policy::{self, Catalog, Permit, Refusal, Request, View};
use contract::{Contract, Dataset, Did, Hash};
use vault::{Vault, VaultError};

use crate::paths::local_name;
use crate::replica::Replica;
use crate::setup::now_seconds;

/// A run that this node's gatekeeper permitted: nothing of a run is done without holding one.
pub(crate) struct Granted {
    /// The decision itself.
    _permit: Permit,
    /// Which run.
    pub(crate) run: Hash,
    /// Under which contract.
    pub(crate) contract: Arc<Contract>,
    /// Its id.
    pub(crate) contract_id: Hash,
    /// What will run, as this node compiled it.
    pub(crate) compiled: Arc<Compiled>,
    /// The secret-sharing scheme that it runs on.
    pub(crate) scheme: vm::SchemeName,
    /// When the run must be over, in seconds since 1970.
    pub(crate) deadline: u64,
}

/// Compiles a contract's source over the datasets that it names.
pub(crate) fn compile(
    contract: &Contract,
    datasets: &BTreeMap<String, Dataset>,
) -> Result<Compiled, Refusal> {
    let mut tables = Vec::new();
    for (name, inputs) in &contract.computation.tables {
        let mut sources = Vec::new();
        for input in inputs {
            let dataset = datasets
                .get(&input.dataset)
                .ok_or_else(|| Refusal::UnknownDataset { dataset: input.dataset.clone() })?;
            sources.push(Source {
                reference: input.dataset.clone(),
                owner: input.provider.to_string(),
                schema: dataset.schema.clone(),
                rows: dataset.rows,
                floor_rows: dataset.terms.floor_rows,
                rows_per_person: dataset.terms.disclosure.privacy.map(|terms| terms.rows_per_person_max),
            });
        }
        tables.push(Table { name: name.clone(), datasets: sources });
    }
    // It blocks until another thread has compiled it.
    let compiled = tokio::task::block_in_place(|| {
        compiler::compile(&contract.computation.sql, &tables, &contract.output)
    });
    let compiled = compiled.map_err(|refused| Refusal::NotCompilable { reason: refused.to_string() })?;
    vm::check_kept(&compiled.program, &committed(contract))
        .map_err(|refused| Refusal::NotCompilable { reason: refused.to_string() })?;
    Ok(compiled)
}

/// The values of its program that a contract has compute parties commit to.
pub(crate) fn committed(contract: &Contract) -> Vec<program::ValueId> {
    contract.computation.committed.iter().map(|value| program::ValueId(*value)).collect()
}

/// The datasets that a contract names and may use, as they stand on the ledger.
fn datasets_of(contract: &Contract, replica: &Replica) -> BTreeMap<String, Dataset> {
    replica.read(|ledger| ledger.state().datasets_of(contract))
}

/// The law that each of a contract's parties acts under, by its card.
fn jurisdictions_of(contract: &Contract, replica: &Replica) -> BTreeMap<Did, String> {
    replica.read(|ledger| {
        let parties = contract.parties.iter().map(|party| party.member);
        let stated =
            parties.filter_map(|member| Some((member, ledger.state().jurisdiction(&member)?.to_owned())));
        stated.collect()
    })
}

/// Compiles again what ran under a contract, whatever became of its datasets since: to read a result or to prove it.
pub(crate) fn recompile(contract: &Contract, replica: &Replica) -> Result<Compiled, Refusal> {
    let compiled = compile(contract, &replica.read(|ledger| ledger.state().datasets_ever_of(contract)))?;
    let (expected, found) = (contract.computation.program, compiled.usage.program);
    if expected == found { Ok(compiled) } else { Err(Refusal::ProgramDiffers { expected, found }) }
}

/// A contract as this node reads it, before anyone signs.
pub(crate) struct Reading {
    /// What would run, if it compiles.
    pub(crate) compiled: Option<Compiled>,
    /// Everything against it.
    pub(crate) refusals: Vec<Refusal>,
}

/// Checks a contract before signing: does it compile to the program that it names, and do all terms permit it?
pub(crate) fn check(contract: &Contract, replica: &Replica, now: u64) -> Reading {
    let datasets = datasets_of(contract, replica);
    let jurisdictions = jurisdictions_of(contract, replica);
    let catalog = Catalog { datasets: &datasets, jurisdictions: &jurisdictions };
    match compile(contract, &datasets) {
        Err(refusal) => Reading { compiled: None, refusals: vec![refusal] },
        Ok(compiled) => {
            let refusals = match compiler::report(contract, &compiled).hash() {
                Ok(hash) => policy::check(contract, catalog, &compiled.usage, hash, now),
                Err(error) => vec![Refusal::NotCompilable { reason: error.to_string() }],
            };
            Reading { compiled: Some(compiled), refusals }
        }
    }
}

/// The member whose node decides.
#[derive(Clone, Copy)]
pub(crate) struct Me<'a> {
    pub(crate) did: Did,
    /// As its card has it.
    pub(crate) name: &'a str,
}

/// Decides on a run: may this node take part in it?
pub(crate) fn decide(
    run: &Hash,
    me: Me<'_>,
    replica: &Replica,
    vault: &Vault,
) -> Result<Granted, Vec<Refusal>> {
    let Some(facts) = replica.read(|ledger| Facts::of(run, ledger)) else {
        return Err(vec![Refusal::NotActive { state: contract::lifecycle::State::Proposed }]);
    };
    let datasets = datasets_of(&facts.contract, replica);
    let jurisdictions = jurisdictions_of(&facts.contract, replica);
    let compiled = compile(&facts.contract, &datasets).map_err(|refusal| vec![refusal])?;
    let view = View {
        now: facts.now,
        state: facts.state,
        signatures: &facts.signatures,
        signers: &facts.signers,
        opinions: &facts.opinions,
        tokens: &facts.tokens,
        runs_taken: facts.runs_taken,
        catalog: Catalog { datasets: &datasets, jurisdictions: &jurisdictions },
    };
    // The ledger takes a request only for the contract's own purpose, word for word.
    let request = Request { run: *run, requester: &facts.requester, purpose: &facts.contract.purpose };
    let decision = policy::decide(&facts.contract, &view, &compiled.usage, &request);
    let held = held_as_published(&facts.contract, me, vault);
    let scheme = scheme(&facts.contract).map_err(|reason| vec![Refusal::NotCompilable { reason }])?;
    let permit = match (decision, held) {
        (Ok(permit), held) if held.is_empty() => permit,
        (Ok(_), held) => return Err(held),
        (Err(mut refusals), held) => {
            refusals.extend(held);
            return Err(refusals);
        }
    };
    Ok(Granted {
        _permit: permit,
        run: *run,
        scheme,
        deadline: facts.deadline,
        contract: facts.contract,
        contract_id: facts.contract_id,
        compiled: Arc::new(compiled),
    })
}

/// Hashes again what this member is to provide: the vault must hold exactly what was published.
fn held_as_published(contract: &Contract, me: Me<'_>, vault: &Vault) -> Vec<Refusal> {
    let mine = contract.inputs().filter(|(_, input)| input.provider == me.did);
    mine.filter_map(|(_, input)| {
        let Some((name, version)) = local_name(me.name, &input.dataset) else {
            return Some(Refusal::DatasetNotHeld { dataset: input.dataset.clone() });
        };
        match vault.verify(name, version) {
            Ok(found) if found == input.root => None,
            Ok(found) => Some(Refusal::DatasetChanged {
                dataset: input.dataset.clone(),
                expected: input.root,
                found: found.to_string(),
            }),
            Err(VaultError::UnknownDataset { .. } | VaultError::UnknownVersion { .. }) => {
                Some(Refusal::DatasetNotHeld { dataset: input.dataset.clone() })
            }
            // Paths, servers and what they say are for this member's own log.
            Err(error) => {
                tracing::error!(dataset = input.dataset, %error, "a dataset cannot be verified");
                let found = match error {
                    VaultError::Source { .. } => "rows that cannot be read from where they stay",
                    VaultError::LinkedRowsChanged { .. } => "rows that are not the ones published",
                    _ => "chunks that are missing, changed or unreadable",
                };
                Some(Refusal::DatasetChanged {
                    dataset: input.dataset.clone(),
                    expected: input.root,
                    found: found.to_owned(),
                })
            }
        }
    })
    .collect()
}

/// What the ledger says about a run, copied out so that the replica is not held while compiling.
struct Facts {
    now: u64,
    contract: Arc<Contract>,
    contract_id: Hash,
    state: contract::lifecycle::State,
    signatures: BTreeMap<Did, contract::Signature>,
    signers: BTreeMap<Did, Did>,
    opinions: BTreeMap<Did, Opinion>,
    tokens: Vec<contract::access::Grant>,
    runs_taken: u32,
    requester: Did,
    deadline: u64,
}

impl Facts {
    fn of(run: &Hash, ledger: &ledger::Ledger) -> Option<Self> {
        let state = ledger.state();
        let record = state.run(run)?;
        let contract = state.contract(&record.contract)?;
        // The ledger's time is the operator's word. That it stands still must not keep an expired contract alive.
        let now = state.time().max(now_seconds());
        Some(Self {
            now,
            contract: Arc::clone(&contract.contract),
            contract_id: record.contract,
            state: contract.state_at(now),
            signatures: contract.signatures.clone(),
            signers: contract.signers.clone(),
            opinions: contract.opinions.iter().map(|(who, said)| (*who, said.value.clone())).collect(),
            tokens: state.grants_of(&record.contract),
            runs_taken: contract.runs_taken,
            requester: record.requested.value,
            deadline: record.deadline,
        })
    }
}

/// The scheme that a contract chooses, if this build has it.
pub(crate) fn scheme(contract: &Contract) -> Result<vm::SchemeName, String> {
    let protection = &contract.protection;
    let (parties, threshold) = (protection.compute_parties.len(), protection.threshold.into());
    vm::SchemeName::chosen(&protection.scheme, parties, threshold).map_err(|error| error.to_string())
}

impl Granted {
    /// The data providers.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &Did> {
        self.contract.inputs().map(|(_, input)| &input.provider)
    }

    /// The compute party of that number.
    pub(crate) fn compute_party(&self, number: usize) -> Option<Did> {
        self.contract.protection.compute_parties.get(number).copied()
    }

    /// Whose data an input of the program comes from.
    pub(crate) fn owner_of_input(&self, input: u32) -> Option<Did> {
        let program = &self.compiled.program;
        let declared = program.inputs.get(usize::try_from(input).ok()?)?;
        let stage = program.stages.get(usize::from(declared.stage))?;
        self.contract
            .inputs()
            .find(|(_, input)| input.dataset == stage.dataset)
            .map(|(_, input)| input.provider)
    }
}
