//! A corrupted party, for tests: it runs the protocol and rewrites what it sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Frame, Party, Transport};
use crate::error::Result;

/// The place of a frame among those that a party sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The receiver.
    pub to: Party,
    /// The channel.
    pub channel: u64,
    /// How many frames went to that receiver on that channel before: equal in every run with the same program.
    pub index: u64,
}

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes as it is.
    Pass,
    /// Another body goes in its place.
    Replace(Vec<u8>),
    /// It never goes.
    Drop,
}

/// The end of a party that sends what `attack` makes of each frame.
///
/// ```
/// use treaty_engine::session::{Frame, Party, sim, tamper};
/// let heard = sim::run(2, |me, transport| {
///     let flip = |_place, body: &[u8]| tamper::Verdict::Replace(body.iter().map(|byte| !byte).collect());
///     let transport = if me == Party(1) { tamper::party(transport, flip) } else { transport };
///     let peer = Party(1 - me.0);
///     transport.send(peer, 0, Frame { depth: 1, body: vec![1, 2].into() })?;
///     Ok(transport.recv(peer, 0)?.body.to_vec())
/// });
/// assert_eq!(heard, [Ok::<_, treaty_engine::Error>(vec![254, 253]), Ok(vec![1, 2])]);
/// ```
pub fn party(
    honest: Arc<dyn Transport>,
    attack: impl Fn(Place, &[u8]) -> Verdict + Send + Sync + 'static,
) -> Arc<dyn Transport> {
    Arc::new(Tampering { honest, attack, sent: Mutex::default() })
}

struct Tampering<F> {
    honest: Arc<dyn Transport>,
    attack: F,
    sent: Mutex<BTreeMap<(Party, u64), u64>>,
}

impl<F: Fn(Place, &[u8]) -> Verdict + Send + Sync> Transport for Tampering<F> {
    fn me(&self) -> Party {
        self.honest.me()
    }

    fn parties(&self) -> usize {
        self.honest.parties()
    }

    fn send(&self, to: Party, channel: u64, frame: Frame) -> Result<()> {
        let index = {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let count = sent.entry((to, channel)).or_default();
            *count += 1;
            *count - 1
        };
        let body = match (self.attack)(Place { to, channel, index }, &frame.body) {
            Verdict::Pass => frame.body,
            Verdict::Replace(body) => body.into(),
            Verdict::Drop => return Ok(()),
        };
        self.honest.send(to, channel, Frame { body, ..frame })
    }

    fn recv(&self, from: Party, channel: u64) -> Result<Frame> {
        self.honest.recv(from, channel)
    }
}
