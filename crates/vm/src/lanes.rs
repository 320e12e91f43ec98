//! Moving rows of bit-sliced columns: local, since XOR-shared words move like plain ones.

use std::ops::Range;

use engine::mpc::{Bits, Mpc, Shares};
use ring::{Lanes, Ring};

/// The rows of `range`, of a column one bit wide. Bits beyond the last row become zero.
pub(crate) fn slice<P: Mpc<Lanes>>(bits: &Bits<P>, range: Range<usize>) -> Bits<P> {
    let rows = range.len();
    let words = bits.words().mapped_into(Lanes::words(rows), |words, out| {
        append(out, 0, words, range.clone());
    });
    Bits::new(words, rows, 1)
}

/// The columns, each one bit wide, one below the other. Bits beyond the last row become zero.
pub(crate) fn concat<P: Mpc<Lanes>>(parts: &[&Bits<P>]) -> Bits<P> {
    let words: Vec<_> = parts.iter().map(|part| part.words()).collect();
    let rows = parts.iter().map(|part| part.rows()).sum();
    let joined = P::Shares::concat(&words).mapped_into(Lanes::words(rows), |words, out| {
        let (mut rest, mut at) = (words, 0);
        for part in parts {
            let (words, after) = rest.split_at(Lanes::words(part.rows()));
            append(out, at, words, 0..part.rows());
            at += part.rows();
            rest = after;
        }
    });
    Bits::new(joined, rows, 1)
}

/// The rows at `places`, of a column one bit wide. Bits beyond the last row become zero.
pub(crate) fn gather<P: Mpc<Lanes>>(bits: &Bits<P>, places: &[usize]) -> Bits<P> {
    let words = bits.words().mapped_into(Lanes::words(places.len()), |words, out| {
        for (at, &place) in places.iter().enumerate() {
            append(out, at, words, place..place + 1);
        }
    });
    Bits::new(words, places.len(), 1)
}

/// Adds the rows of `range` to `out` from row `at` on, a word at a time.
fn append(out: &mut [Lanes], at: usize, from: &[Lanes], range: Range<usize>) {
    for start in range.clone().step_by(Lanes::ROWS) {
        let rows = (range.end - start).min(Lanes::ROWS);
        let (word, to) = (window(from, start, rows), at + start - range.start);
        let (index, used) = (to / Lanes::ROWS, to % Lanes::ROWS);
        if let Some(low) = out.get_mut(index) {
            low.0 ^= word << used;
        }
        if let Some(high) = out.get_mut(index + 1)
            && used > 0
        {
            high.0 ^= word >> (Lanes::ROWS - used);
        }
    }
}

/// The `rows` rows (1 to 64) from `start` on, as the low bits of a word.
fn window(words: &[Lanes], start: usize, rows: usize) -> u64 {
    let word = |i: usize| words.get(i).map_or(Lanes::ZERO, |word| *word).0;
    let (index, shift) = (start / Lanes::ROWS, start % Lanes::ROWS);
    let low = word(index) >> shift;
    let high = if shift == 0 { 0 } else { word(index + 1) << (Lanes::ROWS - shift) };
    (low | high) & (u64::MAX >> (Lanes::ROWS - rows))
}
