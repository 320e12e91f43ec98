//! Small numbers as one-hot rows.

use ring::Lanes;

use super::bits::and;
use crate::error::Result;
use crate::mpc::{Bits, Mpc};

/// A digit on the way to its one-hot row.
pub(super) struct Digit<P: Mpc<Lanes>> {
    /// The bits of the digit, lowest first.
    pub(super) bits: Bits<P>,
    /// Whether any place is to be set, as one slice.
    pub(super) kept: Bits<P>,
}

/// For each digit a row of 2^bits places of which that of the digit's value is set, or none where it isn't kept. As many
/// rounds as the longest digit has bits, less than 2^bits bits for each digit.
///
/// # Errors
/// Those of the transport.
pub(super) fn one_hot<P: Mpc<Lanes>>(
    protocol: &mut P,
    digits: &[Digit<P>],
    rows: usize,
) -> Result<Vec<Bits<P>>> {
    let mut rows_of: Vec<_> = digits.iter().map(|digit| digit.kept.clone()).collect();
    let longest = digits.iter().map(|digit| digit.bits.width()).max().unwrap_or(0);
    for place in 0..longest {
        let growing = || digits.iter().enumerate().filter(|(_, digit)| digit.bits.width() > place);
        let left: Vec<_> = growing().map(|(index, _)| &rows_of[index]).collect();
        let right: Vec<_> =
            growing().map(|(index, digit)| digit.bits.pick(&vec![place; rows_of[index].width()])).collect();
        let left = Bits::stack(&left, rows);
        let upper = and(protocol, &left, &Bits::stack(&right.iter().collect::<Vec<_>>(), rows))?;
        let mut first = 0;
        for (index, _) in growing() {
            let half = upper.range(first..first + rows_of[index].width());
            first += half.width();
            rows_of[index] = Bits::stack(&[&rows_of[index].xor(&half), &half], rows);
        }
    }
    Ok(rows_of)
}
