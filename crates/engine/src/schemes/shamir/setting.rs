//! How many parties there are, and how many of them may be corrupted.

use ring::Binary;

use crate::error::{Error, Result};
use crate::session::Party;

/// Keys that all parties together hold, at most: one for each set of parties that may be corrupted.
const MOST_SETS: usize = 1000;

/// A number of compute parties and a threshold: how many of them may be corrupted, a minority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold {
    parties: usize,
    threshold: usize,
}

impl Threshold {
    /// `threshold` of `parties`.
    ///
    /// # Errors
    /// [`Error::Threshold`] when that is none of them, or half of them or more, or when there are more than 1000 sets of so
    /// many parties: random numbers cost a stream for each.
    pub fn new(parties: usize, threshold: usize) -> Result<Self> {
        let refused = |reason| Err(Error::Threshold { parties, threshold, reason });
        if threshold == 0 {
            return refused("at least one party must be taken as corrupted");
        }
        if threshold.saturating_mul(2) >= parties {
            return refused("fewer than half of the parties may be corrupted");
        }
        if Binary::with_points(parties).is_none() {
            return refused("bits are shared among at most 255 parties");
        }
        if sets_of(parties, threshold) > MOST_SETS {
            return refused("there are more than 1000 sets of so many parties");
        }
        Ok(Self { parties, threshold })
    }

    /// Compute parties.
    #[must_use]
    pub fn parties(self) -> usize {
        self.parties
    }

    /// How many of them may be corrupted; one more can reconstruct.
    #[must_use]
    pub fn threshold(self) -> usize {
        self.threshold
    }

    /// The field in which bits are shared.
    pub(in crate::schemes) fn field(self) -> Binary {
        Binary::with_points(self.parties).unwrap_or(Binary::TwoHundredFiftySix)
    }

    /// Every set of parties that may be corrupted, in lexicographic order.
    pub(in crate::schemes) fn corruptible(self) -> Vec<Vec<Party>> {
        let mut sets = vec![Vec::new()];
        for size in 0..self.threshold {
            let longer = |set: &Vec<Party>| {
                let first = set.last().map_or(0, |last| last.0 + 1);
                let last = self.parties - (self.threshold - 1 - size);
                let with = |party| set.iter().copied().chain([Party(party)]).collect::<Vec<_>>();
                (first..last).map(with).collect::<Vec<_>>()
            };
            sets = sets.iter().flat_map(longer).collect();
        }
        sets
    }

    /// The parties that aren't in `set`.
    pub(in crate::schemes) fn others(self, set: &[Party]) -> Vec<Party> {
        (0..self.parties).map(Party).filter(|party| !set.contains(party)).collect()
    }
}

/// The sets of `size` out of `count`; a number beyond MOST_SETS when there are more.
fn sets_of(count: usize, size: usize) -> usize {
    (0..size).fold(1, |sets: usize, taken| (sets * (count - taken) / (taken + 1)).min(MOST_SETS * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minorities_are_possible_and_nothing_else() {
        for (parties, threshold, possible) in [
            (3, 1, true),
            (4, 1, true),
            (5, 2, true),
            (9, 4, true),
            (255, 1, true),
            (2, 1, false),
            (3, 0, false),
            (4, 2, false),
            (256, 1, false),
            (25, 12, false),
            (usize::MAX, usize::MAX / 2, false),
        ] {
            assert_eq!(Threshold::new(parties, threshold).is_ok(), possible, "{threshold} of {parties}");
        }
    }

    #[test]
    fn all_sets_are_there_once() {
        for (parties, threshold) in [(3, 1), (5, 2), (7, 3), (10, 4)] {
            let setting = Threshold::new(parties, threshold).unwrap();
            let mut sets = setting.corruptible();
            assert_eq!(sets.len(), sets_of(parties, threshold));
            assert!(sets.iter().all(|set| set.len() == threshold && set.is_sorted()));
            sets.sort();
            sets.dedup();
            assert_eq!(sets.len(), sets_of(parties, threshold));
            assert_eq!(setting.others(&sets[0]).len(), parties - threshold);
        }
    }
}
