//! Rows of one table that are compared with an aggregate over another, or over the same one, before they are aggregated:
//! `WHERE salary > (SELECT AVG(salary) FROM salaries WHERE …)`. Neither the aggregate is opened, nor how a row compares.
//!
//! 1. The subquery's owners share what it aggregates, over the rows that its conditions leave: one number each, or, where
//!    it has a key, one for each key ([`crate::keyed`]). These are added up, or compared for extremes.
//! 2. The query's owners share for each row that its other conditions leave what is compared, and what is aggregated
//!    ([`crate::masked`]). A row without a value compares with nothing and is left out at home.
//! 3. With a key, each row looks up what there is of its own ([`program::Operation::Lookup`]), as in [`crate::joined`].
//!    So it does in a table between the two that it must meet, or must not (NOT EXISTS), which shares its keys alone.
//! 4. A bit for each row says how it compares; rows for which it holds are aggregated by group. A mean is not computed: a
//!    value times the count is compared with the sum, which is exact.
//!
//! *NULL*: without rows a sum, mean or extreme is NULL, with which no row compares. *Floor*: a value of the subquery that is
//! over fewer rows than the contract, or one of its table's owners, asks for would be probed by the comparison. Without a
//! key nothing is shown then; with a key, rows of that key do not compare, as aggregates that are withheld do not in
//! HAVING. Of the rows that are aggregated as many are asked for as in every query; and where the subquery is over the same
//! rows, of those that are not ([`crate::reread`]). Of a table that rows must or must not meet, its owners' floor counts its
//! rows that are met by rows that compare: who knows these would learn by the others which of its rows there are.
//!
//! *Cost*, of n rows: one comparison of n rows of the numbers' width, for a mean n products, and what [`crate::masked`]
//! costs. With a key also one lookup and, of several owners, one grouping of the subquery's rows; so for a table that rows
//! must meet, and where its owners ask for a floor one grouping of the n rows, and a comparison of them for each group.

use program::{Builder, ValueId};

use crate::{
    Construct, Refused,
    behind::{Behind, Contributing},
    dominance::Parts,
    groups::Groups,
    lower::Combined,
    masked::Layout,
    reread,
    sql::{Function, Line, Partner, Threshold},
    stage::{self, Partial},
    threshold_tables::{Found, Inside, Of, Outside, Partners, Rows},
};

/// The tables of such a query.
pub(crate) struct Tables<'a> {
    /// Whose rows are compared and aggregated.
    pub(crate) first: Of<'a>,
    /// Which these rows must meet.
    pub(crate) partner: Option<Of<'a>>,
    /// The subquery's.
    pub(crate) inner: Of<'a>,
    /// Whether the subquery is over the same rows ([`crate::reread`]).
    pub(crate) rereads: bool,
}

/// Declares stages and inputs of all tables, and combines partial results over the rows that compare as is asked. Beside
/// them a bit for each group, without which nothing of it may be shown.
pub(crate) fn combine(
    builder: &mut Builder,
    tables: &Tables<'_>,
    threshold: &Threshold,
    groups: &Groups,
    partials: &[Partial],
    floor_rows: u64,
) -> Result<(Combined, Option<ValueId>), Refused> {
    stage::check_alone(partials)?;
    let sided = groups.sided(0);
    let outside = Outside { of: tables.first, threshold, layout: Layout { partials, groups: &sided } };
    let inside = Inside::new(tables.inner, threshold)?;
    let partners = threshold.partner.as_ref().zip(tables.partner);
    let partners = partners.map(|(partner, of)| Partners { of, partner });
    let stages = [outside.stages(builder)?, inside.stages(builder)?];
    let of_partners = partners.as_ref().map(|partners| partners.stages(builder)).transpose()?;
    let rows = outside.inputs(builder, &stages[0])?;
    let shared = inside.inputs(builder, &stages[1])?;
    let keys = partners.as_ref().zip(of_partners);
    let keys = keys.map(|(partners, stages)| partners.inputs(builder, &stages)).transpose()?;
    let rows = outside.stacked(builder, rows)?;
    let found = inside.found(builder, shared, &rows)?;
    let of_contract = floor_rows;
    let floor_rows = floor_rows.max(tables.inner.1.floor_rows());
    let holds = holds(builder, threshold, &rows, &found, floor_rows)?;
    let compares = builder.to_integer(holds)?;
    let met = partners.as_ref().zip(keys);
    let met = met.map(|(partners, keys)| partners.met(builder, keys, &rows)).transpose()?;
    let weight = match (&threshold.partner, met) {
        (Some(Partner { is_absent: true, .. }), Some(met)) => {
            let one = builder.constant(vec![1])?;
            let ones = builder.repeat(one, rows.count)?;
            let alone = builder.subtract(ones, met)?;
            builder.multiply(compares, alone)?
        }
        (_, Some(met)) => builder.multiply(compares, met)?,
        (_, None) => compares,
    };
    let zero = builder.constant(vec![0; groups.keys.len()])?;
    let one = builder.constant(vec![1; groups.keys.len()])?;
    let columns = rows.columns.clone();
    let weighted = outside.layout.weighted(builder, columns, weight, rows.count)?;
    let totals = outside.layout.totals(builder, &weighted)?;
    let mut behind = Behind::default();
    if let Some((partners, met)) = partners.filter(Partners::ask_for_more).zip(met) {
        let meeting = match partners.partner.is_absent {
            true => {
                let meeting = builder.multiply(compares, met)?;
                outside.layout.weighted(builder, rows.columns, meeting, rows.count)?
            }
            false => weighted,
        };
        partners.behind(builder, &outside.layout, &meeting, &rows.partners, &mut behind)?;
    }
    if floor_rows > 1 && threshold.keys.is_empty() {
        // At most `GROUPS_MAX`.
        let covered = builder.repeat(found.covered, groups.keys.len() as u32)?;
        behind.add(Partial::Rows.name(), Contributing { at_least: vec![covered], floor_rows });
    }
    let mut demanded = None;
    if floor_rows > 1 && tables.rereads {
        let counted = totals.get(&Partial::Rows.name()).copied();
        let counted = counted.ok_or_else(|| Construct::Threshold.refuse(&threshold.text))?;
        if floor_rows > of_contract {
            behind.add(Partial::Rows.name(), Contributing { at_least: vec![counted], floor_rows });
        }
        let groups = groups.keys.len();
        demanded = Some(reread::none_or_enough(builder, found.covered, counted, groups, floor_rows)?);
    }
    Ok((Combined { partials: totals, zero, one, behind, parts: Parts::default() }, demanded))
}

