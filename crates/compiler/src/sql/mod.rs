//! The front half: SQL text to a typed, supported query and the uses it makes of columns.

mod above;
mod across;
mod aggregate_filter;
mod argument;
mod catalog;
mod columns;
mod compared;
mod comparisons;
mod computed;
mod condition;
mod conversion;
mod from;
mod grammar;
mod group_condition;
mod group_names;
mod having;
mod home;
mod home_joins;
mod intervals;
mod join;
mod limits;
mod listed;
mod names;
mod nested;
mod output;
mod pair;
mod polynomial;
mod predicate;
mod print;
mod quantile;
mod query;
mod read_groups;
mod row_arithmetic;
mod row_test;
mod row_windows;
mod scope;
mod sets;
mod stack;
mod subquery;
mod threshold;
mod timestamps;
mod told;
mod tree;
mod unfold;
mod units;
pub(crate) mod usage;
mod views;
mod windowed;
mod windowed_column;
mod within;

use std::collections::BTreeSet;

use contract::Column;
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::DataFusionError,
    logical_expr::LogicalPlan,
    optimizer::{Analyzer, Optimizer, OptimizerContext},
    sql::planner::SqlToRel,
};

pub(crate) use above::Flow;
pub(crate) use argument::{Argument, Condition, Temporal, decimal, identifier};
pub(crate) use compared::{Form, RowComparison, Shared};
pub(crate) use computed::spelled_out;
pub(crate) use condition::Term;
pub(crate) use from::JoinKind;
pub(crate) use grammar::Joins;
pub(crate) use group_condition::GroupCondition;
pub(crate) use having::{Comparison, Having, Side};
pub(crate) use join::{Join, OwnersColumn, Relation};
pub(crate) use nested::Nested;
pub(crate) use pair::Pair;
pub(crate) use polynomial::{Monomial, Polynomial};
pub(crate) use quantile::Quantile;
pub(crate) use query::{Aggregate, Finishing, Function, Item, Key, OrderTerm, Query, Selected};
pub(crate) use row_arithmetic::{Arithmetic, Step as ArithmeticStep};
pub(crate) use row_test::{RowTest, RowTests, Text as TestedText};
pub(crate) use row_windows::{ON_SHARES, Step, Windows};
pub(crate) use sets::{SetJoin, SetKind};
pub(crate) use threshold::{Line, Partner, Threshold};
pub(crate) use told::{Told, told};
pub(crate) use tree::Tree;
pub(crate) use windowed::{Frame, WindowFunction, Windowed};

use crate::{CellType, Construct, DIGITS_MAX, Refused, Table, domain, plain};
use catalog::Catalog;
use computed::Computed;
use from::Named;
use home_joins::HomeJoin;
use scope::Scope;
use stack::Stack;
use usage::{Comparisons, Known, Uses};

/// A query that may be lowered.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) query: Query,
    /// The tables of FROM: one, or several with [`Checked::join`]; of a subquery in WHERE also its own, which comes last.
    pub(crate) relations: Vec<Relation>,
    pub(crate) join: Option<Joined>,
    pub(crate) uses: Uses,
    pub(crate) comparisons: Comparisons,
    /// The types of the result's columns, as SQL has them.
    pub(crate) types: Vec<CellType>,
    /// The tables, with the columns that their owners compute beside their own.
    pub(crate) tables: Vec<Table>,
}

impl Checked {
    /// Leaves out tables that only stacks are made of: the stack has their datasets.
    fn forget_parts(&mut self) {
        let mut read: Vec<usize> = self.relations.iter().map(|relation| relation.table).collect();
        read.sort_unstable();
        read.dedup();
        self.tables = read.iter().filter_map(|table| self.tables.get(*table)).cloned().collect();
        for relation in &mut self.relations {
            relation.table = read.iter().position(|table| *table == relation.table).unwrap_or_default();
        }
    }

