//! The joint part: partial results of all owners combined on shares, the floor applied, quotients and roots taken.
//!
//! Every value is set to 0 where it must not be shown *before* anything is computed from it that is opened: what is
//! withheld never exists in the open, not even inside a quotient.

use std::collections::BTreeMap;

use contract::{Column, ColumnType};
use program::{Builder, Key as SortKey, Program, ValueId};

use crate::{
    CellType, Construct, GROUPS_MAX, Opened, Refused, ResultColumn, ResultKind, Rule, Table,
    behind::Behind,
    dominance::{self, Parts},
    finish::Finish,
    groups::Groups,
    joined, nested,
    noise::{self, Noisy},
    pairs_max, precision,
    reread::{self, Reread},
    secret::{self, SecretKey},
    set_values, sets,
    sql::{
        Aggregate, Argument, Checked, Function, Item, Joined, OrderTerm, Query, Relation, Selected, Temporal,
    },
    stage::{self, Partial},
    text_extremes, threshold, tree, union, windows,
};

/// A program and how its outputs are read.
pub(crate) struct Lowered {
    pub(crate) program: Program,
    pub(crate) columns: Vec<ResultColumn>,
    pub(crate) partials: Vec<Partial>,
    /// How many rows each output has.
    pub(crate) rows: usize,
    /// The output that holds each row's public group, where not all are opened.
    pub(crate) group_at: Option<usize>,
    pub(crate) finish: Option<Finish>,
    /// What bears noise, and how much.
    pub(crate) noise: Vec<Noisy>,
}

/// Partial results of all owners, combined: one value for each public group.
pub(crate) struct Combined {
    /// By name.
    pub(crate) partials: BTreeMap<String, ValueId>,
    /// 0 and 1 for each group.
    pub(crate) zero: ValueId,
    pub(crate) one: ValueId,
    /// How many rows of joined tables are behind what is shown.
    pub(crate) behind: Behind,
    /// What each member brings, where that is known.
    pub(crate) parts: Parts,
}

