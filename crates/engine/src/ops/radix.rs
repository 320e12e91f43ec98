//! Stable sorting by the bits of secret keys, a few at a time.
//!
//! Chida et al.: An Efficient Secure Three-Party Sorting Protocol with an Honest Majority, 2019/695; Asharov
//! et al.: Efficient Secure Three-Party Sorting, CCS 2022. Differences: two bits are taken at once, their
//! four buckets by one inner product; and the row's number travels in the spare bits of the key's words, so
//! that the passes need not be composed. It takes the same rounds and bytes whatever the keys.

use ring::{Lanes, Ring};

use super::bits::and;
use super::order::{Order, bits_of_rows, in_columns, inverse, words_of_rows};
use super::rows::public_numbers;
use super::scan::prefix_sum;
use super::sort::{Price, check_rows};
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Mpc, Numbers, Shares, Shuffle};

/// Key bits that a pass takes.
const RADIX_BITS: usize = 2;

/// As [`sort`](super::sort()), by a radix sort.
///
/// 8 rounds for each two key bits, and 4; bytes per row and pass: 7 numbers and 16 bytes for each 64 bits of
/// what is left of key and row number.
///
/// # Errors
/// As [`sort`](super::sort()).
pub fn radix_sort<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Order<P>> {
    let rows = keys.rows();
    check_rows(rows)?;
    if keys.width() <= RADIX_BITS {
        let destinations = destinations(protocol, keys)?;
        return Order::from_places(protocol, &destinations);
    }
    let number_width = (usize::BITS - rows.leading_zeros()) as usize;
    let numbers = public_numbers(protocol, rows, number_width);
    // Row numbers below, then the key bits that are still to be sorted by, lowest first.
    let mut carried = Bits::stack(&[&numbers, keys], rows);
    while carried.width() > number_width {
        let taken = RADIX_BITS.min(carried.width() - number_width);
        let destinations = destinations(protocol, &carried.range(number_width..number_width + taken))?;
        let above = carried.range(number_width + taken..carried.width());
        let rest = Bits::stack(&[&carried.range(0..number_width), &above], rows);
        carried = placed(protocol, &rest, &destinations)?;
    }
    Order::from_sources(protocol, &carried)
}

/// What it costs.
pub(super) fn price<P: Mixed>(rows: usize, width: usize) -> Price {
    let number_width = (usize::BITS - rows.leading_zeros()) as usize;
    let passes = width.div_ceil(RADIX_BITS);
    let words: usize =
        (1..=passes).map(|pass| (number_width + width).saturating_sub(pass * RADIX_BITS).div_ceil(64)).sum();
    let bytes = rows * (7 * passes * P::Num::BYTES + 16 * words + 24);
    // A single pass opens its places itself.
    let last = if passes > 1 { 4 } else { 0 };
    Price { rounds: 8 * passes + last, bytes }
}

/// The places of rows when they are sorted, stably, by digits of one or two bits. 4 rounds, 4 numbers per row.
///
/// Rows of digit d go behind those of lower digits: into the place that the prefix sum over the indicators of
/// digit 0, then those of digit 1, … gives.
fn destinations<P: Mixed>(protocol: &mut P, digits: &Bits<P>) -> Result<Numbers<P>> {
    let rows = digits.rows();
    let indicators = if digits.width() < 2 {
        digits.clone()
    } else {
        let three = and(protocol, &digits.bit(0), &digits.bit(1))?;
        Bits::stack(&[&digits.bit(0).xor(&three), &digits.bit(1).xor(&three), &three], rows)
    };
    let others = indicators.width();
    let indicators = protocol.inject(&indicators)?;
    let column = |columns: &Numbers<P>, place: usize| columns.slice(place * rows..(place + 1) * rows);
    let some =
        (0..others).fold(<Numbers<P>>::zeros(rows), |sum, place| sum.plus(&column(&indicators, place)));
    let none = protocol.constant(P::Num::ONE, rows).minus(&some);
    let places = prefix_sum::<P>(&Shares::concat(&[&none, &indicators]));
    let places = protocol.plus_constant(&places, P::Num::ONE.negated());
    let first = column(&places, 0);
    let beyond: Vec<_> = (1..=others).map(|place| column(&places, place).minus(&first)).collect();
    let beyond = Shares::concat(&beyond.iter().collect::<Vec<_>>());
    let moved = Mpc::<P::Num>::dot(protocol, &indicators, &beyond, others)?;
    Ok(first.plus(&moved))
}

/// Rows of bits moved to `destinations`, which a shuffle makes fit to be opened. 4 rounds, 3 numbers per row
/// and 2 words per row and 64 bits.
fn placed<P: Mixed>(protocol: &mut P, rows: &Bits<P>, destinations: &Numbers<P>) -> Result<Bits<P>> {
    let (words, count): (<P as Mpc<Lanes>>::Shares, _) = (words_of_rows(rows), rows.rows());
    let hidden = protocol.hidden_permutation(count);
    let (destinations, words) = protocol.both(
        |protocol| Shuffle::<P::Num>::shuffle(protocol, destinations, &hidden),
        |protocol| Shuffle::<Lanes>::shuffle(protocol, &words, &hidden),
    )?;
    let places = inverse(&Shuffle::<P::Num>::open_order(protocol, &destinations)?);
    let limbs = words.len().checked_div(count).unwrap_or(0);
    Ok(bits_of_rows(&words.blocks(&in_columns(&places, limbs), 1), count, rows.width()))
}
