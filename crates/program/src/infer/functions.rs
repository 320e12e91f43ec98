//! Functions that are not exact on shares: their ranges and how far they may be off.

use crate::{
    Divide, Flaw, Kind, SquareRoot, Type, Value, ValueId,
    verify::limits::{
        MAX_BITS, MAX_DENOMINATOR_BITS, MAX_EXPONENT_BITS, MAX_FUNCTION_FRACTION, MAX_NUMERATOR_BITS,
        MAX_QUOTIENT_BITS, MAX_ROOT_FRACTION,
    },
};

use super::{joint, site::Site};

impl Site<'_> {
    pub(super) fn divide(&self, d: &Divide) -> Result<Value, Flaw> {
        let [n, q] = self.columns(Kind::Integer, [d.numerator, d.denominator])?;
        self.parameter("numerator bits", d.numerator_bits.into(), 1, MAX_NUMERATOR_BITS.into())?;
        self.parameter("denominator bits", d.denominator_bits.into(), 1, MAX_DENOMINATOR_BITS.into())?;
        let most = u64::from(MAX_QUOTIENT_BITS);
        self.parameter("result bits", d.result_bits.into(), 1, most)?;
        self.parameter("fraction bits", d.fraction.into(), 0, most - u64::from(d.result_bits))?;
        // Rounding towards −∞ may reach −2^(result_bits + fraction) itself.
        let magnitude = 1 << (d.result_bits + d.fraction);
        let ty = Type { visibility: joint(&[n, q]), ..n.ty };
        self.near(ty, magnitude, (magnitude >> 30) + 2, &[n, q])
    }

    pub(super) fn square_root(&self, s: &SquareRoot) -> Result<Value, Flaw> {
        let x = self.of_kind(Kind::Integer, s.of)?;
        self.parameter("bits", s.bits.into(), 1, MAX_NUMERATOR_BITS.into())?;
        self.parameter("fraction bits of the operand", s.fraction_in.into(), 0, s.bits.into())?;
        self.parameter("fraction bits", s.fraction_out.into(), 0, MAX_ROOT_FRACTION.into())?;
        // At most 59 places before the point and 50 behind it.
        let magnitude = 1 << s.result_bits();
        self.near(x.ty, magnitude, (magnitude >> 30) + 2, &[x])
    }

    pub(super) fn exp(&self, of: ValueId, result_bits: u8) -> Result<Value, Flaw> {
        let x = self.function_operand(of, 0)?;
        self.parameter("result bits", result_bits.into(), 1, MAX_EXPONENT_BITS.into())?;
        let magnitude = 1 << (result_bits + x.ty.kind.fraction());
        self.near(x.ty, magnitude, (magnitude >> 22) + 2, &[x])
    }

    pub(super) fn log(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.function_operand(x, 0)?;
        let fraction = x.ty.kind.fraction();
        // |ln x| < the larger of the places before and behind the point.
        let most = u128::from(fraction.max(x.bits().saturating_sub(fraction)).max(1));
        let magnitude = most << fraction;
        self.near(x.ty, magnitude, (1 << fraction >> 22) + 2, &[x])
    }

    pub(super) fn sigmoid(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.function_operand(x, 0)?;
        self.smooth(x, 20, 2)
    }

    pub(super) fn tanh(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.function_operand(x, 1)?;
        self.smooth(x, 19, 3)
    }

    /// A function into [−1, 1] whose slope is nowhere above 1, within 2^-accuracy and some units of the last place.
    fn smooth(&self, x: Value, accuracy: u8, units: u128) -> Result<Value, Flaw> {
        let one = 1u128 << x.ty.kind.fraction();
        let own = (one >> accuracy) + units;
        let error = x.error.map(|error| error.saturating_add(own));
        Ok(Value { ty: x.ty, magnitude: one + own, error })
    }

    /// A fixed-point number that leaves `room` bits for being multiplied.
    fn function_operand(&self, of: ValueId, room: u8) -> Result<Value, Flaw> {
        let x = self.number(of)?;
        let Kind::Fixed(fraction) = x.ty.kind else {
            let (operation, at, found) = (self.name, self.at, x.ty.kind);
            let expected = Kind::Fixed(MAX_FUNCTION_FRACTION);
            return Err(Flaw::KindMismatch { operation, at, operand: of, expected, found });
        };
        self.parameter("binary places of its operand", fraction.into(), 1, MAX_FUNCTION_FRACTION.into())?;
        let before = x.bits().saturating_sub(fraction);
        let most = MAX_EXPONENT_BITS - room;
        self.parameter("places before the point of its operand", before.into(), 0, most.into())?;
        Ok(x)
    }

    /// A result within `error` of its value where the operands keep what is promised of them; of operands that are not
    /// exact nobody can tell whether they do.
    fn near(&self, ty: Type, magnitude: u128, error: u128, operands: &[Value]) -> Result<Value, Flaw> {
        debug_assert!(magnitude.leading_zeros() > u128::BITS - u32::from(MAX_BITS));
        let bounded = operands.iter().all(Value::is_exact);
        Ok(Value { ty, magnitude: magnitude + error, error: bounded.then_some(error) })
    }
}
