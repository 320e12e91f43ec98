//! The seams between numbers and bits: ABY3, CCS 2018, §5.3 (bit decomposition), §5.1.1 (truncation).
//!
//! One party, the *dealer* of a row, knows the sum of two components; the other two know the third. What the dealer
//! derives from its sum it shares with one message, what the others derive from theirs is shared already. The
//! rows are split in three parts at multiples of 64; party `i` is the dealer of part `i`.

use std::ops::Range;

use ring::{Column, Lanes, Number, Ring};

use super::{Rep3, Rep3Shares};
use crate::error::Result;
use crate::mpc::{Bits, Difference, Divided, Mixed, Modulus, Numbers, Shares, Sides};

impl<N: Number> Mixed for Rep3<N> {
    type Num = N;

    /// `width` bits from the dealer of each row.
    fn difference(&mut self, x: &Rep3Shares<N>, width: u32) -> Result<Difference<Self>> {
        let width = width.min(N::BITS);
        let halves = self.begin_difference(x, width, |values| N::to_slices(values.values(), width))?;
        self.finish_difference(halves, x.len())
    }

    /// One number from the dealer of each row, and `shift` + 1 bits, or `width` of them where the numbers have no more.
    fn divided(&mut self, x: &Rep3Shares<N>, width: u32, shift: u32) -> Result<Divided<Self>> {
        let rows = x.len();
        let ranges = row_parts(rows);
        let is_short = width < N::BITS;
        let bits = if is_short { width + 1 } else { width };
        let truncated = |values: &Column<N>| values.map(|value| value.low_bits(bits).shifted_right(shift));
        let (kept_mine, kept_next) = self.kept(x, rows);
        let halves = if is_short {
            let joined = |value: N| {
                value.low_bits(shift).plus(value.shifted_right(width).low_bits(1).shifted_left(shift))
            };
            self.begin_difference(x, shift + 1, |values| {
                N::to_slices(values.map(joined).values(), shift + 1)
            })?
        } else {
            self.begin_difference(x, width, |values| N::to_slices(values.values(), width))?
        };
        let minuend = self.begin_spread(&truncated(&self.dealt(x, rows)), 1, rows, &ranges)?;
        let difference = self.finish_difference(halves, rows)?;
        let minuend = self.finish_spread(minuend)?;
        let subtrahend = self.hold(&truncated(&kept_mine), &truncated(&kept_next), 1, rows, &ranges);
        Ok(Divided { parts: minuend.minus(&subtrahend), difference, is_short })
    }

    /// One number from the dealer of each row. Both sides first add a coin that all parties know, so that the
    /// subtrahend is uniform whatever made the shares.
    fn truncate_near(&mut self, x: &Rep3Shares<N>, shift: u32) -> Result<Rep3Shares<N>> {
        let rows = x.len();
        let coins = self.common.elements::<N>(rows);
        let shifted = |values: &Column<N>, range: Range<usize>| {
            let coins = coins.values().get(range).unwrap_or_default();
            values.zip(coins, |value, coin| value.plus(coin).shifted_right(shift))
        };
        let ranges = row_parts(rows);
        let [own, after, before] = self.around(&ranges);
        let (kept_mine, kept_next) = self.kept(x, rows);
        let known = shifted(&self.dealt(x, rows), own);
        let (kept_mine, kept_next) = (shifted(&kept_mine, after), shifted(&kept_next, before));
        let minuend = self.spread(&known, 1, rows, &ranges)?;
        Ok(minuend.minus(&self.hold(&kept_mine, &kept_next, 1, rows, &ranges)))
    }

    /// One number from each party.
    fn inject(&mut self, bits: &Bits<Self>) -> Result<Numbers<Self>> {
        self.injected(bits)
    }

    /// For each bit a third of a number from each party, and for each sum two thirds.
    fn inject_sums(&mut self, bits: &Bits<Self>, weights: &[Vec<N>]) -> Result<Numbers<Self>> {
        self.injected_sums(bits, weights)
    }

    /// One number from each party, where the two steps apart take 1 ⅓.
    fn multiply_near(&mut self, x: &Numbers<Self>, y: &Numbers<Self>, shift: u32) -> Result<Numbers<Self>> {
        self.multiplied_near(x, y, shift)
    }

    /// For each term a third of a number from each party, and two thirds.
    fn dot_of_sides(&mut self, x: &Numbers<Self>, sides: Sides<'_, N>) -> Result<Option<Numbers<Self>>> {
        self.dotted_sides(x, sides).map(Some)
    }
}

impl<N: Number> Rep3<N> {
    /// What this party knows as a dealer: the sum of both its components in its own part.
    pub(super) fn dealt(&self, x: &Rep3Shares<N>, rows: usize) -> Column<N> {
        let [own, ..] = self.around(&row_parts(rows));
        x.mine().slice(own.clone()).zip(x.next().slice(own).values(), N::plus)
    }

    /// What this party knows of the other dealers' rows: minus the component that the dealer lacks, which is its
    /// first component in the next party's part and its second one in the previous party's.
    pub(super) fn kept(&self, x: &Rep3Shares<N>, rows: usize) -> (Column<N>, Column<N>) {
        let [_, after, before] = self.around(&row_parts(rows));
        (x.mine().slice(after).map(N::negated), x.next().slice(before).map(N::negated))
    }

