//! Two tables, joined on keys that nobody sees.
//!
//! Source: aggregates over a join are computed without the join's rows, from partial results by key on either side, as
//! by Yannakakis (VLDB 1981) with annotations of Green, Karvounarakis and Tannen (PODS 2007); on shares by Wang and Yi
//! ("Secure Yannakakis", SIGMOD 2021). Here there are two relations, and each owner annotates at home: its rows are
//! reduced to one for each key, with counts and sums by public group.
//!
//! 1. Where the second table has several owners, rows of equal keys are added up ([`program::Operation::Group`]).
//! 2. Each row of the first table looks its key up in the second ([`program::Operation::Lookup`]): what is found, zeros
//!    if nothing, stands beside it. Who found something is known to nobody.
//! 3. Over all rows, the products of the first table's columns with the second's, summed, are the results for each pair
//!    of groups: one matrix product. Keys may repeat on both sides.
//!
//! Where columns of both tables are compared, [`compared`] says of each row what counts.
//!
//! All sizes are public ones: published row counts, groups, terms. The number of pairs is never a size.

use std::collections::BTreeMap;

use program::{Builder, Operation, ValueId};

use crate::{
    Refused, Table,
    behind::{Behind, Contributing},
    dominance::Parts,
    full::Rest,
    groups::{Groups, Sided},
    keyed::{Keyed, Layout, Merged, Part},
    lower::Combined,
    products::{self, Product},
    sql::{Argument, Join, JoinKind, Relation},
    stage::{self, Partial, TextPart},
    union::tree,
};

mod compared;
mod texts;

/// Declares stages and inputs of both tables, and combines partial results over the pairs of their rows.
pub(crate) fn combine(
    builder: &mut Builder,
    relations: [(&Relation, &Table); 2],
    join: &Join,
    groups: &Groups,
    partials: &[Partial],
) -> Result<Combined, Refused> {
    stage::check_alone(partials)?;
    compared::check_weights(relations, join, partials)?;
    let sided = [groups.sided(0), groups.sided(1)];
    let [first, second] = parts(relations, join, &sided, partials);
    let stages = [first.stages(builder)?, second.stages(builder)?];
    let mut shared = Vec::new();
    for (part, stages) in [&first, &second].into_iter().zip(&stages) {
        shared.push(part.inputs(builder, stages)?);
    }
    let [left, right] = shared.as_slice() else { return Err(Refused::NoDataset(String::new())) };
    let left = first.stacked(builder, left)?;
    let right = second.stacked(builder, right)?;
    let right = if right.rows.len() > 1 { unique(builder, &second, right)? } else { right };
    let zero = builder.constant(vec![0; groups.keys.len()])?;
    let one = builder.constant(vec![1; groups.keys.len()])?;
    let rest = match join.kind {
        JoinKind::Full => Some(Rest::find(builder, &left, &right)?),
        _ => None,
    };
    let mut pairs = Pairs::find(builder, join, [first, second], left, right)?;
    let mut combined = BTreeMap::new();
    for partial in partials {
        if let Partial::Text(text) = partial {
            // All of its integers with the first.
            if text.part == 0 {
                let names = TextPart::all(&text.of, text.is_least).into_iter();
                let names = names.map(|part| Partial::Text(part).name());
                combined.extend(names.zip(pairs.text(builder, text)?));
            }
            continue;
        }
        combined.insert(partial.name(), pairs.total(builder, partial, rest.as_ref())?);
    }
    let floors = relations.map(|(_, table)| table.floor_rows());
    let mut behind = Behind::default();
    for partial in partials.iter().filter(|one| matches!(one, Partial::Rows | Partial::Present(_))) {
        for product in partial.factored() {
            for contributing in pairs.contributing(builder, &product, join, floors)? {
                behind.add(partial.name(), contributing);
            }
        }
    }
    Ok(Combined { partials: combined, zero, one, behind, parts: Parts::default() })
}

