//! Drafting, proposing, checking, signing and revoking contracts.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::auth::Scope;
use api::types::contracts::{
    AuditView, Check, ContractView, DescribedColumn, Draft, DraftContract, FileSignature, GiveOpinion,
    OpinionView, ProposeContract, ResultDescription, RevokeContract, SignatureView, TemplateView,
};
use api::types::ledger::Recorded;
use api::types::{Page, Problem};
use axum::Extension;
use axum::extract::State;
use compiler::ResultColumn;
use contract::audit::{Opinion, Report};
use contract::policy::Refusal;
use contract::{Contract, Hash};
use ledger::state::ContractRecord;
use ledger::{Action, Phase, Run};

use super::admit::require;
use super::extract::{Json, Path, Query};
use super::paging::Paging;
use crate::draft::{self, read_id, text};
use crate::failure::{Failure, reasons};
use crate::node::Node;
use crate::persons::Person;
use crate::setup::now_seconds;
use crate::{differencing, gatekeeper};

/// Templates that a contract can be drafted from.
#[utoipa::path(get, path = "/v1/templates", tag = "contracts", responses((status = 200, body = Page<TemplateView>)))]
pub(super) async fn templates(
    Extension(person): Extension<Person>,
) -> Result<Json<Page<TemplateView>>, Failure> {
    require(&person, Scope::Read)?;
    let view = |template: &compiler::template::Template| TemplateView {
        name: template.name.to_owned(),
        title: template.title.to_owned(),
        sql: template.sql.to_owned(),
        audited_because: template.audited_because.map(str::to_owned),
        parameters: template.parameters.iter().map(|parameter| parameter.name.to_owned()).collect(),
    };
    Ok(Json(Page { items: compiler::template::TEMPLATES.iter().map(view).collect(), next: None }))
}

/// Drafts a contract: compiles its source, fills in roots and roles, and says what the program reveals and which
/// terms it breaks. Nothing is recorded.
#[utoipa::path(post, path = "/v1/contracts/draft", tag = "contracts", request_body = DraftContract,
    responses((status = 200, body = Draft), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn draft(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<DraftContract>,
) -> Result<Json<Draft>, Failure> {
    require(&person, Scope::Contract)?;
    Ok(Json(draft::draft(&node, &request)?))
}

/// Puts a contract before its parties.
#[utoipa::path(post, path = "/v1/contracts", tag = "contracts", request_body = ProposeContract,
    responses((status = 200, body = Recorded), (status = 409, body = Problem)))]
pub(super) async fn propose(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<ProposeContract>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Contract)?;
    let action = Action::ProposeContract(Box::new(request.contract));
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}

/// Contracts on the ledger.
#[utoipa::path(get, path = "/v1/contracts", tag = "contracts", params(Paging),
    responses((status = 200, body = Page<ContractView>)))]
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ContractView>>, Failure> {
    require(&person, Scope::Read)?;
    let state = node.replica.state();
    let completed = last_completed(state.runs());
    let items = state.contracts().map(|(id, record)| (id.to_string(), (id, record)));
    let view = |(id, record)| view(&node, id, record, completed.get(id).copied(), state.time());
    Ok(Json(paging.page(items, view)))
}

/// One contract.
#[utoipa::path(get, path = "/v1/contracts/{id}", tag = "contracts",
    responses((status = 200, body = ContractView), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<ContractView>, Failure> {
    require(&person, Scope::Read)?;
    let id = read_id(&id)?;
    let state = node.replica.state();
    let record = state.contract(&id).ok_or_else(|| unknown(&id))?;
    let completed = last_completed(state.runs().filter(|(_, run)| run.contract == id));
    Ok(Json(view(&node, &id, record, completed.get(&id).copied(), state.time())))
}

/// This node's own verdict on a contract: compiled here, checked against the terms on this node's ledger.
#[utoipa::path(get, path = "/v1/contracts/{id}/check", tag = "contracts",
    responses((status = 200, body = Check), (status = 404, body = Problem)))]
