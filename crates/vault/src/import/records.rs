//! CSV records as RFC 4180 has them, read strictly and in bounded memory.
//!
//! Stricter than most readers on purpose. A quote that is never closed would swallow the rows that follow it, so
//! quotes stand only around whole fields, and a record has at most 1 MiB.

use std::io::{self, BufRead};

/// Longest record in bytes, without its quotes.
const RECORD_BYTES_MAX: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where and how a file departs from CSV.
#[derive(Debug, thiserror::Error)]
pub enum CsvFault {
    /// Nothing in the file, or only a blank first line.
    #[error("the first line must name the columns, but it is empty")]
    NoHeader,
    /// A record with more or fewer fields than the header.
    #[error("line {line} has {found} fields, expected {expected} as in the header")]
    FieldCount {
        /// Where the record starts.
        line: u64,
        /// Columns in the header.
        expected: usize,
        /// Fields in the record.
        found: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("line {line} is not UTF-8 text; save the file as UTF-8")]
    Encoding {
        /// Where the record starts.
        line: u64,
    },
    /// A quote in the middle of a field, or text after the quote that closes one.
    #[error(
        "line {line} has a quote inside a field; put quotes around the whole field and write its own quotes twice"
    )]
    Quote {
        /// Where the quote stands.
        line: u64,
    },
    /// A quoted field without an end.
    #[error("the quote that opens on line {line} is never closed")]
    QuoteOpen {
        /// Where it opens.
        line: u64,
    },
    /// A carriage return that no line feed follows.
    #[error("line {line} has a carriage return without a line feed; end lines with LF or CR LF")]
    CarriageReturn {
        /// Where it stands.
        line: u64,
    },
    /// A record that is too long to be one.
    #[error("the record on line {line} has more than {RECORD_BYTES_MAX} bytes; is a quote missing?")]
    RecordTooLong {
        /// Where it starts.
        line: u64,
    },
    /// The system stopped reading.
    #[error("the file cannot be read on from line {line}: {source}")]
    NotReadable {
        /// Where the record starts.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// The line on which it starts, from 1.
    pub(crate) line: u64,
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The fields without their quotes.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'a str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        // Fields end where the parser saw an ASCII byte, which is a boundary of characters.
        starts.zip(self.ends).map(move |(start, end)| self.text.get(start..*end).unwrap_or_default())
    }
}

/// Reads records one after the other, each into the same memory.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: R,
    parser: Parser,
    /// Fields in every record after the header.
    width: Option<usize>,
}

impl<R: BufRead> Records<R> {
    /// Starts before the header; a byte order mark is skipped.
    pub(crate) fn new(mut input: R) -> Result<Self, CsvFault> {
        let start = input.fill_buf().map_err(|source| CsvFault::NotReadable { line: 1, source })?;
        let mark = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        input.consume(mark);
        Ok(Self { input, parser: Parser::default(), width: None })
    }

    /// The first record, which says how many fields all others must have.
    pub(crate) fn header(&mut self) -> Result<Record<'_>, CsvFault> {
        if !self.advance()? || self.parser.is_blank() {
            return Err(CsvFault::NoHeader);
        }
        self.width = Some(self.parser.ends.len());
        self.parser.record()
    }

    /// The next record; `None` at the end. Blank lines are allowed at the end of a file with several columns; in a
    /// file with one column each of them is a record.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, CsvFault> {
        let expected = self.width.unwrap_or(1);
        let mut blank = None;
        while self.advance()? {
            if expected > 1 && self.parser.is_blank() {
                blank.get_or_insert(self.parser.record_line);
                continue;
            }
            let (line, found) = match blank {
                Some(line) => (line, 1),
                None => (self.parser.record_line, self.parser.ends.len()),
            };
            if found != expected {
                return Err(CsvFault::FieldCount { line, expected, found });
            }
            return self.parser.record().map(Some);
        }
        Ok(None)
    }

    /// Parses one more record; false at the end.
    fn advance(&mut self) -> Result<bool, CsvFault> {
        self.parser.start();
        loop {
            let line = self.parser.record_line;
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(CsvFault::NotReadable { line, source }),
            };
            if bytes.is_empty() {
                return self.parser.end_of_input();
            }
            let (used, complete) = self.parser.feed(bytes)?;
            self.input.consume(used);
            if complete {
                return Ok(true);
            }
        }
    }
}

