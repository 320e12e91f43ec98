//! Sums of integers and quotients, compared exactly: brought to one side and one denominator. A mean is its sum over its
//! count, which is positive where there is a mean, so that nothing is divided and the sign is that of the difference.

use program::{Builder, ValueId};

use crate::{Refused, union::tree};

/// A part of a sum: `factor · number / count / 10^scale`.
pub(crate) struct Term {
    pub(crate) number: ValueId,
    /// Of a mean.
    pub(crate) count: Option<ValueId>,
    pub(crate) factor: i128,
    pub(crate) scale: u8,
}

/// The terms' sum, times all of their counts; none without terms. `what` says for a refusal whose digits are too many.
pub(crate) fn sum(
    builder: &mut Builder,
    terms: &[Term],
    what: &'static str,
) -> Result<Option<ValueId>, Refused> {
    let scale = terms.iter().map(|term| term.scale).max().unwrap_or(0);
    let mut sum = Vec::with_capacity(terms.len());
    for (place, term) in terms.iter().enumerate() {
        let digits = 10_i128.checked_pow((scale - term.scale).into());
        let factor = digits.and_then(|digits| term.factor.checked_mul(digits));
        let factor =
            factor.ok_or(Refused::TooLarge { what, found: scale.into(), most: crate::DIGITS_MAX })?;
        let mut value = term.number;
        for (_, other) in terms.iter().enumerate().filter(|(other, _)| *other != place) {
            if let Some(count) = other.count {
                value = builder.multiply(value, count)?;
            }
        }
        sum.push(if factor == 1 { value } else { builder.scale(value, factor)? });
    }
    Ok(tree(builder, sum, Builder::add)?)
}
