//! Covariance, correlation and regression on shares.
//!
//! From n, Σd, Σe, Σd², Σe² and Σde over distances d and e of two columns from public centres follow, exactly in integers,
//! S_xy = n·Σde − Σd·Σe and, likewise, S_xx and S_yy: n² times covariance and variances over a population. By Cauchy and
//! Schwarz |S_xy| is at most n²·r·s for distances within ±r and ±s, so that widths follow from declared ranges.
//!
//! | | |
//! | --- | --- |
//! | COVAR_POP, COVAR_SAMP, REGR_SXY | S_xy / n², S_xy / (n·(n − 1)), S_xy / n |
//! | REGR_SLOPE | S_xy / S_xx |
//! | REGR_INTERCEPT | (Σy − slope·Σx) / n |
//! | CORR | (S_xy / √S_xx) / √S_yy: two roots and two quotients, since a quotient's divisor has 60 bits |
//! | REGR_R2 | CORR² |

use program::{
    Divide, SquareRoot, ValueId,
    limits::{MAX_DENOMINATOR_BITS, MAX_NUMERATOR_BITS, MAX_QUOTIENT_BITS, MAX_ROOT_FRACTION},
};

use crate::{
    Refused,
    arithmetic::FRACTION_MAX,
    lower::Joint,
    number::bits,
    sql::{Argument, Pair},
    stage::{FRACTION_MIN, Partial},
};

/// A slope can be small and still be multiplied by something large.
const SLOPE_FRACTION: u32 = 60;
/// Binary places between the two quotients of a correlation, and of the second one.
pub(crate) const CORRELATION_FRACTIONS: [u32; 2] = [32, 8];

/// How wide the parts of a pair's aggregate can get.
struct Widths {
    rows: u128,
    radius: [u128; 2],
    magnitude: [u128; 2],
    /// By what y is multiplied for a slope to have no digits before the point of its scale.
    factor: u128,
}

/// The bits of a product.
fn product(factors: &[u128]) -> u32 {
    let most = factors.iter().try_fold(1_u128, |product, factor| product.checked_mul(*factor));
    most.map_or(u128::BITS, bits).max(1)
}

impl Widths {
    fn of(y: &Argument, x: &Argument, rows: u64) -> Self {
        let both = |of: fn(&Argument) -> u128| [of(y).max(1), of(x).max(1)];
        Self {
            rows: u128::from(rows).max(1),
            radius: both(|argument| argument.interval.radius()),
            magnitude: both(|argument| argument.interval.magnitude()),
            factor: 10_u128.checked_pow(x.scale.saturating_sub(y.scale).into()).unwrap_or(u128::MAX),
        }
    }

    /// S of two columns whose distances are so large.
    fn spread(&self, [a, b]: [u128; 2]) -> u32 {
        product(&[self.rows, self.rows, a, b])
    }

    /// |slope| ≤ √(S_yy / S_xx), and S_xx is 1 at least.
    fn slope(&self) -> u32 {
        let [radius, _] = self.radius;
        product(&[self.rows, radius, self.factor])
    }

    /// Bits of Σx, and of Σy at the slope's digits.
    fn totals(&self) -> [u32; 2] {
        let [y, x] = self.magnitude;
        [product(&[self.rows, y, self.factor]), product(&[self.rows, x])]
    }

    /// Bits of an intercept: of a mean of y and of a slope times a mean of x.
    fn intercept(&self) -> u32 {
        let [y, x] = self.magnitude;
        product(&[y, self.factor]).max(self.slope() + bits(x)) + 1
    }

    /// Binary places of the slope that an intercept is computed from.
    fn intercept_fraction(&self) -> u32 {
        let [y, x] = self.totals();
        let numerator = u32::from(MAX_NUMERATOR_BITS) - 2;
        let room = numerator.saturating_sub((self.slope() + x).max(y));
        SLOPE_FRACTION.min(room).min(u32::from(MAX_QUOTIENT_BITS).saturating_sub(self.intercept()))
    }

    /// Binary places of the root of S of a column, so that it can divide.
    fn root_fraction(&self, radius: u128) -> u32 {
        let whole = self.spread([radius, radius]).div_ceil(2);
        (u32::from(MAX_DENOMINATOR_BITS) - 1).saturating_sub(whole).min(MAX_ROOT_FRACTION.into())
    }
}

