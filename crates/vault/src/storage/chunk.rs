//! One chunk of rows as bytes: an Arrow IPC stream of a schema message and one record batch message, not compressed.
//!
//! Any Arrow tool reads such a file. This decoder takes the schema from the manifest instead of the stream, and
//! checks every offset before Arrow follows it: Arrow's reader panics on a buffer that lies outside its message.

use std::collections::HashMap;

use arrow::{
    array::RecordBatch,
    buffer::Buffer,
    error::ArrowError,
    ipc::{self, MessageHeader, MetadataVersion, reader::read_record_batch, writer::StreamWriter},
};
use contract::Schema;

use super::schema::{self, Part};
use crate::error::ChunkFault;

/// Encapsulated messages start with this, then the metadata's length (Arrow columnar format, "IPC streaming format").
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The bytes of a chunk.
///
/// # Errors
/// Only when Arrow cannot write the batch, for which our column types give no cause.
pub(crate) fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Reads a chunk of `rows` rows with the columns of `schema`. Total: any bytes give a batch or a fault.
pub(crate) fn decode(bytes: Vec<u8>, schema: &Schema, rows: u32) -> Result<RecordBatch, ChunkFault> {
    let bytes = Buffer::from_vec(bytes);
    let first = Message::at(&bytes, 0)?;
    if first.metadata.header_type() != MessageHeader::Schema {
        return Err(ChunkFault::Framing { offset: 0 });
    }
    let second = Message::at(&bytes, first.end)?;
    let framing = ChunkFault::Framing { offset: first.end };
    let batch = second.metadata.header_as_record_batch().ok_or(framing)?;
    if second.metadata.version() != MetadataVersion::V5 {
        return Err(ChunkFault::Layout);
    }
    if batch.length() != i64::from(rows) {
        return Err(ChunkFault::Rows { expected: rows, found: batch.length() });
    }
    check_layout(&batch, schema, second.body.len())?;
    let columns = |error: ArrowError| ChunkFault::Columns { reason: error.to_string() };
    let none = HashMap::new();
    read_record_batch(&second.body, batch, schema::to_arrow(schema), &none, None, &MetadataVersion::V5)
        .map_err(columns)
}

/// One encapsulated message of the stream.
struct Message<'a> {
    metadata: ipc::Message<'a>,
    body: Buffer,
    /// Where the next message starts.
    end: usize,
}

impl<'a> Message<'a> {
    fn at(bytes: &'a Buffer, start: usize) -> Result<Self, ChunkFault> {
        let framing = || ChunkFault::Framing { offset: start };
        let (prefix, rest) =
            bytes.get(start..).and_then(<[u8]>::split_first_chunk::<8>).ok_or_else(framing)?;
        let [c0, c1, c2, c3, l0, l1, l2, l3] = *prefix;
        let length = usize::try_from(i32::from_le_bytes([l0, l1, l2, l3])).map_err(|_| framing())?;
        if [c0, c1, c2, c3] != CONTINUATION {
            return Err(framing());
        }
        let metadata = rest.get(..length).ok_or_else(framing)?;
        let metadata = ipc::root_as_message(metadata).map_err(|_| framing())?;
        let body_start = start + 8 + length;
        let body_length = usize::try_from(metadata.bodyLength()).map_err(|_| framing())?;
        let end =
            body_start.checked_add(body_length).filter(|end| *end <= bytes.len()).ok_or_else(framing)?;
        Ok(Self { metadata, body: bytes.slice_with_length(body_start, body_length), end })
    }
}

