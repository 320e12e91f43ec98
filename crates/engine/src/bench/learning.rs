//! Statistics of a column, and a model that is trained.

use ring::{Number, Ring, Shape};

use super::Measured;
use super::harness::{mine, scrambled, timed};
use super::tables::revealed;
use crate::error::{Error, Result};
use crate::mpc::{Mixed, Mpc, Numbers, Shares};
use crate::ops::fixed::{self, Fixed};
use crate::ops::{DivideRange, divide};
use crate::session::Party;

/// Bits of the values of which mean and variance are taken.
const VALUE_BITS: u32 = 32;

/// Sums that [`mean_and_variance`] multiplies at once.
const LANES: usize = 1024;

/// Mean and variance of numbers of 32 bits, with 18 fraction bits: exact sums, then one division each. A column so
/// long that the sums could wrap is refused.
pub(super) fn mean_and_variance<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let count_bits = usize::BITS - rows.leading_zeros();
    if rows == 0 || count_bits > 27 {
        let found = rows as u64;
        return Err(Error::OutOfRange {
            operation: "mean and variance",
            parameter: "rows",
            found,
            most: (1 << 27) - 1,
        });
    }
    let values: Vec<_> = (0..rows as u64).map(|row| scrambled(row) >> (64 - VALUE_BITS)).collect();
    let mut padded: Vec<_> = values.iter().map(|value| P::Num::from_u128((*value).into())).collect();
    padded.resize(rows.next_multiple_of(LANES), P::Num::ZERO);
    let x = Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &padded), padded.len())?;
    let count = P::Num::from_u128(rows as u128);
    let (found, took, cost) = timed(protocol, 1, |protocol| {
        let total = |x: &Numbers<P>| {
            x.mapped_into(1, |values, sum| {
                sum.iter_mut().for_each(|sum| *sum = values.iter().fold(*sum, |sum, value| sum.plus(*value)));
            })
        };
        let sum = total(&x);
        let squares = total(&Mpc::<P::Num>::dot(protocol, &x, &x, x.len() / LANES)?);
        // n² times the variance is n Σx² − (Σx)².
        let spread = squares.times(count).minus(&protocol.multiply(&sum, &sum)?);
        let numerators = Shares::concat(&[&sum.times(count), &spread]);
        let denominators = protocol.constant(count.times(count), 2);
        let range = DivideRange {
            numerator_bits: 2 * (VALUE_BITS + count_bits),
            denominator_bits: 2 * count_bits,
            result_bits: 2 * VALUE_BITS,
            fraction: 18,
        };
        divide(protocol, &numerators, &denominators, range)
    })?;
    let found: Vec<_> =
        revealed(protocol, &found)?.iter().map(|value| Fixed::default().decode(*value)).collect();
    let mean = values.iter().sum::<u64>() as f64 / rows as f64;
    let variance = values.iter().map(|value| (*value as f64 - mean).powi(2)).sum::<f64>() / rows as f64;
    let near = |(found, exact): (&f64, f64)| (found - exact).abs() <= exact * 1e-8 + 1e-5;
    Ok(Measured { took, cost, correct: found.len() == 2 && found.iter().zip([mean, variance]).all(near) })
}

/// Features of the data on which [`logistic_regression`] trains.
const FEATURES: usize = 20;
const BATCH: usize = 128;
const EPOCHS: usize = 5;
/// The step is 2^-STEP times a batch's mean gradient.
const STEP: u32 = 2;
/// Weights and features, of which products leave room for truncation near the value.
const FORMAT: Fixed = Fixed { integer: 16, fraction: 20 };
/// How far a weight may lie from that of the same loop over floating point.
const TOLERANCE: f64 = 5e-3;

