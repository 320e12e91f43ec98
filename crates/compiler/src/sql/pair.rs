//! Aggregates of two columns, of one table or two, over the rows on which both have a value: covariance, correlation, regression.

use datafusion::logical_expr::Expr;

use super::{
    argument::Argument,
    query::{Aggregate, Function},
    scope::Scope,
};
use crate::{Construct, Refused};

/// One of them. As in SQL, what depends (y) comes first, what it depends on (x) second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pair {
    /// How many such rows.
    Count,
    AverageX,
    AverageY,
    CovarianceSample,
    CovariancePop,
    Correlation,
    /// Of the line through the means with the least squares of vertical distances.
    Slope,
    /// Where that line is at x = 0.
    Intercept,
    /// The correlation's square.
    R2,
    /// n times the variance of x over a population.
    SumXx,
    /// n times that of y.
    SumYy,
    /// n times the covariance.
    SumXy,
}

impl Pair {
    /// By any name that SQL or DataFusion gives it, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "regr_count" => Self::Count,
            "regr_avgx" => Self::AverageX,
            "regr_avgy" => Self::AverageY,
            "covar" | "covar_samp" => Self::CovarianceSample,
            "covar_pop" => Self::CovariancePop,
            "corr" => Self::Correlation,
            "regr_slope" => Self::Slope,
            "regr_intercept" => Self::Intercept,
            "regr_r2" => Self::R2,
            "regr_sxx" => Self::SumXx,
            "regr_syy" => Self::SumYy,
            "regr_sxy" => Self::SumXy,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "REGR_COUNT",
            Self::AverageX => "REGR_AVGX",
            Self::AverageY => "REGR_AVGY",
            Self::CovarianceSample => "COVAR_SAMP",
            Self::CovariancePop => "COVAR_POP",
            Self::Correlation => "CORR",
            Self::Slope => "REGR_SLOPE",
            Self::Intercept => "REGR_INTERCEPT",
            Self::R2 => "REGR_R2",
            Self::SumXx => "REGR_SXX",
            Self::SumYy => "REGR_SYY",
            Self::SumXy => "REGR_SXY",
        }
    }

    /// For people: what it tells of y and x.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Count => "number of pairs",
            Self::AverageX | Self::AverageY => "mean",
            Self::CovarianceSample => "sample covariance",
            Self::CovariancePop => "population covariance",
            Self::Correlation => "coefficient of correlation",
            Self::Slope => "slope of the regression line",
            Self::Intercept => "intercept of the regression line",
            Self::R2 => "square of the coefficient of correlation",
            Self::SumXx => "sum of squared distances of the second from its mean",
            Self::SumYy => "sum of squared distances of the first from its mean",
            Self::SumXy => "sum of products of distances from the means",
        }
    }

    /// Over how many pairs it is defined.
    pub(crate) fn values_min(self) -> u64 {
        match self {
            Self::CovarianceSample | Self::Correlation | Self::Slope | Self::Intercept | Self::R2 => 2,
            Self::Count | Self::AverageX | Self::AverageY | Self::CovariancePop => 1,
            Self::SumXx | Self::SumYy | Self::SumXy => 1,
        }
    }

    /// Whether it needs Σxy, Σx² and Σy².
    pub(crate) fn needs(self) -> [bool; 3] {
        match self {
            Self::Count | Self::AverageX | Self::AverageY => [false, false, false],
            Self::CovarianceSample | Self::CovariancePop | Self::SumXy => [true, false, false],
            Self::Slope | Self::Intercept => [true, true, false],
            Self::Correlation | Self::R2 => [true, true, true],
            Self::SumXx => [false, true, false],
            Self::SumYy => [false, false, true],
        }
    }

    /// Of which of x and y it is undefined where all values are the same.
    pub(crate) fn varied(self) -> [bool; 2] {
        match self {
            Self::Slope | Self::Intercept => [true, false],
            Self::Correlation | Self::R2 => [true, true],
            _ => [false, false],
        }
    }

    /// Digits after the point of what it yields, of columns with so many.
    pub(crate) fn scale(self, y: u8, x: u8) -> u8 {
        match self {
            Self::Count | Self::Correlation | Self::R2 => 0,
            Self::AverageX => x,
            Self::AverageY => y,
            Self::CovarianceSample | Self::CovariancePop | Self::SumXy => y.saturating_add(x),
            Self::SumXx => x.saturating_mul(2),
            Self::SumYy => y.saturating_mul(2),
            Self::Slope => y.saturating_sub(x),
            Self::Intercept => y.max(x),
        }
    }

    /// The aggregate of two arguments.
    pub(super) fn of(self, [first, second]: [&Expr; 2], scope: &Scope<'_>) -> Result<Aggregate, Refused> {
        let valued = |expr: &Expr| {
            let argument = Argument::valued(Function::Pair(self), expr, scope)?;
            match argument.columns.is_empty() {
                true => Err(Construct::ArgumentExpression.refuse(expr)),
                false => Ok(argument),
            }
        };
        let (y, x) = (valued(first)?, valued(second)?);
        let (y, x) = match y.side == x.side {
            true => (y.beside(&x), x.beside(&y)),
            false => (y.meeting(&x), x.meeting(&y)),
        };
        let of =
            |function, argument| Aggregate { function, argument: Some(argument), second: None, whole: false };
        Ok(match self {
            Self::Count => of(Function::Count, y),
            Self::AverageX => of(Function::Avg, x),
            Self::AverageY => of(Function::Avg, y),
            _ => Aggregate { second: Some(x), ..of(Function::Pair(self), y) },
        })
    }
}
