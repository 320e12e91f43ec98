//! Rows of one table that are compared with an aggregate over another, or over the same one, before they are aggregated:
//! `WHERE salary > (SELECT AVG(salary) FROM salaries WHERE …)`. Neither the aggregate is opened, nor how a row compares.
//!
//! 1. The subquery's owners share what it aggregates, over the rows that its conditions leave: one number each, or, where
//!    it has a key, one for each key ([`crate::keyed`]). These are added up, or compared for extremes.
//! 2. The query's owners share for each row that its other conditions leave what is compared, and what is aggregated
//!    ([`crate::masked`]). A row without a value compares with nothing and is left out at home.
//! 3. With a key, each row looks up what there is of its own ([`program::Operation::Lookup`]), as in [`crate::joined`].
//! 4. A bit for each row says how it compares; rows for which it holds are aggregated by group. A mean is not computed: a
//!    value times the count is compared with the sum, which is exact.
//!
//! *NULL*: without rows a sum, mean or extreme is NULL, with which no row compares. *Floor*: a value of the subquery that is
//! over fewer rows than the contract, or one of its table's owners, asks for would be probed by the comparison. Without a
//! key nothing is shown then; with a key, rows of that key do not compare, as aggregates that are withheld do not in
//! HAVING. Of the rows that are aggregated as many are asked for as in every query.
//!
//! *Cost*, of n rows: one comparison of n rows of the numbers' width, for a mean n products, and what [`crate::masked`]
//! costs. With a key also one lookup and, of several owners, one grouping of the subquery's rows.

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    aggregation::Aggregation,
    behind::{Behind, Contributing},
    dominance::Parts,
    groups::Groups,
    keyed::{self, Merged},
    lower::Combined,
    masked::Layout,
    number::bits,
    sql::{Aggregate, Comparison, Function, Line, Relation, Threshold, identifier},
    stage::{self, Partial},
    union,
};

/// The mark of a key that may be found, in either table.
const KEYED: u8 = 1;
/// Of a row of the query that finds nothing: its key is NULL, or it has no meaning.
const ALONE: u8 = 2;

/// Declares stages and inputs of both tables, and combines partial results over the rows that compare as is asked.
pub(crate) fn combine(
    builder: &mut Builder,
    [first, second]: [(&Relation, &Table); 2],
    threshold: &Threshold,
    groups: &Groups,
    partials: &[Partial],
    floor_rows: u64,
) -> Result<Combined, Refused> {
    if let Some(partial) = partials.iter().find(|partial| partial.needs_values()) {
        return Err(partial.refuse());
    }
    let sided = groups.sided(0);
    let outside = Outside { of: first, threshold, layout: Layout { partials, groups: &sided } };
    let inside = Inside::new(second, threshold)?;
    let stages = [outside.stages(builder)?, inside.stages(builder)?];
    let rows = outside.inputs(builder, &stages[0])?;
    let shared = inside.inputs(builder, &stages[1])?;
    let rows = outside.stacked(builder, rows)?;
    let found = inside.found(builder, shared, &rows)?;
    let floor_rows = floor_rows.max(second.1.floor_rows());
    let holds = holds(builder, threshold, &rows, &found, floor_rows)?;
    let weight = builder.to_integer(holds)?;
    let zero = builder.constant(vec![0; groups.keys.len()])?;
    let one = builder.constant(vec![1; groups.keys.len()])?;
    let totals = outside.layout.totals(builder, rows.columns, weight, rows.count)?;
    let mut behind = Behind::default();
    if floor_rows > 1 && threshold.keys.is_empty() {
        // At most `GROUPS_MAX`.
        let covered = builder.repeat(found.covered, groups.keys.len() as u32)?;
        behind.add(Partial::Rows.name(), Contributing { at_least: vec![covered], floor_rows });
    }
    Ok(Combined { partials: totals, zero, one, behind, parts: Parts::default() })
}

/// The table that is aggregated.
struct Outside<'a> {
    of: (&'a Relation, &'a Table),
    threshold: &'a Threshold,
    layout: Layout<'a>,
}

/// Its rows, of all owners one below the other.
struct Rows {
    /// What is compared.
    value: ValueId,
    /// The key's integers and its mark; none where there is no key.
    keys: Vec<ValueId>,
    /// Those of [`Layout`].
    columns: Vec<ValueId>,
    count: u32,
}

