//! In which order a program's instructions run, and which run as one. A function of the program alone, so that
//! all parties agree on it without a word.

mod planner;

use program::{Kind, Operation, Program, Value, ValueId, Values, Visibility};

use planner::Planner;

/// What can run without waiting for anything but the steps before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Instructions that need no message, in order: first.
    pub(crate) local: Vec<usize>,
    /// Merged instructions, each group in a call of its own, all at the same time: then.
    pub(crate) groups: Vec<Group>,
}

/// Instructions that run as one call on their concatenated columns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// What they have in common.
    pub(crate) kind: Joint,
    /// Positions in the program's body.
    pub(crate) members: Vec<usize>,
}

/// The kinds of call that exchange messages. Instructions of equal kind are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Joint {
    /// Two secret integers.
    Multiply,
    /// `and` and `or` of two secret bits.
    And,
    /// Of bits, by a secret bit.
    SelectBits,
    /// Of integers, by a secret bit.
    Select,
    /// A secret bit as an integer.
    ToInteger,
    /// By the width that the operands' difference may have.
    Equal(Width),
    /// By the width that the operands' difference may have.
    LessThan(Width),
    /// `minimum` and `maximum`, by the width that the operands' difference may have.
    Extremum(Width),
    /// Of quotients with equally many binary places.
    Divide {
        /// Their number.
        fraction: u8,
    },
    /// Of roots with equally many binary places, before and after.
    SquareRoot {
        /// Of the operand.
        fraction_in: u8,
        /// Of the root.
        fraction_out: u8,
    },
    /// Fewer binary places, rounded down.
    Truncate {
        /// How many are dropped.
        places: u8,
    },
    /// Fewer binary places, rounded to either neighbour.
    TruncateNear {
        /// How many are dropped.
        places: u8,
    },
    /// A function of numbers with equally many binary places.
    Function {
        /// Which.
        function: Function,
        /// Binary places.
        fraction: u8,
    },
    /// Columns moved by one order.
    Move {
        /// The order.
        order: ValueId,
        /// Whether back to where they were.
        back: bool,
        /// Whether they are bits.
        bits: bool,
    },
    /// The value that is named, of an operation on whole columns, which merges with no other.
    Whole {
        /// The value.
        of: ValueId,
        /// Rounds, nearly.
        weight: u32,
    },
}

/// The functions of fixed-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    Exp,
    Log,
    Sigmoid,
    Tanh,
}

/// A class of widths: merging a narrow comparison with a far wider one would waste bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Width(u8);

impl Width {
    fn of(magnitude: u128) -> Self {
        Self((u128::BITS - magnitude.leading_zeros()).div_ceil(32) as u8)
    }

    /// Levels of a prefix tree over the widest of the class.
    fn levels(self) -> u32 {
        (u32::from(self.0) * 32).max(1).ilog2()
    }
}

impl Joint {
    /// Rounds, near enough to decide what should wait for what.
    fn weight(self) -> u32 {
        match self {
            Self::Multiply | Self::And | Self::SelectBits => 1,
            Self::ToInteger => 2,
            Self::Select => 3,
            Self::Equal(width) => 1 + width.levels(),
            Self::LessThan(width) => 2 + width.levels(),
            Self::Extremum(width) => 5 + width.levels(),
            Self::SquareRoot { .. } => 50,
            Self::Divide { .. } => 60,
            Self::TruncateNear { .. } => 1,
            Self::Move { .. } => 3,
            Self::Truncate { .. } => 11,
            Self::Function { function: Function::Sigmoid | Function::Tanh, .. } => 56,
            Self::Function { function: Function::Exp | Function::Log, .. } => 36,
            Self::Whole { weight, .. } => weight,
        }
    }
}

