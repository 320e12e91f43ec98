//! The engine's transport over the connections of one run.

use std::time::Instant;

use engine::Error;
use engine::session::{Frame, Party, Transport};

use super::frame::FrameFault;
use super::inbox::NoFrame;
use super::link::Link;
use super::outbox::NotTaken;
use super::wire::{Outgoing, ReadEnd};
use crate::registry::MemberId;

/// What passed between this node and one compute party in a run.
///
/// Bytes are those of the frames' bodies, as the engine counts them. On the wire each frame has 17 more, TLS adds
/// 22 for every 16 KiB at most, and a keep-alive of 17 bytes goes out every second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The other compute party.
    pub party: Party,
    /// Its member.
    pub member: MemberId,
    /// Frames handed over for sending.
    pub frames_sent: u64,
    /// Bytes of their bodies.
    pub bytes_sent: u64,
    /// Frames that came.
    pub frames_received: u64,
    /// Bytes of their bodies.
    pub bytes_received: u64,
}

/// A run's connections to the other compute parties: the engine's [`Transport`].
///
/// - [`send`](Transport::send) hands a frame over; it waits only while more than
///   [`outbox_bytes_max`](crate::SessionLimits::outbox_bytes_max) wait for the same peer.
/// - [`recv`](Transport::recv) waits for a frame. When the peer's connection ends, every waiting call returns
///   [`PeerGone`](Error::PeerGone) at once (frames that came before can still be received); when the peer says
///   nothing at all, not even a keep-alive, they return [`TimedOut`](Error::TimedOut) after
///   [`silence_max`](crate::SessionLimits::silence_max).
/// - At the run's deadline whatever still waits returns [`TimedOut`](Error::TimedOut).
///
/// A peer that breaks the protocol counts as gone; a frame above the limit is [`Malformed`](Error::Malformed).
/// Reasons are logged with the run and the member. Dropping the transport closes the connections in the background,
/// after what was sent is written.
#[derive(Debug)]
pub struct SessionTransport {
    me: Party,
    /// By party; none at this node's own place.
    links: Vec<Option<Link>>,
    frame_bytes_max: usize,
    silence_max_ms: u64,
    deadline: Instant,
}

impl SessionTransport {
    pub(super) fn new(
        me: Party,
        links: Vec<Option<Link>>,
        frame_bytes_max: usize,
        silence_max_ms: u64,
        deadline: Instant,
    ) -> Self {
        Self { me, links, frame_bytes_max, silence_max_ms, deadline }
    }

    /// What passed so far, by party.
    pub fn traffic(&self) -> Vec<Traffic> {
        let of = |(place, link): (usize, &Option<Link>)| {
            let link = link.as_ref()?;
            let ((frames_sent, bytes_sent), received) = (link.sent(), link.received());
            Some(Traffic {
                party: Party(place),
                member: link.member().clone(),
                frames_sent,
                bytes_sent,
                frames_received: received.frames,
                bytes_received: received.bytes,
            })
        };
        self.links.iter().enumerate().filter_map(of).collect()
    }

    /// Ends the run's connections after everything that was sent is written, at most five seconds later, and says
    /// what passed.
    pub fn finish(mut self) -> Vec<Traffic> {
        for link in self.links.iter().flatten() {
            link.close();
        }
        for link in self.links.iter_mut().flatten() {
            link.finish();
        }
        self.traffic()
    }

    /// Ends the run's connections at once: every waiting call here, and soon at the peers, returns
    /// [`PeerGone`](Error::PeerGone). Can be called from any thread.
    pub fn abort(&self) {
        for link in self.links.iter().flatten() {
            link.abort();
        }
    }

    fn link(&self, operation: &'static str, party: Party) -> Result<&Link, Error> {
        self.links.get(party.0).and_then(Option::as_ref).ok_or(Error::OutOfRange {
            operation,
            parameter: "the number of another compute party",
            found: party.0 as u64,
            most: self.links.len().saturating_sub(1) as u64,
        })
    }

    /// Why the connection to a peer is of no more use.
    fn lost(&self, party: Party, link: &Link) -> Error {
        match link.end() {
            Some(ReadEnd::Silent) => Error::TimedOut { party, waited_ms: self.silence_max_ms },
            Some(ReadEnd::Frame(FrameFault::TooLong { found, bytes_max })) => {
                Error::Malformed { party, expected: *bytes_max, found: *found }
            }
            _ => Error::PeerGone { party },
        }
    }

    fn late(&self, party: Party, since: Instant) -> Error {
        Error::TimedOut { party, waited_ms: since.elapsed().as_millis().try_into().unwrap_or(u64::MAX) }
    }
}

impl Transport for SessionTransport {
    fn me(&self) -> Party {
        self.me
    }

    fn parties(&self) -> usize {
        self.links.len()
    }

    fn send(&self, to: Party, channel: u64, frame: Frame) -> Result<(), Error> {
        let link = self.link("send", to)?;
        let bytes = frame.body.len();
        let outgoing = Outgoing::new(channel, frame).filter(|_| bytes <= self.frame_bytes_max);
        let Some(outgoing) = outgoing else {
            return Err(Error::OutOfRange {
                operation: "send",
                parameter: "bytes of one message",
                found: bytes as u64,
                most: self.frame_bytes_max as u64,
            });
        };
        let since = Instant::now();
        link.send(outgoing, bytes as u64, self.deadline).map_err(|not_taken| match not_taken {
            NotTaken::Late => self.late(to, since),
            NotTaken::Broken => self.lost(to, link),
        })
    }

    fn recv(&self, from: Party, channel: u64) -> Result<Frame, Error> {
        let link = self.link("recv", from)?;
        let since = Instant::now();
        link.recv(channel, self.deadline).map_err(|none| match none {
            NoFrame::Late => self.late(from, since),
            NoFrame::Ended => self.lost(from, link),
        })
    }
}
