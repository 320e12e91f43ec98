//! A changed disk, and strangers on the network.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{Client, Profile};
use contract::SigningKey;
use peers::{Body, Channels, ClientLimits, Fingerprint, Identity, Peer, Registry};

use super::Refused;
use super::attempt::Attempt;
use super::verdict::{Rule, of_answer};
use crate::demo::DemoError;
use crate::files;

/// Somebody changes one byte of the member's data on its disk; the member's own gatekeeper notices before anything
/// is computed. The byte is put back afterwards.
pub(super) fn dataset_changed(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let id = attempt.agreed(&attempt.variant(|_| {})?)?;
    let chunk = a_chunk(&attempt.world.member(attempt.member)?.berth.directory)?;
    let published = fs::read(&chunk).map_err(DemoError::system(format!("read `{}`", chunk.display())))?;
    let mut changed = published.clone();
    if let Some(byte) = changed.last_mut() {
        *byte ^= 1;
    }
    let write = |bytes: &[u8]| {
        fs::write(&chunk, bytes).map_err(DemoError::system(format!("write `{}`", chunk.display())))
    };
    write(&changed)?;
    let refused = attempt.refused(&id, None, Rule::named("dataset-changed"));
    write(&published)?;
    refused
}

/// A file with a part of the member's data.
fn a_chunk(home: &Path) -> Result<PathBuf, DemoError> {
    let chunks = home.join("vault").join("chunks");
    let failed = || DemoError::system(format!("list `{}`", chunks.display()));
    let first = fs::read_dir(&chunks).map_err(failed())?.next();
    let first = first.unwrap_or_else(|| Err(std::io::ErrorKind::NotFound.into()));
    Ok(first.map_err(failed())?.path())
}

/// A node with a certificate of its own making connects to the member's node, whose certificate it knows.
pub(super) fn stranger_connects(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let alliance = node::setup::read_alliance(&files::read(&attempt.world.place.alliance())?)?;
    let member = attempt.world.member(attempt.member)?.did;
    let card = alliance.card(&member).ok_or_else(|| attempt.broken("the member has no card"))?;
    let broken = |error: peers::Error| attempt.broken(error.to_string());
    let known = Peer {
        member: member.to_string(),
        endpoint: card.peer.clone(),
        certificates: card.certificate_der().iter().map(|der| Fingerprint::of_der(der)).collect(),
    };
    let stranger = Identity::generate(&["127.0.0.1".to_owned()]).map_err(broken)?;
    let registry = Arc::new(Registry::new([known]).map_err(broken)?);
    let channels = Channels::new(&stranger, registry).map_err(broken)?;
    let client = peers::Client::new(channels, ClientLimits::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DemoError::system("start a stranger's node"))?;
    let path = "/peer/ledger/news?size=0&final=0";
    let answer = runtime.block_on(client.request(&member.to_string(), Default::default(), path, Body::Empty));
    match answer {
        Err(error @ peers::Error::NotAccepted { .. }) => {
            Ok(attempt.shown("not-accepted", attempt.world.named(&error.to_string())))
        }
        Err(error) => Err(broken(error)),
        Ok(answer) => Err(DemoError::NotRefused {
            what: attempt.what.clone(),
            happened: format!("the node of `{}` answered {}", attempt.member, answer.status()),
        }),
    }
}

/// A person to whom nobody delegated anything asks the member's node for its catalog.
pub(super) fn stranger_asks(attempt: &Attempt<'_>) -> Result<Refused, DemoError> {
    let member = attempt.world.member(attempt.member)?;
    let key = SigningKey::generate().map_err(|error| attempt.broken(error.to_string()))?;
    let certificate = member.berth.directory.join("node.cert.pem");
    let certificate = String::from_utf8(files::read(&certificate)?)
        .map_err(|error| attempt.broken(error.utf8_error().to_string()))?;
    let profile = Profile::new(member.api(), member.did, certificate, "stranger".to_owned(), &key);
    let stranger = Client::new(&profile).map_err(DemoError::client(attempt.member))?;
    attempt.expect(of_answer(attempt.member, stranger.catalog("", None))?, Rule::named("stranger"))
}
