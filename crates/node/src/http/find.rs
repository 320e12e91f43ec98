//! Entries by what they are about, with proofs that they are in the log.

use std::sync::Arc;

use api::auth::Scope;
use api::types::Problem;
use api::types::ledger::{CheckpointView, Found, FoundEntry};
use axum::Extension;
use axum::extract::State;
use ledger::finder::Filter;
use serde::Deserialize;

use super::admit::require;
use super::extract::{Json, Query};
use super::paging::Paging;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// `?kind=…&run=…`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The act (`permit-run`) or a consequence (`run-completed`).
    kind: Option<String>,
    /// Name of the member that acted.
    by: Option<String>,
    /// Name of a member that the entry is about.
    member: Option<String>,
    /// Identity of a person that it is about.
    person: Option<String>,
    /// Reference (`north/patients@1`) or path of a dataset or publication that it is about.
    dataset: Option<String>,
    /// Id of a contract that it is about.
    contract: Option<String>,
    /// Id of a run that it is about.
    run: Option<String>,
    /// Any other id: of a proposal, a request, a token, a dispute, a claim, a transaction.
    id: Option<String>,
    /// Not before this time, seconds since 1970.
    since: Option<u64>,
    /// Before this time, seconds since 1970.
    until: Option<u64>,
    /// With each entry's audit path to the newest final checkpoint.
    proof: bool,
    /// The `next` of the page before.
    after: Option<String>,
    /// Items at most.
    limit: Option<usize>,
}

/// Finds final entries of the ledger by what they are about, the oldest first.
#[utoipa::path(get, path = "/v1/ledger/find", tag = "ledger", params(Wanted),
    responses((status = 200, body = Found), (status = 400, body = Problem)))]
pub(super) async fn find(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Found>, Failure> {
    require(&person, Scope::Read)?;
    let paging = Paging { after: wanted.after.clone(), limit: wanted.limit };
    let from = paging.first_index()?;
    let (filter, proof) = (filter(&node, &wanted)?, wanted.proof);
    tokio::task::block_in_place(|| found(&node, &filter, from, paging.limit(), proof)).map(Json)
}

fn filter(node: &Node, wanted: &Wanted) -> Result<Filter, Failure> {
    let did = |name: &String| node.names.member(name).map(|did| did.to_string());
    let member = wanted.member.as_ref().map(did).transpose()?;
    let rest = [&wanted.person, &wanted.dataset, &wanted.contract, &wanted.run, &wanted.id];
    let about = rest.into_iter().flatten().cloned().chain(member).collect();
    let by = wanted.by.as_ref().map(did).transpose()?;
    Ok(Filter { about, by, kind: wanted.kind.clone(), since: wanted.since, until: wanted.until })
}

fn found(node: &Node, filter: &Filter, from: u64, limit: usize, proof: bool) -> Result<Found, Failure> {
    let checkpoint = node.replica.read(|ledger| ledger.final_checkpoint().cloned());
    let Some((checkpoint, note)) = checkpoint else {
        return Ok(Found { items: Vec::new(), next: None, checkpoint: None });
    };
    let size = checkpoint.size;
    let mut indices = node.replica.find(|finder| finder.find(filter, from, size, limit + 1))?;
    let more = indices.len() > limit;
    indices.truncate(limit);
    let items = node.replica.read(|ledger| -> Result<Vec<FoundEntry>, ledger::LedgerError> {
        let mut items = Vec::with_capacity(indices.len());
        for index in &indices {
            let Some(entry) = ledger.entries(*index, 1)?.pop() else { continue };
            let path = proof.then(|| ledger.inclusion(*index, size)).transpose()?;
            let path = path.map(|path| path.iter().map(ToString::to_string).collect());
            let transaction = entry.transaction().map(|signed| &signed.transaction);
            items.push(FoundEntry {
                index: *index,
                time: entry.time,
                by: transaction.map(|transaction| node.names.name(&transaction.member)).unwrap_or_default(),
                person: transaction
                    .and_then(|transaction| transaction.person)
                    .map(|person| person.to_string()),
                entry: serde_json::to_value(&entry).unwrap_or_default(),
                path,
            });
        }
        Ok(items)
    });
    let items = items.map_err(|error| Failure::unavailable(error.to_string()))?;
    let next = indices.last().filter(|_| more).map(ToString::to_string);
    Ok(Found { items, next, checkpoint: proof.then_some(CheckpointView { size, note }) })
}
