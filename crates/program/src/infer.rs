//! The type rules: what an operation yields, from what its operands are.

use crate::{
    Divide, Flaw, Kind, Operation, SquareRoot, Type, Value, ValueId, Visibility,
    verify::limits::{
        MAX_BITS, MAX_DENOMINATOR_BITS, MAX_NUMERATOR_BITS, MAX_QUOTIENT_BITS, MAX_ROOT_FRACTION, MAX_ROWS,
    },
};

/// The largest magnitude that any integer may have: below 2^[`MAX_BITS`].
const MAX_MAGNITUDE: u128 = (1 << MAX_BITS) - 1;

/// What `operation` yields when it follows the values `defined`.
pub(crate) fn infer(operation: &Operation, defined: &[Value]) -> Result<Value, Flaw> {
    // Callers bound the number of values far below 2^32.
    let site = Site { name: operation.name(), at: ValueId(defined.len() as u32), defined };
    use Operation::*;
    match operation {
        Constant { kind, values } => site.constant(*kind, values),
        Add(x, y) | Subtract(x, y) => {
            let [x, y] = site.columns(Kind::Integer, [*x, *y])?;
            site.integer(rows(&x), joint(&[x, y]), x.magnitude.checked_add(y.magnitude))
        }
        Negate(x) => site.columns(Kind::Integer, [*x]).map(|[x]| x),
        Multiply(x, y) => {
            let [x, y] = site.columns(Kind::Integer, [*x, *y])?;
            site.product(x, y)
        }
        Sum(x) => {
            let [x] = site.columns(Kind::Integer, [*x])?;
            site.integer(1, x.ty.visibility, x.magnitude.checked_mul(u128::from(x.ty.rows)))
        }
        ToInteger(x) => {
            let [x] = site.columns(Kind::Bit, [*x])?;
            Ok(Value { ty: Type { kind: Kind::Integer, ..x.ty }, magnitude: 1 })
        }
        LessThan(x, y) | Equal(x, y) => {
            let [x, y] = site.columns(Kind::Integer, [*x, *y])?;
            Ok(column(Kind::Bit, rows(&x), joint(&[x, y]), 1))
        }
        Minimum(x, y) | Maximum(x, y) => {
            let [x, y] = site.columns(Kind::Integer, [*x, *y])?;
            Ok(column(Kind::Integer, rows(&x), joint(&[x, y]), x.magnitude.max(y.magnitude)))
        }
        Not(x) => site.columns(Kind::Bit, [*x]).map(|[x]| Value { magnitude: 1, ..x }),
        And(x, y) | Or(x, y) | Xor(x, y) => {
            let [x, y] = site.columns(Kind::Bit, [*x, *y])?;
            Ok(column(Kind::Bit, rows(&x), joint(&[x, y]), 1))
        }
        Select { condition, then, otherwise } => {
            let [c] = site.columns(Kind::Bit, [*condition])?;
            let kind = site.value(*then)?.ty.kind;
            let [t, o] = site.columns(kind, [*then, *otherwise])?;
            site.same_rows(*condition, *then)?;
            Ok(column(kind, rows(&c), joint(&[c, t, o]), t.magnitude.max(o.magnitude)))
        }
        Divide(d) => site.divide(d),
        SquareRoot(s) => site.square_root(s),
        Slice { of, start, rows } => site.slice(*of, *start, *rows),
        Concat(of) => site.concat(of),
        Repeat { of, times } => {
            let v = site.value(*of)?;
            site.parameter("repetitions", u64::from(*times), 1, u64::from(MAX_ROWS))?;
            let rows = site.row_count(u64::from(v.ty.rows) * u64::from(*times))?;
            Ok(Value { ty: Type { rows, ..v.ty }, ..v })
        }
    }
}

fn column(kind: Kind, rows: u32, visibility: Visibility, magnitude: u128) -> Value {
    Value { ty: Type { kind, rows, visibility }, magnitude }
}

fn rows(v: &Value) -> u32 {
    v.ty.rows
}

/// Public only if every operand is.
fn joint(operands: &[Value]) -> Visibility {
    operands.iter().map(|v| v.ty.visibility).max().unwrap_or(Visibility::Public)
}

/// One instruction, among the values defined before it.
struct Site<'a> {
    name: &'static str,
    at: ValueId,
    defined: &'a [Value],
}

