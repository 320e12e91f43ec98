//! A transport that keeps a digest of every frame that passes.
//!
//! Frames are in order on each channel only, and channels of one run interleave differently at each party. So
//! each (peer, direction, channel) has a hash chain `h ← BLAKE3(h ‖ depth ‖ body)`, and a peer's digest is the
//! hash of its channels' chains in the order of the channel numbers: equal at both ends, 32 bytes per channel.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::session::{Frame, Party, Transport};

use crate::Transcript;

const CHAIN: &str = "treaty 2026 vm transcript of a channel";
const DIGEST: &str = "treaty 2026 vm transcript of a peer";

/// Passes frames on and keeps their digests.
pub(crate) struct Recorder {
    inner: Arc<dyn Transport>,
    peers: Vec<[Mutex<Direction>; 2]>,
}

const SENT: usize = 0;
const RECEIVED: usize = 1;

/// The frames of one direction between this party and one peer.
#[derive(Default)]
struct Direction {
    chains: BTreeMap<u64, [u8; 32]>,
    bytes: u64,
}

impl Recorder {
    pub(crate) fn new(inner: Arc<dyn Transport>) -> Self {
        let peers = (0..inner.parties()).map(|_| Default::default()).collect();
        Self { inner, peers }
    }

    /// The transcript with each peer so far.
    pub(crate) fn transcripts(&self) -> Vec<Transcript> {
        let peers = self.peers.iter().enumerate().map(|(i, p)| (Party(i), p));
        let others = peers.filter(|(peer, _)| *peer != self.inner.me());
        let transcript = |(peer, directions): (Party, &[Mutex<Direction>; 2])| {
            let [(sent, bytes_sent), (received, bytes_received)] = directions.each_ref().map(|d| {
                let direction = d.lock().unwrap_or_else(PoisonError::into_inner);
                (direction.digest(), direction.bytes)
            });
            Transcript { peer, sent, received, bytes_sent, bytes_received }
        };
        others.map(transcript).collect()
    }

    fn record(&self, peer: Party, direction: usize, channel: u64, frame: &Frame) {
        // A peer that does not exist is the inner transport's to refuse.
        if let Some(direction) = self.peers.get(peer.0).and_then(|p| p.get(direction)) {
            direction.lock().unwrap_or_else(PoisonError::into_inner).add(channel, frame);
        }
    }
}

impl Direction {
    fn add(&mut self, channel: u64, frame: &Frame) {
        let chain = self.chains.entry(channel).or_default();
        let mut hasher = blake3::Hasher::new_derive_key(CHAIN);
        hasher.update(&*chain).update(&frame.depth.to_le_bytes()).update(&frame.body);
        *chain = *hasher.finalize().as_bytes();
        self.bytes += frame.body.len() as u64;
    }

    fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST);
        for (channel, chain) in &self.chains {
            hasher.update(&channel.to_le_bytes()).update(chain);
        }
        *hasher.finalize().as_bytes()
    }
}

impl Transport for Recorder {
    fn me(&self) -> Party {
        self.inner.me()
    }

    fn parties(&self) -> usize {
        self.inner.parties()
    }

    fn send(&self, to: Party, channel: u64, frame: Frame) -> engine::Result<()> {
        self.record(to, SENT, channel, &frame);
        self.inner.send(to, channel, frame)
    }

    fn recv(&self, from: Party, channel: u64) -> engine::Result<Frame> {
        let frame = self.inner.recv(from, channel)?;
        self.record(from, RECEIVED, channel, &frame);
        Ok(frame)
    }
}
