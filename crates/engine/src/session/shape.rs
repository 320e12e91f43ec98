//! Lines of a stated latency and rate, for measurements of what a wide area network would take.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Frame, Party, Transport};
use crate::error::{Error, Result};

/// How fast messages travel; the default is at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// From sending a message's last byte to its arrival.
    pub one_way: Duration,
    /// Bytes that one party can send to one peer in a second; `None` for any number.
    pub bytes_per_second: Option<u64>,
}

impl Shape {
    /// A wide area network: 20 ms there and back, 100 Mbit/s.
    pub const WAN: Self = Self { one_way: Duration::from_millis(10), bytes_per_second: Some(12_500_000) };

    /// How long a message of `bytes` occupies the line.
    fn transfer(&self, bytes: usize) -> Duration {
        let nanoseconds = |rate: u64| bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
        Duration::from_nanos(self.bytes_per_second.map_or(0, |rate| nanoseconds(rate) as u64))
    }

    /// When a message of `bytes` sent at `now` arrives over a line that is `free` from a certain moment; the line is
    /// then free when the message's last byte has left.
    pub(super) fn arrival(&self, now: Instant, free: &mut Instant, bytes: usize) -> Instant {
        *free = now.max(*free) + self.transfer(bytes);
        *free + self.one_way
    }
}

/// A transport whose messages travel as slowly as a shape says, if the one below is faster: each is held back at
/// its sender, in a queue without bounds, on a thread for each peer. Dropping it waits until the last message has left.
pub struct Shaped {
    below: Arc<dyn Transport>,
    lines: Vec<Line>,
}

impl Shaped {
    /// `below`, slowed down.
    #[must_use]
    pub fn new(below: Arc<dyn Transport>, shape: Shape) -> Self {
        let lines = (0..below.parties()).map(|to| Line::new(Arc::clone(&below), Party(to), shape)).collect();
        Self { below, lines }
    }
}

impl Transport for Shaped {
    fn me(&self) -> Party {
        self.below.me()
    }

    fn parties(&self) -> usize {
        self.below.parties()
    }

    fn send(&self, to: Party, channel: u64, frame: Frame) -> Result<()> {
        let queue = self.lines.get(to.0).and_then(|line| line.queue.as_ref());
        let sent = Sent { at: Instant::now(), channel, frame };
        // Only a line whose transport failed before takes no more.
        queue.ok_or(Error::PeerGone { party: to })?.send(sent).map_err(|_| Error::PeerGone { party: to })
    }

    fn recv(&self, from: Party, channel: u64) -> Result<Frame> {
        self.below.recv(from, channel)
    }
}

/// A message on its way.
struct Sent {
    at: Instant,
    channel: u64,
    frame: Frame,
}

/// The way to one peer.
struct Line {
    /// `None` once it is closed.
    queue: Option<Sender<Sent>>,
    carrier: Option<JoinHandle<()>>,
}

impl Line {
    fn new(below: Arc<dyn Transport>, to: Party, shape: Shape) -> Self {
        let (queue, sent) = mpsc::channel();
        let carrier = std::thread::spawn(move || carry(&*below, to, shape, &sent));
        Self { queue: Some(queue), carrier: Some(carrier) }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(carrier) = self.carrier.take() {
            carrier.join().ok();
        }
    }
}

fn carry(below: &dyn Transport, to: Party, shape: Shape, sent: &Receiver<Sent>) {
    let mut free = Instant::now();
    while let Ok(Sent { at, channel, frame }) = sent.recv() {
        let arrival = shape.arrival(at, &mut free, frame.body.len());
        std::thread::sleep(arrival.saturating_duration_since(Instant::now()));
        if below.send(to, channel, frame).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sim;

    #[test]
    fn messages_queue_for_the_line() {
        let milliseconds = Duration::from_millis;
        let shape = Shape { one_way: milliseconds(20), bytes_per_second: Some(1_000_000) };
        let start = Instant::now();
        let mut free = start;
        let mut sent_at = |after, bytes| shape.arrival(start + milliseconds(after), &mut free, bytes) - start;
        assert_eq!(sent_at(0, 10_000), milliseconds(30));
        assert_eq!(sent_at(0, 10_000), milliseconds(40), "behind the first");
        assert_eq!(sent_at(100, 0), milliseconds(120), "on an idle line");
    }

    #[test]
    fn messages_keep_their_order() {
        let shape = Shape { one_way: Duration::from_millis(5), bytes_per_second: Some(1_000_000) };
        let seen = sim::run(2, |me, transport| {
            let (peer, shaped) = (Party(1 - me.0), Shaped::new(transport, shape));
            for byte in [1, 2] {
                shaped.send(peer, 0, Frame { depth: 1, body: vec![byte].into() }).unwrap();
            }
            [0, 1].map(|_| shaped.recv(peer, 0).unwrap().body[0])
        });
        assert_eq!(seen, [[1, 2], [1, 2]]);
    }

    #[test]
    fn what_was_sent_before_the_end_still_arrives() {
        let shape = Shape { one_way: Duration::from_millis(5), bytes_per_second: None };
        let seen = sim::run(2, |me, transport| {
            let peer = Party(1 - me.0);
            Shaped::new(Arc::clone(&transport), shape)
                .send(peer, 0, Frame { depth: 1, body: vec![7].into() })
                .unwrap();
            transport.recv(peer, 0).unwrap().body[0]
        });
        assert_eq!(seen, [7, 7]);
    }
}
