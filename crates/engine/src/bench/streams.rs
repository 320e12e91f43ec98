//! How fast random streams come, of which every product takes as many elements as it has.

use std::time::Instant;

use ring::{Lanes, Prg, Seed, cipher_instructions};

/// What one stream yields on one core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Streams {
    /// Bytes in a second, in buffers that stay in the first-level cache.
    pub bytes_per_second: f64,
    /// The processor's instructions with which they are made.
    pub instructions: &'static str,
}

impl Streams {
    /// Takes 256 MiB from a stream.
    #[must_use]
    pub fn measured() -> Self {
        const WORDS: usize = 1 << 11;
        const TIMES: usize = 1 << 14;
        let mut prg = Prg::new(Seed::from([0; 32]));
        let mut words = [Lanes(0); WORDS];
        let start = Instant::now();
        (0..TIMES).for_each(|_| prg.fill(std::hint::black_box(&mut words)));
        let bytes = (8 * WORDS * TIMES) as f64;
        Self { bytes_per_second: bytes / start.elapsed().as_secs_f64(), instructions: cipher_instructions() }
    }
}
