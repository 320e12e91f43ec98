//! Contributors and dominance, inside the computation: a group is shown only if enough members bring rows to it, and a
//! sum or mean only if neither one member nor one row makes up more than p percent of it (the p%-rule, Hundepool et al.,
//! *Statistical Disclosure Control*, 2012, §4.2).
//!
//! A member's part is what its own datasets share, so that nobody has to be told apart on shares; the largest row is the
//! largest of the owners' maxima, which they share for this and which is not opened. A share of a sum means something only
//! if nothing that is added up is negative, and only of the values themselves: of x + 1,000,000 no row has a large share.
//!
//! *Cost*: one comparison a group for each member, and one for each sum and member, and one more for its largest row.

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use crate::{
    Refused, Rule, Table,
    lower::Joint,
    sql::{Aggregate, Argument, Checked, Function, Joined},
    stage::Partial,
    union,
};

/// What the members bring, beside what all of them bring together.
#[derive(Default)]
pub(crate) struct Parts {
    /// Rows, of each member.
    rows: Vec<ValueId>,
    /// By name of a partial sum or count of values: of each member.
    others: BTreeMap<String, Vec<ValueId>>,
}

/// Refuses what cannot be held to the rule, and names the partial results that are needed besides.
pub(crate) fn plan(checked: &Checked, rule: &Rule, partials: &mut Vec<Partial>) -> Result<(), Refused> {
    let refused = |reason: &str| Err(Refused::Disclosure(reason.to_owned()));
    let disclosure = &rule.disclosure;
    let is_asked = disclosure.contributors_min > 1 || disclosure.dominance_percent_max.is_some();
    if !is_asked {
        return Ok(());
    }
    if disclosure.privacy.is_some() {
        return refused(
            "contributors and shares of a sum would be told exactly, beside numbers with noise; noise hides both, ask for one or the other",
        );
    }
    if let Some(Joined::Threshold(_)) = &checked.join {
        return refused(
            "who brings what to the rows that compare with a subquery's value is not known on shares; ask without the subquery, as a condition with a constant",
        );
    }
    if let Some(Joined::Windows(_)) = &checked.join {
        return refused(
            "who brings what to the rows that come out of window functions is not known on shares; ask one dataset",
        );
    }
    if let Some(Joined::Nested(_)) = &checked.join {
        return refused(
            "who brings what to the groups of a subquery is not known on shares; ask without groups of groups",
        );
    }
    if checked.join.is_some() || !checked.query.has_public_groups {
        return refused(
            "who brings what to a group is not known on shares in a join, nor where groups are not public; ask about one table, grouped by columns with a public list of values, declared or in a condition",
        );
    }
    if disclosure.dominance_percent_max.is_none() {
        return Ok(());
    }
    for Aggregate { function, argument, whole, .. } in &checked.query.aggregates {
        let Some(argument) = argument else { continue };
        if *whole {
            return refused(
                "who dominates all groups together is not compared; leave the subquery in HAVING out",
            );
        }
        match function {
            Function::Sum | Function::Avg => {}
            Function::Count | Function::CountDistinct | Function::Min | Function::Max => continue,
            _ => {
                return refused(&format!(
                    "{} cannot be held to a largest share; ask for sums, means and counts",
                    function.name()
                ));
            }
        }
        if argument.columns.len() != 1 || argument.shown.contains('(') {
            return refused(&format!(
                "the share of one contributor in `{}` can be hidden by what is computed with it; ask for a column's own sum",
                argument.shown
            ));
        }
        if argument.interval.min < 0 {
            return refused(&format!(
                "`{}` may be negative, so that a share of its sum means nothing; declare a range from 0 on",
                argument.shown
            ));
        }
        let largest = Partial::Max(argument.clone());
        if !partials.iter().any(|known| known.name() == largest.name()) {
            partials.push(largest);
        }
    }
    Ok(())
}

