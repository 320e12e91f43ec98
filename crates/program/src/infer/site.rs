//! One instruction among the values before it: what it asks of its operands.

use crate::{
    Flaw, Kind, Type, Value, ValueId, Visibility,
    verify::limits::{MAX_BITS, MAX_FRACTION, MAX_ROWS},
};

use super::MAX_MAGNITUDE;

/// One instruction, among the values defined before it.
pub(super) struct Site<'a> {
    pub(super) name: &'static str,
    pub(super) at: ValueId,
    pub(super) defined: &'a [Value],
}

impl Site<'_> {
    pub(super) fn value(&self, operand: ValueId) -> Result<Value, Flaw> {
        let undefined = Flaw::Undefined { operation: self.name, at: self.at, operand };
        self.defined.get(operand.index()).copied().ok_or(undefined)
    }

    /// The operands, all of `kind` and of equal shape.
    pub(super) fn columns<const N: usize>(
        &self,
        kind: Kind,
        operands: [ValueId; N],
    ) -> Result<[Value; N], Flaw> {
        let mut out = [Value {
            ty: Type { kind, rows: 0, columns: 1, visibility: Visibility::Public },
            magnitude: 0,
            error: Some(0),
        }; N];
        for (slot, &operand) in out.iter_mut().zip(&operands) {
            *slot = self.of_kind(kind, operand)?;
            self.same_shape(operands[0], operand)?;
        }
        Ok(out)
    }

    /// The operands, numbers of one kind and of equal shape.
    pub(super) fn numbers<const N: usize>(&self, operands: [ValueId; N]) -> Result<[Value; N], Flaw> {
        let kind = match operands.first() {
            Some(&first) => self.number(first)?.ty.kind,
            None => Kind::Integer,
        };
        self.columns(kind, operands)
    }

    pub(super) fn number(&self, operand: ValueId) -> Result<Value, Flaw> {
        let kind = self.value(operand)?.ty.kind;
        self.of_kind(if kind.is_number() { kind } else { Kind::Integer }, operand)
    }

    /// A number that is one column wide.
    pub(super) fn number_column(&self, operand: ValueId) -> Result<Value, Flaw> {
        let v = self.number(operand)?;
        self.column(operand, v)
    }

    pub(super) fn of_kind(&self, expected: Kind, operand: ValueId) -> Result<Value, Flaw> {
        let v = self.value(operand)?;
        if v.ty.kind == expected {
            return Ok(v);
        }
        Err(Flaw::KindMismatch { operation: self.name, at: self.at, operand, expected, found: v.ty.kind })
    }

    /// Numbers or bits.
    pub(super) fn movable(&self, operand: ValueId) -> Result<Value, Flaw> {
        let v = self.value(operand)?;
        if v.ty.kind.is_opaque() {
            return Err(Flaw::Opaque { operation: self.name, at: self.at, operand, found: v.ty.kind });
        }
        Ok(v)
    }

    pub(super) fn column(&self, operand: ValueId, v: Value) -> Result<Value, Flaw> {
        if v.ty.columns == 1 {
            return Ok(v);
        }
        Err(Flaw::NotAColumn { operation: self.name, at: self.at, operand, found: v.ty.columns })
    }

    pub(super) fn same_rows(&self, first: ValueId, operand: ValueId) -> Result<(), Flaw> {
        let (expected, found) = (self.value(first)?.ty.rows, self.value(operand)?.ty.rows);
        if expected == found {
            return Ok(());
        }
        Err(Flaw::RowMismatch { operation: self.name, at: self.at, first, expected, operand, found })
    }

    pub(super) fn same_columns(&self, first: ValueId, operand: ValueId) -> Result<(), Flaw> {
        let (expected, found) = (self.value(first)?.ty.columns, self.value(operand)?.ty.columns);
        if expected == found {
            return Ok(());
        }
        Err(Flaw::ColumnMismatch { operation: self.name, at: self.at, first, expected, operand, found })
    }

    pub(super) fn same_shape(&self, first: ValueId, operand: ValueId) -> Result<(), Flaw> {
        self.same_rows(first, operand)?;
        self.same_columns(first, operand)
    }

    /// A value of type `ty`, unless its magnitude (`None`: beyond 128 bits) exceeds what is exact.
    pub(super) fn bounded(
        &self,
        ty: Type,
        magnitude: Option<u128>,
        error: Option<u128>,
    ) -> Result<Value, Flaw> {
        match magnitude {
            Some(magnitude) if magnitude <= MAX_MAGNITUDE => Ok(Value { ty, magnitude, error }),
            Some(m) => Err(self.too_wide((u128::BITS - m.leading_zeros()) as u16)),
            None => Err(self.too_wide(u128::BITS as u16 + 1)),
        }
    }

    pub(super) fn too_wide(&self, bits: u16) -> Flaw {
        Flaw::TooWide { operation: self.name, at: self.at, bits, most: MAX_BITS }
    }

    /// A number of rows or, for a matrix, elements.
    pub(super) fn row_count(&self, rows: u64) -> Result<u32, Flaw> {
        self.parameter("rows", rows, 0, u64::from(MAX_ROWS))?;
        // At most MAX_ROWS, a u32.
        Ok(rows as u32)
    }

    /// A shape whose elements are within the limit.
    pub(super) fn shape(&self, ty: Type, rows: u64, columns: u64) -> Result<Type, Flaw> {
        let (rows, columns) = (self.row_count(rows)?, self.row_count(columns)?);
        self.row_count(u64::from(rows) * u64::from(columns))?;
        Ok(Type { rows, columns, ..ty })
    }

    pub(super) fn fraction(&self, fraction: u8) -> Result<(), Flaw> {
        self.parameter("binary places", fraction.into(), 0, MAX_FRACTION.into())
    }

    pub(super) fn parameter(
        &self,
        parameter: &'static str,
        found: u64,
        least: u64,
        most: u64,
    ) -> Result<(), Flaw> {
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(Flaw::Parameter { operation: self.name, at: self.at, parameter, found, least, most })
    }
}
