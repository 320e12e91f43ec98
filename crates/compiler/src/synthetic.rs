//! A query over made-up rows: what its result would look like, before anybody signs and without a row of data.
//!
//! Rows follow from what is published alone: types, NULL where it is allowed, listed values, declared ranges. Values of a
//! range are few and spread over it, so that joins find partners. The same program runs that would run jointly, in
//! plaintext: floors withhold as they would, and noise is left out.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    },
    error::ArrowError,
    record_batch::RecordBatch,
};
use contract::{Column, ColumnType, Schema};
use program::Fault;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    Compiled, DecodeError, LocalError, Refused, ResultTable, decode,
    domain::{self, Value},
    local::{self, Rows},
    moments,
    number::{DIGITS_MAX, Interval},
    rows::arrow_schema,
};

/// The most rows that are made up for a dataset.
pub const ROWS_MAX: u64 = 1_000;

/// Different values of a range.
const STEPS: i128 = 50;
/// The years 2020 to 2029: dates and timestamps need no declared range.
const DAYS: [i32; 2] = [18_262, 21_914];
/// Of numbers as short texts.
const DIGITS: u64 = 36;
/// One value in so many is missing, where it may be.
const MISSING_ONE_IN: u64 = 10;

/// Why there is no answer over made-up rows.
#[derive(Debug, Error)]
pub enum SyntheticError {
    /// A declaration from which no value can be made.
    #[error("rows of `{dataset}` cannot be made up: {reason}")]
    Declaration {
        /// The dataset.
        dataset: String,
        /// What the declaration lacks.
        reason: Box<Refused>,
    },
    /// The rows have no Arrow form.
    #[error("rows of `{dataset}` cannot be made up: {reason}")]
    Form {
        /// The dataset.
        dataset: String,
        /// Arrow's error.
        reason: ArrowError,
    },
    /// A dataset whose schema was not given.
    #[error("there is no schema of `{0}`")]
    NoSchema(String),
    /// A local stage failed.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The program has no result on them.
    #[error("the program has no result on made-up rows: {0}")]
    Program(#[from] Fault),
    /// Its outputs cannot be read.
    #[error("the result of made-up rows cannot be read: {0}")]
    Decode(#[from] DecodeError),
}

/// Runs a compiled query over made-up rows of its datasets, whose schemas are given by reference. It must have been
/// compiled for [`rows`] of each: its program has room for as many. Equal arguments give equal answers.
///
/// # Errors
/// What cannot be made up or run, see [`SyntheticError`].
pub async fn answer(
    compiled: &Compiled,
    schemas: &BTreeMap<String, (Schema, u64)>,
) -> Result<ResultTable, SyntheticError> {
    let program = &compiled.program;
    let mut inputs = vec![Vec::new(); program.inputs.len()];
    for (number, stage) in (0_u16..).zip(&program.stages) {
        let made_up = stage.tables().map(|(_, dataset)| Ok((dataset.to_owned(), made_up(dataset, schemas)?)));
        let made_up = made_up.collect::<Result<_, SyntheticError>>()?;
        let columns = local::run(program, number, made_up).await?;
        let read = program.inputs.iter().zip(&mut inputs).filter(|(input, _)| input.stage == number);
        for ((_, values), column) in read.zip(columns) {
            *values = column;
        }
    }
    Ok(decode(compiled, &program::interpret(program, &inputs)?)?)
}

fn made_up(dataset: &str, schemas: &BTreeMap<String, (Schema, u64)>) -> Result<Rows, SyntheticError> {
    let no_schema = || SyntheticError::NoSchema(dataset.to_owned());
    let (schema, published) = schemas.get(dataset).ok_or_else(no_schema)?;
    Ok(Rows::held(schema.clone(), vec![batch(dataset, schema, rows(*published))?]))
}

/// How many rows are made up for a dataset that was published with so many.
pub fn rows(published: u64) -> u64 {
    published.min(ROWS_MAX)
}

/// Made-up rows of a dataset.
fn batch(dataset: &str, schema: &Schema, rows: u64) -> Result<RecordBatch, SyntheticError> {
    let rows = schema.columns.iter().filter_map(different).fold(rows, u64::min);
    let column = |column: &Column| {
        let choice = Choice { dataset, column, rows };
        let dataset = || dataset.to_owned();
        choice
            .array()
            .map_err(|reason| SyntheticError::Declaration { dataset: dataset(), reason: reason.into() })
    };
    let arrays = schema.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let form = |reason| SyntheticError::Form { dataset: dataset.to_owned(), reason };
    RecordBatch::try_new(arrow_schema(schema), arrays).map_err(form)
}

/// How many values there are for a column that has each of them once; `None` for others.
fn different(column: &Column) -> Option<u64> {
    let values = match (&column.values, &column.range) {
        (Some(values), _) => Some(values.len() as u64),
        (None, Some(_)) => {
            let range = domain::range(column).ok()?;
            u64::try_from(range.max.saturating_sub(range.min)).ok().map(|width| width.saturating_add(1))
        }
        (None, None) => column.bytes_max.and_then(|most| DIGITS.checked_pow(most.into())),
    };
    values.filter(|_| column.unique)
}

/// A number in as few letters as there may be.
fn short(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.extend(char::from_digit((number % DIGITS) as u32, DIGITS as u32));
        number /= DIGITS;
    }
    digits.into_iter().rev().collect()
}

/// A column's values.
struct Choice<'a> {
    dataset: &'a str,
    column: &'a Column,
    rows: u64,
}

