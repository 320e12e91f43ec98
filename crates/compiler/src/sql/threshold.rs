//! A column in WHERE that is compared with an aggregate over a table, which a subquery takes:
//! `salary > (SELECT 1.5 * AVG(salary) FROM salaries WHERE …)`. The subquery's own conditions are decided at home; it may
//! also ask that a column of its table equals one of the query's, and then is one aggregate for each such key.
//!
//! The aggregate is not opened, and neither is how any row compares with it ([`crate::threshold`]). What is read here is
//! the form; types, and what the aggregate is of, come from the plan.

use contract::Column;
use datafusion::{
    common::tree_node::TreeNode,
    logical_expr::{BinaryExpr, Expr as Planned, LogicalPlan, Operator, utils::split_conjunction},
    sql::sqlparser::ast::{BinaryOperator, Expr, Query as Subquery, SelectItem, SetExpr, UnaryOperator},
};

use super::{
    above,
    argument::{self, Argument},
    computed::Computed,
    condition::conjuncts,
    from::{self, From, JoinKind, Named},
    having::{self, Comparison, Side},
    join::{self, Join, Relation},
    output, predicate,
    query::{self, Aggregate, Function, Query},
    scope::{Found, Scope},
    stack::Stack,
    subquery,
    tree::{self, Size},
};
use crate::{Construct, Refused};

/// Such a condition.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    /// The condition as written.
    pub(crate) text: String,
    /// The column that is compared, of the first relation.
    pub(crate) compared: Argument,
    /// What of it is compared.
    pub(crate) left: Line,
    pub(crate) comparison: Comparison,
    /// Whether the subquery stands on the comparison's left side.
    pub(crate) is_turned: bool,
    /// What the subquery takes over the second relation's rows.
    pub(crate) aggregate: Aggregate,
    /// What of that is compared.
    pub(crate) right: Line,
    /// Columns of the first relation and of the subquery's that must be equal; none where there is one aggregate for all
    /// rows.
    pub(crate) keys: Vec<[Column; 2]>,
    /// The table between these two, of which a row of the first must have a partner, or none.
    pub(crate) partner: Option<Partner>,
}

/// A joined table that decides which rows of the first one count, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Partner {
    /// Columns of the first table and of this one.
    pub(crate) keys: Vec<[Column; 2]>,
    /// Whether the key was declared to have each value once, so that a row has one partner at most; elsewhere a row counts
    /// once however many it has.
    pub(crate) is_once: bool,
    /// Whether rows count that have none: NOT EXISTS.
    pub(crate) is_absent: bool,
}

/// `(factor · x + constant) / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) factor: i128,
    pub(crate) constant: i128,
    pub(crate) scale: u8,
}

/// The condition in the syntax tree.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    text: String,
    /// The subquery's table.
    pub(super) table: Named,
    /// The subquery's conditions, which all must hold.
    conditions: Vec<Expr>,
}

/// Refuses what its own rows would have to be told apart from: tables that stand one below the other, and what window
/// functions make of all rows.
pub(super) fn check_alone(computed: &[Computed], stacks: &[Stack]) -> Result<(), Refused> {
    if let Some(stack) = stacks.first() {
        return Err(Construct::Threshold.refuse(&format!("beside UNION ALL: {}", stack.table)));
    }
    match computed.iter().find(|one| one.is_across()) {
        Some(one) => Err(Construct::RowWindowTables.refuse(&one.name())),
        None => Ok(()),
    }
}

