//! Window functions along a secret order of rows.

use std::collections::{BTreeMap, BTreeSet};

use program::{Builder, Key, Operation, ValueId};

use super::segments::{Segments, shifted};
use crate::{
    Construct, Refused,
    held::{Columns, Held, narrower},
    sql::{Frame, Step, WindowFunction, Windowed, Windows},
};

/// All owners' rows, one below the other.
pub(super) struct Rows<'a> {
    pub(super) windows: &'a Windows,
    pub(super) columns: Columns<'a>,
    /// Bits: whether a row satisfies the conditions on it alone.
    pub(super) own: ValueId,
    /// Bits: whether windows run over a row, by the column that says so; of those that run over all, whether it is one.
    pub(super) members: BTreeMap<Option<String>, ValueId>,
    pub(super) orders: Vec<Ordered>,
}

/// The rows in one order.
pub(super) struct Ordered {
    keys: Vec<(ValueId, bool)>,
    pub(super) order: ValueId,
    /// Columns in that order.
    arranged: BTreeMap<ValueId, ValueId>,
    /// Parts by the columns in which their rows are equal.
    segments: BTreeMap<Vec<ValueId>, Segments>,
}

/// Where a window's rows stand: one of the orders, and the columns that tell its parts, and rows that tie, apart.
pub(super) struct Place {
    pub(super) order: usize,
    pub(super) parts: Vec<ValueId>,
    peers: Vec<ValueId>,
}

impl Rows<'_> {
    /// Everything that is computed of these rows.
    pub(super) fn compute(&mut self, builder: &mut Builder) -> Result<(), Refused> {
        let windows = self.windows;
        for column in &windows.columns {
            let held = match &column.of {
                Step::Window { of, ties } => self.window(builder, of, ties),
                Step::Arithmetic(of) => self.columns.made_of(builder, of),
            };
            let held = held.map_err(|refused| narrower(refused, Construct::RowWindowWide, &column.name))?;
            self.columns.held.insert(column.name.clone(), held);
        }
        Ok(())
    }
}

/// Orders.
impl Rows<'_> {
    /// The columns of a key: whether it is NULL, and its integers.
    fn key(&self, name: &str, descending: bool, nulls_first: bool) -> Result<Vec<(ValueId, bool)>, Refused> {
        let held = self.columns.held(name)?;
        let missing = held.missing.map(|missing| (missing, nulls_first));
        let integers = held.integers.into_iter().map(|integer| (integer, descending));
        Ok(missing.into_iter().chain(integers).collect())
    }

    pub(super) fn place(
        &mut self,
        builder: &mut Builder,
        of: &Windowed,
        ties: &[String],
    ) -> Result<Place, Refused> {
        let member = self.members.get(&of.rows_name()).copied();
        let member = member.ok_or_else(|| Construct::RowWindowOwners.refuse(&of.name()))?;
        let mut keys = vec![(member, true)];
        for column in of.parts() {
            keys.extend(self.key(column, false, false)?);
        }
        let parts: Vec<ValueId> = keys.iter().map(|(key, _)| *key).collect();
        for term in &of.order {
            keys.extend(self.key(&term.of.column, term.descending, term.nulls_first)?);
        }
        let peers = keys.iter().map(|(key, _)| *key).collect();
        for tie in ties.iter().filter(|_| of.needs_ties()) {
            keys.extend(self.key(tie, false, false)?);
        }
        // Rows that are equal in a column stay so when it comes again.
        let mut seen = BTreeSet::new();
        keys.retain(|(key, _)| seen.insert(*key));
        // An order by more keys is one by these, too.
        let known = self.orders.iter().position(|one| one.keys.starts_with(&keys));
        let order = match known {
            Some(place) => place,
            None => {
                let by = keys.iter().map(|(of, descending)| Key { of: *of, descending: *descending });
                let order = builder.sort(by.collect()).map_err(|flaw| match Refused::of_keys(flaw) {
                    Refused::GroupsTooWide { found, most } => Construct::RowWindowOwners
                        .refuse(&format!("an order by {found} bits, of {most} at most: {}", of.name())),
                    refused => refused,
                })?;
                let (arranged, segments) = (BTreeMap::new(), BTreeMap::new());
                self.orders.push(Ordered { keys, order, arranged, segments });
                self.orders.len() - 1
            }
        };
        Ok(Place { order, parts, peers })
    }
}

