//! From what a drafter decides to a whole contract: names become identities, references become roots, the source
//! becomes a program's hash.

mod completion;
mod dry_run;

use std::collections::{BTreeMap, BTreeSet};

use api::types::contracts::{
    Draft, DraftContract, DraftSettlement, DraftSplit, EstimateView, StageView, TemplateUse,
};
use contract::disclosure::{DisclosureRule, Privacy};
use contract::document::{
    Computation, FORMAT, Input, Limits, OutputRule, Party, Protection, Role, Settlement,
};
use contract::scheme::Scheme;
use contract::settlement::Split;
use contract::{Contract, Dataset, Did, Hash};
use program::{Program, Stage};

pub(crate) use self::dry_run::dry_run;
use crate::failure::{Failure, reasons};
use crate::gatekeeper;
use crate::node::Node;
use crate::setup::now_seconds;

/// Seconds after which a run fails, unless the drafter says otherwise.
const RUN_SECONDS: u32 = 120;

/// Drafts a contract; nothing is recorded.
pub(crate) fn draft(node: &Node, request: &DraftContract) -> Result<Draft, Failure> {
    let request = &completion::complete(node, request)?;
    refuse_without_auditor(request)?;
    let datasets = named_datasets(node, &request.tables)?;
    let roles = Roles::of(node, request, &datasets)?;
    let floor_rows = request
        .floor_rows
        .or_else(|| datasets.values().map(|dataset| dataset.terms.floor_rows).max())
        .unwrap_or(1);
    let mut contract = Contract {
        format: FORMAT.to_owned(),
        alliance: node.replica.read(|ledger| ledger.state().alliance_id()),
        title: request.title.clone(),
        purpose: request.purpose.clone(),
        parties: roles.parties(node),
        computation: Computation {
            sql: source(request)?,
            tables: inputs(&request.tables, &datasets)?,
            // Put in below, once the source is compiled.
            program: Hash::from_bytes([0; 32]),
            committed: request.committed.clone(),
        },
        protection: protection(node, request)?,
        output: OutputRule {
            receivers: node.names.members(&request.receivers)?,
            floor_rows,
            disclosure: disclosure(request, &datasets)?,
        },
        limits: Limits {
            runs: request.runs,
            not_before: request.not_before.unwrap_or_else(now_seconds),
            expires: request.expires,
            run_seconds_max: request.run_seconds_max.unwrap_or(RUN_SECONDS),
        },
        settlement: settlement(node, &request.settlement)?,
        // Put in below, once the program is known.
        audit: None,
        supersedes: request.supersedes.as_deref().map(read_id).transpose()?,
        nonce: nonce()?,
    };
    let compiled = gatekeeper::compile(&contract, &datasets)
        .map_err(|refusal| Failure::policy("the computation cannot be drafted", &[refusal], &node.names))?;
    contract.computation.program = Hash::from_bytes(compiled.program.hash());
    let report = compiler::report(&contract, &compiled).hash();
    contract.audit = Some(report.map_err(|error| Failure::malformed(error.to_string()))?);
    contract.validate().map_err(|flaws| {
        let flaws: Vec<_> = flaws.iter().map(ToString::to_string).collect();
        Failure::malformed(format!("the contract would not be well-formed: {}", flaws.join("; ")))
    })?;
    let reading = gatekeeper::check(&contract, &node.replica, now_seconds());
    let id = contract.id().map_err(|error| Failure::malformed(error.to_string()))?;
    let program = compiled.program.to_string();
    Ok(Draft {
        id: id.to_string(),
        text: text(node, &contract, Some(&program)),
        program,
        audit: compiled.audit.to_string(),
        stages: stages(node, &compiled.program, &datasets),
        estimate: estimate(&contract, &compiled.program)?,
        refusals: reasons(&reading.refusals, &node.names),
        contract,
    })
}

