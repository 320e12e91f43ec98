//! Frames on the wire: how they are written, and a decoder that takes whatever comes.
//!
//! | bytes | field, little-endian |
//! | --- | --- |
//! | 4 | length of the body |
//! | 1 | kind: 0 data, 1 keep-alive |
//! | 4 | depth, the sender's Lamport clock |
//! | 8 | channel |
//! | length | body |
//!
//! A keep-alive has neither body nor channel nor depth: these fields are zero.

use bytes::Bytes;
use engine::session::Frame;

pub(super) const HEADER_BYTES: usize = 17;

const DATA: u8 = 0;
const KEEP_ALIVE: u8 = 1;

/// A keep-alive as it is written.
pub(super) const KEEP_ALIVE_FRAME: [u8; HEADER_BYTES] = {
    let mut bytes = [0; HEADER_BYTES];
    bytes[4] = KEEP_ALIVE;
    bytes
};

/// The header of a data frame; `length` is that of its body.
pub(super) fn header(channel: u64, depth: u32, length: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let (length_field, rest) = bytes.split_at_mut(4);
    length_field.copy_from_slice(&length.to_le_bytes());
    let (kind, rest) = rest.split_at_mut(1);
    kind.copy_from_slice(&[DATA]);
    let (depth_field, channel_field) = rest.split_at_mut(4);
    depth_field.copy_from_slice(&depth.to_le_bytes());
    channel_field.copy_from_slice(&channel.to_le_bytes());
    bytes
}

/// What is wrong with the bytes of a stream of frames. Nothing after it can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameFault {
    #[error("it announced a frame of {found} bytes, more than the limit of {bytes_max}")]
    TooLong { found: usize, bytes_max: usize },
    #[error("it sent a frame of kind {0}, which this version does not know")]
    Kind(u8),
    #[error("it sent a keep-alive that carries something")]
    KeepAlive,
}

/// Puts frames together from the pieces in which a stream's bytes come.
#[derive(Debug)]
pub(super) struct Assembler {
    bytes_max: usize,
    header: [u8; HEADER_BYTES],
    header_filled: usize,
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    channel: u64,
    depth: u32,
    length: usize,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes frames whose bodies have at most `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, header: [0; HEADER_BYTES], header_filled: 0, body: None }
    }

    /// Takes the next piece and adds the frames that it completes, each with its channel.
    pub(super) fn push(
        &mut self,
        mut piece: &[u8],
        frames: &mut Vec<(u64, Frame)>,
    ) -> Result<(), FrameFault> {
        loop {
            if self.body.is_none() {
                if !self.fill_header(&mut piece) {
                    return Ok(());
                }
                self.body = self.begin()?;
            }
            let Some(body) = &mut self.body else { continue };
            let (taken, rest) = piece.split_at(piece.len().min(body.length - body.bytes.len()));
            body.bytes.extend_from_slice(taken);
            piece = rest;
            if body.bytes.len() < body.length {
                return Ok(());
            }
            if let Some(Body { channel, depth, bytes, .. }) = self.body.take() {
                frames.push((channel, Frame { depth, body: Bytes::from(bytes) }));
            }
        }
    }

    /// Fills the header from `piece`; whether it is complete.
    fn fill_header(&mut self, piece: &mut &[u8]) -> bool {
        let missing = &mut self.header[self.header_filled..];
        let (taken, rest) = piece.split_at(piece.len().min(missing.len()));
        missing[..taken.len()].copy_from_slice(taken);
        self.header_filled += taken.len();
        *piece = rest;
        self.header_filled == HEADER_BYTES
    }

    /// Reads the complete header; `None` for a keep-alive.
    fn begin(&mut self) -> Result<Option<Body>, FrameFault> {
        /// Room is made as bytes come, so that a header alone can't claim the whole limit.
        const RESERVED_MAX: usize = 4 << 20;
        let [l0, l1, l2, l3, kind, d0, d1, d2, d3, channel @ ..] = self.header;
        self.header_filled = 0;
        match kind {
            DATA => {
                let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
                if length > self.bytes_max {
                    return Err(FrameFault::TooLong { found: length, bytes_max: self.bytes_max });
                }
                Ok(Some(Body {
                    channel: u64::from_le_bytes(channel),
                    depth: u32::from_le_bytes([d0, d1, d2, d3]),
                    length,
                    bytes: Vec::with_capacity(length.min(RESERVED_MAX)),
                }))
            }
            KEEP_ALIVE if self.header == KEEP_ALIVE_FRAME => Ok(None),
            KEEP_ALIVE => Err(FrameFault::KeepAlive),
            unknown => Err(FrameFault::Kind(unknown)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: usize = 1000;

    fn write(frames: &[(u64, Frame)]) -> Vec<u8> {
        let mut stream = Vec::new();
        for (channel, Frame { depth, body }) in frames {
            stream.extend_from_slice(&header(*channel, *depth, body.len() as u32));
            stream.extend_from_slice(body);
            stream.extend_from_slice(&KEEP_ALIVE_FRAME);
        }
        stream
    }

    fn frames() -> impl Strategy<Value = Vec<(u64, Frame)>> {
        vec(
            (any::<u64>(), any::<u32>(), vec(any::<u8>(), 0..=BYTES_MAX))
                .prop_map(|(channel, depth, body)| (channel, Frame { depth, body: body.into() })),
            0..8,
        )
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(sent in frames(), cuts in vec(1_usize..400, 1..64)) {
            let stream = write(&sent);
            let (mut rest, mut received, mut assembler) = (&stream[..], Vec::new(), Assembler::new(BYTES_MAX));
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at(rest.len().min(*cut));
                assembler.push(piece, &mut received).unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn any_bytes_are_taken_or_refused_within_the_limit(stream in vec(any::<u8>(), 0..4000)) {
            let (mut received, mut assembler) = (Vec::new(), Assembler::new(BYTES_MAX));
            if assembler.push(&stream, &mut received).is_ok() {
                let bytes: usize = received.iter().map(|(_, frame)| frame.body.len()).sum();
                prop_assert!(bytes <= stream.len());
            }
            prop_assert!(received.iter().all(|(_, frame)| frame.body.len() <= BYTES_MAX));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_by_name() {
        let refused = |stream: &[u8]| Assembler::new(BYTES_MAX).push(stream, &mut Vec::new()).unwrap_err();
        assert_eq!(refused(&header(1, 2, 1001)), FrameFault::TooLong { found: 1001, bytes_max: 1000 });
        assert_eq!(
            refused(&header(1, 2, u32::MAX)),
            FrameFault::TooLong { found: u32::MAX as usize, bytes_max: 1000 }
        );
        let mut unknown = KEEP_ALIVE_FRAME;
        unknown[4] = 9;
        assert_eq!(refused(&unknown), FrameFault::Kind(9));
        let mut loaded = KEEP_ALIVE_FRAME;
        loaded[0] = 1;
        assert_eq!(refused(&loaded), FrameFault::KeepAlive);
    }

    #[test]
    fn an_announced_body_takes_no_memory_before_it_comes() {
        let mut assembler = Assembler::new(1 << 30);
        assembler.push(&header(0, 0, 1 << 30), &mut Vec::new()).unwrap();
        assert!(assembler.body.unwrap().bytes.capacity() <= 4 << 20);
    }
}
