//! A query as the lowering needs it, read off DataFusion's typed plan, which has resolved all names, aliases and
//! positions.

use contract::Column;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{
    Aggregate as AggregatePlan, Expr, Limit, LogicalPlan, Projection, SortExpr, expr::AggregateFunction,
};

use super::{
    argument::{self, Argument},
    scope::{Found, Scope},
};
use crate::{Construct, Refused};

/// A supported query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The group columns, in the order of GROUP BY.
    pub(crate) keys: Vec<Key>,
    /// ORDER BY; keys that it does not name follow ascending, NULL last.
    pub(crate) order: Vec<OrderTerm>,
    /// LIMIT, with which groups need not be public.
    pub(crate) limit: Option<u32>,
    /// What is computed, each thing once.
    pub(crate) aggregates: Vec<Aggregate>,
    /// The SELECT list.
    pub(crate) select: Vec<Selected>,
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
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Variance => "VAR_SAMP",
            Self::Deviation => "STDDEV_SAMP",
        }
    }

    pub(crate) fn is_extreme(self) -> bool {
        matches!(self, Self::Min | Self::Max)
    }

    /// The types it takes, for messages.
    pub(crate) fn takes(self) -> &'static str {
        if self.is_extreme() { "numbers and dates" } else { "numbers" }
    }

    /// Over how many values it is defined.
    pub(crate) fn values_min(self) -> u64 {
        match self {
            Self::Variance | Self::Deviation => 2,
            Self::Count | Self::Sum | Self::Avg | Self::Min | Self::Max => 1,
        }
    }
}

impl Aggregate {
    /// For people, and the name of a result column without an alias: `avg(salary)`.
    pub(crate) fn shown(&self) -> String {
        let argument = self.argument.as_ref().map_or("*", |argument| argument.shown.as_str());
        let argument = argument.strip_prefix('(').and_then(|a| a.strip_suffix(')')).unwrap_or(argument);
        format!("{}({argument})", self.function.name().to_lowercase())
    }
}

/// Reads a query off an unoptimised plan.
pub(crate) fn read(plan: &LogicalPlan, scope: &Scope<'_>) -> Result<Query, Refused> {
    let shape = Shape::of(plan)?;
    let keys =
        shape.aggregate.group_expr.iter().map(|key| key_column(key, scope)).collect::<Result<Vec<_>, _>>()?;
    let mut reader = Reader { scope, keys, aggregates: Vec::new(), positions: Vec::new() };
    for expr in &shape.aggregate.aggr_expr {
        reader.aggregate(expr)?;
    }
    let items = reader.items(shape.items, shape.aggregate)?;
    let order = order(shape.order, shape.items, &items, shape.limit.is_some())?;
    let select = match shape.outer {
        None => items,
        Some(outer) => narrowed(outer, shape.items, &items)?,
    };
    Ok(Query { limit: shape.limit, keys: reader.keys, order, aggregates: reader.aggregates, select })
}

/// The only forms in which the accepted grammar is planned.
struct Shape<'p> {
    limit: Option<u32>,
    /// Takes away columns that only ORDER BY needs.
    outer: Option<&'p Projection>,
    order: &'p [SortExpr],
    items: &'p Projection,
    aggregate: &'p AggregatePlan,
}