/// Bits that are needed, and those that there are, of whatever has too few.
pub(crate) fn too_wide(pair: Pair, y: &Argument, x: &Argument, rows: u64) -> Option<[u32; 2]> {
    let widths = Widths::of(y, x, rows);
    let numerator = u32::from(MAX_NUMERATOR_BITS);
    let divisor = u32::from(MAX_DENOMINATOR_BITS);
    let quotient = u32::from(MAX_QUOTIENT_BITS) - FRACTION_MIN;
    let n = widths.rows;
    let [ry, rx] = widths.radius;
    let sums = |of: [u128; 2], result: &[u128]| {
        vec![[widths.spread(of), numerator], [product(&[n, n]), divisor], [product(result), quotient]]
    };
    let checks: Vec<[u32; 2]> = match pair {
        Pair::Count | Pair::AverageX | Pair::AverageY => Vec::new(),
        Pair::CovarianceSample | Pair::CovariancePop => sums([ry, rx], &[2, ry, rx]),
        Pair::SumXy => sums([ry, rx], &[n, ry, rx]),
        Pair::SumXx => sums([rx, rx], &[n, rx, rx]),
        Pair::SumYy => sums([ry, ry], &[n, ry, ry]),
        Pair::Slope | Pair::Intercept => {
            let mut checks = vec![
                [widths.spread([ry, rx]) + bits(widths.factor), numerator],
                [widths.spread([rx, rx]), divisor],
                [widths.slope(), quotient],
            ];
            if pair == Pair::Intercept {
                let missing = FRACTION_MIN.saturating_sub(widths.intercept_fraction());
                checks.push([quotient + missing, quotient]);
            }
            checks
        }
        Pair::Correlation | Pair::R2 => {
            let room = 2 * (divisor - 1 - FRACTION_MIN);
            vec![[widths.spread([rx, rx]), room], [widths.spread([ry, ry]), room]]
        }
    };
    checks.into_iter().find(|[found, most]| found > most)
}

/// Binary places of the roots that a correlation is divided by, of y and of x.
pub(crate) fn root_fractions(y: &Argument, x: &Argument, rows: u64) -> [u32; 2] {
    let widths = Widths::of(y, x, rows);
    widths.radius.map(|radius| widths.root_fraction(radius))
}

/// Binary places of the slope that an intercept is computed from.
pub(crate) fn slope_fraction(y: &Argument, x: &Argument, rows: u64) -> u32 {
    Widths::of(y, x, rows).intercept_fraction()
}

/// What an aggregate of two columns is computed from.
struct Case<'a> {
    y: &'a Argument,
    x: &'a Argument,
    /// How many pairs.
    n: ValueId,
    valid: ValueId,
    widths: Widths,
}

impl Joint {
    /// S of two columns over n pairs: n·Σde − Σd·Σe.
    fn spread(&mut self, [a, b]: [&Argument; 2], n: ValueId) -> Result<ValueId, Refused> {
        let products = Partial::products(a, b);
        if let Some(known) = self.spreads.get(&products.name()) {
            return Ok(*known);
        }
        let distances = |of: &Argument| Partial::Distances(of.clone());
        let (d, e) = (self.partial(&distances(a)), self.partial(&distances(b)));
        let scaled = self.partial(&products);
        let scaled = self.builder.multiply(n, scaled)?;
        let square = self.builder.multiply(d, e)?;
        let spread = self.builder.subtract(scaled, square)?;
        self.spreads.insert(products.name(), spread);
        Ok(spread)
    }

    /// `valid`, where the columns that must vary do.
    pub(crate) fn varied(
        &mut self,
        pair: Pair,
        y: &Argument,
        x: &Argument,
        valid: ValueId,
    ) -> Result<ValueId, Refused> {
        let n = self.present(y);
        let mut valid = valid;
        for (of, _) in [x, y].into_iter().zip(pair.varied()).filter(|(_, must)| *must) {
            let spread = self.spread([of, of], n)?;
            let is_varied = self.builder.less_than(self.zero, spread)?;
            valid = self.builder.and(valid, is_varied)?;
        }
        Ok(valid)
    }

    /// The aggregate, 0 where it is not valid, and its binary places.
    pub(crate) fn pair(
        &mut self,
        pair: Pair,
        y: &Argument,
        x: &Argument,
        valid: ValueId,
    ) -> Result<(ValueId, u8), Refused> {
        let n = self.present(y);
        let case = Case { y, x, n, valid, widths: Widths::of(y, x, self.rows_max) };
        let [ry, rx] = case.widths.radius;
        let rows = case.widths.rows;
        match pair {
            Pair::SumXx => self.share(&case, [x, x], [rx, rx], n, rows),
            Pair::SumYy => self.share(&case, [y, y], [ry, ry], n, rows),
            Pair::SumXy => self.share(&case, [y, x], [ry, rx], n, rows),
            Pair::CovarianceSample | Pair::CovariancePop => {
                let by = match pair {
                    Pair::CovarianceSample => self.builder.subtract(n, self.one)?,
                    _ => n,
                };
                let divisor = self.builder.multiply(n, by)?;
                // Of a sample it is n / (n − 1) times as large.
                self.share(&case, [y, x], [ry, rx], divisor, 2)
            }
            Pair::Slope => self.slope(&case, SLOPE_FRACTION),
            Pair::Intercept => self.intercept(&case),
            Pair::Correlation => self.correlation(&case),
            Pair::R2 => {
                let (root, fraction) = self.correlation(&case)?;
                Ok((self.builder.multiply(root, root)?, 2 * fraction))
            }
            // Other aggregates stand for them.
            Pair::Count | Pair::AverageX | Pair::AverageY => Ok((self.zero, 0)),
        }
    }

