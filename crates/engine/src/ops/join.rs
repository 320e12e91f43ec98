//! Equi-joins by secret keys.
//!
//! The rows of both tables are sorted by key together, so that a row of the unique side comes first among its equals; its
//! values are then spread over them: the first rows of all groups are moved to the front, where neighbours are subtracted
//! from each other, moved back, and summed up again. Source: the duplication of Blanton, Aguiar: Private and Oblivious Set and
//! Multiset Operations, 2012, and of Araki et al., CCS 2021, §5. Nothing is opened about which rows meet, or how many.

use ring::{Lanes, Ring};

use super::group::starts_and_ends;
use super::order::{bits_of_rows, words_of_rows};
use super::scan::prefix_sum;
use super::sort::sort;
use crate::error::{Error, Result};
use crate::mpc::{Bits, Mixed, Mpc, Numbers, Shares};

/// What was found for each row that was looked up.
pub struct Found<P: Mixed> {
    /// 1 where the key exists, else 0.
    pub matched: Numbers<P>,
    /// The columns of the row with that key, one after another; zero where there is none.
    pub columns: Numbers<P>,
}

/// Looks `queries` up among `keys`, which are unique (of equal ones the first counts) and as wide, and fetches `columns`, which
/// are one or more of as many rows as `keys`. It is the left join of the queries; an inner or anti join goes on with
/// `matched`.
///
/// Two sorts of all rows together, by the keys and by one bit, a comparison of neighbours, and 12 rounds with 7
/// numbers per row and column.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`]; [`Error::Widths`] when keys and queries differ in width.
pub fn lookup<P: Mixed>(
    protocol: &mut P,
    keys: &Bits<P>,
    queries: &Bits<P>,
    columns: &Numbers<P>,
) -> Result<Found<P>> {
    if keys.width() != queries.width() {
        let (left, right) = (keys.width(), queries.width());
        return Err(Error::Widths { operation: "lookup", left, right });
    }
    let (known, asked) = (keys.rows(), queries.rows());
    let count = columns.len().checked_div(known).unwrap_or(0);
    if columns.len() != count * known {
        return Err(Error::Lengths { operation: "lookup", left: known, right: columns.len() });
    }
    let (rows, count) = (known + asked, count + 1);
    let all = appended(keys, queries);
    let by_key = sort(protocol, &all)?;
    let sorted = by_key.apply_bits(protocol, &all)?;
    let (starts, _) = starts_and_ends(protocol, &sorted)?;
    let starts_first = sort(protocol, &starts.not(protocol))?;
    let starts = protocol.inject(&starts)?;

    let values = extended(protocol, columns, known, asked);
    let values = by_key.apply(protocol, &values)?;
    let at_front = starts_first.apply(protocol, &Shares::concat(&[&values, &starts]))?;
    let occupied = at_front.slice(count * rows..(count + 1) * rows);
    let steps: Vec<_> =
        (0..count).map(|column| steps::<P>(&at_front.slice(column * rows..(column + 1) * rows))).collect();
    let steps = Shares::concat(&steps.iter().collect::<Vec<_>>());
    let steps = protocol.multiply(&steps, &Shares::concat(&vec![&occupied; count]))?;
    let steps = starts_first.undo(protocol, &steps)?;
    let sums: Vec<_> =
        (0..count).map(|column| prefix_sum::<P>(&steps.slice(column * rows..(column + 1) * rows))).collect();
    let spread = by_key.undo(protocol, &Shares::concat(&sums.iter().collect::<Vec<_>>()))?;

    let asked: Vec<_> =
        (0..count).map(|column| spread.slice(column * rows + known..(column + 1) * rows)).collect();
    let (matched, columns) = asked.split_first().map_or_else(
        || (<Numbers<P>>::zeros(0), <Numbers<P>>::zeros(0)),
        |(matched, columns)| (matched.clone(), Shares::concat(&columns.iter().collect::<Vec<_>>())),
    );
    Ok(Found { matched, columns })
}

/// A column of ones and then `columns`, each followed by a zero for every row that is looked up. Local.
fn extended<P: Mixed>(protocol: &P, columns: &Numbers<P>, known: usize, asked: usize) -> Numbers<P> {
    let ones = Mpc::<P::Num>::constant(protocol, P::Num::ONE, known);
    let zeros = <Numbers<P>>::zeros(asked);
    let count = columns.len().checked_div(known).unwrap_or(0);
    let columns = (0..count).map(|column| columns.slice(column * known..(column + 1) * known));
    let extended: Vec<_> =
        std::iter::once(ones).chain(columns).map(|column| Shares::concat(&[&column, &zeros])).collect();
    Shares::concat(&extended.iter().collect::<Vec<_>>())
}

/// Each row minus the one before it. Local.
fn steps<P: Mixed>(x: &Numbers<P>) -> Numbers<P> {
    x.mapped_into(x.len(), |values, steps| {
        let mut before = P::Num::ZERO;
        for (value, step) in values.iter().zip(steps) {
            *step = value.minus(before);
            before = *value;
        }
    })
}

/// The rows of `first` and then those of `second`, of equal width. Local.
fn appended<P: Mixed>(first: &Bits<P>, second: &Bits<P>) -> Bits<P> {
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
