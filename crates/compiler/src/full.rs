//! FULL JOIN: LEFT JOIN, and beside its pairs the second table's rows without a partner, which have no value of the first
//! table's columns.
//!
//! Each of the second table's rows asks whether the first has its key; what finds nothing is added up by the second
//! table's groups, in the group of the first that has no value. Cost: one lookup more than LEFT JOIN.

use program::{Builder, Operation, ValueId};

use crate::{
    Refused,
    joined::product,
    keyed::{Keyed, Part},
    stage::Partial,
};

/// The second table's rows, and which of them found nothing.
pub(crate) struct Rest {
    /// 1 in rows that found nothing, else 0.
    alone: ValueId,
    columns: Vec<ValueId>,
    rows: u32,
}

impl Rest {
    /// Looks the second table's keys up in the first.
    pub(crate) fn find(builder: &mut Builder, first: &Keyed, second: &Keyed) -> Result<Self, Refused> {
        let rows = second.rows.iter().sum();
        // Several owners may have a key: that there is one is enough.
        let matched = builder.lookup(second.keys.clone(), first.keys.clone(), Vec::new())?;
        let one = builder.constant(vec![1])?;
        let ones = builder.repeat(one, rows)?;
        let alone = builder.subtract(ones, matched)?;
        Ok(Self { alone, columns: second.columns.clone(), rows })
    }

    /// A partial result over all pairs, for each pair of groups, with these rows.
    pub(crate) fn beside(
        &self,
        builder: &mut Builder,
        [first, second]: &[Part<'_>; 2],
        partial: &Partial,
        total: ValueId,
    ) -> Result<ValueId, Refused> {
        // A row without a partner has no value of the first table's columns.
        let products = partial.factored();
        let Some(only) = products.first().filter(|product| product.at(0).is_none()) else { return Ok(total) };
        let factor = only.at(1).unwrap_or(&Partial::Rows);
        let Some(null) = first.groups.null else { return Ok(total) };
        let width = second.layout.groups;
        let of = |partial: &Partial| {
            let start = second.layout.first(partial, 0);
            let columns = start.and_then(|start| self.columns.get(start..start + width));
            columns.map(<[ValueId]>::to_vec).unwrap_or_default()
        };
        let (own, absent) = match partial {
            Partial::Min(x) | Partial::Max(x) => {
                let is_least = matches!(partial, Partial::Min(_));
                let absent = if is_least { x.interval.max } else { x.interval.min };
                let none = builder.constant(vec![absent])?;
                let none = builder.repeat(none, self.rows)?;
                let zero = builder.constant(vec![0])?;
                let zeros = builder.repeat(zero, self.rows)?;
                let mut extremes = Vec::with_capacity(width);
                for (count, value) in of(&Partial::Rows).into_iter().zip(of(factor)) {
                    let count = builder.multiply(count, self.alone)?;
                    let is_there = builder.less_than(zeros, count)?;
                    let value = builder.select(is_there, value, none)?;
                    extremes.push(builder.push(match is_least {
                        true => Operation::Least(value),
                        false => Operation::Greatest(value),
                    })?);
                }
                (builder.concat(extremes)?, absent)
            }
            _ => (product(builder, &[self.alone], &of(factor), [0, self.rows])?, 0),
        };
        let mut all = Vec::with_capacity(3);
        let before = null * width;
        let after = (first.layout.groups * width).saturating_sub(before + width);
        if before > 0 {
            all.push(builder.constant(vec![absent; before])?);
        }
        all.push(own);
        if after > 0 {
            all.push(builder.constant(vec![absent; after])?);
        }
        let own = builder.concat(all)?;
        Ok(match partial {
            Partial::Min(_) => builder.minimum(total, own)?,
            Partial::Max(_) => builder.maximum(total, own)?,
            _ => builder.add(total, own)?,
        })
    }
}