/// Takes the one such condition out of those of WHERE.
pub(super) fn take(from: &From, conditions: Vec<Expr>) -> Result<(Option<Written>, Vec<Expr>), Refused> {
    let (with, rest): (Vec<Expr>, Vec<Expr>) =
        conditions.into_iter().partition(|one| !compared_queries(one).is_empty());
    let Some(condition) = with.first() else { return Ok((None, rest)) };
    let refused = || Construct::Threshold.refuse(condition);
    let queries = compared_queries(condition);
    let ([query], [_]) = (queries.as_slice(), with.as_slice()) else { return Err(refused()) };
    let is_known = match (from.relations.as_slice(), &from.join, &from.set) {
        ([_], None, None) => true,
        ([_, _], Some((kind, _)), None) => matches!(kind, JoinKind::Inner | JoinKind::Semi | JoinKind::Anti),
        _ => false,
    };
    if !is_known {
        return Err(refused());
    }
    let SetExpr::Select(select) = query.body.as_ref() else { return Err(refused()) };
    let [item @ (SelectItem::UnnamedExpr(of) | SelectItem::ExprWithAlias { expr: of, .. })] =
        select.projection.as_slice()
    else {
        return Err(refused());
    };
    output::check(of)?;
    let inner = from::read(select, true)?;
    let ([table], None, None) = (inner.relations.as_slice(), &inner.join, &inner.set) else {
        return Err(refused());
    };
    // Nothing else stands in it.
    if subquery::text(select, item) != query.to_string() {
        return Err(refused());
    }
    let own: Vec<Expr> = select.selection.iter().flat_map(conjuncts).cloned().collect();
    own.iter().try_for_each(predicate::check)?;
    let text = condition.to_string();
    Ok((Some(Written { text, table: table.clone(), conditions: own }), rest))
}

/// The subqueries that a comparison compares; none of what is no comparison.
fn compared_queries(condition: &Expr) -> Vec<&Subquery> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let mut found = Vec::new();
    if let Expr::BinaryOp { left, op: Eq | NotEq | Lt | LtEq | Gt | GtEq, right } = condition {
        queries(left, &mut found);
        queries(right, &mut found);
    }
    found
}

fn queries<'e>(expr: &'e Expr, found: &mut Vec<&'e Subquery>) {
    match expr {
        Expr::Subquery(query) => found.push(query),
        Expr::Nested(inner)
        | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            queries(inner, found);
        }
        Expr::BinaryOp { left, right, .. } => {
            queries(left, found);
            queries(right, found);
        }
        _ => {}
    }
}

/// The query's tables: its own, and that of the subquery.
pub(super) struct Scopes<'s, 't> {
    pub(super) outer: &'s Scope<'t>,
    pub(super) inner: &'s Scope<'t>,
}

/// What the query is beside the comparison.
pub(super) struct Beside<'a> {
    pub(super) query: &'a Query,
    pub(super) join: Option<&'a Join>,
    /// Of the query's tables.
    pub(super) sizes: &'a [Size],
}

/// Reads the condition off the plan; the relation is the subquery's, whose table has number `table`.
pub(super) fn read(
    written: &Written,
    plan: &LogicalPlan,
    scopes: &Scopes<'_, '_>,
    beside: &Beside<'_>,
    table: usize,
) -> Result<(Relation, Threshold), Refused> {
    let refused = || Construct::Threshold.refuse(&written.text);
    let partner = beside.join.map(|join| partner(join, beside)).transpose()?;
    let (above, _) = above::read(plan)?;
    let Some(LogicalPlan::Filter(filter)) = above.aggregate.map(|aggregate| aggregate.input.as_ref()) else {
        return Err(refused());
    };
    let mut parts = split_conjunction(&filter.predicate).into_iter().filter(|part| has_scalar(part));
    let (Some(Planned::BinaryExpr(BinaryExpr { left, op, right })), None) = (parts.next(), parts.next())
    else {
        return Err(refused());
    };
    let (own, of_query, is_second) = match (has_scalar(left), has_scalar(right)) {
        (false, true) => (left, right, false),
        (true, false) => (right, left, true),
        _ => return Err(refused()),
    };
    let (comparison, turns) = match op {
        Operator::Lt => (Comparison::Less, false),
        Operator::LtEq => (Comparison::AtMost, false),
        Operator::Gt => (Comparison::Less, true),
        Operator::GtEq => (Comparison::AtMost, true),
        Operator::Eq => (Comparison::Equal, false),
        Operator::NotEq => (Comparison::NotEqual, false),
        _ => return Err(refused()),
    };
    let mut column = None;
    let left = Line::of(own, &mut |expr| match expr {
        Planned::Column(_) if column.is_none_or(|known| known == expr) => {
            column = Some(expr);
            true
        }
        _ => false,
    });
    let (left, column) = left.zip(column).ok_or_else(refused)?;
    let compared = compared(column, scopes.outer).ok_or_else(refused)??;
    let mut plan = None;
    let around = Line::of(of_query, &mut |expr| match expr {
        Planned::ScalarSubquery(query) if plan.is_none() => {
            plan = Some(query.subquery.as_ref());
            true
        }
        _ => false,
    });
    let (around, plan) = around.zip(plan).ok_or_else(refused)?;
    let (aggregate, within) = aggregated(plan, scopes.inner).ok_or_else(refused)??;
    let right = around.after(within).ok_or_else(refused)?;
    let argument = aggregate.argument.as_ref();
    let temporal =
        argument.filter(|_| aggregate.function.is_extreme()).and_then(|argument| argument.temporal);
    let is_itself = |line: &Line| line.factor == 1 && line.constant == 0 && line.scale == 0;
    if temporal != compared.temporal || temporal.is_some() && !(is_itself(&left) && is_itself(&right)) {
        return Err(refused());
    }
    let (keys, own) = split(written, scopes, partner.as_ref())?;
    let relation = Relation {
        table,
        alias: written.table.alias.clone(),
        called: format!("{} of the subquery", written.table.name),
        filter: join::all(&own),
        computed: Vec::new(),
        stacked: None,
        home: None,
    };
    let is_turned = is_second != turns;
    let text = written.text.clone();
    Ok((relation, Threshold { text, compared, left, comparison, is_turned, aggregate, right, keys, partner }))
}