impl Ordered {
    pub(super) fn arranged(&mut self, builder: &mut Builder, of: ValueId) -> Result<ValueId, Refused> {
        if let Some(known) = self.arranged.get(&of) {
            return Ok(*known);
        }
        let arranged = builder.arrange(of, self.order)?;
        self.arranged.insert(of, arranged);
        Ok(arranged)
    }

    pub(super) fn segments(
        &mut self,
        builder: &mut Builder,
        by: &[ValueId],
        rows: u32,
    ) -> Result<Segments, Refused> {
        if let Some(known) = self.segments.get(by) {
            return Ok(known.clone());
        }
        let keys = by.iter().map(|key| self.arranged(builder, *key)).collect::<Result<Vec<_>, _>>()?;
        let segments = Segments::new(builder, &keys, rows)?;
        self.segments.insert(by.to_vec(), segments.clone());
        Ok(segments)
    }

    /// What was found of parts serves the next window.
    pub(super) fn keep(&mut self, by: Vec<ValueId>, segments: Segments) {
        self.segments.insert(by, segments);
    }
}

/// What a window function is computed with, in its order.
pub(super) struct Frames {
    pub(super) rows: u32,
    pub(super) parts: Segments,
    /// Rows that ORDER BY does not tell apart, within parts.
    pub(super) peers: Segments,
    pub(super) frame: Frame,
}

impl Rows<'_> {
    fn window(&mut self, builder: &mut Builder, of: &Windowed, ties: &[String]) -> Result<Held, Refused> {
        let taken = of.of.as_ref().map(|of| self.columns.held(&of.column)).transpose()?;
        let Place { order: place, parts, peers } = self.place(builder, of, ties)?;
        let (zeros, rows) = (self.columns.zeros, self.columns.count);
        let Some(ordered) = self.orders.get_mut(place) else {
            return Err(Construct::RowWindowOwners.refuse(&of.name()));
        };
        let order = ordered.order;
        let taken = match taken {
            Some(held) => {
                let mut arranged = |of: &ValueId| ordered.arranged(builder, *of);
                let integers = held.integers.iter().map(&mut arranged).collect::<Result<_, _>>()?;
                let missing = held.missing.as_ref().map(&mut arranged).transpose()?;
                Some(Held { integers, missing, ..held })
            }
            None => None,
        };
        let parts_of = ordered.segments(builder, &parts, rows)?;
        let peers_of = ordered.segments(builder, &peers, rows)?;
        let mut frames = Frames { rows, parts: parts_of, peers: peers_of, frame: of.frame };
        let made = frames.function(builder, &of.function, taken, zeros)?;
        ordered.keep(peers, frames.peers);
        ordered.keep(parts, frames.parts);
        let mut restored = |of: ValueId| Ok::<_, Refused>(builder.push(Operation::Restore { of, order })?);
        Ok(Held {
            integers: made.integers.into_iter().map(&mut restored).collect::<Result<_, _>>()?,
            missing: made.missing.map(&mut restored).transpose()?,
            count: made.count.map(&mut restored).transpose()?,
            scale: made.scale,
        })
    }
}

