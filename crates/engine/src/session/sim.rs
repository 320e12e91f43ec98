//! Parties on threads of one process, for tests and measurements.
//!
//! Nothing depends on the order in which the threads run: a receiver names the queue from which it takes, so a
//! run with fixed seeds repeats exactly.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Frame, Party, Shape, Transport};
use crate::error::{Error, Result};

/// How long a simulated party waits for a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `party` once for each of `parties` compute parties, each on a thread of its own, and returns what they
/// return, in their order. A party that returns closes its connections.
///
/// # Panics
/// When a party panics.
pub fn run<T: Send>(parties: usize, party: impl Fn(Party, Arc<dyn Transport>) -> T + Sync) -> Vec<T> {
    run_shaped(Shape::default(), parties, party)
}

/// As [`run`], with a network of the given shape.
///
/// # Panics
/// When a party panics.
pub fn run_shaped<T: Send>(
    shape: Shape,
    parties: usize,
    party: impl Fn(Party, Arc<dyn Transport>) -> T + Sync,
) -> Vec<T> {
    let network = Arc::new(Network::new(shape, parties));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parties)
            .map(|index| {
                let (network, party) = (Arc::clone(&network), &party);
                scope.spawn(move || {
                    let me = Party(index);
                    let _leave = Leave { network: Arc::clone(&network), me };
                    party(me, Arc::new(End { network, me }))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// The queues that lead to one party, and who is gone.
#[derive(Default)]
struct Inbox {
    queues: BTreeMap<(Party, u64), VecDeque<(Instant, Frame)>>,
    /// When the line from each sender is free again.
    free: BTreeMap<Party, Instant>,
    gone: Vec<Party>,
}

struct Network {
    shape: Shape,
    inboxes: Vec<(Mutex<Inbox>, Condvar)>,
}

impl Network {
    fn new(shape: Shape, parties: usize) -> Self {
        Self { shape, inboxes: (0..parties).map(|_| Default::default()).collect() }
    }

    fn inbox(&self, party: Party) -> Result<(MutexGuard<'_, Inbox>, &Condvar)> {
        let (inbox, changed) = self.inboxes.get(party.0).ok_or(Error::PeerGone { party })?;
        Ok((inbox.lock().unwrap_or_else(PoisonError::into_inner), changed))
    }
}

/// Tells the others that a party is gone, also when it panics.
struct Leave {
    network: Arc<Network>,
    me: Party,
}

impl Drop for Leave {
    fn drop(&mut self) {
        for (inbox, changed) in &self.network.inboxes {
            inbox.lock().unwrap_or_else(PoisonError::into_inner).gone.push(self.me);
            changed.notify_all();
        }
    }
}

struct End {
    network: Arc<Network>,
    me: Party,
}

impl Transport for End {
    fn me(&self) -> Party {
        self.me
    }

    fn parties(&self) -> usize {
        self.network.inboxes.len()
    }

    fn send(&self, to: Party, channel: u64, frame: Frame) -> Result<()> {
        let (mut inbox, changed) = self.network.inbox(to)?;
        let now = Instant::now();
        let free = inbox.free.entry(self.me).or_insert(now);
        let arrival = self.network.shape.arrival(now, free, frame.body.len());
        inbox.queues.entry((self.me, channel)).or_default().push_back((arrival, frame));
        changed.notify_all();
        Ok(())
    }

    fn recv(&self, from: Party, channel: u64) -> Result<Frame> {
        let deadline = Instant::now() + PATIENCE;
        let (mut inbox, changed) = self.network.inbox(self.me)?;
        loop {
            let now = Instant::now();
            let mut wake = deadline;
            if let Entry::Occupied(mut queue) = inbox.queues.entry((from, channel)) {
                match queue.get().front() {
                    Some((arrival, _)) if *arrival > now => wake = wake.min(*arrival),
                    _ => {
                        let first = queue.get_mut().pop_front();
                        if queue.get().is_empty() {
                            queue.remove();
                        }
                        if let Some((_, frame)) = first {
                            return Ok(frame);
                        }
                    }
                }
            } else if inbox.gone.contains(&from) || from.0 >= self.parties() {
                return Err(Error::PeerGone { party: from });
            }
            if now >= deadline {
                return Err(Error::TimedOut { party: from, waited_ms: PATIENCE.as_millis() as u64 });
            }
            let left = wake.saturating_duration_since(now);
            inbox = changed.wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8) -> Frame {
        Frame { depth: 1, body: vec![byte].into() }
    }

    #[test]
    fn channels_are_independent_and_keep_their_order() {
        let seen = run(2, |me, transport| {
            let peer = Party(1 - me.0);
            for (channel, byte) in [(5, 1), (6, 2), (5, 3)] {
                transport.send(peer, channel, frame(byte)).unwrap();
            }
            [6, 5, 5].map(|channel| transport.recv(peer, channel).unwrap().body[0])
        });
        assert_eq!(seen, [[2, 1, 3], [2, 1, 3]]);
    }

    #[test]
    fn a_shaped_network_holds_messages_back() {
        let shape = Shape { one_way: Duration::from_millis(5), bytes_per_second: Some(1_000_000) };
        run_shaped(shape, 2, |me, transport| {
            let peer = Party(1 - me.0);
            let sent = Instant::now();
            transport.send(peer, 0, frame(7)).unwrap();
            transport.recv(peer, 0).unwrap();
            // The peer sends this one after it received the other, which itself was on its way for so long.
            transport.send(peer, 1, frame(8)).unwrap();
            transport.recv(peer, 1).unwrap();
            assert!(sent.elapsed() >= shape.one_way);
        });
    }

    #[test]
    fn a_party_that_leaves_is_named() {
        let seen = run(3, |me, transport| if me.0 == 2 { Ok(frame(0)) } else { transport.recv(Party(2), 0) });
        assert_eq!(seen[0], Err(Error::PeerGone { party: Party(2) }));
        assert_eq!(seen[1], Err(Error::PeerGone { party: Party(2) }));
    }
}
