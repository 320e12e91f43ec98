//! A query as the lowering needs it, read off DataFusion's typed plan, which has resolved all names, aliases and
//! positions.

use contract::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr};

use super::{
    above::{self, Above, Cut, Flow},
    argument::{self, Argument},
    having::{self, Having},
    listed,
    pair::Pair,
    quantile::Quantile,
    scope::{Found, Scope},
};
use crate::{Construct, GROUPS_MAX, Refused, domain};

/// A supported query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The group columns, in the order of GROUP BY.
    pub(crate) keys: Vec<Key>,
    /// Whether it is known beforehand which groups there can be; if not, there is a LIMIT.
    pub(crate) has_public_groups: bool,
    /// HAVING: which groups are shown, beside the floor.
    pub(crate) having: Option<Having>,
    /// ORDER BY, where it is the order of public groups, or where only the first rows are opened; keys that it does not
    /// name follow ascending, NULL last.
    pub(crate) order: Vec<OrderTerm>,
    /// LIMIT and OFFSET: which rows are opened.
    pub(crate) cut: Option<Cut>,
    /// What is computed, each thing once.
    pub(crate) aggregates: Vec<Aggregate>,
    /// The SELECT list.
    pub(crate) select: Vec<Selected>,
    /// What receivers compute from opened groups.
    pub(crate) finish: Option<Finishing>,
}

/// Expressions, windows and orders that receivers compute from opened groups.
#[derive(Clone, Debug)]
pub(crate) struct Finishing {
    /// The query's plan, whose aggregation is what is opened.
    pub(crate) plan: LogicalPlan,
    /// For each of the aggregation's columns.
    pub(crate) inputs: Vec<Item>,
    /// For each column of the plan, what it is made of, by number of input.
    pub(crate) flows: Vec<Flow>,
    /// The inputs that ORDER BY reads, too.
    pub(crate) ordered_by: Vec<usize>,
    /// Whether rows come in the order and number that is asked for, so that ORDER BY and LIMIT are done.
    pub(crate) is_cut: bool,
}

impl Query {
    /// The aggregate that an item is.
    pub(crate) fn aggregate(&self, item: Item) -> Option<&Aggregate> {
        match item {
            Item::Aggregate(index) => self.aggregates.get(index),
            Item::Key(_) | Item::Computed(_) => None,
        }
    }

    /// Whether an aggregate is opened; those that only HAVING compares, or by which the rows that LIMIT opens are ordered,
    /// are not.
    pub(crate) fn opens(&self, aggregate: usize) -> bool {
        let wanted = Item::Aggregate(aggregate);
        let read = |finish: &Finishing| {
            let flows = finish.flows.iter().flat_map(|flow| &flow.from).chain(&finish.ordered_by);
            flows.filter_map(|input| finish.inputs.get(*input)).any(|item| *item == wanted)
        };
        self.select.iter().any(|selected| selected.item == wanted) || self.finish.as_ref().is_some_and(read)
    }
}

/// A group column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Which relation has it.
    pub(crate) side: usize,
    pub(crate) column: Column,
}

/// One term of ORDER BY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderTerm {
    /// An aggregate only where groups are not public.
    pub(crate) item: Item,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// One aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub(crate) function: Function,
    /// `None` for COUNT(*).
    pub(crate) argument: Option<Argument>,
    /// Of a [`Pair`]: x, where the first is y.
    pub(crate) second: Option<Argument>,
    /// Whether it is over the rows of all groups: what a subquery of HAVING asks.
    pub(crate) whole: bool,
}

/// One result column, under its alias or the name of what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) name: String,
    pub(crate) item: Item,
}

/// What a result column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Index into [`Query::keys`].
    Key(usize),
    /// Index into [`Query::aggregates`].
    Aggregate(usize),
    /// A column of [`Finishing`], by number.
    Computed(usize),
}

