//! The node, the alliance and the ledger.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use api::auth::Scope;
use api::types::ledger::{CheckpointView, EntryView, EventView, MemberView, Points, Status};
use api::types::{Page, Problem};
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use ledger::Standing;
use serde::Deserialize;

use super::admit::require;
use super::extract::{Json, Query};
use super::paging::Paging;
use super::rules;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// Who this node is and how far it has followed the ledger.
#[utoipa::path(get, path = "/v1/status", tag = "ledger", responses((status = 200, body = Status)))]
pub(super) async fn status(State(node): State<Arc<Node>>) -> Json<Status> {
    let stopped = node.replica.outdated().map(|outdated| outdated.to_string());
    Json(node.replica.read(|ledger| {
        let (rules, rules_since) = rules::now(ledger);
        let alliance = ledger.state().alliance();
        let standing = |standing| match standing {
            Standing::Member => "member".to_owned(),
            Standing::Regulator => "regulator".to_owned(),
        };
        let roster = ledger.state().roster();
        let members = roster.cards().map(|card| MemberView {
            member: card.member.to_string(),
            name: card.name.clone(),
            standing: standing(card.standing),
            peer: card.peer.clone(),
            api: card.api.clone(),
        });
        Status {
            member: node.me.to_string(),
            name: node.config.name.clone(),
            standing: roster.card(&node.me).map(|card| standing(card.standing)).unwrap_or_default(),
            alliance: alliance.name.clone(),
            alliance_id: ledger.state().alliance_id().to_string(),
            operator: roster.operator().map(|operator| node.names.name(&operator)),
            entries: ledger.size(),
            final_entries: ledger.final_checkpoint().map_or(0, |(checkpoint, _)| checkpoint.size),
            root: ledger.root().to_string(),
            rules,
            rules_since,
            stopped,
            members: members.collect(),
        }
    }))
}

/// Who has how many points.
#[utoipa::path(get, path = "/v1/points", tag = "ledger", responses((status = 200, body = Points)))]
pub(super) async fn points(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
) -> Result<Json<Points>, Failure> {
    require(&person, Scope::Read)?;
    Ok(Json(node.replica.read(|ledger| {
        let state = ledger.state();
        let balances: BTreeMap<_, _> = state
            .roster()
            .seats()
            .map(|seat| &seat.card)
            .filter(|card| card.standing == Standing::Member)
            .map(|card| (card.name.clone(), state.balance(&card.member)))
            .collect();
        let held = state.points_total() - balances.values().sum::<u64>();
        Points { balances, escrow: held }
    })))
}

/// The entries of the ledger, as they are hashed into the log.
#[utoipa::path(get, path = "/v1/ledger/entries", tag = "ledger", params(Paging),
    responses((status = 200, body = Page<EntryView>), (status = 400, body = Problem)))]
pub(super) async fn entries(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<EntryView>>, Failure> {
    require(&person, Scope::Read)?;
    let from = paging.first_index()?;
    let (entries, size) = node
        .replica
        .read(|ledger| Ok((ledger.entries(from, paging.limit())?, ledger.size())))
        .map_err(|error: ledger::LedgerError| Failure::unavailable(error.to_string()))?;
    let end = from + entries.len() as u64;
    let view = |(index, entry): (u64, &ledger::Entry)| EntryView {
        index,
        entry: serde_json::to_value(entry).unwrap_or_default(),
    };
    let next = (end < size && end > 0).then(|| (end - 1).to_string());
    Ok(Json(Page { items: (from..).zip(&entries).map(view).collect(), next }))
}

/// The newest checkpoint that a quorum cosigned.
#[utoipa::path(get, path = "/v1/ledger/checkpoint", tag = "ledger",
    responses((status = 200, body = CheckpointView), (status = 404, body = Problem)))]
pub(super) async fn checkpoint(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
) -> Result<Json<CheckpointView>, Failure> {
    require(&person, Scope::Read)?;
    let newest = node.replica.read(|ledger| ledger.final_checkpoint().cloned());
    newest
        .map(|(checkpoint, note)| Json(CheckpointView { size: checkpoint.size, note }))
        .ok_or_else(|| Failure::not_found("no checkpoint has been cosigned by a quorum yet"))
}

/// `?from=…`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The first entry whose events are sent; what is final already comes at once.
    from: u64,
}

/// Entries whose events are read at once, while the ledger is held.
const STEP: u64 = 500;

/// What happens on the ledger, as server-sent events: `id` is the entry's index, `data` an `EventView`.
/// An event is sent once its entry is under a checkpoint that a quorum cosigned.
#[utoipa::path(get, path = "/v1/events", tag = "ledger", params(From),
    responses((status = 200, body = EventView, content_type = "text/event-stream")))]
pub(super) async fn events(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(from): Query<From>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    require(&person, Scope::Read)?;
    let heads = node.replica.watch();
    let start = (node, heads, from.from, VecDeque::new());
    let stream = futures::stream::unfold(start, |(node, mut heads, mut next, mut queue)| async move {
        while queue.is_empty() {
            let seen = heads.wait_for(|heads| heads.final_size > next).await.ok()?.final_size;
            let end = seen.min(next.saturating_add(STEP));
            // The stream ends when the disk fails: whoever listens asks again from the last event it saw.
            queue.extend(node.replica.events(next, end)?);
            next = end;
        }
        let event = queue.pop_front()?;
        Some((Ok(sent(&event)), (node, heads, next, queue)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

fn sent(event: &ledger::Event) -> Event {
    let what = serde_json::to_value(&event.what).unwrap_or_default();
    let (kind, subject) = match what {
        serde_json::Value::Object(map) => map.into_iter().next().unwrap_or_default(),
        other => (other.as_str().unwrap_or_default().to_owned(), serde_json::Value::Null),
    };
    let view = EventView { entry: event.index, time: event.time, kind, subject };
    let data = serde_json::to_string(&view).unwrap_or_default();
    Event::default().id(event.index.to_string()).data(data)
}
