//! HTTP/1.1 over CometBFT's Unix socket, as much as its RPC needs: a question in one POST, an answer, and the next
//! question on the same connection. A new connection for each question costs more than the question.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::app::lock;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 32 << 20;
/// Most bytes of an answer's head, and of the lines between its chunks.
const HEAD_BYTES_MAX: u64 = 16 << 10;
/// Connections that are kept between questions; CometBFT hangs up on idle ones after ten seconds.
const KEPT_MAX: usize = 4;

/// Connections to one CometBFT.
#[derive(Debug)]
pub(crate) struct Connections {
    socket: PathBuf,
    kept: Mutex<Vec<Connection>>,
}

impl Connections {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, kept: Mutex::default() }
    }

    /// The answer to a question, which may be asked twice: a kept connection can have been hung up on.
    pub(crate) fn exchange(&self, question: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
        let kept = lock(&self.kept).pop();
        if let Some(mut connection) = kept {
            match connection.exchange(question, patience) {
                Err(error) if has_hung_up(&error) => {}
                outcome => return outcome.inspect(|_| self.keep(connection)),
            }
        }
        let mut connection = Connection::open(&self.socket)?;
        connection.exchange(question, patience).inspect(|_| self.keep(connection))
    }

    fn keep(&self, connection: Connection) {
        let mut kept = lock(&self.kept);
        if connection.goes_on && kept.len() < KEPT_MAX {
            kept.push(connection);
        }
    }
}

fn has_hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
    )
}

/// One connection, for one question after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<UnixStream>,
    /// Whether another question can follow.
    goes_on: bool,
}

/// Where an answer's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    After(u64),
    InChunks,
    WithTheConnection,
}

impl Connection {
    pub(crate) fn open(socket: &Path) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(UnixStream::connect(socket)?), goes_on: true })
    }

    /// `patience` is for each read and each write.
    pub(crate) fn exchange(&mut self, question: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
        let stream = self.stream.get_mut();
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: cometbft\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            question.len()
        );
        stream.write_all(&[head.as_bytes(), question].concat())?;
        let (answer, goes_on) = read_answer(&mut self.stream)?;
        self.goes_on = goes_on;
        Ok(answer)
    }
}

/// An answer's body, and whether the connection can be used after it. The status is not looked at: what went wrong stands
/// in the body.
fn read_answer(reader: &mut impl BufRead) -> io::Result<(Vec<u8>, bool)> {
    let (ends, closes) = read_head(reader)?;
    let body = match ends {
        Ends::After(length) => read_exactly(reader, length)?,
        Ends::InChunks => read_chunks(reader)?,
        Ends::WithTheConnection => {
            let mut body = Vec::new();
            reader.take(ANSWER_BYTES_MAX).read_to_end(&mut body)?;
            body
        }
    };
    Ok((body, !closes && ends != Ends::WithTheConnection))
}

/// Where the body ends, and whether the connection does with it.
fn read_head(reader: &mut impl BufRead) -> io::Result<(Ends, bool)> {
    let mut left = HEAD_BYTES_MAX;
    let status = read_line(reader, &mut left)?;
    if !status.starts_with("HTTP/1.") {
        return Err(io::Error::other("an answer without a head"));
    }
    let (mut ends, mut closes) = (Ends::WithTheConnection, status.starts_with("HTTP/1.0"));
    loop {
        let line = read_line(reader, &mut left)?;
        if line.is_empty() {
            return Ok((ends, closes));
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length =
                value.parse().map_err(|_| io::Error::other("an answer whose length is no number"))?;
            ends = Ends::After(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            ends = Ends::InChunks;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut left = HEAD_BYTES_MAX;
        let line = read_line(reader, &mut left)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length =
            u64::from_str_radix(digits, 16).map_err(|_| io::Error::other("a chunk without a length"))?;
        if length == 0 {
            break;
        }
        if length > ANSWER_BYTES_MAX - body.len() as u64 {
            return Err(too_large());
        }
        body.extend(read_exactly(reader, length)?);
        read_line(reader, &mut left)?;
    }
    // What may follow the last chunk says nothing here.
    let mut left = HEAD_BYTES_MAX;
    while !read_line(reader, &mut left)?.is_empty() {}
    Ok(body)
}

/// A line without its end; `left` is how many bytes may still come in lines.
fn read_line(reader: &mut impl BufRead, left: &mut u64) -> io::Result<String> {
    let mut line = Vec::new();
    let read = reader.take(*left).read_until(b'\n', &mut line)? as u64;
    *left -= read;
    match line.pop() {
        Some(b'\n') => {}
        _ if *left == 0 => return Err(io::Error::other("an answer's head is too long")),
        _ => return Err(io::ErrorKind::UnexpectedEof.into()),
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| io::Error::other("an answer's head is no text"))
}

fn read_exactly(reader: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > ANSWER_BYTES_MAX {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let read = reader.take(length).read_to_end(&mut bytes)? as u64;
    if read == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn too_large() -> io::Error {
    io::Error::other(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    fn read(text: &str) -> io::Result<(Vec<u8>, bool)> {
        read_answer(&mut text.as_bytes())
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_not_beyond() {
        let known = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1";
        assert_eq!(read(known).unwrap(), (b"abc".to_vec(), true));
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n";
        assert_eq!(read(chunked).unwrap(), (b"abc".to_vec(), true));
        let closing = "HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
        assert_eq!(read(closing).unwrap(), (b"x".to_vec(), false));
        let open = "HTTP/1.1 200 OK\r\n\r\nabc";
        assert_eq!(read(open).unwrap(), (b"abc".to_vec(), false));
        for whole in [&known[..known.len() - 8], chunked, closing] {
            for cut in 0..whole.len() {
                assert!(read(&whole[..cut]).is_err(), "cut at {cut}: {whole}");
            }
        }
    }

    #[test]
    fn an_answer_beyond_bounds_is_refused_before_anything_is_reserved() {
        let refused = |text: &str| read(text).unwrap_err().to_string();
        assert!(refused("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").contains("more than"));
        let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n";
        assert!(refused(chunk).contains("more than"));
        assert!(refused(&format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(20_000))).contains("too long"));
        assert!(refused("SMTP\r\n\r\n").contains("without a head"));
    }

    #[test]
    fn a_connection_is_used_again_and_replaced_when_it_was_hung_up_on() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("rpc.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        // Two questions on each connection; then it hangs up without a word.
        let server = thread::spawn(move || {
            for number in 0..2 {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                for _ in 0..2 {
                    let (Ends::After(length), _) = read_question(&mut reader) else { panic!() };
                    read_exactly(&mut reader, length).unwrap();
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let connections = Connections::new(socket);
        let said: Vec<_> = (0..4)
            .map(|_| connections.exchange(b"{}", Duration::from_secs(10)).unwrap())
            .map(|answer| String::from_utf8(answer).unwrap())
            .collect();
        assert_eq!(said, ["0", "0", "1", "1"]);
        server.join().unwrap();
    }

    /// A question's head reads as an answer's but for its first line.
    fn read_question(reader: &mut impl BufRead) -> (Ends, bool) {
        let mut left = HEAD_BYTES_MAX;
        read_line(reader, &mut left).unwrap();
        read_head(&mut b"HTTP/1.1 200 OK\r\n".chain(reader)).unwrap()
    }
}