fn parts<'a>(
    relations: [(&'a Relation, &'a Table); 2],
    join: &'a Join,
    sided: &'a [Sided; 2],
    partials: &'a [Partial],
) -> [Part<'a>; 2] {
    let [first, second] = relations;
    let [groups_of_first, groups_of_second] = sided;
    let part = |side, (relation, table): (&'a Relation, &'a Table), groups: &'a Sided| {
        let layout = Layout {
            partials: products::of_relation(partials, side),
            terms: join.terms.len(),
            groups: groups.conditions.len(),
            are_apart: products::are_apart(partials),
        };
        Part { relation, table, join, side, groups, layout }
    };
    [part(0, first, groups_of_first), part(1, second, groups_of_second)]
}

/// Several owners' rows of equal keys as one.
fn unique(builder: &mut Builder, part: &Part<'_>, rows: Keyed) -> Result<Keyed, Refused> {
    let merged = Merged::by(builder, rows.keys)?;
    let mut columns = Vec::with_capacity(rows.columns.len());
    for (place, of) in rows.columns.into_iter().enumerate() {
        columns.push(merged.combined(builder, of, part.layout.partial(place))?);
    }
    Ok(Keyed { keys: merged.keys, compared: Vec::new(), columns, rows: vec![rows.rows.iter().sum()] })
}

/// Each row of the first table beside what it found in the second.
struct Pairs<'a> {
    parts: [Part<'a>; 2],
    left: Keyed,
    /// Columns of the second table, in rows of the first.
    found: Vec<ValueId>,
    /// The same, also where rows do not compare as is asked.
    met: Vec<ValueId>,
    kind: JoinKind,
    /// 1 in rows that found something, else 0.
    matched: ValueId,
    /// 1 in rows that found nothing, else 0.
    alone: ValueId,
    rows: u32,
    zeros: ValueId,
    /// The first table's rows by key, where a key may occur several times in one owner's.
    same: Option<ValueId>,
}

