//! Merged instructions: one call of an engine operator on the concatenated columns of many.

use std::ops::Range;

use engine::{
    Result,
    mpc::Mixed,
    ops::{self, DivideRange, RootRange},
};
use program::{Kind, Operation, Program, ValueId, Values};

use crate::{
    column::Column,
    local::negated,
    parallel::parallel,
    schedule::{Group, Joint, gap},
};

/// Rows of one call of a division or root, which holds about 2 kB of temporaries a row.
const DIVISION_BLOCK: usize = 1 << 15;
/// Rows of one call of any other kind.
const BLOCK: usize = 1 << 18;
/// Blocks that run at the same time: one computes while the other waits for its peers.
const BLOCKS_AT_ONCE: usize = 2;

/// Runs a group, whose members read the columns that `column` finds; results in the order of the members.
pub(crate) fn run<'a, P: Mixed + 'a>(
    protocol: &mut P,
    program: &Program,
    values: &Values,
    group: &Group,
    column: impl Fn(ValueId) -> &'a Column<P>,
) -> Result<Vec<Column<P>>> {
    let members = members(program, group);
    let operands = operands(protocol, values, &members, column);
    let rows: Vec<usize> =
        group.members.iter().map(|&i| values[program.result_of(i)].ty.rows as usize).collect();
    let call = Call::new(group.kind, &members, values);
    let blocks = blocks(rows.iter().sum(), call.block());
    let parts = parallel(protocol, BLOCKS_AT_ONCE, &blocks, |protocol, range| {
        let operands: Vec<_> = operands.iter().map(|operand| operand.slice(range.clone())).collect();
        call.run(protocol, &operands)
    })?;
    let whole = Column::concat(protocol, call.result(), &parts.iter().collect::<Vec<_>>());
    let mut end = 0;
    let columns = rows.iter().map(|rows| {
        end += rows;
        whole.slice(end - rows..end)
    });
    Ok(members.iter().zip(columns).map(|(operation, column)| after(protocol, operation, column)).collect())
}

fn members<'a>(program: &'a Program, group: &Group) -> Vec<&'a Operation> {
    group.members.iter().filter_map(|&i| program.body.get(i)).collect()
}

/// For each operand position, the members' columns one below the other.
fn operands<'a, P: Mixed + 'a>(
    protocol: &P,
    values: &Values,
    members: &[&Operation],
    column: impl Fn(ValueId) -> &'a Column<P>,
) -> Vec<Column<P>> {
    let ids: Vec<_> = members.iter().map(|operation| operation.operands()).collect();
    let first = ids.first().map(Vec::as_slice).unwrap_or_default();
    let position = |(position, first): (usize, &ValueId)| {
        let kind = values[*first].ty.kind;
        let columns: Vec<_> = members
            .iter()
            .zip(&ids)
            .filter_map(|(operation, ids)| Some(before(protocol, operation, column(*ids.get(position)?))))
            .collect();
        Column::concat(protocol, kind, &columns.iter().collect::<Vec<_>>())
    };
    first.iter().enumerate().map(position).collect()
}

/// An operand as its group's call takes it: x ∨ y = ¬(¬x ∧ ¬y), and max(x, y) = −min(−x, −y).
fn before<P: Mixed>(protocol: &P, operation: &Operation, operand: &Column<P>) -> Column<P> {
    match operation {
        Operation::Or(..) => Column::Bits(operand.bits(protocol).not(protocol)),
        Operation::Maximum(..) => Column::Numbers(negated::<P>(&operand.numbers(protocol))),
        _ => operand.clone(),
    }
}

/// A result as its member wants it: see [`before`].
fn after<P: Mixed>(protocol: &P, operation: &Operation, result: Column<P>) -> Column<P> {
    match operation {
        Operation::Or(..) | Operation::Maximum(..) => before(protocol, operation, &result),
        _ => result,
    }
}

/// Equal parts of at most `most` rows, but the last; each starts at a word of bits.
fn blocks(rows: usize, most: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(most).map(|start| start..rows.min(start + most)).collect()
}

/// An engine operator with its parameters.
enum Call {
    Multiply,
    And,
    SelectBits,
    Select,
    ToInteger,
    Equal { width: u32 },
    LessThan { width: u32 },
    Minimum { width: u32 },
    Divide(DivideRange),
    SquareRoot(RootRange),
}

