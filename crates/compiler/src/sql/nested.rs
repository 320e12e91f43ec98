//! Groups of groups: a query that aggregates what a subquery with GROUP BY gives, `SELECT AVG(total) FROM (SELECT person,
//! SUM(amount) AS total FROM loans GROUP BY person) AS s`. In the statement a table's name stands for the subquery
//! afterwards, whose rows are its groups and whose columns are its keys and aggregates, so that the query around is read as
//! one of any table. What of it reads keys alone is decided at home; what reads an aggregate is computed on shares
//! ([`crate::nested`]), since a group's rows may lie at several owners.

use std::collections::BTreeSet;

use contract::{Column, policy::Compared, terms::Use};
use datafusion::sql::{
    planner::SqlToRel,
    sqlparser::ast::{
        Expr, GroupByExpr, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins,
    },
};

use super::{
    Plans, across,
    argument::{Argument, identifier},
    catalog::Catalog,
    computed::{self, Computed, Made},
    from::{self, Named},
    grammar,
    join::{self, Relation},
    output, predicate,
    query::{self, Aggregate, Function, Item, Query},
    row_arithmetic::Arithmetic,
    row_test::{Reader, RowTests},
    scope::Scope,
    stack, timestamps, units,
    usage::{self, Comparisons, Known, Uses},
    windowed::column_name,
};
use crate::{Construct, Refused, Table};

mod columns;
pub(super) mod form;
mod partial;

/// What is computed of a table's groups.
#[derive(Clone, Debug)]
pub(crate) struct Nested {
    /// The groups, as the query reads them: its conditions on keys alone, and what owners compute of keys.
    pub(crate) groups: Relation,
    /// The same as a table, with all columns that are computed of its own.
    pub(crate) table: Table,
    /// For each key its column in that table, and in the one that is grouped.
    pub(crate) keys: Vec<(String, Column)>,
    /// The other columns.
    pub(crate) aggregates: Vec<(String, Aggregate)>,
    /// What aggregates take of several columns, in an order in which each reads earlier ones.
    pub(crate) arithmetic: Vec<(String, Arithmetic)>,
    /// The conditions on aggregates, which all must hold.
    pub(crate) tests: RowTests,
}

/// The subquery in the syntax tree.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// What the table is called that stands for it.
    pub(super) made: String,
    /// The table that it groups.
    pub(super) of: Named,
    /// The rest, where tables are known.
    pub(super) inner: Option<Inner>,
}

/// What is in it.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    /// With columns in place of functions.
    statement: Statement,
    computed: Vec<Computed>,
    condition: Option<String>,
    keys: Vec<(String, Column)>,
    aggregates: Vec<(String, Aggregate)>,
    /// The table's columns whose values it cuts where it wants.
    cuts: BTreeSet<String>,
    /// Its groups.
    pub(super) table: Table,
}

/// Puts a name in place of the subquery with GROUP BY that is the query's only table, if it is that.
pub(super) fn take(statement: &mut Statement, tables: &[Table]) -> Result<Option<Written>, Refused> {
    let Statement::Query(query) = statement else { return Ok(None) };
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(None) };
    let [TableWithJoins { relation, joins }] = select.from.as_mut_slice() else { return Ok(None) };
    let (TableFactor::Derived { lateral: false, subquery, alias, sample: None }, []) =
        (&*relation, joins.as_slice())
    else {
        return Ok(None);
    };
    let is_grouped = match subquery.body.as_ref() {
        SetExpr::Select(inner) => {
            !matches!(&inner.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
        }
        _ => false,
    };
    if !is_grouped {
        return Ok(None);
    }
    let written = read(Statement::Query(subquery.clone()), tables)?;
    if let Some(made) = stack::table_factor(&written.made, alias.as_ref())? {
        *relation = made;
    }
    Ok(Some(written))
}