/// The joined table, if it does nothing but choose rows of the first.
fn partner(join: &Join, Beside { query, sizes, .. }: &Beside<'_>) -> Result<Partner, Refused> {
    let refused = |what: &str| Err(Construct::Threshold.refuse(&what));
    let is_first = |argument: &Argument| {
        let is_own = argument.columns.is_empty() || argument.side == 0;
        is_own && argument.foreign.is_none() && argument.polynomial.is_none()
    };
    let mut arguments = query.aggregates.iter().flat_map(|one| one.argument.iter().chain(&one.second));
    if query.keys.iter().any(|key| key.side != 0) || !arguments.all(is_first) {
        return refused("groups or aggregates of the second table, beside a subquery");
    }
    let is_plain = |term: &[Option<String>; 2]| term.iter().all(Option::is_none);
    if join.matchable.is_some() || join.compared.is_some() || !join.terms.iter().all(is_plain) {
        return refused("a condition over two tables, beside a subquery");
    }
    let is_once = join.kind == JoinKind::Inner;
    let are_once = match join.keys.as_slice() {
        [[_, key]] => tree::is_once(key, 1, sizes),
        _ => false,
    };
    if is_once && !are_once {
        return refused("a join whose second key is not declared `unique = true` or is of several owners");
    }
    Ok(Partner { keys: join.keys.clone(), is_once, is_absent: join.kind == JoinKind::Anti })
}

/// Whether a part of a condition has a subquery in it whose value is compared.
pub(super) fn has_scalar(expr: &Planned) -> bool {
    expr.exists(|part| Ok(matches!(part, Planned::ScalarSubquery(_)))).unwrap_or(true)
}

/// A number or a date, with a declared range.
fn compared(column: &Planned, scope: &Scope<'_>) -> Option<Result<Argument, Refused>> {
    let Found { side, column: declared, .. } = argument::column_of(column, scope)?;
    use contract::ColumnType::{Date, Decimal, Float, Integer};
    if side != 0 || !matches!(declared.kind, Integer | Decimal { .. } | Float { .. } | Date) {
        return None;
    }
    Some(Argument::valued(Function::Min, column, scope))
}

