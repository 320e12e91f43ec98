//! What aggregates and groups of windows tell of parts of the rows: of a part's total what is shown can be taken away, so
//! that in each part the rows that are not shown are none, or they and those that are as many as the floor; and frames that
//! are cut off at a part's beginning leave out its last rows.
//!
//! *Cost*, of n rows and g groups: g products; for each partition two arrangements, two sums over parts and four comparisons
//! of n rows; for each frame of so many rows one arrangement and g products.

use program::{Builder, Operation, ValueId};

use super::functions::{Frames, Place, Rows};
use crate::{
    Construct, Refused,
    sql::{Frame, Step, Windowed},
    union::tree,
};

impl<'a> Rows<'a> {
    /// One bit: whether of each part with a row that is shown the others are none, or they and the shown ones at least
    /// `floor_rows` each, in all windows that are told of and give a part's rows the same. `weights` say for each group which rows come out.
    pub(super) fn rest_of_parts(
        &mut self,
        builder: &mut Builder,
        weights: &[ValueId],
        floor_rows: u64,
    ) -> Result<Option<ValueId>, Refused> {
        let windows = self.windows;
        let mut of_parts: Vec<(&Windowed, &[String])> = Vec::new();
        for told in windows.told.iter().filter(|told| told.is_whole) {
            let (of, ties) = self.window_named(&told.name)?;
            if !of_parts.iter().any(|(one, _)| one.rows == of.rows && one.parts().eq(of.parts())) {
                of_parts.push((of, ties));
            }
        }
        if of_parts.is_empty() {
            return Ok(None);
        }
        let shown = self.shown(builder, weights, floor_rows)?;
        let mut near = Vec::with_capacity(of_parts.len());
        for (of, ties) in of_parts {
            near.push(self.near_few(builder, of, ties, shown, floor_rows)?);
        }
        let one = builder.constant(vec![1])?;
        let near = tree(builder, near, Builder::add)?;
        Ok(near.map(|near| builder.less_than(near, one)).transpose()?)
    }

    /// For each frame that is told of and has so many rows, how many rows that come out have one that is cut off at the
    /// beginning of their part: for each of `weights`.
    pub(super) fn cut_off(
        &mut self,
        builder: &mut Builder,
        weights: &[ValueId],
    ) -> Result<Vec<Vec<ValueId>>, Refused> {
        let windows = self.windows;
        let mut counts = Vec::new();
        for told in &windows.told {
            let Some((rows, _)) = told.framed else { continue };
            let (of, ties) = self.window_named(&told.name)?;
            let cut = self.cut(builder, of, ties, rows)?;
            let mut by_group = Vec::with_capacity(weights.len());
            for weight in weights {
                let cut = builder.multiply(*weight, cut)?;
                by_group.push(builder.sum(cut)?);
            }
            counts.push(by_group);
        }
        Ok(counts)
    }

    fn window_named(&self, name: &str) -> Result<(&'a Windowed, &'a [String]), Refused> {
        let found = self.windows.columns.iter().find(|column| column.name == name);
        match found.map(|column| &column.of) {
            Some(Step::Window { of, ties }) => Ok((of, ties)),
            _ => Err(Construct::RowWindowOwners.refuse(&name)),
        }
    }

    /// 1 for each row of a group that has as many as the floor, else 0.
    fn shown(&self, builder: &mut Builder, weights: &[ValueId], floor_rows: u64) -> Result<ValueId, Refused> {
        let floor = builder.constant(vec![floor_rows.into()])?;
        let mut of_groups = Vec::with_capacity(weights.len());
        for weight in weights {
            let rows = builder.sum(*weight)?;
            let below = builder.less_than(rows, floor)?;
            let enough = builder.not(below)?;
            let enough = builder.to_integer(enough)?;
            let enough = builder.repeat(enough, self.columns.count)?;
            of_groups.push(builder.multiply(*weight, enough)?);
        }
        Ok(tree(builder, of_groups, Builder::add)?.unwrap_or(self.columns.zeros))
    }

    /// How many of the rows that are `shown` are of a part of which some rows are not, and of these or those fewer than the
    /// floor.
    fn near_few(
        &mut self,
        builder: &mut Builder,
        of: &Windowed,
        ties: &[String],
        shown: ValueId,
        floor_rows: u64,
    ) -> Result<ValueId, Refused> {
        let refused = || Construct::RowWindowOwners.refuse(&of.name());
        let member = *self.members.get(&of.rows_name()).ok_or_else(refused)?;
        let member = builder.to_integer(member)?;
        let rest = builder.subtract(member, shown)?;
        let Place { order, parts, .. } = self.place(builder, of, ties)?;
        let floor = self.columns.each(builder, floor_rows.into())?;
        let one = self.columns.each(builder, 1)?;
        let ordered = self.orders.get_mut(order).ok_or_else(refused)?;
        let rest = ordered.arranged(builder, rest)?;
        let shown = ordered.arranged(builder, shown)?;
        let segments = ordered.segments(builder, &parts, self.columns.count)?;
        let mut frames = Frames {
            rows: self.columns.count,
            parts: segments.clone(),
            peers: segments,
            frame: Frame::Whole,
        };
        let rest = frames.sum(builder, rest)?;
        let together = frames.sum(builder, shown)?;
        ordered.keep(parts, frames.parts);
        let none = builder.less_than(rest, one)?;
        let some = builder.not(none)?;
        let fewer = builder.minimum(rest, together)?;
        let below = builder.less_than(fewer, floor)?;
        let few = builder.and(some, below)?;
        let shown = builder.less_than(self.columns.zeros, shown)?;
        let near = builder.and(shown, few)?;
        let near = builder.to_integer(near)?;
        Ok(builder.sum(near)?)
    }

    /// 1 for each row that has fewer than so many before it in its part, else 0; in the order in which they were shared.
    fn cut(
        &mut self,
        builder: &mut Builder,
        of: &Windowed,
        ties: &[String],
        rows: u32,
    ) -> Result<ValueId, Refused> {
        let Place { order, parts, .. } = self.place(builder, of, ties)?;
        let ordered = self.orders.get_mut(order);
        let ordered = ordered.ok_or_else(|| Construct::RowWindowOwners.refuse(&of.name()))?;
        let reaches = ordered.segments(builder, &parts, self.columns.count)?.reaches(builder, rows, true)?;
        let cut = builder.not(reaches)?;
        let cut = builder.to_integer(cut)?;
        Ok(builder.push(Operation::Restore { of: cut, order: ordered.order })?)
    }
}
