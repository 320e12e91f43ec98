//! What each owner computes at home: integer columns of partial results, over each public group where one table is
//! asked ([`crate::union`]), over each join key where two are ([`crate::keyed`]).

use crate::{
    Construct, Refused,
    aggregation::Call,
    number::bits,
    packed, pairs,
    sql::{Aggregate, Argument, Condition, Function, Quantile, decimal},
};

/// A column that every stage yields, to be combined over the owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Partial {
    /// How many rows.
    Rows,
    /// Of one table how many rows satisfy a condition that weighs the other's values.
    RowsIf(Condition),
    /// How many values that are not NULL.
    Present(Argument),
    /// How many different values.
    Distinct(Argument),
    /// A quantile of the values, times its place's denominator.
    Quantile(Argument, Quantile),
    /// Sum of the values.
    Sum(Argument),
    /// Sum of the distances from the range's centre.
    Distances(Argument),
    /// Sum of the squared distances from the range's centre.
    Squares(Argument),
    /// Sum of the products of two columns' distances.
    Products(Argument, Box<Argument>),
    /// The least value; the range's upper end if there is none.
    Min(Argument),
    /// The greatest value; the range's lower end if there is none.
    Max(Argument),
    /// One of the integers of the least or greatest text ([`crate::text_extremes`]).
    Text(TextPart),
}

/// Of the least or greatest of some texts one of the integers that it is shared as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextPart {
    pub(crate) of: Argument,
    pub(crate) is_least: bool,
    /// Which of its integers.
    pub(crate) part: usize,
}

impl TextPart {
    /// All of an aggregate's.
    pub(crate) fn all(of: &Argument, is_least: bool) -> Vec<Self> {
        let parts = of.bytes_max.map_or(0, |bytes_max| packed::widths(bytes_max).len());
        (0..parts).map(|part| Self { of: of.clone(), is_least, part }).collect()
    }

    fn bits(&self) -> u32 {
        let widths = packed::widths(self.of.bytes_max.unwrap_or_default());
        widths.get(self.part).copied().unwrap_or(1)
    }

    /// The largest integer of that width, which no text's first integer is: no text has a byte of ones.
    pub(crate) fn most(&self) -> i128 {
        (1 << self.bits().min(63)) - 1
    }

    /// What stands for a group without values: for the least more than any text has, since no text has a byte of ones.
    fn absent(&self) -> u64 {
        if self.is_least && self.part == 0 { (1 << self.bits().min(63)) - 1 } else { 0 }
    }

    fn function(&self) -> &'static str {
        if self.is_least { "min" } else { "max" }
    }
}

/// The columns that a query's aggregates need, each once, rows first.
pub(crate) fn partials(aggregates: &[Aggregate]) -> Vec<Partial> {
    let mut all = vec![Partial::Rows];
    for Aggregate { function, argument, second, .. } in aggregates {
        let Some(argument) = argument else { continue };
        let of = |make: fn(Argument) -> Partial| make(argument.clone());
        if argument.nullable {
            all.push(of(Partial::Present));
        }
        all.extend(argument.behind.iter().map(|behind| Partial::Present((**behind).clone())));
        match function {
            Function::Count => {}
            Function::CountDistinct => all.push(of(Partial::Distinct)),
            Function::Quantile(quantile) => all.push(Partial::Quantile(argument.clone(), *quantile)),
            Function::Sum | Function::Avg => all.push(of(Partial::Sum)),
            Function::Min | Function::Max if argument.bytes_max.is_some() => {
                let parts = TextPart::all(argument, *function == Function::Min);
                all.extend(parts.into_iter().map(Partial::Text));
            }
            Function::Min => all.push(of(Partial::Min)),
            Function::Max => all.push(of(Partial::Max)),
            Function::Variance | Function::Deviation | Function::VariancePop | Function::DeviationPop => {
                all.extend([of(Partial::Distances), of(Partial::Squares)]);
            }
            Function::Pair(pair) => {
                let Some(second) = second else { continue };
                all.extend([of(Partial::Distances), Partial::Distances(second.clone())]);
                let squares = [
                    Partial::products(argument, second),
                    Partial::Squares(second.clone()),
                    Partial::Squares(argument.clone()),
                ];
                let needed = squares.into_iter().zip(pair.needs());
                all.extend(needed.filter_map(|(partial, is_needed)| is_needed.then_some(partial)));
            }
        }
    }
    let mut once: Vec<Partial> = Vec::new();
    for partial in all {
        // COUNT(x) and SUM(x) share one count of the values, whatever else they need to know of x.
        if !once.iter().any(|known| known.name() == partial.name()) {
            once.push(partial);
        }
    }
    once
}