/// Everything that Arrow's reader takes for granted about a record batch message, down to the sizes of buffers.
fn check_layout(batch: &ipc::RecordBatch<'_>, schema: &Schema, body: usize) -> Result<(), ChunkFault> {
    let (Some(nodes), Some(buffers), Ok(rows)) =
        (batch.nodes(), batch.buffers(), usize::try_from(batch.length()))
    else {
        return Err(ChunkFault::Layout);
    };
    let parts = || schema.columns.iter().map(|column| schema::parts(column.kind));
    let counts_match = nodes.len() == schema.columns.len() && buffers.len() == parts().flatten().count();
    let plain =
        batch.compression().is_none() && batch.variadicBufferCounts().is_none_or(|list| list.is_empty());
    let nodes_fit = nodes
        .iter()
        .all(|node| node.length() == batch.length() && (0..=node.length()).contains(&node.null_count()));
    let expected = nodes.iter().zip(parts()).flat_map(|(node, parts)| {
        let all_valid = node.null_count() == 0;
        parts.iter().map(move |part| match part {
            Part::Validity if all_valid => (part.width(), 0),
            _ => (part.width(), part.bytes_min(rows)),
        })
    });
    let buffers_fit = buffers.iter().zip(expected).all(|(buffer, expected)| fits(buffer, expected, body));
    if counts_match && plain && nodes_fit && buffers_fit { Ok(()) } else { Err(ChunkFault::Layout) }
}

/// Whether a buffer lies within the body, and holds whole elements and enough of them.
fn fits(buffer: &ipc::Buffer, (width, bytes_min): (usize, usize), body: usize) -> bool {
    let (Ok(start), Ok(length)) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length())) else {
        return false;
    };
    length >= bytes_min
        && length.is_multiple_of(width)
        && start.checked_add(length).is_some_and(|end| end <= body)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    };
    use contract::{Column, ColumnType};
    use proptest::prelude::*;

    use super::*;

    fn sample() -> (Schema, RecordBatch) {
        let kinds = [
            ColumnType::Boolean,
            ColumnType::Integer,
            ColumnType::Decimal { scale: 2 },
            ColumnType::Float { scale: 6 },
            ColumnType::Text,
            ColumnType::Date,
            ColumnType::Timestamp,
        ];
        let column = |(index, kind)| Column { nullable: true, ..Column::new(format!("c{index}"), kind) };
        let schema = Schema { columns: kinds.into_iter().enumerate().map(column).collect() };
        let decimals = Decimal128Array::from(vec![Some(125), None, Some(-7)]);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            Arc::new(Int64Array::from(vec![1, i64::MIN, i64::MAX])),
            Arc::new(decimals.with_precision_and_scale(18, 2).unwrap()),
            Arc::new(Float64Array::from(vec![Some(0.5), Some(-1e300), None])),
            Arc::new(StringArray::from(vec![Some("one"), Some(""), None])),
            Arc::new(Date32Array::from(vec![Some(0), None, Some(20_000)])),
            Arc::new(TimestampMicrosecondArray::from(vec![None, Some(i64::MIN), Some(7)])),
        ];
        let batch = RecordBatch::try_new(schema::to_arrow(&schema), arrays).unwrap();
        (schema, batch)
    }

    #[test]
    fn a_chunk_reads_back_as_the_batch() {
        let (schema, batch) = sample();
        let bytes = encode(&batch).unwrap();
        assert_eq!(decode(bytes.clone(), &schema, 3), Ok(batch.clone()));
        let tool = ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
        assert_eq!(tool.collect::<Result<Vec<_>, _>>().unwrap(), [batch]);
    }

    #[test]
    fn another_schema_or_number_of_rows_is_refused() {
        let (mut schema, batch) = sample();
        let bytes = encode(&batch).unwrap();
        assert_eq!(decode(bytes.clone(), &schema, 2), Err(ChunkFault::Rows { expected: 2, found: 3 }));
        schema.columns.truncate(6);
        assert_eq!(decode(bytes.clone(), &schema, 3), Err(ChunkFault::Layout));
        assert_eq!(decode(Vec::new(), &schema, 3), Err(ChunkFault::Framing { offset: 0 }));
        assert_eq!(decode(b"PAR1 and more".to_vec(), &schema, 3), Err(ChunkFault::Framing { offset: 0 }));
        for cut in 0..bytes.len() {
            let _ = decode(bytes[..cut].to_vec(), &schema, 3);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let (schema, batch) = sample();
            let mut bytes = encode(&batch).unwrap();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Ok(batch) = decode(bytes, &schema, 3) {
                prop_assert_eq!(batch.num_rows(), 3);
                // Every value can be looked at.
                let printed = format!("{batch:?}");
                prop_assert!(!printed.is_empty());
            }
        }
    }
}
