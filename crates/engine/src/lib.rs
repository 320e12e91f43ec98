//! Secure multi-party computation on columns: sessions, schemes and operators.
//!
//! - [`session`]: parties, frames, the [`Transport`](session::Transport) that a node implements, keys between
//!   peers, and [`session::sim`], which runs all parties on threads of one process.
//! - [`mpc`]: the traits. [`Mpc<D>`](mpc::Mpc) computes in one ring, [`Mixed`](mpc::Mixed) joins numbers with
//!   [`Bits`](mpc::Bits), [`Dealing<D>`](mpc::Dealing) brings columns in from and out to members that are not compute
//!   parties, and a [`Scheme`](mpc::Scheme) has all of them.
//! - [`schemes`]: the types that have these traits. `Rep3<u128>` computes with 128-bit numbers.
//! - [`ops`]: operators, each an ordinary function over the traits.
//! - [`mod@bench`]: workloads that measure a scheme.
//!
//! A call works on a whole column, sends at most one message to each peer, and blocks until its result is there;
//! independent calls overlap through [`Protocol::both`](mpc::Protocol::both). Rounds are counted by a clock in
//! the frames, not by hand: [`Protocol::cost`](mpc::Protocol::cost).
//!
//! Two providers share a column each with three compute parties; a receiver learns the row-wise maximum:
//!
//! ```
//! use ring::{Prg, Seed};
//! use treaty_engine::mpc::{Dealing, Protocol, Scheme};
//! use treaty_engine::{Result, ops, schemes::Rep3, session};
//! type S = Rep3<u128>;
//!
//! // At home: one message for each compute party.
//! let provider = |values: &[u128]| -> Result<Vec<Vec<u8>>> {
//!     Ok(<S as Dealing<u128>>::deal((), values, &mut Prg::new(session::fresh_seed()?)))
//! };
//! let (north, south) = (provider(&[10, 20, 30])?, provider(&[25, 15, 5])?);
//!
//! // At each compute party: shares in, a sealed share message out.
//! let sealed = session::sim::run(3, |me, transport| -> Result<Vec<u8>> {
//!     let mut protocol = S::start(transport, (), &session::fresh_seed()?)?;
//!     let x = Dealing::<u128>::accept(&protocol, &north[me.0], 3)?;
//!     let y = Dealing::<u128>::accept(&protocol, &south[me.0], 3)?;
//!     let largest = ops::max(&mut protocol, &x, &y, 32)?;
//!     let proof = protocol.verify()?;
//!     Dealing::<u128>::seal(&mut protocol, &largest, proof)
//! });
//!
//! // At the receiver: the messages of all compute parties.
//! let messages = sealed.into_iter().collect::<Result<Vec<_>>>()?;
//! assert_eq!(<S as Dealing<u128>>::combine((), &messages, 3)?, [25, 20, 30]);
//! # Ok::<(), treaty_engine::Error>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod bench;
mod error;
pub mod mpc;
pub mod ops;
pub mod schemes;
pub mod session;

pub use error::{Error, Result, ShareMessageFault};