/// Refuses what needs the owners' single values, where these stand beside what else decides about rows.
pub(crate) fn check_alone(partials: &[Partial]) -> Result<(), Refused> {
    let needs = partials.iter().find(|partial| partial.needs_values());
    needs.map_or(Ok(()), |partial| Err(partial.refuse()))
}

impl Partial {
    /// Whether it needs the owners' single values beside each other, which is refused where rows have no public group.
    pub(crate) fn needs_values(&self) -> bool {
        matches!(self, Self::Distinct(_) | Self::Quantile(..))
    }

    /// The refusal, where it cannot be.
    pub(crate) fn refuse(&self) -> Refused {
        match self {
            Self::Quantile(..) => Construct::Quantile.refuse(&self.name()),
            Self::Text(text) => {
                Construct::TextExtreme.refuse(&format!("{}({})", text.function(), text.of.shown))
            }
            _ => Construct::DistinctAggregate.refuse(&self.name()),
        }
    }

    /// Of one column with itself its squares.
    pub(crate) fn products(x: &Argument, y: &Argument) -> Self {
        match x.shown == y.shown {
            true => Self::Squares(x.clone()),
            false => Self::Products(x.clone(), Box::new(y.clone())),
        }
    }

    /// What it is of.
    pub(crate) fn argument(&self) -> Option<&Argument> {
        match self {
            Self::Rows | Self::RowsIf(_) => None,
            Self::Present(x)
            | Self::Distinct(x)
            | Self::Quantile(x, _)
            | Self::Sum(x)
            | Self::Distances(x)
            | Self::Squares(x)
            | Self::Products(x, _)
            | Self::Min(x)
            | Self::Max(x) => Some(x),
            Self::Text(text) => Some(&text.of),
        }
    }