fn read(mut statement: Statement, tables: &[Table]) -> Result<Written, Refused> {
    let refused = |found: &dyn std::fmt::Display| Construct::Nested.refuse(&found.to_string());
    let computed = computed::replace(&mut statement, tables, None)?;
    if let Some(one) = computed.iter().find(|one| one.is_across()) {
        return Err(refused(&one.name()));
    }
    let extended = computed::extended(tables, &computed)?;
    timestamps::compared(&mut statement, &extended)?;
    units::convert(&mut statement, tables)?;
    // Stages are made from its text, see there.
    if grammar::read(&statement.to_string())?.first() != Some(&statement) {
        return Err(Construct::OtherExpression.refuse(&statement));
    }
    let Statement::Query(query) = &statement else { return Err(refused(&statement)) };
    let SetExpr::Select(select) = query.body.as_ref() else { return Err(refused(query)) };
    let ([TableWithJoins { relation, .. }], true) =
        (select.from.as_slice(), form::plain(select) == query.to_string())
    else {
        return Err(refused(query));
    };
    let of = from::named(relation)?;
    select.selection.as_ref().map_or(Ok(()), predicate::check)?;
    select.projection.iter().try_for_each(output::check_item)?;
    grammar::group_keys(&select.group_by)?;
    let mut made = format!("groups of {}", of.table);
    while tables.iter().any(|table| table.name == made) {
        made.push('\'');
    }
    if tables.is_empty() {
        return Ok(Written { made, of, inner: None });
    }
    let grouped = extended.iter().find(|table| table.name == of.table);
    let grouped = grouped.ok_or_else(|| super::unknown(&of.table, tables))?;
    let names = names(select, &of, grouped)?;
    let condition = select.selection.as_ref().map(ToString::to_string);
    let catalog = Catalog::new(&extended);
    let plan = SqlToRel::new(&catalog).sql_statement_to_plan(statement.clone());
    let plan = plan.map_err(|error| super::meaning(&error))?;
    let schema = grouped.datasets.first().map(|source| (of.name.clone(), &source.schema));
    let cuts = computed::cuts(&computed, BTreeSet::new());
    let scope = Scope::new(schema.into_iter().collect(), [false, false]).with_cuts(cuts.clone());
    let inner = query::read(&plan, &names, &scope, false)?;
    let (mut keys, mut aggregates) = (Vec::new(), Vec::new());
    for (name, selected) in names.into_iter().zip(&inner.select) {
        match selected.item {
            Item::Key(key) => keys.extend(inner.keys.get(key).map(|key| (name, key.column.clone()))),
            Item::Aggregate(of) => aggregates.extend(inner.aggregates.get(of).map(|of| (name, of.clone()))),
            Item::Computed(_) => return Err(refused(&name)),
        }
    }
    let table = columns::table(&made, grouped, &keys, &aggregates)?;
    let inner = Inner { computed, condition, keys, aggregates, cuts, table, statement };
    Ok(Written { made, of, inner: Some(inner) })
}

/// What its columns are called.
fn names(select: &Select, of: &Named, grouped: &Table) -> Result<Vec<String>, Refused> {
    let mut names = Vec::with_capacity(select.projection.len());
    for item in &select.projection {
        let SelectItem::ExprWithAlias { expr, alias } = item else {
            return Err(Construct::Nested.refuse(item));
        };
        let has = |name: &str| grouped.datasets.iter().any(|source| source.schema.column(name).is_some());
        // In GROUP BY the table's own column would be meant.
        let is_key = !matches!(expr, Expr::Function(call) if form::is_aggregate(call));
        if is_key && column_name(expr).is_none_or(|name| name != alias.value) && has(&alias.value) {
            return Err(Refused::Meaning(format!(
                "`{alias}` is a column of `{}` and another one of the subquery; give that another name",
                of.table
            )));
        }
        names.push(alias.value.clone());
    }
    Ok(names)
}

impl Written {
    /// Whether a column of the groups is an aggregate.
    pub(super) fn is_aggregate(&self, name: &str) -> bool {
        let aggregates = self.inner.iter().flat_map(|inner| &inner.aggregates);
        aggregates.into_iter().any(|(known, _)| known == name)
    }

