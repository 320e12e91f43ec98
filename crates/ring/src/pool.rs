//! Wiped buffers, kept for the next column.
//!
//! A column of a row block is as large as the system allocator likes to give back at once: without a pool, more
//! than half of the time goes into the kernel's handing out of fresh pages (measured on comparisons, where it made a
//! factor of three). Buffers come back wiped, so that a column of zeros costs nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Elements of the smallest buffer that is kept; the allocator is good at smaller ones.
const LEAST: usize = 1 << 9;
/// Bytes that a pool keeps at most.
const MOST_BYTES: usize = 1 << 28;
/// Sizes per doubling.
const STEPS: usize = 4;
const CLASSES: usize = 24 * STEPS;

/// An element type with a pool of its own. Only this crate's types are.
pub trait Pooled: Sized + 'static {
    /// The pool.
    fn pool() -> &'static Pool<Self>;
}

/// The kept buffers of one element type: all zero, by size class.
pub struct Pool<D> {
    classes: [Mutex<Vec<Vec<D>>>; CLASSES],
    held: AtomicUsize,
}

impl<D: Copy + Default> Pool<D> {
    pub(crate) const fn new() -> Self {
        Self { classes: [const { Mutex::new(Vec::new()) }; CLASSES], held: AtomicUsize::new(0) }
    }

    /// `len` default elements.
    pub(crate) fn zeros(&self, len: usize) -> Vec<D> {
        match self.take(len) {
            Some(mut buffer) => {
                buffer.truncate(len);
                buffer
            }
            None => vec![D::default(); len],
        }
    }

    /// No elements, and room for `len`.
    pub(crate) fn empty(&self, len: usize) -> Vec<D> {
        match self.take(len) {
            Some(mut buffer) => {
                buffer.clear();
                buffer
            }
            None => Vec::with_capacity(len),
        }
    }

    /// Takes back a buffer whose elements are all default.
    pub(crate) fn give(&self, mut buffer: Vec<D>) {
        let Some((class, size)) = class_below(buffer.capacity()) else { return };
        // A buffer that wasn't made here would wait for a request that may never come.
        if size != buffer.capacity() {
            return;
        }
        let bytes = size * size_of::<D>();
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_BYTES {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        buffer.resize(size, D::default());
        if let Some(class) = self.classes.get(class) {
            class.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }

    /// A buffer of at least `len` default elements, if one is kept or worth making.
    fn take(&self, len: usize) -> Option<Vec<D>> {
        let (class, size) = class_above(len)?;
        let kept = self.classes.get(class)?.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if kept.is_some() {
            self.held.fetch_sub(size * size_of::<D>(), Ordering::Relaxed);
        }
        Some(kept.unwrap_or_else(|| vec![D::default(); size]))
    }
}

/// The smallest class that holds `len` elements, with its size.
fn class_above(len: usize) -> Option<(usize, usize)> {
    let (class, size) = class_below(len)?;
    if size == len {
        Some((class, size))
    } else {
        (class + 1 < CLASSES).then(|| (class + 1, size_of_class(class + 1)))
    }
}

/// The largest class that fits in `len` elements, with its size.
fn class_below(len: usize) -> Option<(usize, usize)> {
    let octave = (len / LEAST).checked_ilog2()? as usize;
    let step = len / (LEAST << octave >> 2) - STEPS;
    let class = octave * STEPS + step;
    (class < CLASSES).then(|| (class, size_of_class(class)))
}

fn size_of_class(class: usize) -> usize {
    (LEAST << (class / STEPS) >> 2) * (STEPS + class % STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn classes_hold_what_they_say(len in 1usize..1 << 30) {
            match class_below(len) {
                Some((class, size)) => {
                    prop_assert!(size <= len && len < size_of_class(class + 1));
                    prop_assert_eq!(class_below(size), Some((class, size)));
                    let (_, above) = class_above(len).unwrap();
                    prop_assert!(above >= len && above <= len + len / 4);
                }
                None => prop_assert!(len < LEAST),
            }
        }
    }

    #[test]
    fn buffers_come_back_and_are_zero() {
        static POOL: Pool<u64> = Pool::new();
        let buffer = POOL.zeros(LEAST + 3);
        let place = buffer.as_ptr();
        POOL.give(buffer);
        assert!(POOL.held.load(Ordering::Relaxed) > 0);
        let again = POOL.zeros(LEAST + 2);
        assert_eq!((again.as_ptr(), again.as_slice()), (place, [0; LEAST + 2].as_slice()));
        assert_eq!(POOL.held.load(Ordering::Relaxed), 0);
        assert!(POOL.empty(LEAST).capacity() >= LEAST);
    }

    #[test]
    fn no_more_is_held_than_allowed() {
        static POOL: Pool<u64> = Pool::new();
        let buffers: Vec<_> = (0..10).map(|_| POOL.zeros(MOST_BYTES / 64)).collect();
        buffers.into_iter().for_each(|buffer| POOL.give(buffer));
        let held = POOL.held.load(Ordering::Relaxed);
        assert!(held <= MOST_BYTES && held > MOST_BYTES / 2, "{held}");
    }
}