/// The one aggregate of a subquery, and what it selects of it.
fn aggregated(plan: &LogicalPlan, scope: &Scope<'_>) -> Option<Result<(Aggregate, Line), Refused>> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let ([selected], LogicalPlan::Aggregate(over)) = (projection.expr.as_slice(), projection.input.as_ref())
    else {
        return None;
    };
    let ([], [call]) = (over.group_expr.as_slice(), over.aggr_expr.as_slice()) else { return None };
    let line = Line::of(selected, &mut |expr| matches!(expr, Planned::Column(_)))?;
    let aggregate = match query::aggregate(call, scope) {
        Ok(aggregate) => aggregate,
        Err(refused) => return Some(Err(refused)),
    };
    let is_known = matches!(
        aggregate.function,
        Function::Count | Function::Sum | Function::Avg | Function::Min | Function::Max
    );
    // NULL, and what the floor counts, would be another column's matter.
    let is_plain = aggregate.argument.as_ref().is_none_or(|argument| {
        let is_number = argument.bytes_max.is_none() || aggregate.function == Function::Count;
        argument.behind.is_none() && !argument.or_zero && is_number
    });
    (is_known && is_plain).then_some(Ok((aggregate, line)))
}

/// The subquery's keys, and the conditions that its table's owners decide.
fn split(
    Written { text, conditions, .. }: &Written,
    Scopes { outer, inner }: &Scopes<'_, '_>,
    partner: Option<&Partner>,
) -> Result<(Vec<[Column; 2]>, Vec<String>), Refused> {
    let (mut keys, mut own) = (Vec::new(), Vec::new());
    for condition in conditions {
        // As in SQL a name is first looked for in the subquery's table.
        let ours = |expr| inner.column(expr);
        let theirs = |expr| if inner.column(expr).is_none() { outer.column(expr) } else { None };
        let key = match condition {
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                theirs(left).zip(ours(right)).or_else(|| theirs(right).zip(ours(left)))
            }
            _ => None,
        };
        match key {
            Some((outer, inner)) => {
                join::check_types(&outer.column, &inner.column)?;
                let outer = first(outer, partner).ok_or_else(|| Construct::Threshold.refuse(text))?;
                keys.push([outer, inner.column]);
            }
            None if inner.unclear(condition).is_none() => own.push(condition.to_string()),
            None => return Err(Construct::Threshold.refuse(text)),
        }
    }
    Ok((keys, own))
}

/// A column of the first table, or the one there that equals it where a row counts.
fn first(Found { side, column, .. }: Found, partner: Option<&Partner>) -> Option<Column> {
    if side == 0 {
        return Some(column);
    }
    let mut pairs = partner?.keys.iter();
    pairs.find(|[_, theirs]| theirs.name == column.name).map(|[own, _]| own.clone())
}

impl Line {
    /// Reads sums, differences and products with constants of what `leaf` takes.
    fn of<'e>(expr: &'e Planned, leaf: &mut dyn FnMut(&'e Planned) -> bool) -> Option<Self> {
        let side = side(expr, leaf)?;
        let factor = side.terms.iter().try_fold(0_i128, |sum, (_, factor)| sum.checked_add(*factor))?;
        Some(Self { factor, constant: side.constant, scale: side.scale })
    }

    /// It, of what another line makes.
    fn after(self, inner: Self) -> Option<Self> {
        let side = Side { terms: vec![(0, inner.factor)], constant: inner.constant, scale: inner.scale };
        let constant = Side { constant: self.constant, scale: self.scale, ..Side::default() };
        let side = side.times(self.factor, self.scale)?.plus(constant)?;
        let [(_, factor)] = side.terms.as_slice() else { return None };
        Some(Self { factor: *factor, constant: side.constant, scale: side.scale })
    }
}

fn side<'e>(expr: &'e Planned, leaf: &mut dyn FnMut(&'e Planned) -> bool) -> Option<Side> {
    if leaf(expr) {
        return Some(Side { terms: vec![(0, 1)], ..Side::default() });
    }
    match expr {
        Planned::Alias(alias) => side(&alias.expr, leaf),
        Planned::Negative(inner) => side(inner, leaf)?.times(-1, 0),
        Planned::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (x, y) = (side(left, leaf)?, side(right, leaf)?);
            match op {
                Operator::Plus => x.plus(y),
                Operator::Minus => x.plus(y.times(-1, 0)?),
                Operator::Multiply if y.terms.is_empty() => x.times(y.constant, y.scale),
                Operator::Multiply if x.terms.is_empty() => y.times(x.constant, x.scale),
                _ => None,
            }
        }
        constant => having::constant(constant),
    }
}
