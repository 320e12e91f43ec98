//! Importing and publishing datasets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::auth::Scope;
use api::types::datasets::{
    ColumnDeclaration, DatasetView, Format, ImportDataset, LinkedTable, PublishDataset, Upload,
    WithdrawDataset,
};
use api::types::ledger::Recorded;
use api::types::{Page, Problem};
use axum::Extension;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method};
use contract::Dataset;
use futures::StreamExt;
use ledger::Action;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use vault::{Declaration, Earlier, ImportRequest, Imported, Location, VaultError};

use super::admit::{announced, require};
use super::extract::{Json, Path, Query};
use super::paging::Paging;
use crate::draft::nonce;
use crate::failure::Failure;
use crate::node::Node;
use crate::paths::{name_of, path_of};
use crate::persons::Person;

/// Takes a file that a dataset is to be imported from. `Content-Digest` (RFC 9530, SHA-256) says beforehand what it
/// is, so that the request's signature is checked before a byte is kept.
#[utoipa::path(post, path = "/v1/uploads", tag = "datasets",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Upload), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(super) async fn upload(
    State(node): State<Arc<Node>>,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Upload>, Failure> {
    let (person, announced) = announced(&node, &method, &uri, &headers)?;
    require(&person, Scope::Data)?;
    let upload = nonce()?;
    let path = upload_path(&node, &upload)?;
    let received = receive(&path, body, node.config.upload_bytes_max).await.and_then(|(bytes, found)| {
        (found == announced)
            .then_some(bytes)
            .ok_or_else(|| Failure::malformed("the upload is not what its `Content-Digest` says"))
    });
    match received {
        Ok(bytes) => Ok(Json(Upload { upload, bytes })),
        Err(failure) => {
            tokio::fs::remove_file(&path).await.ok();
            Err(failure)
        }
    }
}

/// Writes a body to a file; answers with its length and SHA-256.
async fn receive(path: &PathBuf, body: Body, bytes_max: u64) -> Result<(u64, [u8; 32]), Failure> {
    let broken =
        |error: std::io::Error| Failure::unavailable(format!("the upload could not be kept: {error}"));
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await
        .map_err(broken)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Failure::malformed(format!("the upload broke off: {error}")))?;
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(Failure::malformed(format!(
                "the upload is larger than {bytes_max} bytes, the `upload_bytes_max` of node.toml"
            )));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(broken)?;
    }
    file.flush().await.map_err(broken)?;
    Ok((bytes, hash.finalize().into()))
}

/// Where an upload waits. Its name comes from a request, so that it is checked before it becomes part of a path.
fn upload_path(node: &Node, upload: &str) -> Result<PathBuf, Failure> {
    let is_ours = upload.len() == 32 && upload.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours
        .then(|| node.home.uploads().join(upload))
        .ok_or_else(|| Failure::malformed(format!("`{upload}` is no upload")))
}

/// Imports an upload as the next version of a dataset in the vault. Nothing is published by this. One that was taken
/// over is named by its path, and counts on from the version published last.
#[utoipa::path(post, path = "/v1/datasets", tag = "datasets", request_body = ImportDataset,
    responses((status = 200, body = DatasetView), (status = 400, body = Problem)))]
pub(super) async fn import(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Json(request): Json<ImportDataset>,
) -> Result<Json<DatasetView>, Failure> {
    require(&person, Scope::Data)?;
    let (name, earlier) = next_of(&node, &request.name)?;
    let path = upload_path(&node, &request.upload)?;
    if !path.exists() {
        return Err(Failure::not_found(format!("there is no upload `{}`", request.upload)));
    }
    let importing = Arc::clone(&node);
    let file = path.clone();
    let imported = tokio::task::spawn_blocking(move || {
        let columns: BTreeMap<_, _> = request.columns.into_iter().map(declaration).collect();
        let format = match request.format {
            Format::Csv => vault::Format::Csv,
            Format::Parquet => vault::Format::Parquet,
        };
        let description = &request.description;
        let request = ImportRequest { name: &name, description, file: &file, format, columns: &columns };
        match earlier {
            None => importing.vault.import(&request),
            Some(earlier) => importing.vault.import_after(&request, &earlier),
        }
    })
    .await
    .map_err(|_| Failure::unavailable("the import broke off"))?;
    tokio::fs::remove_file(&path).await.ok();
    let imported = imported.map_err(|error| Failure::malformed(error.to_string()))?;
    Ok(Json(new_version(&node, &imported)?))
}

/// What the vault calls a dataset that is to get a next version, and what was published of it before. Refused of one
/// that belongs to another member: nobody could publish that version.
pub(super) fn next_of(node: &Node, name: &str) -> Result<(String, Option<Earlier>), Failure> {
    let own = &node.config.name;
    let path = path_of(own, name);
    let name = name_of(own, &path).to_owned();
    let (owner, latest) = node.replica.read(|ledger| {
        let state = ledger.state();
        let latest =
            state.latest_version(&path).and_then(|version| state.dataset(&format!("{path}@{version}")));
        let latest = latest.map(|record| Earlier { id: record.dataset.id, version: record.dataset.version });
        (state.path_owner(&path), latest)
    });
    match owner {
        Some(owner) if owner != node.me => {
            let message = format!(
                "dataset `{path}` belongs to `{}`, which publishes its versions; import under another name",
                node.names.name(&owner)
            );
            Err(Failure::refused("not-owner", message).next("treaty catalog search"))
        }
        None if name.contains('/') => {
            let message = format!("`{path}` is no dataset that this member has taken over");
            Err(Failure::refused("unknown-path", message).next("treaty catalog search"))
        }
        _ => Ok((name, latest)),
    }
}