/// Lowers a checked query.
pub(crate) fn lower(
    tables: &[Table],
    checked: &Checked,
    groups: &Groups,
    rule: &Rule,
) -> Result<Lowered, Refused> {
    let floor_rows = rule.floor_rows;
    let query = &checked.query;
    let relations: Vec<(&Relation, &Table)> = checked
        .relations
        .iter()
        .filter_map(|relation| Some((relation, tables.get(relation.table)?)))
        .collect();
    let rows_max = pairs_max::of(checked);
    stage::check_widths(&query.aggregates, rows_max)?;
    let mut partials = stage::partials(&query.aggregates);
    dominance::plan(checked, rule, &mut partials)?;
    if let (Some(Joined::Set(_)), Some(other)) =
        (&checked.join, partials.iter().find(|partial| **partial != Partial::Rows))
    {
        return Err(Construct::SetOperation.refuse(&other.name()));
    }
    text_extremes::check(&partials, &relations, checked.join.as_ref())?;
    let noise = match rule.disclosure.privacy {
        Some(privacy) => noise::plan(tables, checked, &partials, privacy)?,
        None => Vec::new(),
    };
    let mut builder = Builder::new();
    let mut secret = None;
    let mut demanded = None;
    let mut combined = match (relations.as_slice(), &checked.join) {
        (several, Some(Joined::Tree(tree))) => {
            let (combined, keys) = tree::combine(&mut builder, several, tree, groups, &partials)?;
            secret = keys;
            combined
        }
        (several, Some(Joined::Set(set))) if !query.keys.is_empty() => {
            let (combined, keys) = set_values::combine(&mut builder, several, set)?;
            secret = Some(keys);
            combined
        }
        (several, Some(Joined::Set(set))) => sets::combine(&mut builder, several, set)?,
        ([first, second], Some(Joined::Two(join))) => {
            joined::combine(&mut builder, [*first, *second], join, groups, &partials)?
        }
        ([first, partner @ .., inner], Some(Joined::Threshold(of))) => {
            let rereads = reread::of(tables, checked) == Reread::Whole;
            let tables = threshold::Tables {
                first: *first,
                partner: partner.first().copied(),
                inner: *inner,
                rereads,
            };
            let (combined, bit) =
                threshold::combine(&mut builder, &tables, of, groups, &partials, floor_rows)?;
            demanded = bit;
            combined
        }
        ([only], Some(Joined::Windows(of))) => {
            let (combined, bit) = windows::combine(&mut builder, *only, of, groups, &partials, floor_rows)?;
            demanded = bit;
            combined
        }
        ([only], Some(Joined::Nested(of))) => {
            let (combined, bit) = nested::combine(&mut builder, *only, of, groups, &partials, floor_rows)?;
            demanded = bit;
            combined
        }
        ([(relation, table), ..], _) if !query.has_public_groups => {
            let (combined, keys) = secret::combine(&mut builder, table, relation, &query.keys, &partials)?;
            secret = Some(keys);
            combined
        }
        ([(relation, table), ..], _) => union::combine(&mut builder, table, relation, groups, &partials)?,
        ([], _) => return Err(Refused::NoDataset(String::new())),
    };
    let rows = secret.as_ref().map_or(groups.keys.len(), |keys| keys.rows as usize);
    noise::add(&mut builder, &mut combined, &noise, groups.keys.len())?;
    let parts = std::mem::take(&mut combined.parts);
    let mut joint = Joint::new(builder, combined, rows, floor_rows, rows_max)?;
    joint.parts = parts;
    joint.contributors_min = rule.disclosure.contributors_min;
    joint.dominance_percent_max = rule.disclosure.dominance_percent_max;
    joint.noise = noise.iter().map(|noisy| (noisy.name.clone(), noisy.reach())).collect();
    joint.demand_contributors()?;
    if let Some(bit) = demanded {
        joint.demand(bit)?;
    }
    if let Some(having) = &query.having {
        joint.require(having, &query.aggregates)?;
    }
    joint.show_groups()?;
    let mut opened = Vec::with_capacity(query.aggregates.len());
    for (index, aggregate) in query.aggregates.iter().enumerate() {
        opened.push(if query.opens(index) { Some(joint.aggregate(aggregate)?) } else { None });
    }
    let mut keys = Vec::new();
    let alone = secret.as_ref().and_then(|keys| keys.alone);
    for (key, shared) in query.keys.iter().zip(secret.iter().flat_map(|keys| &keys.columns)) {
        keys.push(joint.secret_key(&key.column, shared)?);
    }
    let shown = |item: Item| shown(item, checked, &opened, &keys);
    let column = |Selected { name, item }: &Selected| {
        let (kind, unit) = shown(*item)?;
        let error = query.aggregate(*item).and_then(|of| precision::of(of, &kind, rows_max));
        Some(ResultColumn { name: name.clone(), kind, unit, error })
    };
    let columns = query.select.iter().filter_map(column).collect();
    let finish = query.finish.as_ref().map(|finish| {
        let inputs = finish.inputs.iter().map(|item| shown(*item).map(|(kind, _)| kind));
        Finish::new(finish, inputs.collect())
    });
    let mut group_at = None;
    let mut seen = joint.outputs.len();
    let cut = match query.cut {
        Some(cut) => {
            if query.has_public_groups {
                group_at = Some(joint.show_numbers()?);
            }
            // What rows are ordered by has to be known, but not to be seen.
            seen = joint.outputs.len();
            for (index, (aggregate, opened)) in query.aggregates.iter().zip(&mut opened).enumerate() {
                if opened.is_none() && query.order.iter().any(|term| term.item == Item::Aggregate(index)) {
                    *opened = Some(joint.aggregate(aggregate)?);
                }
            }
            let order = joint.order(query, groups, &opened, &keys, alone)?;
            Some((order, cut.slice(rows)?))
        }
        None => None,
    };
    let rows = cut.map_or(rows, |(_, [_, rows])| rows as usize);
    Ok(Lowered { program: joint.finish(cut, seen)?, columns, partials, rows, group_at, finish, noise })
}

