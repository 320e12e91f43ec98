//! Exact arithmetic on numbers.

use crate::{
    Flaw, Kind, Type, Value, ValueId, Visibility,
    verify::limits::{MAX_NEAR_BITS, MAX_NOISY, MAX_SCALE},
};

use super::{chosen, joint, one_of, site::Site, with_kind};

impl Site<'_> {
    pub(super) fn sum_of_two(&self, x: ValueId, y: ValueId) -> Result<Value, Flaw> {
        let [x, y] = self.numbers([x, y])?;
        let ty = Type { visibility: joint(&[x, y]), ..x.ty };
        self.bounded(ty, x.magnitude.checked_add(y.magnitude), add(x.error, y.error))
    }

    pub(super) fn product(&self, x: ValueId, y: ValueId) -> Result<Value, Flaw> {
        self.same_shape(x, y)?;
        let ty = self.value(x)?.ty;
        self.sum_of_products(ty, x, y, 1)
    }

    /// `terms` products of an element of each, added up: of type `ty` but for what follows from the operands.
    fn sum_of_products(&self, ty: Type, x: ValueId, y: ValueId, terms: u32) -> Result<Value, Flaw> {
        let (x, y) = (self.number(x)?, self.number(y)?);
        let kind = match (x.ty.kind, y.ty.kind) {
            (Kind::Integer, Kind::Integer) => Kind::Integer,
            (x, y) => Kind::Fixed(x.fraction().saturating_add(y.fraction())),
        };
        self.fraction(kind.fraction())?;
        let ty = Type { kind, visibility: joint(&[x, y]), ..ty };
        let product = x.magnitude.checked_mul(y.magnitude);
        let error = scaled(y.error, x.magnitude).zip(scaled(x.error, y.magnitude));
        let error = error.map(|(x, y)| x.saturating_add(y));
        match product {
            None => Err(self.too_wide(u16::from(x.bits()) + u16::from(y.bits()))),
            Some(product) => self.bounded(ty, product.checked_mul(terms.into()), scaled(error, terms.into())),
        }
    }

    pub(super) fn matrix_product(&self, x: ValueId, y: ValueId) -> Result<Value, Flaw> {
        let (left, right) = (self.number(x)?.ty, self.number(y)?.ty);
        if left.columns != right.rows {
            let (operation, at, expected, found) = (self.name, self.at, left.columns, right.rows);
            return Err(Flaw::InnerMismatch { operation, at, first: x, expected, operand: y, found });
        }
        let ty = self.shape(left, left.rows.into(), right.columns.into())?;
        self.sum_of_products(ty, x, y, left.columns)
    }

    pub(super) fn sum(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.number(x)?;
        let ty = Type { rows: 1, ..x.ty };
        self.bounded(ty, x.magnitude.checked_mul(x.ty.rows.into()), scaled(x.error, x.ty.rows.into()))
    }

    /// `bits` bounds a draw of that scale.
    pub(super) fn noise(
        &self,
        rows: u32,
        [numerator, denominator]: [u64; 2],
        bits: impl Fn(u64, u64) -> u8,
    ) -> Result<Value, Flaw> {
        self.row_count(rows.into())?;
        self.parameter("numerator of the scale", numerator, 1, MAX_SCALE)?;
        self.parameter("denominator of the scale", denominator, 1, MAX_SCALE)?;
        self.parameter("common divisor of the scale", divisor(numerator, denominator), 1, 1)?;
        let ty = Type { kind: Kind::Integer, rows, columns: 1, visibility: Visibility::Secret };
        let magnitude = MAX_NOISY << bits(numerator, denominator);
        // It may differ from the reference's zeros by all of it.
        self.bounded(ty, Some(magnitude), Some(magnitude))
    }

    pub(super) fn running_sum(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.number_column(x)?;
        self.bounded(x.ty, x.magnitude.checked_mul(x.ty.rows.into()), scaled(x.error, x.ty.rows.into()))
    }

    pub(super) fn extreme(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.number_column(x)?;
        self.parameter("rows of its operand", x.ty.rows.into(), 1, u64::MAX)?;
        Ok(Value { ty: Type { rows: 1, ..x.ty }, ..x })
    }

    pub(super) fn running_extreme(&self, of: ValueId, starts: ValueId) -> Result<Value, Flaw> {
        let (x, begins) = (self.number_column(of)?, self.of_kind(Kind::Bit, starts)?);
        self.same_shape(of, starts)?;
        let ty = Type { visibility: joint(&[x, begins]), ..x.ty };
        Ok(Value { ty, error: chosen(&begins, x.magnitude, x.error), ..x })
    }

    pub(super) fn select(
        &self,
        condition: ValueId,
        then: ValueId,
        otherwise: ValueId,
    ) -> Result<Value, Flaw> {
        let c = self.of_kind(Kind::Bit, condition)?;
        let kind = self.movable(then)?.ty.kind;
        let [t, o] = self.columns(kind, [then, otherwise])?;
        self.same_shape(condition, then)?;
        let either = one_of(&t, &[t, o]);
        let ty = Type { visibility: joint(&[c, t, o]), ..t.ty };
        Ok(Value { ty, error: chosen(&c, either.magnitude, either.error), ..either })
    }

    pub(super) fn decompose(&self, of: ValueId, width: u8) -> Result<Value, Flaw> {
        let x = self.number_column(of)?;
        self.parameter("width", width.into(), 1, crate::limits::MAX_BITS.into())?;
        let rows = u64::from(x.ty.rows) * u64::from(width);
        let ty = self.shape(Type { kind: Kind::Bit, ..x.ty }, rows, 1)?;
        Ok(Value { ty, magnitude: 1, error: Some(u128::from(!x.is_exact())) })
    }

    pub(super) fn rescale(&self, of: ValueId, fraction: u8) -> Result<Value, Flaw> {
        let x = self.number(of)?;
        self.fraction(fraction)?;
        let y = with_kind(x, Kind::Fixed(fraction));
        match x.ty.kind.fraction().checked_sub(fraction) {
            Some(places) => Ok(fewer(y, places, 1)),
            None => self.more(y, fraction - x.ty.kind.fraction()),
        }
    }

    pub(super) fn rescale_near(&self, of: ValueId, fraction: u8) -> Result<Value, Flaw> {
        let x = self.number(of)?;
        let own = u64::from(x.ty.kind.fraction());
        self.parameter("binary places of its operand", own, u64::from(fraction) + 1, u64::MAX)?;
        self.parameter("bits of its operand", x.bits().into(), 0, MAX_NEAR_BITS.into())?;
        let y = fewer(with_kind(x, Kind::Fixed(fraction)), x.ty.kind.fraction() - fraction, 2);
        // Rounding up or down at random is an error even where the operand has none.
        Ok(Value { error: y.error.map(|error| error.max(1)), ..y })
    }

    pub(super) fn floor(&self, x: ValueId) -> Result<Value, Flaw> {
        let x = self.number(x)?;
        Ok(fewer(with_kind(x, Kind::Integer), x.ty.kind.fraction(), 1))
    }

    pub(super) fn read_as(&self, of: ValueId, kind: Kind) -> Result<Value, Flaw> {
        let x = self.number(of)?;
        self.fraction(kind.fraction())?;
        if kind.is_number() {
            return Ok(with_kind(x, kind));
        }
        let (operation, at, expected) = (self.name, self.at, x.ty.kind);
        Err(Flaw::KindMismatch { operation, at, operand: of, expected, found: kind })
    }

    pub(super) fn shift_left(&self, of: ValueId, places: u8) -> Result<Value, Flaw> {
        let x = self.number(of)?;
        self.parameter("places", places.into(), 0, 125)?;
        self.more(x, places)
    }

    pub(super) fn shift_right(&self, of: ValueId, places: u8) -> Result<Value, Flaw> {
        let x = self.number(of)?;
        self.parameter("places", places.into(), 0, 125)?;
        Ok(fewer(x, places, 1))
    }

    fn more(&self, x: Value, places: u8) -> Result<Value, Flaw> {
        let factor = 1u128.checked_shl(places.into()).unwrap_or(u128::MAX);
        if x.magnitude.checked_mul(factor).is_none() {
            return Err(self.too_wide(u16::from(x.bits()) + u16::from(places)));
        }
        self.bounded(x.ty, x.magnitude.checked_mul(factor), scaled(x.error, factor))
    }
}

/// Without the last `places`: rounded towards −∞, where an error of the operand can cost `extra` units more.
fn fewer(x: Value, places: u8, extra: u128) -> Value {
    if places == 0 {
        return x;
    }
    let shift = |x: u128| x.checked_shr(places.into()).unwrap_or(0);
    let error = x.error.map(|error| if error == 0 { 0 } else { shift(error).saturating_add(extra) });
    // −1 stays −1.
    Value { magnitude: shift(x.magnitude) + 1, error, ..x }
}

pub(super) fn add(x: Option<u128>, y: Option<u128>) -> Option<u128> {
    Some(x?.saturating_add(y?))
}

pub(super) fn scaled(error: Option<u128>, factor: u128) -> Option<u128> {
    Some(error?.saturating_mul(factor))
}

fn divisor(x: u64, y: u64) -> u64 {
    if y == 0 { x } else { divisor(y, x % y) }
}
