//! The connection to one peer during a run: what is to be sent, what has come, and the two threads in between.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine::session::{Frame, Party};
use rustls::Connection;
use tracing::{debug, warn};

use super::inbox::{Inbox, NoFrame, Received};
use super::outbox::{NotTaken, Outbox};
use super::plan::{Run, SessionLimits};
use super::wire::{Outgoing, ReadEnd, split};
use crate::registry::MemberId;

/// How long a connection stays open after the run, so that what was sent last arrives and what comes late isn't
/// answered by a reset, which would drop it.
const LINGER: Duration = Duration::from_secs(5);

/// One peer's connection. Dropping it lets what was sent be written, and closes the connection in the background.
#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    writing: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    run: Run,
    member: MemberId,
    inbox: Inbox,
    outbox: Outbox,
    sent: Sent,
    /// For ending the connection at once.
    socket: TcpStream,
    /// Done when nothing comes any more.
    ended: Once,
    /// This side has had enough.
    dropped: AtomicBool,
}

/// What was handed over for sending.
#[derive(Debug, Default)]
struct Sent {
    frames: AtomicU64,
    /// Of the frames' bodies.
    bytes: AtomicU64,
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
        let (writer, reader) = split(tls, socket, limits.frame_bytes_max)?;
        let socket = reader.socket()?;
        let shared = Arc::new(Shared {
            run,
            member,
            inbox: Inbox::new(reader, limits.inbox_bytes_max, limits.silence_max),
            outbox: Outbox::new(writer, limits.outbox_bytes_max, limits.keep_alive),
            sent: Sent::default(),
            socket,
            ended: Once::new(),
            dropped: AtomicBool::new(false),
        });
        // Made before the threads: if the second can't be had, dropping the link ends the first.
        let mut link = Self { shared: Arc::clone(&shared), writing: None };
        let writing = thread::Builder::new().name(format!("mpc write {}", party.0));
        link.writing = Some(writing.spawn(move || shared.write())?);
        let shared = Arc::clone(&link.shared);
        let reading = thread::Builder::new().name(format!("mpc read {}", party.0));
        reading.spawn(move || shared.read())?;
        Ok(link)
    }

    pub(super) fn member(&self) -> &MemberId {
        &self.shared.member
    }

    /// Frames handed over for sending, and bytes of their bodies.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.shared.sent.frames.load(Ordering::Relaxed), self.shared.sent.bytes.load(Ordering::Relaxed))
    }

    pub(super) fn received(&self) -> Received {
        self.shared.inbox.received()
    }

    /// Why nothing more comes from the peer, once that is so.
    pub(super) fn end(&self) -> Option<&ReadEnd> {
        self.shared.inbox.end()
    }

    pub(super) fn send(
        &self,
        outgoing: Outgoing,
        body_bytes: u64,
        deadline: Instant,
    ) -> Result<(), NotTaken> {
        self.shared.outbox.put(outgoing, deadline)?;
        self.shared.sent.frames.fetch_add(1, Ordering::Relaxed);
        self.shared.sent.bytes.fetch_add(body_bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn recv(&self, channel: u64, deadline: Instant) -> Result<Frame, NoFrame> {
        let taken = self.shared.inbox.take(channel, deadline);
        if taken == Err(NoFrame::Ended) {
            // Whoever has seen the end finds that nothing can be sent either.
            self.shared.after_end();
        }
        taken
    }

    /// Ends the connection at once, whatever waits to be sent.
    pub(super) fn abort(&self) {
        self.shared.outbox.break_off();
        self.shared.inbox.close();
        self.shared.shut_down();
    }

    /// No more frames will be sent or received.
    pub(super) fn close(&self) {
        self.shared.dropped.store(true, Ordering::Relaxed);
        self.shared.inbox.close();
        self.shared.outbox.close(Instant::now() + LINGER);
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
            && !self.dropped.load(Ordering::Relaxed)
        {
            debug!(run = %self.run, member = self.member, %error, "cannot write to a compute party");
        }
    }

    fn read(&self) {
        self.inbox.run(LINGER);
        self.after_end();
    }

    /// What follows when nothing comes any more.
    fn after_end(&self) {
        let Some(end) = self.inbox.end() else { return };
        self.ended.call_once(|| {
            let orderly = matches!(end, ReadEnd::Closed);
            if !orderly && !self.dropped.load(Ordering::Relaxed) {
                warn!(run = %self.run, member = self.member, reason = %end, "lost a compute party");
            }
            self.outbox.break_off();
            if !orderly {
                self.shut_down();
            }
        });
    }

    fn shut_down(&self) {
        // Fails only when the connection is closed already.
        self.socket.shutdown(Shutdown::Both).ok();
    }
}