/// What stands before the next byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    FieldStart,
    Plain,
    Quoted,
    /// A quote inside a quoted field: its end, or the first of two.
    QuoteSeen,
    CarriageReturn,
}

#[derive(Debug)]
struct Parser {
    text: Vec<u8>,
    /// Where in `text` each field ends.
    ends: Vec<usize>,
    state: State,
    /// Whether the record has any byte.
    started: bool,
    line: u64,
    record_line: u64,
    quote_line: u64,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::new(),
            state: State::FieldStart,
            started: false,
            line: 1,
            record_line: 1,
            quote_line: 1,
        }
    }
}

impl Parser {
    fn start(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.state = State::FieldStart;
        self.started = false;
        self.record_line = self.line;
    }

    fn is_blank(&self) -> bool {
        self.ends.len() == 1 && self.text.is_empty()
    }

    fn record(&self) -> Result<Record<'_>, CsvFault> {
        let line = self.record_line;
        let text = std::str::from_utf8(&self.text).map_err(|_| CsvFault::Encoding { line })?;
        Ok(Record { line, text, ends: &self.ends })
    }

    /// Takes bytes up to the end of the record at most: how many, and whether the record is complete.
    fn feed(&mut self, bytes: &[u8]) -> Result<(usize, bool), CsvFault> {
        self.started = true;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match (self.state, byte) {
                (State::Quoted, b'"') => self.state = State::QuoteSeen,
                (State::Quoted, _) => at = self.copy_run(bytes, at - 1, |byte| byte == b'"'),
                (State::QuoteSeen, b'"') => {
                    self.text.push(b'"');
                    self.state = State::Quoted;
                }
                (State::FieldStart, b'"') => {
                    self.quote_line = self.line;
                    self.state = State::Quoted;
                }
                (State::CarriageReturn, b'\n') | (_, b'\n') => {
                    self.ends.push(self.text.len());
                    self.line += 1;
                    return Ok((at, true));
                }
                (State::CarriageReturn, _) => return Err(CsvFault::CarriageReturn { line: self.line }),
                (_, b',') => {
                    self.ends.push(self.text.len());
                    self.state = State::FieldStart;
                }
                (_, b'\r') => self.state = State::CarriageReturn,
                (State::QuoteSeen, _) | (State::Plain, b'"') => {
                    return Err(CsvFault::Quote { line: self.line });
                }
                (State::FieldStart | State::Plain, _) => {
                    self.state = State::Plain;
                    at = self.copy_run(bytes, at - 1, |byte| matches!(byte, b',' | b'\n' | b'\r' | b'"'));
                }
            }
            if self.text.len() + self.ends.len() > RECORD_BYTES_MAX {
                return Err(CsvFault::RecordTooLong { line: self.record_line });
            }
        }
        Ok((at, false))
    }

    /// Copies bytes from `start` until one that ends the run, and says where that is.
    fn copy_run(&mut self, bytes: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> usize {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default();
        if self.state == State::Quoted {
            self.line += run.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        }
        self.text.extend_from_slice(run);
        start + length
    }

    /// Completes the last record, which needs no line feed; false when there is none.
    fn end_of_input(&mut self) -> Result<bool, CsvFault> {
        match self.state {
            State::Quoted => return Err(CsvFault::QuoteOpen { line: self.quote_line }),
            State::CarriageReturn => return Err(CsvFault::CarriageReturn { line: self.line }),
            State::FieldStart | State::Plain | State::QuoteSeen => {}
        }
        if self.started {
            self.ends.push(self.text.len());
        }
        Ok(self.started)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// All records with their lines, read through a buffer of `capacity` bytes.
    fn read(bytes: &[u8], capacity: usize) -> Result<Vec<(u64, Vec<String>)>, CsvFault> {
        let owned = |record: Record<'_>| (record.line, record.fields().map(str::to_owned).collect());
        let mut records = Records::new(BufReader::with_capacity(capacity, bytes))?;
        let mut all = vec![owned(records.header()?)];
        while let Some(record) = records.next()? {
            all.push(owned(record));
        }
        Ok(all)
    }

    fn fields(text: &str) -> Vec<Vec<String>> {
        read(text.as_bytes(), 8).unwrap().into_iter().map(|(_, fields)| fields).collect()
    }

    #[test]
    fn records_end_and_fields_are_quoted_as_in_rfc_4180() {
        assert_eq!(fields("a,b"), [["a", "b"]]);
        assert_eq!(fields("a,b\r\n1,\n,2\n"), [["a", "b"], ["1", ""], ["", "2"]]);
        assert_eq!(fields("\u{feff}\"a\",b\n\"x, \"\"y\"\"\nz\",\"\"\n"), [["a", "b"], ["x, \"y\"\nz", ""]]);
        assert_eq!(fields("a,b\n1,2\n\n\r\n\n"), [["a", "b"], ["1", "2"]]);
        assert_eq!(fields("a\n\n1\n"), [["a"], [""], ["1"]]);
    }

    #[test]
    fn lines_are_counted_through_quoted_fields() {
        let records = read(b"a,b\n\"1\n\n\",2\n3,4\n", 3).unwrap();
        assert_eq!(records.iter().map(|record| record.0).collect::<Vec<_>>(), [1, 2, 5]);
    }

    #[test]
    fn departures_are_refused_with_their_line() {
        let fault = |text: &str| read(text.as_bytes(), 4).unwrap_err();
        assert!(matches!(fault(""), CsvFault::NoHeader));
        assert!(matches!(fault("\na,b\n"), CsvFault::NoHeader));
        assert!(matches!(fault("a,b\n1,2\n3\n"), CsvFault::FieldCount { line: 3, expected: 2, found: 1 }));
        assert!(matches!(fault("a,b\n1,2,3\n"), CsvFault::FieldCount { line: 2, expected: 2, found: 3 }));
        assert!(matches!(fault("a,b\n\n1,2\n"), CsvFault::FieldCount { line: 2, expected: 2, found: 1 }));
        assert!(matches!(fault("a,b\n1,x\"y\"\n"), CsvFault::Quote { line: 2 }));
        assert!(matches!(fault("a,b\n1,\"x\"y\n"), CsvFault::Quote { line: 2 }));
        assert!(matches!(fault("a,b\n1,2\n3,\"x\n5,6\n"), CsvFault::QuoteOpen { line: 3 }));
        assert!(matches!(fault("a,b\r1,2\r"), CsvFault::CarriageReturn { line: 1 }));
        assert!(matches!(read(b"a,b\n1,\xff\n", 4), Err(CsvFault::Encoding { line: 2 })));
        assert!(matches!(read(b"\xff\xfea\0", 4), Err(CsvFault::Encoding { line: 1 })));
        let long = format!("a,b\n1,{}\n", "x".repeat(RECORD_BYTES_MAX));
        assert!(matches!(read(long.as_bytes(), 1 << 16), Err(CsvFault::RecordTooLong { line: 2 })));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            rows in prop::collection::vec(prop::collection::vec("[a,\"\r\né ]{0,6}", 3), 1..8),
            capacity in 1..40_usize,
        ) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let lines = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(","));
            let text = lines.collect::<Vec<_>>().join("\n");
            let records = read(text.as_bytes(), capacity.max(3)).unwrap();
            prop_assert_eq!(records.into_iter().map(|record| record.1).collect::<Vec<_>>(), rows);
        }

        #[test]
        fn any_bytes_are_read_or_refused_alike_through_any_buffer(
            bytes in prop::collection::vec(prop::sample::select(b"a1,\"\r\n\xc3\xa9".to_vec()), 0..60),
            capacity in 3..20_usize,
        ) {
            let (small, large) = (read(&bytes, capacity), read(&bytes, 1 << 16));
            prop_assert_eq!(format!("{small:?}"), format!("{large:?}"));
        }
    }
}
