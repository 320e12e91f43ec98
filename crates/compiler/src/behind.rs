//! The floors of joined tables. Pairs are no measure of protection: one row of a table can have a thousand partners. So
//! where a table's owners ask for a floor, a group is shown only if that many of the table's own rows are behind it, and an
//! aggregate over a part of its pairs (CASE, columns that may be NULL) only if that many are behind the part.

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use crate::{Refused, lower::Joint, reread, sql::Argument, stage::Partial, union};

/// How many rows of joined tables are behind each group, and behind the values that an aggregate covers there: by name of
/// the partial result that counts pairs, for each table whose owners ask for more than one row.
#[derive(Default)]
pub(crate) struct Behind(BTreeMap<String, Vec<Contributing>>);

impl Behind {
    /// Enters one table's rows.
    pub(crate) fn add(&mut self, counted: String, of_table: Contributing) {
        self.0.entry(counted).or_default().push(of_table);
    }

    /// Of each partial result that counts the rows of a group with a value, those without: which must be none, or as many
    /// as the floor. `totals` are of so many groups.
    pub(crate) fn add_rests<'p>(
        &mut self,
        builder: &mut Builder,
        partials: impl Iterator<Item = &'p Partial>,
        totals: &BTreeMap<String, ValueId>,
        (groups, floor_rows): (usize, u64),
    ) -> Result<(), Refused> {
        let Some(rows) = totals.get(&Partial::Rows.name()) else { return Ok(()) };
        for partial in partials {
            if let (Partial::Present(_), Some(present)) = (partial, totals.get(&partial.name())) {
                let rest = builder.subtract(*rows, *present)?;
                let at_least = vec![reread::or_enough(builder, rest, groups, floor_rows)?];
                self.add(partial.name(), Contributing { at_least, floor_rows });
            }
        }
        Ok(())
    }

    /// Behind a group.
    fn groups(&self) -> &[Contributing] {
        self.0.get(&Partial::Rows.name()).map_or(&[], Vec::as_slice)
    }

    /// Behind the values of an argument, if there may be fewer than of the group.
    fn values(&self, argument: &Argument) -> &[Contributing] {
        self.0.get(&Partial::Present(argument.clone()).name()).map_or(&[], Vec::as_slice)
    }
}

/// How many of a table's rows are behind each group, and how many must be.
#[derive(Clone)]
pub(crate) struct Contributing {
    /// Numbers none of which is above the true one.
    pub(crate) at_least: Vec<ValueId>,
    pub(crate) floor_rows: u64,
}

impl Joint {
    /// Groups behind which a table has too few rows are not shown.
    pub(crate) fn demand_contributing(&mut self, behind: &Behind) -> Result<(), Refused> {
        for of_table in behind.groups() {
            if let Some(bit) = self.contribute(of_table)? {
                self.demand(bit)?;
            }
        }
        Ok(())
    }

    /// The bit that there are as many rows of a table as its owners ask for; none if there can be no pair at all.
    fn contribute(&mut self, of_table: &Contributing) -> Result<Option<ValueId>, Refused> {
        let mut any = Vec::with_capacity(of_table.at_least.len());
        for count in &of_table.at_least {
            any.push(self.enough(*count, of_table.floor_rows)?);
        }
        Ok(union::tree(&mut self.builder, any, Builder::or)?)
    }

    /// Whether nothing but too few values keeps an aggregate back.
    pub(crate) fn withholds_nothing(&self, argument: &Argument) -> bool {
        let others = argument.behind.as_ref().filter(|_| self.floor_rows > 1);
        let mut all = std::iter::once(argument).chain(argument.behind.as_deref());
        self.dominance_percent_max.is_none()
            && self.contributors_min <= 1
            && others.is_none()
            && all.all(|argument| self.behind.values(argument).is_empty())
    }

    /// `valid`, where as many rows of each joined table as its owners ask for are behind the values, too, not only behind
    /// the group, since `valid` counts pairs; and, of COALESCE, where enough rows have a value themselves.
    pub(crate) fn backed(&mut self, argument: &Argument, valid: ValueId) -> Result<ValueId, Refused> {
        let key = (Partial::Present(argument.clone()).name(), valid);
        if let Some(known) = self.backed.get(&key) {
            return Ok(*known);
        }
        let mut tables = self.behind.values(argument).to_vec();
        let mut bit = valid;
        if let Some(behind) = &argument.behind {
            tables.extend_from_slice(self.behind.values(behind));
            if self.floor_rows > 1 {
                let present = self.present(behind);
                let others = self.enough(present, self.floor_rows)?;
                bit = self.builder.and(bit, others)?;
            }
        }
        for of_table in &tables {
            if let Some(enough) = self.contribute(of_table)? {
                bit = self.builder.and(bit, enough)?;
            }
        }
        self.backed.insert(key, bit);
        Ok(bit)
    }
}
