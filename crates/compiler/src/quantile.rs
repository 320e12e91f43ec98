//! MEDIAN and PERCENTILE_CONT of one table's column, over all owners' rows, by public group.
//!
//! Each owner shares one row for each value among its rows, filled up to as many as its dataset has: the value, and for
//! each group how many rows have it. All rows are sorted by value once; a running sum C of a group's counts then says
//! where each value stands among the group's n rows. The quantile at a/d of the way is at place a·(n − 1)/d, between two
//! rows weighted by nearness. Up to C rows, the weights of those places add up, in units of 1/d, to
//! T(C) = min(max(d·C − a·(n − 1), 0), d), so that Σ v·(T(C) − T(C')), with C' the row's before, is d times the
//! quantile, exactly, wherever the places are. Values are never opened, nor places.
//!
//! Cost: one sort of all rows, and for each row and group two comparisons and a product.

use program::{Builder, Key, Operation, ValueId};

use crate::{
    Refused, Table,
    aggregation::Aggregation,
    groups::Sided,
    joined, keyed,
    lower::Joint,
    number::bits,
    sql::{Argument, Quantile, Relation},
    stage::{self, Partial},
};

/// A column whose quantile is taken.
pub(crate) struct Ranked<'a> {
    pub(crate) table: &'a Table,
    pub(crate) relation: &'a Relation,
    pub(crate) argument: &'a Argument,
    pub(crate) quantile: Quantile,
    pub(crate) groups: &'a Sided,
}

impl Ranked<'_> {
    /// Declares the stages; all stages come before the first input.
    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        keyed::stages(builder, self.relation, self.table, |rows| self.sql(rows))
    }

    fn sql(&self, rows: u32) -> String {
        let keys = vec![("value".to_owned(), self.argument.sql.clone())];
        let (calls, shared) = keyed::counted(self.groups);
        let filter = self.relation.filter.as_ref().map(|filter| format!("({filter})"));
        let present = format!("({}) IS NOT NULL", self.argument.presence);
        let filters = filter.into_iter().chain([present]).collect();
        let inner = Aggregation { from: self.relation.name(self.table), filters, keys, calls }.sql();
        keyed::padded(rows, &[("value".to_owned(), 0)], &shared, &inner, &[])
    }

    /// Declares the inputs: of each column one of each owner, values first, then counts by group.
    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let shown = Partial::Quantile(self.argument.clone(), self.quantile).name();
        let shown = stage::short(shown, stages.first().copied().unwrap_or_default().into());
        let mut columns: Vec<Vec<ValueId>> = Vec::new();
        for (source, stage) in self.table.datasets.iter().zip(stages) {
            let width = bits(self.argument.interval.magnitude()).max(1);
            let mut named = vec![(format!("value for {shown}"), width)];
            for group in 0..self.groups.conditions.len() {
                let name = format!("rows with that value in group {}, for {shown}", group + 1);
                named.push((name, Partial::Rows.bits(source.rows)));
            }
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    /// The quantile of each group, times [`Quantile::place`]'s denominator; without rows something that must not be shown.
    pub(crate) fn total(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<ValueId, Refused> {
        let rows: u32 = self.table.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        let mut columns = Vec::with_capacity(inputs.len());
        for values in inputs {
            columns.push(builder.concat(values)?);
        }
        let mut columns = columns.into_iter();
        let value = columns.next().ok_or_else(|| Refused::NoDataset(self.table.name.clone()))?;
        let order = builder.sort(vec![Key { of: value, descending: false }])?;
        let value = builder.arrange(value, order)?;
        let mut weights = Vec::with_capacity(columns.len());
        for count in columns {
            let count = builder.arrange(count, order)?;
            weights.push(self.weights(builder, count, rows)?);
        }
        let totals = joined::product(builder, &[value], &weights, [0, rows])?;
        let by_group = self.groups.of.iter().map(|group| builder.slice(totals, *group as u32, 1));
        let by_group = by_group.collect::<Result<Vec<_>, _>>()?;
        match by_group.as_slice() {
            [only] => Ok(*only),
            _ => Ok(builder.concat(by_group)?),
        }
    }

    /// By how much each row's value counts, of sorted rows.
    fn weights(&self, builder: &mut Builder, count: ValueId, rows: u32) -> Result<ValueId, Refused> {
        let (numerator, denominator) = self.quantile.place();
        let mut each = |value: u32| -> Result<ValueId, Refused> {
            let one = builder.constant(vec![value.into()])?;
            Ok(builder.repeat(one, rows)?)
        };
        let (least, most) = (each(0)?, each(denominator)?);
        let before = builder.push(Operation::RunningSum(count))?;
        let n = builder.sum(count)?;
        let place = builder.scale(n, numerator.into())?;
        let first = builder.constant(vec![numerator.into()])?;
        let place = builder.subtract(place, first)?;
        let place = builder.repeat(place, rows)?;
        let reached = builder.scale(before, denominator.into())?;
        let beyond = builder.subtract(reached, place)?;
        let beyond = builder.maximum(beyond, least)?;
        let reached = builder.minimum(beyond, most)?;
        let zero = builder.constant(vec![0])?;
        let previous = match rows.checked_sub(1).filter(|rows| *rows > 0) {
            Some(rows) => {
                let others = builder.slice(reached, 0, rows)?;
                builder.concat(vec![zero, others])?
            }
            None => zero,
        };
        Ok(builder.subtract(reached, previous)?)
    }
}

impl Joint {
    /// The quantile of what is the quantile times its place's denominator, and its binary places unless it is exact.
    pub(crate) fn quantile(
        &mut self,
        quantile: Quantile,
        total: ValueId,
    ) -> Result<(ValueId, Option<u8>), Refused> {
        match quantile {
            // Cut off towards zero: shifting alone would round down.
            Quantile::Median { is_decimal: true } => {
                let is_negative = self.builder.less_than(total, self.zero)?;
                let one = self.builder.to_integer(is_negative)?;
                let total = self.builder.add(total, one)?;
                Ok((self.builder.push(Operation::ShiftRight { of: total, places: 1 })?, None))
            }
            Quantile::Median { is_decimal: false } => Ok((total, Some(1))),
            // Its digits are after the point.
            Quantile::Percentile { .. } => Ok((total, Some(0))),
        }
    }
}
