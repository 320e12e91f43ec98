//! Searching the catalog.

use std::sync::Arc;

use api::auth::Scope;
use api::types::datasets::CatalogEntry;
use api::types::{Page, Problem};
use axum::extract::{Query, State};
use axum::{Extension, Json};
use contract::Dataset;
use ledger::search::Wish;
use serde::Deserialize;

use super::admit::require;
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
    /// It has a column of this type: `integer`, `decimal`, `float`, `boolean`, `text`, `date` …
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
        let entry = |hit: &ledger::search::Hit| CatalogEntry {
            reference: hit.dataset.reference(),
            owner: node.names.name(&hit.owner),
            dataset: Dataset::clone(&hit.dataset),
        };
        let items = hits.into_iter().map(entry).collect();
        Json(Page { items, next: next.map(|number| number.to_string()) })
    })
}