    /// Name of the stage's column, and for people. Different ones have different names.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Rows => "rows".to_owned(),
            Self::RowsIf(condition) => {
                format!("rows of table {} where {}", condition.side + 1, condition.sql)
            }
            Self::Present(x) => format!("count of {}", x.shown),
            Self::Distinct(x) => format!("different values of {}", x.shown),
            Self::Quantile(x, quantile) => {
                format!("{} of {}{}", quantile.name().to_lowercase(), x.shown, quantile.shown())
            }
            Self::Sum(x) => format!("sum of {}", x.shown),
            Self::Distances(x) => format!("sum of {} - centre", x.shown),
            Self::Squares(x) => format!("sum of ({} - centre) squared", x.shown),
            Self::Products(x, y) => format!("sum of ({} - centre) times ({} - centre)", x.shown, y.shown),
            Self::Min(x) => format!("min of {}", x.shown),
            Self::Max(x) => format!("max of {}", x.shown),
            Self::Text(text) => {
                format!("{} of {}, part {}", text.function(), text.of.shown, text.part + 1)
            }
        }
    }

    /// The least `b` such that this partial over `rows` rows lies within ±2^b.
    pub(crate) fn bits(&self, rows: u64) -> u32 {
        let rows = u128::from(rows);
        let bound = match self {
            Self::Rows | Self::RowsIf(_) | Self::Present(_) | Self::Distinct(_) => Some(rows),
            Self::Sum(x) => rows.checked_mul(x.interval.magnitude()),
            Self::Distances(x) => rows.checked_mul(x.interval.radius()),
            Self::Squares(x) => {
                x.interval.radius().checked_pow(2).and_then(|square| rows.checked_mul(square))
            }
            Self::Products(x, y) => {
                x.interval.radius().checked_mul(y.interval.radius()).and_then(|most| rows.checked_mul(most))
            }
            Self::Min(x) | Self::Max(x) => Some(x.interval.magnitude()),
            Self::Text(text) => return text.bits(),
            Self::Quantile(x, quantile) => x.interval.magnitude().checked_mul(quantile.place().1.into()),
        };
        bound.map_or(u128::BITS, bits).max(1)
    }

    /// The aggregate over those of the owner's rows for which a condition holds.
    pub(crate) fn aggregate(&self, condition: Option<&str>) -> Call {
        let (function, of) = match self {
            Self::Rows if condition.is_none() => {
                return Call { function: "COUNT", of: None, is_distinct: false };
            }
            Self::Rows => ("COUNT", "1".to_owned()),
            Self::RowsIf(Condition { sql, .. }) => ("COUNT", format!("CASE WHEN {sql} THEN 1 END")),
            // A quantile is taken of shared rows ([`crate::quantile`]), never at home.
            Self::Present(x) | Self::Distinct(x) | Self::Quantile(x, _) => ("COUNT", x.presence.clone()),
            Self::Sum(x) => ("SUM", x.sql.clone()),
            Self::Distances(x) => ("SUM", distance(x)),
            Self::Squares(x) => ("SUM", format!("{0} * {0}", distance(x))),
            Self::Products(x, y) => ("SUM", format!("{} * {}", distance(x), distance(y))),
            Self::Min(x) => ("MIN", x.sql.clone()),
            Self::Max(x) => ("MAX", x.sql.clone()),
            Self::Text(text) => (if text.is_least { "MIN" } else { "MAX" }, text.of.sql.clone()),
        };
        let of = match condition {
            None => of,
            Some(condition) => format!("CASE WHEN {condition} THEN {of} END"),
        };
        Call { function, of: Some(of), is_distinct: matches!(self, Self::Distinct(_)) }
    }

    /// It, as a column of `a`, as the stage yields it: never NULL, and a decimal whose unscaled integer is what is
    /// shared.
    pub(crate) fn shared(&self, column: &str) -> String {
        let name = crate::sql::identifier(column);
        if let Self::Text(text) = self {
            let parts = packed::of_sql(&format!("a.{name}"), text.of.bytes_max.unwrap_or_default());
            let part = parts.get(text.part).map_or("NULL", String::as_str);
            return format!("COALESCE({part}, {}) AS {name}", text.absent());
        }
        let absent = self.absent();
        match self.scale() {
            None => format!("COALESCE(a.{name}, {absent}) AS {name}"),
            Some(scale) => {
                let decimal = format!("DECIMAL(38, {scale})");
                format!("COALESCE(CAST(a.{name} AS {decimal}), CAST({absent} AS {decimal})) AS {name}")
            }
        }
    }

    /// Digits after the point; `None` for counts, which are integers.
    fn scale(&self) -> Option<u8> {
        match self {
            Self::Rows | Self::RowsIf(_) | Self::Present(_) | Self::Distinct(_) | Self::Text(_) => None,
            Self::Sum(x) | Self::Distances(x) | Self::Min(x) | Self::Max(x) | Self::Quantile(x, _) => {
                Some(x.scale)
            }
            Self::Squares(x) => Some(2 * x.scale),
            Self::Products(x, y) => Some(x.scale + y.scale),
        }
    }

    /// What stands for a group without rows.
    fn absent(&self) -> String {
        match self {
            Self::Rows | Self::RowsIf(_) | Self::Present(_) | Self::Distinct(_) => "0".to_owned(),
            Self::Sum(_) | Self::Distances(_) | Self::Squares(_) => "0".to_owned(),
            Self::Products(..) | Self::Quantile(..) => "0".to_owned(),
            Self::Text(text) => text.absent().to_string(),
            Self::Min(x) => decimal(x.interval.max, x.scale),
            Self::Max(x) => decimal(x.interval.min, x.scale),
        }
    }
}

