//! ABCI 2.0 on a Unix socket: CometBFT asks, the application answers, in order on each connection.
//!
//! A message is protobuf behind its length as a varint. CometBFT opens four connections (consensus, mempool, queries,
//! snapshots) and may ask ahead on each. The socket lies in a directory that only its owner may enter: whoever could
//! speak here could make up blocks.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use prost::Message;

use crate::app::App;
use crate::messages::{Asked, Echo, Empty, Request, Response, Said};

/// The largest message that is read: a block or a chunk of a snapshot, and room.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// The open connections, to be closed when the node stops.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<UnixStream>>);

impl Connections {
    /// CometBFT stops when its application hangs up.
    pub(crate) fn close(&self) {
        for stream in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Already closed by the other side, then.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    fn add(&self, stream: UnixStream) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    }
}

/// Answers whoever connects, until the process ends.
pub(crate) fn serve(listener: UnixListener, app: Arc<App>, connections: Arc<Connections>) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if let Ok(twin) = stream.try_clone() {
                connections.add(twin);
            }
            let app = Arc::clone(&app);
            thread::spawn(move || {
                if let Err(error) = converse(&stream, &app) {
                    tracing::debug!(%error, "a connection of cometbft ended");
                }
                stream.shutdown(Shutdown::Both).ok();
            });
        }
    });
}

fn converse(stream: &UnixStream, app: &App) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut writer = BufWriter::with_capacity(1 << 16, stream);
    while let Some(message) = read_message(&mut reader)? {
        let request = Request::decode(message.as_slice()).map_err(io::Error::other)?;
        let (value, goes_on) = answer(app, request);
        let response = Response { value: Some(value) };
        writer.write_all(&response.encode_length_delimited_to_vec())?;
        if !goes_on {
            writer.flush()?;
            return Ok(());
        }
        if reader.buffer().is_empty() {
            writer.flush()?;
        }
    }
    Ok(())
}

/// The answer, and whether the application can go on after it.
fn answer(app: &App, request: Request) -> (Said, bool) {
    let value = match request.value {
        Some(Asked::Echo(echo)) => {
            return (Said::Echo(echo), true);
        }
        Some(Asked::Flush(_)) => return (Said::Flush(Empty {}), true),
        Some(value) => value,
        None => return (exception("an empty request".to_owned()), false),
    };
    match app.answer(value) {
        Ok(value) => (value, true),
        Err(fault) => {
            tracing::error!(%fault, "this node stops ordering");
            let text = fault.to_string();
            app.fail(fault);
            (exception(text), false)
        }
    }
}

fn exception(error: String) -> Said {
    Said::Exception(Echo { message: error })
}

/// The next message; `None` when the other side has hung up between two.
fn read_message(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let length = read_length(reader)?;
    if length > MESSAGE_BYTES_MAX {
        let text = format!("a message of {length} bytes, at most {MESSAGE_BYTES_MAX} are read");
        return Err(io::Error::other(text));
    }
    let mut message = Vec::new();
    let read = reader.take(length).read_to_end(&mut message)? as u64;
    if read == length { Ok(Some(message)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_length(reader: &mut impl Read) -> io::Result<u64> {
    let mut length = 0_u64;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        let [byte] = byte;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(length);
        }
    }
    Err(io::Error::other("a length of more than 63 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whole_and_every_cut_is_noticed() {
        let request = Request { value: Some(Asked::Echo(Default::default())) };
        let bytes = request.encode_length_delimited_to_vec();
        let read = |bytes: &[u8]| read_message(&mut &*bytes);
        assert_eq!(read(&bytes).unwrap(), Some(request.encode_to_vec()));
        assert_eq!(read(&[]).unwrap(), None);
        for cut in 1..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_length_beyond_bounds_is_refused_before_anything_is_reserved() {
        let refused = |bytes: &[u8]| read_message(&mut &*bytes).unwrap_err().to_string();
        assert!(refused(&[0xff, 0xff, 0xff, 0x7f]).contains("at most"));
        assert!(refused(&[0xff; 12]).contains("63 bits"));
    }
}
