//! Instructions that need no message.

use engine::mpc::{Bits, Mixed, Numbers, Shares};
use program::{Fault, Kind, Operation, Type, ValueId, Visibility, evaluate};
use ring::Number;

use crate::column::{Column, elements, packed};

/// The value `at`, which an instruction defines for which [`crate::schedule::joint`] finds no kind. `ty` is its
/// type, `operands` are its operands' columns, in order. Fails only where constants break a promised width.
pub(crate) fn run<P: Mixed>(
    protocol: &P,
    operation: &Operation,
    at: ValueId,
    ty: Type,
    operands: &[&Column<P>],
) -> Result<Column<P>, Fault> {
    if ty.visibility == Visibility::Public {
        return Ok(Column::Public(ty.kind, public(operation, at, operands)?));
    }
    use Operation as O;
    Ok(match (operation, operands) {
        (O::Add(..), [x, y]) => Column::Numbers(x.numbers(protocol).plus(&y.numbers(protocol))),
        (O::Subtract(..), [x, y]) => Column::Numbers(x.numbers(protocol).minus(&y.numbers(protocol))),
        (O::Negate(_), [x]) => Column::Numbers(negated::<P>(&x.numbers(protocol))),
        (O::Multiply(..), [Column::Public(_, factors), x] | [x, Column::Public(_, factors)]) => {
            Column::Numbers(x.numbers(protocol).times_each(elements(factors).values()))
        }
        (O::Sum(_), [x]) => Column::Numbers(x.numbers(protocol).mapped_into(1, sum)),
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
        (O::Select { .. }, [Column::Public(_, condition), then, otherwise]) => match ty.kind {
            Kind::Integer => {
                let chosen = then.numbers(protocol).times_each(elements(condition).values());
                let not = elements(&inverted(condition));
                Column::Numbers(chosen.plus(&otherwise.numbers(protocol).times_each(not.values())))
            }
            Kind::Bit => {
                let other = masked(&otherwise.bits(protocol), &inverted(condition));
                Column::Bits(masked(&then.bits(protocol), condition).xor(&other))
            }
        },
        (O::Slice { start, rows, .. }, [x]) => {
            let start = *start as usize;
            x.slice(start..start + *rows as usize)
        }
        (O::Concat(_), parts) => Column::concat(protocol, ty.kind, parts),
        (O::Repeat { times, .. }, [x]) => Column::concat(protocol, ty.kind, &vec![*x; *times as usize]),
        _ => unreachable!("the schedule gives every other operation to a joint call"),
    })
}

/// The result in the clear, from operands in the clear.
fn public<P: Mixed>(operation: &Operation, at: ValueId, operands: &[&Column<P>]) -> Result<Vec<i128>, Fault> {
    let clear: Vec<&[i128]> = operands
        .iter()
        .map(|operand| match operand {
            Column::Public(_, values) => values.as_slice(),
            Column::Numbers(_) | Column::Bits(_) => unreachable!("only public operands yield a public value"),
        })
        .collect();
    evaluate(operation, at, &clear)
}

/// −x.
pub(crate) fn negated<P: Mixed>(x: &Numbers<P>) -> Numbers<P> {
    Numbers::<P>::zeros(x.len()).minus(x)
}

/// Adds all of `x` to each element of `total`.
fn sum<N: Number>(x: &[N], total: &mut [N]) {
    total.iter_mut().for_each(|total| *total = x.iter().fold(*total, |sum, x| sum.plus(*x)));
}

/// The bits where `mask` is 1, zero elsewhere.
fn masked<P: Mixed>(bits: &Bits<P>, mask: &[i128]) -> Bits<P> {
    Bits::new(bits.words().times_each(packed(mask).values()), bits.rows(), 1)
}

fn inverted(bits: &[i128]) -> Vec<i128> {
    bits.iter().map(|bit| 1 - bit).collect()
}
