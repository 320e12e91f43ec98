//! From a session to batches: one thread for each table that is read, never more than three batches ahead.

use std::{
    io,
    pin::pin,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use arrow::{
    array::{
        ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
        RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, Field, Schema},
};
use futures::StreamExt;
use tokio_postgres::{
    Client,
    binary_copy::{BinaryCopyOutRow, BinaryCopyOutStream},
    types::{FromSql, Type},
};
use vault::{Location, SourceColumn, SourceTable};

use crate::{
    PostgresError, ValueFault,
    cell::{Cell, Form, decimal_text},
    connect::Access,
    error::About,
    table::{Table, TableColumn},
};

/// Rows in a batch, if their texts are short.
const BATCH_ROWS: usize = 1024;
/// Bytes of text that close a batch.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait to be taken, beside the one that is made.
const AHEAD: usize = 1;
/// How long a server may send nothing, for example while it sorts.
const SILENCE: Duration = Duration::from_secs(900);

/// Everything before the first row: which columns there are.
type Head = Result<Vec<SourceColumn>, PostgresError>;
/// A batch, or the end of the table.
type Part = Result<Option<RecordBatch>, PostgresError>;

/// Connects and finds the table; blocks until its columns are known. Its rows are read while they are taken, and when
/// they are no longer taken the connection is closed.
pub(crate) fn open(
    access: Access,
    location: &Location,
    columns: Option<&[String]>,
) -> Result<SourceTable, PostgresError> {
    let about = access.about(&location.table);
    let (head, heads) = sync_channel(1);
    let (batch, batches) = sync_channel(AHEAD);
    let (location, columns) = (location.clone(), columns.map(<[String]>::to_vec));
    let work = move || {
        // Made and dropped here, since a runtime may not be dropped from within another.
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(fault) => return drop(head.send(Err(fault))),
        };
        runtime.block_on(async {
            match begin(&access, &location, columns.as_deref(), &about).await {
                Ok((session, table)) => {
                    let column = |column: &TableColumn| SourceColumn {
                        name: column.name.clone(),
                        kind: column.form.kind(),
                    };
                    let columns = table.columns.iter().take(table.shown).map(column);
                    head.send(Ok(columns.collect())).ok();
                    let end = rows(&session, table, &about, &batch).await;
                    batch.send(end.map(|()| None)).ok();
                }
                Err(fault) => drop(head.send(Err(fault))),
            }
        });
    };
    thread(work)?;
    let columns = received::<Head>(&heads)??;
    let batches = Taking { parts: batches, over: false };
    Ok(SourceTable { columns, batches: Box::new(batches.map(|batch| batch.map_err(Into::into))) })
}

/// Whether the server lets this role in; blocks until it is known.
pub(crate) fn try_access(access: &Access) -> Result<(), PostgresError> {
    let about = access.about("");
    // A thread of its own: a runtime can neither be entered nor dropped from within another.
    std::thread::scope(|scope| {
        let trying = std::thread::Builder::new()
            .spawn_scoped(scope, || runtime()?.block_on(access.connect(&about)).map(drop))
            .map_err(PostgresError::NoThread)?;
        trying.join().unwrap_or_else(|_| Err(ended_early()))
    })
}

async fn begin(
    access: &Access,
    location: &Location,
    columns: Option<&[String]>,
    about: &About,
) -> Result<(Client, Table), PostgresError> {
    let session = access.connect(about).await?;
    // One snapshot for the columns and all rows.
    session
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(|error| about.opening(&error))?;
    let table = Table::find(&session, location, columns, about).await?;
    Ok((session, table))
}

/// The batches as they are taken. A thread that goes away without having said that the table ends did not read it all.
struct Taking {
    parts: Receiver<Part>,
    over: bool,
}

impl Iterator for Taking {
    type Item = Result<RecordBatch, PostgresError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let part = received(&self.parts).flatten();
        self.over = !matches!(part, Ok(Some(_)));
        part.transpose()
    }
}

