//! The answer that one place with all files would give, and how far the joint one is from it.
//!
//! Possible only in a demonstration, which holds every member's file.

use std::collections::BTreeMap;

use api::types::runs::RunResult;
use compiler::plain::{self, PlainError, Rows};
use compiler::{Cell, ResultTable};
use contract::Contract;
use contract::dataset::parse_reference;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;
use vault::{ImportError, ImportRequest, Vault, VaultError};

use super::DemoError;
use super::walk::World;

/// Numbers that are computed jointly with fixed point agree to this, relatively.
const RELATIVE_MAX: f64 = 1e-4;
/// Below this, a number is taken for zero, and its absolute difference counts.
const ZERO: f64 = 1e-6;

/// Why there is no plaintext answer.
#[derive(Debug, Error)]
pub(crate) enum OracleError {
    /// The scenario has no file for it.
    #[error(
        "the scenario has no file for `{0}`, so that it cannot be computed in plaintext; it knows version 1 of each dataset"
    )]
    NoFile(String),
    /// A file.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The place where files are read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The query.
    #[error(transparent)]
    Plain(#[from] PlainError),
}

/// The expected answer, in the form of a run's result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Expected {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    #[serde(skip)]
    cells: Vec<Vec<Cell>>,
}

/// The largest differences between numbers that are not exact; everything else is equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Difference {
    /// Absolute.
    pub(super) absolute: f64,
    /// Divided by the expected magnitude.
    pub(super) relative: f64,
}

/// Runs the contract's query over the concatenated files, and takes out the groups that the floor held back.
pub(super) fn expected(
    world: &World,
    contract: &Contract,
    result: &RunResult,
) -> Result<Expected, DemoError> {
    let ResultTable { columns, rows, .. } = answer(world, contract)?.without(&result.suppressed);
    let json = rows.iter().map(|row| row.iter().map(json).collect()).collect();
    Ok(Expected { columns: columns.into_iter().map(|column| column.name).collect(), rows: json, cells: rows })
}

/// The whole answer over the concatenated files.
fn answer(world: &World, contract: &Contract) -> Result<ResultTable, DemoError> {
    let tables = tables(world, contract)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DemoError::system("start the plaintext query"))?;
    Ok(runtime.block_on(plain::query(&contract.computation.sql, tables)).map_err(OracleError::from)?)
}

/// The groups of a result that exist in plaintext and were held back.
pub(super) fn withheld(
    world: &World,
    contract: &Contract,
    result: &RunResult,
) -> Result<Vec<String>, DemoError> {
    let all = answer(world, contract)?;
    let rows = all.rows.iter().map(|row| row.iter().map(json).collect::<Vec<_>>());
    let held_back = |row: &Vec<Value>| result.suppressed.iter().find(|key| is_of_group(row, key));
    let key_text = |key: &Vec<Option<String>>| {
        key.iter().map(|part| part.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" · ")
    };
    Ok(rows.filter_map(|row| held_back(&row).map(key_text)).collect())
}

/// Whether a row begins with a group's key.
pub(super) fn is_of_group(row: &[Value], key: &[Option<String>]) -> bool {
    row.len() >= key.len()
        && row.iter().zip(key).all(|(cell, part)| match (cell, part) {
            (Value::Null, part) => part.is_none(),
            (Value::String(text), Some(part)) => text == part,
            // Numbers and booleans.
            (cell, Some(part)) => serde_json::from_str::<Value>(part).is_ok_and(|part| part == *cell),
            (_, None) => false,
        })
}

/// Each table with the rows of all files, imported with the owners' own declarations.
fn tables(world: &World, contract: &Contract) -> Result<Vec<Rows>, DemoError> {
    let vault = Vault::open(world.place.scratch("plaintext")).map_err(OracleError::from)?;
    let mut tables: BTreeMap<&str, Rows> = BTreeMap::new();
    for (table, input) in contract.inputs() {
        let no_file = || OracleError::NoFile(input.dataset.clone());
        let (path, _) =
            parse_reference(&input.dataset).filter(|(_, version)| *version == 1).ok_or_else(no_file)?;
        let (owner, name) = path.split_once('/').ok_or_else(no_file)?;
        let of_name = world.scenario.datasets.iter().filter(|dataset| dataset.name == name);
        let (dataset, file) = of_name
            .filter_map(|dataset| Some((dataset, dataset.files.get(owner)?)))
            .next()
            .ok_or_else(no_file)?;
        let file = world.source.join(file);
        let format = vault::Format::of(&file).ok_or_else(|| DemoError::Format(file.clone()))?;
        let request = ImportRequest { name, description: "", file: &file, format, columns: &dataset.columns };
        let version = vault.import(&request).map_err(OracleError::from)?.version;
        let (schema, batches) = vault.read(name, version).map_err(OracleError::from)?;
        let rows = tables.entry(table).or_insert_with(|| (table.to_owned(), schema, Vec::new()));
        rows.2.extend(batches);
    }
    Ok(tables.into_values().collect())
}

