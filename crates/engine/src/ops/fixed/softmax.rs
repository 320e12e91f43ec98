//! Rows of numbers as probabilities.

use ring::{Number, Ring};

use super::{Fixed, INNER, exp};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};
use crate::ops::bits::bits_of;
use crate::ops::columns::repeated;
use crate::ops::extremum::max_blocks;
use crate::ops::inverse::{InverseRange, reciprocal};

/// Fraction bits of the reciprocal of a row's sum.
const RECIPROCAL: u32 = 40;

/// eˣ over the sum of eˣ in its row, for a matrix stored row after row: within 2^-20, `columns` · 2^-29 and
/// 2^-`fraction` besides, for any x in the format.
///
/// The largest of each row is subtracted first, so that all powers lie in (0, 1] and their sum in [1,
/// `columns`]; one reciprocal serves a row. A tree of ⌈log₂ `columns`⌉ maxima, an [`exp`] per element, a
/// [`reciprocal`] per row, and 2 rounds. With ten columns in the default format 101 rounds and 300 bytes per
/// element.
///
/// # Errors
/// As [`exp`]; [`Error::Lengths`] when the elements don't fill their rows; [`Error::OutOfRange`] with more
/// than 30 fraction bits or 2^20 columns.
pub fn softmax<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    columns: usize,
    format: Fixed,
) -> Result<Numbers<P>> {
    let inner = Fixed { integer: format.integer.saturating_add(1), fraction: INNER };
    inner.check::<P::Num>("softmax", 128)?;
    let limits =
        [("fraction", u64::from(format.fraction), INNER.into()), ("columns", columns as u64, 1 << 20)];
    if let Some((parameter, found, most)) = limits.into_iter().find(|(_, found, most)| found > most) {
        return Err(Error::OutOfRange { operation: "softmax", parameter, found, most });
    }
    let rows = x.len().checked_div(columns).unwrap_or(0);
    if x.len() != rows * columns {
        return Err(Error::Lengths { operation: "softmax", left: x.len(), right: columns });
    }
    if x.is_empty() {
        return Ok(x.clone());
    }
    // Column after column, as maxima over blocks want it.
    let places: Vec<_> =
        (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column)).collect();
    let x = x.blocks(&places, 1);
    let largest = max_blocks(protocol, &x, columns, format.bits() + 2)?;
    let below = x.minus(&repeated::<P>(&largest, columns));
    let below = below.times(P::Num::ONE.shifted_left(INNER - format.fraction));
    let powers = exp(protocol, &below, inner)?;
    let sums = (0..columns).fold(<Numbers<P>>::zeros(rows), |sum, column| {
        sum.plus(&powers.slice(column * rows..(column + 1) * rows))
    });
    let bits = INNER + bits_of(columns as u128) + 1;
    let range = InverseRange { bits, fraction_in: INNER, fraction_out: RECIPROCAL };
    let inverse = reciprocal(protocol, &sums, range)?;
    let shares = protocol.multiply(&powers, &repeated::<P>(&inverse, columns))?;
    let shares = protocol.truncate_near(&shares, INNER + RECIPROCAL - format.fraction)?;
    let places: Vec<_> =
        (0..rows).flat_map(|row| (0..columns).map(move |column| column * rows + row)).collect();
    Ok(shares.blocks(&places, 1))
}