/// How a thing is read from what is opened, and its unit; nothing if it is not.
fn shown(
    item: Item,
    checked: &Checked,
    opened: &[Option<(ResultKind, String)>],
    secret: &[ResultKind],
) -> Option<(ResultKind, String)> {
    match item {
        Item::Key(index) => {
            let key = &checked.query.keys.get(index)?.column;
            let public = ResultKind::Key { index, cells: CellType::of(key.kind) };
            Some((secret.get(index).cloned().unwrap_or(public), key.unit.clone()))
        }
        Item::Aggregate(index) => opened.get(index)?.clone(),
        Item::Computed(column) => {
            Some((ResultKind::Computed { cells: *checked.types.get(column)? }, String::new()))
        }
    }
}

/// The program while it grows.
pub(crate) struct Joint {
    pub(crate) builder: Builder,
    /// Combined partials by name.
    partials: BTreeMap<String, ValueId>,
    pub(crate) rows: ValueId,
    pub(crate) zero: ValueId,
    pub(crate) one: ValueId,
    /// How many groups there are.
    pub(crate) groups: usize,
    pub(crate) floor_rows: u64,
    /// Upper bound on the rows of all datasets.
    pub(crate) rows_max: u64,
    /// The bit that enough rows of each joined table are behind a group, and that HAVING holds of it.
    required: Option<ValueId>,
    pub(crate) behind: Behind,
    /// Bits that enough rows of each joined table are behind an aggregate's values, too, by what counts the pairs and the
    /// bit that these are enough.
    pub(crate) backed: BTreeMap<(String, ValueId), ValueId>,
    /// Bits by least count and by what is counted: `n ≥ least`.
    enough: BTreeMap<(ValueId, u64), ValueId>,
    /// Of two columns, n² times the covariance over a population, by the name of its partial.
    pub(crate) spreads: BTreeMap<String, ValueId>,
    /// What is opened, under which names, in order.
    outputs: Vec<(String, ValueId)>,
    /// What each member brings.
    pub(crate) parts: Parts,
    /// From so many members something is to be in what is shown.
    pub(crate) contributors_min: u32,
    /// Bits that enough members have values of an argument, by the name of their count; not yet what the floor asks.
    pub(crate) supported: BTreeMap<String, ValueId>,
    /// Of a sum, at most so much from one member or row.
    pub(crate) dominance_percent_max: Option<u8>,
    /// What noise changes at most, by the partial's name.
    pub(crate) noise: BTreeMap<String, u128>,
    /// Bits that a sum may be shown and nobody makes up too much of it, by the partial's name.
    pub(crate) undominated: BTreeMap<String, ValueId>,
}

/// Inputs.
impl Joint {
    fn new(
        builder: Builder,
        combined: Combined,
        groups: usize,
        floor_rows: u64,
        rows_max: u64,
    ) -> Result<Self, Refused> {
        let Combined { partials, zero, one, behind, .. } = combined;
        let rows = partials.get(&Partial::Rows.name()).copied().unwrap_or(zero);
        let enough = BTreeMap::new();
        let outputs = Vec::new();
        let mut joint = Self {
            builder,
            partials,
            rows,
            zero,
            one,
            groups,
            floor_rows,
            rows_max,
            required: None,
            behind: Behind::default(),
            backed: BTreeMap::new(),
            enough,
            spreads: BTreeMap::new(),
            outputs,
            parts: Parts::default(),
            contributors_min: 0,
            supported: BTreeMap::new(),
            dominance_percent_max: None,
            noise: BTreeMap::new(),
            undominated: BTreeMap::new(),
        };
        joint.demand_contributing(&behind)?;
        joint.behind = behind;
        Ok(joint)
    }

    /// Groups are shown only where this holds, too.
    pub(crate) fn demand(&mut self, bit: ValueId) -> Result<(), Refused> {
        self.required = Some(match self.required {
            Some(others) => self.builder.and(others, bit)?,
            None => bit,
        });
        // What was found so far is not yet what all must satisfy.
        self.enough.clear();
        self.backed.clear();
        self.supported.clear();
        self.undominated.clear();
        Ok(())
    }