/// A version that was just made, with what its owner alone is told about it.
pub(super) fn new_version(node: &Node, imported: &Imported) -> Result<DatasetView, Failure> {
    let notes = imported.notes.iter().map(|note| {
        let suggestion = note.suggested_flag().map(|flag| format!("; you may declare {flag}"));
        format!(
            "{}: {}, because {}{}",
            note.column,
            vault::type_name(note.kind),
            note.because,
            suggestion.unwrap_or_default()
        )
    });
    let view = describe(node, &imported.name, imported.version)?;
    Ok(DatasetView { notes: notes.collect(), ..view })
}

pub(super) fn declaration(column: ColumnDeclaration) -> (String, Declaration) {
    let ColumnDeclaration {
        name,
        kind,
        nullable,
        unit,
        description,
        values,
        range,
        bytes_max,
        unique,
        null_as,
    } = column;
    (name, Declaration { kind, nullable, unit, description, values, range, bytes_max, unique, null_as })
}

/// The dataset versions in this node's vault.
#[utoipa::path(get, path = "/v1/datasets", tag = "datasets", params(Paging),
    responses((status = 200, body = Page<DatasetView>)))]
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<DatasetView>>, Failure> {
    require(&person, Scope::Read)?;
    let mut versions = Vec::new();
    for name in node.vault.list().map_err(broken)? {
        for version in node.vault.versions(&name).map_err(broken)? {
            versions.push((format!("{name}@{version:010}"), (name.clone(), version)));
        }
    }
    let page = paging.page(versions.into_iter(), |held| held);
    let views = page.items.iter().map(|(name, version)| describe(&node, name, *version));
    Ok(Json(Page { items: views.collect::<Result<_, _>>()?, next: page.next }))
}

fn broken(error: VaultError) -> Failure {
    match error {
        VaultError::UnknownDataset { .. } | VaultError::UnknownVersion { .. } => {
            Failure::not_found(error.to_string()).next("treaty data list")
        }
        VaultError::Source { .. }
        | VaultError::Io { .. }
        | VaultError::InUse { .. }
        | VaultError::NoRandomness { .. } => Failure::unavailable(error.to_string()),
        changed => Failure::refused("dataset-changed", changed.to_string()),
    }
}

fn describe(node: &Node, name: &str, version: u32) -> Result<DatasetView, Failure> {
    let held = node.vault.describe(name, version).map_err(broken)?;
    let reference = format!("{}@{version}", path_of(&node.config.name, name));
    let published = node.replica.read(|ledger| {
        ledger.state().dataset(&reference).is_some_and(|record| record.dataset.root == held.root)
    });
    Ok(DatasetView {
        reference,
        id: held.id.to_string(),
        schema: held.schema,
        rows: held.rows,
        root: held.root.to_string(),
        notes: Vec::new(),
        published,
        linked: held.location.map(|Location { url, table, order_by }| LinkedTable { url, table, order_by }),
    })
}

/// Puts a dataset's description, schema and terms on the ledger. Never the data. One that was taken over is named by
/// its path.
#[utoipa::path(post, path = "/v1/datasets/{name}/publish", tag = "datasets", request_body = PublishDataset,
    responses((status = 200, body = Recorded), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn publish(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Json(request): Json<PublishDataset>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Data)?;
    let path = path_of(&node.config.name, &name);
    let name = name_of(&node.config.name, &path);
    let version = match request.version {
        Some(version) => version,
        None => node.vault.versions(name).map_err(broken)?.last().copied().unwrap_or(1),
    };
    let held = node.vault.describe(name, version).map_err(broken)?;
    let dataset = Dataset {
        id: held.id,
        path: path.clone(),
        version,
        owner: node.me,
        description: held.description,
        schema: held.schema,
        rows: held.rows,
        root: held.root,
        terms: request.terms,
    };
    let action = Action::PublishDataset(Box::new(dataset));
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}

/// Withdraws a dataset version: no contract may use it from now on. One that was taken over is named by its path.
#[utoipa::path(post, path = "/v1/datasets/{name}/withdraw", tag = "datasets", request_body = WithdrawDataset,
    responses((status = 200, body = Recorded), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn withdraw(
    State(node): State<Arc<Node>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Json(request): Json<WithdrawDataset>,
) -> Result<Json<Recorded>, Failure> {
    require(&person, Scope::Data)?;
    let path = path_of(&node.config.name, &name);
    let newest = || node.replica.read(|ledger| ledger.state().latest_version(&path));
    let version = request.version.or_else(newest).ok_or_else(|| {
        Failure::not_found(format!("`{path}` was never published")).next("treaty data list")
    })?;
    let action = Action::WithdrawDataset { dataset: format!("{path}@{version}") };
    Ok(Json(node.replica.record(Some(person.did), action).await?))
}
