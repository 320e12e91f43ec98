//! Rows of two joined tables that are compared: a partner counts only if the comparisons hold of the two
//! ([`crate::sql`] says of which form they are).
//!
//! Each owner of the first table reduces its rows at home to one for each key *and* what is compared of them, not one for
//! each key; a row in which one of these is NULL has no partner. The second table has each key once, so that a row meets
//! one of its rows at most: what is compared of that comes with what is found. A bit for each row says whether all
//! comparisons hold, and is multiplied into what was found. After that a row that does not compare as is asked is one that
//! found nothing, for groups, aggregates, outer joins, EXISTS and floors alike. Neither the values nor the bit are opened.
//!
//! *Floors.* The first table's rows are counted as everywhere. A key may now occur several times in one owner's rows, so
//! that rows of the second table, which has each once, are counted as different keys among the rows that count: exactly,
//! whatever number of owners the first table has.
//!
//! *Cost*, of n rows of the first table, beside what a join costs: for each comparison one on shares, of n numbers as wide
//! as what is compared, for texts two equalities; n comparisons for each count of the second table and each of its groups,
//! and n products for each sum; where these sums are narrower than what is compared, or wider than 64 bits, a lookup of
//! their own. Where the second table's owner asks for a floor one sort of the n rows by key; for each count that the floor is
//! held over, and each term, n comparisons and sums of equal keys and n comparisons of these for each group of either
//! table, n products for each of the first's, and one matrix product. Rounds are those of one comparison and one sum of
//! equal keys, whatever number of groups there is.
//!
//! *Weights.* The second table's owner knows of each key which row of its own is met. A sum of its column would tell it
//! which ones compare, with powers of two of many at once, and beside others' rows the floor would not see it: where the
//! first table's owners ask for one, of the second table rows are counted alone.

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use super::{Pairs, product};
use crate::{
    Construct, Refused, Table,
    keyed::{Keyed, Part},
    products::Product,
    sql::{Form, Join, Relation, RowComparison},
    stage::Partial,
    union::tree,
};

/// What the first table's rows found in the second.
pub(super) struct Found {
    /// 1 in rows that found something, else 0.
    pub(super) matched: ValueId,
    /// What is compared of the second table.
    values: Vec<ValueId>,
    /// Its other columns.
    pub(super) columns: Vec<ValueId>,
}

/// What is compared is at most so wide, and so may be what is looked up beside it.
const BITS_MAX: u32 = 64;

