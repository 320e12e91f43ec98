//! MEDIAN and PERCENTILE_CONT: which quantile.

use contract::ColumnType;
use datafusion::{
    common::{ScalarValue, TableReference},
    logical_expr::{Expr, expr::AggregateFunctionParams},
};

use super::{
    argument::Argument,
    query::{Aggregate, Function},
    scope::Scope,
};
use crate::{Construct, Refused, format_scaled, parse_scaled};

/// At which place of sorted values; between two of them it is their mean, weighted by nearness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantile {
    /// The middle. Of decimals, as DataFusion has it, a decimal with as many digits, cut off.
    Median { is_decimal: bool },
    /// At numerator / 10^digits of the way from the least to the greatest.
    Percentile { numerator: u32, digits: u8 },
}

/// A fraction has at most so many digits after the point.
const DIGITS_MAX: u8 = 4;

impl Quantile {
    /// By any name that SQL or DataFusion gives it, in lower case; which place, [`Quantile::of`] says.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "median" => Some(Self::Median { is_decimal: false }),
            "percentile_cont" | "quantile_cont" => Some(Self::Percentile { numerator: 0, digits: 0 }),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Median { .. } => "MEDIAN",
            Self::Percentile { .. } => "PERCENTILE_CONT",
        }
    }

    /// The place, for people, after the argument.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Median { .. } => String::new(),
            Self::Percentile { numerator, digits } => {
                format!(", {}", format_scaled(numerator.into(), digits))
            }
        }
    }

    /// Digits after the point that it adds to those of the values.
    pub(crate) fn digits(self) -> u8 {
        match self {
            Self::Median { .. } => 0,
            Self::Percentile { digits, .. } => digits,
        }
    }

    /// Numerator and denominator of the place.
    pub(crate) fn place(self) -> (u32, u32) {
        match self {
            Self::Median { .. } => (1, 2),
            Self::Percentile { numerator, digits } => (numerator, 10_u32.saturating_pow(digits.into())),
        }
    }

    /// The aggregate.
    pub(super) fn of(
        self,
        params: &AggregateFunctionParams,
        whole: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Aggregate, Refused> {
        let refused = || Construct::Quantile.refuse(&whole.human_display());
        let (of, quantile) = match (self, params.args.as_slice(), params.order_by.as_slice()) {
            (Self::Median { .. }, [of], []) => (of, self),
            (Self::Percentile { .. }, [of, place], []) => (of, percentile(place, false).ok_or_else(refused)?),
            (Self::Percentile { .. }, [of, place], [by]) if by.expr == *of => {
                (of, percentile(place, !by.asc).ok_or_else(refused)?)
            }
            _ => return Err(refused()),
        };
        let quantile = match quantile {
            Self::Median { .. } => Self::Median { is_decimal: is_decimal(of, scope) },
            quantile => quantile,
        };
        let function = Function::Quantile(quantile);
        let argument = Argument::of_aggregate(function, of, scope)?;
        if argument.columns.is_empty() || argument.foreign.is_some() {
            return Err(refused());
        }
        Ok(Aggregate { function, argument: Some(argument), second: None, whole: false })
    }
}

/// Of a descending order the same place from the other end.
fn percentile(place: &Expr, descending: bool) -> Option<Quantile> {
    let text = match place {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => value.to_string(),
        // The shortest text that is this float: what was written.
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => format!("{value}"),
        _ => return None,
    };
    let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits = u8::try_from(digits).ok().filter(|digits| *digits <= DIGITS_MAX)?;
    let numerator = u32::try_from(parse_scaled(&text, digits).ok()?).ok()?;
    let denominator = 10_u32.pow(digits.into());
    let from_the_end = denominator.checked_sub(numerator)?;
    Some(Quantile::Percentile { numerator: if descending { from_the_end } else { numerator }, digits })
}

/// Whether an expression's type is decimal: it has such columns, and none that is a float.
fn is_decimal(of: &Expr, scope: &Scope<'_>) -> bool {
    let value = match of {
        Expr::Case(case) => case.when_then_expr.first().map_or(of, |(_, then)| then),
        Expr::ScalarFunction(call) => call.args.first().unwrap_or(of),
        _ => of,
    };
    let kinds = value.column_refs().into_iter().filter_map(|column| {
        let found = scope.find(column.relation.as_ref().map(TableReference::table), &column.name)?;
        Some(found.column.kind)
    });
    let kinds: Vec<ColumnType> = kinds.collect();
    kinds.iter().any(|kind| matches!(kind, ColumnType::Decimal { .. }))
        && !kinds.iter().any(|kind| matches!(kind, ColumnType::Float { .. }))
}
