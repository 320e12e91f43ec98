//! `treaty run contributions`: what each data provider contributed, from runs over fewer of them.

use std::collections::{BTreeMap, BTreeSet};

use api::Client;
use clap::Args;
use contract::document::Role;
use contract::{Contract, Did};
use ledger::Action;
use ledger::contribution::shapley;

use crate::cli::Session;
use crate::cli::act::{act, id};
use crate::error::Error;

pub(super) const EXAMPLE: &str = "\
Example:
  treaty run contributions RUN --column people --coalition RUN1 --coalition RUN2 --coalition RUN3

RUN is a completed run of a contract drafted with `--split contribution`. What a coalition of its data providers reaches
by itself is measured by a run of the same SELECT over their datasets alone: the column's sum over the groups that were
opened, so that also counts who brings a group over the floor. Every coalition is needed: with three providers, six runs
beside RUN. From these values follow the Shapley values, by which the providers' part of the fee is split once all
compute parties have stated the same ones; each reads the results on its own node, so they are receivers of these runs.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Contributions {
    /// The run that is settled
    run: String,
    /// The result's column that says how much was reached
    #[arg(long, value_name = "NAME")]
    column: String,
    /// A run over fewer of the data providers
    #[arg(long = "coalition", value_name = "RUN")]
    coalitions: Vec<String>,
}

impl Contributions {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        let run = id(&self.run, "treaty run list")?;
        let client = session.client()?;
        let whole = measured(&client, &self.run, &self.column)?;
        let mut found = vec![whole];
        for coalition in &self.coalitions {
            let measured = measured(&client, coalition, &self.column)?;
            let differs = found.iter().any(|other| {
                other.contract.computation.sql != measured.contract.computation.sql
                    || other.contract.output != measured.contract.output
            });
            if differs {
                return Err(unusable(format!(
                    "run {coalition} computes something else than run {}",
                    self.run
                )));
            }
            if found.iter().any(|other| other.providers == measured.providers) {
                return Err(unusable(format!(
                    "run {coalition} is over the same data providers as another one"
                )));
            }
            found.push(measured);
        }
        let values = values(found)?;
        let names = crate::cli::act::members(&client)?;
        let contributions = shapley(&values).map_err(|flaw| {
            let text = flaw.to_string();
            unusable(names.iter().fold(text, |text, (name, did)| text.replace(&did.to_string(), name)))
        })?;
        act(session, &client, &Action::StateContributions { run, contributions })
    }
}

/// What some data providers reached together.
struct Measured {
    contract: Contract,
    providers: BTreeSet<Did>,
    /// A decimal without its point.
    value: u64,
    /// Digits after the point.
    scale: usize,
}

fn measured(client: &Client, run: &str, column: &str) -> Result<Measured, Error> {
    let view = client.run(run)?;
    let contract = client.contract(&view.contract)?.contract;
    let holds = |roles: &BTreeSet<Role>| roles.contains(&Role::DataProvider);
    let providers =
        contract.parties.iter().filter(|party| holds(&party.roles)).map(|party| party.member).collect();
    let result = client.result(run)?;
    let place = result.columns.iter().position(|known| known.name == column).ok_or_else(|| {
        let known: Vec<_> = result.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        unusable(format!("the result of run {run} has no column `{column}`, but {}", known.join(", ")))
    })?;
    let cells = result.rows.iter().map(|row| row.get(place));
    let (value, scale) = total(cells).map_err(|wrong| match wrong {
        NoTotal::Inexact => unusable(format!(
            "column `{column}` of run {run} measures nothing: contributions come from whole numbers and decimals of at \
             least 0"
        )),
        NoTotal::TooLarge => unusable(format!("the sum of `{column}` over run {run} is too large")),
    })?;
    Ok(Measured { contract, providers, value, scale })
}

/// Why cells have no sum.
#[derive(Debug, PartialEq, Eq)]
enum NoTotal {
    Inexact,
    TooLarge,
}

/// The sum of a column's cells without its point, and how many digits stand after that.
fn total<'a>(cells: impl Iterator<Item = Option<&'a serde_json::Value>>) -> Result<(u64, usize), NoTotal> {
    let (mut value, mut scale) = (0_u64, 0);
    for cell in cells {
        let (digits, places) = cell.and_then(exact).ok_or(NoTotal::Inexact)?;
        value = value.checked_add(digits).ok_or(NoTotal::TooLarge)?;
        // All cells of a column have the same scale but for those without a value.
        scale = scale.max(places);
    }
    Ok((value, scale))
}

/// A cell's digits as a whole number, and how many of them stand after the point; nothing is nothing.
fn exact(cell: &serde_json::Value) -> Option<(u64, usize)> {
    match cell {
        serde_json::Value::Null => Some((0, 0)),
        serde_json::Value::Number(number) => Some((number.as_u64()?, 0)),
        serde_json::Value::String(text) => {
            let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            Some((text.replace('.', "").parse().ok()?, scale))
        }
        _ => None,
    }
}

/// Values of coalitions, all with as many digits after the point.
fn values(found: Vec<Measured>) -> Result<BTreeMap<BTreeSet<Did>, u64>, Error> {
    let scale = found.iter().map(|measured| measured.scale).max().unwrap_or(0);
    let rescaled = |measured: Measured| {
        let more = u32::try_from(scale - measured.scale).ok()?;
        Some((measured.providers, measured.value.checked_mul(10_u64.checked_pow(more)?)?))
    };
    let values: Option<_> = found.into_iter().map(rescaled).collect();
    values.ok_or_else(|| unusable("the measured values are too large".to_owned()))
}

fn unusable(message: String) -> Error {
    Error::usage(message, "treaty run contributions --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_values_of_at_least_zero_measure_something() {
        let read = |text: &str| exact(&serde_json::from_str(text).unwrap_or_default());
        assert_eq!(read("12"), Some((12, 0)));
        assert_eq!(read("\"12.50\""), Some((1250, 2)));
        assert_eq!(read("null"), Some((0, 0)));
        for nothing in ["1.5", "-3", "\"-3.00\"", "\"many\"", "true"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_row_without_a_value_does_not_move_the_point() {
        let sum = |text: &str| {
            let cells: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
            total(cells.iter().map(Some))
        };
        assert_eq!(sum(r#"["1.25", "2.50", null]"#), Ok((375, 2)));
        assert_eq!(sum(r#"[null, "1.25"]"#), Ok((125, 2)));
        assert_eq!(sum("[null]"), Ok((0, 0)));
        assert_eq!(sum("[1, true]"), Err(NoTotal::Inexact));
        assert_eq!(sum("[18446744073709551615, 1]"), Err(NoTotal::TooLarge));
    }
}