    /// The columns of the groups that have values which the subquery cuts where it wants.
    pub(super) fn cuts(&self) -> BTreeSet<String> {
        let Some(inner) = &self.inner else { return BTreeSet::new() };
        let keys = inner.keys.iter().filter(|(_, key)| inner.cuts.contains(&key.name));
        let is_of_cuts = |aggregate: &Aggregate| {
            aggregate.argument.iter().any(|argument| !argument.columns.is_disjoint(&inner.cuts))
        };
        let aggregates = inner.aggregates.iter().filter(|(_, aggregate)| is_of_cuts(aggregate));
        keys.map(|(name, _)| name).chain(aggregates.map(|(name, _)| name)).cloned().collect()
    }

    /// What the subquery uses of its table, and the query around of its groups.
    pub(super) fn traced(
        &self,
        tables: &[Table],
        uses: &mut Uses,
        comparisons: &mut Comparisons,
    ) -> Result<(), Refused> {
        let Some(inner) = &self.inner else { return Ok(()) };
        let extended = computed::extended(tables, &inner.computed)?;
        let catalog = Catalog::new(&extended);
        let plan = SqlToRel::new(&catalog).sql_statement_to_plan(inner.statement.clone());
        let plans = Plans::of(plan.map_err(|error| super::meaning(&error))?)?;
        let (mut own, mut compared) = plans.analysed(&inner.computed, Known::default())?;
        let of_groups = uses.remove(&self.made).unwrap_or_default();
        let compared_groups = comparisons.remove(&self.made).unwrap_or_default();
        let columns = own.entry(self.of.table.clone()).or_default();
        // Keys link rows of several owners, and are not shown.
        for uses in columns.values_mut() {
            uses.remove(&Use::Group);
        }
        let constants = compared.entry(self.of.table.clone()).or_default();
        let mut compare = |name: &str, with: &Compared| {
            let made = inner.computed.iter().find(|one| one.name() == name);
            let with = match made {
                Some(_) => &MORE,
                None => with,
            };
            for column in made.map_or_else(|| BTreeSet::from([name.to_owned()]), Computed::own) {
                let known = constants.entry(column).or_default();
                known.constants.extend(with.constants.iter().cloned());
                known.otherwise |= with.otherwise;
            }
        };
        for (name, column) in &inner.keys {
            let made = columns.entry(column.name.clone()).or_default();
            made.insert(Use::Join);
            made.extend(of_groups.get(name).into_iter().flatten());
            compare(&column.name, compared_groups.get(name).unwrap_or(&NONE));
        }
        let is_extreme = |(name, aggregate): &(String, Aggregate)| {
            let made = of_groups.get(name).is_some_and(|made| made.contains(&Use::Extreme));
            made && aggregate.argument.is_none()
        };
        if inner.aggregates.iter().any(is_extreme) {
            // How many rows one key has.
            for (_, column) in &inner.keys {
                columns.entry(column.name.clone()).or_default().insert(Use::Extreme);
            }
        }
        for (name, aggregate) in &inner.aggregates {
            let Some(made) = of_groups.get(name) else { continue };
            for column in aggregate.argument.iter().flat_map(|argument| &argument.columns) {
                columns.entry(column.clone()).or_default().extend(made);
                if made.contains(&Use::Filter) {
                    compare(column, &MORE);
                }
            }
        }
        constants.retain(|_, compared| *compared != NONE);
        if constants.is_empty() {
            compared.clear();
        }
        let own = computed::traced(own, &inner.computed);
        usage::unite(uses, comparisons, own, compared);
        Ok(())
    }

