//! One party's end of one channel, which counts its own cost.

use std::sync::Arc;

use bytes::Bytes;
use ring::{Column, Ring};

use super::{Frame, Party, Transport};
use crate::error::{Error, Result};
use crate::mpc::Cost;

/// A channel's name: its place in the tree of forks, so that all parties agree on it without a word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Channel {
    number: u64,
    forks: u64,
}

impl Channel {
    /// Its number, equal at all parties; 0 at the root.
    pub(crate) fn number(self) -> u64 {
        self.number
    }

    /// The label of the next fork: unique in the session and equal at all parties.
    pub(crate) fn next_fork(&mut self) -> [u8; 16] {
        let mut label = [0; 16];
        label[..8].copy_from_slice(&self.number.to_le_bytes());
        label[8..].copy_from_slice(&self.forks.to_le_bytes());
        self.forks += 1;
        label
    }

    /// That of the fork with that label.
    pub(crate) fn of_fork(label: [u8; 16]) -> Self {
        let digest = blake3::derive_key("treaty 2026 engine channel of a fork", &label);
        let mut number = [0; 8];
        number.copy_from_slice(&digest[..8]);
        Self { number: u64::from_le_bytes(number), forks: 0 }
    }
}

/// One party's end of one channel of a session. Rounds are the Lamport depth of what was received, bytes those of the frames' bodies.
pub struct Link {
    transport: Arc<dyn Transport>,
    channel: Channel,
    depth: u32,
    bytes_sent: u64,
    messages_sent: u64,
}

impl Link {
    /// The root channel of a session.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, channel: Channel::default(), depth: 0, bytes_sent: 0, messages_sent: 0 }
    }

    /// The party whose end this is.
    pub fn me(&self) -> Party {
        self.transport.me()
    }

    /// The number of compute parties.
    pub fn parties(&self) -> usize {
        self.transport.parties()
    }

    /// The party `places` further on in the circle of parties.
    pub fn neighbour(&self, places: usize) -> Party {
        Party((self.me().0 + places) % self.parties().max(1))
    }

    /// The channel's number, equal at all parties.
    pub fn channel(&self) -> u64 {
        self.channel.number()
    }

    /// The same end of the same channel, as it is now: for a run in which nothing is sent.
    pub fn twin(&self) -> Self {
        Self { transport: Arc::clone(&self.transport), ..*self }
    }

    /// The label of the next fork: unique in the session and equal at all parties.
    pub fn next_fork(&mut self) -> [u8; 16] {
        self.channel.next_fork()
    }

    /// The channel of the fork with that label. It starts at this channel's depth and with nothing sent.
    pub fn forked(&self, label: [u8; 16]) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            channel: Channel::of_fork(label),
            depth: self.depth,
            bytes_sent: 0,
            messages_sent: 0,
        }
    }

    /// Takes over the cost of a fork that is done: bytes add, rounds take the maximum.
    pub fn absorb(&mut self, fork: &Self) {
        self.depth = self.depth.max(fork.depth);
        self.bytes_sent += fork.bytes_sent;
        self.messages_sent += fork.messages_sent;
    }

    /// What was used so far.
    pub fn cost(&self) -> Cost {
        Cost { rounds: self.depth, bytes_sent: self.bytes_sent, messages_sent: self.messages_sent }
    }

    /// Sends `values` to `to`.
    ///
    /// # Errors
    /// As [`Transport::send`].
    pub fn send<D: Ring>(&mut self, to: Party, values: &[D]) -> Result<()> {
        let body = Bytes::from_owner(Column::copied(values).into_bytes());
        self.bytes_sent += body.len() as u64;
        self.messages_sent += 1;
        self.transport.send(to, self.channel(), Frame { depth: self.depth.saturating_add(1), body })
    }

    /// Receives `len` values from `from`.
    ///
    /// # Errors
    /// As [`Transport::recv`]; [`Error::Malformed`] when the message has another size.
    pub fn recv<D: Ring>(&mut self, from: Party, len: usize) -> Result<Column<D>> {
        let frame = self.transport.recv(from, self.channel())?;
        let expected = len * D::BYTES;
        if frame.body.len() != expected {
            return Err(Error::Malformed { party: from, expected, found: frame.body.len() });
        }
        self.depth = self.depth.max(frame.depth);
        let mut values = Column::zeros(len);
        D::read_le(&frame.body, values.values_mut());
        Ok(values)
    }
}
