//! Groups of groups, whose rows lie at several owners: `SELECT AVG(total) FROM (SELECT person, SUM(amount) AS total FROM
//! loans GROUP BY person HAVING COUNT(*) > 1) AS s WHERE total > 100`. Nobody sees a person, nor which owners know it, nor
//! what any person's total is.
//!
//! 1. Each owner aggregates its rows by key at home and shares one row for each key, with a bit for each group and condition
//!    of the query around that hang on keys alone, filled up to as many rows as its dataset has. Rows of equal keys of
//!    several owners are added up ([`crate::secret`]). So there is one row on shares for each group of the subquery, and
//!    rows without meaning, which count 0 rows.
//! 2. The conditions on what these groups have are decided on shares ([`crate::held`]), and say which groups count.
//! 3. [`crate::masked`] aggregates those, by groups that owners know of each key.
//!
//! *Floor*: of the subquery's groups that count, so that behind what is shown are as many of them, and rows. Which ones count
//! nobody knows: so where there are conditions on aggregates, nothing is shown unless in each group of the query around the
//! subquery's groups that do not count are none or as many as the floor, or who knows the total of all would learn of few.
//! That is one bit for all groups together, since that of each would be one of each about few. An aggregate of what may have
//! no value is withheld unless those without one are none or as many. What is about more sets than these, or about groups
//! that the query chooses, is left to the owners' `overlaps_max` ([`Nested::is_partial`]).
//!
//! *Cost*, of n rows of all owners, with several datasets: one grouping of n rows by all keys, and for each partial result
//! and bit what it costs to combine it ([`program::Operation::GroupSum`] and its kin); for each condition one comparison of
//! n rows; and what [`crate::masked`] costs.

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    aggregation::Aggregation,
    behind::Behind,
    domain,
    dominance::Parts,
    groups::Groups,
    held::{Columns, Held, narrower},
    keyed,
    lower::Combined,
    masked::Layout,
    reread,
    secret::{self, Aggregated, ByKey, SecretKeys},
    sql::{Aggregate, Argument, Function, Nested, Relation, identifier},
    stage::{self, Partial},
};

/// What each owner shares.
struct Shares<'a> {
    relation: &'a Relation,
    table: &'a Table,
    nested: &'a Nested,
    by: ByKey<'a>,
    /// The bits that hang on keys alone, as SQL.
    marks: Vec<String>,
}

