//! Rows of bit slices: made, chosen, moved and joined, all without a message.

use ring::{Lanes, Number, PackedBits};

use super::order::{bits_of_rows, words_of_rows};
use crate::mpc::{Bits, Mixed, Mpc, Shares};

/// A bit for each row that all parties know. Local.
pub fn public_bits<P: Mixed>(protocol: &P, rows: usize, set: impl Fn(usize) -> bool) -> Bits<P> {
    let marks: PackedBits = (0..rows).map(set).collect();
    Bits::new(Mpc::<Lanes>::public(protocol, marks.words()), rows, 1)
}

/// The numbers of `rows` rows, from 0, as bits that all parties know. Local.
pub(super) fn public_numbers<P: Mixed>(protocol: &P, rows: usize, width: usize) -> Bits<P> {
    let numbers: Vec<_> = (0..rows as u64).collect();
    let numbers = Mpc::<Lanes>::public(protocol, u64::to_slices(&numbers, width as u32).values());
    Bits::new(numbers, rows, width)
}

/// One bit slice, zero in the rows that are not to be kept. Local.
pub(super) fn only_rows<P: Mixed>(bits: &Bits<P>, keep: impl Fn(usize) -> bool) -> Bits<P> {
    let mask: PackedBits = (0..bits.rows()).map(keep).collect();
    Bits::new(bits.words().times_each(mask.words()), bits.rows(), 1)
}

/// Every bit slice moved `rows` rows down; zeros come in at the top. Local.
pub(super) fn later_by<P: Mixed>(bits: &Bits<P>, rows: usize) -> Bits<P> {
    let size = Lanes::words(bits.rows()).max(1);
    let (whole, part) = (rows / Lanes::ROWS, rows % Lanes::ROWS);
    let words = bits.words().mapped_into(bits.words().len(), |words, later| {
        for (slice, later) in words.chunks(size).zip(later.chunks_mut(size)) {
            let moved = slice.get(..size.saturating_sub(whole)).unwrap_or_default();
            let mut carried = 0;
            for (word, later) in moved.iter().zip(later.iter_mut().skip(whole)) {
                *later = Lanes(word.0 << part | carried);
                carried = word.0.checked_shr((Lanes::ROWS - part) as u32).unwrap_or(0);
            }
        }
    });
    Bits::new(words, bits.rows(), bits.width())
}

/// `rows` rows of every bit slice from `first` on, arbitrary ones beyond the last. Local.
pub(super) fn rows_from<P: Mixed>(bits: &Bits<P>, first: usize, rows: usize) -> Bits<P> {
    let size = Lanes::words(bits.rows()).max(1);
    let (whole, part) = (first / Lanes::ROWS, first % Lanes::ROWS);
    let taken = Lanes::words(rows);
    let words = bits.words().mapped_into(taken * bits.width(), |words, from| {
        for (slice, from) in words.chunks(size).zip(from.chunks_mut(taken.max(1))) {
            let slice = slice.get(whole..).unwrap_or_default();
            let above = slice.iter().skip(1).map(|word| word.0).chain(std::iter::once(0));
            for ((word, above), from) in slice.iter().zip(above).zip(from) {
                *from = Lanes(word.0 >> part | above.checked_shl((Lanes::ROWS - part) as u32).unwrap_or(0));
            }
        }
    });
    Bits::new(words, rows, bits.width())
}

/// The rows of `first` and then those of `second`, of equal width. Local.
pub(super) fn appended<P: Mixed>(first: &Bits<P>, second: &Bits<P>) -> Bits<P> {
    let (a, b): (<P as Mpc<Lanes>>::Shares, <P as Mpc<Lanes>>::Shares) =
        (words_of_rows(first), words_of_rows(second));
    let limbs = first.width().div_ceil(64);
    let limb = |words: &<P as Mpc<Lanes>>::Shares, rows: usize, limb: usize| {
        words.slice(limb * rows..(limb + 1) * rows)
    };
    let parts: Vec<_> = (0..limbs)
        .flat_map(|place| [limb(&a, first.rows(), place), limb(&b, second.rows(), place)])
        .collect();
    let words = Shares::concat(&parts.iter().collect::<Vec<_>>());
    bits_of_rows(&words, first.rows() + second.rows(), first.width())
}
