//! Frames through TLS and the socket, by blocking calls: one half writes, one half reads.
//!
//! The two halves share the TLS state and hold its lock only to encrypt or decrypt, never while the socket makes
//! them wait: were the lock held there, two nodes that both write could wait for each other for ever.

use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::session::Frame;
use rustls::Connection;

use super::frame::{Assembler, FrameFault, HEADER_BYTES, KEEP_ALIVE_FRAME, header};

/// Bytes that are encrypted and handed to the socket at a time.
const SEALED_BYTES: usize = 256 << 10;

/// Bytes that are read from the socket at a time.
const READ_BYTES: usize = 256 << 10;

/// How long a full socket makes a writer wait before it asks whether it still should.
const WRITE_PATIENCE: Duration = Duration::from_millis(500);

/// A frame that waits to be written.
#[derive(Debug)]
pub(super) struct Outgoing {
    header: [u8; HEADER_BYTES],
    frame: Frame,
}

impl Outgoing {
    /// `None` when the body's length doesn't fit its field.
    pub(super) fn new(channel: u64, frame: Frame) -> Option<Self> {
        let length = u32::try_from(frame.body.len()).ok()?;
        Some(Self { header: header(channel, frame.depth, length), frame })
    }

    /// Bytes that it has on the wire, TLS aside.
    pub(super) fn bytes(&self) -> usize {
        HEADER_BYTES + self.frame.body.len()
    }
}

/// Splits an established connection, whose socket must block.
pub(super) fn split(
    mut tls: Connection,
    socket: TcpStream,
    frame_bytes_max: usize,
) -> io::Result<(Writer, Reader)> {
    tls.set_buffer_limit(Some(SEALED_BYTES));
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(WRITE_PATIENCE))?;
    let tls = Arc::new(Mutex::new(tls));
    let reader = Reader {
        tls: Arc::clone(&tls),
        socket: socket.try_clone()?,
        buffer: vec![0; READ_BYTES],
        assembler: Assembler::new(frame_bytes_max),
        begun: false,
        within: None,
    };
    Ok((Writer { tls, socket, sealed: Vec::new() }, reader))
}

/// The half that writes.
#[derive(Debug)]
pub(super) struct Writer {
    tls: Arc<Mutex<Connection>>,
    socket: TcpStream,
    /// What is encrypted and not written yet.
    sealed: Vec<u8>,
}

impl Writer {
    /// Writes frames. Whenever the socket is full for a while, `go_on` decides whether to wait any longer; an error
    /// leaves a connection that can't be written to again.
    pub(super) fn frames(&mut self, frames: &[Outgoing], go_on: impl Fn() -> bool) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = frames
            .iter()
            .flat_map(|outgoing| [IoSlice::new(&outgoing.header), IoSlice::new(&outgoing.frame.body)])
            .filter(|slice| !slice.is_empty())
            .collect();
        self.plain(&mut slices, go_on)
    }

    /// Says that this party is alive.
    pub(super) fn keep_alive(&mut self, go_on: impl Fn() -> bool) -> io::Result<()> {
        self.plain(&mut [IoSlice::new(&KEEP_ALIVE_FRAME)], go_on)
    }

    /// Says that nothing follows; the other direction stays open.
    pub(super) fn finish(&mut self, go_on: impl Fn() -> bool) -> io::Result<()> {
        {
            let mut tls = lock(&self.tls);
            tls.send_close_notify();
            seal(&mut tls, &mut self.sealed)?;
        }
        self.flush(go_on)?;
        self.socket.shutdown(Shutdown::Write)
    }

    fn plain(&mut self, mut rest: &mut [IoSlice<'_>], go_on: impl Fn() -> bool) -> io::Result<()> {
        while !rest.is_empty() {
            {
                let mut tls = lock(&self.tls);
                let taken = tls.writer().write_vectored(rest)?;
                IoSlice::advance_slices(&mut rest, taken);
                seal(&mut tls, &mut self.sealed)?;
            }
            self.flush(&go_on)?;
        }
        Ok(())
    }

    fn flush(&mut self, go_on: impl Fn() -> bool) -> io::Result<()> {
        let mut rest = &self.sealed[..];
        while !rest.is_empty() {
            match (&self.socket).write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) && go_on() => {}
                Err(error) => return Err(error),
            }
        }
        self.sealed.clear();
        Ok(())
    }
}

