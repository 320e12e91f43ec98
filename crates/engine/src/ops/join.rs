//! Equi-joins by secret keys in which the right side's keys are unique.
//!
//! The rows of both sides are sorted by key together, so that a row of the right side comes first among its
//! equals; its values are then spread over them ([`Segments`]) and moved back. Nothing is opened about which
//! rows meet, or how many. Columns of several keys are stacked; a row that isn't valid (a NULL key, or
//! filtered out before) meets nothing.

use ring::Ring;

use super::bits::{and, decompose};
use super::boundaries::boundaries;
use super::columns::{columns_at_once, joined};
use super::compare::same_length;
use super::order::Order;
use super::partition::compact;
use super::rows::{appended, public_bits};
use super::segments::Segments;
use super::sort::sort;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// One side of a join.
pub struct Side<'a, P: Mixed> {
    /// The keys, a row each.
    pub keys: &'a Bits<P>,
    /// The rows that take part (of width 1); `None` for all.
    pub valid: Option<&'a Bits<P>>,
    /// What stands beside the keys.
    pub columns: &'a [Numbers<P>],
}

/// What was found for each row that was looked up.
pub struct Found<P: Mixed> {
    /// Whether there is a row with its key.
    pub matched: Bits<P>,
    /// The columns of that row; zero where there is none.
    pub columns: Vec<Numbers<P>>,
}

/// Pairs of rows that met.
pub struct Joined<P: Mixed> {
    /// The left side's columns; zero in rows that hold nothing.
    pub left: Vec<Numbers<P>>,
    /// The right side's columns; zero in rows that hold nothing.
    pub right: Vec<Numbers<P>>,
    /// Which rows hold a pair: the first ones.
    pub valid: Bits<P>,
    /// In a single row, whether there are more pairs than rows.
    pub overflow: Bits<P>,
}

/// Finds for each row of `left` the row of `right`, whose keys are unique (of equal ones the first counts),
/// and fetches its columns. Together with `left` it is the left join; `matched` tells pairs from rows without
/// one.
///
/// A [`sort`] of all rows together by the keys (and a bit for each side that has rows that aren't valid), a
/// comparison of neighbours, 24 rounds, and for each row of either side 17 numbers and 9 for each column; 13 rounds more
/// for all columns that [`columns_at_once`] puts off.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`]; [`Error::Widths`] when the keys differ in width.
pub fn lookup<P: Mixed>(protocol: &mut P, left: &Side<'_, P>, right: &Side<'_, P>) -> Result<Found<P>> {
    let merged = Merged::new(protocol, left, right)?;
    let (known, rows) = (merged.known, merged.by_key.rows());
    let asked = rows - known;
    let (ones, zeros) = (protocol.constant(P::Num::ONE, known), <Numbers<P>>::zeros(asked));
    let known_columns: Vec<_> = std::iter::once(&ones).chain(right.columns).collect();
    let mut columns = Vec::with_capacity(known_columns.len());
    for some in known_columns.chunks(columns_at_once(rows)) {
        let values: Vec<_> = some.iter().map(|column| Shares::concat(&[*column, &zeros])).collect();
        let values = merged.by_key.apply(protocol, &joined::<P>("lookup", rows, &values)?)?;
        let spread = merged.segments.first(protocol, &values)?;
        let spread = merged.by_key.undo(protocol, &spread)?;
        columns.extend((0..some.len()).map(|place| spread.slice(place * rows + known..(place + 1) * rows)));
    }
    let matched = decompose(protocol, &columns.remove(0), 1)?;
    Ok(Found { matched, columns })
}

/// The pairs of rows with equal keys, where those of `right` are unique, in the order of `left` and cut to
/// `bound` rows, if `left` has more. Their number stays secret. A [`lookup`] and a [`compact`].
///
/// # Errors
/// As [`lookup`].
pub fn inner_join<P: Mixed>(
    protocol: &mut P,
    left: &Side<'_, P>,
    right: &Side<'_, P>,
    bound: usize,
) -> Result<Joined<P>> {
    let found = lookup(protocol, left, right)?;
    let columns = [left.columns, &found.columns].concat();
    let mut all = compact(protocol, &found.matched, &columns, bound)?;
    let right = all.columns.split_off(left.columns.len());
    Ok(Joined { left: all.columns, right, valid: all.valid, overflow: all.overflow })
}

/// Which rows of `left` meet a row of `right`, whose keys may occur several times. A [`lookup`] without
/// columns.
///
/// # Errors
/// As [`lookup`].
pub fn semi_join<P: Mixed>(protocol: &mut P, left: &Side<'_, P>, right: &Side<'_, P>) -> Result<Bits<P>> {
    let right = Side { columns: &[], ..*right };
    Ok(lookup(protocol, left, &right)?.matched)
}

/// Which valid rows of `left` meet no row of `right`, whose keys may occur several times. A [`semi_join`] and
/// 1 round.
///
/// # Errors
/// As [`lookup`].
pub fn anti_join<P: Mixed>(protocol: &mut P, left: &Side<'_, P>, right: &Side<'_, P>) -> Result<Bits<P>> {
    let alone = semi_join(protocol, left, right)?.not(protocol);
    match left.valid {
        Some(valid) => and(protocol, &alone, &valid.bit(0)),
        None => Ok(alone),
    }
}

/// The rows of both sides, those of the right one first, and their order by key.
pub(super) struct Merged<P: Mixed> {
    /// Rows of the right side.
    pub(super) known: usize,
    /// All rows by key: of equal ones, those of the right side first.
    pub(super) by_key: Order<P>,
    /// The runs of equal keys, in that order.
    pub(super) segments: Segments<P>,
}

impl<P: Mixed> Merged<P> {
    /// A sort, a comparison of neighbours and 13 rounds.
    pub(super) fn new(protocol: &mut P, left: &Side<'_, P>, right: &Side<'_, P>) -> Result<Self> {
        if left.keys.width() != right.keys.width() {
            let (left, right) = (left.keys.width(), right.keys.width());
            return Err(Error::Widths { operation: "join", left, right });
        }
        for side in [left, right] {
            let valid = side.valid.map_or(side.keys.rows(), Bits::rows);
            same_length("join", side.keys.rows(), valid)?;
            side.columns.iter().try_for_each(|column| same_length("join", side.keys.rows(), column.len()))?;
        }
        let keys = merged_keys(protocol, left, right);
        let by_key = sort(protocol, &keys)?;
        let sorted = by_key.apply_bits(protocol, &keys)?;
        let starts = boundaries(protocol, &sorted)?.starts;
        Ok(Self { known: right.keys.rows(), by_key, segments: Segments::new(protocol, &starts)? })
    }
}

/// The keys of both sides' rows. A row that isn't valid gets a bit that no row of the other side has. Local.
fn merged_keys<P: Mixed>(protocol: &P, left: &Side<'_, P>, right: &Side<'_, P>) -> Bits<P> {
    let nowhere = |side: &Side<'_, P>| public_bits(protocol, side.keys.rows(), |_| false);
    let (mut of_left, mut of_right) = (vec![left.keys.clone()], vec![right.keys.clone()]);
    if let Some(valid) = left.valid {
        of_left.push(valid.bit(0).not(protocol));
        of_right.push(nowhere(right));
    }
    if let Some(valid) = right.valid {
        of_right.push(valid.bit(0).not(protocol));
        of_left.push(nowhere(left));
    }
    let stacked = |bits: &[Bits<P>], rows| Bits::stack(&bits.iter().collect::<Vec<_>>(), rows);
    appended(&stacked(&of_right, right.keys.rows()), &stacked(&of_left, left.keys.rows()))
}
