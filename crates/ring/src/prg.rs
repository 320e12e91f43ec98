//! Keyed random streams.

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Block};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::column::Column;
use crate::element::Ring;

/// The secret from which a [`Prg`] grows; wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

impl From<[u8; 32]> for Seed {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Seed {
    /// The seed's bytes, for sending it to the peer that shares it.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A seed for one purpose, named by `label`: unrelated to this seed and to that of any other label.
    #[must_use]
    pub fn child(&self, label: &[u8]) -> Self {
        Self(*blake3::keyed_hash(&self.0, label).as_bytes())
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(secret)")
    }
}

/// A pseudo-random stream: AES-128 in counter mode under a key derived from a [`Seed`] by BLAKE3.
///
/// Blocks are encrypted 256 at a time, so that the cipher's pipelined path is used. Elements are taken in
/// whole blocks of 16 bytes: two holders of one seed that ask for the same numbers of elements in the same
/// order get the same elements.
pub struct Prg {
    seed: Seed,
    cipher: Aes128Enc,
    counter: u64,
}

/// Blocks encrypted per call: 4 KiB, well within the first-level cache.
const BATCH: usize = 256;
const BLOCK_BYTES: usize = 16;

impl Prg {
    /// The stream of `seed`, from its start.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        let mut key = blake3::derive_key("treaty 2026 ring prg aes-128 key", seed.expose());
        let mut half = [0; 16];
        half.copy_from_slice(&key[..16]);
        let cipher = Aes128Enc::new(&half.into());
        key.zeroize();
        half.zeroize();
        Self { seed, cipher, counter: 0 }
    }

    /// The stream for one purpose, named by `label`; it doesn't depend on how much of this one was used.
    #[must_use]
    pub fn child(&self, label: &[u8]) -> Self {
        Self::new(self.seed.child(label))
    }

    /// The same stream from its start, with the same children: for what is not sent, or must come out alike.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self::new(self.seed.clone())
    }

    /// Fills `out` with the next elements of the stream.
    pub fn fill<D: Ring>(&mut self, out: &mut [D]) {
        let mut blocks = [Block::default(); BATCH];
        for chunk in out.chunks_mut(BATCH * BLOCK_BYTES / D::BYTES) {
            let used = (chunk.len() * D::BYTES).div_ceil(BLOCK_BYTES);
            let blocks = &mut blocks[..used];
            self.next_blocks(blocks);
            D::read_le(Block::slice_as_flattened(blocks), chunk);
        }
        blocks.fill(Block::default());
        zeroize::optimization_barrier(&blocks);
    }

    /// The next `len` elements of the stream.
    #[must_use]
    pub fn elements<D: Ring>(&mut self, len: usize) -> Column<D> {
        let mut out = Column::zeros(len);
        self.fill(out.values_mut());
        out
    }

    fn next_blocks(&mut self, blocks: &mut [Block]) {
        for (block, counter) in blocks.iter_mut().zip(self.counter..) {
            *block = u128::from(counter).to_le_bytes().into();
        }
        self.counter += blocks.len() as u64;
        self.cipher.encrypt_blocks(blocks);
    }
}

impl fmt::Debug for Prg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prg(at block {})", self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Lanes;

    fn prg(byte: u8) -> Prg {
        Prg::new(Seed::from([byte; 32]))
    }

    #[test]
    fn equal_seeds_give_equal_streams_whatever_the_batches() {
        let whole = prg(1).elements::<u64>(2000);
        let mut parts = prg(1);
        let mut joined: Vec<u64> = Vec::new();
        for len in [2, 510, 512, 976] {
            joined.extend(parts.elements::<u64>(len).values());
        }
        assert_eq!(whole.values(), joined);
        let wide = prg(1).elements::<u128>(1000);
        assert_eq!(wide.values()[7] as u64, whole.values()[14]);
    }

    #[test]
    fn the_stream_is_aes_in_counter_mode() {
        let stream = prg(3).elements::<u128>(300);
        let key = blake3::derive_key("treaty 2026 ring prg aes-128 key", &[3; 32]);
        let mut half = [0; 16];
        half.copy_from_slice(&key[..16]);
        let mut block = Block::from(299u128.to_le_bytes());
        Aes128Enc::new(&half.into()).encrypt_block(&mut block);
        assert_eq!(stream.values()[299].to_le_bytes().as_slice(), block.as_slice());
    }

    #[test]
    fn children_differ_from_each_other_and_from_their_parent() {
        let parent = prg(1);
        let take = |mut prg: Prg| prg.elements::<u128>(2);
        let all = [take(parent.child(b"a")), take(parent.child(b"b")), take(prg(1)), take(prg(2))];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b));
        }
        assert_eq!(take(parent.child(b"a")), all[0]);
    }

    #[test]
    fn bits_are_balanced() {
        let words = prg(9).elements::<Lanes>(100_000);
        let ones: u32 = words.values().iter().map(|word| word.0.count_ones()).sum();
        // 6.4 million fair coins: the standard deviation is 1265.
        assert!((i64::from(ones) - 3_200_000).abs() < 8 * 1265, "{ones} ones");
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?} {:?}", Seed::from([7; 32]), prg(7)), "Seed(secret) Prg(at block 0)");
    }
}
