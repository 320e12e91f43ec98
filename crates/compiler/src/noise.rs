//! Differential privacy: every count and sum over all rows bears noise before anything is done with it.
//!
//! What is opened afterwards, the floor's bits too, is computed from noisy numbers alone, so that it costs nothing more
//! (post-processing: Dwork and Roth, *The Algorithmic Foundations of Differential Privacy*, 2014, proposition 2.1).
//!
//! *What is hidden*: whether all rows of one person are there. Nobody has more than c rows, as the owners declare; those
//! of several datasets add up. Rows fall into groups, so that over all groups together a count changes by c at most, and a
//! sum by c times the largest magnitude in the declared range: their sensitivity in the L1 norm. A run's ε is divided
//! evenly among the columns that bear noise (sequential composition), and each has discrete Laplace noise of scale
//! sensitivity / its part. In the L2 norm a column changes by no more than in the L1 norm, and Gaussian noise of deviation σ
//! on a sensitivity Δ costs Δ²/2σ² of zero-concentrated differential privacy (Canonne, Kamath, Steinke, theorem 4), which
//! adds up (Bun, Steinke, TCC 2016, lemma 1.7): a run's ρ is divided evenly, and each of m columns has noise of deviation
//! Δ·√(m/2ρ), which grows with √m where Laplace noise grows with m. A mean is the quotient of a noisy sum and a noisy
//! count, held to the declared range, so that it costs what these two cost. Every draw is cut off, and an answer whose draw
//! lies within Δ of the cut would tell: the cut is so far out ([`program::noise_bits`]) that this has a probability below
//! 2^-64 for each number, but for which ε and ρ hold strictly.

use contract::disclosure::{Loss, Mechanism, Privacy, root_up};
use program::{
    Builder, ValueId,
    limits::{MAX_DENOMINATOR_BITS, MAX_NUMERATOR_BITS},
};

use crate::{
    Refused, Table,
    arithmetic::FRACTION_MAX,
    lower::{Combined, Joint},
    number::bits,
    sql::{Argument, Checked, Function, Joined},
    stage::Partial,
};

/// One millionth of ε.
const MICRO: u128 = 1_000_000;

/// Noise on one column of partial results.
pub(crate) struct Noisy {
    /// The partial's name.
    pub(crate) name: String,
    /// The distribution of one draw.
    pub(crate) mechanism: Mechanism,
    /// The scale of one draw, as a fraction; of Gaussian noise the standard deviation.
    pub(crate) scale: (u64, u64),
    /// Digits after the point of what it is added to.
    pub(crate) digits: u8,
}

/// The noise that a query's columns need.
///
/// # Errors
/// What cannot be bounded by declared ranges and rows, by name.
pub(crate) fn plan(
    tables: &[Table],
    checked: &Checked,
    partials: &[Partial],
    privacy: Privacy,
) -> Result<Vec<Noisy>, Refused> {
    let Privacy { mechanism, .. } = privacy;
    let refused = Refused::Disclosure;
    if let Some(Joined::Threshold(_)) = &checked.join {
        return Err(refused("a person's row moves what all others are compared with, so noise cannot be measured out; ask without the subquery, as a condition with a constant".to_owned()));
    }
    if let Some(Joined::Windows(_)) = &checked.join {
        return Err(refused("one person's rows change what window functions give others, by how much is not bounded; ask without window functions over rows".to_owned()));
    }
    if let Some(Joined::Nested(_)) = &checked.join {
        return Err(refused("one person's rows may be in several groups of the subquery and move them across its conditions, so noise cannot be measured out; ask without groups of groups".to_owned()));
    }
    if checked.join.is_some() {
        return Err(refused("how often a person's rows match in a join is not bounded, so noise cannot be measured out; ask about one table".to_owned()));
    }
    let computed = checked.relations.iter().flat_map(|relation| &relation.computed);
    if let Some(column) = computed.into_iter().find(|column| !column.across.is_empty()) {
        return Err(refused(format!(
            "one person's rows change those of others in `{}`, by how much is not bounded; ask without window functions over rows",
            column.name
        )));
    }
    if !checked.query.has_public_groups {
        return Err(refused("which groups there are would tell about persons; group by columns with a public list of values, declared or in a condition, without LIMIT".to_owned()));
    }
    for aggregate in &checked.query.aggregates {
        if !matches!(aggregate.function, Function::Count | Function::Sum | Function::Avg) {
            let name = aggregate.function.name();
            return Err(refused(format!(
                "one person can change {name} too much for noise; ask for SUM, COUNT and AVG, and compute with these"
            )));
        }
    }
    let rows = rows_per_person(tables)?;
    let columns = partials.len() as u128;
    let noisy = |partial: &Partial| {
        let (most, digits) = match partial {
            Partial::Rows | Partial::Present(_) => (1, 0),
            Partial::Sum(argument) => (argument.interval.magnitude(), argument.scale),
            _ => {
                return Err(refused(format!(
                    "there is no bound on what one person changes in {}",
                    partial.name()
                )));
            }
        };
        let changed = rows.checked_mul(most).map(|changed| changed.max(1));
        let scale = changed.and_then(|changed| match privacy.cost() {
            Loss::Epsilon(epsilon) => reduced(changed.checked_mul(columns * MICRO)?, epsilon.into()),
            Loss::Rho(rho) => deviation(changed, columns, rho),
        });
        match scale {
            Some(scale) => Ok(Noisy { name: partial.name(), mechanism, scale, digits }),
            None => Err(refused(format!(
                "one person can change {} so much that noise for {} has no room; declare a narrower range",
                partial.name(),
                privacy.cost()
            ))),
        }
    };
    partials.iter().map(noisy).collect()
}