    pub(crate) fn partial(&self, partial: &Partial) -> ValueId {
        self.partials.get(&partial.name()).copied().unwrap_or(self.zero)
    }

    /// How many values an aggregate covers.
    pub(crate) fn present(&self, argument: &Argument) -> ValueId {
        if argument.nullable { self.partial(&Partial::Present(argument.clone())) } else { self.rows }
    }
}

/// Outputs.
impl Joint {
    /// Opens which groups have at least the floor's rows: [`crate::SHOWN`].
    fn show_groups(&mut self) -> Result<(), Refused> {
        let shown = self.enough(self.rows, self.floor_rows)?;
        self.open(format!("groups of at least {} rows", self.floor_rows), shown)?;
        Ok(())
    }

    pub(crate) fn open(&mut self, name: String, value: ValueId) -> Result<usize, Refused> {
        if let Some(output) = self.outputs.iter().position(|(_, known)| *known == value) {
            return Ok(output);
        }
        self.outputs.push((stage::short(name, self.outputs.len()), value));
        Ok(self.outputs.len() - 1)
    }

    /// The program, which opens the first `seen` outputs; of rows in an order only some are opened.
    fn finish(mut self, cut: Option<(ValueId, [u32; 2])>, seen: usize) -> Result<Program, Refused> {
        for (name, value) in self.outputs.into_iter().take(seen) {
            let value = match cut {
                Some((order, [start, rows])) => {
                    let arranged = self.builder.arrange(value, order)?;
                    self.builder.slice(arranged, start, rows)?
                }
                None => value,
            };
            self.builder.output(name, value)?;
        }
        Ok(self.builder.finish()?)
    }

    /// A group's key that is not public, opened where the group is shown.
    fn secret_key(&mut self, column: &Column, key: &SecretKey) -> Result<ResultKind, Refused> {
        let shown = self.enough(self.rows, self.floor_rows)?;
        let mut outputs = Vec::with_capacity(key.integers.len());
        for (part, integer) in key.integers.iter().enumerate() {
            let masked = self.builder.select(shown, *integer, self.zero)?;
            let part = if part == 0 { String::new() } else { format!(", part {}", part + 1) };
            outputs.push(self.open(format!("key {}{part}", column.name), masked)?);
        }
        let valid = match key.missing {
            Some(missing) => {
                let present = self.builder.less_than(missing, self.one)?;
                let present = self.builder.and(present, shown)?;
                Some(self.open(format!("groups with a {}", column.name), present)?)
            }
            None => None,
        };
        let output = outputs.first().copied().ok_or_else(|| Refused::NoBytes(column.name.clone()))?;
        let opened = Opened { output, valid, null_if_invalid: true };
        Ok(match column.kind {
            ColumnType::Text => ResultKind::Text { opened, parts: outputs, bytes_max: key.bytes_max },
            ColumnType::Boolean => ResultKind::Boolean(opened),
            ColumnType::Date => ResultKind::Date(opened),
            ColumnType::Timestamp => ResultKind::Timestamp(opened),
            ColumnType::Decimal { scale } if scale > 0 => ResultKind::Decimal { opened, scale },
            _ => ResultKind::Integer(opened),
        })
    }

    /// Opens which of the public groups each row is, where it is shown.
    fn show_numbers(&mut self) -> Result<usize, Refused> {
        let shown = self.enough(self.rows, self.floor_rows)?;
        let number = self.builder.constant((0..self.groups as i128).collect())?;
        let number = self.builder.select(shown, number, self.zero)?;
        self.open("number of the group".to_owned(), number)
    }

