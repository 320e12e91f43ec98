//! Frames of one peer that came and are not received yet, and whoever reads them from the connection.
//!
//! A thread that waits for a frame reads the connection itself when nobody else does: the frame is then in its
//! hands without another thread having to wake up, which for small frames is half of a round trip. A thread of the
//! inbox's own ([`Inbox::run`]) reads while nobody waits, so that decrypting overlaps computing and the peer can go
//! on sending; it holds back as long as those who wait do the reading.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use engine::session::Frame;

use super::wire::{ReadEnd, Reader};

/// After a read of so many bytes more are probably there, and the inbox's own thread reads on at once.
const BULK_BYTES: usize = 64 << 10;

/// How long the inbox's own thread leaves the connection to those who wait for frames before it looks again:
/// from the first, while they read or nothing can be read, doubled up to the second.
const HOLD_BACK: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(16)];

/// Frames of one peer, in a queue per channel, of bounded size together.
///
/// When it is full, the connection isn't read until there is room, so that the peer has to wait in its turn. What a
/// last read brings comes on top: at most one frame of the largest size.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes_max: usize,
    silence_max: Duration,
    state: Mutex<State>,
    /// The inbox's own thread may have to read.
    turn: Condvar,
    /// Only locked by whoever has set `State::reading`.
    reader: Mutex<Reader>,
    /// Why nothing comes any more.
    end: OnceLock<ReadEnd>,
}

#[derive(Debug, Default)]
struct State {
    /// Channels with frames or with somebody waiting, no others: a run uses very many.
    channels: HashMap<u64, Channel>,
    bytes: usize,
    received: Received,
    reading: bool,
    /// How often those who wait have read.
    reads: u64,
    /// How many wait for others to read.
    waiting: usize,
    /// The inbox's own thread should read at once.
    eager: bool,
    /// The inbox's own thread waits for room.
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

/// What came so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Received {
    pub(super) frames: u64,
    /// Of the frames' bodies.
    pub(super) bytes: u64,
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
    pub(super) fn new(reader: Reader, bytes_max: usize, silence_max: Duration) -> Self {
        Self {
            bytes_max,
            silence_max,
            state: Mutex::default(),
            turn: Condvar::new(),
            reader: Mutex::new(reader),
            end: OnceLock::new(),
        }
    }

    /// Takes the next frame of a channel; waits for it until `deadline`.
    pub(super) fn take(&self, channel: u64, deadline: Instant) -> Result<Frame, NoFrame> {
        let mut state = self.lock();
        let mut last_read = 0;
        loop {
            if let Some(frame) = state.pop(channel) {
                self.leave(state, last_read >= BULK_BYTES);
                return Ok(frame);
            }
            if state.ended || state.closed {
                return Err(NoFrame::Ended);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.leave(state, false);
                return Err(NoFrame::Late);
            }
            if state.reading || state.bytes >= self.bytes_max {
                state.wait_for(channel);
                drop(state);
                thread::park_timeout(left);
                state = self.lock();
                state.wait_no_more(channel);
            } else {
                (state, last_read) = self.read(state, left.min(self.silence_max));
                state.reads += 1;
            }
        }
    }

    /// Reads while nobody who waits does, until nothing comes any more; after [`close`](Self::close) for `linger`
    /// at most.
    pub(super) fn run(&self, linger: Duration) {
        let mut closed: Option<Instant> = None;
        let mut bulk = true;
        while let Some(state) = self.wait_turn(bulk) {
            if state.closed && closed.get_or_insert_with(Instant::now).elapsed() > linger {
                return;
            }
            let (state, read) = self.read(state, self.silence_max);
            drop(state);
            bulk = read >= BULK_BYTES;
        }
    }