    /// What public groups must satisfy.
    pub(crate) fn of_groups(&self) -> &[GroupCondition] {
        match &self.join {
            Some(Joined::Tree(tree)) => &tree.of_groups,
            _ => &[],
        }
    }

    /// The set whose values are shown, if that is what is asked.
    pub(crate) fn shown_set(&self) -> Option<&SetJoin> {
        match &self.join {
            Some(Joined::Set(set)) if !self.query.keys.is_empty() => Some(set),
            _ => None,
        }
    }
}

/// How tables are joined.
#[derive(Clone, Debug)]
pub(crate) enum Joined {
    Two(Join),
    /// More than two; or two, where groups are not public.
    Tree(Tree),
    /// Two tables' values, as a set.
    Set(Box<SetJoin>),
    /// One table, whose rows are compared with an aggregate over the last one; between them may be one that they must meet.
    Threshold(Box<Threshold>),
    /// One table of several datasets, over whose rows window functions run.
    Windows(Box<Windows>),
    /// One table, of whose groups aggregates are taken.
    Nested(Box<Nested>),
    /// Of one owner, who joins them: one table on shares.
    Home,
}

impl Joined {
    /// The columns of one relation that are relied on to have each value once.
    pub(crate) fn once(&self, side: usize) -> Vec<String> {
        match self {
            Self::Two(join) => join.once.get(side).into_iter().flatten().cloned().collect(),
            Self::Tree(tree) => {
                let own = tree.once.iter().filter(|key| key.side == side);
                own.map(|key| key.column.name.clone()).collect()
            }
            Self::Set(_) | Self::Threshold(_) | Self::Windows(_) | Self::Nested(_) | Self::Home => Vec::new(),
        }
    }

    /// The columns of one relation that are keys.
    pub(crate) fn keys(&self, side: usize) -> Vec<&Column> {
        match self {
            Self::Two(join) => join.keys.iter().filter_map(|pair| pair.get(side)).collect(),
            Self::Set(set) => set.keys.iter().filter_map(|pair| pair.get(side)).collect(),
            Self::Threshold(threshold) => threshold.keys.iter().filter_map(|pair| pair.get(side)).collect(),
            Self::Windows(_) | Self::Home => Vec::new(),
            Self::Nested(nested) => nested.keys.iter().map(|(_, key)| key).collect(),
            Self::Tree(tree) => {
                let at = |edge: &tree::Edge| edge.sides.iter().position(|of| *of == side);
                let edges = tree.edges.iter().filter_map(|edge| Some((at(edge)?, edge)));
                edges.flat_map(|(at, edge)| edge.keys.iter().filter_map(move |pair| pair.get(at))).collect()
            }
        }
    }
}

