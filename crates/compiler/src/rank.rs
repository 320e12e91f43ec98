//! The rank of a matrix of zeros and ones, computed modulo a prime that nobody knows beforehand.
//!
//! Modulo a prime, a rank comes out too low if the prime divides a minor of the matrix. Whoever chooses the matrix can
//! build a minor that is a multiple of a prime that is known; of one drawn at random among some 2^55, it cannot.

use std::collections::BTreeMap;

/// Numbers modulo a prime of 61 bits.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    prime: u64,
}

impl Field {
    /// The field of the first prime from a number on; of that number, 59 bits count. It is to be random.
    pub fn from_random(number: u64) -> Self {
        let mut prime = number >> 4 | 1 << 60 | 1;
        while !is_prime(prime) {
            prime += 2;
        }
        Self { prime }
    }

    /// The rank of the matrix whose columns are given by where they are 1; by elimination.
    pub(crate) fn rank(self, columns: &[&Vec<u32>]) -> usize {
        let mut basis: BTreeMap<u32, BTreeMap<u32, u64>> = BTreeMap::new();
        for column in columns {
            let mut rest: BTreeMap<u32, u64> = column.iter().map(|row| (*row, 1)).collect();
            while let Some((&lead, &value)) = rest.first_key_value() {
                let Some(pivot) = basis.get(&lead) else {
                    let scale = self.inverse(value);
                    let scaled = rest.iter().map(|(row, value)| (*row, times(*value, scale, self.prime)));
                    basis.insert(lead, scaled.collect());
                    break;
                };
                for (row, of) in pivot {
                    let entry = rest.entry(*row).or_insert(0);
                    *entry = (*entry + self.prime - times(*of, value, self.prime)) % self.prime;
                    if *entry == 0 {
                        rest.remove(row);
                    }
                }
            }
        }
        basis.len()
    }

    /// By Fermat's little theorem.
    fn inverse(self, x: u64) -> u64 {
        power(x, self.prime - 2, self.prime)
    }
}

/// Miller and Rabin's test with the first twelve primes, which is exact below 3·10^23 (Sorenson and Webster, *Strong
/// pseudoprimes to twelve prime bases*, Math. Comp. 2017). `number` is odd and above them.
fn is_prime(number: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    let twos = (number - 1).trailing_zeros();
    let odd = (number - 1) >> twos;
    BASES.iter().all(|base| {
        let mut x = power(*base, odd, number);
        let mut is_witness = x != 1 && x != number - 1;
        for _ in 1..twos {
            x = times(x, x, number);
            is_witness &= x != number - 1;
        }
        !is_witness
    })
}

fn times(x: u64, y: u64, modulus: u64) -> u64 {
    // The remainder is below the modulus.
    (u128::from(x) * u128::from(y) % u128::from(modulus)) as u64
}

fn power(x: u64, mut exponent: u64, modulus: u64) -> u64 {
    let (mut square, mut result) = (x, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, square, modulus);
        }
        square = times(square, square, modulus);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{Field, is_prime};

    #[test]
    fn primes_are_told_from_what_looks_like_them() {
        let primes = [41, 7919, (1 << 31) - 1, (1 << 61) - 1, 4_294_967_291];
        let composites = [49, 561, 3_215_031_751, 341_550_071_728_321, 3_825_123_056_546_413_051];
        assert!(primes.into_iter().all(is_prime));
        assert!(!composites.into_iter().any(is_prime));
    }

    /// Sums s, s + n and so on that double, so that a minor is 2^61 - 1: known to be prime, but not the one drawn.
    #[test]
    fn a_minor_that_is_a_known_prime_does_not_lower_the_rank() {
        let mut columns: Vec<Vec<u32>> = Vec::new();
        for i in 0..60 {
            let [p, n, m] = [3 * i, 3 * i + 1, 3 * i + 2];
            columns.extend([vec![p, n], vec![p, m], vec![n, m, p + 3]]);
        }
        let without = columns.len();
        columns.push((0..61).map(|i| 3 * i).collect());
        let columns: Vec<&Vec<u32>> = columns.iter().collect();
        for number in [0, 1 << 40, u64::MAX / 3, 0x9e37_79b9_7f4a_7c15] {
            let field = Field::from_random(number);
            assert_eq!(field.rank(&columns[..without]), without);
            assert_eq!(field.rank(&columns), without + 1, "{field:?}");
        }
        assert_eq!(Field { prime: (1 << 61) - 1 }.rank(&columns), without);
    }
}
