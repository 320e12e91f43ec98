//! Starting, watching and reading runs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use api::auth::Scope;
use api::types::runs::{Egress, EgressLine, FailureView, RunResult, RunView, StartRun};
use api::types::{Page, Problem};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use contract::Hash;
use futures::Stream;
use ledger::{Action, Ledger, Run};
use tokio::sync::watch;

use super::admit::require;
use super::extract::{Json, Path, Query};
use super::paging::Paging;
use crate::draft::{nonce, read_id};
use crate::failure::{Failure, reasons};
use crate::gatekeeper;
use crate::journal::Note;
use crate::node::Node;
use crate::persons::Person;
use crate::replica::Heads;

/// Starts a run: takes one use of the contract on the ledger, before anything runs.
#[utoipa::path(post, path = "/v1/runs", tag = "runs", request_body = StartRun,
    responses((status = 200, body = RunView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn start(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<StartRun>,
) -> Result<Json<RunView>, Failure> {
    require(&person, Scope::Run)?;
    let contract = read_id(&request.contract)?;
    let purpose = match request.purpose {
        Some(purpose) => purpose,
        None => node
            .replica
            .read(|ledger| ledger.state().contract(&contract).map(|record| record.contract.purpose.clone()))
            .ok_or_else(|| Failure::not_found(format!("contract {contract} is not on the ledger")))?,
    };
    let run = Hash::of("run", nonce()?.as_bytes());
    node.replica.record(Some(person.did), Action::RequestRun { contract, run, purpose }).await?;
    find(&node, &run).map(Json)
}

/// Runs on the ledger.
#[utoipa::path(get, path = "/v1/runs", tag = "runs", params(Paging), responses((status = 200, body = Page<RunView>)))]
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RunView>>, Failure> {
    require(&person, Scope::Read)?;
    let state = node.replica.state();
    let items = state.runs().map(|(id, record)| (id.to_string(), (id, record)));
    Ok(Json(paging.page(items, |(id, record)| view(&node, id, record))))
}

/// One run.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "runs",
    responses((status = 200, body = RunView), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<RunView>, Failure> {
    require(&person, Scope::Read)?;
    find(&node, &read_id(&id)?).map(Json)
}

/// The result, at a receiver's node.
#[utoipa::path(get, path = "/v1/runs/{id}/result", tag = "runs",
    responses((status = 200, body = RunResult), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn result(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    require(&person, Scope::Read)?;
    let id = read_id(&id)?;
    let run = find(&node, &id)?;
    let receives = node.replica.read(|ledger| {
        let state = ledger.state();
        let record = state.run(&id).and_then(|run| state.contract(&run.contract));
        record.is_some_and(|record| record.contract.output.receivers.contains(&node.me))
    });
    if !receives {
        let name = &node.config.name;
        return Err(Failure::forbidden(
            "not-a-receiver",
            format!("`{name}` is not named as a receiver of this contract's results"),
        ));
    }
    if run.state != "completed" {
        return Err(Failure::refused("not-completed", format!("the run is {}: it has no result", run.state))
            .next(format!("treaty run watch {id}")));
    }
    match result_bytes(&node, &id).await? {
        Some(bytes) => Ok(([(CONTENT_TYPE, "application/json")], bytes).into_response()),
        None => Err(Failure::unavailable("the compute parties have not handed over their output shares yet")
            .next(format!("treaty run result {id}"))),
    }
}

/// Output shares follow the completion on the ledger within moments: waits for them a little.
async fn result_bytes(node: &Node, run: &Hash) -> Result<Option<Vec<u8>>, Failure> {
    for _ in 0..100 {
        if let Some(bytes) = node.journal.read(run, Note::Result)? {
            return Ok(Some(bytes));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(None)
}

/// Everything that left this node for a run: bytes, to whom, as what.
#[utoipa::path(get, path = "/v1/runs/{id}/egress", tag = "runs",
    responses((status = 200, body = Egress), (status = 404, body = Problem)))]
pub(super) async fn egress(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<Egress>, Failure> {
    require(&person, Scope::Read)?;
    let id = read_id(&id)?;
    find(&node, &id)?;
    let lines = node.journal.egress(&id)?.into_iter().map(|record| EgressLine {
        to: record.to.parse().map_or(record.to, |did| node.names.name(&did)),
        kind: record.kind.to_owned(),
        bytes: record.bytes,
        messages: record.messages,
    });
    Ok(Json(Egress { lines: lines.collect() }))
}

/// The proof of a completed run: a file that anyone can check offline with `treaty verify`.
#[utoipa::path(get, path = "/v1/runs/{id}/proof", tag = "runs",
    responses((status = 200, content_type = "application/json"), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn proof(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    require(&person, Scope::Read)?;
    let id = read_id(&id)?;
    let run = find(&node, &id)?;
    if run.state != "completed" {
        return Err(Failure::refused(
            "not-completed",
            format!("the run is {}: there is nothing to prove", run.state),
        ));
    }
    let contract = node.replica.read(|ledger| {
        let state = ledger.state();
        Some(Arc::clone(&state.contract(&state.run(&id)?.contract)?.contract))
    });
    let Some(contract) = contract else {
        return Err(Failure::not_found(format!("run {id} has no contract")));
    };
    let compiled = gatekeeper::recompile(&contract, &node.replica).map_err(|refusal| {
        Failure::policy("the program cannot be compiled again", &[refusal], &node.names)
    })?;
    let listing = compiled.program.to_string();
    if let Some(entry) = node.replica.read(Ledger::unconfirmed) {
        return Err(Failure::unavailable(format!(
            "too few of the members before entry {entry}, which changed who they are, have cosigned it: try again soon"
        )));
    }
    let bytes = node
        .replica
        .read(|ledger| ledger::Proof::export(ledger, id, listing).map(|proof| proof.to_bytes()))
        .map_err(|error| Failure::unavailable(error.to_string()))?
        .map_err(|error| Failure::unavailable(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], Bytes::from(bytes)).into_response())
}

/// The run each time that it changes, as server-sent events, until it is over.
#[utoipa::path(get, path = "/v1/runs/{id}/events", tag = "runs",
    responses((status = 200, body = RunView, content_type = "text/event-stream"), (status = 404, body = Problem)))]
pub(super) async fn watch(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    require(&person, Scope::Read)?;
    let id = read_id(&id)?;
    find(&node, &id)?;
    let watching = Watching { heads: node.replica.watch(), node, run: id, last: None };
    let stream = futures::stream::unfold(watching, |mut watching| async move {
        let view = watching.next().await?;
        let data = serde_json::to_string(&view).unwrap_or_default();
        Some((Ok(Event::default().data(data)), watching))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// A person who watches a run.
struct Watching {
    node: Arc<Node>,
    heads: watch::Receiver<Heads>,
    run: Hash,
    last: Option<RunView>,
}

impl Watching {
    /// How often this node's own progress is looked at.
    const PROGRESS: std::time::Duration = std::time::Duration::from_millis(200);

    /// The next view that differs from the last; none after the run is over.
    async fn next(&mut self) -> Option<RunView> {
        if self.last.as_ref().is_some_and(RunView::is_over) {
            return None;
        }
        loop {
            let view = find(&self.node, &self.run).ok()?;
            if self.last.as_ref() != Some(&view) {
                self.last = Some(view.clone());
                return Some(view);
            }
            tokio::time::timeout(Self::PROGRESS, self.heads.changed()).await.ok();
        }
    }
}

fn find(node: &Node, id: &Hash) -> Result<RunView, Failure> {
    node.replica
        .read(|ledger| {
            let state = ledger.state();
            state.run(id).map(|record| view(node, id, record))
        })
        .ok_or_else(|| Failure::not_found(format!("run {id} is not on the ledger")).next("treaty run list"))
}

fn view(node: &Node, id: &Hash, record: &Run) -> RunView {
    let names = &node.names;
    let refused_by =
        record.refusals.iter().map(|(by, refusals)| (names.name(by), reasons(&refusals.value, names)));
    let failure = record.failure.as_ref().map(|failure| FailureView {
        reported_by: names.name(&failure.value.by),
        reason: failure.value.reason.text.clone(),
        blamed: failure.value.reason.blamed.map(|did| names.name(&did)),
    });
    RunView {
        id: id.to_string(),
        contract: record.contract.to_string(),
        requester: names.name(&record.requested.value),
        state: record.phase.to_string(),
        permitted_by: names.names(record.permits.keys()),
        refused_by: refused_by.collect(),
        committed_by: names.names(record.commitments.keys()),
        receipts_by: names.names(record.receipts.keys()),
        failure,
        nothing_opened_by: names.names(&record.nothing_opened),
        use_returned: record.use_returned,
        settlement: settlement(node, record),
        requested: record.requested_at,
        progress: node.desk.progress(id),
    }
}

/// What the run's completion moved, by the contract's rule.
fn settlement(node: &Node, record: &Run) -> BTreeMap<String, u64> {
    let mut paid: BTreeMap<String, u64> = BTreeMap::new();
    for transfer in record.settled.iter().flat_map(|settled| &settled.value) {
        *paid.entry(node.names.name(&transfer.to)).or_default() += transfer.points;
    }
    paid
}
