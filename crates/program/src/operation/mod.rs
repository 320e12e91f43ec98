//! What an instruction does.
//!
//! Operands have equal shapes unless stated otherwise. *Numbers* are integers or fixed-point numbers, all of one kind.
//! What stands here twice, in the documentation and in [`table`], is checked by the round-trip tests.

mod field;
mod table;

pub(crate) use field::{Each, Field, Fill, Number, Piece, list, pieces};

use std::fmt;

use crate::{Kind, ValueId};

/// One step of the joint computation; yields one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A public column that stands in the program.
    Constant {
        /// What each element is.
        kind: Kind,
        /// The elements: 0 or 1 for bits, |x| < 2^126 for integers.
        values: Vec<i128>,
    },

    /// Numbers: x + y.
    Add(ValueId, ValueId),
    /// Numbers: x − y.
    Subtract(ValueId, ValueId),
    /// Number: −x.
    Negate(ValueId),
    /// Numbers, of one kind or two: x · y, exact, with the binary places of both together. By a constant (scaling) it
    /// needs no communication.
    Multiply(ValueId, ValueId),
    /// Numbers: the sum of all rows, in one row.
    Sum(ValueId),
    /// A bit as the integer 0 or 1.
    ToInteger(ValueId),

    /// Numbers: x < y, as a bit.
    LessThan(ValueId, ValueId),
    /// Numbers: x = y, as a bit.
    Equal(ValueId, ValueId),
    /// Numbers: the smaller one.
    Minimum(ValueId, ValueId),
    /// Numbers: the larger one.
    Maximum(ValueId, ValueId),

    /// Bit.
    Not(ValueId),
    /// Bits.
    And(ValueId, ValueId),
    /// Bits.
    Or(ValueId, ValueId),
    /// Bits.
    Xor(ValueId, ValueId),
    /// Row by row: `then` where `condition` holds, `otherwise` elsewhere; both of the same kind.
    Select {
        /// A bit.
        condition: ValueId,
        /// Taken where it is true.
        then: ValueId,
        /// Taken where it is false.
        otherwise: ValueId,
    },

    /// Integers: ⌊numerator · 2^fraction / denominator⌋, and 0 where the denominator is 0.
    Divide(Divide),
    /// Integer: ⌊√(of · 2^(2·fraction_out − fraction_in))⌋.
    SquareRoot(SquareRoot),

    /// Rows `start .. start + rows`.
    Slice {
        /// The whole column.
        of: ValueId,
        /// First row.
        start: u32,
        /// Number of rows.
        rows: u32,
    },
    /// The columns one below the other; all of the same kind, of any row counts; at least one.
    Concat(Vec<ValueId>),
    /// The whole column, `times` times one below the other.
    Repeat {
        /// The column.
        of: ValueId,
        /// At least 1.
        times: u32,
    },

    /// Number with `fraction` binary places: rounded towards −∞ where that is fewer than it has. Without a message
    /// where it is not.
    Rescale {
        /// The number.
        of: ValueId,
        /// At most 100.
        fraction: u8,
    },
    /// Number with fewer binary places, rounded on shares to one neighbour or the other at random, which is cheaper than
    /// [`Operation::Rescale`]; it fails with probability 2^-40. At most 87 bits.
    RescaleNear {
        /// The number.
        of: ValueId,
        /// Fewer than it has.
        fraction: u8,
    },
    /// Fixed-point number as an integer, rounded towards −∞.
    Floor(ValueId),
    /// The same shared integers, read as numbers of another kind: a quotient with 24 binary places, for example, as
    /// `fixed24`.
    ReadAs {
        /// The number.
        of: ValueId,
        /// What its digits now mean.
        kind: Kind,
    },
    /// Number times 2^places.
    ShiftLeft {
        /// The number.
        of: ValueId,
        /// At most 125.
        places: u8,
    },
    /// Number divided by 2^places, rounded towards −∞ at its last place.
    ShiftRight {
        /// The number.
        of: ValueId,
        /// At most 125.
        places: u8,
    },

    /// Numbers: the product of two matrices; its binary places are those of both together, as in
    /// [`Operation::Multiply`].
    MatrixMultiply(ValueId, ValueId),
    /// Rows as columns.
    Transpose(ValueId),
    /// The elements, row after row, as another matrix.
    Reshape {
        /// The matrix or column.
        of: ValueId,
        /// Rows.
        rows: u32,
        /// Elements of a row; rows · columns is what it has.
        columns: u32,
    },

    /// Fixed-point number x, of at most 30 binary places: eˣ with as many. On shares within 2^-22 of its value and
    /// two units besides.
    Exp {
        /// The exponent.
        of: ValueId,
        /// The author's promise: eˣ < 2^result_bits; at most 52.
        result_bits: u8,
    },
    /// Fixed-point number, positive, of at most 30 binary places: its natural logarithm with as many, on shares within
    /// 2^-22 and a unit.
    Log(ValueId),
    /// Fixed-point number x of at most 30 binary places: 1 / (1 + e⁻ˣ), on shares within 2^-20 and a unit.
    Sigmoid(ValueId),
    /// Fixed-point number of at most 30 binary places: its hyperbolic tangent, on shares within 2^-19 and two units.
    Tanh(ValueId),

    /// Numbers: the smallest of a column of at least one row, in one row.
    Least(ValueId),
    /// Numbers: the largest of a column of at least one row, in one row.
    Greatest(ValueId),
    /// Numbers: in each row of a column the sum of the rows up to it.
    RunningSum(ValueId),
    /// Numbers: in each row the smallest of its segment up to it.
    RunningMinimum {
        /// The column.
        of: ValueId,
        /// A bit: where a segment begins.
        starts: ValueId,
    },
    /// Numbers: in each row the largest of its segment up to it.
    RunningMaximum {
        /// The column.
        of: ValueId,
        /// A bit: where a segment begins.
        starts: ValueId,
    },
    /// The low bits of a column of numbers in two's complement: `width` columns of bits, the lowest first, one below
    /// the other.
    Decompose {
        /// The column.
        of: ValueId,
        /// How many: 1 to 126.
        width: u8,
    },

    /// The order in which rows ascend, or descend, by the first key, among equals by the next, and so on; equal rows stay in
    /// their order.
    Sort(Vec<Key>),
    /// A column of numbers or bits, its rows in that order.
    Arrange {
        /// The column.
        of: ValueId,
        /// The order.
        order: ValueId,
    },
    /// The inverse of [`Operation::Arrange`].
    Restore {
        /// The ordered column.
        of: ValueId,
        /// The order.
        order: ValueId,
    },

    /// Rows grouped by equal keys, in the keys' ascending order.
    Group(Vec<ValueId>),
    /// Numbers: the sum of each group. As many rows as there were; zero beyond the groups, so that their number stays
    /// secret.
    GroupSum {
        /// The column.
        of: ValueId,
        /// The groups of its rows.
        groups: ValueId,
    },
    /// Numbers: the smallest of each group; zero beyond the groups. Of a key it is the group's key.
    GroupMinimum {
        /// The column.
        of: ValueId,
        /// The groups of its rows.
        groups: ValueId,
    },
    /// Numbers: the largest of each group; zero beyond the groups.
    GroupMaximum {
        /// The column.
        of: ValueId,
        /// The groups of its rows.
        groups: ValueId,
    },
    /// 1 in the row of each group, 0 beyond them, as integers.
    Occupied(ValueId),
    /// The left join of queries with rows of unique keys: a column of 1 where the query's key exists, else 0, and below it
    /// each of `columns` at the row with that key (of several, the first), else 0. Integers.
    Lookup {
        /// What is looked up: as many columns as `keys`.
        queries: Vec<ValueId>,
        /// The keys.
        keys: Vec<ValueId>,
        /// What is fetched: integers, of the keys' rows.
        columns: Vec<ValueId>,
    },
    /// Integers that the compute parties draw jointly and nobody knows: discrete Laplace noise, P(x) ∝ e^(−|x|/scale), of
    /// each of as many parties as it takes to have an honest one among them. The plaintext reference has zeros here.
    Noise {
        /// How many.
        rows: u32,
        /// The scale is numerator / denominator, in lowest terms.
        numerator: u64,
        /// At least 1.
        denominator: u64,
    },
    /// The same with discrete Gaussian noise, P(x) ∝ e^(−x²/2σ²).
    Gaussian {
        /// How many.
        rows: u32,
        /// σ is numerator / denominator, in lowest terms.
        numerator: u64,
        /// At least 1.
        denominator: u64,
    },
}

