//! Frames for one peer that are handed over and not written yet.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::wire::{Outgoing, Writer};

/// The largest frame that its sender writes itself when nothing else is being written: handing it to another thread
/// would take longer than encrypting it.
const DIRECT_BYTES_MAX: usize = 64 << 10;

/// The most that is taken from the queue at once; small frames so share a record and a system call.
const BATCH_BYTES_MAX: usize = 256 << 10;
const BATCH_FRAMES_MAX: usize = 128;

/// Frames for one peer, in order, of bounded size together; and whoever writes them.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes_max: usize,
    keep_alive: Duration,
    state: Mutex<State>,
    /// Something is there to be written, or nothing more will be.
    work: Condvar,
    /// Something has been written.
    room: Condvar,
    /// Only locked by whoever has set `State::writing`.
    writer: Mutex<Writer>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Outgoing>,
    /// Of the queue and of what is being written.
    bytes: usize,
    /// Somebody waits in `put`.
    full: bool,
    writing: bool,
    /// When the writing must be over, once no more frames will be handed over.
    closing: Option<Instant>,
    /// Nothing can be written any more.
    broken: bool,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// The connection can't be written to.
    Broken,
    /// There was no room for it in time.
    Late,
}

impl Outbox {
    pub(super) fn new(writer: Writer, bytes_max: usize, keep_alive: Duration) -> Self {
        Self {
            bytes_max,
            keep_alive,
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            writer: Mutex::new(writer),
        }
    }

    /// Hands a frame over. Waits until `deadline` while too much is waiting already; a small frame is written at
    /// once if nothing is before it.
    pub(super) fn put(&self, outgoing: Outgoing, deadline: Instant) -> Result<(), NotTaken> {
        let mut state = self.lock();
        while state.bytes > 0 && state.bytes + outgoing.bytes() > self.bytes_max && !state.broken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NotTaken::Late);
            }
            state.full = true;
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.broken || state.closing.is_some() {
            return Err(NotTaken::Broken);
        }
        state.bytes += outgoing.bytes();
        if state.queue.is_empty() && !state.writing && outgoing.bytes() <= DIRECT_BYTES_MAX {
            let bytes = outgoing.bytes();
            let go_on = || Instant::now() < deadline && !self.lock().broken;
            self.write(state, bytes, |writer| writer.frames(&[outgoing], go_on)).map_err(|_| NotTaken::Broken)
        } else {
            state.queue.push_back(outgoing);
            drop(state);
            self.work.notify_one();
            Ok(())
        }
    }

    /// Writes what is handed over, and keep-alives in between, until all is written after [`close`](Self::close) or
    /// nothing can be written any more.
    pub(super) fn run(&self) -> io::Result<()> {
        let mut spoken = Instant::now();
        loop {
            let mut state = self.lock();
            while !state.broken && (state.writing || state.queue.is_empty()) {
                if state.closing.is_some() && !state.writing {
                    return self.write(state, 0, |writer| writer.finish(|| self.goes_on()));
                }
                let silent = spoken.elapsed();
                if silent >= self.keep_alive {
                    spoken = Instant::now();
                    if !state.writing {
                        self.write(state, 0, |writer| writer.keep_alive(|| self.goes_on()))?;
                        state = self.lock();
                    }
                    continue;
                }
                let left = self.keep_alive - silent;
                state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.broken {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let batch = state.batch();
            let bytes = batch.iter().map(Outgoing::bytes).sum();
            self.write(state, bytes, |writer| writer.frames(&batch, || self.goes_on()))?;
            spoken = Instant::now();
        }
    }

    /// No more frames will be handed over: those that are there may be written until `by`.
    pub(super) fn close(&self, by: Instant) {
        self.lock().closing.get_or_insert(by);
        self.wake();
    }

    /// Nothing can be written any more; whoever waits for it is told.
    pub(super) fn break_off(&self) {
        let mut state = self.lock();
        state.broken = true;
        state.queue.clear();
        drop(state);
        self.wake();
    }

    fn wake(&self) {
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Writes as the only one who does, without holding the state's lock; `bytes` are then no longer waiting.
    fn write(
        &self,
        mut state: MutexGuard<'_, State>,
        bytes: usize,
        write: impl FnOnce(&mut Writer) -> io::Result<()>,
    ) -> io::Result<()> {
        state.writing = true;
        drop(state);
        let written = write(&mut self.writer.lock().unwrap_or_else(PoisonError::into_inner));
        let mut state = self.lock();
        state.writing = false;
        state.bytes = state.bytes.saturating_sub(bytes);
        let more = !state.queue.is_empty() || state.closing.is_some();
        let full = std::mem::take(&mut state.full);
        drop(state);
        if written.is_err() {
            self.break_off();
        } else if more {
            self.work.notify_one();
        }
        if full {
            self.room.notify_all();
        }
        written
    }

    /// Whether it is still worth waiting for a socket that takes nothing.
    fn goes_on(&self) -> bool {
        let state = self.lock();
        !state.broken && state.closing.is_none_or(|by| Instant::now() < by)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the next frames: one of any size, or several that are small together.
    fn batch(&mut self) -> Vec<Outgoing> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.queue.front() {
            bytes += next.bytes();
            if !batch.is_empty() && (bytes > BATCH_BYTES_MAX || batch.len() == BATCH_FRAMES_MAX) {
                break;
            }
            batch.extend(self.queue.pop_front());
        }
        batch
    }
}