    /// Nobody will take anything any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = state.all_waiting();
        state.channels.clear();
        state.bytes = 0;
        drop(state);
        self.turn.notify_all();
        wake(waiting);
    }

    pub(super) fn received(&self) -> Received {
        self.lock().received
    }

    /// Why nothing comes any more, once that is so.
    pub(super) fn end(&self) -> Option<&ReadEnd> {
        self.end.get()
    }

    /// Waits until the inbox's own thread should read; at once if `keen` and nobody else does.
    fn wait_turn(&self, mut keen: bool) -> Option<MutexGuard<'_, State>> {
        let [mut pause, pause_max] = HOLD_BACK;
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let room = state.closed || state.bytes < self.bytes_max;
            let wanted = keen || state.eager || state.closed || state.waiting > 0;
            if room && wanted && !state.reading {
                state.eager = false;
                return Some(state);
            }
            state.full = !room;
            let reads = state.reads;
            let (next, waited) = self.turn.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
            state = next;
            keen = waited.timed_out() && state.reads == reads;
            pause = if keen { (pause * 2).min(pause_max) } else { HOLD_BACK[0] };
        }
    }

    /// Reads as the only one who does, without holding the state's lock, and sorts in what comes. Says how many
    /// bytes were read.
    fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        within: Duration,
    ) -> (MutexGuard<'a, State>, usize) {
        state.reading = true;
        drop(state);
        let mut frames = Vec::new();
        let read = self.reader.lock().unwrap_or_else(PoisonError::into_inner).read(
            &mut frames,
            within,
            self.silence_max,
        );
        let mut state = self.lock();
        state.reading = false;
        let mut waiting = Vec::new();
        for (channel, frame) in frames {
            state.put(channel, frame, &mut waiting);
        }
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(end) => {
                // The first end is the reason; nobody reads after it.
                self.end.set(end).ok();
                state.ended = true;
                waiting.extend(state.all_waiting());
                self.turn.notify_all();
                0
            }
        };
        if waiting.is_empty() {
            return (state, bytes);
        }
        drop(state);
        wake(waiting);
        (self.lock(), bytes)
    }

    /// What a thread that has read, or taken a frame, owes to the others.
    fn leave(&self, mut state: MutexGuard<'_, State>, bulk: bool) {
        let room = state.full && state.bytes < self.bytes_max;
        if room {
            state.full = false;
        }
        let next = if state.waiting > 0 && !state.reading { state.any_waiting() } else { None };
        let turn = room || (bulk && next.is_none());
        state.eager |= turn;
        drop(state);
        if turn {
            self.turn.notify_one();
        }
        wake(next);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sorts a frame in, and moves those who wait for it to `waiting`.
    fn put(&mut self, channel: u64, frame: Frame, waiting: &mut Vec<Thread>) {
        self.received.frames += 1;
        self.received.bytes += frame.body.len() as u64;
        if self.closed {
            return;
        }
        self.bytes += cost(&frame);
        let channel = self.channels.entry(channel).or_default();
        channel.frames.push_back(frame);
        self.waiting -= channel.waiting.len();
        waiting.append(&mut channel.waiting);
    }

    fn pop(&mut self, channel: u64) -> Option<Frame> {
        let Entry::Occupied(mut entry) = self.channels.entry(channel) else { return None };
        let frame = entry.get_mut().frames.pop_front()?;
        if entry.get().frames.is_empty() && entry.get().waiting.is_empty() {
            entry.remove();
        }
        self.bytes = self.bytes.saturating_sub(cost(&frame));
        Some(frame)
    }

    /// Puts this thread on the list of those who wait for a channel.
    fn wait_for(&mut self, channel: u64) {
        self.channels.entry(channel).or_default().waiting.push(thread::current());
        self.waiting += 1;
    }

    /// Takes this thread off that list if it is still on it.
    fn wait_no_more(&mut self, channel: u64) {
        let Entry::Occupied(mut entry) = self.channels.entry(channel) else { return };
        let me = thread::current().id();
        let before = entry.get().waiting.len();
        entry.get_mut().waiting.retain(|thread| thread.id() != me);
        self.waiting -= before - entry.get().waiting.len();
        if entry.get().frames.is_empty() && entry.get().waiting.is_empty() {
            entry.remove();
        }
    }

    fn any_waiting(&self) -> Option<Thread> {
        self.channels.values().find_map(|channel| channel.waiting.first().cloned())
    }

    fn all_waiting(&mut self) -> Vec<Thread> {
        self.waiting = 0;
        self.channels.values_mut().flat_map(|channel| std::mem::take(&mut channel.waiting)).collect()
    }
}

/// What a frame takes beside its body: a place in a queue, and the queue itself when its channel is new.
const FRAME_BYTES: usize = 320;

/// What a frame counts for: empty frames take memory too.
fn cost(frame: &Frame) -> usize {
    FRAME_BYTES + frame.body.len()
}

fn wake(waiting: impl IntoIterator<Item = Thread>) {
    for thread in waiting {
        thread.unpark();
    }
}
