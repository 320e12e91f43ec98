//! Operations that move elements, and constants.

use crate::{Flaw, Kind, Type, Value, ValueId, Visibility, verify::limits::MAX_ROWS};

use super::{MAX_MAGNITUDE, one_of, site::Site};

impl Site<'_> {
    pub(super) fn constant(&self, kind: Kind, values: &[i128]) -> Result<Value, Flaw> {
        self.fraction(kind.fraction())?;
        let most = match kind {
            Kind::Bit => 1,
            Kind::Integer | Kind::Fixed(_) => MAX_MAGNITUDE,
            Kind::Order | Kind::Groups => return Err(Flaw::OpaqueConstant { at: self.at, kind }),
        };
        let fits = |x: i128| x.unsigned_abs() <= most && (kind.is_number() || x >= 0);
        if let Some((row, &found)) = values.iter().enumerate().find(|&(_, &x)| !fits(x)) {
            return Err(Flaw::ConstantRange { at: self.at, row, kind, found });
        }
        let magnitude = values.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
        let rows = self.row_count(values.len() as u64)?;
        let ty = Type { kind, rows, columns: 1, visibility: Visibility::Public };
        Ok(Value { ty, magnitude, error: Some(0) })
    }

    pub(super) fn slice(&self, of: ValueId, start: u32, rows: u32) -> Result<Value, Flaw> {
        let v = self.movable(of)?;
        let end = u64::from(start) + u64::from(rows);
        if end > u64::from(v.ty.rows) {
            return Err(Flaw::SliceRange { at: self.at, start, end, of, rows: v.ty.rows });
        }
        Ok(Value { ty: Type { rows, ..v.ty }, ..v })
    }

    pub(super) fn concat(&self, of: &[ValueId]) -> Result<Value, Flaw> {
        let Some(&first) = of.first() else { return Err(Flaw::EmptyConcat { at: self.at }) };
        let like = self.movable(first)?;
        let parts = of.iter().map(|&o| {
            self.same_columns(first, o)?;
            self.of_kind(like.ty.kind, o)
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let rows = parts.iter().map(|p| u64::from(p.ty.rows)).sum();
        let any = one_of(&like, &parts);
        Ok(Value { ty: self.shape(any.ty, rows, like.ty.columns.into())?, ..any })
    }

    pub(super) fn repeat(&self, of: ValueId, times: u32) -> Result<Value, Flaw> {
        let v = self.movable(of)?;
        self.parameter("repetitions", u64::from(times), 1, u64::from(MAX_ROWS))?;
        let rows = u64::from(v.ty.rows) * u64::from(times);
        Ok(Value { ty: self.shape(v.ty, rows, v.ty.columns.into())?, ..v })
    }

    pub(super) fn transpose(&self, x: ValueId) -> Result<Value, Flaw> {
        let v = self.movable(x)?;
        Ok(Value { ty: Type { rows: v.ty.columns, columns: v.ty.rows, ..v.ty }, ..v })
    }

    pub(super) fn reshape(&self, of: ValueId, rows: u32, columns: u32) -> Result<Value, Flaw> {
        let v = self.movable(of)?;
        let (found, expected) = (u64::from(rows) * u64::from(columns), v.ty.elements() as u64);
        self.parameter("elements", found, expected, expected)?;
        Ok(Value { ty: self.shape(v.ty, rows.into(), columns.into())?, ..v })
    }
}