/// What keeps the result from saying too much: as the strictest of the owners asks, unless the drafter says otherwise.
fn disclosure(
    request: &DraftContract,
    datasets: &BTreeMap<String, Dataset>,
) -> Result<DisclosureRule, Failure> {
    let terms = || datasets.values().map(|dataset| &dataset.terms.disclosure);
    let contributors = || terms().map(|terms| terms.contributors_min).max().unwrap_or(0);
    let dominance = || terms().filter_map(|terms| terms.dominance_percent_max).min();
    let privacy = match (request.epsilon_micro, request.rho_micro) {
        (Some(_), Some(_)) => {
            let message = "noise costs ε (Laplace) or ρ (Gaussian): give an epsilon or a rho, and not both";
            return Err(Failure::malformed(message));
        }
        (Some(epsilon_micro), None) => Some(Privacy::laplace(epsilon_micro)),
        (None, rho_micro) => rho_micro.map(Privacy::gaussian),
    };
    Ok(DisclosureRule {
        contributors_min: request.contributors_min.unwrap_or_else(contributors),
        dominance_percent_max: request.dominance_percent_max.or_else(dominance),
        privacy,
    })
}

fn settlement(node: &Node, drafted: &DraftSettlement) -> Result<Settlement, Failure> {
    Ok(Settlement {
        payer: node.names.member(&drafted.payer)?,
        fee: drafted.fee,
        charge: drafted.charge,
        providers: drafted.providers,
        compute_parties: drafted.compute_parties,
        algorithm_providers: drafted.algorithm_providers,
        parts: drafted.parts,
        split: match &drafted.split {
            DraftSplit::Rows => Split::Rows,
            DraftSplit::Even => Split::Even,
            DraftSplit::Contribution => Split::Contribution,
            DraftSplit::Weights(weights) => {
                let weight = |(name, weight): (&String, &u32)| Ok((node.names.member(name)?, *weight));
                Split::Weights(weights.iter().map(weight).collect::<Result<_, Failure>>()?)
            }
        },
    })
}

fn stages(node: &Node, program: &Program, datasets: &BTreeMap<String, Dataset>) -> Vec<StageView> {
    let owner = |dataset: &str| datasets.get(dataset).map(|dataset| node.names.name(&dataset.owner));
    let view = |stage: &Stage| StageView {
        owner: owner(&stage.dataset).unwrap_or_default(),
        dataset: stage.dataset.clone(),
        beside: stage.beside.iter().map(|beside| beside.dataset.clone()).collect(),
        sql: stage.sql.clone(),
        rows: stage.rows,
    };
    program.stages.iter().map(view).collect()
}

fn estimate(contract: &Contract, program: &Program) -> Result<EstimateView, Failure> {
    let scheme = gatekeeper::scheme(contract).map_err(Failure::malformed)?;
    let estimate = vm::estimate(program, scheme).map_err(|error| Failure::malformed(error.to_string()))?;
    Ok(EstimateView {
        instructions: program.body.len() as u64,
        rounds: estimate.rounds(),
        bytes_sent: estimate.bytes_sent(),
        column_bytes: estimate.column_bytes,
        seconds_lan: estimate.seconds(vm::Network::LAN),
        seconds_wan: estimate.seconds(vm::Network::WAN),
    })
}

/// Who computes, and how well that is protected: `rep3` and the highest threshold unless the drafter says otherwise.
fn protection(node: &Node, request: &DraftContract) -> Result<Protection, Failure> {
    let compute_parties: Vec<Did> = node.names.members(&request.compute_parties)?;
    let scheme = scheme_of(request);
    let highest = || Scheme::find(scheme).map(|scheme| *scheme.thresholds(compute_parties.len()).end());
    let threshold = request.threshold.or_else(highest).unwrap_or(1);
    Ok(Protection { scheme: scheme.to_owned(), threshold, compute_parties })
}

fn scheme_of(request: &DraftContract) -> &str {
    request.scheme.as_deref().unwrap_or("rep3")
}

/// A contract for people, with names.
pub(crate) fn text(node: &Node, contract: &Contract, program: Option<&str>) -> String {
    contract.to_text(|did| node.names.name(did), program)
}

