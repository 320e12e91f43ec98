//! Moving rows of bit-sliced columns: local, since XOR-shared words move like plain ones.

use std::ops::Range;

use engine::mpc::{Bits, Mpc, Shares};
use ring::{Lanes, Ring};

/// The rows of `range`, of a column one bit wide. Bits beyond the last row become zero.
pub(crate) fn slice<P: Mpc<Lanes>>(bits: &Bits<P>, range: Range<usize>) -> Bits<P> {
    let rows = range.len();
    let words = bits.words().mapped(|words| {
        let mut out = Packed::default();
        out.append(words, range.clone());
        out.words
    });
    Bits::new(words, rows, 1)
}

/// The columns, each one bit wide, one below the other. Bits beyond the last row become zero.
pub(crate) fn concat<P: Mpc<Lanes>>(parts: &[&Bits<P>]) -> Bits<P> {
    let words: Vec<_> = parts.iter().map(|part| part.words()).collect();
    let joined = P::Shares::concat(&words).mapped(|words| {
        let mut out = Packed::default();
        let mut rest = words;
        for part in parts {
            let (words, after) = rest.split_at(Lanes::words(part.rows()));
            out.append(words, 0..part.rows());
            rest = after;
        }
        out.words
    });
    Bits::new(joined, parts.iter().map(|part| part.rows()).sum(), 1)
}

/// Bits packed without gaps; beyond the last one all are zero.
#[derive(Default)]
struct Packed {
    words: Vec<Lanes>,
    rows: usize,
}

impl Packed {
    /// Appends the rows of `range`, a word at a time.
    fn append(&mut self, from: &[Lanes], range: Range<usize>) {
        let mut next = range.start;
        while next < range.end {
            let taken = (range.end - next).min(Lanes::ROWS);
            self.push(window(from, next, taken), taken);
            next += taken;
        }
    }

    /// Appends the low `rows` bits of `word`, whose other bits are zero.
    fn push(&mut self, word: u64, rows: usize) {
        let used = self.rows % Lanes::ROWS;
        match self.words.last_mut() {
            Some(last) if used > 0 => {
                last.0 |= word << used;
                if used + rows > Lanes::ROWS {
                    self.words.push(Lanes(word >> (Lanes::ROWS - used)));
                }
            }
            _ => self.words.push(Lanes(word)),
        }
        self.rows += rows;
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