    /// Sends the dealer's bits, `width` slices of them; the subtrahend is complete.
    fn begin_difference(
        &mut self,
        x: &Rep3Shares<N>,
        width: u32,
        slices: impl Fn(&Column<N>) -> Column<Lanes>,
    ) -> Result<Halves> {
        let rows = x.len();
        let (parts, words) = (word_parts(rows), Lanes::words(rows));
        let (kept_mine, kept_next) = self.kept(x, rows);
        let (known, width) = (slices(&self.dealt(x, rows)), width as usize);
        let minuend = self.begin_spread(&known, width, words, &parts)?;
        let subtrahend = self.hold(&slices(&kept_mine), &slices(&kept_next), width, words, &parts);
        Ok(Halves { minuend, subtrahend, width })
    }

    fn finish_difference(&mut self, halves: Halves, rows: usize) -> Result<Difference<Self>> {
        let minuend = Bits::new(self.finish_spread(halves.minuend)?, rows, halves.width);
        Ok(Difference {
            modulus: Modulus::Power,
            minuend,
            subtrahend: Bits::new(halves.subtrahend, rows, halves.width),
        })
    }
}

/// A difference whose minuend is on its way.
struct Halves {
    minuend: Spreading<Lanes>,
    subtrahend: Rep3Shares<Lanes>,
    width: usize,
}

impl<N> Rep3<N> {
    /// The parts of this party, of the next one and of the previous one.
    pub(super) fn around(&self, parts: &[Range<usize>; 3]) -> [Range<usize>; 3] {
        let me = self.me_index();
        [0, 1, 2].map(|places| parts[(me + places) % 3].clone())
    }

    /// Shares what each dealer knows of its part: `width` slices of `len` elements, of which `known` holds this
    /// party's part, slice after slice. Of dealer `j`'s part, component `j` comes from the key of its holders,
    /// component `j + 1` is the rest, sent to the party that holds it too, and component `j + 2` is zero. 1 round.
    pub(super) fn spread<D: Ring>(
        &mut self,
        known: &Column<D>,
        width: usize,
        len: usize,
        parts: &[Range<usize>; 3],
    ) -> Result<Rep3Shares<D>> {
        let spreading = self.begin_spread(known, width, len, parts)?;
        self.finish_spread(spreading)
    }

    /// The first half of [`Self::spread`]: all but what the previous party sends.
    fn begin_spread<D: Ring>(
        &mut self,
        known: &Column<D>,
        width: usize,
        len: usize,
        parts: &[Range<usize>; 3],
    ) -> Result<Spreading<D>> {
        let [own, after, before] = self.around(parts);
        let mut mine = Layout::new(width, len);
        let mut next = Layout::new(width, len);
        if width * own.len() > 0 {
            let mask = self.mine.elements::<D>(width * own.len());
            let rest = known.zip(mask.values(), D::minus);
            self.link.send(self.next_party(), rest.values())?;
            mine.place(&mask, &own);
            next.place(&rest, &own);
        }
        if width * after.len() > 0 {
            next.place(&self.next.elements::<D>(width * after.len()), &after);
        }
        Ok(Spreading { mine, next, width, before })
    }

    fn finish_spread<D: Ring>(&mut self, spreading: Spreading<D>) -> Result<Rep3Shares<D>> {
        let Spreading { mut mine, next, width, before } = spreading;
        if width * before.len() > 0 {
            mine.place(&self.link.recv(self.previous_party(), width * before.len())?, &before);
        }
        Ok(Rep3Shares::from_components(mine.column, next.column))
    }

    /// Shares of what the two others than the dealer know of each part, without a message: of dealer `j`'s part,
    /// component `j + 2` is the value and the others are zero.
    fn hold<D: Ring>(
        &self,
        kept_mine: &Column<D>,
        kept_next: &Column<D>,
        width: usize,
        len: usize,
        parts: &[Range<usize>; 3],
    ) -> Rep3Shares<D> {
        let [_, after, before] = self.around(parts);
        let mut mine = Layout::new(width, len);
        let mut next = Layout::new(width, len);
        mine.place(kept_mine, &after);
        next.place(kept_next, &before);
        Rep3Shares::from_components(mine.column, next.column)
    }
}

/// Shares that lack what the previous party sends.
struct Spreading<D: Ring> {
    mine: Layout<D>,
    next: Layout<D>,
    width: usize,
    before: Range<usize>,
}

/// A column of slices that is filled part by part.
pub(super) struct Layout<D: Ring> {
    pub(super) column: Column<D>,
    len: usize,
}

impl<D: Ring> Layout<D> {
    pub(super) fn new(width: usize, len: usize) -> Self {
        Self { column: Column::zeros(width * len), len }
    }

    /// Puts `values`, the elements of `range` of slice after slice, in their places.
    pub(super) fn place(&mut self, values: &Column<D>, range: &Range<usize>) {
        if range.is_empty() {
            return;
        }
        let slices = self.column.values_mut().chunks_exact_mut(self.len);
        for (slice, part) in slices.zip(values.values().chunks_exact(range.len())) {
            if let Some(place) = slice.get_mut(range.clone()) {
                place.copy_from_slice(part);
            }
        }
    }
}

/// Each dealer's words of a bit slice.
pub(in crate::schemes) fn word_parts(rows: usize) -> [Range<usize>; 3] {
    let words = Lanes::words(rows);
    [0, 1, 2].map(|dealer| words * dealer / 3..words * (dealer + 1) / 3)
}

/// Each dealer's rows.
pub(in crate::schemes) fn row_parts(rows: usize) -> [Range<usize>; 3] {
    word_parts(rows).map(|words| {
        let row = |word: usize| (word * Lanes::ROWS).min(rows);
        row(words.start)..row(words.end)
    })
}