/// Sends all rows in batches. Ends early without an error when nobody takes them any more.
async fn rows(
    session: &Client,
    table: Table,
    about: &About,
    batches: &SyncSender<Part>,
) -> Result<(), PostgresError> {
    let silent = || PostgresError::Silent {
        server: about.server.clone(),
        table: about.table.clone(),
        seconds: SILENCE.as_secs(),
    };
    let stream = tokio::time::timeout(SILENCE, session.copy_out(&table.copy)).await.map_err(|_| silent())?;
    let stream = stream.map_err(|error| about.reading(0, &error))?;
    // The values are taken as they come; the types only say how many there are.
    let mut stream = pin!(BinaryCopyOutStream::new(stream, &vec![Type::BYTEA; table.columns.len()]));
    let mut making = Making::new(table, &about.table);
    while let Some(row) = tokio::time::timeout(SILENCE, stream.next()).await.map_err(|_| silent())? {
        let row = row.map_err(|error| about.reading(making.rows, &error))?;
        making.push(&row)?;
        if making.is_full() && batches.send(Ok(Some(making.take()?))).is_err() {
            return Ok(());
        }
    }
    if making.pending > 0 {
        batches.send(Ok(Some(making.take()?))).ok();
    }
    Ok(())
}

/// A batch in the making, and the key of the row before.
struct Making {
    table: String,
    /// Columns that are read for the order alone have no builder.
    columns: Vec<(TableColumn, Option<Builder>)>,
    key: Vec<usize>,
    before: Option<Vec<Vec<u8>>>,
    rows: u64,
    pending: usize,
    bytes: usize,
}

