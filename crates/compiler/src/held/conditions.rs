//! Conditions on columns on shares, as a bit for each row; compared exactly, as in HAVING ([`crate::fractions`]).

use contract::Column;
use program::{Builder, ValueId};

use super::{Columns, Held, filled};
use crate::{
    Refused,
    fractions::{self, Term},
    packed,
    sql::{Comparison, RowTest, Side, TestedText},
    union::tree,
};

impl Columns<'_> {
    /// 1 for each row with the bit `own` that satisfies all conditions, else 0.
    pub(crate) fn counting(&self, builder: &mut Builder, own: ValueId) -> Result<ValueId, Refused> {
        let mut bits = vec![own];
        for test in &self.tests.tests {
            bits.push(self.holds(builder, test)?);
        }
        let all = tree(builder, bits, Builder::and)?.unwrap_or(own);
        Ok(builder.to_integer(all)?)
    }

    fn holds(&self, builder: &mut Builder, test: &RowTest) -> Result<ValueId, Refused> {
        let parts = |builder: &mut Builder, parts: &[RowTest]| {
            parts.iter().map(|part| self.holds(builder, part)).collect::<Result<Vec<_>, Refused>>()
        };
        let refused = |what: &str| self.refused.refuse(&what);
        match test {
            RowTest::All(all) => {
                let bits = parts(builder, all)?;
                tree(builder, bits, Builder::and)?.map_or_else(|| filled(builder, true, self.count), Ok)
            }
            RowTest::Any(any) => {
                let bits = parts(builder, any)?;
                tree(builder, bits, Builder::or)?.map_or_else(|| filled(builder, false, self.count), Ok)
            }
            RowTest::Home(condition) => {
                self.conditions.get(condition.as_str()).copied().ok_or_else(|| refused(condition))
            }
            RowTest::Number(side, comparison) => self.compared(builder, side, *comparison),
            RowTest::Text { column, with, is_equal } => {
                let bit = self.equal(builder, *column, with)?;
                let bit = if *is_equal { bit } else { builder.not(bit)? };
                let with = match with {
                    TestedText::Column(with) => Some(self.tested(*with)?.1),
                    TestedText::Constant(_) => None,
                };
                let both = [Some(self.tested(*column)?.1), with];
                self.known(builder, bit, both.iter().flatten())
            }
            RowTest::Missing { column, is_missing } => match self.tested(*column)?.1.missing {
                Some(missing) if *is_missing => Ok(missing),
                Some(missing) => Ok(builder.not(missing)?),
                None => filled(builder, !is_missing, self.count),
            },
        }
    }

    /// A column that conditions read, by its place.
    fn tested(&self, place: usize) -> Result<(&Column, Held), Refused> {
        let name = self.tests.columns.get(place).map_or("", String::as_str);
        let column = self.known.iter().find(|column| column.name == name);
        Ok((column.ok_or_else(|| self.refused.refuse(&name))?, self.held(name)?))
    }

    /// A bit, where all that it was made of has a value.
    pub(crate) fn known<'h>(
        &self,
        builder: &mut Builder,
        bit: ValueId,
        of: impl Iterator<Item = &'h Held>,
    ) -> Result<ValueId, Refused> {
        let mut bits = vec![bit];
        for missing in of.filter_map(|held| held.missing) {
            bits.push(builder.not(missing)?);
        }
        Ok(tree(builder, bits, Builder::and)?.unwrap_or(bit))
    }

    fn compared(
        &self,
        builder: &mut Builder,
        side: &Side,
        comparison: Comparison,
    ) -> Result<ValueId, Refused> {
        let (mut read, mut terms) = (Vec::new(), Vec::new());
        for (place, factor) in &side.terms {
            let (column, held) = self.tested(*place)?;
            let [number] = held.integers.as_slice() else {
                return Err(self.refused.refuse(&column.name));
            };
            let scale = side.scale.saturating_add(held.scale);
            terms.push(Term { number: *number, count: held.count, factor: *factor, scale });
            read.push(held);
        }
        if side.constant != 0 {
            let number = self.each(builder, 1)?;
            terms.push(Term { number, count: None, factor: side.constant, scale: side.scale });
        }
        let difference = fractions::sum(builder, &terms, "digits in a comparison")?;
        let bit = comparison.holds(builder, [difference.unwrap_or(self.zeros), self.zeros])?;
        self.known(builder, bit, read.iter())
    }

    /// Whether a text is the same as another: each of its integers.
    fn equal(&self, builder: &mut Builder, column: usize, with: &TestedText) -> Result<ValueId, Refused> {
        let (column, held) = self.tested(column)?;
        let refused = || self.refused.refuse(&format!("texts of different `bytes_max`: {}", column.name));
        let bytes_max = packed::bytes_max(column).ok_or_else(|| Refused::NoBytes(column.name.clone()))?;
        let integers = match with {
            TestedText::Column(place) => {
                let (other, with) = self.tested(*place)?;
                if packed::bytes_max(other) != Some(bytes_max) {
                    return Err(refused());
                }
                with.integers
            }
            TestedText::Constant(text) => {
                let Some(integers) = packed::integers(text, bytes_max) else {
                    return filled(builder, false, self.count);
                };
                integers.into_iter().map(|integer| self.each(builder, integer)).collect::<Result<_, _>>()?
            }
        };
        let mut bits = Vec::with_capacity(integers.len());
        for (own, with) in held.integers.iter().zip(&integers) {
            bits.push(builder.equal(*own, *with)?);
        }
        tree(builder, bits, Builder::and)?.ok_or_else(refused)
    }
}
