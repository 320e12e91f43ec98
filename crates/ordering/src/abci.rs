//! ABCI 2.0 on a Unix socket: CometBFT asks, the application answers, in order on each connection.
//!
//! A message is protobuf behind its length as a varint. CometBFT opens four connections (consensus, mempool, queries,
//! snapshots) and may ask ahead on each. The socket lies in a directory that only its owner may enter: whoever could
//! speak here could make up blocks.

use std::io::{self, BufReader, BufWriter, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use prost::Message;

use crate::app::App;
use crate::framing::read_message;
use crate::messages::{Asked, Echo, Empty, Request, Response, Said};

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
