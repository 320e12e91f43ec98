//! Stable sorting by comparisons that are opened.
//!
//! Source: Hamada et al.: Practically Efficient Multi-party Sorting Protocols from Comparison Sort
//! Algorithms, ICISC 2012. Rows are shuffled first, and their keys made distinct by the rows' numbers; then
//! the outcomes of comparisons tell an order that is uniformly random whatever the keys, and may be opened.
//! They are opened as results are, after a check in schemes against active adversaries, since nothing masks
//! them.
//!
//! Difference: instead of quicksort, whose rounds and comparisons vary, a growing sorted part. Rows are
//! inserted in stages: each new one finds its gap among the 2^k − 1 sorted ones by k comparisons, several
//! levels of its search at once where that is cheaper; new rows in the same gap are compared pair by pair.
//! The number of pairs varies little and is filled up, so that cost is known beforehand.

use ring::{Lanes, PackedBits};

use super::bits::bits_of;
use super::borrow::borrow_out;
use super::order::{Order, bits_of_rows, inverse, words_of_rows};
use super::rows::public_numbers;
use super::sort::{Price, check_rows};
use crate::error::{Error, Result};
use crate::mpc::{Bits, Difference, Mixed, Modulus, Mpc, Shares, Shuffle};

/// Rows that are compared pair by pair to begin with.
const FIRST: usize = 255;

/// By how many times, as a power of two, a stage makes the sorted part larger.
const GROWTH: u32 = 3;

/// Comparisons of one call: larger ones cost more in memory traffic than they save in rounds.
const AT_ONCE: usize = 1 << 18;

/// As [`sort`](super::sort()), by comparisons.
///
/// With keys and row numbers of w bits together: about log₂ rows + 4 comparisons per row, each of less than
/// 3w + 1 bits; for each of some (log₂ rows)² / 12 + 2 steps 2 + ⌈log₂ w⌉ rounds; and a shuffle of the keys.
/// Up to 255 rows it is a single step of all pairs.
///
/// # Errors
/// As [`sort`](super::sort()); [`Error::NotAPermutation`] also, when nobody deviates, with a probability
/// below 2^-40.
pub fn comparison_sort<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Order<P>> {
    let rows = keys.rows();
    check_rows(rows)?;
    let numbers = public_numbers(protocol, rows, number_width(rows));
    let keys = Bits::stack(&[&numbers, keys], rows);
    let hidden = protocol.hidden_permutation(rows);
    let words = Shuffle::<Lanes>::shuffle(protocol, &words_of_rows(&keys), &hidden)?;
    let shuffled = Shuffled::<P> { words, rows, width: keys.width() };
    let mut sorted = Vec::with_capacity(rows);
    for stage in stages(rows, keys.width()) {
        sorted = stage.insert(protocol, &shuffled, &sorted)?;
    }
    Ok(Order::of_shuffled(hidden, inverse(&sorted)))
}

/// What it costs.
pub(super) fn price(rows: usize, width: usize) -> Price {
    let width = width + number_width(rows);
    let stages = stages(rows, width);
    let sum = |part: fn(&Stage) -> usize| stages.iter().map(part).sum::<usize>();
    let bytes = sum(Stage::comparisons) * bits_of_comparison(width) / 8 + rows * 16 * width.div_ceil(64);
    Price { rounds: 3 + sum(Stage::steps) * rounds_of_comparison(width), bytes }
}

fn number_width(rows: usize) -> usize {
    bits_of(rows.saturating_sub(1) as u128) as usize
}

fn bits_of_comparison(width: usize) -> usize {
    3 * width + 1
}

fn rounds_of_comparison(width: usize) -> usize {
    2 + width.next_power_of_two().ilog2() as usize
}

/// New rows that are inserted into the sorted ones.
struct Stage {
    /// 2^levels − 1 rows are sorted.
    levels: u32,
    /// Rows that come new.
    new: usize,
    /// Levels of the search that go in one step.
    levels_at_once: u32,
    /// Pairs in the same gap, filled up to this number.
    pairs: usize,
    /// A number of such pairs that is exceeded with a probability below 2^-43.
    most_pairs: usize,
}