impl<'a> Pairs<'a> {
    fn find(
        builder: &mut Builder,
        join: &Join,
        parts: [Part<'a>; 2],
        left: Keyed,
        right: Keyed,
    ) -> Result<Self, Refused> {
        let rows: u32 = left.rows.iter().sum();
        let found = compared::found(builder, &parts, &left, right)?;
        let met = found.columns.clone();
        let (matched, found) = match &join.compared {
            Some(compared) => found.comparing(builder, compared, &parts[1], &left)?,
            None => (found.matched, found.columns),
        };
        let zero = builder.constant(vec![0])?;
        let zeros = builder.repeat(zero, rows)?;
        let one = builder.constant(vec![1])?;
        let ones = builder.repeat(one, rows)?;
        let alone = builder.subtract(ones, matched)?;
        let same = None;
        Ok(Self { parts, left, found, met, kind: join.kind, matched, alone, rows, zeros, same })
    }

    fn terms(&self) -> usize {
        self.parts[0].layout.terms
    }

    /// One relation's columns of a partial result, by group.
    fn columns(&self, side: usize, partial: &Partial, term: usize) -> Vec<ValueId> {
        let all = if side == 0 { &self.left.columns } else { &self.found };
        self.columns_of(all, side, partial, term)
    }

    /// Those of some relation's columns that are a partial result's.
    fn columns_of(&self, all: &[ValueId], side: usize, partial: &Partial, term: usize) -> Vec<ValueId> {
        let Some(layout) = self.parts.get(side).map(|part| &part.layout) else { return Vec::new() };
        let first = layout.first(partial, term);
        let columns = first.and_then(|first| all.get(first..first + layout.groups));
        columns.map(<[_]>::to_vec).unwrap_or_default()
    }

    /// How often each row counts, by the second table's group: once for each partner; in an outer join also once without
    /// one, in the group without values; where partners are only asked for, once or not at all.
    fn partners(&self, builder: &mut Builder, term: usize) -> Result<Vec<ValueId>, Refused> {
        let mut counts = match self.kind {
            JoinKind::Inner | JoinKind::Left | JoinKind::Full => self.columns(1, &Partial::Rows, term),
            JoinKind::Semi => vec![self.matched],
            JoinKind::Anti => vec![self.alone],
        };
        if matches!(self.kind, JoinKind::Left | JoinKind::Full)
            && let Some(count) = self.parts[1].groups.null.and_then(|group| counts.get_mut(group))
        {
            *count = builder.add(*count, self.alone)?;
        }
        Ok(counts)
    }

    /// How often an extreme value of one table counts, by the other's groups.
    fn weights(
        &self,
        builder: &mut Builder,
        partial: &Partial,
        side: usize,
        term: usize,
    ) -> Result<Vec<ValueId>, Refused> {
        let mut weights = Vec::new();
        for product in partial.factored() {
            let [first, second] = self.factors(builder, &product, term)?;
            weights = if side == 0 { second } else { first };
        }
        Ok(weights)
    }

    /// Columns of either table whose products, row by row, are to be added up.
    fn factors(
        &self,
        builder: &mut Builder,
        product: &Product,
        term: usize,
    ) -> Result<[Vec<ValueId>; 2], Refused> {
        let first = self.columns(0, product.at(0).unwrap_or(&Partial::Rows), term);
        let second = match product.at(1) {
            Some(of) => self.columns(1, of, term),
            None => self.partners(builder, term)?,
        };
        Ok([first, second])
    }

    /// A partial result over all pairs, for each of the query's groups.
    fn total(
        &mut self,
        builder: &mut Builder,
        partial: &Partial,
        rest: Option<&Rest>,
    ) -> Result<ValueId, Refused> {
        let total = match partial {
            Partial::Min(x) | Partial::Max(x) => self.extreme(builder, partial, x)?,
            _ => self.sum(builder, partial)?,
        };
        let total = match (total, rest) {
            (Some(total), Some(rest)) => Some(rest.beside(builder, &self.parts, partial, total)?),
            (total, _) => total,
        };
        self.by_group(builder, total)
    }

    /// For each pair of groups the sum over the rows of the first table.
    fn sum(&self, builder: &mut Builder, partial: &Partial) -> Result<Option<ValueId>, Refused> {
        let mut sums = Vec::new();
        for of in partial.factored() {
            let mut terms = Vec::new();
            for term in 0..self.terms() {
                let [left, right] = self.factors(builder, &of, term)?;
                terms.push(product(builder, &left, &right, [0, self.rows])?);
            }
            let Some(sum) = tree(builder, terms, Builder::add)? else { continue };
            sums.push(if of.times == 1 { sum } else { builder.scale(sum, of.times)? });
        }
        Ok(tree(builder, sums, Builder::add)?)
    }

    /// For each pair of groups the least or greatest value over the rows of the first table.
    fn extreme(
        &self,
        builder: &mut Builder,
        partial: &Partial,
        x: &Argument,
    ) -> Result<Option<ValueId>, Refused> {
        let is_least = matches!(partial, Partial::Min(_));
        let absent = builder.constant(vec![if is_least { x.interval.max } else { x.interval.min }])?;
        let absent = builder.repeat(absent, self.rows)?;
        let mut by_term = Vec::new();
        for term in 0..self.terms() {
            let weights = self.weights(builder, partial, x.side, term)?;
            // A row without a partner has no value of the second table's columns.
            let own = self.columns(x.side, &Partial::Rows, term);
            let (here, there) = if x.side == 0 { (own, weights) } else { (weights, own) };
            let (here, there) = (self.positive(builder, &here)?, self.positive(builder, &there)?);
            let values = self.columns(x.side, partial, term);
            let mut of_pairs = Vec::new();
            for (i, here) in here.iter().enumerate() {
                for (j, there) in there.iter().enumerate() {
                    let Some(value) = values.get(if x.side == 0 { i } else { j }) else { continue };
                    let both = builder.and(*here, *there)?;
                    let value = builder.select(both, *value, absent)?;
                    of_pairs.push(builder.push(match is_least {
                        true => Operation::Least(value),
                        false => Operation::Greatest(value),
                    })?);
                }
            }
            by_term.push(builder.concat(of_pairs)?);
        }
        let combine = if is_least { Builder::minimum } else { Builder::maximum };
        Ok(tree(builder, by_term, combine)?)
    }

    /// Whether counts are above 0.
    fn positive(&self, builder: &mut Builder, counts: &[ValueId]) -> Result<Vec<ValueId>, Refused> {
        counts.iter().map(|count| Ok(builder.less_than(self.zeros, *count)?)).collect()
    }

    /// One value for each pair of groups, the first table's first, in the order of the query's groups.
    fn by_group(&self, builder: &mut Builder, pairs: Option<ValueId>) -> Result<ValueId, Refused> {
        let [first, second] = &self.parts;
        let width = second.layout.groups;
        let places: Vec<usize> =
            first.groups.of.iter().zip(&second.groups.of).map(|(i, j)| i * width + j).collect();
        // No term, no pair.
        let Some(pairs) = pairs else { return Ok(builder.constant(vec![0; places.len()])?) };
        picked(builder, pairs, &places, first.layout.groups * width)
    }
}

/// Floors.
impl Pairs<'_> {
    /// How many rows of each table are behind each group, or behind the values there that a product counts, where the
    /// table's owners ask for more than one. Pairs are no measure: one row of a table can have a thousand partners.
    fn contributing(
        &mut self,
        builder: &mut Builder,
        counted: &Product,
        join: &Join,
        [of_first, of_second]: [u64; 2],
    ) -> Result<Vec<Contributing>, Refused> {
        let mut all = Vec::new();
        if of_first > 1 {
            // A row may count for several terms, whose numbers are therefore not added.
            let mut at_least = Vec::new();
            for term in 0..self.terms() {
                let [here, found] = self.factors(builder, counted, term)?;
                let found = self.indicators(builder, &found)?;
                let count = product(builder, &here, &found, [0, self.rows])?;
                at_least.push(self.by_group(builder, Some(count))?);
            }
            all.push(Contributing { at_least, floor_rows: of_first });
        }
        // Of rows that have no partner too: whoever knows the first table counts by them those that have one.
        if of_second > 1 && join.compared.is_some() {
            let at_least = self.different(builder, counted)?;
            all.push(Contributing { at_least, floor_rows: of_second });
        } else if of_second > 1 {
            // A key occurs once in each owner's rows of the first table: within these nothing is counted twice.
            let mut at_least = Vec::new();
            for term in 0..self.terms() {
                let [here, _] = self.factors(builder, counted, term)?;
                let here = self.indicators(builder, &here)?;
                let found = self.columns(1, counted.at(1).unwrap_or(&Partial::Rows), term);
                let mut start = 0;
                for rows in &self.left.rows {
                    let count = product(builder, &here, &found, [start, *rows])?;
                    at_least.push(self.by_group(builder, Some(count))?);
                    start += rows;
                }
            }
            all.push(Contributing { at_least, floor_rows: of_second });
        }
        Ok(all)
    }

