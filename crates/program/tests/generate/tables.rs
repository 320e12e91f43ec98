//! Random sorting, grouping, joining, matrices and functions.

use treaty_program::{Builder, Flaw, Key, Kind, Operation, ValueId};

use super::{Choices, width};

/// Keys wider than this make tests slow.
const KEY_BITS: u8 = 34;

/// One of the operations on whole columns, or a small composition that ends in one.
pub(super) fn step(
    b: &mut Builder,
    choices: &mut Choices<'_>,
    [x, y, z]: [ValueId; 3],
) -> Result<ValueId, Flaw> {
    let rows = b.value(x).unwrap().ty.rows;
    match choices.below(16) {
        0 | 1 => {
            let keys = [x, y].map(|of| Key { of: key(b, of), descending: choices.below(2) == 1 });
            let order = b.sort(keys[..1 + choices.below(2)].to_vec())?;
            let arranged = b.push(Operation::Arrange { of: z, order })?;
            match choices.below(3) {
                0 => Ok(arranged),
                1 => b.push(Operation::Restore { of: arranged, order }),
                _ => b.push(Operation::Restore { of: z, order }),
            }
        }
        2 | 3 => {
            let keys = vec![key(b, x), key(b, y)][..1 + choices.below(2)].to_vec();
            let groups = b.group(keys)?;
            match choices.below(4) {
                0 => b.group_sum(z, groups),
                1 => b.push(Operation::GroupMinimum { of: z, groups }),
                2 => b.push(Operation::GroupMaximum { of: z, groups }),
                _ => b.push(Operation::Occupied(groups)),
            }
        }
        4 => {
            let (query, known) = (key(b, x), key(b, y));
            b.lookup(vec![query], vec![known], vec![z; choices.below(3)])
        }
        5 => b.push(Operation::Least(x)),
        6 => b.push(Operation::Greatest(x)),
        7 => b.push(Operation::RunningSum(x)),
        8 => {
            let starts = b.less_than(x, y)?;
            b.push(Operation::RunningMinimum { of: z, starts })
        }
        9 => {
            let starts = b.equal(x, y)?;
            b.push(Operation::RunningMaximum { of: z, starts })
        }
        10 => b.push(Operation::Decompose { of: x, width: 1 + choices.below(9) as u8 }),
        11 => {
            let row = b.transpose(x)?;
            b.matrix_multiply(row, y)
        }
        12 if rows <= 6 => {
            let row = b.transpose(y)?;
            let product = b.matrix_multiply(x, row)?;
            let sums = b.sum(product)?;
            b.transpose(sums)
        }
        12 | 13 => {
            let halves = b.reshape(x, 2, rows / 2)?;
            let turned = b.transpose(halves)?;
            let twice = b.concat(vec![turned, turned])?;
            let part = b.slice(twice, 0, rows / 2)?;
            b.reshape(part, rows, 1)
        }
        14 => function(b, choices, x),
        _ => digits(b, choices, x),
    }
}

/// A column that is narrow enough to sort by; of another one a bit.
fn key(b: &mut Builder, x: ValueId) -> ValueId {
    if b.value(x).unwrap().bits() <= KEY_BITS {
        return x;
    }
    let negative = b.push(Operation::Negate(x)).and_then(|y| b.less_than(x, y));
    negative.unwrap_or(x)
}

/// A function of a number that is read as one below 8, unless it is wider than 33 bits.
fn function(b: &mut Builder, choices: &mut Choices<'_>, x: ValueId) -> Result<ValueId, Flaw> {
    let fraction = width(b, x).saturating_sub(3).clamp(1, 30);
    let x = b.read_as(x, Kind::Fixed(fraction))?;
    match choices.below(4) {
        // Of a wider number it would exceed every promise.
        0 if width(b, x) <= 33 => b.exp(x, 12),
        0 | 1 => b.sigmoid(x),
        2 => b.push(Operation::Tanh(x)),
        _ => {
            // 1 + |x|
            let negative = b.push(Operation::Negate(x))?;
            let magnitude = b.maximum(x, negative)?;
            let rows = b.value(x).unwrap().ty.rows;
            let one =
                b.push(Operation::Constant { kind: Kind::Fixed(fraction), values: vec![1; rows as usize] })?;
            let positive = b.add(magnitude, one)?;
            b.push(Operation::Log(positive))
        }
    }
}

/// More or fewer binary places.
fn digits(b: &mut Builder, choices: &mut Choices<'_>, x: ValueId) -> Result<ValueId, Flaw> {
    let places = choices.below(24) as u8;
    match choices.below(7) {
        0 => b.push(Operation::ShiftLeft { of: x, places }),
        1 => b.push(Operation::ShiftRight { of: x, places }),
        2 => b.read_as(x, Kind::Fixed(places)),
        3 => b.read_as(x, Kind::Integer),
        4 => b.rescale(x, places),
        5 => b.push(Operation::Floor(x)),
        _ => b.rescale_near(x, places),
    }
}
