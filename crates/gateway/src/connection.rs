//! A connection as whole messages, in time: who says nothing or takes nothing keeps no place for long.

use std::{io, time::Duration};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::{
    refusal::Refusal,
    wire::{Messages, STARTUP_BYTES_MAX},
};

/// Bytes that a client must have taken when its patience ends: those of the slowest line that is served, 2 KiB/s.
const PIECE_BYTES: usize = 1 << 16;

/// A stream of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A client's stream of bytes.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// For the rest of a message that has begun, and for each piece of an answer.
    patience: Duration,
}

impl Connection {
    pub(crate) fn new(stream: impl Stream + 'static, patience: Duration) -> Self {
        Self { stream: Box::new(stream), patience }
    }

    /// The same with TLS. Whole messages were read and no byte more: nothing sent before counts afterwards.
    pub(crate) async fn protected(mut self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        self.byte(b'S').await?;
        let stream = in_time(self.patience, acceptor.accept(self.stream)).await?;
        Ok(Self::new(stream, self.patience))
    }

    /// The first message, which has no letter; `None` at the end of the connection.
    pub(crate) async fn first(&mut self) -> io::Result<Option<Vec<u8>>> {
        in_time(self.patience, framed(&mut self.stream, STARTUP_BYTES_MAX)).await
    }

    /// The next message with its letter, which is waited for so long; `None` at the end of the connection.
    ///
    /// A message that does not come in time is an error of the kind `TimedOut`.
    pub(crate) async fn message(
        &mut self,
        idle: Duration,
        bytes_max: usize,
    ) -> io::Result<Option<(u8, Vec<u8>)>> {
        let Some(letter) = not_ended(in_time(idle, self.stream.read_u8()).await)? else { return Ok(None) };
        let body = in_time(self.patience, framed(&mut self.stream, bytes_max)).await?;
        Ok(body.map(|body| (letter, body)))
    }

    /// An answer that is one byte, to what is asked before the first message.
    pub(crate) async fn byte(&mut self, answer: u8) -> io::Result<()> {
        self.write(&[answer]).await
    }

    pub(crate) async fn send(&mut self, out: Messages) -> io::Result<()> {
        self.write(out.bytes()).await
    }

    /// Says why, and ends the connection.
    pub(crate) async fn refuse(mut self, refusal: &Refusal) -> io::Result<()> {
        let mut out = Messages::default();
        out.error(refusal, true);
        self.send(out).await?;
        in_time(self.patience, self.stream.shutdown()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE_BYTES) {
            in_time(self.patience, self.stream.write_all(piece)).await?;
        }
        in_time(self.patience, self.stream.flush()).await
    }
}

async fn in_time<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(patience, work).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// A length, which counts itself, and as many bytes; `None` at the end of the connection.
async fn framed(stream: &mut Box<dyn Stream>, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = not_ended(stream.read_u32().await)? else { return Ok(None) };
    let length = (length as usize).checked_sub(4).filter(|length| *length <= bytes_max);
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body).await?;
    Ok(Some(body))
}

fn not_ended<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn who_takes_nothing_or_says_half_is_not_waited_for() {
        let (here, mut there) = tokio::io::duplex(1 << 10);
        let mut connection = Connection::new(here, SHORT);
        let mut large = Messages::default();
        large.notice(&"x".repeat(1 << 17));
        let untaken = connection.send(large).await.unwrap_err();
        assert_eq!(untaken.kind(), io::ErrorKind::TimedOut);
        let silent = connection.message(SHORT, 10).await.unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
        there.write_all(b"Q\0\0\0\x07ab").await.unwrap();
        let half = connection.message(LONG, 10).await.unwrap_err();
        assert_eq!(half.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn messages_are_whole_and_bounded() {
        let (here, mut there) = tokio::io::duplex(1 << 10);
        let mut connection = Connection::new(here, LONG);
        there.write_all(b"Q\0\0\0\x07abcX\0\0\0\x04P\0\0\0\x0f").await.unwrap();
        assert_eq!(connection.message(LONG, 10).await.unwrap(), Some((b'Q', b"abc".to_vec())));
        assert_eq!(connection.message(LONG, 10).await.unwrap(), Some((b'X', Vec::new())));
        let long = connection.message(LONG, 10).await.unwrap_err();
        assert_eq!(long.kind(), io::ErrorKind::InvalidData);
        drop(there);
        assert_eq!(connection.message(LONG, 10).await.unwrap(), None);
    }
}
