//! The bytes of a snapshot's chunk: the number of hashes in its proof (1 byte), the hashes (32 bytes each), then whole
//! entries of the log, each behind its length (4 bytes, little-endian).

use contract::Hash;

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// That the whole log begins with these entries and those before.
    pub(crate) proof: Vec<Hash>,
    /// The entries.
    pub(crate) leaves: Vec<Vec<u8>>,
}

impl Chunk {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let entries: usize = self.leaves.iter().map(|leaf| leaf.len() + 4).sum();
        let mut bytes = Vec::with_capacity(1 + 32 * self.proof.len() + entries);
        // A proof has 65 hashes at most, an entry a mebibyte.
        bytes.push(u8::try_from(self.proof.len()).unwrap_or(u8::MAX));
        self.proof.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        for leaf in &self.leaves {
            bytes.extend_from_slice(&u32::try_from(leaf.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend_from_slice(leaf);
        }
        bytes
    }

    /// None when it is not made of whole hashes and entries.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hashes, mut bytes) = bytes.split_first()?;
        let mut proof = Vec::new();
        for _ in 0..*hashes {
            let (hash, rest) = bytes.split_first_chunk::<32>()?;
            proof.push(Hash::from_bytes(*hash));
            bytes = rest;
        }
        let mut leaves = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let (leaf, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            leaves.push(leaf.to_vec());
            bytes = rest;
        }
        bytes.is_empty().then_some(Self { proof, leaves })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_read_as_it_was_written_and_never_in_part() {
        let leaves = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
        let chunk = Chunk { proof: vec![Hash::from_bytes([1; 32]), Hash::from_bytes([2; 32])], leaves };
        let bytes = chunk.to_bytes();
        assert_eq!(Chunk::from_bytes(&bytes), Some(chunk));
        let whole = [65, 72, 76, bytes.len()];
        for cut in 0..=bytes.len() {
            assert_eq!(Chunk::from_bytes(&bytes[..cut]).is_some(), whole.contains(&cut), "cut at {cut}");
        }
        assert_eq!(Chunk::from_bytes(&[0xff; 9]), None);
    }
}