impl Call {
    /// Its widths are the largest of the members'.
    fn new(kind: Joint, members: &[&Operation], values: &Values) -> Self {
        let width = || members.iter().map(|operation| width(operation, values)).max().unwrap_or(1);
        match kind {
            Joint::Multiply => Self::Multiply,
            Joint::And => Self::And,
            Joint::SelectBits => Self::SelectBits,
            Joint::Select => Self::Select,
            Joint::ToInteger => Self::ToInteger,
            Joint::Equal(_) => Self::Equal { width: width() },
            // One more for the sign.
            Joint::LessThan(_) => Self::LessThan { width: width() + 1 },
            Joint::Extremum(_) => Self::Minimum { width: width() + 1 },
            Joint::Divide { fraction } => Self::Divide(divide_range(members, fraction)),
            Joint::SquareRoot { fraction_in, fraction_out } => {
                Self::SquareRoot(root_range(members, fraction_in, fraction_out))
            }
        }
    }

    fn block(&self) -> usize {
        match self {
            Self::Divide(_) | Self::SquareRoot(_) => DIVISION_BLOCK,
            _ => BLOCK,
        }
    }

    fn result(&self) -> Kind {
        match self {
            Self::And | Self::SelectBits | Self::Equal { .. } | Self::LessThan { .. } => Kind::Bit,
            Self::Multiply | Self::Select | Self::ToInteger | Self::Minimum { .. } => Kind::Integer,
            Self::Divide(_) | Self::SquareRoot(_) => Kind::Integer,
        }
    }

    fn run<P: Mixed>(&self, protocol: &mut P, operands: &[Column<P>]) -> Result<Column<P>> {
        use Column::{Bits, Numbers};
        match (self, operands) {
            (Self::Multiply, [Numbers(x), Numbers(y)]) => protocol.multiply(x, y).map(Numbers),
            (Self::And, [Bits(x), Bits(y)]) => ops::and(protocol, x, y).map(Bits),
            (Self::SelectBits, [Bits(c), Bits(x), Bits(y)]) => ops::select_bits(protocol, c, x, y).map(Bits),
            (Self::Select, [Bits(c), Numbers(x), Numbers(y)]) => ops::select(protocol, c, x, y).map(Numbers),
            (Self::ToInteger, [Bits(x)]) => protocol.inject(x).map(Numbers),
            (Self::Equal { width }, [Numbers(x), Numbers(y)]) => ops::equal(protocol, x, y, *width).map(Bits),
            (Self::LessThan { width }, [Numbers(x), Numbers(y)]) => {
                ops::less_than(protocol, x, y, *width).map(Bits)
            }
            (Self::Minimum { width }, [Numbers(x), Numbers(y)]) => {
                ops::min(protocol, x, y, *width).map(Numbers)
            }
            (Self::Divide(range), [Numbers(x), Numbers(y)]) => {
                ops::divide(protocol, x, y, *range).map(Numbers)
            }
            (Self::SquareRoot(range), [Numbers(x)]) => ops::square_root(protocol, x, *range).map(Numbers),
            _ => unreachable!("the verifier checks each operation's operands"),
        }
    }
}

/// Bits of the magnitude of the difference of the first two operands; at least 1.
fn width(operation: &Operation, values: &Values) -> u32 {
    match operation.operands().as_slice() {
        [x, y, ..] => (u128::BITS - gap(&values[*x], &values[*y]).leading_zeros()).max(1),
        _ => 1,
    }
}

fn divide_range(members: &[&Operation], fraction: u8) -> DivideRange {
    let mut range =
        DivideRange { numerator_bits: 1, denominator_bits: 1, result_bits: 1, fraction: fraction.into() };
    for operation in members {
        if let Operation::Divide(d) = operation {
            range.numerator_bits = range.numerator_bits.max(d.numerator_bits.into());
            range.denominator_bits = range.denominator_bits.max(d.denominator_bits.into());
            range.result_bits = range.result_bits.max(d.result_bits.into());
        }
    }
    range
}

fn root_range(members: &[&Operation], fraction_in: u8, fraction_out: u8) -> RootRange {
    let bits = members.iter().filter_map(|operation| match operation {
        Operation::SquareRoot(s) => Some(s.bits.into()),
        _ => None,
    });
    let (fraction_in, fraction_out) = (fraction_in.into(), fraction_out.into());
    RootRange { bits: bits.max().unwrap_or(1), fraction_in, fraction_out }
}