    /// Groups that are shown first; among them as ORDER BY says, then by ascending key, NULL last.
    fn order(
        &mut self,
        query: &Query,
        groups: &Groups,
        aggregates: &[Option<(ResultKind, String)>],
        keys: &[ResultKind],
        alone: Option<usize>,
    ) -> Result<ValueId, Refused> {
        let shown = self.enough(self.rows, self.floor_rows)?;
        let mut terms = vec![SortKey { of: shown, descending: true }];
        let mut ordered = Vec::new();
        let by_keys = (0..query.keys.len()).map(|key| OrderTerm {
            item: Item::Key(key),
            descending: false,
            nulls_first: false,
        });
        for term in query.order.iter().copied().chain(by_keys) {
            let OrderTerm { item, descending, nulls_first } = term;
            // What is ordered twice, or after a key that each group has for itself, changes nothing.
            let is_settled = alone.is_some_and(|place| ordered.contains(&Item::Key(place)));
            if is_settled || ordered.contains(&item) {
                continue;
            }
            ordered.push(item);
            let kind = match item {
                Item::Key(_) if query.has_public_groups => {
                    let of = self.builder.constant(groups.places(term))?;
                    terms.push(SortKey { of, descending: false });
                    continue;
                }
                Item::Key(key) => keys.get(key),
                Item::Aggregate(aggregate) => {
                    aggregates.get(aggregate).and_then(Option::as_ref).map(|(kind, _)| kind)
                }
                Item::Computed(_) => None,
            };
            let Some(opened) = kind.and_then(ResultKind::opened) else { continue };
            let value = |output: usize| self.outputs.get(output).map(|(_, value)| *value);
            if let Some(of) = opened.valid.and_then(value) {
                terms.push(SortKey { of, descending: !nulls_first });
            }
            let values = kind.into_iter().flat_map(ResultKind::outputs).filter_map(value);
            terms.extend(values.map(|of| SortKey { of, descending }));
        }
        self.builder.sort(terms).map_err(Refused::of_keys)
    }

    /// The bit `count ≥ least`, for groups behind which there are enough rows of each table.
    pub(crate) fn enough(&mut self, count: ValueId, least: u64) -> Result<ValueId, Refused> {
        if let Some(bit) = self.enough.get(&(count, least)) {
            return Ok(*bit);
        }
        let floor = self.each(least.into())?;
        let below = self.builder.less_than(count, floor)?;
        let bit = self.builder.not(below)?;
        let bit = match self.required {
            Some(others) => self.builder.and(bit, others)?,
            None => bit,
        };
        self.enough.insert((count, least), bit);
        Ok(bit)
    }

    /// A constant for each group.
    pub(crate) fn each(&mut self, value: i128) -> Result<ValueId, Refused> {
        // A long constant would make a long program.
        Ok(match u32::try_from(self.groups) {
            Ok(rows) if self.groups > GROUPS_MAX => {
                let one = self.builder.constant(vec![value])?;
                self.builder.repeat(one, rows)?
            }
            _ => self.builder.constant(vec![value; self.groups])?,
        })
    }

