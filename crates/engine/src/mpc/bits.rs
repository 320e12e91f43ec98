//! Shared bits, bit-sliced.

use std::fmt;
use std::ops::Range;

use ring::{Lanes, Ring};

use super::{Mpc, Shares};

/// Secret bits of `rows` rows, `width` bits to a row, bit-sliced: slice `i` holds bit `i` of every row, 64 rows
/// to a word. Everything here is local. Bits beyond the last row are arbitrary.
pub struct Bits<P: Mpc<Lanes>> {
    words: P::Shares,
    rows: usize,
    width: usize,
}

/// Numbers as `minuend − subtrahend`, both bit-shared and of equal width.
pub struct Difference<P: Mpc<Lanes>> {
    /// Modulo which they are.
    pub modulus: Modulus,
    /// The number from which is taken away.
    pub minuend: Bits<P>,
    /// The number that is taken away.
    pub subtrahend: Bits<P>,
}

/// Modulo which numbers of `width` bits are subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modulus {
    /// 2^width: a borrow out of the top is lost.
    Power,
    /// 2^width − 1: a borrow out of the top comes in at the bottom, since 2^width is 1. The difference is never the number
    /// of all ones, unless minuend and subtrahend are the two that stand for 0.
    OneLess,
}

impl<P: Mpc<Lanes>> Bits<P> {
    /// Slices of `rows` rows, one after another; `words` must hold `width` times [`Lanes::words`] of them.
    #[must_use]
    pub fn new(words: P::Shares, rows: usize, width: usize) -> Self {
        assert_eq!(words.len(), Lanes::words(rows) * width, "words that don't fill the slices");
        Self { words, rows, width }
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bits in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The slices, one after another.
    #[must_use]
    pub fn words(&self) -> &P::Shares {
        &self.words
    }

    /// The slice at `place`. Panics beyond the width.
    #[must_use]
    pub fn bit(&self, place: usize) -> Self {
        self.range(place..place + 1)
    }

    /// The slices of `range`. Panics beyond the width.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Self {
        let words = Lanes::words(self.rows);
        Self {
            words: self.words.slice(range.start * words..range.end * words),
            rows: self.rows,
            width: range.len(),
        }
    }

    /// The slices at `places`, in that order; a place may occur several times. Panics beyond the width.
    #[must_use]
    pub fn pick(&self, places: &[usize]) -> Self {
        Self {
            words: self.words.blocks(places, Lanes::words(self.rows)),
            rows: self.rows,
            width: places.len(),
        }
    }

    /// The slices of all `parts`, lowest first; all have `rows` rows.
    #[must_use]
    pub fn stack(parts: &[&Self], rows: usize) -> Self {
        let words: Vec<_> = parts.iter().map(|part| &part.words).collect();
        Self::new(P::Shares::concat(&words), rows, parts.iter().map(|part| part.width).sum())
    }

    /// Bitwise XOR. Panics when the shapes differ.
    #[must_use]
    pub fn xor(&self, other: &Self) -> Self {
        Self { words: self.words.plus(&other.words), ..*self }
    }

    /// The XOR, row by row, of the slices at `places`; zero when there are none.
    #[must_use]
    pub fn parity(&self, places: impl IntoIterator<Item = usize>) -> Self {
        let zero = P::Shares::zeros(Lanes::words(self.rows));
        let words = places.into_iter().fold(zero, |sum, place| sum.plus(&self.bit(place).words));
        Self { words, rows: self.rows, width: 1 }
    }

    /// Every bit flipped.
    #[must_use]
    pub fn not(&self, protocol: &P) -> Self {
        Self { words: protocol.plus_constant(&self.words, Lanes::ONE), ..*self }
    }
}

impl<P: Mpc<Lanes>> Clone for Bits<P> {
    fn clone(&self) -> Self {
        Self { words: self.words.clone(), ..*self }
    }
}

impl<P: Mpc<Lanes>> fmt::Debug for Bits<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bits({} secret rows of {} bits)", self.rows, self.width)
    }
}