impl<'p> Shape<'p> {
    fn of(plan: &'p LogicalPlan) -> Result<Self, Refused> {
        let (limit, plan) = match plan {
            LogicalPlan::Limit(limit) => (Some(rows(limit)?), limit.input.as_ref()),
            _ => (None, plan),
        };
        let (outer, plan) = match plan {
            LogicalPlan::Projection(outer) if matches!(*outer.input, LogicalPlan::Sort(_)) => {
                (Some(outer), outer.input.as_ref())
            }
            _ => (None, plan),
        };
        let (order, plan) = match plan {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => (sort.expr.as_slice(), sort.input.as_ref()),
            _ => (&[][..], plan),
        };
        let LogicalPlan::Projection(items) = plan else { return Err(unanalysed(plan)) };
        match items.input.as_ref() {
            LogicalPlan::Aggregate(aggregate) => Ok(Self { limit, outer, order, items, aggregate }),
            _ => Err(match items.expr.iter().flat_map(|item| item.column_refs()).next() {
                Some(column) => Refused::RowsRevealed(column.name.clone()),
                None => unanalysed(plan),
            }),
        }
    }
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
        let aggregate = match unaliased(expr) {
            Expr::AggregateFunction(call) => aggregate(call, expr, self.scope)?,
            _ => return Err(Construct::Aggregate.refuse(expr)),
        };
        let position = match self.aggregates.iter().position(|known| *known == aggregate) {
            Some(position) => position,
            None => {
                self.aggregates.push(aggregate);
                self.aggregates.len() - 1
            }
        };
        self.positions.push(position);
        Ok(())
    }

    fn items(&self, projection: &Projection, aggregate: &AggregatePlan) -> Result<Vec<Selected>, Refused> {
        let item = |expr: &Expr| {
            let Expr::Column(column) = unaliased(expr) else {
                return Err(Construct::SelectExpression.refuse(expr));
            };
            let index = aggregate.schema.maybe_index_of_column(column);
            let item = match index.and_then(|index| self.item(index)) {
                Some(item) => item,
                None => return Err(Construct::SelectExpression.refuse(expr)),
            };
            Ok(Selected { name: self.name(item), item })
        };
        projection.expr.iter().map(item).collect()
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
        };
        name.unwrap_or_default()
    }
}

fn aggregate(call: &AggregateFunction, expr: &Expr, scope: &Scope<'_>) -> Result<Aggregate, Refused> {
    let params = &call.params;
    if params.distinct {
        return Err(Construct::DistinctAggregate.refuse(expr));
    }
    if params.filter.is_some() {
        return Err(Construct::AggregateFilter.refuse(expr));
    }
    if !params.order_by.is_empty() || params.null_treatment.is_some() {
        return Err(Construct::AggregateOrder.refuse(expr));
    }
    let function = Function::named(call.func.name()).ok_or_else(|| Construct::Aggregate.refuse(expr))?;
    let [argument] = params.args.as_slice() else {
        return Err(Construct::ArgumentExpression.refuse(expr));
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
    Ok(Aggregate { function, argument })
}

/// How many rows LIMIT lets through.
fn rows(limit: &Limit) -> Result<u32, Refused> {
    match (&limit.skip, limit.fetch.as_deref()) {
        (None, Some(Expr::Literal(ScalarValue::Int64(Some(rows)), _))) => match u32::try_from(*rows) {
            Ok(rows @ 1..=LIMIT_MAX) => Ok(rows),
            _ => Err(Refused::TooLarge {
                what: "rows in LIMIT",
                found: usize::try_from(*rows).unwrap_or_default(),
                most: LIMIT_MAX as usize,
            }),
        },
        _ => Err(Construct::Limit.refuse(&limit.fetch.iter().map(ToString::to_string).collect::<String>())),
    }
}

/// Results are read by people.
const LIMIT_MAX: u32 = crate::GROUPS_MAX as u32;

fn order(
    terms: &[SortExpr],
    projection: &Projection,
    items: &[Selected],
    limited: bool,
) -> Result<Vec<OrderTerm>, Refused> {
    let key = |term: &SortExpr| {
        let Expr::Column(column) = unaliased(&term.expr) else {
            return Err(Construct::OrderExpression.refuse(term));
        };
        let index = projection.schema.maybe_index_of_column(column);
        match index.and_then(|index| items.get(index)).map(|selected| selected.item) {
            Some(Item::Aggregate(_)) if !limited => Err(Construct::OrderByAggregate.refuse(term)),
            Some(item) => Ok(OrderTerm { item, descending: !term.asc, nulls_first: term.nulls_first }),
            None => Err(Construct::OrderExpression.refuse(term)),
        }
    };
    terms.iter().map(key).collect()
}

/// The items that an outer projection keeps.
fn narrowed(outer: &Projection, inner: &Projection, items: &[Selected]) -> Result<Vec<Selected>, Refused> {
    let item = |expr: &Expr| {
        let Expr::Column(column) = unaliased(expr) else {
            return Err(Construct::SelectExpression.refuse(expr));
        };
        let index = inner.schema.maybe_index_of_column(column);
        index
            .and_then(|index| items.get(index))
            .cloned()
            .ok_or_else(|| Construct::SelectExpression.refuse(expr))
    };
    outer.expr.iter().map(item).collect()
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        _ => expr,
    }
}

fn unanalysed(plan: &LogicalPlan) -> Refused {
    Refused::Unanalysed(plan.display().to_string())
}
