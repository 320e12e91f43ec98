//! The connection to one peer during a run: what is to be sent, what has come, and the two threads in between.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine::session::{Frame, Party};
use rustls::Connection;
use tracing::{debug, warn};

use super::inbox::{Inbox, NoFrame};
use super::outbox::{NotTaken, Outbox};
use super::plan::{Run, SessionLimits};
use super::wire::{Outgoing, ReadEnd, Reader, split};
use crate::registry::MemberId;

/// How long a connection stays open after the run, so that what was sent last arrives and what comes late isn't
/// answered by a reset, which would drop it.
const LINGER: Duration = Duration::from_secs(5);

/// One peer's connection. Dropping it lets what was sent be written, and closes the connection in the background.
#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    writing: Option<JoinHandle<()>>,
    /// For ending the connection at once.
    socket: TcpStream,
}

#[derive(Debug)]
struct Shared {
    run: Run,
    member: MemberId,
    inbox: Inbox,
    outbox: Outbox,
    counts: Counts,
    /// Why nothing more comes.
    end: OnceLock<ReadEnd>,
    /// When this side had enough.
    dropped: OnceLock<Instant>,
}

/// Frames and bytes of their bodies.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) frames_sent: AtomicU64,
    pub(super) bytes_sent: AtomicU64,
    pub(super) frames_received: AtomicU64,
    pub(super) bytes_received: AtomicU64,
}

impl Link {
    /// Starts the two threads on an established connection.
    pub(super) fn start(
        run: Run,
        party: Party,
        member: MemberId,
        tls: Connection,
        socket: TcpStream,
        limits: &SessionLimits,
    ) -> io::Result<Self> {
        let (writer, reader) = split(tls, socket, limits.frame_bytes_max, limits.silence_max)?;
        let socket = reader.socket()?;
        let shared = Arc::new(Shared {
            run,
            member,
            inbox: Inbox::new(limits.inbox_bytes_max),
            outbox: Outbox::new(writer, limits.outbox_bytes_max, limits.keep_alive),
            counts: Counts::default(),
            end: OnceLock::new(),
            dropped: OnceLock::new(),
        });
        // Built before the second thread starts: if that fails, dropping the link ends the first.
        let mut link = Self { shared: Arc::clone(&shared), writing: None, socket };
        let writing = thread::Builder::new().name(format!("mpc write {}", party.0));
        link.writing = Some(writing.spawn(move || shared.write())?);
        let shared = Arc::clone(&link.shared);
        let reading = thread::Builder::new().name(format!("mpc read {}", party.0));
        reading.spawn(move || shared.read(reader))?;
        Ok(link)
    }

    pub(super) fn member(&self) -> &MemberId {
        &self.shared.member
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Why nothing more comes from the peer, once that is so.
    pub(super) fn end(&self) -> Option<&ReadEnd> {
        self.shared.end.get()
    }

    pub(super) fn send(
        &self,
        outgoing: Outgoing,
        body_bytes: u64,
        deadline: Instant,
    ) -> Result<(), NotTaken> {
        self.shared.outbox.put(outgoing, deadline)?;
        self.shared.counts.frames_sent.fetch_add(1, Ordering::Relaxed);
        self.shared.counts.bytes_sent.fetch_add(body_bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn recv(&self, channel: u64, deadline: Instant) -> Result<Frame, NoFrame> {
        self.shared.inbox.take(channel, deadline)
    }

    /// Ends the connection at once, whatever waits to be sent.
    pub(super) fn abort(&self) {
        self.shared.outbox.break_off();
        self.shared.inbox.close();
        // Fails only when the connection is closed already.
        self.socket.shutdown(Shutdown::Both).ok();
    }

    /// No more frames will be sent or received.
    pub(super) fn close(&self) {
        let now = *self.shared.dropped.get_or_init(Instant::now);
        self.shared.inbox.close();
        self.shared.outbox.close(now + LINGER);
    }

    /// Closes, and waits until everything that was sent is written.
    pub(super) fn finish(&mut self) {
        self.close();
        if let Some(writing) = self.writing.take() {
            // The thread has no panics; if it had one, there would be nothing left to wait for.
            writing.join().ok();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn write(&self) {
        if let Err(error) = self.outbox.run()
            && self.dropped.get().is_none()
        {
            debug!(run = %self.run, member = self.member, %error, "cannot write to a compute party");
        }
    }

    fn read(&self, mut reader: Reader) {
        let mut frames = Vec::new();
        loop {
            let read = reader.read(&mut frames);
            for (channel, frame) in frames.drain(..) {
                self.counts.frames_received.fetch_add(1, Ordering::Relaxed);
                self.counts.bytes_received.fetch_add(frame.body.len() as u64, Ordering::Relaxed);
                self.inbox.put(channel, frame);
            }
            match read {
                Err(end) => return self.ended(end, &reader),
                Ok(()) if self.dropped.get().is_some_and(|dropped| dropped.elapsed() > LINGER) => return,
                Ok(()) => {}
            }
        }
    }

    fn ended(&self, end: ReadEnd, reader: &Reader) {
        match end {
            ReadEnd::Closed => {}
            _ if self.dropped.get().is_some() => {}
            _ => warn!(run = %self.run, member = self.member, reason = %end, "lost a compute party"),
        }
        let orderly = matches!(end, ReadEnd::Closed);
        self.end.set(end).ok();
        self.inbox.end();
        self.outbox.break_off();
        if !orderly {
            reader.shut_down();
        }
    }
}