impl Frames {
    fn function(
        &mut self,
        builder: &mut Builder,
        function: &WindowFunction,
        taken: Option<Held>,
        zeros: ValueId,
    ) -> Result<Held, Refused> {
        use WindowFunction::{
            Avg, Count, DenseRank, FirstValue, LastValue, Max, Min, Neighbour, Rank, RowNumber, Sum,
        };
        let whole = |integer: ValueId| Held { integers: vec![integer], missing: None, count: None, scale: 0 };
        let refused = || Construct::RowWindowOwners.refuse(&function.name());
        Ok(match (function, taken) {
            (RowNumber, _) => whole(self.numbers(builder)?),
            (Rank, _) => {
                let numbers = self.numbers(builder)?;
                whole(self.peers.first(builder, numbers)?)
            }
            (DenseRank, _) => {
                let starts = builder.to_integer(self.peers.starts)?;
                whole(self.running(builder, starts)?)
            }
            (Count, None) => whole(self.rows_of_frame(builder)?),
            (Count, Some(held)) => whole(self.values_of_frame(builder, &held)?),
            (Neighbour { is_before, offset }, Some(held)) => {
                self.neighbour(builder, held, [*is_before, false], *offset, zeros)?
            }
            (FirstValue, Some(held)) => match self.frame {
                Frame::Rows(Some(rows)) => {
                    let first = self.end(builder, &held, Frame::Whole, true)?;
                    let before = self.neighbour(builder, held, [true, true], rows, zeros)?;
                    let reaches = self.parts.reaches(builder, rows, true)?;
                    chosen(builder, reaches, before, first)?
                }
                _ => self.end(builder, &held, Frame::Whole, true)?,
            },
            (LastValue, Some(held)) => match self.frame {
                Frame::Rows(_) => held,
                frame => self.end(builder, &held, frame, false)?,
            },
            (Sum | Avg, Some(held)) => {
                let [value] = held.integers.as_slice() else { return Err(refused()) };
                let sum = self.sum(builder, *value)?;
                let is_mean = *function == Avg;
                let count = match held.missing {
                    Some(_) => Some(self.values_of_frame(builder, &held)?),
                    None if is_mean => Some(self.rows_of_frame(builder)?),
                    None => None,
                };
                let missing = held.missing.and(count);
                let missing = missing.map(|count| builder.equal(count, zeros)).transpose()?;
                Held { integers: vec![sum], missing, count: count.filter(|_| is_mean), scale: held.scale }
            }
            (Min | Max, Some(held)) => self.extreme(builder, &held, *function == Min, zeros)?,
            _ => return Err(refused()),
        })
    }

    /// Each row's number in its part, from 1.
    fn numbers(&self, builder: &mut Builder) -> Result<ValueId, Refused> {
        let ones = self.ones(builder)?;
        self.running(builder, ones)
    }

    fn ones(&self, builder: &mut Builder) -> Result<ValueId, Refused> {
        let one = builder.constant(vec![1])?;
        Ok(builder.repeat(one, self.rows)?)
    }

    /// In each row the sum of its part up to it.
    fn running(&self, builder: &mut Builder, of: ValueId) -> Result<ValueId, Refused> {
        let sums = builder.push(Operation::RunningSum(of))?;
        let before = self.before(builder, of, sums)?;
        Ok(builder.subtract(sums, before)?)
    }

    /// In each row the sum of all before its part.
    fn before(&self, builder: &mut Builder, of: ValueId, sums: ValueId) -> Result<ValueId, Refused> {
        let before = builder.subtract(sums, of)?;
        self.parts.first(builder, before)
    }

    /// In each row the sum over its frame.
    pub(super) fn sum(&mut self, builder: &mut Builder, of: ValueId) -> Result<ValueId, Refused> {
        let sums = builder.push(Operation::RunningSum(of))?;
        let mut before = self.before(builder, of, sums)?;
        let until = match self.frame {
            Frame::Whole => self.parts.last(builder, sums)?,
            Frame::Peers => self.peers.last(builder, sums)?,
            Frame::Rows(None) => sums,
            Frame::Rows(Some(rows)) => {
                let reaches = self.parts.reaches(builder, rows + 1, true)?;
                let earlier = shifted(builder, sums, [rows + 1, self.rows], true)?;
                before = builder.select(reaches, earlier, before)?;
                sums
            }
        };
        Ok(builder.subtract(until, before)?)
    }

    fn rows_of_frame(&mut self, builder: &mut Builder) -> Result<ValueId, Refused> {
        let ones = self.ones(builder)?;
        self.sum(builder, ones)
    }

    fn values_of_frame(&mut self, builder: &mut Builder, held: &Held) -> Result<ValueId, Refused> {
        match held.missing {
            Some(missing) => {
                let present = builder.not(missing)?;
                let present = builder.to_integer(present)?;
                self.sum(builder, present)
            }
            None => self.rows_of_frame(builder),
        }
    }