/// Declares stages and inputs, and combines partial results over the subquery's groups that count. Beside them a bit for each
/// group, without which nothing of it may be shown.
pub(crate) fn combine(
    builder: &mut Builder,
    (relation, table): (&Relation, &Table),
    nested: &Nested,
    groups: &Groups,
    partials: &[Partial],
    floor_rows: u64,
) -> Result<(Combined, Option<ValueId>), Refused> {
    stage::check_alone(partials)?;
    let sided = groups.sided(0);
    let of_groups: Vec<String> =
        Layout { partials, groups: &sided }.keys().into_iter().map(|(_, sql)| sql).collect();
    let mut at_home = Vec::new();
    nested.tests.tests.iter().for_each(|test| test.at_home(&mut at_home));
    let marks: Vec<String> = of_groups.iter().chain(at_home.iter().copied()).cloned().collect();
    let aggregates: Vec<Aggregate> =
        nested.aggregates.iter().map(|(_, aggregate)| aggregate.clone()).collect();
    let inner = stage::partials(&aggregates);
    stage::check_alone(&inner)?;
    let keys = nested.known().get(..nested.keys.len()).unwrap_or_default();
    let by = ByKey { keys, partials: &inner, marks: marks.len() };
    let shares = Shares { relation, table, nested, by, marks };
    let found = shares.by.combine(builder, (relation, table), |rows| shares.sql(rows))?;
    let mut bits = found.marks.iter().copied();
    let mut in_group = Vec::with_capacity(of_groups.len());
    for bit in bits.by_ref().take(of_groups.len()) {
        in_group.push(builder.to_integer(bit)?);
    }
    let conditions = at_home.into_iter().map(String::as_str).zip(bits).collect();
    let columns = shares.columns(builder, &found, conditions)?;
    let rows = found.partials.get(&Partial::Rows.name()).copied().unwrap_or(found.zero);
    let exists = builder.less_than(found.zero, rows)?;
    let weight = columns.counting(builder, exists).map_err(|refused| narrower(refused, WIDE, "WHERE"))?;
    let mut own = in_group.clone();
    for partial in partials {
        own.push(match partial.argument() {
            Some(of) => {
                let column = columns.partial(builder, partial, of);
                column.map_err(|refused| narrower(refused, WIDE, &of.shown))?
            }
            None => found.one,
        });
    }
    let totals = |builder: &mut Builder, partials: &[Partial], columns: Vec<ValueId>, weight: ValueId| {
        let layout = Layout { partials, groups: &sided };
        let weighted = layout.weighted(builder, columns, weight, found.rows)?;
        layout.totals(builder, &weighted)
    };
    let counted = totals(builder, partials, own, weight)?;
    let number = groups.keys.len();
    let floor_rows = floor_rows.max(table.floor_rows());
    let mut behind = Behind::default();
    let mut demanded = None;
    if floor_rows > 1 {
        behind.add_rests(builder, partials.iter(), &counted, (number, floor_rows))?;
        if !nested.tests.tests.is_empty() {
            let ones = in_group.into_iter().chain([found.one]).collect();
            let exists = builder.to_integer(exists)?;
            let all = totals(builder, &[Partial::Rows], ones, exists)?;
            let name = Partial::Rows.name();
            let both = all.get(&name).zip(counted.get(&name));
            let (all, shown) = both.ok_or_else(|| Construct::Nested.refuse(&name))?;
            let rest = builder.subtract(*all, *shown)?;
            demanded = Some(reread::all_none_or_enough(builder, rest, number, floor_rows)?);
        }
    }
    let zero = builder.constant(vec![0; number])?;
    let one = builder.constant(vec![1; number])?;
    Ok((Combined { partials: counted, zero, one, behind, parts: Parts::default() }, demanded))
}

/// As what numbers are refused that have no room.
const WIDE: Construct = Construct::NestedWide;

