//! Rows in parts that nobody knows, of which each begins where a bit says so: what the first or last row of a part has, at
//! all of its rows.
//!
//! As in the engine's own segments: values of the rows where parts begin (or end) are moved to the front, where neighbours
//! are subtracted from each other; the differences, moved to where parts begin, add up to the value of the part. Source: the
//! duplication of Blanton, Aguiar: Private and Oblivious Set and Multiset Operations, 2012. *Cost*, of n rows: a sort by one
//! bit for where parts begin and one for where they end; for each value two arrangements and a product of n rows.

use program::{Builder, Key, Operation, ValueId};

use crate::{Refused, held::filled};

/// Such parts of rows in one order.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    /// Bits: where one begins, of which the first row is one; and where one ends.
    pub(super) starts: ValueId,
    pub(super) ends: ValueId,
    starts_first: ValueId,
    ends_first: Option<ValueId>,
    /// 1 in as many of the first rows as there are parts, else 0.
    occupied: ValueId,
    rows: u32,
}

impl Segments {
    /// A part begins where a row differs in any of `keys` from the one before.
    pub(super) fn new(builder: &mut Builder, keys: &[ValueId], rows: u32) -> Result<Self, Refused> {
        let mut same = None;
        for key in keys {
            let key = match builder.value(*key).map(|value| value.ty.kind) {
                Some(program::Kind::Bit) => builder.to_integer(*key)?,
                _ => *key,
            };
            let before = earlier(builder, key, 1, rows)?;
            let equal = builder.equal(key, before)?;
            same = Some(match same {
                Some(others) => builder.and(others, equal)?,
                None => equal,
            });
        }
        let edge = builder.constant_bits(&[true])?;
        let (mut starts, mut ends) = (edge, edge);
        if rows > 1 {
            let differs = match same {
                Some(same) => builder.not(same)?,
                None => filled(builder, false, rows)?,
            };
            let inner = builder.slice(differs, 1, rows - 1)?;
            starts = builder.concat(vec![edge, inner])?;
            ends = builder.concat(vec![inner, edge])?;
        }
        let starts_first = builder.sort(vec![Key { of: starts, descending: true }])?;
        let occupied = builder.arrange(starts, starts_first)?;
        let occupied = builder.to_integer(occupied)?;
        Ok(Self { starts, ends, starts_first, ends_first: None, occupied, rows })
    }

    /// At each row what the first one of its part has.
    pub(super) fn first(&self, builder: &mut Builder, of: ValueId) -> Result<ValueId, Refused> {
        let at_front = builder.arrange(of, self.starts_first)?;
        self.spread(builder, at_front)
    }

    /// At each row what the last one of its part has.
    pub(super) fn last(&mut self, builder: &mut Builder, of: ValueId) -> Result<ValueId, Refused> {
        let order = match self.ends_first {
            Some(order) => order,
            None => builder.sort(vec![Key { of: self.ends, descending: true }])?,
        };
        self.ends_first = Some(order);
        let at_front = builder.arrange(of, order)?;
        self.spread(builder, at_front)
    }

    fn spread(&self, builder: &mut Builder, at_front: ValueId) -> Result<ValueId, Refused> {
        let before = earlier(builder, at_front, 1, self.rows)?;
        let steps = builder.subtract(at_front, before)?;
        let steps = builder.multiply(steps, self.occupied)?;
        let steps = builder.push(Operation::Restore { of: steps, order: self.starts_first })?;
        Ok(builder.push(Operation::RunningSum(steps))?)
    }

    /// Bits: whether the row so many before, or after, is of the same part.
    pub(super) fn reaches(
        &self,
        builder: &mut Builder,
        rows: u32,
        is_before: bool,
    ) -> Result<ValueId, Refused> {
        match rows {
            0 => filled(builder, true, self.rows),
            1 => Ok(builder.not(if is_before { self.starts } else { self.ends })?),
            _ => {
                let starts = builder.to_integer(self.starts)?;
                // Numbers of parts, from 1; there is no part 0.
                let part = builder.push(Operation::RunningSum(starts))?;
                let other = shifted(builder, part, [rows, self.rows], is_before)?;
                Ok(builder.equal(part, other)?)
            }
        }
    }
}

/// What the row so many before has, 0 where there is none.
pub(super) fn earlier(builder: &mut Builder, of: ValueId, by: u32, rows: u32) -> Result<ValueId, Refused> {
    shifted(builder, of, [by, rows], true)
}

/// What the row so many before, or after, has, of a column of so many rows of integers; 0 where there is none.
pub(super) fn shifted(
    builder: &mut Builder,
    of: ValueId,
    [by, rows]: [u32; 2],
    is_before: bool,
) -> Result<ValueId, Refused> {
    if by == 0 {
        return Ok(of);
    }
    let zero = builder.constant(vec![0])?;
    let none = builder.repeat(zero, by.min(rows))?;
    Ok(match rows.checked_sub(by).filter(|rest| *rest > 0) {
        None => none,
        Some(rest) if is_before => {
            let kept = builder.slice(of, 0, rest)?;
            builder.concat(vec![none, kept])?
        }
        Some(rest) => {
            let kept = builder.slice(of, by, rest)?;
            builder.concat(vec![kept, none])?
        }
    })
}