/// Parses, plans, type-checks and analyses a query.
pub(crate) fn check(sql: &str, tables: &[Table], joins: Joins) -> Result<Checked, Refused> {
    check_tables(tables)?;
    let given = tables;
    let grammar::Parsed {
        statement,
        from,
        filter,
        named,
        within,
        threshold,
        computed,
        stacks,
        nested,
        home_joins,
        tables,
    } = grammar::parse(sql, tables, joins)?;
    if let (Some(nested), true) = (&nested, from.relations.len() > 1 || threshold.is_some()) {
        return Err(Construct::Nested.refuse(&format!("beside another subquery: {}", nested.made)));
    }
    across::check(&computed, &from)?;
    if threshold.is_some() {
        threshold::check_alone(&computed, &stacks)?;
    }
    let extended = computed::extended(&tables, &computed)?;
    let tables = extended.as_slice();
    let from = compared::arranged(from, &filter, tables);
    let index = |relation: &from::Named| {
        let index = tables.iter().position(|table| table.name == relation.table);
        index.ok_or_else(|| unknown(&relation.table, given))
    };
    let indices = from.relations.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    let of_subquery = threshold.as_ref().map(|written| index(&written.table)).transpose()?;
    let catalog = Catalog::new(tables);
    let planned = SqlToRel::new(&catalog).sql_statement_to_plan(statement);
    let written = planned.map_err(|error| explain(&error, &named, tables))?;
    let schemas = from.relations.iter().zip(&indices).filter_map(|(relation, index)| {
        Some((relation.name.clone(), &tables.get(*index)?.datasets.first()?.schema))
    });
    let schemas: Vec<_> = schemas.collect();
    let outer = match from.join {
        Some((JoinKind::Left, _)) => [false, true],
        Some((JoinKind::Full, _)) => [true, true],
        _ => [false, false],
    };
    let lacking = from.relations.iter().zip(outer).filter(|(_, is_outer)| *is_outer);
    computed::check_outer(lacking.map(|(relation, _)| relation.table.as_str()), &computed)?;
    let mut set = match &from.set {
        Some(parts) => Some((parts, parts.resolve(&from, &indices, &schemas)?)),
        None => None,
    };
    // Of a set what is read are its own columns.
    let of_set = set.as_ref().map(|(parts, (_, set))| parts.schema(set));
    let cuts = nested.as_ref().map(nested::Written::cuts).unwrap_or_default();
    let scope = match &of_set {
        Some((name, schema)) => Scope::new(vec![(name.clone(), schema)], outer),
        None => Scope::new(schemas.clone(), outer),
    }
    .with_cuts(computed::cuts(&computed, cuts));
    let mut query = query::read(&written, &named.texts, &scope, within.is_some())?;
    if let Some((_, (_, set))) = &mut set {
        sets::check(set, &mut query)?;
    }
    for (selected, alias) in query.select.iter_mut().zip(named.aliases) {
        let called =
            home_joins.iter().fold(std::mem::take(&mut selected.name), |name, one| one.called(&name));
        selected.name = alias.unwrap_or(called);
    }
    let is_read = |table: &Table| {
        let made_of = stacks.iter().flat_map(stack::Stack::tables);
        let mut made_of = made_of.chain(home_joins.iter().flat_map(HomeJoin::tables));
        let own = from.relations.iter().chain(threshold.iter().map(|written| &written.table));
        let own = own.chain(nested.iter().map(|nested| &nested.of));
        own.into_iter().any(|relation| relation.table == table.name) || made_of.any(|name| name == table.name)
    };
    if let Some(unused) = given.iter().find(|table| !is_read(table)) {
        return Err(Refused::UnusedTable(unused.name.clone()));
    }
    let is_tree =
        from.set.is_none() && (from.relations.len() > 2 || from.join.is_some() && !query.has_public_groups);
    let named = indices.iter().filter_map(|index| tables.get(*index));
    let sizes: Vec<tree::Size> = named.map(tree::Size::of).collect();
    if let (false, Some(within)) = (is_tree, &within) {
        return Err(within.refuse());
    }
    let (mut relations, mut join) = match (is_tree, set) {
        (_, Some((_, (relations, set)))) => (relations, Some(Joined::Set(Box::new(set)))),
        (true, None) => {
            let (relations, mut tree) = tree::read(&from, &indices, &filter, &scope, &query, &sizes)?;
            if let Some(within) = &within {
                within.check(&mut tree, &relations, &scope, &sizes)?;
            }
            (relations, Some(Joined::Tree(tree)))
        }
        (false, None) => {
            let (relations, join) = join::read(&from, &indices, &filter, &scope, &sizes)?;
            (relations, join.map(Joined::Two))
        }
    };
    if let Some((subquery, inner)) = threshold.as_ref().zip(of_subquery) {
        if !query.has_public_groups {
            return Err(Construct::Threshold.refuse(&"groups that are not public beside a subquery"));
        }
        let schema = tables.get(inner).and_then(|table| table.datasets.first()).map(|source| &source.schema);
        let own = schema.map(|schema| (subquery.table.name.clone(), schema)).into_iter().collect();
        let scopes = threshold::Scopes {
            outer: &scope,
            inner: &Scope::new(own, [false, false]).with_cuts(computed::cuts(&computed, BTreeSet::new())),
        };
        let joined = match &join {
            Some(Joined::Two(join)) => Some(join),
            _ => None,
        };
        let beside = threshold::Beside { query: &query, join: joined, sizes: &sizes };
        let (relation, threshold) = threshold::read(subquery, &written, &scopes, &beside, inner)?;
        relations.push(relation);
        join = Some(Joined::Threshold(Box::new(threshold)));
    }
    let plans = Plans::of(written)?;
    let types = types(&plans.typed, &query)?;
    let mut known = known(join.as_ref(), &relations, tables);
    known.same.extend(home_joins.iter().flat_map(HomeJoin::equal));
    let (uses, comparisons) = plans.uses(&stacks, &catalog, &computed, &known)?;
    let (mut uses, mut comparisons) = (computed::traced(uses, &computed), comparisons);
    home_joins.iter().for_each(|joined| joined.traced(&mut uses, &mut comparisons));
    if let Some(nested) = &nested {
        nested.traced(given, &mut uses, &mut comparisons)?;
    }
    let ties = across::ties(&computed, tables, &mut uses, &mut comparisons);
    for relation in &mut relations {
        let name = tables.get(relation.table).map_or("", |table| table.name.as_str());
        relation.computed = across::of_table(name, &computed, tables, &ties);
        let stack = stacks.iter().find(|stack| stack.table == name);
        relation.stacked = stack.map(|stack| stack.stacked(given)).transpose()?;
        let joined = home_joins.iter().find(|joined| joined.made == name);
        relation.home = joined.map(|joined| joined.joined(given)).transpose()?;
    }
    if let Some(nested) = nested {
        let (grouped, nested) = nested.read(relations, tables, &computed, &filter, &query)?;
        (relations, join) = (grouped, Some(Joined::Nested(Box::new(nested))));
    } else if let ([relation], None) = (relations.as_mut_slice(), &join)
        && let Some(table) = tables.get(relation.table)
    {
        let windows = Windows::take(relation, table, &computed, &ties, &filter, &mut query)?;
        join = windows.map(Box::new).map(Joined::Windows).or(relation.home.as_ref().map(|_| Joined::Home));
    }
    let mut checked = Checked { types, query, relations, join, uses, comparisons, tables: extended };
    checked.forget_parts();
    Ok(checked)
}

