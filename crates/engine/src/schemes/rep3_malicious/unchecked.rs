//! Which records a channel has yet to check.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of records of which a party checks what it has so far.
const MOST_BYTES: usize = 1 << 24;

/// What a channel did since its last check, and what its values may rest on besides.
///
/// A child inherits what is unchecked when it is forked, because what it opens may rest on it; when it has checked that,
/// its parent needs not. All of it follows from the order of calls, so that the parties agree on it.
#[derive(Debug)]
pub(in crate::schemes) struct Unchecked<R> {
    pending: Vec<Arc<R>>,
    pending_bytes: usize,
    inherited: Vec<Arc<R>>,
    /// What was inherited and is checked now.
    settled: Vec<Arc<R>>,
}

/// What is kept until it is checked.
pub(in crate::schemes) trait Kept {
    /// Bytes that it takes.
    fn bytes(&self) -> usize;
}

impl<R> Default for Unchecked<R> {
    fn default() -> Self {
        Self { pending: Vec::new(), pending_bytes: 0, inherited: Vec::new(), settled: Vec::new() }
    }
}

impl<R: Kept> Unchecked<R> {
    /// Keeps a record. When there are many, gives back those of this channel, which are to be checked now.
    pub(in crate::schemes) fn keep(&mut self, record: R) -> Vec<Arc<R>> {
        self.pending_bytes += record.bytes();
        self.pending.push(Arc::new(record));
        if self.pending_bytes < MOST_BYTES {
            return Vec::new();
        }
        self.pending_bytes = 0;
        std::mem::take(&mut self.pending)
    }

    /// Everything, which is to be checked now.
    pub(in crate::schemes) fn take(&mut self) -> Vec<Arc<R>> {
        self.pending_bytes = 0;
        let mut all = std::mem::take(&mut self.inherited);
        self.settled.extend(all.iter().cloned());
        all.append(&mut self.pending);
        all
    }

    /// Those of a child.
    pub(in crate::schemes) fn fork(&self) -> Self {
        let inherited = self.inherited.iter().chain(&self.pending).cloned().collect();
        Self { inherited, ..Self::default() }
    }

    /// Takes over what a child has not checked, and drops what it has.
    pub(in crate::schemes) fn absorb(&mut self, child: Self) {
        let settled: BTreeSet<_> = child.settled.iter().map(Arc::as_ptr).collect();
        let is_settled = |record: &Arc<R>| settled.contains(&Arc::as_ptr(record));
        if !settled.is_empty() {
            self.pending.retain(|record| !is_settled(record));
            let (done, open): (Vec<_>, Vec<_>) = self.inherited.drain(..).partition(is_settled);
            self.inherited = open;
            self.settled.extend(done);
        }
        self.pending.extend(child.pending);
        self.pending_bytes = self.pending.iter().map(|record| record.bytes()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Kept for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    fn sizes(records: &[Arc<usize>]) -> Vec<usize> {
        records.iter().map(|record| **record).collect()
    }

    #[test]
    fn children_check_what_they_inherit_and_parents_need_not_again() {
        let mut root = Unchecked::default();
        root.keep(1);
        let (mut left, mut right) = (root.fork(), root.fork());
        left.keep(2);
        right.keep(3);
        let mut grandchild = left.fork();
        assert_eq!(sizes(&grandchild.take()), [1, 2]);
        left.absorb(grandchild);
        assert!(left.take().is_empty());
        assert_eq!(sizes(&right.take()), [1, 3], "another child doesn't hear of it");
        right.keep(4);
        root.absorb(left);
        root.absorb(right);
        assert_eq!(sizes(&root.take()), [4]);
    }

    #[test]
    fn many_are_given_back() {
        let mut unchecked = Unchecked::default();
        assert!(unchecked.keep(MOST_BYTES - 1).is_empty());
        assert_eq!(unchecked.keep(1).len(), 2);
        assert!(unchecked.take().is_empty());
    }
}