/// Adds the noise, one draw for each group.
pub(crate) fn add(
    builder: &mut Builder,
    combined: &mut Combined,
    noise: &[Noisy],
    groups: usize,
) -> Result<(), Refused> {
    // At most `GROUPS_MAX`.
    let rows = groups as u32;
    for Noisy { name, mechanism, scale: (numerator, denominator), .. } in noise {
        let Some(value) = combined.partials.get(name).copied() else { continue };
        let drawn = match mechanism {
            Mechanism::DiscreteLaplace => builder.noise(rows, *numerator, *denominator)?,
            Mechanism::DiscreteGaussian => builder.gaussian(rows, *numerator, *denominator)?,
        };
        combined.partials.insert(name.clone(), builder.add(value, drawn)?);
    }
    Ok(())
}

impl Joint {
    /// A mean of noisy numbers. Noise can lift a sum above all that so many values could add up to, so that it is first
    /// held to what they could: the mean then lies in the declared range, as every mean does.
    pub(crate) fn noisy_mean(
        &mut self,
        argument: &Argument,
        [sum, count]: [ValueId; 2],
        valid: ValueId,
    ) -> Result<(ValueId, Option<u8>), Refused> {
        let counted = if argument.nullable { Partial::Present(argument.clone()) } else { Partial::Rows };
        let reach = self.noise.get(&counted.name()).copied().unwrap_or(0);
        let denominator_bits = bits(reach.saturating_add(self.rows_max.into())).max(1);
        let result_bits = bits(argument.interval.magnitude()).max(1);
        let numerator_bits = denominator_bits + result_bits;
        if denominator_bits > MAX_DENOMINATOR_BITS.into() || numerator_bits > MAX_NUMERATOR_BITS.into() {
            return Err(Refused::Disclosure(format!(
                "the mean of {} has no room for its noise; declare a narrower range, or spend more of the budget",
                argument.shown
            )));
        }
        let b = &mut self.builder;
        let least = b.scale(count, argument.interval.min)?;
        let most = b.scale(count, argument.interval.max)?;
        let raised = b.maximum(sum, least)?;
        let held = b.minimum(raised, most)?;
        let held = b.select(valid, held, self.zero)?;
        let widths = [numerator_bits, denominator_bits, result_bits];
        let (mean, fraction) = self.quotient([held, count], valid, widths, FRACTION_MAX)?;
        Ok((mean, Some(fraction)))
    }
}

/// Over all datasets of all tables.
fn rows_per_person(tables: &[Table]) -> Result<u128, Refused> {
    let mut rows = 0;
    for source in tables.iter().flat_map(|table| &table.datasets) {
        let declared = source.rows_per_person.ok_or_else(|| {
            let reference = &source.reference;
            Refused::Disclosure(format!(
                "the terms of `{reference}` do not say how many rows one person may have, so noise cannot be measured out; its owner can publish a version whose terms do"
            ))
        })?;
        rows += u128::from(declared);
    }
    Ok(rows)
}

/// Parts of one in which a root is taken.
const ROOT_PARTS: u128 = 1 << 20;

/// changed · √(columns / 2ρ), rounded up, as a fraction: so that the noise is never too small.
fn deviation(changed: u128, columns: u128, rho_micro: u64) -> Option<(u64, u64)> {
    let square = (columns * MICRO * ROOT_PARTS * ROOT_PARTS).div_ceil(2 * u128::from(rho_micro.max(1)));
    let (mut numerator, mut denominator) = (changed.checked_mul(root_up(square))?, ROOT_PARTS);
    // As fine as has room.
    while numerator > program::limits::MAX_SCALE.into() && denominator > 1 {
        (numerator, denominator) = (numerator.div_ceil(2), denominator / 2);
    }
    reduced(numerator.max(1), denominator)
}

/// In lowest terms, if both fit a program's limit.
fn reduced(numerator: u128, denominator: u128) -> Option<(u64, u64)> {
    let (mut divisor, mut rest) = (numerator, denominator);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let part = |number: u128| {
        u64::try_from(number / divisor).ok().filter(|number| *number <= program::limits::MAX_SCALE)
    };
    Some((part(numerator)?, part(denominator)?))
}

impl Noisy {
    /// All draws together are below this.
    pub(crate) fn reach(&self) -> u128 {
        let (numerator, denominator) = self.scale;
        program::limits::MAX_NOISY
            << match self.mechanism {
                Mechanism::DiscreteLaplace => program::noise_bits(numerator, denominator),
                Mechanism::DiscreteGaussian => program::gaussian_bits(numerator, denominator),
            }
    }

    /// The standard deviation of what `draws` draws add up to, in the column's unit, for people: of Laplace noise √2 times
    /// the scale for each draw, which is an upper bound and near enough for scales above 1, of Gaussian noise the scale. Only operations that IEEE 754 rounds alike
    /// everywhere, since the audit report is hashed.
    pub(crate) fn deviation(&self, draws: u32) -> f64 {
        let scale = self.scale.0 as f64 / self.scale.1 as f64;
        let unit = (0..self.digits).fold(1.0, |unit, _| unit * 10.0);
        let variance = match self.mechanism {
            Mechanism::DiscreteLaplace => 2.0,
            Mechanism::DiscreteGaussian => 1.0,
        };
        (f64::from(draws) * variance).sqrt() * scale / unit
    }
}