/// Measures the difference; exact numbers, texts, dates, timestamps and the groups themselves must be equal. Where numbers bear noise,
/// only groups must be, and one number at least must differ.
pub(super) fn compare(
    contract: &str,
    result: &RunResult,
    expected: &Expected,
    is_noisy: bool,
) -> Result<Difference, DemoError> {
    let mut difference = Difference::default();
    let mut wrong = String::new();
    if result.rows.len() != expected.cells.len() {
        wrong = format!("\n  - {} rows instead of {}", result.rows.len(), expected.cells.len());
    }
    for (number, (row, wanted)) in (1..).zip(result.rows.iter().zip(&expected.cells)) {
        for (column, (cell, wanted)) in result.columns.iter().zip(row.iter().zip(wanted)) {
            let found = if is_noisy { noisily(cell, wanted) } else { apart(cell, wanted) };
            match found {
                Apart::Equal => {}
                Apart::By { absolute, relative } if is_noisy || relative <= RELATIVE_MAX => {
                    difference.absolute = difference.absolute.max(absolute);
                    difference.relative = difference.relative.max(relative);
                }
                Apart::By { .. } | Apart::Unequal => {
                    let name = &column.name;
                    wrong.push_str(&format!("\n  - row {number}, `{name}`: {cell} instead of {wanted}"));
                }
            }
        }
    }
    if is_noisy && wrong.is_empty() && difference.absolute == 0.0 {
        wrong.push_str("\n  - no number bears noise");
    }
    if wrong.is_empty() {
        Ok(difference)
    } else {
        Err(DemoError::Differs { contract: contract.to_owned(), what: wrong })
    }
}

/// How far a cell is from the expected one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Apart {
    Equal,
    By { absolute: f64, relative: f64 },
    Unequal,
}

fn apart(cell: &Value, wanted: &Cell) -> Apart {
    let equal = |is: bool| if is { Apart::Equal } else { Apart::Unequal };
    match (cell, wanted) {
        // Too few values for this aggregate alone: nothing was shown.
        (Value::Object(_), _) => Apart::Equal,
        (Value::Null, wanted) => equal(*wanted == Cell::Null),
        (Value::Bool(value), wanted) => equal(*wanted == Cell::Boolean(*value)),
        (Value::String(text), Cell::Decimal(wanted)) => equal(plain_digits(text) == plain_digits(wanted)),
        (Value::String(text), Cell::Text(wanted) | Cell::Date(wanted) | Cell::Timestamp(wanted)) => {
            equal(text == wanted)
        }
        (Value::String(text), Cell::Integer(wanted)) => equal(plain_digits(text) == wanted.to_string()),
        (Value::Number(number), Cell::Integer(wanted)) if !number.is_f64() => {
            equal(number.to_string() == wanted.to_string())
        }
        (Value::Number(number), Cell::Decimal(wanted)) if !number.is_f64() => {
            equal(number.to_string() == plain_digits(wanted))
        }
        (Value::Number(number), wanted) => match (number.as_f64(), wanted.number()) {
            (Some(found), Some(wanted)) => by(found, wanted),
            _ => Apart::Unequal,
        },
        _ => Apart::Unequal,
    }
}

/// As [`apart`], but for numbers that are exact to others.
fn noisily(cell: &Value, wanted: &Cell) -> Apart {
    let found = match cell {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match (found, wanted.number()) {
        (Some(found), Some(wanted)) => by(found, wanted),
        _ => apart(cell, wanted),
    }
}

fn by(found: f64, wanted: f64) -> Apart {
    let absolute = (found - wanted).abs();
    let relative = if wanted.abs() < ZERO { absolute } else { absolute / wanted.abs() };
    Apart::By { absolute, relative }
}

/// An exact decimal number without zeros at its end: owners may keep different scales.
fn plain_digits(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null | Cell::Withheld => Value::Null,
        Cell::Boolean(value) => (*value).into(),
        Cell::Integer(value) => i64::try_from(*value).map_or_else(|_| value.to_string().into(), Value::from),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Date(text) | Cell::Timestamp(text) => {
            text.clone().into()
        }
        Cell::Real(value) => (*value).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exact_cells_must_be_equal() {
        assert_eq!(apart(&json!(3), &Cell::Integer(3)), Apart::Equal);
        assert_eq!(apart(&json!(4), &Cell::Integer(3)), Apart::Unequal);
        assert_eq!(apart(&json!("12.50"), &Cell::Decimal("12.5".into())), Apart::Equal);
        assert_eq!(apart(&json!("12.51"), &Cell::Decimal("12.5".into())), Apart::Unequal);
        assert_eq!(apart(&json!(12), &Cell::Decimal("12.00".into())), Apart::Equal);
        assert_eq!(apart(&json!("120"), &Cell::Decimal("12".into())), Apart::Unequal);
        assert_eq!(apart(&json!("Prof"), &Cell::Text("Prof".into())), Apart::Equal);
        assert_eq!(apart(&json!(null), &Cell::Integer(0)), Apart::Unequal);
    }

    #[test]
    fn approximate_cells_are_measured() {
        let Apart::By { absolute, relative } = apart(&json!(2.0001), &Cell::Real(2.0)) else {
            panic!("not measured")
        };
        assert!((absolute - 1e-4).abs() < 1e-9 && (relative - 5e-5).abs() < 1e-9);
        let Apart::By { relative, .. } = apart(&json!(1e-9), &Cell::Real(0.0)) else {
            panic!("not measured")
        };
        assert!(relative < 1e-8);
    }
}