/// A contract's or run's id from its text.
pub(crate) fn read_id(text: &str) -> Result<Hash, Failure> {
    text.parse().map_err(|_| Failure::malformed(format!("`{text}` is no id: expected 64 hexadecimal digits")))
}

/// 16 bytes from the operating system, in hex.
pub(crate) fn nonce() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::unavailable(format!("no randomness: {error}")))?;
    Ok(hex::encode(bytes))
}

fn named_datasets(
    node: &Node,
    tables: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Dataset>, Failure> {
    node.replica.read(|ledger| {
        let references = tables.values().flatten();
        references
            .map(|reference| match ledger.state().dataset(reference) {
                Some(record) if record.withdrawn.is_none() => {
                    Ok((reference.clone(), Dataset::clone(&record.dataset)))
                }
                Some(_) => Err(Failure::not_found(format!("`{reference}` was withdrawn by its owner"))),
                None => Err(Failure::not_found(format!("the catalog has no `{reference}`"))
                    .next("treaty catalog search")),
            })
            .collect()
    })
}

fn inputs(
    tables: &BTreeMap<String, Vec<String>>,
    datasets: &BTreeMap<String, Dataset>,
) -> Result<BTreeMap<String, Vec<Input>>, Failure> {
    let input = |reference: &String| {
        let dataset = datasets
            .get(reference)
            .ok_or_else(|| Failure::not_found(format!("the catalog has no `{reference}`")))?;
        Ok(Input { dataset: reference.clone(), provider: dataset.owner, root: dataset.root })
    };
    tables
        .iter()
        .map(|(table, references)| {
            Ok((table.clone(), references.iter().map(input).collect::<Result<_, Failure>>()?))
        })
        .collect()
}

fn source(request: &DraftContract) -> Result<String, Failure> {
    match (&request.sql, &request.template) {
        (Some(sql), None) => Ok(sql.clone()),
        (None, Some(TemplateUse { name, parameters })) => compiler::template::find(name)
            .and_then(|template| template.fill(parameters))
            .map_err(|error| Failure::malformed(error.to_string()).next("treaty contract templates")),
        _ => Err(Failure::malformed("give either `sql` or `template`, and not both")),
    }
}

/// A template may ask for an auditor; the contract that is drafted then has one, and waits for its approval.
fn refuse_without_auditor(request: &DraftContract) -> Result<(), Failure> {
    let template = request.template.as_ref().and_then(|used| compiler::template::find(&used.name).ok());
    match template.and_then(|template| Some((template.name, template.audited_because?))) {
        Some((name, reason)) if request.auditors.is_empty() => {
            let message =
                format!("contracts from template `{name}` need an auditor, since {reason}: name one");
            Err(Failure::refused("auditor-missing", message).next("treaty contract draft --auditors MEMBER"))
        }
        _ => Ok(()),
    }
}

/// Who takes part as what.
struct Roles(BTreeMap<Did, BTreeSet<Role>>);

impl Roles {
    fn of(
        node: &Node,
        request: &DraftContract,
        datasets: &BTreeMap<String, Dataset>,
    ) -> Result<Self, Failure> {
        let mut roles: BTreeMap<Did, BTreeSet<Role>> = BTreeMap::new();
        for dataset in datasets.values() {
            roles.entry(dataset.owner).or_default().insert(Role::DataProvider);
        }
        let named = [
            (&request.compute_parties, Role::ComputeParty),
            (&request.data_users, Role::DataUser),
            (&request.receivers, Role::Receiver),
            (&request.algorithm_providers, Role::AlgorithmProvider),
            (&request.regulators, Role::Regulator),
            (&request.auditors, Role::Auditor),
        ];
        for (names, role) in named {
            for member in node.names.members::<Vec<_>>(names)? {
                roles.entry(member).or_default().insert(role);
            }
        }
        Ok(Self(roles))
    }

    /// Sorted by member, as a contract wants them.
    fn parties(&self, node: &Node) -> Vec<Party> {
        let party = |(member, roles): (&Did, &BTreeSet<Role>)| Party {
            member: *member,
            name: node.names.name(member),
            roles: roles.clone(),
        };
        self.0.iter().map(party).collect()
    }
}
