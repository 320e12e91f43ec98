//! Polynomials with public coefficients.

use ring::Number;

use super::INNER;
use crate::error::Result;
use crate::mpc::{Mixed, Numbers, Shares};

/// `Σ coefficients[k] · tᵏ`, with t and the coefficients scaled by 2^INNER, and |t| ≤ 1: within 2^-INNER for each term. The powers
/// come level by level, each from two of the level below: 2 rounds a level and 1 at the end.
///
/// # Errors
/// Those of the transport.
pub(super) fn evaluate<P: Mixed>(
    protocol: &mut P,
    t: &Numbers<P>,
    coefficients: &[i64],
) -> Result<Numbers<P>> {
    let rows = t.len();
    let mut powers = vec![t.clone()];
    while powers.len() + 1 < coefficients.len() {
        let new = powers.len().min(coefficients.len() - 1 - powers.len());
        let highest = vec![&powers[powers.len() - 1]; new];
        let lowest: Vec<_> = powers[..new].iter().collect();
        let products = protocol.multiply_near(&Shares::concat(&highest), &Shares::concat(&lowest), INNER)?;
        powers.extend((0..new).map(|place| products.slice(place * rows..(place + 1) * rows)));
    }
    let number = |value: i128| P::Num::from_i128(value);
    let [constant, rest @ ..] = coefficients else { return Ok(<Numbers<P>>::zeros(rows)) };
    let terms = powers.iter().zip(rest).map(|(power, factor)| power.times(number((*factor).into())));
    let sum = terms.fold(<Numbers<P>>::zeros(rows), |sum, term| sum.plus(&term));
    let sum = protocol.plus_constant(&sum, number(i128::from(*constant) << INNER));
    protocol.truncate_near(&sum, INNER)
}