/// As [`noise_bits`], for each draw of [`Operation::Gaussian`].
pub fn gaussian_bits(numerator: u64, denominator: u64) -> u8 {
    // A contract's ρ is at most 5, so that a person changes what is hidden by √10 σ at most, below 3.17 σ. What remains of
    // 13 σ is above 9.83 σ, beyond which there is less than e^-48 < 2^-64.
    let most = (13 * u128::from(numerator)).div_ceil(u128::from(denominator.max(1)));
    // At most 60.
    (u128::BITS - most.leading_zeros()) as u8
}

/// Each draw of [`Operation::Noise`] is below 2 to this power. An answer tells of a person only where the draw lies within
/// what one person changes of this bound: the power is large enough that a draw without a bound lies there, or beyond,
/// with a probability below 2^-64.
pub fn noise_bits(numerator: u64, denominator: u64) -> u8 {
    // A contract's ε is at most 20, so that a person changes what is hidden by 20 times the scale at most. What remains of
    // 65 times the scale is 45 times, beyond which there is less than e^-45 < 2^-64 on the side that tells.
    let most = (65 * u128::from(numerator)).div_ceil(u128::from(denominator.max(1)));
    // At most 63.
    (u128::BITS - most.leading_zeros()) as u8
}

/// One of the keys that rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// A column of numbers or bits.
    pub of: ValueId,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// Secret division. On shares its relative error is at most 2^-30 plus 2^-fraction absolute; the plaintext
