//! Where converted rows go: into the vault, chunk by chunk.

use arrow::array::RecordBatch;
use contract::{ColumnType, Schema};

use super::{
    column::ColumnWriter,
    error::{ImportError, Place},
    plan::Planned,
};
use crate::{
    Vault,
    storage::{chunk, manifest::CHUNK_BYTES_MAX, schema::to_arrow},
    value::Value,
    vault::StagedChunk,
};

/// A chunk is closed at this many rows, or at [`CHUNK_BYTES`], whatever comes first.
const CHUNK_ROWS: u32 = 65_536;

/// With one more row of at most 1024 texts of 64 KiB, a chunk stays below [`CHUNK_BYTES_MAX`].
const CHUNK_BYTES: usize = 16 << 20;

/// What a cell takes without its text: at most 16 bytes of value, offset and validity.
const CELL_BYTES: usize = 17;

/// Rows on their way into the vault. Dropped before [`Self::finish`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Sink<'v> {
    vault: &'v Vault,
    schema: Schema,
    writers: Vec<ColumnWriter>,
    chunks: Vec<StagedChunk>,
    rows: u64,
    chunk_rows: u32,
    chunk_bytes: usize,
}

impl<'v> Sink<'v> {
    /// For columns as planned, each with its type.
    pub(crate) fn new<'p>(
        vault: &'v Vault,
        columns: impl Iterator<Item = (&'p Planned, ColumnType)>,
    ) -> Result<Self, ImportError> {
        let writer = |(planned, kind): (&Planned, ColumnType)| {
            ColumnWriter::new(planned.name.clone(), kind, &planned.declared)
                .map_err(|fault| ImportError::Declaration { column: planned.name.clone(), fault })
        };
        let writers = columns.map(writer).collect::<Result<Vec<_>, _>>()?;
        let schema = Schema { columns: writers.iter().map(|writer| writer.column().clone()).collect() };
        Ok(Self { vault, schema, writers, chunks: Vec::new(), rows: 0, chunk_rows: 0, chunk_bytes: 0 })
    }

    /// Appends a row with one value per column.
    pub(crate) fn row<'a>(
        &mut self,
        line: Option<u64>,
        values: impl Iterator<Item = Value<'a>>,
    ) -> Result<(), ImportError> {
        let place = Place { row: self.rows + 1, line };
        for (writer, value) in self.writers.iter_mut().zip(values) {
            writer.push(value).map_err(|breach| ImportError::Cell {
                place,
                column: writer.column().name.clone(),
                breach,
            })?;
            self.chunk_bytes += CELL_BYTES + if let Value::Text(text) = value { text.len() } else { 0 };
        }
        self.rows += 1;
        self.chunk_rows += 1;
        if self.chunk_rows == CHUNK_ROWS || self.chunk_bytes >= CHUNK_BYTES {
            self.close_chunk()?;
        }
        Ok(())
    }

    /// What may be published about the columns.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema and all chunks, on disk and ready to be published.
    pub(crate) fn finish(mut self) -> Result<(Schema, Vec<StagedChunk>), ImportError> {
        if self.chunk_rows > 0 {
            self.close_chunk()?;
        }
        Ok((self.schema, self.chunks))
    }

    fn close_chunk(&mut self) -> Result<(), ImportError> {
        let rows = self.chunk_rows;
        let arrays = self.writers.iter_mut().map(ColumnWriter::take).collect();
        let bytes =
            RecordBatch::try_new(to_arrow(&self.schema), arrays).and_then(|batch| chunk::encode(&batch));
        let bytes = bytes.map_err(|error| ImportError::NotWritable { reason: error.to_string() })?;
        if bytes.len() > CHUNK_BYTES_MAX as usize {
            return Err(ImportError::TooLarge);
        }
        self.chunks.push(self.vault.stage_chunk(&bytes, rows)?);
        self.chunk_rows = 0;
        self.chunk_bytes = 0;
        Ok(())
    }
}
