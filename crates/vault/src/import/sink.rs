//! Where converted rows go: into chunks, which the vault keeps, or whose hashes it keeps.

use arrow::array::RecordBatch;
use contract::{ColumnType, Hash, Schema};

use super::{
    column::ColumnWriter,
    error::{ImportError, Place},
    plan::Planned,
};
use crate::{
    Vault,
    storage::{
        chunk,
        manifest::{CHUNK_BYTES_MAX, ChunkEntry},
        schema::to_arrow,
    },
    value::Value,
    vault::StagedChunk,
};

/// A chunk is closed at this many rows, or at [`CHUNK_BYTES`], whatever comes first.
pub(crate) const CHUNK_ROWS: u32 = 65_536;

/// With one more row of at most 1024 texts of 64 KiB, a chunk stays below [`CHUNK_BYTES_MAX`].
const CHUNK_BYTES: usize = 16 << 20;

/// What a cell takes without its text: at most 16 bytes of value, offset and validity.
const CELL_BYTES: usize = 17;

/// What becomes of the chunks of a new version.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep<'v> {
    /// Their bytes are kept in this vault.
    Bytes(&'v Vault),
    /// Only their hashes are: the rows stay where they are.
    Hashes,
}

/// Rows on their way into the vault. Dropped before [`Self::finish`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Sink<'v> {
    keep: Keep<'v>,
    encoder: Encoder,
    chunks: Vec<StagedChunk>,
}

impl<'v> Sink<'v> {
    /// For columns as planned, each with its type.
    pub(crate) fn new<'p>(
        keep: Keep<'v>,
        columns: impl Iterator<Item = (&'p Planned, ColumnType)>,
    ) -> Result<Self, ImportError> {
        Ok(Self { keep, encoder: Encoder::new(columns)?, chunks: Vec::new() })
    }

    /// Appends a row with one value per column.
    pub(crate) fn row<'a>(
        &mut self,
        line: Option<u64>,
        values: impl Iterator<Item = Value<'a>>,
    ) -> Result<(), ImportError> {
        match self.encoder.row(line, values)? {
            Some(chunk) => self.take(chunk),
            None => Ok(()),
        }
    }

    /// What may be published about the columns.
    pub(crate) fn schema(&self) -> &Schema {
        self.encoder.schema()
    }

    /// The schema and all chunks, on disk if they are to be there, and ready to be published.
    pub(crate) fn finish(mut self) -> Result<(Schema, Vec<StagedChunk>), ImportError> {
        if let Some(chunk) = self.encoder.finish()? {
            self.take(chunk)?;
        }
        Ok((self.encoder.schema, self.chunks))
    }

    fn take(&mut self, chunk: Chunk) -> Result<(), ImportError> {
        self.chunks.push(match self.keep {
            Keep::Bytes(vault) => vault.stage_chunk(chunk.entry, &chunk.bytes)?,
            Keep::Hashes => StagedChunk::elsewhere(chunk.entry),
        });
        Ok(())
    }
}

/// One chunk of rows: the only form that they have in a version, whether its bytes are kept or not.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) entry: ChunkEntry,
    pub(crate) batch: RecordBatch,
    bytes: Vec<u8>,
}

/// Makes chunks of rows. The same rows under the same declarations give the same chunks, byte by byte.
#[derive(Debug)]
pub(crate) struct Encoder {
    schema: Schema,
    writers: Vec<ColumnWriter>,
    rows: u64,
    chunk_rows: u32,
    chunk_bytes: usize,
}

impl Encoder {
    /// For columns as planned, each with its type.
    pub(crate) fn new<'p>(
        columns: impl Iterator<Item = (&'p Planned, ColumnType)>,
    ) -> Result<Self, ImportError> {
        let writer = |(planned, kind): (&Planned, ColumnType)| {
            ColumnWriter::new(planned.name.clone(), kind, &planned.declared)
                .map_err(|fault| ImportError::Declaration { column: planned.name.clone(), fault })
        };
        let writers = columns.map(writer).collect::<Result<Vec<_>, _>>()?;
        let schema = Schema { columns: writers.iter().map(|writer| writer.column().clone()).collect() };
        Ok(Self { schema, writers, rows: 0, chunk_rows: 0, chunk_bytes: 0 })
    }

    /// What may be published about the columns.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Appends a row with one value per column; gives the chunk that it fills.
    pub(crate) fn row<'a>(
        &mut self,
        line: Option<u64>,
        values: impl Iterator<Item = Value<'a>>,
    ) -> Result<Option<Chunk>, ImportError> {
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
        let full = self.chunk_rows == CHUNK_ROWS || self.chunk_bytes >= CHUNK_BYTES;
        full.then(|| self.close()).transpose()
    }

    /// The last chunk, if rows are left for one.
    pub(crate) fn finish(&mut self) -> Result<Option<Chunk>, ImportError> {
        (self.chunk_rows > 0).then(|| self.close()).transpose()
    }

    fn close(&mut self) -> Result<Chunk, ImportError> {
        let arrays = self.writers.iter_mut().map(ColumnWriter::take).collect();
        let encoded = RecordBatch::try_new(to_arrow(&self.schema), arrays)
            .and_then(|batch| Ok((chunk::encode(&batch)?, batch)));
        let (bytes, batch) =
            encoded.map_err(|error| ImportError::NotWritable { reason: error.to_string() })?;
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= CHUNK_BYTES_MAX);
        let entry = ChunkEntry {
            hash: Hash::of("vault/chunk", &bytes),
            rows: self.chunk_rows,
            bytes: length.ok_or(ImportError::TooLarge)?,
        };
        self.chunk_rows = 0;
        self.chunk_bytes = 0;
        Ok(Chunk { entry, batch, bytes })
    }
}