impl Shares<'_> {
    /// The subquery, as its owner computes it: keys and partial results under names of their own.
    fn subquery(&self) -> String {
        let keys = self.nested.keys.iter().enumerate();
        let keys: Vec<(String, String)> = keys
            .map(|(number, (_, column))| (format!("key {}", number + 1), identifier(&column.name)))
            .collect();
        let partials = self.by.partials.iter().enumerate();
        let calls = partials.map(|(place, partial)| (self.part(place), partial.aggregate(None))).collect();
        let named = keys.iter().zip(&self.nested.keys);
        let named = named.map(|((own, _), (name, _))| format!("{} AS {}", identifier(own), identifier(name)));
        let parts = (0..self.by.partials.len()).map(|place| identifier(&self.part(place)));
        let items: Vec<String> = named.chain(parts).collect();
        let filters = self.relation.filter.iter().cloned().collect();
        let from = self.relation.name(self.table);
        let inner = Aggregation { from, filters, keys, calls }.sql();
        format!(
            "WITH {} AS (\n  SELECT {} FROM (\n{inner}\n  ) AS g\n)\n",
            identifier(&self.nested.table.name),
            items.join(", ")
        )
    }

    /// What a partial result is called, as no key is.
    fn part(&self, place: usize) -> String {
        let mut name = format!("part {}", place + 1);
        while self.nested.known().iter().any(|column| column.name == name) {
            name.push('\'');
        }
        name
    }

    fn sql(&self, rows: u32) -> String {
        let mut columns = self.by.key_columns();
        let marks = self.marks.iter().enumerate();
        columns.extend(marks.map(|(place, condition)| {
            (secret::mark(place + 1), format!("CASE WHEN {condition} THEN 1 ELSE 0 END"))
        }));
        let parts = (0..self.by.partials.len()).map(|place| self.part(place));
        columns.extend(parts.clone().map(|name| (name.clone(), identifier(&name))));
        let items: Vec<String> =
            columns.iter().map(|(name, sql)| format!("{sql} AS {}", identifier(name))).collect();
        let groups = &self.nested.groups;
        let filter = groups.filter.as_ref().map(|filter| format!("\n    WHERE {filter}")).unwrap_or_default();
        let inner = format!(
            "    SELECT\n      {}\n    FROM {}{filter}",
            items.join(",\n      "),
            groups.name(&self.nested.table)
        );
        let shared: Vec<String> =
            self.by.partials.iter().zip(parts).map(|(partial, name)| partial.shared(&name)).collect();
        self.subquery() + &keyed::padded(rows, &self.by.names(), &shared, &inner, &[])
    }

    /// What conditions and aggregates read of each of the subquery's groups.
    fn columns<'n>(
        &'n self,
        builder: &mut Builder,
        found: &Aggregated,
        conditions: BTreeMap<&'n str, ValueId>,
    ) -> Result<Columns<'n>, Refused> {
        let mut columns = Columns {
            known: self.nested.known(),
            tests: &self.nested.tests,
            count: found.rows,
            zeros: found.zero,
            conditions,
            held: BTreeMap::new(),
            refused: Construct::Nested,
        };
        let keys = SecretKeys::new(self.by.keys, found.keys.clone(), found.rows)?;
        let read = self.nested.read();
        for (column, key) in self.by.keys.iter().zip(keys.columns) {
            if read.contains(&column.name) {
                let missing =
                    key.missing.map(|missing| builder.less_than(found.zero, missing)).transpose()?;
                let scale = domain::scale(column.kind);
                let held = Held { integers: key.integers, missing, count: None, scale };
                columns.held.insert(column.name.clone(), held);
            }
        }
        for (name, aggregate) in &self.nested.aggregates {
            let held = aggregated(builder, &columns, &found.partials, aggregate)?;
            columns.held.insert(name.clone(), held);
        }
        for (name, of) in &self.nested.arithmetic {
            let held = columns.made_of(builder, of).map_err(|refused| narrower(refused, WIDE, name))?;
            columns.held.insert(name.clone(), held);
        }
        Ok(columns)
    }
}

/// An aggregate of each of the subquery's groups.
fn aggregated(
    builder: &mut Builder,
    columns: &Columns<'_>,
    partials: &BTreeMap<String, ValueId>,
    aggregate: &Aggregate,
) -> Result<Held, Refused> {
    let of = |partial: Partial| {
        let found = partials.get(&partial.name()).copied();
        found.ok_or_else(|| Construct::Nested.refuse(&aggregate.shown()))
    };
    let present = match &aggregate.argument {
        Some(argument) if argument.nullable => of(Partial::Present(argument.clone()))?,
        _ => of(Partial::Rows)?,
    };
    let with = |make: fn(Argument) -> Partial| aggregate.argument.clone().map(make).map(of);
    let value = match aggregate.function {
        Function::Sum | Function::Avg => with(Partial::Sum),
        Function::Min => with(Partial::Min),
        Function::Max => with(Partial::Max),
        _ => None,
    };
    let Some(value) = value.transpose()? else {
        return Ok(Held { integers: vec![present], missing: None, count: None, scale: 0 });
    };
    let argument = aggregate.argument.as_ref();
    let may_lack = argument.is_some_and(|argument| argument.nullable && !argument.or_zero);
    let missing = if may_lack { Some(builder.equal(present, columns.zeros)?) } else { None };
    let count = (aggregate.function == Function::Avg).then_some(present);
    let scale = argument.map_or(0, |argument| argument.scale);
    columns.without_missing(builder, Held { integers: vec![value], missing, count, scale })
}
