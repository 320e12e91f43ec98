//! The logistic function in few rounds.

use ring::{Number, Ring};

use super::polynomial::evaluate;
use super::{Fixed, INNER};
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Numbers, Shares};
use crate::ops::compare::negative;

/// The polynomial stands for x between −2^REACH and 2^REACH.
const REACH: u32 = 3;

/// q for which ½ + t · q(t²), t = x / 2^REACH, is the logistic function, scaled by 2^INNER: least squares at 400
/// Chebyshev nodes, within 1.3·10^-4.
const ODD: [i64; 11] = [
    2_144_054_175,
    -11_092_152_662,
    61_333_671_731,
    -273_215_140_245,
    896_843_536_313,
    -2_081_420_349_041,
    3_332_780_716_572,
    -3_580_089_506_462,
    2_455_287_277_376,
    -969_543_131_242,
    167_507_584_995,
];

/// 1 / (1 + e⁻ˣ) within 2^-11 and 2^(1 − `fraction`) besides, for any x: for whoever iterates, where
/// [`sigmoid`](super::sigmoid()) takes three times the rounds and is within 2^-20.
///
/// An odd polynomial of degree 21 stands for it where |x| < 8; beyond it is 0 or 1. In the default format 14
/// rounds and 264 bytes per row.
///
/// # Errors
/// As [`exp`](super::exp()); [`Error::OutOfRange`] with more than 30 fraction bits.
pub fn sigmoid_coarse<P: Mixed>(protocol: &mut P, x: &Numbers<P>, format: Fixed) -> Result<Numbers<P>> {
    format.check::<P::Num>("sigmoid_coarse", 128)?;
    let limits = [("integer", format.integer, 54), ("fraction", format.fraction, INNER)];
    if let Some((parameter, found, most)) = limits.into_iter().find(|(_, found, most)| found > most) {
        let (found, most) = (found.into(), most.into());
        return Err(Error::OutOfRange { operation: "sigmoid_coarse", parameter, found, most });
    }
    let rows = x.len();
    let reach = P::Num::ONE.shifted_left(format.fraction + REACH);
    // Whether x is below −8, and whether it is below 8; at the same time the polynomial, which means nothing outside.
    let signs = |protocol: &mut P| {
        let low = protocol.plus_constant(x, reach);
        let high = protocol.plus_constant(x, reach.negated());
        let signs = negative(protocol, &Shares::concat(&[&low, &high]), format.bits() + 2)?;
        protocol.inject(&signs)
    };
    let odd = |protocol: &mut P| {
        let t = x.times(P::Num::ONE.shifted_left(INNER - format.fraction));
        let square = protocol.multiply_near(&t, &t, INNER + 2 * REACH)?;
        let odd = evaluate(protocol, &square, &ODD)?;
        protocol.multiply_near(&t, &odd, 2 * INNER + REACH - format.fraction)
    };
    let (signs, odd) = protocol.both(signs, odd)?;
    let (low, not_high) = (signs.slice(0..rows), signs.slice(rows..2 * rows));
    let odd = protocol.multiply(&odd, &not_high.minus(&low))?;
    // One where x is 8 or more, half of it inside.
    let one = P::Num::ONE.shifted_left(format.fraction);
    let half = low.plus(&not_high).times(one.shifted_right(1).negated());
    Ok(protocol.plus_constant(&odd.plus(&half), one))
}
