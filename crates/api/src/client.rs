//! A blocking client of a node's API.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::{Did, SigningKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::auth::{Asked, Credentials, body_hash, content_digest};
use crate::profile::Profile;
use crate::types::acts::*;
use crate::types::contracts::*;
use crate::types::datasets::*;
use crate::types::ledger::*;
use crate::types::member::*;
use crate::types::queries::*;
use crate::types::rules::*;
use crate::types::runs::*;
use crate::types::{Page, Problem};

/// The largest answer that the client reads into memory.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Why a call did not succeed.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The node refused, and said why.
    #[error("{}", explain(.0))]
    Refused(Problem),
    /// The node could not be reached or hung up.
    #[error("cannot reach the node at `{api}`: {reason}; is `treaty node run` up?")]
    Unreachable {
        /// Where.
        api: String,
        /// Why.
        reason: String,
    },
    /// What answered does not speak this API.
    #[error("the node at `{api}` answered `{path}` with something unexpected: {reason}")]
    Unexpected {
        /// Where.
        api: String,
        /// Which route.
        path: String,
        /// What was wrong.
        reason: String,
    },
    /// The profile's certificate or key cannot be used.
    #[error("the profile cannot be used: {0}")]
    Profile(String),
    /// A local file could not be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl ClientError {
    /// The rule that refused, if the node refused.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.rule),
            _ => None,
        }
    }
}

fn explain(problem: &Problem) -> String {
    let mut text = problem.message.clone();
    for reason in &problem.reasons {
        text.push_str("\n  - ");
        text.push_str(&reason.message);
    }
    if let Some(next) = &problem.next {
        text.push_str("\n  try: ");
        text.push_str(next);
    }
    text
}

/// A person's connection to the member's node. Cheap to clone; calls block.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    api: String,
    member: Did,
    key: Arc<SigningKey>,
}

