//! Mutations of bytes, as fuzzers make them.

/// The finaliser of SplitMix64, in turns.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Bytes that decoders find special.
const SPECIAL: [&[u8]; 8] = [
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\"",
    b"{",
    b"18446744073709551616",
    b"\n",
];

/// One of the valid inputs with one to eight changes; or, one time in sixteen, bytes at random.
pub(crate) fn mutated(seed: u64, valid: &[Vec<u8>]) -> Vec<u8> {
    let mut random = Random(seed);
    if seed % 16 == 15 {
        return (0..random.below(300)).map(|_| random.next() as u8).collect();
    }
    let mut bytes = valid[random.below(valid.len())].clone();
    for _ in 0..=random.below(8) {
        change(&mut bytes, valid, &mut random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, valid: &[Vec<u8>], random: &mut Random) {
    let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
    let range = from.min(to)..from.max(to).min(from.min(to) + 64);
    match random.below(8) {
        0 => bytes.truncate(from),
        1 => drop(bytes.drain(range)),
        2 => {
            let copy = bytes[range].to_vec();
            bytes.splice(to..to, copy);
        }
        3 => {
            let special = SPECIAL[random.below(SPECIAL.len())];
            bytes.splice(from..from, special.iter().copied());
        }
        4 => {
            let special = SPECIAL[random.below(SPECIAL.len())];
            let end = (from + special.len()).min(bytes.len());
            bytes.splice(from..end, special.iter().copied());
        }
        5 => {
            let other = &valid[random.below(valid.len())];
            let start = random.below(other.len());
            let end = (start + random.below(64)).min(other.len());
            bytes.splice(from..from, other[start..end].iter().copied());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}
