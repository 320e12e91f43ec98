//! What other members' nodes may ask of this one. The caller is known by its certificate.
//!
//! | route | on whose node | carries |
//! | --- | --- | --- |
//! | `POST /peer/ledger/transactions` | the operator's; any, where all order | a signed transaction to be ordered |
//! | `GET /peer/ledger/news?size=&final=&confirmed=` | any | entries and checkpoints that are new to a follower |
//! | `POST /peer/ledger/cosignatures` | the operator's; any, where all order | a member's cosignature |
//! | `GET /peer/ledger/checkpoint` | any | the newest checkpoint that it holds to be final |
//! | `POST /peer/ledger/headers` | any, where all order | what a new node's light client asks of CometBFT |
//! | `GET /peer/alive` | any | that it is there, and which version of the rules it has |
//! | `POST /peer/runs/{run}/inputs` | a compute party's | a provider's input shares |
//! | `POST /peer/runs/{run}/outputs` | a receiver's | a compute party's output shares |

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use contract::{Did, Hash};
use ledger::governance::PROTOCOL;
use ledger::{Phase, SignedTransaction};
use peers::Caller;
use serde::Deserialize;

use crate::failure::Failure;
use crate::journal::Note;
use crate::node::{Alive, Node};
use crate::order::answer_headers;
use crate::replica::Ordered;
use crate::runs::{self, shares::InputShares};
use crate::setup::now_seconds;

/// How far another node may be ahead of this one on the ledger.
const LAG_SECONDS: u64 = 10;
/// The largest share message that a node takes.
const SHARES_BYTES_MAX: usize = 256 << 20;
/// How long a share message may take.
const SHARES_PATIENCE: Duration = Duration::from_secs(120);

/// The routes.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let ledger = Router::new()
        .route("/peer/ledger/transactions", post(order))
        .route("/peer/ledger/news", get(news))
        .route("/peer/ledger/cosignatures", post(cosignature))
        .layer(DefaultBodyLimit::max(2 << 20));
    let light =
        Router::new().route("/peer/ledger/headers", post(headers)).layer(DefaultBodyLimit::max(64 << 10));
    let shares = Router::new()
        .route("/peer/runs/{run}/inputs", post(inputs))
        .route("/peer/runs/{run}/outputs", post(outputs))
        .layer(DefaultBodyLimit::disable());
    let open = Router::new()
        .route("/peer/alive", get(async || Json(Alive { rules: Some(PROTOCOL) })))
        .route("/peer/ledger/checkpoint", get(checkpoint));
    ledger.merge(light).merge(shares).merge(open).with_state(node)
}

fn must_be_operator(node: &Node) -> Result<(), Failure> {
    if node.replica.is_operator() {
        return Ok(());
    }
    let text = match node.replica.operator() {
        Some(operator) => {
            format!("the ledger is ordered by `{}`, not by this node", node.names.name(&operator))
        }
        None => "the ledger is ordered by all members' nodes together, not by this one".to_owned(),
    };
    Err(Failure::refused("not-the-operator", text))
}

async fn order(State(node): State<Arc<Node>>, body: Bytes) -> Result<Json<Ordered>, Failure> {
    let by_all = node.replica.operator().is_none();
    if !by_all {
        must_be_operator(&node)?;
    }
    let transaction =
        SignedTransaction::from_bytes(&body).map_err(|error| Failure::malformed(error.to_string()))?;
    if by_all {
        return Ok(Json(node.replica.order_for_another(&transaction).await?));
    }
    // Any member may hand in any member's transaction: it is the signature that counts.
    Ok(Json(node.replica.order(transaction)?))
}

#[derive(Deserialize)]
struct From {
    size: u64,
    #[serde(rename = "final")]
    final_size: u64,
    /// Changes of the roster before this entry are confirmed there.
    #[serde(default)]
    confirmed: u64,
}

async fn news(State(node): State<Arc<Node>>, Query(from): Query<From>) -> Result<Response, Failure> {
    let news = node.replica.news(from.size, from.final_size, from.confirmed).await?;
    Ok(Json(news).into_response())
}

/// What this node holds to be final.
async fn checkpoint(State(node): State<Arc<Node>>) -> Result<String, Failure> {
    node.replica.final_checkpoint().ok_or_else(|| Failure::unavailable("no checkpoint is final yet"))
}