/// Looks the first table's keys up in the second.
pub(super) fn found(
    builder: &mut Builder,
    [_, second]: &[Part<'_>; 2],
    left: &Keyed,
    right: Keyed,
) -> Result<Found, Refused> {
    let rows: u32 = left.rows.iter().sum();
    let mut look_up = |columns: Vec<ValueId>| -> Result<(ValueId, Vec<ValueId>), Refused> {
        let count = columns.len() as u32;
        let looked_up = builder.lookup(left.keys.clone(), right.keys.clone(), columns)?;
        // The first rows say whether there are any.
        let matched = builder.slice(looked_up, 0, rows)?;
        let columns = (1..=count).map(|place| Ok(builder.slice(looked_up, place * rows, rows)?));
        Ok((matched, columns.collect::<Result<_, Refused>>()?))
    };
    let together = second.layout.together();
    // What is looked up together is taken to be as wide as the widest of it, and products with it have little room.
    let is_count =
        |partial: &&Partial| matches!(partial, Partial::Rows | Partial::RowsIf(_) | Partial::Present(_));
    let sums = second.layout.partials.iter().filter(|partial| !is_count(partial));
    let widest = sums.map(|partial| partial.bits(1)).max();
    let compared = second.compared().iter().map(|value| value.bits).max().unwrap_or_default();
    let has_room = widest.is_none_or(|widest| (compared..=BITS_MAX).contains(&widest));
    let mut apart = right.compared.clone();
    let mut beside = Vec::new();
    if has_room && together.len() == 1 {
        std::mem::swap(&mut apart, &mut beside);
    }
    let (mut matched, mut values) = (None, Vec::new());
    if !apart.is_empty() {
        let (bit, found) = look_up(apart)?;
        (matched, values) = (Some(bit), found);
    }
    let mut columns = BTreeMap::new();
    for places in together {
        let own = places.iter().filter_map(|place| right.columns.get(*place)).copied();
        let (bit, mut found) = look_up(beside.iter().copied().chain(own).collect())?;
        columns.extend(places.into_iter().zip(found.split_off(beside.len())));
        values.extend(found);
        matched = Some(bit);
    }
    let matched = matched.ok_or_else(|| Refused::NoDataset(String::new()))?;
    Ok(Found { matched, values, columns: columns.into_values().collect() })
}

/// Refuses what would weigh single rows of the second table for its owner, where the first one's owners ask for a floor.
pub(super) fn check_weights(
    [(_, first), _]: [(&Relation, &Table); 2],
    join: &Join,
    partials: &[Partial],
) -> Result<(), Refused> {
    if join.compared.is_none() || first.floor_rows() <= 1 {
        return Ok(());
    }
    let is_weighed = |product: &Product| product.at(1).is_some_and(|factor| factor.degree() > 0);
    match partials.iter().find(|partial| partial.factored().iter().any(is_weighed)) {
        Some(partial) => Err(Construct::ComparedWeight.refuse(&partial.name())),
        None => Ok(()),
    }
}

impl Found {
    /// The same, of rows of which all comparisons hold; others found nothing.
    pub(super) fn comparing(
        self,
        builder: &mut Builder,
        compared: &RowComparison,
        second: &Part<'_>,
        left: &Keyed,
    ) -> Result<(ValueId, Vec<ValueId>), Refused> {
        let rows = left.rows.iter().sum();
        let mut bits = Vec::with_capacity(compared.conditions.len());
        for condition in &compared.conditions {
            bits.extend(holds(builder, &condition.form, [&left.compared, &self.values], rows)?);
        }
        let Some(all) = tree(builder, bits, Builder::and)? else { return Ok((self.matched, self.columns)) };
        let zero = builder.constant(vec![0])?;
        let zeros = builder.repeat(zero, rows)?;
        // Of one row a count is 0 or 1. What it was looked up with is wider, and so is what a product with it could reach.
        let counted = |builder: &mut Builder, count: ValueId| -> Result<ValueId, Refused> {
            let any = builder.less_than(zeros, count)?;
            let any = builder.and(any, all)?;
            Ok(builder.to_integer(any)?)
        };
        let matched = counted(builder, self.matched)?;
        let weight = builder.to_integer(all)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (place, column) in self.columns.into_iter().enumerate() {
            columns.push(match second.layout.partial(place) {
                _ if second.is_every_row(place) => matched,
                Some(Partial::Rows | Partial::RowsIf(_) | Partial::Present(_)) => counted(builder, column)?,
                // Taken only where a count says that there is a row.
                Some(Partial::Min(_) | Partial::Max(_) | Partial::Text(_)) => column,
                _ => builder.multiply(column, weight)?,
            });
        }
        Ok((matched, columns))
    }
}

/// Whether a comparison holds in each row; of rows that found nothing it may. None if nothing is compared.
fn holds(
    builder: &mut Builder,
    form: &Form,
    [here, there]: [&[ValueId]; 2],
    rows: u32,
) -> Result<Option<ValueId>, Refused> {
    match form {
        Form::Sums { factors: [of_first, of_second], constant, comparison, is_turned } => {
            let left = sum(builder, here, of_first, 0, rows)?;
            let right = sum(builder, there, of_second, *constant, rows)?;
            let sides = if *is_turned { [right, left] } else { [left, right] };
            Ok(Some(comparison.holds(builder, sides)?))
        }
        Form::Same { places: [of_first, of_second], is_negated } => {
            let mut bits = Vec::with_capacity(of_first.len());
            for (x, y) in of_first.iter().zip(of_second) {
                let Some((x, y)) = here.get(*x).zip(there.get(*y)) else { continue };
                bits.push(builder.equal(*x, *y)?);
            }
            match tree(builder, bits, Builder::and)? {
                Some(same) if *is_negated => Ok(Some(builder.not(same)?)),
                same => Ok(same),
            }
        }
    }
}

/// The sum of values, each with its factor, and a constant.
fn sum(
    builder: &mut Builder,
    values: &[ValueId],
    factors: &[(usize, i128)],
    constant: i128,
    rows: u32,
) -> Result<ValueId, Refused> {
    let mut terms = Vec::with_capacity(factors.len() + 1);
    for (place, factor) in factors {
        let Some(value) = values.get(*place).copied() else { continue };
        terms.push(if *factor == 1 { value } else { builder.scale(value, *factor)? });
    }
    if constant != 0 || terms.is_empty() {
        let one = builder.constant(vec![constant])?;
        terms.push(builder.repeat(one, rows)?);
    }
    let sum = tree(builder, terms, Builder::add)?;
    sum.ok_or_else(|| Refused::NoDataset(String::new()))
}

impl Pairs<'_> {
    /// How many different rows of the second table are behind each pair of groups, or behind the values there that a
    /// product counts: those whose key a row has that counts. Of several terms each by itself.
    ///
    /// In which of the second table's groups the row of a key is, its key says: so for each key the two are asked apart, in
    /// which groups a row of the first table compares, and in which the second table's is.
    pub(super) fn different(
        &mut self,
        builder: &mut Builder,
        counted: &Product,
    ) -> Result<Vec<ValueId>, Refused> {
        let same = match self.same {
            Some(same) => same,
            None => builder.group(self.left.keys.clone()).map_err(Refused::of_keys)?,
        };
        self.same = Some(same);
        let mut at_least = Vec::with_capacity(self.terms());
        for term in 0..self.terms() {
            let here = self.columns(0, counted.at(0).unwrap_or(&Partial::Rows), term);
            let mut compare = Vec::with_capacity(here.len());
            for here in self.indicators(builder, &here)? {
                compare.push(builder.multiply(here, self.matched)?);
            }
            let there = self.columns_of(&self.met, 1, counted.at(1).unwrap_or(&Partial::Rows), term);
            let there = self.indicators(builder, &there)?;
            let here = self.by_key(builder, compare, same)?;
            let there = self.by_key(builder, there, same)?;
            let different = product(builder, &here, &there, [0, self.rows])?;
            at_least.push(self.by_group(builder, Some(different))?);
        }
        Ok(at_least)
    }

    /// For each key, whether it has a row in which a column is 1.
    fn by_key(
        &self,
        builder: &mut Builder,
        columns: Vec<ValueId>,
        same: ValueId,
    ) -> Result<Vec<ValueId>, Refused> {
        let sums: Result<Vec<_>, Refused> =
            columns.into_iter().map(|column| Ok(builder.group_sum(column, same)?)).collect();
        self.indicators(builder, &sums?)
    }
}
