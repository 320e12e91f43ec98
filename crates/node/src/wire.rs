//! Binary bodies between nodes: length-prefixed fields, read by a total decoder.

use thiserror::Error;

/// Why bytes from another node are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    /// The body ends inside a field.
    #[error("the body ends inside a field")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("{0} bytes are left after the last field")]
    Trailing(usize),
    /// A count or length is larger than anything that this node would send.
    #[error("a field says {found}, at most {max} are accepted")]
    TooMany {
        /// What it says.
        found: u64,
        /// The bound.
        max: u64,
    },
}

/// Appends fields.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn number(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Exactly these bytes; the reader knows how many.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A length, then the bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.raw(bytes)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes fields off the front.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn raw<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (field, rest) = self.0.split_first_chunk().ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(*field)
    }

    /// A number of at most `max`.
    pub(crate) fn number(&mut self, max: u32) -> Result<u32, WireError> {
        let found = u32::from_le_bytes(self.raw()?);
        if found > max {
            return Err(WireError::TooMany { found: found.into(), max: max.into() });
        }
        Ok(found)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = u64::from_le_bytes(self.raw()?);
        let max = self.0.len() as u64;
        let length_in_memory =
            usize::try_from(length).map_err(|_| WireError::TooMany { found: length, max })?;
        let (field, rest) = self.0.split_at_checked(length_in_memory).ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(field)
    }

    pub(crate) fn finish(self) -> Result<(), WireError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(WireError::Trailing(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_every_cut_is_noticed() {
        let mut writer = Writer::default();
        writer.number(7).raw(&[1; 4]).bytes(b"hello");
        let body = writer.finish();
        let read = |body: &[u8]| -> Result<(u32, [u8; 4], Vec<u8>), WireError> {
            let mut reader = Reader::new(body);
            let fields = (reader.number(9)?, reader.raw()?, reader.bytes()?.to_vec());
            reader.finish()?;
            Ok(fields)
        };
        assert_eq!(read(&body), Ok((7, [1; 4], b"hello".to_vec())));
        for cut in 0..body.len() {
            assert_eq!(read(&body[..cut]), Err(WireError::Truncated), "cut at {cut}");
        }
        let longer = [&body[..], b"x"].concat();
        assert_eq!(read(&longer), Err(WireError::Trailing(1)));
        assert_eq!(Reader::new(&[8, 0, 0, 0]).number(7), Err(WireError::TooMany { found: 8, max: 7 }));
    }

    #[test]
    fn a_length_beyond_memory_is_refused() {
        assert_eq!(Reader::new(&[0xff; 8]).bytes(), Err(WireError::Truncated));
    }
}
