//! Frames of one peer that came and are not received yet, by channel.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use engine::session::Frame;

use super::frame::HEADER_BYTES;

/// Frames of one peer, sorted into a queue per channel, of bounded size together.
///
/// When it is full, [`put`](Self::put) waits, so that the peer's connection isn't read and the peer has to wait in
/// its turn.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes_max: usize,
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Channels with frames or with somebody waiting, no others: a run uses very many.
    channels: HashMap<u64, Channel>,
    bytes: usize,
    /// Somebody waits in `put`.
    full: bool,
    /// Nothing comes any more.
    ended: bool,
    /// Nobody receives any more: whatever comes is dropped.
    closed: bool,
}

#[derive(Debug, Default)]
struct Channel {
    frames: VecDeque<Frame>,
    waiting: Vec<Thread>,
}

/// Why there is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// The peer's stream has ended and nothing of the channel is left.
    Ended,
    /// The time is over.
    Late,
}

impl Inbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default(), room: Condvar::new() }
    }

    /// Adds a frame; waits first while the inbox is full.
    pub(super) fn put(&self, channel: u64, frame: Frame) {
        let mut state = self.lock();
        while state.bytes > 0 && state.bytes + cost(&frame) > self.bytes_max && !state.closed {
            state.full = true;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return;
        }
        state.bytes += cost(&frame);
        let channel = state.channels.entry(channel).or_default();
        channel.frames.push_back(frame);
        let waiting = std::mem::take(&mut channel.waiting);
        drop(state);
        wake(waiting);
    }

    /// Takes the next frame of a channel; waits for it until `deadline`.
    pub(super) fn take(&self, channel: u64, deadline: Instant) -> Result<Frame, NoFrame> {
        let mut state = self.lock();
        loop {
            if let Some(frame) = state.pop(channel) {
                let full = std::mem::take(&mut state.full);
                drop(state);
                if full {
                    self.room.notify_all();
                }
                return Ok(frame);
            }
            if state.ended || state.closed {
                return Err(NoFrame::Ended);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoFrame::Late);
            }
            state.channels.entry(channel).or_default().waiting.push(thread::current());
            drop(state);
            thread::park_timeout(left);
            state = self.lock();
            state.forget(channel);
        }
    }

    /// Nothing will come any more; what came can still be taken.
    pub(super) fn end(&self) {
        self.stop(|state| state.ended = true);
    }

    /// Nobody will take anything any more.
    pub(super) fn close(&self) {
        self.stop(|state| {
            state.closed = true;
            state.bytes = 0;
        });
    }

    fn stop(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waiting =
            state.channels.values_mut().flat_map(|channel| std::mem::take(&mut channel.waiting)).collect();
        if state.closed {
            state.channels.clear();
        }
        drop(state);
        self.room.notify_all();
        wake(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self, channel: u64) -> Option<Frame> {
        let Entry::Occupied(mut entry) = self.channels.entry(channel) else { return None };
        let frame = entry.get_mut().frames.pop_front()?;
        if entry.get().frames.is_empty() && entry.get().waiting.is_empty() {
            entry.remove();
        }
        self.bytes = self.bytes.saturating_sub(cost(&frame));
        Some(frame)
    }

    /// Takes this thread off the list of those who wait for a channel.
    fn forget(&mut self, channel: u64) {
        let Entry::Occupied(mut entry) = self.channels.entry(channel) else { return };
        let me = thread::current().id();
        entry.get_mut().waiting.retain(|thread| thread.id() != me);
        if entry.get().frames.is_empty() && entry.get().waiting.is_empty() {
            entry.remove();
        }
    }
}

/// What a frame counts for: empty frames take memory too.
fn cost(frame: &Frame) -> usize {
    HEADER_BYTES + frame.body.len()
}

fn wake(waiting: Vec<Thread>) {
    for thread in waiting {
        thread.unpark();
    }
}