impl Making {
    fn new(table: Table, name: &str) -> Self {
        let columns = table.columns.into_iter().enumerate().map(|(place, column)| {
            let builder = (place < table.shown).then(|| Builder::new(column.form));
            (column, builder)
        });
        Self {
            table: name.to_owned(),
            columns: columns.collect(),
            key: table.key,
            before: None,
            rows: 0,
            pending: 0,
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.pending >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    fn push(&mut self, row: &BinaryCopyOutRow) -> Result<(), PostgresError> {
        self.rows += 1;
        let number = self.rows;
        let mut key = vec![Vec::new(); self.key.len()];
        for (place, (column, builder)) in self.columns.iter_mut().enumerate() {
            let fault = |fault| PostgresError::Value { row: number, column: column.name.clone(), fault };
            let value = row.try_get::<Option<Raw<'_>>>(place).map_err(|_| fault(ValueFault::Malformed))?;
            let bytes = value.map(|Raw(bytes)| bytes);
            let cell = column.form.read(bytes).map_err(fault)?;
            if let Some(part) = self.key.iter().position(|at| *at == place).and_then(|at| key.get_mut(at)) {
                if cell == Cell::Missing {
                    let (table, column) = (self.table.clone(), column.name.clone());
                    return Err(PostgresError::KeyMissing { table, row: number, column });
                }
                *part = cell.key();
            }
            self.bytes += bytes.map_or(0, <[u8]>::len);
            if let Some(builder) = builder {
                builder.push(cell).ok_or_else(|| fault(ValueFault::Malformed))?;
            }
        }
        if self.before.as_ref() == Some(&key) {
            let names = self.key.iter().filter_map(|place| self.columns.get(*place));
            let names =
                names.map(|(column, _)| format!("`{}`", column.name)).collect::<Vec<_>>().join(" and ");
            return Err(PostgresError::KeyTwice { table: self.table.clone(), row: number, key: names });
        }
        self.before = Some(key);
        self.pending += 1;
        Ok(())
    }

    fn take(&mut self) -> Result<RecordBatch, PostgresError> {
        (self.pending, self.bytes) = (0, 0);
        let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = Default::default();
        for (column, builder) in &mut self.columns {
            let Some(builder) = builder else { continue };
            let array = builder.finish();
            fields.push(Field::new(&column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let schema = Schema::new(fields);
        RecordBatch::try_new(schema.into(), arrays)
            .map_err(|error| PostgresError::NotWritable { reason: error.to_string() })
    }
}

/// The bytes of a value, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A column in the making.
enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(form: Form) -> Self {
        match form {
            Form::Boolean => Self::Boolean(BooleanBuilder::new()),
            Form::Integer2 | Form::Integer4 | Form::Integer8 => Self::Integer(Int64Builder::new()),
            Form::Numeric(Some(scale)) => {
                let kind = DataType::Decimal128(38, scale.cast_signed());
                Self::Decimal(Decimal128Builder::new().with_data_type(kind))
            }
            Form::Float4 | Form::Float8 => Self::Float(Float64Builder::new()),
            Form::Numeric(None) | Form::Text | Form::Padded => Self::Text(StringBuilder::new()),
            Form::Date => Self::Date(Date32Builder::new()),
            Form::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
        }
    }

    /// `None` when the value is not of the column's form.
    fn push(&mut self, cell: Cell<'_>) -> Option<()> {
        match (self, cell) {
            (Self::Boolean(cells), Cell::Boolean(value)) => cells.append_value(value),
            (Self::Integer(cells), Cell::Integer(value)) => cells.append_value(value),
            (Self::Decimal(cells), Cell::Decimal { unscaled, .. }) => cells.append_value(unscaled),
            (Self::Float(cells), Cell::Float(value)) => cells.append_value(value),
            (Self::Text(cells), Cell::Text(text)) => cells.append_value(text),
            (Self::Text(cells), Cell::Decimal { unscaled, scale }) => {
                cells.append_value(decimal_text(unscaled, scale));
            }
            (Self::Date(cells), Cell::Date(days)) => cells.append_value(days),
            (Self::Timestamp(cells), Cell::Timestamp(micros)) => cells.append_value(micros),
            (Self::Boolean(cells), Cell::Missing) => cells.append_null(),
            (Self::Integer(cells), Cell::Missing) => cells.append_null(),
            (Self::Decimal(cells), Cell::Missing) => cells.append_null(),
            (Self::Float(cells), Cell::Missing) => cells.append_null(),
            (Self::Text(cells), Cell::Missing) => cells.append_null(),
            (Self::Date(cells), Cell::Missing) => cells.append_null(),
            (Self::Timestamp(cells), Cell::Missing) => cells.append_null(),
            _ => return None,
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(cells) => std::sync::Arc::new(cells.finish()),
            Self::Integer(cells) => std::sync::Arc::new(cells.finish()),
            Self::Decimal(cells) => std::sync::Arc::new(cells.finish()),
            Self::Float(cells) => std::sync::Arc::new(cells.finish()),
            Self::Text(cells) => std::sync::Arc::new(cells.finish()),
            Self::Date(cells) => std::sync::Arc::new(cells.finish()),
            Self::Timestamp(cells) => std::sync::Arc::new(cells.finish()),
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, PostgresError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PostgresError::NoThread)
}

fn thread(work: impl FnOnce() + Send + 'static) -> Result<(), PostgresError> {
    let spawned = std::thread::Builder::new().name("postgres".to_owned()).spawn(work);
    spawned.map(drop).map_err(PostgresError::NoThread)
}

fn received<T>(from: &Receiver<T>) -> Result<T, PostgresError> {
    from.recv().map_err(|_| ended_early())
}

fn ended_early() -> PostgresError {
    PostgresError::NoThread(io::Error::other("it ended early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taking(parts: Vec<Part>) -> Vec<Result<RecordBatch, PostgresError>> {
        let (sender, receiver) = sync_channel(parts.len());
        for part in parts {
            sender.send(part).unwrap();
        }
        drop(sender);
        Taking { parts: receiver, over: false }.collect()
    }

    #[test]
    fn a_reader_that_goes_away_is_not_the_end_of_the_table() {
        let batch = || RecordBatch::new_empty(Schema::empty().into());
        assert!(matches!(taking(vec![Ok(Some(batch())), Ok(None)]).as_slice(), [Ok(_)]));
        let broken = taking(vec![Ok(Some(batch()))]);
        assert!(matches!(broken.as_slice(), [Ok(_), Err(PostgresError::NoThread(_))]), "{broken:?}");
        let failed = taking(vec![Err(ended_early()), Ok(None)]);
        assert!(matches!(failed.as_slice(), [Err(PostgresError::NoThread(_))]), "{failed:?}");
    }
}
