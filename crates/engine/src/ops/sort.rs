//! Stable sorting by secret keys.
//!
//! A radix sort, two key bits a pass: Chida et al.: An Efficient Secure Three-Party Sorting Protocol with an Honest Majority,
//! 2019/695; Asharov et al.: Efficient Secure Three-Party Sorting, CCS 2022. Differences: two bits are taken at once, their four
//! buckets by one inner product; and the row's number travels in the spare bits of the key's words, so that the
//! passes need not be composed. It takes the same rounds and bytes whatever the keys.

use ring::{Lanes, Ring};

use super::bits::{and, decompose};
use super::order::{Order, bits_of_rows, in_columns, inverse, words_of_rows};
use super::rows::public_numbers;
use super::scan::prefix_sum;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Mpc, Numbers, Shares, Shuffle};

/// Key bits that a pass takes.
const RADIX_BITS: usize = 2;

/// The order in which rows ascend by `keys`, taken as unsigned numbers of their width; equal rows stay in their
/// order. To sort by several keys, stack them, the last one lowest; to descend by one, flip it.
///
/// 8 rounds for each two key bits, and 4; bytes per row and pass: 7 numbers and 16 bytes for each 64 bits of what is left
/// of key and row number.
///
/// # Errors
/// Those of the transport; [`Error::NotAPermutation`]; [`Error::OutOfRange`] beyond 2^32 rows.
pub fn sort<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Order<P>> {
    let rows = keys.rows();
    if rows > u32::MAX as usize {
        let (found, most) = (rows as u64, u32::MAX.into());
        return Err(Error::OutOfRange { operation: "sort", parameter: "rows", found, most });
    }
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

/// Signed numbers, of which −2^(`width` − 1) ≤ x < 2^(`width` − 1), as keys that ascend as they do. A decomposition.
///
/// # Errors
/// As [`decompose`].
pub fn sortable<P: Mixed>(protocol: &mut P, x: &Numbers<P>, width: u32) -> Result<Bits<P>> {
    let bits = decompose(protocol, x, width)?;
    let Some(top) = bits.width().checked_sub(1) else { return Ok(bits) };
    let sign = bits.bit(top).not(protocol);
    Ok(Bits::stack(&[&bits.range(0..top), &sign], bits.rows()))
}

/// The places of rows when they are sorted, stably, by digits of one or two bits. 4 rounds, 4 numbers per row.
///
/// Rows of digit d go behind those of lower digits: into the place that the prefix sum over the indicators of digit 0, then
/// those of digit 1, … gives.
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

/// Rows of bits moved to `destinations`, which a shuffle makes fit to be opened. 4 rounds, 3 numbers per row and 2 words
/// per row and 64 bits.
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
