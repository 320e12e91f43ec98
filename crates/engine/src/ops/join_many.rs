//! Equi-joins by secret keys that may occur several times on both sides.
//!
//! Source: Krastnikov, Kerschbaum, Stebila: Efficient Oblivious Database Joins, VLDB 2020; Badrinarayanan et
//! al.: Secret-Shared Joins with Multiplicity from Aggregation Trees, CCS 2022. After sorting by key each
//! left row learns how many right rows have its key and the number of the first; running sums then say where
//! its pairs begin in the result. Difference: instead of aligning two expanded sides, only the left one is
//! expanded, by sorting its rows among the result's; a result's row then knows the number of its right row,
//! and looks it up. Nothing is opened about which rows meet, or how many.

use ring::{Number, Ring};

use super::bits::{bits_of, decompose};
use super::columns::{each_column, joined};
use super::compare::less_than_public;
use super::join::{Joined, Merged, Side, lookup};
use super::rows::{appended, public_bits, public_numbers, rows_from};
use super::segments::{Segments, add_up, row_numbers};
use super::sort::sort;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// All pairs of rows of `left` and `right` with equal keys, in the order of `left` and, for each, that of
/// `right`, cut to `bound` rows. Their number stays secret; that some were cut off is told by a secret flag.
///
/// Three sorts: of all rows by the keys, of the left rows and the result's by ⌈log₂ `bound`⌉ + 1 bits, of the
/// right rows and the result's by ⌈log₂ rows⌉ + 1 bits; besides about 90 rounds and for each of these rows
/// some 20 numbers and 9 for each column.
///
/// # Errors
/// As [`lookup`]; [`Error::OutOfRange`](crate::Error::OutOfRange) also when the numbers are too narrow to
/// count the pairs.
pub fn join_many<P: Mixed>(
    protocol: &mut P,
    left: &Side<'_, P>,
    right: &Side<'_, P>,
    bound: usize,
) -> Result<Joined<P>> {
    let rows = left.keys.rows();
    let Matches { many, first, numbers } = Matches::of(protocol, left, right)?;
    let ends = each_column::<P>(&many, rows, add_up);
    let total = if rows == 0 { <Numbers<P>>::zeros(1) } else { ends.slice(rows - 1..rows) };
    // A row of zeros behind the left ones fills the result from the last pair on.
    let zero = <Numbers<P>>::zeros(1);
    let with_zero = |column: &Numbers<P>| <Numbers<P>>::concat(&[column, &zero]);
    let starts = Shares::concat(&[&ends.minus(&many), &total]);
    let most = (rows as u128).saturating_mul(right.keys.rows() as u128);
    let Places { keys, overflow } = Places::of(protocol, &starts, most, bound)?;
    // The right row of a pair is the first one that matches, and as many on as the pair comes after its left
    // row's first.
    let offsets = with_zero(&first).minus(&starts);
    let ones = with_zero(&protocol.constant(P::Num::ONE, rows));
    let columns: Vec<_> = [ones, offsets].into_iter().chain(left.columns.iter().map(with_zero)).collect();
    let mut pairs = expand(protocol, &keys, &columns, bound)?;
    let left = pairs.split_off(2);
    let valid = decompose(protocol, &pairs[0], 1)?;

    let width = bits_of((right.keys.rows() as u128).saturating_sub(1));
    let wanted = pairs[1].plus(&row_numbers(protocol, bound));
    let wanted = decompose(protocol, &wanted, width)?;
    let numbers = decompose(protocol, &numbers, width)?;
    let pairs = Side { keys: &wanted, valid: Some(&valid), columns: &[] };
    let right = Side { keys: &numbers, valid: None, columns: right.columns };
    let right = lookup(protocol, &pairs, &right)?.columns;
    Ok(Joined { left, right, valid, overflow })
}