    /// The query as one of the groups; the relation is that of the table that they are of. `relations` has the groups
    /// alone, and `tables` all tables with what is computed of them.
    pub(super) fn read(
        self,
        relations: Vec<Relation>,
        tables: &[Table],
        computed: &[Computed],
        filter: &[Expr],
        query: &Query,
    ) -> Result<(Vec<Relation>, Nested), Refused> {
        let refused = |what: &str| Construct::Nested.refuse(&what);
        let (Some(inner), Some(mut groups)) = (self.inner, relations.into_iter().next()) else {
            return Err(refused(&self.of.table));
        };
        let place = |name: &str| tables.iter().position(|table| table.name == name);
        let (grouped, made) = (place(&self.of.table), place(&self.made));
        let (grouped, made) = grouped.zip(made).ok_or_else(|| super::unknown(&self.of.table, tables))?;
        let table = tables.get(made).cloned().ok_or_else(|| refused(&self.of.table))?;
        let mut arithmetic: Vec<(String, Arithmetic)> = Vec::new();
        let mut shared: BTreeSet<String> = inner.aggregates.iter().map(|(name, _)| name.clone()).collect();
        for one in computed.iter().filter(|one| one.table == self.made) {
            if let Made::Arithmetic(of) = &one.of {
                shared.insert(one.name());
                arithmetic.push((one.name(), of.clone()));
            } else if !one.own().is_disjoint(&shared) {
                // No owner has what it would be computed of.
                return Err(refused(&one.name()));
            }
        }
        let is_shared = |name: &str| shared.contains(name);
        let known = table.datasets.first().map_or(&[][..], |source| source.schema.columns.as_slice());
        let mut reader = Reader::new(known, &is_shared, Construct::Nested);
        let mut at_home = Vec::new();
        for condition in filter {
            if !reader.take(condition)? {
                at_home.push(condition.to_string());
            }
        }
        let tests = reader.finish();
        groups.filter = join::all(&at_home);
        groups.computed.retain(|column| !is_shared(&column.name));
        let ties = vec![Vec::new(); inner.computed.len()];
        let relation = Relation {
            table: grouped,
            alias: self.of.alias.clone(),
            called: self.of.table.clone(),
            filter: inner.condition,
            computed: across::of_table(&self.of.table, &inner.computed, tables, &ties),
            stacked: None,
            home: None,
        };
        // How many groups there are would tell how many rows are beyond a bound, as COUNT(DISTINCT) does, which is refused.
        let is_shown = |name: &str| query.keys.iter().any(|key| key.column.name == name);
        let mut cuts = inner.keys.iter().filter(|(_, key)| inner.cuts.contains(&key.name));
        if let Some((_, key)) = cuts.find(|(name, _)| !is_shown(name)) {
            return Err(Construct::Cut.refuse(&format!("GROUP BY {} of a subquery", key.name)));
        }
        let (keys, aggregates) = (inner.keys, inner.aggregates);
        let nested = Nested { groups, table, keys, aggregates, arithmetic, tests };
        nested.check(query)?;
        Ok((vec![relation], nested))
    }
}

const NONE: Compared = Compared { constants: BTreeSet::new(), otherwise: false };
const MORE: Compared = Compared { constants: BTreeSet::new(), otherwise: true };

impl Nested {
    /// The columns of the groups.
    pub(crate) fn known(&self) -> &[Column] {
        self.table.datasets.first().map_or(&[], |source| source.schema.columns.as_slice())
    }

    /// The aggregate that a column is.
    pub(crate) fn aggregate(&self, name: &str) -> Option<&Aggregate> {
        self.aggregates.iter().find(|(known, _)| known == name).map(|(_, aggregate)| aggregate)
    }

    /// Whether an argument is taken of what is computed on shares.
    pub(crate) fn reads(&self, argument: &Argument) -> bool {
        argument.columns.iter().any(|name| self.aggregate(name).is_some() || self.computes(name))
    }

    fn computes(&self, name: &str) -> bool {
        self.arithmetic.iter().any(|(known, _)| known == name)
    }

    fn is_key(&self, name: &str) -> bool {
        self.keys.iter().any(|(known, _)| known == name)
    }