/// The stages for `rows` rows of `width` bits with their numbers.
fn stages(rows: usize, width: usize) -> Vec<Stage> {
    let mut stages = vec![Stage::first(rows.min(FIRST))];
    let (mut levels, mut sorted) = (FIRST.ilog2() + 1, FIRST);
    while sorted < rows {
        let new = (rows - sorted).min((sorted << GROWTH) + (1 << GROWTH) - 1 - sorted);
        let of = |levels_at_once| Stage::new(levels, new, levels_at_once);
        let price = |stage: &Stage| {
            let rounds = stage.steps() * rounds_of_comparison(width);
            Price { rounds, bytes: stage.comparisons() * bits_of_comparison(width) / 8 }.total()
        };
        stages.extend((1..=levels.min(8)).map(of).min_by_key(price));
        (levels, sorted) = (levels + GROWTH, sorted + new);
    }
    stages
}

impl Stage {
    /// All pairs of the first rows.
    fn first(new: usize) -> Self {
        let pairs = new * new.saturating_sub(1) / 2;
        Self { levels: 0, new, levels_at_once: 1, pairs, most_pairs: pairs }
    }

    /// The numbers of new rows in the gaps are geometric, of mean m, conditioned on their sum, hence
    /// negatively associated (Joag-Dev, Proschan: Negative Association of Random Variables, 1983). So gaps
    /// have m² pairs in the mean, with a variance below 5 (m + 1)⁴; a gap has more than 60 (m + 1) rows with
    /// a probability below e^-59, which bounds its pairs by M = 1800 (m + 1)²; and by Bernstein's inequality
    /// all together exceed their mean by 20 M + √(60 V), where V is the sum of the variances, with a
    /// probability below e^-30.
    fn new(levels: u32, new: usize, levels_at_once: u32) -> Self {
        let gaps = (1usize << levels) as f64;
        let mean = new as f64 / gaps;
        let spread = (mean + 1.0) * (mean + 1.0);
        let most = mean * mean * gaps + spread * (20.0 * 1800.0 + (60.0 * 5.0 * gaps).sqrt());
        // Six standard deviations, and a gap of 24 times the mean.
        let usual = mean * mean * gaps + spread * (300.0 + 6.0 * (5.0 * gaps).sqrt());
        let all = new * (new - 1) / 2;
        Self {
            levels,
            new,
            levels_at_once,
            pairs: all.min(usual as usize),
            most_pairs: all.min(most as usize),
        }
    }

    /// How many levels each step of the search takes.
    fn search(&self) -> impl Iterator<Item = u32> {
        let (levels, at_once) = (self.levels, self.levels_at_once);
        (0..levels.div_ceil(at_once)).map(move |step| at_once.min(levels - step * at_once))
    }

    /// Comparisons in all.
    fn comparisons(&self) -> usize {
        self.search().map(|levels| self.new * ((1 << levels) - 1)).sum::<usize>() + self.pairs
    }

    /// Calls in all.
    fn steps(&self) -> usize {
        let search = self.search().map(|levels| (self.new * ((1 << levels) - 1)).div_ceil(AT_ONCE));
        search.sum::<usize>() + self.pairs.div_ceil(AT_ONCE)
    }

    /// The sorted rows and the new ones together, sorted.
    fn insert<P: Mixed>(
        &self,
        protocol: &mut P,
        shuffled: &Shuffled<P>,
        sorted: &[usize],
    ) -> Result<Vec<usize>> {
        let gaps = self.find_gaps(protocol, shuffled, sorted)?;
        let first = sorted.len();
        let mut groups = Groups::of(&gaps, first + 1);
        let pairs = groups.iter().map(|group| group.len() * group.len().saturating_sub(1) / 2).sum();
        if pairs > self.most_pairs {
            return Err(Error::NotAPermutation { rows: shuffled.rows });
        }
        let filled = self.pairs.max(pairs);
        let (mut left, mut right) = (Vec::with_capacity(filled), Vec::with_capacity(filled));
        for group in groups.iter() {
            for (place, row) in group.iter().enumerate() {
                left.resize(left.len() + place, first + row);
                right.extend(group.iter().take(place).map(|row| first + row));
            }
        }
        left.resize(filled, 0);
        right.resize(filled, 0);
        let less = shuffled.less(protocol, &left, &right)?;
        let mut smaller = vec![0u32; self.new];
        for ((left, right), less) in left.iter().zip(&right).zip(less).take(pairs) {
            let larger = if less { right } else { left };
            smaller.get_mut(larger - first).into_iter().for_each(|smaller| *smaller += 1);
        }
        let mut merged = Vec::with_capacity(first + self.new);
        for gap in 0..=first {
            let group = groups.group(gap);
            group.sort_by_key(|row| smaller.get(*row));
            merged.extend(group.iter().map(|row| first + row));
            merged.extend(sorted.get(gap));
        }
        Ok(merged)
    }