/// The supported aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Variance,
    Deviation,
    VariancePop,
    DeviationPop,
    /// COUNT(DISTINCT …).
    CountDistinct,
    /// Of two columns.
    Pair(Pair),
    /// MEDIAN, PERCENTILE_CONT.
    Quantile(Quantile),
}

impl Function {
    /// By any name that SQL or DataFusion gives it, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "avg" | "mean" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "var" | "var_samp" | "var_sample" => Self::Variance,
            "stddev" | "stddev_samp" => Self::Deviation,
            "var_pop" | "var_population" => Self::VariancePop,
            "stddev_pop" => Self::DeviationPop,
            name => {
                let quantile = || Quantile::named(name).map(Self::Quantile);
                return Pair::named(name).map(Self::Pair).or_else(quantile);
            }
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count | Self::CountDistinct => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Variance => "VAR_SAMP",
            Self::Deviation => "STDDEV_SAMP",
            Self::VariancePop => "VAR_POP",
            Self::DeviationPop => "STDDEV_POP",
            Self::Pair(pair) => pair.name(),
            Self::Quantile(quantile) => quantile.name(),
        }
    }

    pub(crate) fn is_extreme(self) -> bool {
        matches!(self, Self::Min | Self::Max)
    }

    /// The types it takes, for messages.
    pub(crate) fn takes(self) -> &'static str {
        if self.is_extreme() { "numbers, dates, timestamps and text" } else { "numbers" }
    }

    /// Over how many values it is defined.
    pub(crate) fn values_min(self) -> u64 {
        match self {
            Self::Variance | Self::Deviation => 2,
            Self::Count | Self::CountDistinct | Self::Sum | Self::Avg | Self::Min | Self::Max => 1,
            Self::VariancePop | Self::DeviationPop | Self::Quantile(_) => 1,
            Self::Pair(pair) => pair.values_min(),
        }
    }
}

impl Aggregate {
    /// For people, and the name of a result column without an alias: `avg(salary)`.
    pub(crate) fn shown(&self) -> String {
        let argument = self.argument.as_ref().map_or("*", |argument| argument.shown.as_str());
        let argument = argument.strip_prefix('(').and_then(|a| a.strip_suffix(')')).unwrap_or(argument);
        let distinct = if self.function == Function::CountDistinct { "distinct " } else { "" };
        let second = match (&self.second, self.function) {
            (Some(second), _) => format!(", {}", second.shown),
            (None, Function::Quantile(quantile)) => quantile.shown(),
            (None, _) => String::new(),
        };
        let whole = if self.whole { " over all groups" } else { "" };
        format!("{}({distinct}{argument}{second}){whole}", self.function.name().to_lowercase())
    }
}