/// Adds up what each member brings; `shared` has a dataset's values for each partial, in the order of both.
pub(crate) fn parts(
    builder: &mut Builder,
    table: &Table,
    partials: &[&Partial],
    shared: &[Vec<ValueId>],
) -> Result<Parts, Refused> {
    let mut parts = Parts::default();
    for (partial, values) in partials.iter().zip(shared) {
        if !matches!(partial, Partial::Rows | Partial::Present(_) | Partial::Sum(_)) {
            continue;
        }
        let mut members: BTreeMap<&str, Vec<ValueId>> = BTreeMap::new();
        for (source, value) in table.datasets.iter().zip(values) {
            members.entry(source.owner.as_str()).or_default().push(*value);
        }
        let mut sums = Vec::with_capacity(members.len());
        for values in members.into_values() {
            sums.extend(union::tree(builder, values, Builder::add)?);
        }
        match partial {
            Partial::Rows => parts.rows = sums,
            _ => drop(parts.others.insert(partial.name(), sums)),
        }
    }
    Ok(parts)
}

impl Joint {
    /// Groups with rows of fewer members are not shown.
    pub(crate) fn demand_contributors(&mut self) -> Result<(), Refused> {
        if self.contributors_min > 1 {
            let enough = self.contributed(&self.parts.rows.clone())?;
            self.demand(enough)?;
        }
        Ok(())
    }

    /// `valid`, where enough members bring values of the argument, and of what is behind a COALESCE.
    pub(crate) fn supported(&mut self, argument: &Argument, mut valid: ValueId) -> Result<ValueId, Refused> {
        for argument in std::iter::once(argument).chain(argument.behind.as_deref()) {
            let name = Partial::Present(argument.clone()).name();
            // Of what is never missing as many members have values as have rows.
            let Some(of) = self.parts.others.get(&name).filter(|_| self.contributors_min > 1) else {
                continue;
            };
            let enough = match self.supported.get(&name) {
                Some(known) => *known,
                None => self.contributed(&of.clone())?,
            };
            self.supported.insert(name, enough);
            valid = self.builder.and(valid, enough)?;
        }
        Ok(valid)
    }

    /// The bit that enough members have any of what is counted.
    fn contributed(&mut self, of: &[ValueId]) -> Result<ValueId, Refused> {
        let mut present = Vec::with_capacity(of.len());
        for rows in of {
            let absent = self.builder.less_than(*rows, self.one)?;
            let bit = self.builder.not(absent)?;
            present.push(self.builder.to_integer(bit)?);
        }
        let members = union::tree(&mut self.builder, present, Builder::add)?.unwrap_or(self.zero);
        let least = self.builder.constant(vec![self.contributors_min.into(); self.groups])?;
        let few = self.builder.less_than(members, least)?;
        Ok(self.builder.not(few)?)
    }

    /// `valid`, where neither a member nor a row makes up more than the percentage of a sum.
    pub(crate) fn undominated(&mut self, argument: &Argument, valid: ValueId) -> Result<ValueId, Refused> {
        let Some(percent) = self.dominance_percent_max else { return Ok(valid) };
        let sum = Partial::Sum(argument.clone());
        let name = sum.name();
        if let Some(known) = self.undominated.get(&name) {
            return Ok(*known);
        }
        let mut shares = self.parts.others.get(&name).cloned().unwrap_or_default();
        shares.push(self.partial(&Partial::Max(argument.clone())));
        let sum = self.partial(&sum);
        let most = self.builder.scale(sum, percent.into())?;
        let mut bits = Vec::with_capacity(shares.len());
        for share in shares {
            let share = self.builder.scale(share, 100)?;
            bits.push(self.builder.less_than(most, share)?);
        }
        let bit = match union::tree(&mut self.builder, bits, Builder::or)? {
            Some(dominated) => {
                let balanced = self.builder.not(dominated)?;
                self.builder.and(valid, balanced)?
            }
            None => valid,
        };
        self.undominated.insert(name, bit);
        Ok(bit)
    }
}