impl Choice<'_> {
    fn array(&self) -> Result<ArrayRef, Refused> {
        let kind = self.column.kind;
        let listed = match (&self.column.values, kind) {
            (Some(_), ColumnType::Float { .. }) | (None, _) => None,
            (Some(_), _) => Some(domain::values(self.column)?),
        };
        if let Some(values) = listed.filter(|values| !values.is_empty()) {
            return Ok(self.listed(&values));
        }
        Ok(match kind {
            ColumnType::Boolean => Arc::new(self.each(|random| random & 1 == 1).collect::<BooleanArray>()),
            ColumnType::Text => {
                let most = self.column.bytes_max.map_or(usize::MAX, usize::from);
                let text = self.each(|random| {
                    let number =
                        if self.column.unique { random } else { random % STEPS.unsigned_abs() as u64 };
                    // The number first, so that short texts differ, too.
                    let is_short = self.column.unique && self.rows.to_string().len() > most;
                    let mut text = if is_short { short(number) } else { format!("{number} made up") };
                    text.truncate(most);
                    text
                });
                Arc::new(text.collect::<StringArray>())
            }
            _ => self.number(self.interval()?),
        })
    }

    fn interval(&self) -> Result<Interval, Refused> {
        match (&self.column.range, self.column.kind) {
            (Some(_), _) => domain::range(self.column),
            (None, ColumnType::Date) => Ok(Interval { min: DAYS[0].into(), max: DAYS[1].into() }),
            (None, ColumnType::Timestamp) => {
                let [min, max] = DAYS.map(|day| moments::midnight(day).into());
                Ok(Interval { min, max })
            }
            (None, _) => Ok(Interval { min: 0, max: STEPS - 1 }),
        }
    }

    /// One of few values, spread evenly over the range, its ends among them.
    fn number(&self, range: Interval) -> ArrayRef {
        let width = range.max.saturating_sub(range.min);
        let steps = width.clamp(0, STEPS - 1);
        let each = if steps == 0 { 0 } else { width / steps };
        let (is_unique, rows) = (self.column.unique, i128::from(self.rows));
        let value = move |random: u64| {
            let (round, step) = (i128::from(random) / (steps + 1), i128::from(random) % (steps + 1));
            match is_unique {
                // The same values first, so that joins find partners, and then those beside them.
                true if each > rows / (steps + 1) => range.min + each * step + round,
                true => range.min.saturating_add(random.into()),
                false => range.min + each * step,
            }
        };
        self.numbers(self.each(value))
    }

    fn listed(&self, values: &[Value]) -> ArrayRef {
        // At most as many values as a schema lists.
        let pick = |random: u64| values.get((random % values.len() as u64) as usize);
        let number = |random| match pick(random) {
            Some(Value::Number(value)) => *value,
            Some(Value::Date(days)) => i128::from(*days),
            Some(Value::Timestamp(micros)) => i128::from(*micros),
            _ => 0,
        };
        match self.column.kind {
            ColumnType::Boolean => {
                let truth = self.each(|random| pick(random) == Some(&Value::Boolean(true)));
                Arc::new(truth.collect::<BooleanArray>())
            }
            ColumnType::Text => {
                let text = self.each(|random| match pick(random) {
                    Some(Value::Text(text)) => text.clone(),
                    _ => String::new(),
                });
                Arc::new(text.collect::<StringArray>())
            }
            _ => self.numbers(self.each(number)),
        }
    }

    /// Scaled integers in the column's type.
    fn numbers(&self, values: impl Iterator<Item = Option<i128>>) -> ArrayRef {
        match self.column.kind {
            ColumnType::Date => {
                let days = values.map(|value| value.and_then(|days| i32::try_from(days).ok()));
                Arc::new(days.collect::<Date32Array>())
            }
            ColumnType::Timestamp => {
                let micros = values.map(|value| value.and_then(|micros| i64::try_from(micros).ok()));
                Arc::new(micros.collect::<TimestampMicrosecondArray>())
            }
            ColumnType::Decimal { scale } => {
                let decimals = values.collect::<Decimal128Array>();
                // A schema with a larger scale is refused before rows are made.
                let (precision, scale) = (DIGITS_MAX as u8, scale.cast_signed());
                match decimals.clone().with_precision_and_scale(precision, scale) {
                    Ok(decimals) => Arc::new(decimals),
                    Err(_) => Arc::new(decimals),
                }
            }
            ColumnType::Float { scale } => {
                let unit = 10_f64.powi(scale.into());
                Arc::new(values.map(|value| value.map(|value| value as f64 / unit)).collect::<Float64Array>())
            }
            _ => {
                let integers = values.map(|value| value.and_then(|value| i64::try_from(value).ok()));
                Arc::new(integers.collect::<Int64Array>())
            }
        }
    }

    /// A value for each row, made of a number that follows from dataset, column and row; of a column that has each value
    /// once, of the row's number.
    fn each<T>(&self, value: impl Fn(u64) -> T) -> impl Iterator<Item = Option<T>> {
        let name = format!("{} {}", self.dataset, self.column.name);
        let (may_lack, is_unique) = (self.column.nullable, self.column.unique);
        (0..self.rows).map(move |row| {
            let hash: [u8; 32] = Sha256::digest(format!("{name} {row}")).into();
            let [first, second, ..] = *hash.as_chunks::<8>().0 else { return None };
            let is_missing = may_lack && u64::from_be_bytes(second) % MISSING_ONE_IN == 0;
            (!is_missing).then(|| value(if is_unique { row } else { u64::from_be_bytes(first) }))
        })
    }
}