/// Reads a query off an unoptimised plan; `texts` are its SELECT items as written. `is_within` says that its groups are a
/// subquery's, too, with LIMIT, which are found on shares.
pub(crate) fn read(
    plan: &LogicalPlan,
    texts: &[String],
    scope: &Scope<'_>,
    is_within: bool,
) -> Result<Query, Refused> {
    let (Above { aggregate, having, order, limit, has_windows }, flows) = above::read(plan)?;
    let aggregate = aggregate.ok_or_else(|| unanalysed(plan))?;
    let keys =
        aggregate.group_expr.iter().map(|key| key_column(key, scope)).collect::<Result<Vec<_>, _>>()?;
    let mut reader = Reader { scope, keys, aggregates: Vec::new(), positions: Vec::new() };
    for expr in &aggregate.aggr_expr {
        reader.aggregate(expr)?;
    }
    let inputs: Vec<Item> =
        (0..aggregate.schema.fields().len()).filter_map(|index| reader.item(index)).collect();
    let plain = |flow: &Flow| {
        let first = flow.from.first().filter(|_| flow.is_plain)?;
        inputs.get(*first).copied()
    };
    let mut select = Vec::with_capacity(flows.len());
    for (column, flow) in flows.iter().enumerate() {
        let item = plain(flow).unwrap_or(Item::Computed(column));
        let name = match item {
            Item::Computed(_) => texts.get(column).cloned().unwrap_or_default(),
            item => reader.name(item),
        };
        select.push(Selected { name, item });
    }
    if !are_listed(&reader.keys, GROUPS_MAX) {
        let listed = listed::keys(&reader.keys, &aggregate.input, scope);
        let most = match limit {
            Some(_) if is_within => 0,
            Some(_) if scope.tables() > 1 => JOINED_MAX,
            _ => GROUPS_MAX,
        };
        if are_listed(&listed, most) {
            reader.keys = listed;
        }
    }
    let has_public_groups = limit.is_none() || are_listed(&reader.keys, GROUPS_MAX);
    if limit.is_some() && has_windows {
        return Err(Construct::Limit.refuse(&"LIMIT beside a window function"));
    }
    let terms: Vec<Option<OrderTerm>> =
        order.iter().map(|(term, flow)| plain_term(term, plain(flow))).collect();
    let by_keys = |term: &Option<OrderTerm>| matches!(term, Some(OrderTerm { item: Item::Key(_), .. }));
    let needs_sorting = limit.is_none() && !terms.iter().all(by_keys);
    let is_computed = select.iter().any(|selected| matches!(selected.item, Item::Computed(_)));
    let order_terms = match limit {
        Some(_) => {
            let cut = terms.into_iter().zip(&order);
            let known = cut.map(|(term, (of, _))| term.ok_or_else(|| Construct::OrderExpression.refuse(of)));
            known.collect::<Result<_, _>>()?
        }
        None if needs_sorting => Vec::new(),
        None => terms.into_iter().flatten().collect(),
    };
    let finish = (is_computed || needs_sorting || has_windows).then(|| Finishing {
        plan: plan.clone(),
        inputs: inputs.clone(),
        ordered_by: match needs_sorting {
            true => order.iter().flat_map(|(_, flow)| flow.from.iter().copied()).collect(),
            false => Vec::new(),
        },
        flows,
        is_cut: limit.is_some(),
    });
    if limit.is_some_and(|cut| cut.rows.is_none()) && !has_public_groups {
        return Err(Construct::Limit.refuse(&"OFFSET without LIMIT"));
    }
    if limit.is_some() && reader.keys.is_empty() {
        return Err(Construct::Limit.refuse(&"LIMIT without GROUP BY"));
    }
    let columns = having::Columns { schema: &aggregate.schema, items: &inputs, keys: &reader.keys };
    let rows = having::Rows { input: &aggregate.input, scope };
    let having = having
        .map(|condition| having::read(condition, &columns, &rows, &mut reader.aggregates))
        .transpose()?;
    Ok(Query {
        has_public_groups,
        having,
        cut: limit,
        keys: reader.keys,
        order: order_terms,
        aggregates: reader.aggregates,
        select,
        finish,
    })
}

/// So many groups that a condition lists are cheaper one by one than found on shares, where each is asked of all rows.
const JOINED_MAX: usize = 64;

/// Whether the keys' values are public, and make few enough groups.
fn are_listed(keys: &[Key], most: usize) -> bool {
    let mut lengths = keys.iter().map(|key| {
        let values = domain::values(&key.column).ok()?;
        Some(values.len() as u128 + u128::from(key.column.nullable))
    });
    let groups = lengths.try_fold(1_u128, |n, length| Some(n.saturating_mul(length?)));
    groups.is_some_and(|groups| groups <= most as u128)
}

fn plain_term(term: &SortExpr, item: Option<Item>) -> Option<OrderTerm> {
    Some(OrderTerm { item: item?, descending: !term.asc, nulls_first: term.nulls_first })
}

fn key_column(key: &Expr, scope: &Scope<'_>) -> Result<Key, Refused> {
    let Found { side, column, .. } =
        argument::column_of(key, scope).ok_or_else(|| Construct::GroupExpression.refuse(key))?;
    Ok(Key { side, column })
}