impl Outside<'_> {
    fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        keyed::stages(builder, self.of.1, |rows| self.sql(rows))
    }

    /// How many columns the key has.
    fn key_len(&self) -> Result<usize, Refused> {
        Ok(key_widths(self.threshold)?.len())
    }

    fn sql(&self, rows: u32) -> String {
        let (relation, table) = self.of;
        let compared = &self.threshold.compared;
        let own: Vec<_> = self.threshold.keys.iter().map(|[own, _]| own).collect();
        let present = own.iter().map(|key| format!("{} IS NOT NULL", identifier(&key.name)));
        let present = present.collect::<Vec<_>>().join(" AND ");
        let mut keys = vec![("value".to_owned(), compared.sql.clone(), 0)];
        let limbs = own.iter().flat_map(|key| keyed::limbs(key)).enumerate();
        keys.extend(limbs.map(|(number, limb)| {
            (format!("key {}", number + 1), format!("CASE WHEN {present} THEN {limb} ELSE 0 END"), 0)
        }));
        if !own.is_empty() {
            let mark = format!("CASE WHEN {present} THEN {KEYED} ELSE {ALONE} END");
            keys.push(("mark".to_owned(), mark, ALONE));
        }
        keys.extend(self.layout.keys().into_iter().map(|(name, sql)| (name, sql, 0)));
        let names: Vec<(String, u8)> = keys.iter().map(|(name, _, absent)| (name.clone(), *absent)).collect();
        let keys = keys.into_iter().map(|(name, sql, _)| (name, sql)).collect();
        let filter = relation.filter.as_ref().map(|filter| format!("({filter})"));
        let filters = filter.into_iter().chain([format!("({}) IS NOT NULL", compared.presence)]).collect();
        let calls = self.layout.calls();
        let inner = Aggregation { from: relation.name(table), filters, keys, calls }.sql();
        keyed::padded(rows, &names, &self.layout.shared(), &inner, &[])
    }

    fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns = Vec::new();
        for (source, stage) in self.of.1.datasets.iter().zip(stages) {
            let width = bits(self.threshold.compared.interval.magnitude()).max(1);
            let value = stage::cut(&self.threshold.compared.shown);
            let mut named = vec![(format!("value of {value}, to be compared"), width)];
            let keys = key_widths(self.threshold)?.into_iter().enumerate();
            named.extend(keys.map(|(number, width)| (format!("key of the row, part {}", number + 1), width)));
            named.extend(self.layout.named(source.rows));
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    fn stacked(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<Rows, Refused> {
        let mut columns = stacked(builder, inputs)?.into_iter();
        let value = columns.next().ok_or_else(|| Refused::NoDataset(self.of.1.name.clone()))?;
        let keys = columns.by_ref().take(self.key_len()?).collect();
        let count = self.of.1.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        Ok(Rows { value, keys, columns: columns.collect(), count })
    }
}

/// The subquery.
struct Inside<'a> {
    of: (&'a Relation, &'a Table),
    threshold: &'a Threshold,
    partials: Vec<Partial>,
}

/// Its value: of all rows in one row, or of each row's key in that row.
struct Found {
    /// What is compared; of a mean the sum.
    number: ValueId,
    /// Over how many rows or values it is.
    covered: ValueId,
}

impl<'a> Inside<'a> {
    fn new(of: (&'a Relation, &'a Table), threshold: &'a Threshold) -> Result<Self, Refused> {
        let aggregates = std::slice::from_ref(&threshold.aggregate);
        let rows = of.1.datasets.iter().fold(0_u64, |sum, source| sum.saturating_add(source.rows));
        stage::check_widths(aggregates, rows)?;
        Ok(Self { of, threshold, partials: stage::partials(aggregates) })
    }

    fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        let table = self.of.1;
        if !self.threshold.keys.is_empty() {
            return keyed::stages(builder, table, |rows| self.by_key(rows));
        }
        let sql = self.of_all();
        let stage = |(index, source): (usize, &crate::Source)| {
            Ok(builder.stage(index as u16, &table.name, &source.reference, &sql, 1)?)
        };
        table.datasets.iter().enumerate().map(stage).collect()
    }

    fn aggregation(&self, keys: Vec<(String, String)>, present: Vec<String>) -> String {
        let (relation, table) = self.of;
        let calls = self.partials.iter().map(|partial| (partial.name(), partial.aggregate(None))).collect();
        let filter = relation.filter.as_ref().map(|filter| format!("({filter})"));
        let filters = filter.into_iter().chain(present).collect();
        Aggregation { from: relation.name(table), filters, keys, calls }.sql()
    }

    fn shared(&self) -> Vec<String> {
        self.partials.iter().map(|partial| partial.shared(&partial.name())).collect()
    }

    fn of_all(&self) -> String {
        let inner = self.aggregation(Vec::new(), Vec::new());
        format!("SELECT\n  {}\nFROM (\n{inner}\n) AS a", self.shared().join(",\n  "))
    }

    fn by_key(&self, rows: u32) -> String {
        let own: Vec<_> = self.threshold.keys.iter().map(|[_, own]| own).collect();
        let present = own.iter().map(|key| format!("{} IS NOT NULL", identifier(&key.name))).collect();
        let limbs = own.iter().flat_map(|key| keyed::limbs(key)).enumerate();
        let limbs = limbs.map(|(number, limb)| (format!("key {}", number + 1), limb));
        let keys: Vec<(String, String)> = limbs.chain([("mark".to_owned(), KEYED.to_string())]).collect();
        let names: Vec<(String, u8)> = keys.iter().map(|(name, _)| (name.clone(), keyed::PADDING)).collect();
        keyed::padded(rows, &names, &self.shared(), &self.aggregation(keys, present), &[])
    }

    fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns = Vec::new();
        for (source, stage) in self.of.1.datasets.iter().zip(stages) {
            let keys = key_widths(self.threshold)?.into_iter().enumerate();
            let keys = keys.map(|(number, width)| (format!("subquery, key part {}", number + 1), width));
            let partials = self.partials.iter().enumerate().map(|(place, partial)| {
                let name = stage::short(partial.name(), place);
                (format!("subquery, {name}"), partial.bits(source.rows))
            });
            let named = keys.chain(partials).collect();
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    fn found(
        &self,
        builder: &mut Builder,
        inputs: Vec<Vec<ValueId>>,
        rows: &Rows,
    ) -> Result<Found, Refused> {
        let values = match rows.keys.as_slice() {
            [] => self.combined(builder, inputs)?,
            keys => self.looked_up(builder, inputs, keys, rows.count)?,
        };
        let named: BTreeMap<String, ValueId> = self.partials.iter().map(Partial::name).zip(values).collect();
        let Aggregate { function, argument, .. } = &self.threshold.aggregate;
        let missing = || Construct::Threshold.refuse(&self.threshold.text);
        let of = |partial: Partial| named.get(&partial.name()).copied().ok_or_else(missing);
        let covered = of(match argument {
            Some(argument) if argument.nullable => Partial::Present(argument.clone()),
            _ => Partial::Rows,
        })?;
        let number = match (function, argument) {
            (Function::Sum | Function::Avg, Some(argument)) => of(Partial::Sum(argument.clone()))?,
            (Function::Min, Some(argument)) => of(Partial::Min(argument.clone()))?,
            (Function::Max, Some(argument)) => of(Partial::Max(argument.clone()))?,
            _ => covered,
        };
        Ok(Found { number, covered })
    }

    /// All owners' numbers together.
    fn combined(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<Vec<ValueId>, Refused> {
        let mut all = Vec::with_capacity(inputs.len());
        for (partial, values) in self.partials.iter().zip(inputs) {
            let combine = match partial {
                Partial::Min(_) => Builder::minimum,
                Partial::Max(_) => Builder::maximum,
                _ => Builder::add,
            };
            all.extend(union::tree(builder, values, combine)?);
        }
        Ok(all)
    }

    /// Of each row's key, beside that row; zeros where there is none.
    fn looked_up(
        &self,
        builder: &mut Builder,
        inputs: Vec<Vec<ValueId>>,
        queries: &[ValueId],
        rows: u32,
    ) -> Result<Vec<ValueId>, Refused> {
        let mut keys = stacked(builder, inputs)?;
        let mut columns = keys.split_off(keys.len().saturating_sub(self.partials.len()));
        if self.of.1.datasets.len() > 1 {
            let merged = Merged::by(builder, keys)?;
            for (column, partial) in columns.iter_mut().zip(&self.partials) {
                *column = merged.combined(builder, *column, Some(partial))?;
            }
            keys = merged.keys;
        }
        let looked_up = builder.lookup(queries.to_vec(), keys, columns).map_err(Refused::of_keys)?;
        // What says whether there is such a key comes first.
        let columns = 1..=self.partials.len() as u32;
        columns.map(|column| Ok(builder.slice(looked_up, column * rows, rows)?)).collect()
    }
}

/// How wide the columns of a key are, with its mark; none where there is no key.
fn key_widths(threshold: &Threshold) -> Result<Vec<u32>, Refused> {
    let mut widths = Vec::new();
    for pair in &threshold.keys {
        widths.extend(keyed::limb_widths(pair.each_ref())?);
    }
    if !widths.is_empty() {
        widths.push(2);
    }
    Ok(widths)
}

/// Each column of all owners as one.
fn stacked(builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<Vec<ValueId>, Refused> {
    let mut columns = Vec::with_capacity(inputs.len());
    for values in inputs {
        columns.push(match values.as_slice() {
            [only] => *only,
            _ => builder.concat(values)?,
        });
    }
    Ok(columns)
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
    let (left, right) = if threshold.is_turned { (there, here) } else { (here, there) };
    let bit = match threshold.comparison {
        Comparison::Less => builder.less_than(left, right)?,
        Comparison::AtMost => {
            let above = builder.less_than(right, left)?;
            builder.not(above)?
        }
        Comparison::Equal => builder.equal(left, right)?,
        Comparison::NotEqual => {
            let equal = builder.equal(left, right)?;
            builder.not(equal)?
        }
    };
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