/// Whether each row compares as is asked.
fn holds(
    builder: &mut Builder,
    threshold: &Threshold,
    rows: &Rows,
    found: &Found,
    floor_rows: u64,
) -> Result<ValueId, Refused> {
    let is_keyed = !threshold.keys.is_empty();
    let function = threshold.aggregate.function;
    let is_mean = function == Function::Avg;
    let Factors { own, number, constant } = Factors::of(threshold)?;
    let each = |builder: &mut Builder, value: ValueId| -> Result<ValueId, Refused> {
        if is_keyed { Ok(value) } else { Ok(builder.repeat(value, rows.count)?) }
    };
    let mut there = builder.scale(found.number, number)?;
    if constant != 0 {
        let constant = match is_mean {
            true => builder.scale(found.covered, constant)?,
            false => {
                let one = builder.constant(vec![constant])?;
                if is_keyed { builder.repeat(one, rows.count)? } else { one }
            }
        };
        there = builder.add(there, constant)?;
    }
    let there = each(builder, there)?;
    let here = match is_mean {
        true => {
            let count = builder.scale(found.covered, own)?;
            let count = each(builder, count)?;
            builder.multiply(rows.value, count)?
        }
        false => builder.scale(rows.value, own)?,
    };
    let sides = if threshold.is_turned { [there, here] } else { [here, there] };
    let bit = threshold.comparison.holds(builder, sides)?;
    // Without a key the floor keeps back everything.
    let least = match function {
        _ if is_keyed && floor_rows > 1 => floor_rows,
        Function::Count => 0,
        _ if floor_rows > 1 => 0,
        _ => 1,
    };
    if least == 0 {
        return Ok(bit);
    }
    let floor = builder.constant(vec![least.into()])?;
    let floor = if is_keyed { builder.repeat(floor, rows.count)? } else { floor };
    let below = builder.less_than(found.covered, floor)?;
    let enough = builder.not(below)?;
    let enough = each(builder, enough)?;
    Ok(builder.and(bit, enough)?)
}

/// `own · row` is compared with `number · found + constant`, of a mean times its count.
struct Factors {
    own: i128,
    number: i128,
    constant: i128,
}

impl Factors {
    /// The lines of both sides over one denominator.
    fn of(threshold: &Threshold) -> Result<Self, Refused> {
        let Threshold { compared, left, right, aggregate, .. } = threshold;
        let argument = aggregate.argument.as_ref().filter(|_| aggregate.function != Function::Count);
        let scale_of = |line: &Line, scale: u8| line.scale.saturating_add(scale);
        let (own, number) =
            (scale_of(left, compared.scale), scale_of(right, argument.map_or(0, |argument| argument.scale)));
        let scale = own.max(number).max(left.scale).max(right.scale);
        let refused = || Refused::TooLarge {
            what: "digits in a comparison with a subquery",
            found: scale.into(),
            most: crate::DIGITS_MAX,
        };
        let lifted = |factor: i128, from: u8| {
            let digits = 10_i128.checked_pow((scale - from).into())?;
            factor.checked_mul(digits).filter(|factor| factor.unsigned_abs() < 1 << 100)
        };
        let constants = lifted(right.constant, right.scale).zip(lifted(left.constant, left.scale));
        Ok(Self {
            own: lifted(left.factor, own).ok_or_else(refused)?,
            number: lifted(right.factor, number).ok_or_else(refused)?,
            constant: constants.map(|(right, left)| right - left).ok_or_else(refused)?,
        })
    }
}