    /// 1 where a count is above 0, else 0.
    fn indicators(&self, builder: &mut Builder, counts: &[ValueId]) -> Result<Vec<ValueId>, Refused> {
        let bits = self.positive(builder, counts)?;
        bits.into_iter().map(|bit| Ok(builder.to_integer(bit)?)).collect()
    }
}

/// The values at these places of a column, which has as many as `all`.
pub(crate) fn picked(
    builder: &mut Builder,
    column: ValueId,
    places: &[usize],
    all: usize,
) -> Result<ValueId, Refused> {
    if places.len() == all && places.iter().enumerate().all(|(place, from)| place == *from) {
        return Ok(column);
    }
    let rows: Result<Vec<_>, _> =
        places.iter().map(|place| builder.slice(column, *place as u32, 1)).collect();
    Ok(builder.concat(rows?)?)
}

/// Over the rows `start .. start + rows`, the sum of the products of each of `left` with each of `right`.
pub(crate) fn product(
    builder: &mut Builder,
    left: &[ValueId],
    right: &[ValueId],
    [start, rows]: [u32; 2],
) -> Result<ValueId, Refused> {
    let mut matrix = |columns: &[ValueId]| -> Result<ValueId, Refused> {
        let cut: Result<Vec<_>, _> =
            columns.iter().map(|column| builder.slice(*column, start, rows)).collect();
        let stacked = builder.concat(cut?)?;
        Ok(builder.reshape(stacked, columns.len() as u32, rows)?)
    };
    let (x, y) = (matrix(left)?, matrix(right)?);
    let y = builder.transpose(y)?;
    let product = builder.matrix_multiply(x, y)?;
    Ok(builder.reshape(product, (left.len() * right.len()) as u32, 1)?)
}
