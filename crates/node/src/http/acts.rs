//! What members do with each other on the ledger beside contracts and runs: votes, access, points, disputes, the
//! catalog. One route writes, one reads; the ledger's own rules decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::auth::Scope;
use api::types::acts::{Act, Acted, Reading, RecordView};
use api::types::{Page, Problem};
use axum::Extension;
use axum::extract::State;
use ledger::{Action, identity};
use serde::Serialize;

use super::admit::require;
use super::extract::{Json, Path, Query};
use super::paging::Paging;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// Does something on the ledger in the member's name, and waits until a quorum has cosigned it.
#[utoipa::path(post, path = "/v1/acts", tag = "alliance", request_body = Act,
    responses((status = 200, body = Acted), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn act(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<Act>,
) -> Result<Json<Acted>, Failure> {
    let mut action: Action = serde_json::from_value(request.action)
        .map_err(|error| Failure::malformed(format!("that is no act of the ledger: {error}")))?;
    for scope in needed(&action)? {
        require(&person, scope)?;
    }
    // Nor for longer than it was given to them.
    if let Action::Delegate(delegation) = &mut action {
        delegation.expires = delegation.expires.min(person.expires);
    }
    let entry = node.replica.record(Some(person.did), action).await?.entry;
    acted(&node, entry).map(Json)
}

/// What the entry of an act came to.
pub(super) fn acted(node: &Node, entry: u64) -> Result<Acted, Failure> {
    let read = node.replica.read(|ledger| -> Result<_, ledger::LedgerError> {
        let id = ledger.entries(entry, 1)?.first().and_then(|entry| entry.transaction()?.id().ok());
        Ok((id, ledger.events(entry, entry + 1)?))
    });
    let (id, events) = read.map_err(|error| Failure::unavailable(error.to_string()))?;
    let events = events.iter().map(|event| json(&event.what)).collect();
    Ok(Acted { entry, id: id.map(|id| id.to_string()).unwrap_or_default(), events })
}

/// Which scopes of the API an act needs. Acts that have a route of their own go there, where the node checks more than
/// the ledger can; what a node states by itself and what concerns the member's key is nobody's to ask for.
pub(super) fn needed(action: &Action) -> Result<BTreeSet<Scope>, Failure> {
    Ok(match action {
        Action::PublishDataset(_)
        | Action::WithdrawDataset { .. }
        | Action::ProposeContract(_)
        | Action::SignContract { .. }
        | Action::AuditContract { .. }
        | Action::RevokeContract { .. }
        | Action::RequestRun { .. } => {
            return Err(Failure::forbidden("other-route", "this act has its own route"));
        }
        Action::SetReading { .. } | Action::RevokeDelegation { .. } => BTreeSet::from([Scope::Govern]),
        // Nobody hands on more than they have.
        Action::Delegate(delegation) => {
            delegation.scopes.iter().map(|scope| of_ledger(*scope)).chain([Scope::Govern]).collect()
        }
        Action::StateContributions { .. } => BTreeSet::from([Scope::Run]),
        action => action.scope().map(|scope| BTreeSet::from([of_ledger(scope)])).ok_or_else(|| {
            let message = "only the member's node does this, by itself or with the member's key at hand";
            Failure::forbidden("members-own-act", message)
        })?,
    })
}

/// The scope of the API that covers one of the ledger's.
fn of_ledger(scope: identity::Scope) -> Scope {
    match scope {
        identity::Scope::Read => Scope::Read,
        identity::Scope::Data => Scope::Data,
        identity::Scope::Contract | identity::Scope::Access => Scope::Contract,
        identity::Scope::Run => Scope::Run,
        identity::Scope::Vote | identity::Scope::Points => Scope::Govern,
    }
}

/// Records of one kind: `parameters`, `members`, `persons`, `proposals`, `requests`, `tokens`, `disputes`, `claims`,
/// `publications` or `readings`.
#[utoipa::path(get, path = "/v1/records/{kind}", tag = "alliance", params(("kind" = String, Path), Paging),
    responses((status = 200, body = Page<RecordView>), (status = 404, body = Problem)))]
pub(super) async fn records(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(kind): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RecordView>>, Failure> {
    require(&person, Scope::Read)?;
    let state = node.replica.state();
    Ok(Json(match kind.as_str() {
        "parameters" => page(&paging, std::iter::once(("parameters", state.parameters()))),
        "members" => page(&paging, state.roster().seats().map(|seat| (seat.card.member, seat))),
        "persons" => page(
            &paging,
            state.delegations().map(|(member, d)| (format!("{member} {}", d.delegation.person), d)),
        ),
        "proposals" => page(&paging, state.proposals()),
        "requests" => page(&paging, state.requests()),
        "tokens" => page(&paging, state.tokens()),
        "disputes" => page(&paging, state.disputes()),
        "claims" => page(&paging, state.claims()),
        "publications" => page(&paging, state.publications()),
        "readings" => page(
            &paging,
            state.readings().map(|(member, regulator)| {
                let [member, regulator] = [member, regulator].map(|did| node.names.name(did));
                (format!("{member} {regulator}"), Reading { member, regulator })
            }),
        ),
        _ => return Err(Failure::not_found(format!("the ledger has no records of kind `{kind}`"))),
    }))
}

fn page<I: ToString, R: Serialize>(
    paging: &Paging,
    records: impl Iterator<Item = (I, R)>,
) -> Page<RecordView> {
    let items = records.map(|(id, record)| {
        let id = id.to_string();
        (id.clone(), (id, record))
    });
    paging.page(items, |(id, record)| RecordView { id, record: json(&record) })
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
