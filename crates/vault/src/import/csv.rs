//! CSV files: one pass to find the types, one to convert.

use std::{
    fs::File,
    io::{BufReader, Seek},
};

use super::{
    error::ImportError,
    notes::{self, ColumnNote},
    plan::{self, Planned},
    records::{Record, Records},
    sink::{Keep, Sink},
    survey::Survey,
};
use crate::{ImportRequest, Vault, value::Value};

const READ_BYTES: usize = 256 << 10;

type Reader<'f> = Records<BufReader<&'f File>>;

pub(crate) fn import<'v>(
    vault: &'v Vault,
    file: &File,
    request: &ImportRequest<'_>,
) -> Result<(Sink<'v>, Vec<ColumnNote>), ImportError> {
    let (columns, surveys) = survey(file, request)?;
    let guesses: Vec<_> = surveys.iter().map(Survey::guess).collect();
    let kinds = columns.iter().zip(&guesses).map(|(column, guess)| column.declared.kind.unwrap_or(guess.0));
    let mut sink = Sink::new(Keep::Bytes(vault), columns.iter().zip(kinds))?;
    let mut records = open(file, request)?;
    records.header()?;
    while let Some(record) = records.next()? {
        sink.row(Some(record.line), cells(record, &columns))?;
    }
    let notes = columns.iter().zip(&sink.schema().columns).zip(guesses.iter().zip(&surveys));
    let notes = notes
        .map(|((planned, column), ((_, because), survey))| {
            notes::note(planned, column, Some(*because), survey)
        })
        .collect();
    Ok((sink, notes))
}

/// The first pass.
fn survey(file: &File, request: &ImportRequest<'_>) -> Result<(Vec<Planned>, Vec<Survey>), ImportError> {
    let mut records = open(file, request)?;
    let header = records.header()?;
    check_separator(header)?;
    let columns = plan::columns(header.fields(), request.columns)?;
    let mut surveys: Vec<_> = columns.iter().map(|_| Survey::new()).collect();
    while let Some(record) = records.next()? {
        for (survey, value) in surveys.iter_mut().zip(cells(record, &columns)) {
            survey.see(value, record.line);
        }
    }
    Ok((columns, surveys))
}

fn open<'f>(mut file: &'f File, request: &ImportRequest<'_>) -> Result<Reader<'f>, ImportError> {
    file.rewind().map_err(ImportError::file(request.file))?;
    Ok(Records::new(BufReader::with_capacity(READ_BYTES, file))?)
}

/// The values of a record: an empty field, quoted or not, is missing, and so is what is declared to mean it.
fn cells<'a>(record: Record<'a>, columns: &'a [Planned]) -> impl Iterator<Item = Value<'a>> {
    record.fields().zip(columns).map(|(text, column)| {
        let missing = text.is_empty() || column.declared.null_as.iter().any(|null| null == text);
        if missing { Value::Missing } else { Value::Text(text) }
    })
}

/// A header of one name with other separators in it is most likely a file of another dialect.
fn check_separator(header: Record<'_>) -> Result<(), ImportError> {
    let mut fields = header.fields();
    let (Some(name), None) = (fields.next(), fields.next()) else { return Ok(()) };
    let separators = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
    match separators.into_iter().find(|(separator, _)| name.contains(*separator)) {
        Some((_, separator)) => {
            Err(ImportError::OtherSeparator { header: name.chars().take(80).collect(), separator })
        }
        None => Ok(()),
    }
}
