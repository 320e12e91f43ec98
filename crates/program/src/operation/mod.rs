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

    /// Integers: x + y.
    Add(ValueId, ValueId),
    /// Integers: x − y.
    Subtract(ValueId, ValueId),
    /// Integer: −x.
    Negate(ValueId),
    /// Integers: x · y. By a constant (scaling) it needs no communication.
    Multiply(ValueId, ValueId),
    /// Integer: the sum of all rows, in one row.
    Sum(ValueId),
    /// A bit as the integer 0 or 1.
    ToInteger(ValueId),

    /// Integers: x < y, as a bit.
    LessThan(ValueId, ValueId),
    /// Integers: x = y, as a bit.
    Equal(ValueId, ValueId),
    /// Integers: the smaller one.
    Minimum(ValueId, ValueId),
    /// Integers: the larger one.
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
