//! Columns one after another in one column, as operators move them together.

use std::ops::Range;

use crate::error::Result;
use crate::mpc::{Mixed, Numbers, Shares};
use crate::ops::compare::same_length;

/// Numbers that are moved in one call: of 128 bits 16 MiB a share. More at once would need memory for all of them several
/// times over, and save no more than a few rounds.
const MOVED_AT_ONCE: usize = 1 << 20;

/// How many columns of `rows` rows are moved in one call, one at least.
#[must_use]
pub fn columns_at_once(rows: usize) -> usize {
    (MOVED_AT_ONCE / rows.max(1)).max(1)
}

/// The columns, all of `rows` rows, one after another.
///
/// # Errors
/// [`Error::Lengths`](crate::Error::Lengths) when one has another length.
pub(super) fn joined<'a, P: Mixed + 'a>(
    operation: &'static str,
    rows: usize,
    columns: impl IntoIterator<Item = &'a Numbers<P>>,
) -> Result<Numbers<P>> {
    let columns: Vec<_> = columns.into_iter().collect();
    columns.iter().try_for_each(|column| same_length(operation, column.len(), rows))?;
    Ok(Shares::concat(&columns))
}

/// The first `count` columns of `rows` rows each.
pub(super) fn split<P: Mixed>(x: &Numbers<P>, rows: usize, count: usize) -> Vec<Numbers<P>> {
    (0..count).map(|column| x.slice(place(column, rows))).collect()
}

/// Where a column lies.
pub(super) fn place(column: usize, rows: usize) -> Range<usize> {
    column * rows..(column + 1) * rows
}

/// A column `times` times.
pub(super) fn repeated<P: Mixed>(x: &Numbers<P>, times: usize) -> Numbers<P> {
    Shares::concat(&vec![x; times])
}

/// The public map `map`, which respects sums, on each column of `rows` rows. Local.
pub(super) fn each_column<P: Mixed>(
    x: &Numbers<P>,
    rows: usize,
    map: impl Fn(&[P::Num], &mut [P::Num]),
) -> Numbers<P> {
    let rows = rows.max(1);
    x.mapped_into(x.len(), |values, out| {
        values.chunks(rows).zip(out.chunks_mut(rows)).for_each(|(values, out)| map(values, out));
    })
}