/// The half that reads.
#[derive(Debug)]
pub(super) struct Reader {
    tls: Arc<Mutex<Connection>>,
    socket: TcpStream,
    buffer: Vec<u8>,
    assembler: Assembler,
    begun: bool,
    /// How long the socket waits for bytes.
    within: Option<Duration>,
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadEnd {
    #[error("it closed its connection")]
    Closed,
    #[error("its connection ended without a farewell")]
    Cut,
    #[error("its connection broke: {0}")]
    Broken(io::Error),
    #[error("nothing came from it")]
    Silent,
    #[error("its bytes are not what TLS expects: {0}")]
    Tls(rustls::Error),
    #[error("{0}")]
    Frame(FrameFault),
}

impl Reader {
    /// Waits for bytes, adds the frames that they complete, possibly none, and says how many bytes came: none when
    /// the time is over. Frames before the end are added even when the end is reported.
    ///
    /// Nothing in `silence_max` is the end; `within` is at most as long.
    pub(super) fn read(
        &mut self,
        frames: &mut Vec<(u64, Frame)>,
        within: Duration,
        silence_max: Duration,
    ) -> Result<usize, ReadEnd> {
        if !self.begun {
            // What came together with the greeting is in the TLS state already.
            self.begun = true;
            return open(&mut lock(&self.tls), &mut self.assembler, frames).map(|()| 0);
        }
        self.limit(within)?;
        let read = loop {
            match self.socket.read(&mut self.buffer) {
                Ok(0) => return Err(ReadEnd::Cut),
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) && within < silence_max => return Ok(0),
                Err(error) if is_timeout(&error) => return Err(ReadEnd::Silent),
                Err(error) => return Err(ReadEnd::Broken(error)),
            }
        };
        let mut rest = self.buffer.get(..read).unwrap_or_default();
        let mut tls = lock(&self.tls);
        while !rest.is_empty() {
            match tls.read_tls(&mut rest) {
                // TLS takes nothing when a record announces more than a record may have.
                Ok(0) => return Err(ReadEnd::Broken(ErrorKind::InvalidData.into())),
                Ok(_) => open(&mut tls, &mut self.assembler, frames)?,
                Err(error) => return Err(ReadEnd::Broken(error)),
            }
        }
        Ok(read)
    }

    /// A handle by which other threads can end the connection at once.
    pub(super) fn socket(&self) -> io::Result<TcpStream> {
        self.socket.try_clone()
    }

    /// Sets how long the socket waits; nearly always it is what it was, which saves a system call.
    fn limit(&mut self, within: Duration) -> Result<(), ReadEnd> {
        // The system takes zero as no limit at all, and so it must not be asked for it.
        let within = within.max(Duration::from_millis(1));
        if self.within != Some(within) {
            self.socket.set_read_timeout(Some(within)).map_err(ReadEnd::Broken)?;
            self.within = Some(within);
        }
        Ok(())
    }
}

/// Decrypts what the TLS state holds and puts frames together.
fn open(
    tls: &mut Connection,
    assembler: &mut Assembler,
    frames: &mut Vec<(u64, Frame)>,
) -> Result<(), ReadEnd> {
    let state = tls.process_new_packets().map_err(ReadEnd::Tls)?;
    let mut left = state.plaintext_bytes_to_read();
    let mut reader = tls.reader();
    while left > 0 {
        let piece = reader.fill_buf().map_err(ReadEnd::Broken)?;
        let taken = piece.len();
        if taken == 0 {
            break;
        }
        assembler.push(piece, frames).map_err(ReadEnd::Frame)?;
        reader.consume(taken);
        left = left.saturating_sub(taken);
    }
    if state.peer_has_closed() { Err(ReadEnd::Closed) } else { Ok(()) }
}

/// Moves everything that is encrypted to `sealed`.
fn seal(tls: &mut Connection, sealed: &mut Vec<u8>) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(sealed)?;
    }
    Ok(())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn lock(tls: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    tls.lock().unwrap_or_else(PoisonError::into_inner)
}