pub(super) async fn check(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<Check>, Failure> {
    require(&person, Scope::Read)?;
    let contract = find(&node, &read_id(&id)?)?;
    let mut reading = gatekeeper::check(&contract, &node.replica, now_seconds());
    reading.refusals.extend(too_close(&node, &contract, &reading).await);
    let (program, audit) = match &reading.compiled {
        Some(compiled) => (compiled.program.to_string(), compiled.audit.to_string()),
        None => (String::new(), String::new()),
    };
    Ok(Json(Check {
        permitted: reading.refusals.is_empty(),
        refusals: reasons(&reading.refusals, &node.names),
        program,
        audit,
    }))
}

/// Signs a contract with this member's key, if this node finds nothing against it.
#[utoipa::path(post, path = "/v1/contracts/{id}/sign", tag = "contracts",
    responses((status = 200, body = Recorded), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn sign(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Contract)?;
    let id = read_id(&id)?;
    let contract = find(&node, &id)?;
    let reading = gatekeeper::check(&contract, &node.replica, now_seconds());
    let mut refusals: Vec<Refusal> = reading.refusals.clone();
    refusals.extend(too_close(&node, &contract, &reading).await);
    if !refusals.is_empty() {
        return Err(Failure::policy(
            "this node does not sign a contract that could not run",
            &refusals,
            &node.names,
        )
        .next(format!("treaty contract check {id}")));
    }
    let signature =
        contract.sign(&node.replica.present_key()?).map_err(|error| Failure::malformed(error.to_string()))?;
    let action = Action::SignContract { contract: id, party: node.me, signature };
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}

/// Files a party's signature that was made elsewhere. The ledger checks it; this node checks nothing else.
#[utoipa::path(post, path = "/v1/contracts/{id}/signatures", tag = "contracts", request_body = FileSignature,
    responses((status = 200, body = Recorded), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn file_signature(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
    Json(request): Json<FileSignature>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Contract)?;
    let malformed = |error: contract::identity::IdentityError| Failure::malformed(error.to_string());
    let action = Action::SignContract {
        contract: read_id(&id)?,
        party: request.party.parse().map_err(malformed)?,
        signature: request.signature.parse().map_err(malformed)?,
    };
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}

/// The columns that a contract's results have. Nothing runs, and no use is taken.
#[utoipa::path(get, path = "/v1/contracts/{id}/columns", tag = "contracts",
    responses((status = 200, body = ResultDescription), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn columns(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<ResultDescription>, Failure> {
    require(&person, Scope::Read)?;
    let contract = find(&node, &read_id(&id)?)?;
    let refused = |refusal| Failure::policy("the contract cannot be compiled", &[refusal], &node.names);
    let compiled = gatekeeper::recompile(&contract, &node.replica).map_err(refused)?;
    let values = compiled.program.verify().map_err(|flaw| Failure::malformed(flaw.to_string()))?;
    let is_wide = |column: &ResultColumn| {
        let output = column.kind.opened().and_then(|opened| compiled.program.outputs.get(opened.output));
        output.and_then(|output| values.get(output.value)).is_some_and(|value| value.bits() > 63)
    };
    let described = |column: &ResultColumn| DescribedColumn {
        name: column.name.clone(),
        kind: column.cell_type().word().to_owned(),
        unit: column.unit.clone(),
        is_wide: is_wide(column),
    };
    Ok(Json(ResultDescription { columns: compiled.columns.iter().map(described).collect() }))
}

/// The audit report of a contract as this node derives it, whether it is the one that the parties sign, and what the
/// auditors said of it.
#[utoipa::path(get, path = "/v1/contracts/{id}/audit", tag = "contracts",
    responses((status = 200, body = AuditView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn audit(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<AuditView>, Failure> {
    require(&person, Scope::Read)?;
    let id = read_id(&id)?;
    let contract = find(&node, &id)?;
    let (report, hash) = derive(&node, &contract)?;
    let auditors = node.replica.read(|ledger| ledger.state().contract(&id).map_or_else(Vec::new, opinions));
    Ok(Json(AuditView {
        contract: id.to_string(),
        hash: hash.to_string(),
        agrees: contract.audit == Some(hash),
        text: report.to_text(Some(&node.me)),
        report,
        auditors,
    }))
}

/// Signs a contract's audit report as its auditor, or declines it. This node derives the report anew, and approves no
/// other.
#[utoipa::path(post, path = "/v1/contracts/{id}/audit", tag = "contracts", request_body = GiveOpinion,
    responses((status = 200, body = Recorded), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn give_opinion(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
    Json(request): Json<GiveOpinion>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Contract)?;
    let id = read_id(&id)?;
    let contract = find(&node, &id)?;
    let (report, opinion) = match (request.decline, contract.audit) {
        // What cannot be derived, or is another's, can be declined as it is named.
        (Some(reason), Some(named)) => (named, Opinion::Declined { reason }),
        (Some(_), None) => return Err(not_as_derived(&node, &id, Refusal::NotAudited)),
        (None, expected) => {
            let (_, found) = derive(&node, &contract)?;
            match expected {
                None => return Err(not_as_derived(&node, &id, Refusal::NotAudited)),
                Some(expected) if expected != found => {
                    return Err(not_as_derived(&node, &id, Refusal::AuditDiffers { expected, found }));
                }
                Some(_) => (found, Opinion::Approved),
            }
        }
    };
    let action = Action::AuditContract { contract: id, report, opinion };
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}

fn derive(node: &Node, contract: &Contract) -> Result<(Report, Hash), Failure> {
    let refused = |refusal| Failure::policy("the contract cannot be audited", &[refusal], &node.names);
    let compiled = gatekeeper::recompile(contract, &node.replica).map_err(refused)?;
    let report = compiler::report(contract, &compiled);
    let hash = report.hash().map_err(|error| Failure::malformed(error.to_string()))?;
    Ok((report, hash))
}

fn not_as_derived(node: &Node, id: &Hash, refusal: Refusal) -> Failure {
    Failure::policy("this node approves only the report that it derives", &[refusal], &node.names)
        .next(format!("treaty contract audit {id} --decline REASON"))
}

fn opinions(record: &ContractRecord) -> Vec<OpinionView> {
    let view = |auditor| {
        let party = record.contract.party(&auditor)?;
        let opinion = record.opinions.get(&auditor).map(|opinion| &opinion.value);
        Some(OpinionView {
            auditor: party.name.clone(),
            opinion: opinion.map(|opinion| opinion.word().to_owned()),
            reason: opinion.and_then(Opinion::objection).map(str::to_owned),
        })
    };
    record.contract.auditors().filter_map(view).collect()
}

/// Stops all further runs under a contract, in this member's name.
#[utoipa::path(post, path = "/v1/contracts/{id}/revoke", tag = "contracts", request_body = RevokeContract,
    responses((status = 200, body = Recorded), (status = 409, body = Problem)))]
pub(super) async fn revoke(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
    Json(request): Json<RevokeContract>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Contract)?;
    let action = Action::RevokeContract { contract: read_id(&id)?, reason: request.reason };
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}

/// What answers that were given before say against a contract, over this member's rows.
async fn too_close(node: &Node, contract: &Contract, reading: &gatekeeper::Reading) -> Vec<Refusal> {
    let Some(compiled) = &reading.compiled else { return Vec::new() };
    // It reads this member's rows several times, which whoever may read could ask for without end.
    let _turn = node.comparing.lock().await;
    differencing::refusals(contract, compiled, None, node.member(), &node.replica, &node.vault).await
}

fn find(node: &Node, id: &Hash) -> Result<Arc<Contract>, Failure> {
    let found =
        node.replica.read(|ledger| ledger.state().contract(id).map(|record| Arc::clone(&record.contract)));
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &Hash) -> Failure {
    Failure::not_found(format!("contract {id} is not on the ledger")).next("treaty contract list")
}

/// By contract, of the runs that completed the one that was requested last.
fn last_completed<'a>(runs: impl Iterator<Item = (&'a Hash, &'a Run)>) -> BTreeMap<Hash, &'a Hash> {
    let mut last = BTreeMap::<Hash, (u64, &Hash)>::new();
    for (id, run) in runs.filter(|(_, run)| run.phase == Phase::Completed) {
        let known = last.entry(run.contract).or_insert((run.requested.index, id));
        if run.requested.index > known.0 {
            *known = (run.requested.index, id);
        }
    }
    last.into_iter().map(|(contract, (_, id))| (contract, id)).collect()
}

fn view(
    node: &Node,
    id: &Hash,
    record: &ContractRecord,
    last_completed: Option<&Hash>,
    now: u64,
) -> ContractView {
    let signatures = record.contract.parties.iter().map(|party| SignatureView {
        party: party.name.clone(),
        signature: record.signatures.get(&party.member).map(ToString::to_string),
    });
    ContractView {
        id: id.to_string(),
        state: record.state_at(now).to_string(),
        contract: Contract::clone(&record.contract),
        signatures: signatures.collect(),
        auditors: opinions(record),
        runs_taken: record.runs_taken,
        last_completed: last_completed.map(ToString::to_string),
        text: text(node, &record.contract, None),
    }
}
