//! HAVING: comparisons of aggregates with constants and with each other, decided inside the computation, so that
//! whoever compares learns whether a group is shown and not what was compared.
//!
//! A subquery over the same rows is those of all groups together: its sums are the groups' sums added up, and it is not
//! opened either.
//!
//! A comparison with NULL, or with an aggregate that the floor withholds, does not hold. As in [`super::condition`],
//! negations are driven to the comparisons, where they turn the operator round: what is left is true exactly if it is
//! true of whether the comparisons are.

use datafusion::{
    common::{DFSchema, ScalarValue},
    logical_expr::{Between, BinaryExpr, Expr, LogicalPlan, Operator, expr::InList},
};

use super::{
    above,
    query::{self, Aggregate, Function, Item, Key},
    scope::Scope,
};
use crate::{Construct, DIGITS_MAX, Refused, parse_scaled};

/// A condition on groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Having {
    All(Vec<Having>),
    Any(Vec<Having>),
    Compare { left: Side, comparison: Comparison, right: Side },
}

/// How two sides compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    Equal,
    NotEqual,
}

/// One side of a comparison: a sum of aggregates, with factors, and a constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// Index of an aggregate, and its factor.
    pub(crate) terms: Vec<(usize, i128)>,
    pub(crate) constant: i128,
    /// Digits after the point of factors and constant.
    pub(crate) scale: u8,
}

/// The aggregation's columns.
pub(super) struct Columns<'a> {
    pub(super) schema: &'a DFSchema,
    pub(super) items: &'a [Item],
    pub(super) keys: &'a [Key],
}

/// What is aggregated.
pub(super) struct Rows<'a> {
    pub(super) input: &'a LogicalPlan,
    pub(super) scope: &'a Scope<'a>,
}

/// Reads a condition.
pub(super) fn read(
    condition: &Expr,
    columns: &Columns<'_>,
    rows: &Rows<'_>,
    aggregates: &mut Vec<Aggregate>,
) -> Result<Having, Refused> {
    Reader { columns, rows, aggregates }.condition(condition, false)
}

struct Reader<'a> {
    columns: &'a Columns<'a>,
    rows: &'a Rows<'a>,
    aggregates: &'a mut Vec<Aggregate>,
}