/// A query as written, with its types made explicit, and as DataFusion would run it.
struct Plans {
    written: LogicalPlan,
    typed: LogicalPlan,
    optimised: LogicalPlan,
}

impl Plans {
    fn of(written: LogicalPlan) -> Result<Self, Refused> {
        let (typed, optimised) = optimise(written.clone())?;
        conversion::check(&typed)?;
        Ok(Self { written, typed, optimised })
    }

    fn analysed(&self, computed: &[Computed], known: Known) -> Result<(Uses, Comparisons), Refused> {
        usage::analyse(&self.written, &self.typed, &self.optimised, computed, known)
    }

    /// What the query uses of its tables: of those in stacks, what it uses of the stacks, and their own SELECTs.
    fn uses(
        &self,
        stacks: &[Stack],
        catalog: &Catalog,
        computed: &[Computed],
        on_shares: &Known,
    ) -> Result<(Uses, Comparisons), Refused> {
        let mut within = Vec::with_capacity(stacks.len());
        for stack in stacks {
            let mut found = Vec::with_capacity(stack.parts.len());
            for part in &stack.parts {
                let plan = SqlToRel::new(catalog).sql_statement_to_plan(part.statement.clone());
                let plans = Self::of(plan.map_err(|error| meaning(&error))?)?;
                found.push(plans.analysed(&part.computed, Known::default())?);
            }
            within.push(found);
        }
        // What is compared within one SELECT is so of what must equal the stack's column, but not within another SELECT of
        // a stack that is read once: its rows do not meet each other.
        let known = |of: Option<(&Stack, usize)>| -> Known {
            let all = stacks.iter().zip(&within);
            let all = all.flat_map(|(stack, found)| {
                let one = of.filter(|(other, _)| other.table == stack.table).map(|(_, part)| part);
                let counts = |place| one.is_none_or(|part| part == place);
                let found = found.iter().enumerate();
                stack.compared(found.map(|(place, (_, compared))| counts(place).then_some(compared)))
            });
            Known { comparisons: all.collect(), ..on_shares.clone() }
        };
        let (uses, mut comparisons) = self.analysed(computed, known(None))?;
        let mut of_parts = Vec::with_capacity(stacks.len());
        for stack in stacks {
            let is_read_once = scans(&self.written, &stack.table)? == 1;
            let mut found = Vec::with_capacity(stack.parts.len());
            for part in 0..stack.parts.len() {
                let (_, mut apart) = self.analysed(computed, known(is_read_once.then_some((stack, part))))?;
                found.push(apart.remove(&stack.table).unwrap_or_default());
            }
            of_parts.push(found);
        }
        // What a stack's own column is computed of is one of its columns, or of its tables'.
        let mut uses = computed::traced(uses, computed);
        stacks.iter().try_for_each(|stack| stack.check(&uses))?;
        for ((stack, found), of_parts) in stacks.iter().zip(within).zip(of_parts) {
            stack.traced(&mut uses, &mut comparisons, of_parts);
            for (more, compared) in found {
                usage::unite(&mut uses, &mut comparisons, more, compared);
            }
        }
        Ok((uses, comparisons))
    }
}

