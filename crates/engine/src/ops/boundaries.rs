//! Where groups of equal keys begin and end in sorted rows.

use super::bits::and;
use super::rows::{later_by, only_rows, public_bits, rows_from};
use crate::error::Result;
use crate::mpc::{Bits, Mixed};

/// The borders of runs of equal keys.
pub struct Boundaries<P: Mixed> {
    /// Where the row before has another key, or there is none.
    pub starts: Bits<P>,
    /// Where the next row has another key, or there is none.
    pub ends: Bits<P>,
}

/// The borders of the runs of equal rows in `keys`. ⌈log₂ width⌉ rounds, less than 1 bit per bit.
///
/// # Errors
/// Those of the transport.
pub fn boundaries<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Boundaries<P>> {
    let ends = ends(protocol, keys)?;
    let first = public_bits(protocol, keys.rows(), |row| row == 0);
    let starts = only_rows(&later_by(&ends, 1), |row| row > 0).xor(&first);
    Ok(Boundaries { starts, ends })
}

fn ends<P: Mixed>(protocol: &mut P, keys: &Bits<P>) -> Result<Bits<P>> {
    let (rows, width) = (keys.rows(), keys.width());
    let mut same = keys.xor(&rows_from(keys, 1, rows)).not(protocol);
    while same.width() > 1 {
        let half = same.width() / 2;
        let joined = and(protocol, &same.range(0..half), &same.range(half..2 * half))?;
        same = Bits::stack(&[&joined, &same.range(2 * half..same.width())], rows);
    }
    if width == 0 {
        same = public_bits(protocol, rows, |_| true);
    }
    Ok(only_rows(&same, |row| row + 1 < rows).not(protocol))
}
