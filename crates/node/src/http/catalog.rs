//! Searching the catalog.

use std::sync::Arc;

use api::auth::Scope;
use api::types::datasets::CatalogEntry;
use api::types::{Page, Problem};
use axum::Extension;
use axum::extract::State;
use contract::{Dataset, Did};
use ledger::catalog::Published;
use ledger::search::Wish;
use serde::Deserialize;

use super::admit::require;
use super::extract::{Json, Query};
use super::paging::Paging;
use crate::failure::Failure;
use crate::node::Node;
use crate::persons::Person;

/// `?search=…`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Words that each have to begin a word of path, description, a column's name, description or unit; all when empty.
    search: String,
    /// Name of the member that answers for it.
    owner: Option<String>,
    /// It has a column of this name, and of `type` and `unit` where they are given too.
    column: Option<String>,
    /// It has a column of this type: `integer`, `decimal`, `float`, `boolean`, `text`, `date`, `timestamp` …
    #[serde(rename = "type")]
    kind: Option<String>,
    /// It has a column of this unit.
    unit: Option<String>,
    /// A token costs at most so many points.
    price_max: Option<u64>,
    /// Only what this member gets at without paying or waiting for a review.
    permitted: bool,
    /// The `next` of the page before.
    after: Option<String>,
    /// Items at most.
    limit: Option<usize>,
}

/// Finds published datasets by words and by what they have, the newest first.
#[utoipa::path(get, path = "/v1/catalog", tag = "datasets", params(Search),
    responses((status = 200, body = Page<CatalogEntry>), (status = 400, body = Problem)))]
pub(super) async fn catalog(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(search): Query<Search>,
) -> Result<Json<Page<CatalogEntry>>, Failure> {
    require(&person, Scope::Read)?;
    let paging = Paging { after: search.after, limit: search.limit };
    let number = |after: &String| {
        after
            .parse::<u32>()
            .map_err(|_| Failure::malformed(format!("`after={after}` is no cursor of this list")))
    };
    let before = paging.after.as_ref().map(number).transpose()?;
    let wish = Wish {
        text: search.search,
        owner: search.owner.map(|name| node.names.member(&name)).transpose()?,
        column: search.column,
        kind: search.kind,
        unit: search.unit,
        price_max: search.price_max,
        permitted_to: search.permitted.then_some(node.me),
    };
    node.replica.search(|index| {
        let (hits, next) = index.find(&wish, before, paging.limit());
        let items = hits.into_iter().map(|hit| entry(&node, &hit.owner, &hit.dataset)).collect();
        Json(Page { items, next: next.map(|number| number.to_string()) })
    })
}

/// `?wanted=…`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Matching {
    /// Reference of a published request for data: `north/pay-wanted@1`.
    wanted: String,
    /// The `next` of the page before.
    after: Option<String>,
    /// Items at most.
    limit: Option<usize>,
}

/// Published datasets that a request for data looks for, by reference.
#[utoipa::path(get, path = "/v1/catalog/matches", tag = "datasets", params(Matching),
    responses((status = 200, body = Page<CatalogEntry>), (status = 404, body = Problem)))]
pub(super) async fn matches(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(matching): Query<Matching>,
) -> Result<Json<Page<CatalogEntry>>, Failure> {
    require(&person, Scope::Read)?;
    let paging = Paging { after: matching.after, limit: matching.limit };
    let state = node.replica.state();
    let asked = state.publication(&matching.wanted).filter(|record| record.withdrawn.is_none());
    if !asked.is_some_and(|record| matches!(record.publication.content, Published::Wanted(_))) {
        let message = format!("the catalog has no request for data `{}`", matching.wanted);
        return Err(Failure::not_found(message).next("treaty catalog publications"));
    }
    let hits = state.matches(&matching.wanted);
    let items =
        hits.into_iter().filter_map(|reference| Some((reference.to_owned(), state.dataset(reference)?)));
    Ok(Json(paging.page(items, |record| entry(&node, &state.owner_of(&record.dataset), &record.dataset))))
}

fn entry(node: &Node, owner: &Did, dataset: &Dataset) -> CatalogEntry {
    CatalogEntry {
        reference: dataset.reference(),
        owner: node.names.name(owner),
        dataset: Dataset::clone(dataset),
    }
}
