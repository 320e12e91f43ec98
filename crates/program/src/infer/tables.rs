//! Secret orders, groups and joins.

use crate::{
    Flaw, Kind, Type, Value, ValueId, Visibility,
    verify::limits::{MAX_KEY_BITS, MAX_KEYS},
};

use super::{chosen, joint, site::Site};

impl Site<'_> {
    /// What sorting or grouping by `keys` yields: secret even if the keys are not, since schemes have no other orders.
    pub(super) fn opaque(&self, kind: Kind, keys: impl Iterator<Item = ValueId>) -> Result<Value, Flaw> {
        let ids: Vec<_> = keys.collect();
        let keys = self.keys(&ids)?;
        let rows = keys.first().map_or(0, |key| key.ty.rows);
        let ty = Type { kind, rows, columns: 1, visibility: Visibility::Secret };
        let error = u128::from(!keys.iter().all(Value::is_exact));
        Ok(Value { ty, magnitude: rows.into(), error: Some(error) })
    }

    /// Columns of numbers or bits and of equal length, at least one, that together are not too wide.
    fn keys(&self, keys: &[ValueId]) -> Result<Vec<Value>, Flaw> {
        self.parameter("keys", keys.len() as u64, 1, MAX_KEYS)?;
        let key = |&id: &ValueId| {
            let key = self.movable(id)?;
            self.same_rows(keys[0], id)?;
            self.column(id, key)
        };
        let values = keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let bits = values.iter().map(|key| u64::from(key.bits()) + 1).sum();
        self.parameter("key bits", bits, 0, MAX_KEY_BITS)?;
        Ok(values)
    }

    pub(super) fn arrange(&self, of: ValueId, order: ValueId) -> Result<Value, Flaw> {
        let x = self.movable(of)?;
        self.column(of, x)?;
        let by = self.of_kind(Kind::Order, order)?;
        self.same_rows(order, of)?;
        let ty = Type { visibility: joint(&[x, by]), ..x.ty };
        Ok(Value { ty, error: chosen(&by, x.magnitude, x.error), ..x })
    }

    pub(super) fn group_sum(&self, of: ValueId, groups: ValueId) -> Result<Value, Flaw> {
        let (x, by) = self.grouped(of, groups)?;
        let rows = u128::from(x.ty.rows);
        let magnitude = x.magnitude.checked_mul(rows);
        let error = chosen(&by, magnitude.unwrap_or(u128::MAX), super::arithmetic::scaled(x.error, rows));
        self.bounded(Type { visibility: joint(&[x, by]), ..x.ty }, magnitude, error)
    }

    pub(super) fn group_extreme(&self, of: ValueId, groups: ValueId) -> Result<Value, Flaw> {
        let (x, by) = self.grouped(of, groups)?;
        let ty = Type { visibility: joint(&[x, by]), ..x.ty };
        Ok(Value { ty, error: chosen(&by, x.magnitude, x.error), ..x })
    }

    fn grouped(&self, of: ValueId, groups: ValueId) -> Result<(Value, Value), Flaw> {
        let (x, by) = (self.number_column(of)?, self.of_kind(Kind::Groups, groups)?);
        self.same_rows(groups, of)?;
        Ok((x, by))
    }

    pub(super) fn occupied(&self, groups: ValueId) -> Result<Value, Flaw> {
        let by = self.of_kind(Kind::Groups, groups)?;
        Ok(Value { ty: Type { kind: Kind::Integer, ..by.ty }, magnitude: 1, error: by.error })
    }

    pub(super) fn lookup(
        &self,
        queries: &[ValueId],
        keys: &[ValueId],
        columns: &[ValueId],
    ) -> Result<Value, Flaw> {
        let (asked, known) = (self.keys(queries)?, self.keys(keys)?);
        self.parameter("keys", keys.len() as u64, queries.len() as u64, queries.len() as u64)?;
        for (query, key) in queries.iter().zip(&known) {
            self.of_kind(key.ty.kind, *query)?;
        }
        let mut fetched = Vec::new();
        for &id in columns {
            self.same_shape(keys[0], id)?;
            fetched.push(self.of_kind(Kind::Integer, id)?);
        }
        let like = asked.first().map(|query| query.ty).unwrap_or(known[0].ty);
        let ty = self.shape(like, u64::from(like.rows) * (1 + columns.len() as u64), 1)?;
        let all: Vec<_> = asked.iter().chain(&known).chain(&fetched).copied().collect();
        let magnitude = fetched.iter().map(|v| v.magnitude).max().unwrap_or(0).max(1);
        let error = fetched.iter().try_fold(0, |most: u128, v| Some(v.error?.max(most)));
        let met = asked.iter().chain(&known).all(Value::is_exact);
        let met = Value { error: Some(u128::from(!met)), ..known[0] };
        let ty = Type { kind: Kind::Integer, visibility: joint(&all), ..ty };
        Ok(Value { ty, magnitude, error: chosen(&met, magnitude, error) })
    }
}
