//! Linking: from a table that stays where it is to a dataset version that holds the hashes of its rows, and back.

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, TimeUnit},
};
use contract::{Column, ColumnType};

use super::{
    LinkRequest,
    cells::Rows,
    error::ImportError,
    notes::{self, ColumnNote},
    plan::{self, Planned},
    sink::{Chunk, Encoder, Keep, Sink},
    survey::Survey,
};
use crate::{
    Declaration, Source, SourceColumn, SourceFailure,
    storage::manifest::{Link, LinkedColumn},
};

/// Reads a table once, and keeps nothing of it but hashes.
pub(crate) fn link(
    source: &dyn Source,
    request: &LinkRequest<'_>,
) -> Result<(Sink<'static>, Link, Vec<ColumnNote>), ImportError> {
    let select = (!request.select.is_empty()).then_some(request.select);
    let table = source.open(request.location, select).map_err(ImportError::Source)?;
    let headers = table.columns.iter().map(|column| column.name.as_str());
    let columns = plan::columns(headers, request.columns)?;
    let kinds = table.columns.iter().zip(&columns).map(|(column, planned)| {
        let kind = planned.declared.kind.or(column.kind);
        kind.ok_or_else(|| ImportError::ScaleNotDeclared { column: planned.header.clone() })
    });
    let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
    let read_as: Vec<_> = table.columns.iter().map(read_as).collect();
    let mut sink = Sink::new(Keep::Hashes, columns.iter().zip(kinds))?;
    let mut surveys: Vec<_> = columns.iter().map(|_| Survey::new()).collect();
    for batch in table.batches {
        rows(batch, &read_as)?.copy(&columns, &mut surveys, &mut sink)?;
    }
    let notes = columns.iter().zip(&sink.schema().columns).zip(&surveys);
    let notes = notes.map(|((planned, column), survey)| notes::note(planned, column, None, survey)).collect();
    let linked = |planned: Planned| LinkedColumn { name: planned.header, null_as: planned.declared.null_as };
    let columns = columns.into_iter().map(linked).collect();
    Ok((sink, Link { location: request.location.clone(), columns }, notes))
}

/// The rows of a linked version while they are read again, in chunks.
pub(crate) struct Reread {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, SourceFailure>> + Send>,
    read_as: Vec<DataType>,
    columns: Vec<Planned>,
    encoder: Encoder,
    /// The batch at hand and its next row.
    rows: Option<(Rows, usize)>,
}

impl Reread {
    /// Begins to read the table of a version with this schema.
    pub(crate) fn open(source: &dyn Source, link: &Link, schema: &[Column]) -> Result<Self, ImportError> {
        let names: Vec<_> = link.columns.iter().map(|column| column.name.clone()).collect();
        let table = source.open(&link.location, Some(&names)).map_err(ImportError::Source)?;
        let columns: Vec<_> =
            schema.iter().zip(&link.columns).map(|(column, linked)| declared(column, linked)).collect();
        let encoder = Encoder::new(columns.iter().zip(schema.iter().map(|column| column.kind)))?;
        let read_as = table.columns.iter().map(read_as).collect();
        Ok(Self { batches: table.batches, read_as, columns, encoder, rows: None })
    }

    /// The next chunk; `None` after the last. Holds it, a batch and no more.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, ImportError> {
        loop {
            if let Some((rows, next)) = &mut self.rows {
                while *next < rows.count() {
                    let row = *next;
                    *next += 1;
                    if let Some(chunk) = self.encoder.row(None, rows.row(row, &self.columns))? {
                        return Ok(Some(chunk));
                    }
                }
            }
            match self.batches.next() {
                Some(batch) => self.rows = Some((rows(batch, &self.read_as)?, 0)),
                None => return self.encoder.finish(),
            }
        }
    }
}

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reread").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What was declared about a column when it was linked.
fn declared(column: &Column, linked: &LinkedColumn) -> Planned {
    let Column { name, kind, nullable, unit, description, values, range, bytes_max, unique } = column.clone();
    let declared = Declaration {
        kind: Some(kind),
        nullable: Some(nullable),
        unit: Some(unit),
        description: Some(description),
        values,
        range,
        bytes_max,
        unique,
        null_as: linked.null_as.clone(),
    };
    Planned { header: linked.name.clone(), name, declared }
}

fn rows(batch: Result<RecordBatch, SourceFailure>, read_as: &[DataType]) -> Result<Rows, ImportError> {
    Rows::of(&batch.map_err(ImportError::Source)?, read_as).map_err(|error| ImportError::Source(error.into()))
}

/// The Arrow type in which a column's values come; see [`SourceColumn::kind`].
fn read_as(column: &SourceColumn) -> DataType {
    match column.kind {
        Some(ColumnType::Boolean) => DataType::Boolean,
        Some(ColumnType::Integer) => DataType::Int64,
        Some(ColumnType::Decimal { scale }) => {
            DataType::Decimal128(38, i8::try_from(scale).unwrap_or(i8::MAX))
        }
        Some(ColumnType::Float { .. }) => DataType::Float64,
        Some(ColumnType::Text) | None => DataType::Utf8,
        Some(ColumnType::Date) => DataType::Date32,
        Some(ColumnType::Timestamp) => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}