/// How the instruction that defines `at` runs: `None` without a message.
pub(crate) fn joint(operation: &Operation, at: ValueId, values: &Values) -> Option<Joint> {
    let secret = |id: &ValueId| values[*id].ty.visibility == Visibility::Secret;
    let gap = |x: &ValueId, y: &ValueId| Width::of(gap(&values[*x], &values[*y]));
    let fraction = |id: &ValueId| values[*id].ty.kind.fraction();
    let whole = |weight| Some(Joint::Whole { of: at, weight });
    if !secret(&at) {
        return None;
    }
    use Operation as O;
    match operation {
        O::Multiply(x, y) if secret(x) && secret(y) => Some(Joint::Multiply),
        O::And(x, y) | O::Or(x, y) if secret(x) && secret(y) => Some(Joint::And),
        O::Select { condition, then, .. } if secret(condition) => match values[*then].ty.kind {
            Kind::Bit => Some(Joint::SelectBits),
            _ => Some(Joint::Select),
        },
        O::ToInteger(_) => Some(Joint::ToInteger),
        O::LessThan(x, y) => Some(Joint::LessThan(gap(x, y))),
        O::Equal(x, y) => Some(Joint::Equal(gap(x, y))),
        O::Minimum(x, y) | O::Maximum(x, y) => Some(Joint::Extremum(gap(x, y))),
        O::Divide(d) => Some(Joint::Divide { fraction: d.fraction }),
        O::SquareRoot(s) => {
            Some(Joint::SquareRoot { fraction_in: s.fraction_in, fraction_out: s.fraction_out })
        }
        O::Rescale { of, fraction: to } => fewer(fraction(of).saturating_sub(*to)),
        O::Floor(x) => fewer(fraction(x)),
        O::ShiftRight { places, .. } => fewer(*places),
        O::RescaleNear { of, fraction: to } => {
            Some(Joint::TruncateNear { places: fraction(of).saturating_sub(*to) })
        }
        O::Exp { of, .. } => Some(Joint::Function { function: Function::Exp, fraction: fraction(of) }),
        O::Log(x) => Some(Joint::Function { function: Function::Log, fraction: fraction(x) }),
        O::Sigmoid(x) => Some(Joint::Function { function: Function::Sigmoid, fraction: fraction(x) }),
        O::Tanh(x) => Some(Joint::Function { function: Function::Tanh, fraction: fraction(x) }),
        O::Arrange { of, order } | O::Restore { of, order } => Some(Joint::Move {
            order: *order,
            back: matches!(operation, O::Restore { .. }),
            bits: values[*of].ty.kind == Kind::Bit,
        }),
        O::MatrixMultiply(..) => whole(1),
        O::Decompose { .. } => whole(8),
        O::Least(_) | O::Greatest(_) | O::RunningMinimum { .. } | O::RunningMaximum { .. } => whole(100),
        O::GroupMinimum { .. } | O::GroupMaximum { .. } => whole(100),
        O::GroupSum { .. } => whole(7),
        O::Sort(_) | O::Group(_) | O::Lookup { .. } => whole(150),
        O::Noise { .. } | O::Gaussian { .. } => whole(1),
        O::Constant { .. } | O::Add(..) | O::Subtract(..) | O::Negate(_) | O::Multiply(..) | O::Sum(_) => {
            None
        }
        O::Not(_) | O::And(..) | O::Or(..) | O::Xor(..) | O::Select { .. } => None,
        O::Slice { .. } | O::Concat(_) | O::Repeat { .. } | O::Transpose(_) | O::Reshape { .. } => None,
        O::ReadAs { .. } | O::ShiftLeft { .. } | O::RunningSum(_) | O::Occupied(_) => None,
    }
}

fn fewer(places: u8) -> Option<Joint> {
    (places > 0).then_some(Joint::Truncate { places })
}

/// The steps in which the instructions run that the outputs need.
pub(crate) fn schedule(program: &Program, values: &Values) -> Vec<Step> {
    let mut planner = Planner::new(program, values);
    let mut steps = Vec::new();
    while !planner.is_done() {
        steps.push(planner.step());
    }
    steps
}

/// The largest magnitude of the difference of two values.
pub(crate) fn gap(x: &Value, y: &Value) -> u128 {
    // Each is below 2^126.
    x.magnitude + y.magnitude
}

impl Step {
    /// The instructions of the step, in the order in which they run.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = usize> {
        self.local.iter().chain(self.groups.iter().flat_map(|group| &group.members)).copied()
    }
}
