//! Instructions that need no message.

use engine::{
    mpc::{Bits, Mixed, Numbers, Shares},
    ops::prefix_sum,
};
use program::{Fault, Kind, Operand, Operation, ValueId, Values, Visibility, evaluate};
use ring::Number;

use crate::column::{Column, elements, packed};

/// The value `at`, which an instruction defines for which [`crate::schedule::joint`] finds no kind. `operands` are its
/// operands' columns, in order. Fails only where constants break a promised width.
pub(crate) fn run<P: Mixed>(
    protocol: &P,
    operation: &Operation,
    at: ValueId,
    values: &Values,
    operands: &[&Column<P>],
) -> Result<Column<P>, Fault> {
    let ty = values[at].ty;
    if ty.visibility == Visibility::Public {
        return Ok(Column::Public(ty.kind, public(operation, at, values, operands)?));
    }
    let width = ty.columns as usize;
    use Operation as O;
    Ok(match (operation, operands) {
        (O::Add(..), [x, y]) => Column::Numbers(x.numbers(protocol).plus(&y.numbers(protocol))),
        (O::Subtract(..), [x, y]) => Column::Numbers(x.numbers(protocol).minus(&y.numbers(protocol))),
        (O::Negate(_), [x]) => Column::Numbers(negated::<P>(&x.numbers(protocol))),
        (O::Multiply(..), [Column::Public(_, factors), x] | [x, Column::Public(_, factors)]) => {
            Column::Numbers(x.numbers(protocol).times_each(elements(factors).values()))
        }
        (O::Sum(_), [x]) => Column::Numbers(x.numbers(protocol).mapped_into(width, sum)),
        (O::Not(_), [x]) => Column::Bits(x.bits(protocol).not(protocol)),
        (O::Xor(..), [x, y]) => Column::Bits(x.bits(protocol).xor(&y.bits(protocol))),
        (O::And(..), [Column::Public(_, mask), x] | [x, Column::Public(_, mask)]) => {
            Column::Bits(masked(&x.bits(protocol), mask))
        }
        (O::Or(..), [Column::Public(_, mask), x] | [x, Column::Public(_, mask)]) => {
            // x ∨ m = (x ∧ ¬m) ⊕ m
            let kept = masked(&x.bits(protocol), &inverted(mask));
            Column::Bits(kept.xor(&Column::Public(Kind::Bit, mask.clone()).bits(protocol)))
        }
        (O::Select { .. }, [Column::Public(_, condition), then, otherwise]) if ty.kind == Kind::Bit => {
            let other = masked(&otherwise.bits(protocol), &inverted(condition));
            Column::Bits(masked(&then.bits(protocol), condition).xor(&other))
        }
        (O::Select { .. }, [Column::Public(_, condition), then, otherwise]) => {
            let chosen = then.numbers(protocol).times_each(elements(condition).values());
            let not = elements(&inverted(condition));
            Column::Numbers(chosen.plus(&otherwise.numbers(protocol).times_each(not.values())))
        }
        (O::Rescale { of, fraction }, [x]) => {
            let places = fraction.saturating_sub(values[*of].ty.kind.fraction());
            Column::Numbers(raised::<P>(&x.numbers(protocol), places))
        }
        (O::ShiftLeft { places, .. }, [x]) => Column::Numbers(raised::<P>(&x.numbers(protocol), *places)),
        (O::RunningSum(_), [x]) => Column::Numbers(prefix_sum::<P>(&x.numbers(protocol))),
        (O::Occupied(_), [Column::Groups(groups)]) => Column::Numbers(groups.occupied().clone()),
        (O::ReadAs { .. } | O::Floor(_) | O::ShiftRight { .. } | O::Reshape { .. }, [x]) => (*x).clone(),
        (O::Transpose(_), [x]) => {
            let (rows, columns) = (ty.rows as usize, width);
            x.gather(&(0..rows).flat_map(|r| (0..columns).map(move |c| c * rows + r)).collect::<Vec<_>>())
        }
        (O::Slice { start, rows, .. }, [x]) => {
            let start = *start as usize * width;
            x.slice(start..start + *rows as usize * width)
        }
        (O::Concat(_), parts) => Column::concat(protocol, ty.kind, parts),
        (O::Repeat { times, .. }, [x]) => Column::concat(protocol, ty.kind, &vec![*x; *times as usize]),
        _ => unreachable!("the schedule gives every other operation to a joint call"),
    })
}

/// The result in the clear, from operands in the clear.
fn public<P: Mixed>(
    operation: &Operation,
    at: ValueId,
    values: &Values,
    operands: &[&Column<P>],
) -> Result<Vec<i128>, Fault> {
    let clear = operation.operands().into_iter().zip(operands).map(|(id, operand)| match operand {
        Column::Public(_, elements) => Operand { ty: values[id].ty, elements },
        _ => unreachable!("only public operands yield a public value"),
    });
    evaluate(operation, at, &clear.collect::<Vec<_>>())
}

/// x · 2^places, which the verifier found to fit.
fn raised<P: Mixed>(x: &Numbers<P>, places: u8) -> Numbers<P> {
    if places == 0 { x.clone() } else { x.times(P::Num::from_u128(1 << places)) }
}

/// −x.
pub(crate) fn negated<P: Mixed>(x: &Numbers<P>) -> Numbers<P> {
    Numbers::<P>::zeros(x.len()).minus(x)
}

/// Adds the rows of `x`, which are as long as `total`, to it.
fn sum<N: Number>(x: &[N], total: &mut [N]) {
    for row in x.chunks(total.len().max(1)) {
        total.iter_mut().zip(row).for_each(|(total, x)| *total = total.plus(*x));
    }
}

/// The bits where `mask` is 1, zero elsewhere.
fn masked<P: Mixed>(bits: &Bits<P>, mask: &[i128]) -> Bits<P> {
    Bits::new(bits.words().times_each(packed(mask).values()), bits.rows(), 1)
}

fn inverted(bits: &[i128]) -> Vec<i128> {
    bits.iter().map(|bit| 1 - bit).collect()
}
