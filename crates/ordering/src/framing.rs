//! Where a message ends: protobuf behind its length as a varint.

use std::io::{self, BufRead, Read};

/// The largest message that is read: a block or a chunk of a snapshot, and room.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// The next message; `None` when the other side has hung up between two.
pub(crate) fn read_message(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
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
        let message = [7; 300];
        let bytes = [&[0xac, 0x02][..], &message].concat();
        let read = |bytes: &[u8]| read_message(&mut &*bytes);
        assert_eq!(read(&bytes).unwrap(), Some(message.to_vec()));
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
