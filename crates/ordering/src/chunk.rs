//! The bytes of a snapshot's chunk: whole entries of the log, each behind its length (4 bytes, little-endian).

/// A chunk of these entries.
pub(crate) fn encode(leaves: &[Vec<u8>]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(leaves.iter().map(|leaf| leaf.len() + 4).sum());
    for leaf in leaves {
        // An entry has a mebibyte at most.
        chunk.extend_from_slice(&u32::try_from(leaf.len()).unwrap_or(u32::MAX).to_le_bytes());
        chunk.extend_from_slice(leaf);
    }
    chunk
}

/// The entries in a chunk; none when it is not made of whole ones.
pub(crate) fn decode(mut chunk: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut leaves = Vec::new();
    while let Some((length, rest)) = chunk.split_first_chunk::<4>() {
        let (leaf, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        leaves.push(leaf.to_vec());
        chunk = rest;
    }
    chunk.is_empty().then_some(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_read_as_it_was_written_and_never_in_part() {
        let leaves = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
        let chunk = encode(&leaves);
        assert_eq!(decode(&chunk), Some(leaves));
        let whole = [0, 7, 11, chunk.len()];
        for cut in 0..=chunk.len() {
            assert_eq!(decode(&chunk[..cut]).is_some(), whole.contains(&cut), "cut at {cut}");
        }
        assert_eq!(decode(&[0xff; 9]), None);
    }
}