/// Logistic regression on rows of 20 features in [−1, 1]: 5 epochs of batches of 128, the last one short, with the
/// logistic function within 2^-11. Checked against the same loop over floating point.
pub(super) fn logistic_regression<P: Mixed>(protocol: &mut P, rows: usize) -> Result<Measured> {
    let (features, labels) = samples(rows);
    let encode = |value: &f64| FORMAT.encode(*value).unwrap_or(P::Num::ZERO);
    let input = |protocol: &mut P, values: &[f64]| {
        let encoded: Vec<P::Num> = values.iter().map(encode).collect();
        Mpc::<P::Num>::input(protocol, Party(0), mine(protocol, &encoded), encoded.len())
    };
    let (x, y) = (input(protocol, &features)?, input(protocol, &labels)?);
    let (weights, took, cost) = timed(protocol, 1, |protocol| {
        let mut weights = <Numbers<P>>::zeros(FEATURES);
        for first in (0..EPOCHS).flat_map(|_| (0..rows).step_by(BATCH)) {
            let last = (first + BATCH).min(rows);
            let batch = x.slice(first * FEATURES..last * FEATURES);
            weights = stepped(protocol, &weights, &batch, &y.slice(first..last))?;
        }
        Ok(weights)
    })?;
    let found = revealed(protocol, &weights)?;
    let expected = plain(&features, &labels);
    let near = |(found, exact): (&P::Num, &f64)| (FORMAT.decode(*found) - exact).abs() <= TOLERANCE;
    Ok(Measured { took, cost, correct: found.iter().zip(&expected).all(near) })
}

/// The weights after one batch: w − step / n · Xᵀ(σ(Xw) − y).
fn stepped<P: Mixed>(
    protocol: &mut P,
    weights: &Numbers<P>,
    batch: &Numbers<P>,
    labels: &Numbers<P>,
) -> Result<Numbers<P>> {
    let rows = labels.len();
    let forward = Shape { rows, inner: FEATURES, columns: 1 };
    let scores = fixed::matmul(protocol, batch, weights, forward, FORMAT)?;
    let errors = fixed::sigmoid_coarse(protocol, &scores, FORMAT)?.minus(labels);
    let places: Vec<_> =
        (0..FEATURES).flat_map(|feature| (0..rows).map(move |row| row * FEATURES + feature)).collect();
    let backward = Shape { rows: FEATURES, inner: rows, columns: 1 };
    let gradient = Mpc::<P::Num>::matmul(protocol, &batch.blocks(&places, 1), &errors, backward)?;
    // The division by the batch's rows, the step and the format's scale are one truncation.
    let per_row = P::Num::from_u128((1 << 16) / rows.max(1) as u128);
    let gradient = protocol.truncate_near(&gradient.times(per_row), FORMAT.fraction + 16 + STEP)?;
    Ok(weights.minus(&gradient))
}

/// The same loop over floating point.
fn plain(features: &[f64], labels: &[f64]) -> Vec<f64> {
    let mut weights = vec![0.0; FEATURES];
    for _ in 0..EPOCHS {
        for (features, labels) in features.chunks(BATCH * FEATURES).zip(labels.chunks(BATCH)) {
            let mut gradient = vec![0.0; FEATURES];
            for (row, label) in features.chunks(FEATURES).zip(labels) {
                let score: f64 = row.iter().zip(&weights).map(|(x, w)| x * w).sum();
                let error = 1.0 / (1.0 + (-score).exp()) - label;
                gradient.iter_mut().zip(row).for_each(|(sum, x)| *sum += error * x);
            }
            let step = f64::from(STEP).exp2().recip() / labels.len() as f64;
            weights.iter_mut().zip(gradient).for_each(|(weight, sum)| *weight -= step * sum);
        }
    }
    weights
}

/// Features in [−1, 1], and as labels whether a fixed combination of them is positive.
fn samples(rows: usize) -> (Vec<f64>, Vec<f64>) {
    let feature = |place: usize| (scrambled(place as u64) >> 40) as f64 / f64::from(1u32 << 23) - 1.0;
    let features: Vec<_> = (0..rows * FEATURES).map(feature).collect();
    let label = |row: &[f64]| {
        let score: f64 = row.iter().enumerate().map(|(place, x)| x * (place as f64 - 9.0)).sum();
        if score > 0.0 { 1.0 } else { 0.0 }
    };
    let labels = features.chunks(FEATURES).map(label).collect();
    (features, labels)
}
