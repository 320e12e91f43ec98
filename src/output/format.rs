//! A run's result in the form that was asked for, on standard output or in a file.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use api::types::runs::RunResult;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{Output, columnar, csv, json, line, result_table};
use crate::error::Error;
use crate::files::FileError;

/// How a result is written, and where to.
#[derive(Debug, Args)]
pub(crate) struct Form {
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// A file to write the result to, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// Comma-separated values (RFC 4180); NULL and withheld cells are empty
    Csv,
    /// As the node's API has it
    Json,
    /// Apache Parquet, with types, units and what the floor held back
    Parquet,
    /// An Apache Arrow file (Feather), with the same
    Arrow,
}

impl Form {
    /// Writes the result.
    pub(crate) fn write(&self, result: &RunResult, output: Output) -> Result<(), Error> {
        let bytes = match self.format {
            Format::Table if !output.is_json() => result_table(result).into_bytes(),
            Format::Table | Format::Json => json(result)?.into_bytes(),
            Format::Csv => as_csv(result)?.into_bytes(),
            Format::Parquet => columnar::parquet(result)?,
            Format::Arrow => columnar::arrow_file(result)?,
        };
        match &self.output {
            Some(path) => std::fs::write(path, &bytes)
                .map_err(|source| FileError::Unwritable { path: path.clone(), source }.into()),
            None if matches!(self.format, Format::Parquet | Format::Arrow) => to_a_program(&bytes),
            None => Ok(line(&String::from_utf8_lossy(&bytes))?),
        }
    }
}

fn to_a_program(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        let message = "this format is not for a terminal";
        return Err(Error::usage(message, "add --output FILE, or send standard output to a program"));
    }
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// The answer as RFC 4180 CSV: NULL is an empty field, what a floor withheld too.
fn as_csv(result: &RunResult) -> Result<String, Error> {
    let heads = result.columns.iter().map(|column| column.name.clone());
    let cell = |cell: &Value| match cell {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    csv(heads, result.rows.iter().map(|row| row.iter().map(cell)))
}
