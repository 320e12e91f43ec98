//! Authenticated channels between the nodes of an alliance.
//!
//! Here is a [`Registry`] that says which certificate belongs to which member: give me a port on which only
//! members are heard ([`Listener`]), a way to ask any member ([`Client`]) and, for one run, a transport between the
//! compute parties ([`Sessions`], [`SessionTransport`]).
//!
//! Every connection is TLS 1.3 with a certificate on both sides. Names, dates and issuers of certificates mean
//! nothing here: exactly the registered certificates are accepted, and a member's identity is the one under which
//! its certificate is registered. Who registers them is the caller's business (for a node: the ledger).
//!
//! | on the one TCP port | ALPN | carries |
//! | --- | --- | --- |
//! | requests between nodes | `treaty-peer/1` | HTTP/1.1, answered by the caller's router |
//! | a run's traffic | `treaty-mpc/1` | frames between two compute parties |
//!
//! North asks south who south thinks is asking:
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Extension, Router, routing::get};
//! use treaty_peers::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let [north, south] = [Identity::generate(&[])?, Identity::generate(&[])?];
//! let registry = Arc::new(Registry::new([])?);
//!
//! let channels = Channels::new(&south, Arc::clone(&registry))?;
//! let listener = Listener::bind("127.0.0.1:0", channels, ListenerLimits::default()).await?;
//! let peer = |member: &str, node: &Identity| Peer {
//!     member: member.to_owned(),
//!     endpoint: listener.address().to_string(),
//!     certificates: vec![node.fingerprint()],
//! };
//! registry.replace([peer("north", &north), peer("south", &south)])?;
//! let router = Router::new().route("/whoami", get(|Extension(Caller(member))| async move { member }));
//! tokio::spawn(listener.serve(router, Sessions::new(SessionLimits::default()), std::future::pending()));
//!
//! let client = Client::new(Channels::new(&north, registry)?, ClientLimits::default());
//! let answer = client.request("south", hyper::Method::GET, "/whoami", Body::Empty).await?;
//! assert_eq!(answer.into_body(), "north");
//! # Ok(())
//! # }
//! ```
//!
//! What this crate is not: it knows no ledger, no contract and no scheme, and it keeps nothing on disk.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where"))]

mod certificate;
mod client;
mod dial;
mod error;
mod listener;
mod mpc;
mod registry;
mod tls;

pub use certificate::{Fingerprint, Identity};
pub use client::{Body, Client, ClientLimits};
pub use error::{Error, GreetingFault, Refusal, Result};
pub use listener::{Caller, Listener, ListenerLimits};
pub use mpc::{Plan, Run, SessionLimits, SessionTransport, Sessions, Traffic};
pub use registry::{MemberId, Peer, Registry};
pub use tls::Channels;