fn distance(x: &Argument) -> String {
    format!("({} - {})", x.sql, decimal(x.interval.centre(), x.scale))
}

/// Refuses aggregates whose exact values or quotients need more bits than a program has.
pub(crate) fn check_widths(aggregates: &[Aggregate], rows: u64) -> Result<(), Refused> {
    use program::limits::{MAX_BITS, MAX_DENOMINATOR_BITS, MAX_NUMERATOR_BITS, MAX_QUOTIENT_BITS};
    // Declared widths round up to powers of two, at each owner: two bits of room.
    let sum_max = u32::from(MAX_BITS) - 2;
    for Aggregate { function, argument, second, .. } in aggregates {
        let Some(argument) = argument else { continue };
        let check = |bits: u32, most: u32| {
            if bits <= most {
                return Ok(());
            }
            let columns = argument.quoted_columns();
            Err(Refused::TooWide {
                function: function.name(),
                argument: argument.shown.clone(),
                bits,
                most,
                columns,
            })
        };
        match function {
            Function::Count | Function::CountDistinct | Function::Min | Function::Max => {}
            // Rows and places are bounded by what the program derives.
            Function::Quantile(_) => {}
            Function::Sum => check(Partial::Sum(argument.clone()).bits(rows), sum_max)?,
            Function::Avg => {
                check(Partial::Sum(argument.clone()).bits(rows), MAX_NUMERATOR_BITS.into())?;
                check(bits(rows.into()), MAX_DENOMINATOR_BITS.into())?;
            }
            Function::Variance | Function::Deviation | Function::VariancePop | Function::DeviationPop => {
                check(variance_numerator_bits(argument, rows), MAX_NUMERATOR_BITS.into())?;
                check(variance_denominator_bits(rows), MAX_DENOMINATOR_BITS.into())?;
                check(variance_bits(argument), u32::from(MAX_QUOTIENT_BITS) - FRACTION_MIN)?;
            }
            Function::Pair(pair) => {
                let too_wide = second.as_ref().and_then(|x| pairs::too_wide(*pair, argument, x, rows));
                too_wide.map_or(Ok(()), |[bits, most]| check(bits, most))?;
            }
        }
    }
    Ok(())
}

/// A quotient has at least this many binary places.
pub(crate) const FRACTION_MIN: u32 = 24;

/// n·Σd² − (Σd)² is at most n²·r² for n distances d within ±r.
pub(crate) fn variance_numerator_bits(argument: &Argument, rows: u64) -> u32 {
    let most = u128::from(rows).checked_mul(argument.interval.radius()).and_then(|root| root.checked_pow(2));
    most.map_or(u128::BITS, bits).max(1)
}

/// n·(n − 1), or n² over a population.
pub(crate) fn variance_denominator_bits(rows: u64) -> u32 {
    bits(u128::from(rows).saturating_mul(rows.into())).max(1)
}

/// The sample variance of values within ±r of a centre is largest for two values at the ends: 2r².
pub(crate) fn variance_bits(argument: &Argument) -> u32 {
    let most = argument.interval.radius().checked_pow(2).and_then(|square| square.checked_mul(2));
    most.map_or(u128::BITS, bits).max(1)
}

/// The beginning of a text that may hold a long condition, for a name in a program.
pub(crate) fn cut(text: &str) -> &str {
    const BYTES_MAX: usize = 100;
    text.split_at(text.floor_char_boundary(BYTES_MAX)).0
}

/// A name that is short enough for a program; those that are cut are told apart by a number.
pub(crate) fn short(name: String, number: usize) -> String {
    let beginning = cut(&name);
    if beginning.len() == name.len() { name } else { format!("{beginning}… ({})", number + 1) }
}