/// reference rounds towards −∞.
///
/// The widths are the author's promise about the values, tighter than what can be derived (a variance's numerator
/// is never negative): the reference refuses values outside them, the joint computation would yield noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divide {
    /// Signed.
    pub numerator: ValueId,
    /// Not negative.
    pub denominator: ValueId,
    /// |numerator| < 2^numerator_bits; at most 118.
    pub numerator_bits: u8,
    /// 0 ≤ denominator < 2^denominator_bits; at most 60.
    pub denominator_bits: u8,
    /// |numerator / denominator| < 2^result_bits.
    pub result_bits: u8,
    /// Binary places of the result; result_bits + fraction is at most 110.
    pub fraction: u8,
}

/// Secret square root. On shares its relative error is at most 2^-30 plus 2^-fraction_out absolute; the plaintext
/// reference rounds down. For the widths see [`Divide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SquareRoot {
    /// Not negative.
    pub of: ValueId,
    /// of < 2^bits; at most 118.
    pub bits: u8,
    /// Binary places of `of`; at most `bits`.
    pub fraction_in: u8,
    /// Binary places of the result; at most 50.
    pub fraction_out: u8,
}

impl Operation {
    /// The values that it reads, in order; a value may occur more than once.
    pub fn operands(&self) -> Vec<ValueId> {
        let mut operands = Vec::new();
        let (_, _, fields) = self.parts();
        fields.into_iter().for_each(|(_, field)| field.operands(&mut operands));
        operands
    }
}

/// The right-hand side of an instruction's line in the listing.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, listing, fields) = self.parts();
        list(f, listing, &fields)
    }
}

impl SquareRoot {
    /// The root is at most 2^result_bits, binary places included.
    pub fn result_bits(&self) -> u8 {
        // √(2^bits · 2^(2·out − in)), rounded up; `fraction_in` ≤ `bits` in every verified program.
        self.bits.saturating_sub(self.fraction_in).div_ceil(2).saturating_add(self.fraction_out)
    }
}
