//! HAVING on shares: a bit for each group. What is compared is never opened, only whether the group is shown; it is compared
//! exactly ([`crate::fractions`]).

use program::{Builder, ValueId};

use crate::{
    Refused,
    fractions::{self, Term},
    lower::Joint,
    sql::{Aggregate, Comparison, Function, Having, Side},
    stage::Partial,
    union::tree,
};

impl Joint {
    /// Groups are shown only where the condition holds.
    pub(crate) fn require(&mut self, having: &Having, aggregates: &[Aggregate]) -> Result<(), Refused> {
        let bit = self.holds(having, aggregates)?;
        self.demand(bit)
    }

    fn holds(&mut self, having: &Having, aggregates: &[Aggregate]) -> Result<ValueId, Refused> {
        let (parts, combine) = match having {
            Having::All(parts) => (parts, Builder::and as fn(&mut _, _, _) -> _),
            Having::Any(parts) => (parts, Builder::or as fn(&mut _, _, _) -> _),
            Having::Compare { left, comparison, right } => {
                return self.compare(left, *comparison, right, aggregates);
            }
        };
        let bits = parts.iter().map(|part| self.holds(part, aggregates)).collect::<Result<Vec<_>, _>>()?;
        match tree(&mut self.builder, bits, combine)? {
            Some(bit) => Ok(bit),
            None => self.enough(self.rows, self.floor_rows),
        }
    }

    fn compare(
        &mut self,
        left: &Side,
        comparison: Comparison,
        right: &Side,
        aggregates: &[Aggregate],
    ) -> Result<ValueId, Refused> {
        let mut terms = Vec::new();
        let mut valid = Vec::new();
        for (side, sign) in [(left, 1), (right, -1)] {
            for (index, factor) in &side.terms {
                let Some(aggregate) = aggregates.get(*index) else { continue };
                valid.push(self.is_valid(aggregate)?);
                let (number, count, scale) = self.exact(aggregate)?;
                terms.push(Term {
                    number,
                    count,
                    factor: sign * factor,
                    scale: side.scale.saturating_add(scale),
                });
            }
            if side.constant != 0 {
                let (factor, scale) = (sign * side.constant, side.scale);
                terms.push(Term { number: self.one, count: None, factor, scale });
            }
        }
        let zero = self.zero;
        let difference =
            fractions::sum(&mut self.builder, &terms, "digits in a comparison of HAVING")?.unwrap_or(zero);
        let bit = comparison.holds(&mut self.builder, [difference, zero])?;
        valid.push(bit);
        Ok(tree(&mut self.builder, valid, Builder::and)?.unwrap_or(bit))
    }

    /// What an aggregate is: a number, divided by a count if it is a mean, with digits after the point.
    fn exact(&mut self, aggregate: &Aggregate) -> Result<(ValueId, Option<ValueId>, u8), Refused> {
        let Some(argument) = &aggregate.argument else {
            return Ok((self.taken(aggregate, self.rows)?, None, 0));
        };
        let of = |partial: fn(_) -> Partial| self.partial(&partial(argument.clone()));
        let present = self.present(argument);
        let (number, count, scale) = match aggregate.function {
            Function::Count => (present, None, 0),
            Function::CountDistinct => (of(Partial::Distinct), None, 0),
            Function::Min => (of(Partial::Min), None, argument.scale),
            Function::Max => (of(Partial::Max), None, argument.scale),
            Function::Avg => (of(Partial::Sum), Some(present), argument.scale),
            Function::Sum
            | Function::Variance
            | Function::Deviation
            | Function::VariancePop
            | Function::DeviationPop
            | Function::Pair(_)
            | Function::Quantile(_) => (of(Partial::Sum), None, argument.scale),
        };
        let number = self.taken(aggregate, number)?;
        let count = count.map(|count| self.taken(aggregate, count)).transpose()?;
        Ok((number, count, scale))
    }

    /// A group's number as an aggregate takes it: as it is, or all groups' together.
    pub(crate) fn taken(&mut self, aggregate: &Aggregate, number: ValueId) -> Result<ValueId, Refused> {
        if !aggregate.whole {
            return Ok(number);
        }
        let sum = self.builder.sum(number)?;
        match u32::try_from(self.groups) {
            Ok(groups) if groups > 1 => Ok(self.builder.repeat(sum, groups)?),
            _ => Ok(sum),
        }
    }
}

impl Comparison {
    /// Whether it holds, row by row.
    pub(crate) fn holds(
        self,
        builder: &mut Builder,
        [left, right]: [ValueId; 2],
    ) -> Result<ValueId, Refused> {
        Ok(match self {
            Self::Less => builder.less_than(left, right)?,
            Self::AtMost => {
                let above = builder.less_than(right, left)?;
                builder.not(above)?
            }
            Self::Equal => builder.equal(left, right)?,
            Self::NotEqual => {
                let equal = builder.equal(left, right)?;
                builder.not(equal)?
            }
        })
    }
}