impl Client {
    /// A client that trusts exactly the profile's certificate.
    pub fn new(profile: &Profile) -> Result<Self, ClientError> {
        let certificate = Certificate::from_pem(profile.certificate.as_bytes())
            .map_err(|error| ClientError::Profile(error.to_string()))?;
        let key = profile
            .signing_key()
            .ok_or_else(|| ClientError::Profile("its key is not 32 bytes in hex".to_owned()))?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[certificate]))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .proxy(None)
            .build()
            .new_agent();
        let api = profile.api.trim_end_matches('/').to_owned();
        Ok(Self { agent, api, member: profile.member, key: Arc::new(key) })
    }

    /// `GET /v1/status`.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status")
    }

    /// `GET /v1/rules`.
    pub fn rules(&self) -> Result<Rules, ClientError> {
        self.get("/v1/rules")
    }

    /// `GET /v1/points`.
    pub fn points(&self) -> Result<Points, ClientError> {
        self.get("/v1/points")
    }

    /// `POST /v1/acts`.
    pub fn act(&self, action: serde_json::Value) -> Result<Acted, ClientError> {
        self.post("/v1/acts", &Act { action })
    }

    /// `GET /v1/transactions/next`.
    pub fn next_transaction(&self) -> Result<NextTransaction, ClientError> {
        self.get("/v1/transactions/next")
    }

    /// `POST /v1/transactions`.
    pub fn submit(&self, transaction: serde_json::Value) -> Result<Acted, ClientError> {
        self.post("/v1/transactions", &SignedAct { transaction })
    }

    /// `GET /v1/ledger/find`, by names and values of its query.
    pub fn find_entries(&self, query: &[(&str, &str)], after: Option<&str>) -> Result<Found, ClientError> {
        self.get(&paged("/v1/ledger/find", query, after))
    }

    /// `POST /v1/member/key`.
    pub fn rotate_key(&self) -> Result<RotatedKey, ClientError> {
        self.post("/v1/member/key", &())
    }

    /// `POST /v1/succession/signature`.
    pub fn sign_succession(&self, operator: &str) -> Result<SuccessionSignature, ClientError> {
        self.post("/v1/succession/signature", &SignSuccession { operator: operator.to_owned() })
    }

    /// `POST /v1/succession`.
    pub fn take_over(&self, signatures: &TakeOver) -> Result<Recorded, ClientError> {
        self.post("/v1/succession", signatures)
    }

    /// `POST /v1/member/card`.
    pub fn renew_card(&self, renewal: &RenewCard) -> Result<Recorded, ClientError> {
        self.post("/v1/member/card", renewal)
    }

    /// `GET /v1/records/{kind}`.
    pub fn records(&self, kind: &str, after: Option<&str>) -> Result<Page<RecordView>, ClientError> {
        self.get(&paged(&format!("/v1/records/{}", escape(kind)), &[], after))
    }

    /// Uploads a file and imports it.
    pub fn import(
        &self,
        file: &std::path::Path,
        request: &ImportDataset,
    ) -> Result<DatasetView, ClientError> {
        let bytes = std::fs::read(file)
            .map_err(|source| ClientError::File { path: file.display().to_string(), source })?;
        let upload: Upload = self.send("POST", "/v1/uploads", "application/octet-stream", &bytes)?;
        self.post("/v1/datasets", &ImportDataset { upload: upload.upload, ..request.clone() })
    }

    /// `POST /v1/datasets/{name}/link`.
    pub fn link(&self, name: &str, request: &LinkDataset) -> Result<DatasetView, ClientError> {
        self.post(&format!("/v1/datasets/{}/link", escape(name)), request)
    }

    /// `GET /v1/datasets`.
    pub fn datasets(&self, after: Option<&str>) -> Result<Page<DatasetView>, ClientError> {
        self.get(&paged("/v1/datasets", &[], after))
    }

    /// `POST /v1/datasets/{name}/publish`.
    pub fn publish(&self, name: &str, request: &PublishDataset) -> Result<Recorded, ClientError> {
        self.post(&format!("/v1/datasets/{}/publish", escape(name)), request)
    }

    /// `POST /v1/datasets/{name}/withdraw`.
    pub fn withdraw(&self, name: &str, request: &WithdrawDataset) -> Result<Recorded, ClientError> {
        self.post(&format!("/v1/datasets/{}/withdraw", escape(name)), request)
    }

    /// `GET /v1/catalog`.
    pub fn catalog(&self, search: &str, after: Option<&str>) -> Result<Page<CatalogEntry>, ClientError> {
        self.get(&paged("/v1/catalog", &[("search", search)], after))
    }

    /// `GET /v1/catalog`, by more than words.
    pub fn find_datasets(&self, find: &Find, after: Option<&str>) -> Result<Page<CatalogEntry>, ClientError> {
        let price = find.price_max.map(|price| price.to_string());
        let optional = [
            ("owner", &find.owner),
            ("column", &find.column),
            ("type", &find.kind),
            ("unit", &find.unit),
            ("price_max", &price),
        ];
        let mut query = vec![("search", find.text.as_str())];
        query.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        if find.permitted {
            query.push(("permitted", "true"));
        }
        self.get(&paged("/v1/catalog", &query, after))
    }

    /// `GET /v1/catalog/matches`: what a published request for data looks for.
    pub fn matches(&self, wanted: &str, after: Option<&str>) -> Result<Page<CatalogEntry>, ClientError> {
        self.get(&paged("/v1/catalog/matches", &[("wanted", wanted)], after))
    }

    /// `GET /v1/templates`.
    pub fn templates(&self) -> Result<Page<TemplateView>, ClientError> {
        self.get("/v1/templates")
    }

    /// `POST /v1/contracts/draft`.
    pub fn draft(&self, request: &DraftContract) -> Result<Draft, ClientError> {
        self.post("/v1/contracts/draft", request)
    }

    /// `POST /v1/queries/dry-run`.
    pub fn dry_run(&self, request: &DraftContract) -> Result<DryRun, ClientError> {
        self.post("/v1/queries/dry-run", request)
    }

    /// `POST /v1/contracts`.
    pub fn propose(&self, request: &ProposeContract) -> Result<Recorded, ClientError> {
        self.post("/v1/contracts", request)
    }

    /// `GET /v1/contracts`.
    pub fn contracts(&self, after: Option<&str>) -> Result<Page<ContractView>, ClientError> {
        self.get(&paged("/v1/contracts", &[], after))
    }

    /// All of `GET /v1/contracts`, in pages as large as they may be.
    pub fn all_contracts(&self) -> Result<Vec<ContractView>, ClientError> {
        let ask = |after: Option<&str>| self.get(&paged("/v1/contracts", &[("limit", "1000")], after));
        let mut page: Page<ContractView> = ask(None)?;
        let mut contracts = page.items;
        while let Some(next) = page.next {
            page = ask(Some(&next))?;
            contracts.extend(page.items);
        }
        Ok(contracts)
    }

    /// `GET /v1/contracts/{id}`.
    pub fn contract(&self, id: &str) -> Result<ContractView, ClientError> {
        self.get(&format!("/v1/contracts/{}", escape(id)))
    }

    /// `GET /v1/contracts/{id}/check`.
    pub fn check(&self, id: &str) -> Result<Check, ClientError> {
        self.get(&format!("/v1/contracts/{}/check", escape(id)))
    }

    /// `GET /v1/contracts/{id}/columns`.
    pub fn columns(&self, id: &str) -> Result<ResultDescription, ClientError> {
        self.get(&format!("/v1/contracts/{}/columns", escape(id)))
    }

    /// `GET /v1/contracts/{id}/audit`.
    pub fn audit(&self, id: &str) -> Result<AuditView, ClientError> {
        self.get(&format!("/v1/contracts/{}/audit", escape(id)))
    }

    /// `POST /v1/contracts/{id}/audit`.
    pub fn give_opinion(&self, id: &str, request: &GiveOpinion) -> Result<Recorded, ClientError> {
        self.post(&format!("/v1/contracts/{}/audit", escape(id)), request)
    }

    /// `POST /v1/contracts/{id}/sign`.
    pub fn sign(&self, id: &str) -> Result<Recorded, ClientError> {
        self.post(&format!("/v1/contracts/{}/sign", escape(id)), &serde_json::json!({}))
    }

    /// `POST /v1/contracts/{id}/signatures`.
    pub fn file_signature(&self, id: &str, request: &FileSignature) -> Result<Recorded, ClientError> {
        self.post(&format!("/v1/contracts/{}/signatures", escape(id)), request)
    }

    /// `POST /v1/contracts/{id}/revoke`.
    pub fn revoke(&self, id: &str, request: &RevokeContract) -> Result<Recorded, ClientError> {
        self.post(&format!("/v1/contracts/{}/revoke", escape(id)), request)
    }

    /// `POST /v1/runs`.
    pub fn start_run(&self, request: &StartRun) -> Result<RunView, ClientError> {
        self.post("/v1/runs", request)
    }

    /// `GET /v1/runs`.
    pub fn runs(&self, after: Option<&str>) -> Result<Page<RunView>, ClientError> {
        self.get(&paged("/v1/runs", &[], after))
    }

    /// `GET /v1/runs/{id}`.
    pub fn run(&self, id: &str) -> Result<RunView, ClientError> {
        self.get(&format!("/v1/runs/{}", escape(id)))
    }

    /// `GET /v1/runs/{id}/result`.
    pub fn result(&self, id: &str) -> Result<RunResult, ClientError> {
        self.get(&format!("/v1/runs/{}/result", escape(id)))
    }

    /// `GET /v1/runs/{id}/commitments`.
    pub fn commitments(&self, run: &str) -> Result<Vec<CommitmentView>, ClientError> {
        self.get(&format!("/v1/runs/{}/commitments", escape(run)))
    }

    /// `POST /v1/runs/{id}/opening`.
    pub fn open_commitment(&self, run: &str, value: u32) -> Result<OpenedShares, ClientError> {
        self.post(&format!("/v1/runs/{}/opening", escape(run)), &OpenCommitment { value })
    }

    /// `GET /v1/runs/{id}/egress`.
    pub fn egress(&self, id: &str) -> Result<Egress, ClientError> {
        self.get(&format!("/v1/runs/{}/egress", escape(id)))
    }

    /// `GET /v1/runs/{id}/proof`: the proof file's exact bytes.
    pub fn proof(&self, id: &str) -> Result<Vec<u8>, ClientError> {
        let path = format!("/v1/runs/{}/proof", escape(id));
        let mut response = self.call("GET", &path, None)?;
        self.read(&mut response, &path)
    }

    /// `GET /v1/ledger/entries`.
    pub fn entries(&self, after: Option<&str>) -> Result<Page<EntryView>, ClientError> {
        self.get(&paged("/v1/ledger/entries", &[], after))
    }

    /// `GET /v1/ledger/checkpoint`.
    pub fn checkpoint(&self) -> Result<CheckpointView, ClientError> {
        self.get("/v1/ledger/checkpoint")
    }

    /// `GET /v1/events`: calls `each` for every ledger event from an entry on, until it returns `false` or the node
    /// hangs up.
    pub fn events(&self, from: u64, each: impl FnMut(EventView) -> bool) -> Result<(), ClientError> {
        self.watch(&format!("/v1/events?from={from}"), each)
    }

    /// `GET /v1/runs/{id}/events`: calls `each` whenever the run changes, until it returns `false` or the run is over.
    pub fn watch_run(&self, id: &str, each: impl FnMut(RunView) -> bool) -> Result<(), ClientError> {
        self.watch(&format!("/v1/runs/{}/events", escape(id)), each)
    }

    /// Follows a stream of server-sent events.
    fn watch<T: DeserializeOwned>(
        &self,
        path: &str,
        mut each: impl FnMut(T) -> bool,
    ) -> Result<(), ClientError> {
        let mut response = self.call("GET", path, None)?;
        for line in BufReader::new(response.body_mut().as_reader()).lines() {
            let line = line.map_err(|error| self.unreachable(error))?;
            if let Some(data) = line.strip_prefix("data:") {
                let item =
                    serde_json::from_str(data.trim_start()).map_err(|error| self.unexpected(path, error))?;
                if !each(item) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let mut response = self.call("GET", path, None)?;
        let bytes = self.read(&mut response, path)?;
        serde_json::from_slice(&bytes).map_err(|error| self.unexpected(path, error))
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unexpected(path, error))?;
        self.send("POST", path, "application/json", &body)
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<T, ClientError> {
        let mut response = self.call(method, path, Some((content_type, body)))?;
        let bytes = self.read(&mut response, path)?;
        serde_json::from_slice(&bytes).map_err(|error| self.unexpected(path, error))
    }

    /// Signs and sends one request; any status but success becomes [`ClientError::Refused`].
    fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<Response<Body>, ClientError> {
        let bytes = body.map_or(&[][..], |(_, bytes)| bytes);
        let hash = body_hash(bytes);
        let asked = Asked { member: &self.member, method, path_and_query: path, body: &hash };
        let credentials = Credentials::sign(&self.key, asked, now_seconds(), self.nonce()?);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.api))
            .header("authorization", credentials.to_header())
            .header("content-digest", content_digest(&hash));
        let outcome = match body {
            Some((content_type, bytes)) => request
                .header("content-type", content_type)
                .body(bytes)
                .map_err(|error| self.unexpected(path, error))
                .map(|request| self.agent.run(request))?,
            None => request
                .body(())
                .map_err(|error| self.unexpected(path, error))
                .map(|request| self.agent.run(request))?,
        };
        let mut response = outcome.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.read(&mut response, path)?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Refused(problem)),
            Err(_) => Err(self.unexpected(path, format!("status {status}"))),
        }
    }

    fn read(&self, response: &mut Response<Body>, path: &str) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        let reader = response.body_mut().as_reader();
        let read = reader.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut bytes);
        match read {
            Err(error) => Err(self.unreachable(error)),
            Ok(n) if n as u64 > ANSWER_BYTES_MAX => {
                Err(self.unexpected(path, "an answer of more than 64 MiB"))
            }
            Ok(_) => Ok(bytes),
        }
    }

    /// 16 bytes from the operating system, in hex.
    fn nonce(&self) -> Result<String, ClientError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| self.unreachable(error))?;
        Ok(hex::encode(bytes))
    }

    fn unreachable(&self, reason: impl std::fmt::Display) -> ClientError {
        ClientError::Unreachable { api: self.api.clone(), reason: reason.to_string() }
    }

    fn unexpected(&self, path: &str, reason: impl std::fmt::Display) -> ClientError {
        ClientError::Unexpected { api: self.api.clone(), path: path.to_owned(), reason: reason.to_string() }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("api", &self.api).finish_non_exhaustive()
    }
}

fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// A path with its query.
fn paged(path: &str, query: &[(&str, &str)], after: Option<&str>) -> String {
    let pairs = query.iter().copied().chain(after.map(|after| ("after", after)));
    let query: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte as char),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
