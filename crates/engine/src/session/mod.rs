//! Parties, frames and the transport that carries them.
//!
//! Here is my place among the parties and a way to send bytes: give me numbered channels whose rounds and bytes
//! count themselves ([`Link`]), and keys that I share with each peer ([`PeerKeys`]).

mod keys;
mod link;
mod shape;
pub mod sim;
pub mod tamper;

pub use keys::{PeerKeys, fresh_seed, group_keys};
pub(crate) use link::Channel;
pub use link::Link;
pub use shape::{Shape, Shaped};

use std::fmt;

use bytes::Bytes;

use crate::error::Result;

/// A compute party, by its place in the contract's list, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(pub usize);

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "compute party {}", self.0)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// A Lamport clock: one more than the number of rounds on which this message depends.
    pub depth: u32,
    /// The payload.
    pub body: Bytes,
}

/// Carries frames between the compute parties of one run.
///
/// First in, first out per (sender, receiver, channel); channels are independent of each other. The peer's
/// identity is the transport's business: what `recv` returns was sent by `from`.
pub trait Transport: Send + Sync {
    /// The party whose end this is.
    fn me(&self) -> Party;

    /// The number of compute parties.
    fn parties(&self) -> usize;

    /// Hands `frame` over for sending and returns; it doesn't wait for the peer to read.
    ///
    /// # Errors
    /// [`Error::PeerGone`](crate::Error::PeerGone) when the connection is known to be closed.
    fn send(&self, to: Party, channel: u64, frame: Frame) -> Result<()>;

    /// Waits for the next frame of `from` on `channel`.
    ///
    /// # Errors
    /// [`Error::PeerGone`](crate::Error::PeerGone) when `from` closed its connection and nothing of it is left,
    /// [`Error::TimedOut`](crate::Error::TimedOut) when nothing comes in time.
    fn recv(&self, from: Party, channel: u64) -> Result<Frame>;
}