/// What rows know about the other side's with their key.
struct Matches<P: Mixed> {
    /// For each left row, the number of right rows with its key.
    many: Numbers<P>,
    /// For each left row, the number of the first of them; arbitrary when there is none.
    first: Numbers<P>,
    /// For each right row, its number: right rows of a key follow one another.
    numbers: Numbers<P>,
}

impl<P: Mixed> Matches<P> {
    /// A sort of all rows by the keys, a comparison of neighbours, 25 rounds and 20 numbers per row.
    fn of(protocol: &mut P, left: &Side<'_, P>, right: &Side<'_, P>) -> Result<Self> {
        let Merged { known, by_key, segments } = Merged::new(protocol, left, right)?;
        let rows = by_key.rows();
        let ones = protocol.constant(P::Num::ONE, known);
        let of_right = Shares::concat(&[&ones, &<Numbers<P>>::zeros(rows - known)]);
        let of_right = by_key.apply(protocol, &of_right)?;
        let so_far = each_column::<P>(&of_right, rows, add_up);
        // The right rows of a key come before the left ones.
        let before = segments.first(protocol, &so_far.minus(&of_right))?;
        let back = by_key.undo(protocol, &Shares::concat(&[&so_far, &before]))?;
        let numbers = protocol.plus_constant(&back.slice(0..known), P::Num::ONE.negated());
        let (so_far, first) = (back.slice(known..rows), back.slice(rows + known..2 * rows));
        Ok(Self { many: so_far.minus(&first), first, numbers })
    }
}

/// Where rows begin in the result.
struct Places<P: Mixed> {
    /// Keys by which rows are sorted among the result's: their place, and a bit where that lies beyond the
    /// result.
    keys: Bits<P>,
    /// In a single row, whether the last number lies beyond the result.
    overflow: Bits<P>,
}

impl<P: Mixed> Places<P> {
    /// From the places of the rows, of which the last is the number of all pairs and `most` the largest that
    /// can be. A comparison beside a decomposition.
    fn of(protocol: &mut P, starts: &Numbers<P>, most: u128, bound: usize) -> Result<Self> {
        let rows = starts.len();
        let total = starts.slice(rows - 1..rows);
        let last = protocol.plus_constant(&total, P::Num::ONE.negated());
        let compared = Shares::concat(&[starts, &last]);
        let bounds = vec![P::Num::from_u128(bound as u128); rows + 1];
        let width = bits_of(most.max(bound as u128).saturating_add(1)) + 1;
        let (inside, places) = protocol.both(
            |protocol| less_than_public(protocol, &compared, &bounds, width),
            |protocol| decompose(protocol, starts, bits_of((bound as u128).saturating_sub(1))),
        )?;
        let beyond = inside.not(protocol);
        let keys = Bits::stack(&[&places, &rows_from(&beyond, 0, rows)], rows);
        Ok(Self { keys, overflow: rows_from(&beyond, rows, 1) })
    }
}

/// The columns spread over `bound` rows: each row from its place up to the next one's.
fn expand<P: Mixed>(
    protocol: &mut P,
    keys: &Bits<P>,
    columns: &[Numbers<P>],
    bound: usize,
) -> Result<Vec<Numbers<P>>> {
    let placed = keys.rows();
    let rows = placed + bound;
    let free = public_numbers(protocol, bound, keys.width());
    let order = sort(protocol, &appended(keys, &free))?;
    let starts = public_bits(protocol, rows, |row| row < placed);
    let starts = order.apply_bits(protocol, &starts)?;
    let segments = Segments::new(protocol, &starts)?;
    let zeros = <Numbers<P>>::zeros(bound);
    let extended: Vec<_> = columns.iter().map(|column| Shares::concat(&[column, &zeros])).collect();
    let moved = order.apply(protocol, &joined::<P>("expand", rows, &extended)?)?;
    drop(extended);
    let spread = segments.first(protocol, &moved)?;
    let back = order.undo(protocol, &spread)?;
    Ok((0..columns.len()).map(|column| back.slice(column * rows + placed..(column + 1) * rows)).collect())
}