    /// For each new row the number of sorted ones before it.
    fn find_gaps<P: Mixed>(
        &self,
        protocol: &mut P,
        shuffled: &Shuffled<P>,
        sorted: &[usize],
    ) -> Result<Vec<usize>> {
        let mut gaps = vec![0usize; self.new];
        let mut below = self.levels;
        for levels in self.search() {
            below -= levels;
            let pivots = (1usize << levels) - 1;
            let pivot = |gap: usize, number: usize| gap + ((number + 1) << below) - 1;
            let left = gaps.iter().flat_map(|gap| (0..pivots).map(|number| sorted.get(pivot(*gap, number))));
            let left: Vec<_> = left.map(|row| row.copied().unwrap_or(0)).collect();
            let right = (0..self.new)
                .flat_map(|row| std::iter::repeat_n(sorted.len() + row, pivots))
                .collect::<Vec<_>>();
            let less = shuffled.less(protocol, &left, &right)?;
            for (gap, less) in gaps.iter_mut().zip(less.chunks(pivots)) {
                // As if one level were compared after the other.
                let found = (0..levels).rev().fold(0, |found, level| {
                    let passed = less.get(found + (1 << level) - 1) == Some(&true);
                    if passed { found + (1 << level) } else { found }
                });
                *gap += found << below;
            }
        }
        Ok(gaps)
    }
}

/// New rows by the gap that they are in.
struct Groups {
    rows: Vec<usize>,
    /// Where each gap's rows end.
    ends: Vec<usize>,
}

impl Groups {
    /// By counting.
    fn of(gaps: &[usize], number: usize) -> Self {
        let mut ends = vec![0; number];
        for gap in gaps {
            ends.get_mut(*gap).into_iter().for_each(|count| *count += 1);
        }
        let mut end = 0;
        for count in &mut ends {
            // First where the gap's rows begin.
            end += std::mem::replace(count, end);
        }
        let mut rows = vec![0; gaps.len()];
        for (row, gap) in gaps.iter().enumerate() {
            let Some(place) = ends.get_mut(*gap) else { continue };
            rows.get_mut(*place).into_iter().for_each(|found| *found = row);
            *place += 1;
        }
        Self { rows, ends }
    }

    fn range(&self, gap: usize) -> std::ops::Range<usize> {
        let end = |gap: usize| self.ends.get(gap).copied().unwrap_or(0);
        gap.checked_sub(1).map_or(0, end)..end(gap)
    }

    fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.ends.len()).map(|gap| self.rows.get(self.range(gap)).unwrap_or_default())
    }

    fn group(&mut self, gap: usize) -> &mut [usize] {
        let range = self.range(gap);
        self.rows.get_mut(range).unwrap_or_default()
    }
}

/// Shuffled rows as words, the low 64 bits of every row, then the next 64, and so on.
struct Shuffled<P: Mixed> {
    words: <P as Mpc<Lanes>>::Shares,
    rows: usize,
    width: usize,
}

impl<P: Mixed> Shuffled<P> {
    /// Whether each row of `left` is less than that of `right`, opened.
    fn less(&self, protocol: &mut P, left: &[usize], right: &[usize]) -> Result<Vec<bool>> {
        let mut less = Vec::with_capacity(left.len());
        for (left, right) in left.chunks(AT_ONCE).zip(right.chunks(AT_ONCE)) {
            let (minuend, subtrahend) = (self.pick(left), self.pick(right));
            let difference = Difference { modulus: Modulus::Power, minuend, subtrahend };
            let borrow = borrow_out(protocol, &difference, self.width)?;
            let opened = Shuffle::<Lanes>::open_shuffled(protocol, borrow.words())?;
            less.extend(PackedBits::from_words(opened, left.len()).iter());
        }
        Ok(less)
    }

    fn pick(&self, rows: &[usize]) -> Bits<P> {
        let limbs = self.width.div_ceil(64);
        let places: Vec<_> =
            (0..limbs).flat_map(|limb| rows.iter().map(move |row| limb * self.rows + row)).collect();
        bits_of_rows(&self.words.blocks(&places, 1), rows.len(), self.width)
    }
}
