//! COUNT(DISTINCT column) over a table of several owners, each of whom may have a value that another has, too.
//!
//! Each owner shares, beside its partial results by group, one row for each value among its rows, filled up to as many
//! as its dataset has: the value, and for each group how many rows have it. Rows of equal values are added up
//! ([`program::Operation::Group`]); a value counts where the sum is above 0. Values are never opened. A table of one
//! owner needs none of this: its stage counts at home.
//!
//! Cost: one grouping of all rows, and one comparison for each row and group.

use contract::Column;
use program::{Builder, ValueId};

use crate::{
    Refused, Table,
    aggregation::Aggregation,
    groups::Sided,
    keyed,
    sql::{Argument, Relation, identifier},
    stage::Partial,
};

/// One column whose values are counted.
pub(crate) struct Distinct<'a> {
    table: &'a Table,
    relation: &'a Relation,
    column: &'a Column,
    groups: &'a Sided,
}

impl<'a> Distinct<'a> {
    pub(crate) fn new(
        table: &'a Table,
        relation: &'a Relation,
        argument: &Argument,
        groups: &'a Sided,
    ) -> Option<Self> {
        let schema = &table.datasets.first()?.schema;
        let column = argument.columns.first().and_then(|name| schema.column(name))?;
        Some(Self { table, relation, column, groups })
    }

    /// Declares the stages; all stages come before the first input.
    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        keyed::stages(builder, self.relation, self.table, |rows| self.sql(rows))
    }

    fn sql(&self, rows: u32) -> String {
        let limbs = keyed::limbs(self.column).into_iter().enumerate();
        let mut keys: Vec<(String, String)> = limbs.map(|(n, sql)| (format!("key {}", n + 1), sql)).collect();
        keys.push(("mark".to_owned(), "1".to_owned()));
        let (calls, shared) = keyed::counted(self.groups);
        let names: Vec<(String, u8)> = keys.iter().map(|(name, _)| (name.clone(), 0)).collect();
        let filter = self.relation.filter.as_ref().map(|filter| format!("({filter})"));
        let present = format!("{} IS NOT NULL", identifier(&self.column.name));
        let filters = filter.into_iter().chain([present]).collect();
        let inner = Aggregation { from: self.relation.name(self.table), filters, keys, calls }.sql();
        keyed::padded(rows, &names, &shared, &inner, &[])
    }

    /// Declares the inputs: of each column one of each owner, the last ones by group.
    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns: Vec<Vec<ValueId>> = Vec::new();
        for (source, stage) in self.table.datasets.iter().zip(stages) {
            let mut named = Vec::new();
            for (number, width) in keyed::limb_widths([self.column, self.column])?.into_iter().enumerate() {
                named.push((format!("value of {}, part {}", self.column.name, number + 1), width));
            }
            named.push((format!("mark of {}", self.column.name), 2));
            for group in 0..self.groups.conditions.len() {
                let name = format!("rows with the value of {} in group {}", self.column.name, group + 1);
                named.push((name, Partial::Rows.bits(source.rows)));
            }
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    /// How many different values each group has.
    pub(crate) fn count(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<ValueId, Refused> {
        let mut keys = Vec::with_capacity(inputs.len());
        for values in inputs {
            keys.push(builder.concat(values)?);
        }
        let counts = keys.split_off(keys.len().saturating_sub(self.groups.conditions.len()));
        let same = builder.group(keys)?;
        let rows: u32 = self.table.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        let zero = builder.constant(vec![0])?;
        let zeros = builder.repeat(zero, rows)?;
        let mut found = Vec::with_capacity(counts.len());
        for count in counts {
            let sum = builder.group_sum(count, same)?;
            let is_there = builder.less_than(zeros, sum)?;
            let is_there = builder.to_integer(is_there)?;
            found.push(builder.sum(is_there)?);
        }
        let by_group =
            self.groups.of.iter().filter_map(|group| found.get(*group)).copied().collect::<Vec<_>>();
        match by_group.as_slice() {
            [only] => Ok(*only),
            _ => Ok(builder.concat(by_group)?),
        }
    }
}