/// What is known of the columns that a join compares on shares.
fn known(join: Option<&Joined>, relations: &[Relation], tables: &[Table]) -> Known {
    let mut known = Known::default();
    let Some(Joined::Two(Join { compared: Some(compared), .. })) = join else { return known };
    for (side, relation) in relations.iter().enumerate() {
        let name = tables.get(relation.table).map_or("", |table| table.name.as_str());
        let origin = |column: &String| (name.to_owned(), column.clone());
        known.on_shares.extend(compared.columns(side).into_iter().map(origin));
        known.equal.extend(compared.equal(side).into_iter().map(origin));
    }
    known
}

/// How often a plan and its subqueries read a table.
fn scans(plan: &LogicalPlan, table: &str) -> Result<usize, Refused> {
    let mut found = 0;
    let visited = plan.apply_with_subqueries(|step| {
        found +=
            usize::from(matches!(step, LogicalPlan::TableScan(scan) if scan.table_name.table() == table));
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_err(|error| meaning(&error))?;
    Ok(found)
}

/// The types of the result's columns; those that receivers compute must be of one that can be shown.
fn types(typed: &LogicalPlan, query: &Query) -> Result<Vec<CellType>, Refused> {
    let mut types = Vec::new();
    for (field, selected) in typed.schema().fields().iter().zip(&query.select) {
        types.push(match (plain::cell_type(field.data_type()), selected.item) {
            (Some(cells), _) => cells,
            (None, Item::Computed(_)) => return Err(Construct::SelectExpression.refuse(&selected.name)),
            (None, _) => CellType::Real,
        });
    }
    Ok(types)
}

fn unknown(name: &str, tables: &[Table]) -> Refused {
    let known = tables.iter().map(|known| format!("`{}`", known.name)).collect::<Vec<_>>().join(", ");
    Refused::UnknownTable { name: name.to_owned(), known }
}

/// The tables that a query names, each once.
pub(crate) fn tables(sql: &str) -> Result<Vec<String>, Refused> {
    let mut names: Vec<String> = Vec::new();
    let grammar::Parsed { mut from, threshold, stacks, nested, .. } =
        grammar::parse(sql, &[], Joins::OnShares)?;
    if let Some(nested) = nested {
        from.relations.retain(|relation| relation.table != nested.made);
        from.relations.insert(0, nested.of);
    }
    for Named { table, .. } in from.relations.into_iter().chain(threshold.map(|written| written.table)) {
        let stack = stacks.iter().find(|stack| stack.table == table);
        let of_stack = stack.into_iter().flat_map(|stack| stack.tables().map(str::to_owned));
        let own = stack.is_none().then_some(table);
        for name in own.into_iter().chain(of_stack) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// The plan with its types made explicit, and as DataFusion would run it.
fn optimise(written: LogicalPlan) -> Result<(LogicalPlan, LogicalPlan), Refused> {
    let options = datafusion::config::ConfigOptions::default();
    let typed =
        Analyzer::new().execute_and_check(written, &options, |_, _| {}).map_err(|error| meaning(&error))?;
    // Without a clock: what `now()` is must not matter, and the grammar has no such function.
    let context = OptimizerContext::new().without_query_execution_start_time();
    // As which uses DISTINCT and a subquery's value count, the query says, not how they may be run: in steps of which one
    // groups.
    let rules = Optimizer::new().rules.into_iter();
    let rules = rules.filter(|rule| {
        !["single_distinct_aggregation_to_group_by", "replace_distinct_aggregate", "scalar_subquery_to_join"]
            .contains(&rule.name())
    });
    let optimised = Optimizer::with_rules(rules.collect())
        .optimize(typed.clone(), &context, |_, _| {})
        .map_err(|error| meaning(&error))?;
    Ok((typed, optimised))
}

/// Why the planner refuses, in this crate's words where it is one of the usual mistakes.
fn explain(error: &DataFusionError, named: &names::Named, tables: &[Table]) -> Refused {
    let column = |name: &str| tables.iter().find_map(|table| table.datasets.first()?.schema.column(name));
    for (function, name) in &named.aggregated {
        if let Some(Err(refused)) = column(name).map(|column| argument::check_type(*function, column)) {
            return refused;
        }
    }
    match named.bare.iter().find(|name| column(name).is_some()) {
        Some(bare) => Refused::RowsRevealed(bare.clone()),
        None => meaning(error),
    }
}

/// DataFusion's message, without where in its code it arose or what kind of error it is.
fn meaning(error: &DataFusionError) -> Refused {
    let mut message = error.find_root().message().into_owned();
    for (arrow, word) in [
        ("Int64", "integer"),
        ("Utf8", "text"),
        ("Float64", "float"),
        ("Date32", "date"),
        ("Timestamp(µs)", "timestamp"),
    ] {
        message = message.replace(arrow, word);
    }
    Refused::Meaning(message)
}

/// Every table has datasets, and the rows of all of them can stand in one table.
fn check_tables(tables: &[Table]) -> Result<(), Refused> {
    for table in tables {
        let [first, others @ ..] = table.datasets.as_slice() else {
            return Err(Refused::NoDataset(table.name.clone()));
        };
        let too_precise = |column: &&contract::Column| usize::from(domain::scale(column.kind)) > DIGITS_MAX;
        if let Some(column) = first.schema.columns.iter().find(too_precise) {
            return Err(Refused::Scale { column: column.name.clone(), scale: domain::scale(column.kind) });
        }
        if let Some(other) = others.iter().find(|other| !first.schema.is_union_compatible(&other.schema)) {
            return Err(Refused::SchemasDiffer {
                table: table.name.clone(),
                first: first.reference.clone(),
                other: other.reference.clone(),
                what: first_difference(&first.schema, &other.schema),
            });
        }
    }
    Ok(())
}

fn first_difference(first: &contract::Schema, other: &contract::Schema) -> String {
    let pairs = first.columns.iter().zip(&other.columns);
    let same = |a: &contract::Column, b: &contract::Column| {
        *a == contract::Column { description: a.description.clone(), ..b.clone() }
    };
    match pairs.into_iter().find(|(a, b)| !same(a, b)) {
        Some((a, b)) if a.name != b.name => format!("`{}` stands where the other has `{}`", a.name, b.name),
        Some((a, _)) => format!("column `{}` is declared differently", a.name),
        None => format!("one has {} columns, the other {}", first.columns.len(), other.columns.len()),
    }
}
