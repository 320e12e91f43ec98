//! Numbers moved by secret powers of two.

use ring::{Number, Ring};

use super::mantissa::PRECISION;
use super::normalise::{chosen, power_at_place, power_of_two};
use super::truncate::{leaves_room, truncate};
use crate::error::Result;
use crate::mpc::{Bits, Mixed, Numbers, Shares};

/// [`scale`] first moves up by at most, then down by exactly, that many places.
pub(super) const DOWN: u32 = 64;

/// Width of the exponents that [`scale`] takes.
const EXPONENT_WIDTH: usize = 7;

/// `x` · 2^`moved`(place) for the place of the leading bit: within 1 and rounding at random, or to the nearest and then
/// moved up. |x| < 2^(PRECISION + 5).
///
/// Where the exponents lie so close together that x times any of their powers fits the ring, one power and one public
/// move are enough.
///
/// # Errors
/// Those of the transport.
pub(super) fn scale_by_place<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    leading: &Bits<P>,
    moved: impl Fn(usize) -> i64,
) -> Result<Numbers<P>> {
    // Moved down by more than DOWN places every x is 0.
    let moved = |place| moved(place).max(-i64::from(DOWN));
    let all = || (0..leading.width()).map(moved);
    let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    let (down, bits) = ((-least).max(0) as u32, i64::from(PRECISION + 5) + most - least);
    if bits < 126 {
        let bits = bits as u32;
        let power = power_at_place(protocol, leading, |place| (moved(place) - least) as usize)?;
        let raised = protocol.multiply(x, &power)?;
        if down == 0 {
            return Ok(raised.times(P::Num::ONE.shifted_left(least as u32)));
        }
        if leaves_room::<P::Num>(bits) {
            return protocol.truncate_near(&raised, down);
        }
        let raised = protocol.plus_constant(&raised, P::Num::ONE.shifted_left(down - 1));
        return truncate(protocol, &raised, bits + 2, down);
    }
    let down = chosen(leading, EXPONENT_WIDTH, |place| {
        (moved(place) + i64::from(DOWN)).clamp(0, DOWN.into()) as usize
    });
    let up = chosen(leading, EXPONENT_WIDTH, |place| moved(place).max(0) as usize);
    scale(protocol, x, &down, &up)
}

/// `x` · 2^(`down` − DOWN), rounded to the nearest, times 2^`up`; the exponents have EXPONENT_WIDTH bits and `down`
/// is at most DOWN. |x| < 2^(PRECISION + 5).
///
/// # Errors
/// Those of the transport.
pub(super) fn scale<P: Mixed>(
    protocol: &mut P,
    x: &Numbers<P>,
    down: &Bits<P>,
    up: &Bits<P>,
) -> Result<Numbers<P>> {
    let rows = x.len();
    let bits = protocol.inject(&Bits::stack(&[down, up], rows))?;
    // Both powers go through one product tree.
    let exponent: Vec<_> = (0..EXPONENT_WIDTH)
        .map(|place| {
            let column = |exponent: usize| {
                let first = (exponent * EXPONENT_WIDTH + place) * rows;
                bits.slice(first..first + rows)
            };
            Shares::concat(&[&column(0), &column(1)])
        })
        .collect();
    let powers = power_of_two(protocol, &exponent, 2 * rows)?;
    let raised = protocol.multiply(x, &powers.slice(0..rows))?;
    let raised = protocol.plus_constant(&raised, P::Num::ONE.shifted_left(DOWN - 1));
    let moved = truncate(protocol, &raised, PRECISION + DOWN + 7, DOWN)?;
    protocol.multiply(&moved, &powers.slice(rows..2 * rows))
}
