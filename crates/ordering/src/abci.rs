//! ABCI 2.0 on a Unix socket: CometBFT asks, the application answers, in order on each connection.
//!
//! A message is protobuf behind its length as a varint. CometBFT opens four connections (consensus, mempool, queries,
//! snapshots) and may ask ahead on each. The socket lies in a directory that only its owner may enter: whoever could
//! speak here could make up blocks.

use std::collections::BTreeMap;
use std::io::{self, BufReader, BufWriter, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prost::Message;

use crate::app::App;
use crate::framing::read_message;
use crate::messages::{Asked, Echo, Empty, Request, Response, Said};

/// How long to wait when a connection cannot be accepted: for want of descriptors, mostly, and these come back.
pub(crate) const BREATH: Duration = Duration::from_millis(50);

/// The open connections by number, to be closed when the node stops.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<BTreeMap<u64, UnixStream>>);

impl Connections {
    /// CometBFT stops when its application hangs up.
    pub(crate) fn close(&self) {
        for stream in std::mem::take(&mut *self.held()).into_values() {
            // Already closed by the other side, then.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<u64, UnixStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers whoever connects, until the process ends.
pub(crate) fn serve(listener: UnixListener, app: Arc<App>, connections: Arc<Connections>) {
    thread::spawn(move || {
        for (number, stream) in (0..).zip(listener.incoming()) {
            let Ok(stream) = stream else {
                thread::sleep(BREATH);
                continue;
            };
            if let Ok(twin) = stream.try_clone() {
                connections.held().insert(number, twin);
            }
            let (app, connections) = (Arc::clone(&app), Arc::clone(&connections));
            thread::spawn(move || {
                if let Err(error) = converse(&stream, &app) {
                    tracing::debug!(%error, "a connection of cometbft ended");
                }
                stream.shutdown(Shutdown::Both).ok();
                connections.held().remove(&number);
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::mempool::tests::app;

    #[test]
    fn a_connection_that_ended_is_not_held() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let connections = Arc::new(Connections::default());
        serve(UnixListener::bind(&path).unwrap(), Arc::new(app(directory.path())), Arc::clone(&connections));
        let streams: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
        let waited = |held: usize| {
            let until = Instant::now() + Duration::from_secs(10);
            while connections.held().len() != held && Instant::now() < until {
                thread::sleep(Duration::from_millis(5));
            }
            connections.held().len()
        };
        assert_eq!(waited(20), 20);
        drop(streams);
        assert_eq!(waited(0), 0);
    }
}
