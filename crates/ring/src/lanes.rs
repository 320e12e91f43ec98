//! Bits, sixty-four to a word.

use std::fmt;

use crate::bytes;
use crate::element::Ring;
use crate::pool::{Pool, Pooled};

/// Sixty-four elements of Z_2 side by side: the sum is XOR, the product is AND.
///
/// A column of `Lanes` holds 64 rows a word, row `r` in bit `r % 64` of word `r / 64`.
#[derive(Copy, Clone, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Lanes(pub u64);

impl Lanes {
    /// Rows in a word.
    pub const ROWS: usize = 64;

    /// Words that hold `rows` rows.
    #[must_use]
    pub fn words(rows: usize) -> usize {
        rows.div_ceil(Self::ROWS)
    }

    /// Every lane flipped.
    #[inline(always)]
    #[must_use]
    pub fn flipped(self) -> Self {
        Self(!self.0)
    }
}

impl Ring for Lanes {
    const CODE: u8 = 3;
    const BITS: u32 = 64;
    const BYTES: usize = 8;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(u64::MAX);

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
    #[inline(always)]
    fn negated(self) -> Self {
        self
    }

    fn as_bytes(values: &[Self]) -> &[u8] {
        bytes::of_plain(values)
    }
    fn read_le(bytes: &[u8], out: &mut [Self]) {
        let (chunks, _) = bytes.as_chunks::<8>();
        for (value, chunk) in out.iter_mut().zip(chunks) {
            *value = Self(u64::from_le_bytes(*chunk));
        }
    }
}

impl Pooled for Lanes {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<Lanes> = Pool::new();
        &POOL
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064b}", self.0)
    }
}

/// Public bits with their exact number; the bits of the last word beyond it are zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedBits {
    words: Vec<Lanes>,
    len: usize,
}

impl PackedBits {
    /// `len` bits from packed words; bits beyond are dropped, missing words are zero.
    #[must_use]
    pub fn from_words(mut words: Vec<Lanes>, len: usize) -> Self {
        words.resize(Lanes::words(len), Lanes::ZERO);
        if let (Some(last), used @ 1..) = (words.last_mut(), len % Lanes::ROWS) {
            last.0 &= (1 << used) - 1;
        }
        Self { words, len }
    }

    /// `len` bits of one value.
    #[must_use]
    pub fn repeated(bit: bool, len: usize) -> Self {
        let word = if bit { Lanes::ONE } else { Lanes::ZERO };
        Self::from_words(vec![word; Lanes::words(len)], len)
    }

    /// Number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packed words.
    #[must_use]
    pub fn words(&self) -> &[Lanes] {
        &self.words
    }

    /// Bit `index`; `None` beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<bool> {
        let word = self.words.get(index / Lanes::ROWS)?;
        (index < self.len).then(|| word.0 >> (index % Lanes::ROWS) & 1 == 1)
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        self.words
            .iter()
            .flat_map(|word| (0..Lanes::ROWS).map(move |lane| word.0 >> lane & 1 == 1))
            .take(self.len)
    }

    /// Bitwise XOR, as long as the shorter of the two.
    #[must_use]
    pub fn xor(&self, other: &Self) -> Self {
        self.zipped(other, Lanes::plus)
    }

    /// Bitwise AND, as long as the shorter of the two.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zipped(other, Lanes::times)
    }

    /// Every bit flipped.
    #[must_use]
    pub fn not(&self) -> Self {
        Self::from_words(self.words.iter().map(|word| word.flipped()).collect(), self.len)
    }

    /// The bits of `range`, cut at the end.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        self.iter().skip(range.start).take(range.len()).collect()
    }

    fn zipped(&self, other: &Self, op: impl Fn(Lanes, Lanes) -> Lanes) -> Self {
        let words = self.words.iter().zip(&other.words).map(|(a, b)| op(*a, *b)).collect();
        Self::from_words(words, self.len.min(other.len))
    }
}

impl FromIterator<bool> for PackedBits {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut packed = Self::default();
        for bit in bits {
            let lane = packed.len % Lanes::ROWS;
            if lane == 0 {
                packed.words.push(Lanes::ZERO);
            }
            if let Some(word) = packed.words.last_mut() {
                word.0 |= u64::from(bit) << lane;
            }
            packed.len += 1;
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_bits_behave_as_a_vector_of_bits(
            a in prop::collection::vec(any::<bool>(), 0..200),
            b in prop::collection::vec(any::<bool>(), 0..200),
            start in 0usize..210, end in 0usize..210,
        ) {
            let (pa, pb): (PackedBits, PackedBits) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(pa.iter().collect::<Vec<_>>(), &*a);
            prop_assert_eq!(pa.get(start), a.get(start).copied());
            let both = |op: fn(bool, bool) -> bool| a.iter().zip(&b).map(|(x, y)| op(*x, *y)).collect::<PackedBits>();
            prop_assert_eq!(pa.xor(&pb), both(|x, y| x ^ y));
            prop_assert_eq!(pa.and(&pb), both(|x, y| x & y));
            prop_assert_eq!(pa.not(), a.iter().map(|x| !x).collect());
            let range = start.min(end)..start.max(end);
            let cut = a.iter().copied().skip(range.start).take(range.len()).collect::<PackedBits>();
            prop_assert_eq!(pa.slice(range), cut);
            prop_assert_eq!(PackedBits::from_words(pa.words().to_vec(), a.len()), pa);
        }
    }

    #[test]
    fn bits_beyond_the_length_are_dropped() {
        let bits = PackedBits::from_words(vec![Lanes::ONE, Lanes::ONE], 65);
        assert_eq!(bits.words(), [Lanes::ONE, Lanes(1)]);
        assert_eq!(bits, PackedBits::repeated(true, 65));
        assert_eq!(bits.get(65), None);
    }
}