/// By what a new node recognises the log that it takes over as a whole: headers, and the votes on them.
async fn headers(State(node): State<Arc<Node>>, question: Bytes) -> Result<Response, Failure> {
    if node.replica.operator().is_some() {
        return Err(Failure::refused(
            "not-by-agreement",
            "the ledger is ordered by an operator: there are no blocks",
        ));
    }
    let home = ordering::home::Home::new(&node.home.bft());
    let answer = tokio::task::spawn_blocking(move || answer_headers(&home, &question)).await;
    let answer = answer.map_err(|error| Failure::unavailable(error.to_string()))??;
    Ok(([(CONTENT_TYPE, "application/json")], answer).into_response())
}

async fn cosignature(State(node): State<Arc<Node>>, note: String) -> Result<Response, Failure> {
    if node.replica.operator().is_some() {
        must_be_operator(&node)?;
    }
    node.replica.add_cosignature(&note).await?;
    Ok(([(CONTENT_TYPE, "application/json")], "{}").into_response())
}

/// Takes a provider's shares for a run that this node's gatekeeper permitted. They are checked against the
/// provider's commitment before they are used; here only that they come from a provider of the run, once.
async fn inputs(
    State(node): State<Arc<Node>>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(run): Path<String>,
    body: Body,
) -> Result<Response, Failure> {
    let (run, provider) = (read_run(&run)?, read_caller(&caller)?);
    if !awaits_input(&node, &run, &provider).await {
        return Err(Failure::refused("not-awaited", format!("run {run} awaits no input of `{caller}` here")));
    }
    if node.journal.has(&run, Note::Input(&provider))? {
        return Err(Failure::refused(
            "already-there",
            format!("`{caller}` has already sent its input for run {run}"),
        ));
    }
    let body = read(body).await?;
    InputShares::from_bytes(&body).map_err(|error| Failure::malformed(format!("input shares: {error}")))?;
    node.journal.put(&run, Note::Input(&provider), &body)?;
    node.desk.arrivals.notify_waiters();
    Ok(([(CONTENT_TYPE, "application/json")], "{}").into_response())
}

/// Whether this compute party takes part in the run and that provider does too. The provider may have seen the last
/// permit a moment before this node does.
async fn awaits_input(node: &Node, run: &Hash, provider: &Did) -> bool {
    let phase = runs::wait_for(node, run, now_seconds() + LAG_SECONDS, |record| {
        (record.phase != Phase::Requested).then_some(record.phase)
    });
    if !matches!(phase.await, Some(Phase::Permitted | Phase::Running)) {
        return false;
    }
    node.replica.read(|ledger| {
        let state = ledger.state();
        let contract = state.run(run).and_then(|record| state.contract(&record.contract));
        contract.is_some_and(|record| {
            let contract = &record.contract;
            contract.inputs().any(|(_, input)| input.provider == *provider)
                && contract.protection.compute_parties.contains(&node.me)
        })
    })
}

async fn outputs(
    State(node): State<Arc<Node>>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(run): Path<String>,
    body: Body,
) -> Result<Response, Failure> {
    let (run, party) = (read_run(&run)?, read_caller(&caller)?);
    // The compute party may have seen the last receipt a moment before this node does.
    runs::wait_for(&node, &run, now_seconds() + LAG_SECONDS, |record| {
        (!record.phase.is_open()).then_some(())
    })
    .await;
    runs::may_hand_over(&node, &run, &party)?;
    let body = read(body).await?;
    runs::receive_output(&node, &run, &party, &body)?;
    Ok(([(CONTENT_TYPE, "application/json")], "{}").into_response())
}

/// A share message, once it is known that its sender may send one.
async fn read(body: Body) -> Result<Bytes, Failure> {
    tokio::time::timeout(SHARES_PATIENCE, to_bytes(body, SHARES_BYTES_MAX))
        .await
        .map_err(|_| {
            Failure::malformed(format!("the shares did not come within {} s", SHARES_PATIENCE.as_secs()))
        })?
        .map_err(|_| Failure::malformed(format!("the shares are more than {SHARES_BYTES_MAX} bytes")))
}

fn read_run(text: &str) -> Result<Hash, Failure> {
    text.parse()
        .map_err(|_| Failure::malformed(format!("`{text}` is no run: expected 64 hexadecimal digits")))
}

fn read_caller(caller: &str) -> Result<Did, Failure> {
    caller.parse().map_err(|_| Failure::malformed(format!("`{caller}` is no member")))
}