impl Reader<'_> {
    fn condition(&mut self, expr: &Expr, negated: bool) -> Result<Having, Refused> {
        match expr {
            Expr::Not(inner) => self.condition(inner, !negated),
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let parts = vec![self.condition(left, negated)?, self.condition(right, negated)?];
                Ok(if (*op == Operator::And) != negated { Having::All(parts) } else { Having::Any(parts) })
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.compare(expr, left, *op, right, negated),
            Expr::Between(Between { expr: of, negated: not, low, high }) => {
                let parts = vec![
                    self.compare(expr, of, Operator::GtEq, low, negated != *not)?,
                    self.compare(expr, of, Operator::LtEq, high, negated != *not)?,
                ];
                Ok(if negated == *not { Having::All(parts) } else { Having::Any(parts) })
            }
            Expr::InList(InList { expr: of, list, negated: not }) => {
                let equal = |one| self.compare(expr, of, Operator::Eq, one, negated != *not);
                let parts = list.iter().map(equal).collect::<Result<_, _>>()?;
                Ok(if negated == *not { Having::Any(parts) } else { Having::All(parts) })
            }
            _ => Err(Construct::HavingCondition.refuse(&expr.human_display())),
        }
    }

    fn compare(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: Operator,
        right: &Expr,
        negated: bool,
    ) -> Result<Having, Refused> {
        use Comparison::{AtMost, Equal, Less, NotEqual};
        let (left, right) = (self.side(left)?, self.side(right)?);
        let (left, comparison, right) = match (op, negated) {
            (Operator::Lt, false) | (Operator::GtEq, true) => (left, Less, right),
            (Operator::LtEq, false) | (Operator::Gt, true) => (left, AtMost, right),
            (Operator::Gt, false) | (Operator::LtEq, true) => (right, Less, left),
            (Operator::GtEq, false) | (Operator::Lt, true) => (right, AtMost, left),
            (Operator::Eq, false) | (Operator::NotEq, true) => (left, Equal, right),
            (Operator::NotEq, false) | (Operator::Eq, true) => (left, NotEqual, right),
            _ => return Err(Construct::HavingCondition.refuse(&whole.human_display())),
        };
        Ok(Having::Compare { left, comparison, right })
    }

    fn side(&mut self, expr: &Expr) -> Result<Side, Refused> {
        let refused = || Construct::HavingCondition.refuse(&expr.human_display());
        match expr {
            Expr::Column(column) => {
                let index = self.columns.schema.maybe_index_of_column(column).ok_or_else(refused)?;
                match self.columns.items.get(index) {
                    Some(Item::Aggregate(aggregate)) => self.aggregate(*aggregate).ok_or_else(refused),
                    Some(Item::Key(key)) => {
                        let name = self.columns.keys.get(*key).map(|key| key.column.name.clone());
                        Err(Construct::HavingKey.refuse(&name.unwrap_or_default()))
                    }
                    _ => Err(refused()),
                }
            }
            Expr::Literal(..) => constant(expr).ok_or_else(refused),
            Expr::Alias(alias) => self.side(&alias.expr),
            Expr::ScalarSubquery(subquery) => self.whole(&subquery.subquery),
            Expr::Negative(inner) => Ok(self.side(inner)?.times(-1, 0).ok_or_else(refused)?),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (x, y) = (self.side(left)?, self.side(right)?);
                let combined = match op {
                    Operator::Plus => x.plus(y),
                    Operator::Minus => y.times(-1, 0).and_then(|y| x.plus(y)),
                    Operator::Multiply if y.terms.is_empty() => x.times(y.constant, y.scale),
                    Operator::Multiply if x.terms.is_empty() => y.times(x.constant, x.scale),
                    _ => None,
                };
                combined.ok_or_else(refused)
            }
            _ => Err(refused()),
        }
    }

    /// A subquery over the rows that the query itself groups: its aggregates over all groups together.
    fn whole(&mut self, plan: &LogicalPlan) -> Result<Side, Refused> {
        let refused = || Construct::HavingSubquery.refuse(&plan.display());
        let (above, _) = above::read(plan)?;
        let (LogicalPlan::Projection(projection), Some(of)) = (plan, above.aggregate) else {
            return Err(refused());
        };
        let ([expr], LogicalPlan::Aggregate(_)) = (projection.expr.as_slice(), projection.input.as_ref())
        else {
            return Err(refused());
        };
        if !of.group_expr.is_empty() || *of.input != *self.rows.input {
            return Err(refused());
        }
        let mut items = Vec::with_capacity(of.aggr_expr.len());
        for expr in &of.aggr_expr {
            let aggregate = query::aggregate(expr, self.rows.scope)?;
            let is_sum = matches!(aggregate.function, Function::Count | Function::Sum | Function::Avg);
            if !is_sum || aggregate.argument.as_ref().is_some_and(|argument| argument.behind.is_some()) {
                return Err(refused());
            }
            items.push(Item::Aggregate(query::add(self.aggregates, Aggregate { whole: true, ..aggregate })));
        }
        let columns = Columns { schema: &of.schema, items: &items, keys: &[] };
        let mut inner = Reader { columns: &columns, rows: self.rows, aggregates: self.aggregates };
        inner.side(query::unaliased(expr))
    }

    /// `None` for those whose comparison needs more than a sum and a count.
    fn aggregate(&self, index: usize) -> Option<Side> {
        let aggregate = self.aggregates.get(index)?;
        let is_number = aggregate
            .argument
            .as_ref()
            .is_none_or(|argument| argument.temporal.is_none() && argument.bytes_max.is_none());
        let is_exact = matches!(
            aggregate.function,
            Function::Count
                | Function::CountDistinct
                | Function::Sum
                | Function::Avg
                | Function::Min
                | Function::Max
        );
        (is_number && is_exact).then(|| Side { terms: vec![(index, 1)], ..Side::default() })
    }
}

/// A number.
pub(super) fn constant(expr: &Expr) -> Option<Side> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => {
            Some(Side { constant: (*value).into(), ..Side::default() })
        }
        // The shortest text that is this float: what was written.
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => {
            let text = format!("{value}");
            let scale = text.split_once('.').map_or(0, |(_, digits)| digits.len());
            let scale = u8::try_from(scale).ok().filter(|scale| usize::from(*scale) <= DIGITS_MAX)?;
            Some(Side { constant: parse_scaled(&text, scale).ok()?, scale, ..Side::default() })
        }
        _ => None,
    }
}

impl Side {
    /// With factors of so many digits, products and sums stay within 128 bits.
    const FACTOR_MAX: i128 = 1 << 62;

    pub(super) fn times(self, factor: i128, scale: u8) -> Option<Self> {
        let times = |value: i128| value.checked_mul(factor).filter(|value| value.abs() <= Self::FACTOR_MAX);
        let terms = self.terms.into_iter().map(|(of, own)| Some((of, times(own)?))).collect::<Option<_>>()?;
        Some(Self { terms, constant: times(self.constant)?, scale: self.scale.checked_add(scale)? })
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let (x, y) = (self.rescaled(scale)?, other.rescaled(scale)?);
        let constant = x.constant.checked_add(y.constant)?;
        Some(Self { terms: x.terms.into_iter().chain(y.terms).collect(), constant, scale })
    }

    /// The same with more digits after the point.
    pub(crate) fn rescaled(self, scale: u8) -> Option<Self> {
        let digits = scale.checked_sub(self.scale)?;
        let factor = 10_i128.checked_pow(digits.into())?;
        let of = |value: i128| value.checked_mul(factor).filter(|value| value.abs() <= Self::FACTOR_MAX);
        let terms = self.terms.into_iter().map(|(index, own)| Some((index, of(own)?)));
        Some(Self { terms: terms.collect::<Option<_>>()?, constant: of(self.constant)?, scale })
    }
}