impl Site<'_> {
    fn value(&self, operand: ValueId) -> Result<Value, Flaw> {
        let undefined = Flaw::Undefined { operation: self.name, at: self.at, operand };
        self.defined.get(operand.index()).copied().ok_or(undefined)
    }

    /// The operands, all of `kind` and of equal length.
    fn columns<const N: usize>(&self, kind: Kind, operands: [ValueId; N]) -> Result<[Value; N], Flaw> {
        let mut out = [column(kind, 0, Visibility::Public, 0); N];
        for (slot, &operand) in out.iter_mut().zip(&operands) {
            *slot = self.of_kind(kind, operand)?;
            self.same_rows(operands[0], operand)?;
        }
        Ok(out)
    }

    fn of_kind(&self, expected: Kind, operand: ValueId) -> Result<Value, Flaw> {
        let v = self.value(operand)?;
        if v.ty.kind == expected {
            return Ok(v);
        }
        Err(Flaw::KindMismatch { operation: self.name, at: self.at, operand, expected, found: v.ty.kind })
    }

    fn same_rows(&self, first: ValueId, operand: ValueId) -> Result<(), Flaw> {
        let (expected, found) = (self.value(first)?.ty.rows, self.value(operand)?.ty.rows);
        if expected == found {
            return Ok(());
        }
        Err(Flaw::RowMismatch { operation: self.name, at: self.at, first, expected, operand, found })
    }

    /// An integer column, unless its magnitude (`None`: beyond 128 bits) exceeds what is exact.
    fn integer(&self, rows: u32, visibility: Visibility, magnitude: Option<u128>) -> Result<Value, Flaw> {
        match magnitude {
            Some(m) if m <= MAX_MAGNITUDE => Ok(column(Kind::Integer, rows, visibility, m)),
            Some(m) => Err(self.too_wide((u128::BITS - m.leading_zeros()) as u16)),
            None => Err(self.too_wide(u128::BITS as u16 + 1)),
        }
    }

    fn too_wide(&self, bits: u16) -> Flaw {
        Flaw::TooWide { operation: self.name, at: self.at, bits, most: MAX_BITS }
    }

    fn product(&self, x: Value, y: Value) -> Result<Value, Flaw> {
        match x.magnitude.checked_mul(y.magnitude) {
            None => Err(self.too_wide(u16::from(x.bits()) + u16::from(y.bits()))),
            product => self.integer(rows(&x), joint(&[x, y]), product),
        }
    }

    fn constant(&self, kind: Kind, values: &[i128]) -> Result<Value, Flaw> {
        let most = match kind {
            Kind::Bit => 1,
            Kind::Integer => MAX_MAGNITUDE,
        };
        let fits = |x: i128| x.unsigned_abs() <= most && (kind == Kind::Integer || x >= 0);
        if let Some((row, &found)) = values.iter().enumerate().find(|&(_, &x)| !fits(x)) {
            return Err(Flaw::ConstantRange { at: self.at, row, kind, found });
        }
        let magnitude = values.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
        Ok(column(kind, self.row_count(values.len() as u64)?, Visibility::Public, magnitude))
    }

    fn divide(&self, d: &Divide) -> Result<Value, Flaw> {
        let [n, q] = self.columns(Kind::Integer, [d.numerator, d.denominator])?;
        self.parameter("numerator bits", d.numerator_bits.into(), 1, MAX_NUMERATOR_BITS.into())?;
        self.parameter("denominator bits", d.denominator_bits.into(), 1, MAX_DENOMINATOR_BITS.into())?;
        let most = u64::from(MAX_QUOTIENT_BITS);
        self.parameter("result bits", d.result_bits.into(), 1, most)?;
        self.parameter("fraction bits", d.fraction.into(), 0, most - u64::from(d.result_bits))?;
        // Rounding towards −∞ may reach −2^(result_bits + fraction) itself.
        let magnitude = 1 << (d.result_bits + d.fraction);
        Ok(column(Kind::Integer, rows(&n), joint(&[n, q]), magnitude))
    }

    fn square_root(&self, s: &SquareRoot) -> Result<Value, Flaw> {
        let [x] = self.columns(Kind::Integer, [s.of])?;
        self.parameter("bits", s.bits.into(), 1, MAX_NUMERATOR_BITS.into())?;
        self.parameter("fraction bits of the operand", s.fraction_in.into(), 0, s.bits.into())?;
        self.parameter("fraction bits", s.fraction_out.into(), 0, MAX_ROOT_FRACTION.into())?;
        // At most 59 places before the point and 50 behind it.
        Ok(column(Kind::Integer, rows(&x), x.ty.visibility, 1 << s.result_bits()))
    }

    fn slice(&self, of: ValueId, start: u32, rows: u32) -> Result<Value, Flaw> {
        let v = self.value(of)?;
        let end = u64::from(start) + u64::from(rows);
        if end > u64::from(v.ty.rows) {
            return Err(Flaw::SliceRange { at: self.at, start, end, of, rows: v.ty.rows });
        }
        Ok(Value { ty: Type { rows, ..v.ty }, ..v })
    }

    fn concat(&self, of: &[ValueId]) -> Result<Value, Flaw> {
        let Some(&first) = of.first() else { return Err(Flaw::EmptyConcat { at: self.at }) };
        let kind = self.value(first)?.ty.kind;
        let parts = of.iter().map(|&o| self.of_kind(kind, o)).collect::<Result<Vec<_>, _>>()?;
        let rows = self.row_count(parts.iter().map(|p| u64::from(p.ty.rows)).sum())?;
        let magnitude = parts.iter().map(|p| p.magnitude).max().unwrap_or(0);
        Ok(column(kind, rows, joint(&parts), magnitude))
    }

    fn row_count(&self, rows: u64) -> Result<u32, Flaw> {
        self.parameter("rows", rows, 0, u64::from(MAX_ROWS))?;
        // At most MAX_ROWS, a u32.
        Ok(rows as u32)
    }

    fn parameter(&self, parameter: &'static str, found: u64, least: u64, most: u64) -> Result<(), Flaw> {
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(Flaw::Parameter { operation: self.name, at: self.at, parameter, found, least, most })
    }
}
