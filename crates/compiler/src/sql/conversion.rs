//! Whether WHERE can fail on some row: by a conversion that type checking added, or by a number with too many
//! digits. A failure would tell others that such a row exists, and would come only when the query runs.
//!
//! Decimals have at most 38 digits. The digits that an expression can have follow from its columns' types:
//! a product has the digits of both factors, a sum one more than the longer operand.

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        DFSchema, ScalarValue,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, Operator, utils::split_conjunction},
};

use super::{above::is_grouped, compared, meaning, threshold};
use crate::{Construct, Refused, rows::type_name};

/// Refuses filters that could fail on some row, and constants that are not of the type they are compared as.
pub(crate) fn check(typed: &LogicalPlan) -> Result<(), Refused> {
    let mut found = Ok(());
    let visited = typed.apply_with_subqueries(|step| {
        found = match step {
            // HAVING is decided on shares, exactly: nothing is converted.
            LogicalPlan::Filter(filter) if is_grouped(&filter.input) => Ok(()),
            // So is a comparison with a subquery's value; that it has the form for it was checked.
            LogicalPlan::Filter(filter) => split_conjunction(&filter.predicate)
                .into_iter()
                .filter(|part| !threshold::has_scalar(part))
                .try_for_each(|part| check_condition(part, filter.input.schema())),
            LogicalPlan::Join(Join { filter: Some(condition), schema, .. }) => {
                check_condition(condition, schema)
            }
            LogicalPlan::Aggregate(aggregate) => {
                let schema = aggregate.input.schema();
                aggregate.aggr_expr.iter().try_for_each(|expr| check_cases(expr, schema))
            }
            step => match step.inputs().as_slice() {
                [input] => step.expressions().iter().try_for_each(|expr| check_moments(expr, input.schema())),
                _ => Ok(()),
            },
        };
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.map_err(|error| meaning(&error))?;
    found
}

/// The conditions of CASE, and what COALESCE and NULLIF compare, inside an aggregate.
fn check_cases(expr: &Expr, schema: &DFSchema) -> Result<(), Refused> {
    let mut found = Ok(());
    let visited = expr.apply(|part| {
        match part {
            Expr::Case(case) => {
                found = case.when_then_expr.iter().try_for_each(|(when, _)| check_condition(when, schema));
            }
            Expr::ScalarFunction(_) => found = check_condition(part, schema),
            _ => {}
        }
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.map_err(|error| meaning(&error))?;
    found
}

fn check_condition(condition: &Expr, schema: &DFSchema) -> Result<(), Refused> {
    let mut found = Ok(());
    let visited = condition.apply(|expr| {
        found = match expr {
            // Decided on shares, exactly, too.
            expr if compared::is_across(expr) => return Ok(TreeNodeRecursion::Jump),
            Expr::Cast(cast) => check_cast(&cast.expr, cast.field.data_type(), schema),
            Expr::BinaryExpr(binary) => {
                check_dates(expr, binary, schema).and_then(|()| check_digits(expr, binary, schema))
            }
            _ => Ok(()),
        };
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.map_err(|error| meaning(&error))?;
    found
}

fn check_cast(from: &Expr, wanted: &DataType, schema: &DFSchema) -> Result<(), Refused> {
    if let Expr::Literal(value, _) = from {
        return value.cast_to(wanted).map(drop).map_err(|error| meaning(&error));
    }
    let found = from.get_type(schema).map_err(|error| meaning(&error))?;
    let never_fails = match (&found, wanted) {
        (DataType::Int64 | DataType::Decimal128(..), DataType::Float64) | (_, DataType::Utf8) => true,
        (DataType::Int64 | DataType::Decimal128(..), DataType::Decimal128(precision, scale)) => {
            Digits::of(from, schema).is_some_and(|digits| digits.fit(*precision, *scale))
        }
        _ => found == *wanted,
    };
    if never_fails {
        return Ok(());
    }
    let column = from.column_refs().into_iter().map(|column| column.name.clone()).min();
    Err(Refused::Converted {
        column: column.unwrap_or_else(|| from.to_string()),
        found: type_name(&found),
        wanted: type_name(wanted),
    })
}

/// Expressions over groups keep timestamps to the microsecond: as nanoseconds only those of some years can be told, and the
/// others would be NULL.
fn check_moments(expr: &Expr, schema: &DFSchema) -> Result<(), Refused> {
    let mut found = Ok(());
    let visited = expr.apply(|part| {
        if let Expr::Cast(cast) = part
            && let wanted @ DataType::Timestamp(..) = cast.field.data_type()
            && !matches!(*cast.expr, Expr::Literal(..))
            && cast.expr.get_type(schema).is_ok_and(|found| found != *wanted)
        {
            found = Err(Refused::Meaning(format!(
                "`{}` would be compared with something else than a timestamp; write TIMESTAMP 'YYYY-MM-DD HH:MM:SS'",
                cast.expr.human_display()
            )));
        }
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.map_err(|error| meaning(&error))?;
    found
}

/// Days plus a number may be no day.
fn check_dates(expr: &Expr, binary: &BinaryExpr, schema: &DFSchema) -> Result<(), Refused> {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    if !matches!(binary.op, Plus | Minus | Multiply | Divide | Modulo) {
        return Ok(());
    }
    for part in [&binary.left, &binary.right] {
        if part.get_type(schema).map_err(|error| meaning(&error))?.is_temporal() {
            return Err(Construct::Operator.refuse(&expr.human_display()));
        }
    }
    Ok(())
}

/// Decimal arithmetic fails where the result, or a step on the way, has more than 38 digits.
fn check_digits(expr: &Expr, binary: &BinaryExpr, schema: &DFSchema) -> Result<(), Refused> {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    let is_decimal =
        matches!(expr.get_type(schema).map_err(|error| meaning(&error))?, DataType::Decimal128(..));
    if !is_decimal || !matches!(binary.op, Plus | Minus | Multiply | Divide | Modulo) {
        return Ok(());
    }
    match Digits::of(expr, schema) {
        Some(digits) if digits.whole + digits.fraction <= DIGITS_MAX => Ok(()),
        _ => Err(Refused::TooManyDigits { expression: expr.human_display().to_string() }),
    }
}

/// What a decimal holds.
const DIGITS_MAX: u32 = 38;

/// How many digits a number has at most before and after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digits {
    whole: u32,
    fraction: u32,
}

impl Digits {
    /// `None` for what has no such bound.
    fn of(expr: &Expr, schema: &DFSchema) -> Option<Self> {
        match expr {
            Expr::Literal(value, _) => Self::of_literal(value),
            Expr::Column(_) | Expr::OuterReferenceColumn(..) => Self::of_type(&expr.get_type(schema).ok()?),
            Expr::Negative(inner) | Expr::Cast(datafusion::logical_expr::Cast { expr: inner, .. }) => {
                let inner = Self::of(inner, schema)?;
                let outer = Self::of_type(&expr.get_type(schema).ok()?)?;
                Some(Self { whole: inner.whole.min(outer.whole), fraction: outer.fraction })
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (x, y) = (Self::of(left, schema)?, Self::of(right, schema)?);
                x.combined(*op, y)
            }
            // One of its arguments.
            Expr::ScalarFunction(call) => {
                let mut all = call.args.iter().map(|argument| Self::of(argument, schema));
                let first = all.next()??;
                all.try_fold(first, |most, digits| {
                    let digits = digits?;
                    Some(Self {
                        whole: most.whole.max(digits.whole),
                        fraction: most.fraction.max(digits.fraction),
                    })
                })
            }
            _ => None,
        }
    }

    fn of_type(kind: &DataType) -> Option<Self> {
        match kind {
            DataType::Int64 => Some(Self { whole: 19, fraction: 0 }),
            DataType::Decimal128(precision, scale) => {
                let fraction = u32::try_from(*scale).ok()?;
                Some(Self { whole: u32::from(*precision).saturating_sub(fraction), fraction })
            }
            _ => None,
        }
    }

    fn of_literal(value: &ScalarValue) -> Option<Self> {
        match value {
            ScalarValue::Int64(Some(value)) => {
                Some(Self { whole: length(value.unsigned_abs().into()), fraction: 0 })
            }
            ScalarValue::Decimal128(Some(value), _, scale) => {
                let fraction = u32::try_from(*scale).ok()?;
                Some(Self { whole: length(value.unsigned_abs() / 10_u128.checked_pow(fraction)?), fraction })
            }
            // NULL has no digits, and a float becomes a decimal of the type it is cast to.
            _ if value.is_null() => Some(Self { whole: 0, fraction: 0 }),
            ScalarValue::Float64(Some(value)) if value.abs() < 1e18 => {
                Some(Self { whole: length(value.abs() as u128), fraction: 0 })
            }
            _ => None,
        }
    }

    /// Digits of the result and of every step on the way.
    fn combined(self, op: Operator, other: Self) -> Option<Self> {
        let fraction = self.fraction.max(other.fraction);
        Some(match op {
            Operator::Plus | Operator::Minus => Self { whole: self.whole.max(other.whole) + 1, fraction },
            Operator::Multiply => {
                Self { whole: self.whole + other.whole, fraction: self.fraction + other.fraction }
            }
            // Division extends the dividend by four digits and by the divisor's fraction.
            Operator::Divide => Self { whole: self.whole + other.fraction, fraction: self.fraction + 4 },
            Operator::Modulo => Self { whole: self.whole.max(other.whole), fraction },
            _ => return None,
        })
    }

    fn fit(self, precision: u8, scale: i8) -> bool {
        i64::from(self.whole) <= i64::from(precision) - i64::from(scale)
    }
}

/// Number of decimal digits; 0 for 0.
fn length(value: u128) -> u32 {
    value.checked_ilog10().map_or(0, |log| log + 1)
}