    /// The bit that an aggregate covers enough values to be shown.
    pub(crate) fn is_valid(&mut self, aggregate: &Aggregate) -> Result<ValueId, Refused> {
        let Aggregate { function, argument: Some(argument), second, whole } = aggregate else {
            let rows = self.taken(aggregate, self.rows)?;
            return self.enough(rows, self.floor_rows);
        };
        let least = self.floor_rows.max(function.values_min());
        // With a floor of one row nothing is withheld: a count of 0 says what its bit would, and a sum without values is
        // the zero that it says it is.
        if *whole {
            // Nobody counts whose rows are behind a part of all groups together. Behind all of them are those of a group.
            if argument.nullable && !self.withholds_nothing(argument) {
                return Err(Construct::HavingSubquery.refuse(&aggregate.shown()));
            }
            let present = self.present(argument);
            let present = self.taken(aggregate, present)?;
            return self.enough(present, least);
        }
        let is_zero = argument.or_zero || matches!(function, Function::Count | Function::CountDistinct);
        if is_zero && least <= 1 && self.withholds_nothing(argument) {
            return self.enough(self.rows, self.floor_rows);
        }
        let present = self.present(argument);
        let valid = self.enough(present, least)?;
        let valid = self.backed(argument, valid)?;
        let valid = self.supported(argument, valid)?;
        match (function, second) {
            (Function::Sum | Function::Avg, _) => self.undominated(argument, valid),
            (Function::Pair(pair), Some(second)) => self.varied(*pair, argument, second, valid),
            _ => Ok(valid),
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<(ResultKind, String), Refused> {
        let Aggregate { function, argument, second, .. } = aggregate;
        let Some(argument) = argument else {
            return Ok((self.count(self.rows, aggregate)?, String::new()));
        };
        let present = self.present(argument);
        if *function == Function::Count {
            return Ok((self.count(present, aggregate)?, String::new()));
        }
        if *function == Function::CountDistinct {
            let different = self.partial(&Partial::Distinct(argument.clone()));
            return Ok((self.count(different, aggregate)?, String::new()));
        }
        let least = self.floor_rows.max(function.values_min());
        let valid = self.is_valid(aggregate)?;
        if argument.bytes_max.is_some() {
            return Ok((self.text_extreme(aggregate, argument, valid)?, argument.unit.clone()));
        }
        let (value, fraction) = self.value(*function, argument, second.as_ref(), valid)?;
        let opened = self.opened(aggregate, value, valid, least)?;
        let scale = argument.scale;
        let kind = match (function, fraction) {
            (Function::Variance | Function::VariancePop, Some(fraction_bits)) => {
                ResultKind::Real { opened, fraction_bits, scale: 2 * scale }
            }
            (Function::Pair(pair), Some(fraction_bits)) => {
                let scale = pair.scale(scale, second.as_ref().map_or(scale, |second| second.scale));
                ResultKind::Real { opened, fraction_bits, scale }
            }
            (Function::Quantile(quantile), Some(fraction_bits)) => {
                ResultKind::Real { opened, fraction_bits, scale: scale + quantile.digits() }
            }
            (_, Some(fraction_bits)) => ResultKind::Real { opened, fraction_bits, scale },
            (_, None) if argument.temporal == Some(Temporal::Date) => ResultKind::Date(opened),
            (_, None) if argument.temporal == Some(Temporal::Timestamp) => ResultKind::Timestamp(opened),
            (_, None) if scale == 0 => ResultKind::Integer(opened),
            (_, None) => ResultKind::Decimal { opened, scale },
        };
        let unit = match function {
            Function::Variance | Function::VariancePop if !argument.unit.is_empty() => {
                format!("({})²", argument.unit)
            }
            Function::Pair(_) => String::new(),
            _ => argument.unit.clone(),
        };
        Ok((kind, unit))
    }

    fn count(&mut self, count: ValueId, aggregate: &Aggregate) -> Result<ResultKind, Refused> {
        let least = if self.floor_rows > 1 { self.floor_rows } else { 0 };
        let valid = self.is_valid(aggregate)?;
        let value = self.builder.select(valid, count, self.zero)?;
        Ok(ResultKind::Count(self.opened(aggregate, value, valid, least)?))
    }

    /// Opens a value and, if it says more than [`crate::SHOWN`], the bit by which it was masked.
    pub(crate) fn opened(
        &mut self,
        aggregate: &Aggregate,
        value: ValueId,
        valid: ValueId,
        least: u64,
    ) -> Result<Opened, Refused> {
        let output = self.open(aggregate.shown(), value)?;
        let of = match (aggregate.function, &aggregate.argument) {
            // Some of these must vary, too.
            (Function::Pair(_), _) => aggregate.shown(),
            (_, Some(argument)) => argument.shown.clone(),
            (_, None) => "*".to_owned(),
        };
        // Counts are shown where a sum is not.
        let is_balanced = self.dominance_percent_max.is_some()
            && matches!(aggregate.function, Function::Sum | Function::Avg);
        let balanced = if is_balanced { ", none of which dominates" } else { "" };
        let name = format!("groups with at least {least} values{balanced} of {of}");
        let valid = match self.open(name, valid)? {
            crate::SHOWN => None,
            output => Some(output),
        };
        // Withheld and NULL cannot be told apart once the floor exceeds what the function itself needs.
        let null_if_invalid = self.floor_rows <= aggregate.function.values_min()
            && aggregate.argument.as_ref().is_none_or(|argument| self.withholds_nothing(argument))
            && self.dominance_percent_max.is_none();
        Ok(Opened { output, valid, null_if_invalid })
    }
}
