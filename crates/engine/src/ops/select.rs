//! One of two, by a secret bit.

use super::bits::and;
use super::compare::same_length;
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// In each row `x` where `choice` (of width 1) is set, else `y`: `y + b · (x − y)`. 3 rounds, 2 numbers.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`](crate::Error::Lengths).
pub fn select<P: Mixed>(
    protocol: &mut P,
    choice: &Bits<P>,
    x: &Numbers<P>,
    y: &Numbers<P>,
) -> Result<Numbers<P>> {
    same_length("select", x.len(), y.len())?;
    same_length("select", choice.rows(), x.len())?;
    let choice = protocol.inject(&choice.bit(0))?;
    Ok(protocol.multiply(&choice, &x.minus(y))?.plus(y))
}

/// In each row the bits of `x` where `choice` (of width 1) is set, else those of `y`. 1 round, 1 bit per bit.
///
/// # Errors
/// Those of the transport; [`Error::Lengths`](crate::Error::Lengths).
pub fn select_bits<P: Mixed>(
    protocol: &mut P,
    choice: &Bits<P>,
    x: &Bits<P>,
    y: &Bits<P>,
) -> Result<Bits<P>> {
    same_length("select_bits", x.rows(), y.rows())?;
    let choices = choice.pick(&vec![0; x.width()]);
    Ok(and(protocol, &choices, &x.xor(y))?.xor(y))
}