struct Reader<'s, 't> {
    scope: &'s Scope<'t>,
    keys: Vec<Key>,
    aggregates: Vec<Aggregate>,
    /// For each of the plan's aggregates its index in `aggregates`: equal ones become one.
    positions: Vec<usize>,
}

impl Reader<'_, '_> {
    fn aggregate(&mut self, expr: &Expr) -> Result<(), Refused> {
        let position = add(&mut self.aggregates, aggregate(expr, self.scope)?);
        self.positions.push(position);
        Ok(())
    }

    /// The plan's aggregate yields the keys first, then the aggregates.
    fn item(&self, index: usize) -> Option<Item> {
        match index.checked_sub(self.keys.len()) {
            None => Some(Item::Key(index)),
            Some(rest) => self.positions.get(rest).copied().map(Item::Aggregate),
        }
    }

    fn name(&self, item: Item) -> String {
        let name = match item {
            Item::Key(index) => self.keys.get(index).map(|key| key.column.name.clone()),
            Item::Aggregate(index) => self.aggregates.get(index).map(Aggregate::shown),
            Item::Computed(_) => None,
        };
        name.unwrap_or_default()
    }
}

/// Where an aggregate stands among others; equal ones become one.
pub(super) fn add(aggregates: &mut Vec<Aggregate>, aggregate: Aggregate) -> usize {
    aggregates.iter().position(|known| *known == aggregate).unwrap_or_else(|| {
        aggregates.push(aggregate);
        aggregates.len() - 1
    })
}

/// Reads an aggregate off a plan.
pub(super) fn aggregate(expr: &Expr, scope: &Scope<'_>) -> Result<Aggregate, Refused> {
    let Expr::AggregateFunction(call) = unaliased(expr) else {
        return Err(Construct::Aggregate.refuse(expr));
    };
    let params = &call.params;
    if params.filter.is_some() {
        return Err(Construct::AggregateFilter.refuse(expr));
    }
    if let (Some(Function::Quantile(quantile)), false, None) =
        (Function::named(call.func.name()), params.distinct, params.null_treatment)
    {
        return quantile.of(params, expr, scope);
    }
    if !params.order_by.is_empty() || params.null_treatment.is_some() {
        return Err(Construct::AggregateOrder.refuse(expr));
    }
    let function = match (Function::named(call.func.name()), params.distinct) {
        (Some(function), false) => function,
        (Some(Function::Count), true) => Function::CountDistinct,
        (Some(_), true) => return Err(Construct::DistinctAggregate.refuse(expr)),
        (None, _) => return Err(Construct::Aggregate.refuse(expr)),
    };
    let argument = match (function, params.args.as_slice()) {
        (Function::Pair(pair), [first, second]) => return pair.of([first, second], scope),
        (Function::Pair(_), _) => return Err(Construct::ArgumentExpression.refuse(expr)),
        (_, [argument]) => argument,
        _ => return Err(Construct::ArgumentExpression.refuse(expr)),
    };
    let argument = match (function, argument) {
        // COUNT(*) is planned as a count of a constant that is not NULL.
        (Function::Count, Expr::Literal(value, _)) if !value.is_null() => None,
        _ => Some(Argument::of_aggregate(function, argument, scope)?),
    };
    // The count of a column that cannot be NULL is the count of the rows; it stays an aggregate of its own, so
    // that the result column has the name that was asked for.
    if argument.as_ref().is_some_and(|argument| argument.columns.is_empty()) {
        return Err(Construct::ArgumentExpression.refuse(expr));
    }
    Ok(Aggregate { function, argument, second: None, whole: false })
}

pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        _ => expr,
    }
}

pub(super) fn unanalysed(plan: &LogicalPlan) -> Refused {
    Refused::Unanalysed(plan.display().to_string())
}
