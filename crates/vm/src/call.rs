//! One call of an engine operator, for all instructions that are merged.

use engine::{
    Result,
    mpc::Mixed,
    ops::{self, DivideRange, RootRange, fixed::Fixed},
};
use program::{Kind, Operation, Values};

use crate::{
    column::Column,
    schedule::{Function, Joint, gap},
};

/// Rows of one call of a division, root or function, which holds about 2 kB of temporaries a row.
const DIVISION_BLOCK: usize = 1 << 15;
/// Rows of one call of any other kind.
const BLOCK: usize = 1 << 18;
/// An engine operator with its parameters.
pub(crate) enum Call {
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
    Truncate { width: u32, places: u32 },
    TruncateNear { places: u32 },
    Function(Function, Fixed),
}

impl Call {
    /// Its widths are the largest of the members'.
    pub(crate) fn new(kind: Joint, members: &[&Operation], values: &Values) -> Self {
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
            Joint::Truncate { places } => {
                let width = operand_bits(members, values).max(places.into()) + 1;
                Self::Truncate { width, places: places.into() }
            }
            Joint::TruncateNear { places } => Self::TruncateNear { places: places.into() },
            Joint::Function { function, fraction } => {
                Self::Function(function, fixed(members, values, fraction.into()))
            }
            Joint::Move { .. } | Joint::Whole { .. } => unreachable!("runs on whole columns"),
        }
    }

    /// Rows of one call.
    pub(crate) fn block(&self) -> usize {
        match self {
            Self::Divide(_) | Self::SquareRoot(_) | Self::Function(..) => DIVISION_BLOCK,
            _ => BLOCK,
        }
    }

    /// The kind of column that it yields: bits or numbers.
    pub(crate) fn result(&self) -> Kind {
        match self {
            Self::And | Self::SelectBits | Self::Equal { .. } | Self::LessThan { .. } => Kind::Bit,
            Self::Multiply | Self::Select | Self::ToInteger | Self::Minimum { .. } => Kind::Integer,
            Self::Divide(_) | Self::SquareRoot(_) | Self::Function(..) => Kind::Integer,
            Self::Truncate { .. } | Self::TruncateNear { .. } => Kind::Integer,
        }
    }

    /// Runs it on columns of equally many rows.
    pub(crate) fn run<P: Mixed>(&self, protocol: &mut P, operands: &[Column<P>]) -> Result<Column<P>> {
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
            (Self::Truncate { width, places }, [Numbers(x)]) => {
                ops::truncate(protocol, x, *width, *places).map(Numbers)
            }
            (Self::TruncateNear { places }, [Numbers(x)]) => protocol.truncate_near(x, *places).map(Numbers),
            (Self::Function(function, format), [Numbers(x)]) => {
                let function = match function {
                    Function::Exp => ops::fixed::exp,
                    Function::Log => ops::fixed::log,
                    Function::Sigmoid => ops::fixed::sigmoid,
                    Function::Tanh => ops::fixed::tanh,
                };
                function(protocol, x, *format).map(Numbers)
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

/// Bits of the magnitudes of the members' first operands.
fn operand_bits(members: &[&Operation], values: &Values) -> u32 {
    let bits = members.iter().filter_map(|operation| operation.operands().first().copied());
    bits.map(|id| values[id].bits().into()).max().unwrap_or(0)
}

/// The format that holds the members' operands and what they promise of their results.
fn fixed(members: &[&Operation], values: &Values, fraction: u32) -> Fixed {
    let promised = members.iter().map(|operation| match operation {
        Operation::Exp { result_bits, .. } => u32::from(*result_bits),
        _ => 1,
    });
    let integer = operand_bits(members, values).saturating_sub(fraction).max(promised.max().unwrap_or(1));
    Fixed { integer, fraction }
}