    /// S of two columns, divided by n or by about n²; at most `times` the product of the largest distances.
    fn share(
        &mut self,
        case: &Case<'_>,
        of: [&Argument; 2],
        radius: [u128; 2],
        divisor: ValueId,
        times: u128,
    ) -> Result<(ValueId, u8), Refused> {
        let spread = self.spread(of, case.n)?;
        let numerator = self.builder.select(case.valid, spread, self.zero)?;
        let [r, s] = radius;
        let rows = case.widths.rows;
        let widths = [case.widths.spread(radius), product(&[rows, rows]), product(&[times, r, s])];
        self.quotient([numerator, divisor], case.valid, widths, FRACTION_MAX)
    }

    fn slope(&mut self, case: &Case<'_>, fraction_max: u32) -> Result<(ValueId, u8), Refused> {
        let Case { y, x, n, valid, widths } = case;
        let [ry, rx] = widths.radius;
        let (numerator, divisor) = (self.spread([y, x], *n)?, self.spread([x, x], *n)?);
        let numerator = self.builder.select(*valid, numerator, self.zero)?;
        let numerator = self.builder.scale(numerator, widths.factor as i128)?;
        let numerator_bits = widths.spread([ry, rx]) + bits(widths.factor);
        let widths = [numerator_bits, widths.spread([rx, rx]), widths.slope()];
        self.quotient([numerator, divisor], *valid, widths, fraction_max)
    }

    fn intercept(&mut self, case: &Case<'_>) -> Result<(ValueId, u8), Refused> {
        let Case { y, x, n, valid, widths } = case;
        let (slope, fraction) = self.slope(case, widths.intercept_fraction())?;
        let y = self.total(y, *n)?;
        let y = self.builder.select(*valid, y, self.zero)?;
        let y = self.builder.scale(y, (widths.factor as i128) << u32::from(fraction))?;
        let x = self.total(x, *n)?;
        let x = self.builder.multiply(slope, x)?;
        let numerator = self.builder.subtract(y, x)?;
        let [of_y, of_x] = widths.totals();
        let fraction_bits = u32::from(fraction);
        let numerator_bits = of_y.max(widths.slope() + of_x) + fraction_bits + 1;
        let denominator = self.builder.select(*valid, *n, self.one)?;
        let result = self.builder.divide(Divide {
            numerator,
            denominator,
            numerator_bits: numerator_bits as u8,
            denominator_bits: product(&[widths.rows]) as u8,
            result_bits: (widths.intercept() + fraction_bits) as u8,
            fraction: 0,
        })?;
        Ok((result, fraction))
    }

    /// The sum of a column over the pairs, from its distances.
    fn total(&mut self, of: &Argument, n: ValueId) -> Result<ValueId, Refused> {
        let distances = self.partial(&Partial::Distances(of.clone()));
        let centres = self.builder.scale(n, of.interval.centre())?;
        Ok(self.builder.add(distances, centres)?)
    }

    fn correlation(&mut self, case: &Case<'_>) -> Result<(ValueId, u8), Refused> {
        let Case { y, x, n, valid, widths } = case;
        let spread = self.spread([y, x], *n)?;
        let numerator = self.builder.select(*valid, spread, self.zero)?;
        let [ry, rx] = widths.radius;
        let (by_x, x_bits, x_fraction) = self.root(case, x, rx)?;
        let (by_y, y_bits, y_fraction) = self.root(case, y, ry)?;
        let [between, last] = CORRELATION_FRACTIONS;
        // |S_xy| / √S_xx is at most √S_yy; roots and quotients are rounded, which a bit more leaves room for.
        let part_bits = widths.spread([ry, ry]).div_ceil(2) + 1;
        let numerator = self.builder.scale(numerator, 1 << x_fraction)?;
        let part = self.builder.divide(Divide {
            numerator,
            denominator: by_x,
            numerator_bits: (widths.spread([ry, rx]) + x_fraction) as u8,
            denominator_bits: x_bits as u8,
            result_bits: part_bits as u8,
            fraction: between as u8,
        })?;
        let numerator = self.builder.scale(part, 1 << y_fraction)?;
        let result = self.builder.divide(Divide {
            numerator,
            denominator: by_y,
            numerator_bits: (part_bits + between + y_fraction) as u8,
            denominator_bits: y_bits as u8,
            result_bits: (2 + between) as u8,
            fraction: last as u8,
        })?;
        Ok((result, (between + last) as u8))
    }

    /// √S of a column, 1 where it is not valid; its bits and binary places.
    fn root(&mut self, case: &Case<'_>, of: &Argument, radius: u128) -> Result<(ValueId, u32, u32), Refused> {
        let spread = self.spread([of, of], case.n)?;
        let spread = self.builder.select(case.valid, spread, self.one)?;
        let (bits, fraction) = (case.widths.spread([radius, radius]), case.widths.root_fraction(radius));
        let root = self.builder.square_root(SquareRoot {
            of: spread,
            bits: bits as u8,
            fraction_in: 0,
            fraction_out: fraction as u8,
        })?;
        Ok((root, bits.div_ceil(2) + fraction + 1, fraction))
    }
}