    /// The subquery's aggregates that are told of: of which the query takes aggregates.
    pub(crate) fn told(&self, query: &Query) -> Vec<&Aggregate> {
        let arguments = query.aggregates.iter().flat_map(|one| one.argument.iter().chain(&one.second));
        let mut names: BTreeSet<&String> = arguments.flat_map(|argument| &argument.columns).collect();
        for (name, of) in self.arithmetic.iter().rev() {
            if names.contains(name) {
                names.extend(of.columns());
            }
        }
        let told = self.aggregates.iter().filter(|(name, _)| names.contains(name));
        told.map(|(_, aggregate)| aggregate).collect()
    }

    /// The columns that conditions and arithmetic read.
    pub(crate) fn read(&self) -> BTreeSet<&String> {
        let of_arithmetic = self.arithmetic.iter().flat_map(|(_, of)| of.columns());
        self.tests.columns.iter().chain(of_arithmetic).collect()
    }

    /// The columns of the table that is grouped of which something is compared on shares, or computed for that.
    pub(crate) fn compared(&self) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        for name in self.read() {
            let key = self.keys.iter().find(|(known, _)| known == name);
            columns.extend(key.map(|(_, column)| column.name.clone()));
            let argument = self.aggregate(name).and_then(|aggregate| aggregate.argument.as_ref());
            columns.extend(argument.iter().flat_map(|argument| argument.columns.iter().cloned()));
        }
        columns
    }

    /// Refuses what cannot be computed of groups, or would tell of few of their rows.
    fn check(&self, query: &Query) -> Result<(), Refused> {
        let refused = |what: &dyn std::fmt::Display| Err(Construct::Nested.refuse(&what.to_string()));
        if !query.has_public_groups {
            return refused(&"groups that are not public");
        }
        if let Some(key) = query.keys.iter().find(|key| self.aggregate(&key.column.name).is_some()) {
            return refused(&format!("GROUP BY {}", key.column.name));
        }
        let is_shared = |name: &str| self.aggregate(name).is_some() || self.computes(name);
        for (_, of) in &self.arithmetic {
            if of.has_product() || !of.columns().into_iter().all(|name| is_shared(name)) {
                return refused(of);
            }
        }
        if let Some(made) = self.read().into_iter().find(|name| !is_shared(name) && !self.is_key(name)) {
            return refused(made);
        }
        for aggregate in &query.aggregates {
            let Some(argument) = &aggregate.argument else { continue };
            let [name] = argument.columns.iter().collect::<Vec<_>>()[..] else {
                return refused(&aggregate.shown());
            };
            let is_itself = argument.presence == identifier(name) && argument.foreign.is_none();
            let is_alone = aggregate.second.is_none() && !aggregate.whole;
            let is_known = !matches!(aggregate.function, Function::CountDistinct | Function::Quantile(_));
            let is_number = argument.bytes_max.is_none();
            if !(is_itself && is_alone && is_known && is_number && self.reads(argument)) {
                return refused(&aggregate.shown());
            }
        }
        for told in self.told(query) {
            // A count of values, or what counts as 0 where a condition does not hold, is of few rows whatever the groups.
            let is_told = match (told.function, &told.argument) {
                (Function::Avg, _) => false,
                (Function::Count, Some(of)) => !of.nullable,
                (_, Some(of)) => !is_chosen(of),
                (_, None) => true,
            };
            if !is_told {
                return refused(&format!("an aggregate of {}", told.shown()));
            }
        }
        match self.arithmetic.iter().flat_map(|(_, of)| of.columns()).find(|name| self.is_mean(name)) {
            Some(mean) => refused(mean),
            None => Ok(()),
        }
    }

    fn is_mean(&self, name: &str) -> bool {
        self.aggregate(name).is_some_and(|aggregate| aggregate.function == Function::Avg)
    }
}

/// Whether the query says by a condition which rows an aggregate takes, or what stands for those without a value.
pub(super) fn is_chosen(of: &Argument) -> bool {
    of.or_zero || of.behind.is_some() || of.sql.starts_with("CASE WHEN")
}