    /// What the row so many before or after has; nothing where it is of another part, or as it is there.
    fn neighbour(
        &self,
        builder: &mut Builder,
        held: Held,
        [is_before, is_loose]: [bool; 2],
        offset: u32,
        zeros: ValueId,
    ) -> Result<Held, Refused> {
        let mut integers = Vec::with_capacity(held.integers.len());
        for integer in &held.integers {
            integers.push(shifted(builder, *integer, [offset, self.rows], is_before)?);
        }
        let missing = match held.missing {
            Some(missing) => {
                let missing = builder.to_integer(missing)?;
                let missing = shifted(builder, missing, [offset, self.rows], is_before)?;
                Some(builder.less_than(zeros, missing)?)
            }
            None => None,
        };
        if is_loose {
            return Ok(Held { integers, missing, ..held });
        }
        let reaches = self.parts.reaches(builder, offset, is_before)?;
        for integer in &mut integers {
            *integer = builder.select(reaches, *integer, zeros)?;
        }
        let alone = builder.not(reaches)?;
        let missing = match missing {
            Some(missing) => builder.or(alone, missing)?,
            None => alone,
        };
        Ok(Held { integers, missing: Some(missing), ..held })
    }

    /// What the first or last row of a frame that begins or ends with a part, or with rows that tie, has.
    fn end(
        &mut self,
        builder: &mut Builder,
        held: &Held,
        frame: Frame,
        is_first: bool,
    ) -> Result<Held, Refused> {
        let segments = if frame == Frame::Peers { &mut self.peers } else { &mut self.parts };
        let mut at_end = |builder: &mut Builder, of: ValueId| match is_first {
            true => segments.first(builder, of),
            false => segments.last(builder, of),
        };
        let mut integers = Vec::with_capacity(held.integers.len());
        for integer in &held.integers {
            integers.push(at_end(builder, *integer)?);
        }
        let missing = match held.missing {
            Some(missing) => {
                let missing = builder.to_integer(missing)?;
                let missing = at_end(builder, missing)?;
                let one = builder.constant(vec![1])?;
                let ones = builder.repeat(one, self.rows)?;
                Some(builder.equal(missing, ones)?)
            }
            None => None,
        };
        Ok(Held { integers, missing, ..held.clone() })
    }

    /// Least or greatest value of a frame that begins with the part.
    fn extreme(
        &mut self,
        builder: &mut Builder,
        held: &Held,
        is_least: bool,
        zeros: ValueId,
    ) -> Result<Held, Refused> {
        let refused = || Construct::RowWindowOwners.refuse(&if is_least { "MIN" } else { "MAX" });
        let [value] = held.integers.as_slice() else { return Err(refused()) };
        let of = match held.missing {
            Some(missing) => {
                // Beyond all values.
                let bits = builder.value(*value).map_or(0, |value| value.bits());
                let beyond = 1_i128.checked_shl(bits.into()).ok_or_else(refused)?;
                let beyond = builder.constant(vec![if is_least { beyond } else { -beyond }])?;
                let beyond = builder.repeat(beyond, self.rows)?;
                builder.select(missing, beyond, *value)?
            }
            None => *value,
        };
        let starts = self.parts.starts;
        let running = builder.push(match is_least {
            true => Operation::RunningMinimum { of, starts },
            false => Operation::RunningMaximum { of, starts },
        })?;
        let extreme = match self.frame {
            Frame::Whole => self.parts.last(builder, running)?,
            Frame::Peers => self.peers.last(builder, running)?,
            Frame::Rows(None) => running,
            Frame::Rows(Some(_)) => return Err(refused()),
        };
        let Some(_) = held.missing else {
            return Ok(Held { integers: vec![extreme], missing: None, count: None, scale: held.scale });
        };
        let count = self.values_of_frame(builder, held)?;
        let missing = builder.equal(count, zeros)?;
        let extreme = builder.select(missing, zeros, extreme)?;
        Ok(Held { integers: vec![extreme], missing: Some(missing), count: None, scale: held.scale })
    }
}

/// One of two columns of one type, row by row.
fn chosen(builder: &mut Builder, condition: ValueId, then: Held, otherwise: Held) -> Result<Held, Refused> {
    let mut integers = Vec::with_capacity(then.integers.len());
    for (then, otherwise) in then.integers.iter().zip(&otherwise.integers) {
        integers.push(builder.select(condition, *then, *otherwise)?);
    }
    let missing = match (then.missing, otherwise.missing) {
        (Some(then), Some(otherwise)) => Some(builder.select(condition, then, otherwise)?),
        (one, other) => one.or(other),
    };
    Ok(Held { integers, missing, ..then })
}
