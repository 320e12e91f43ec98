//! Powers of two in the clear, in integers alone, so that all machines compute the same bits.

/// Fraction bits of a mantissa.
pub(super) const FRACTION: u32 = 62;

/// ln 2, scaled by 2^64.
pub(super) const LN_2: u64 = 0xb172_17f7_d1cf_79ab;

const ONE: u64 = 1 << FRACTION;

/// The highest bits of a fraction, of which the powers are tabulated.
const TABULATED: u32 = 6;

/// 2^(i / 64), scaled by 2^62.
const POWERS: [u64; 1 << TABULATED] = {
    let mut powers = [0; 1 << TABULATED];
    let mut place = 0;
    while place < powers.len() {
        powers[place] = series((LN_2 >> TABULATED) * place as u64, 20);
        place += 1;
    }
    powers
};

/// 2^x, between 1 and 2, scaled by 2^62, of a fraction x scaled by 2^64: within 2^-40 of its value.
pub(super) fn mantissa_of_power(fraction: u64) -> u64 {
    let tabulated = POWERS.get((fraction >> (64 - TABULATED)) as usize).copied().unwrap_or(ONE);
    let rest = high_product(fraction << TABULATED, LN_2) >> TABULATED;
    ((u128::from(tabulated) * u128::from(series(rest, 5))) >> FRACTION) as u64
}

/// eˣ by so many terms of its series, scaled by 2^62, of x < 1 scaled by 2^64.
const fn series(x: u64, terms: u64) -> u64 {
    let (mut sum, mut term) = (ONE, terms);
    while term > 0 {
        sum = ONE + high_product(sum, x) / term;
        term -= 1;
    }
    sum
}

/// The product of two numbers divided by 2^64.
const fn high_product(x: u64, y: u64) -> u64 {
    ((x as u128 * y as u128) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(fraction: u64) {
        let exact = (fraction as f64 / 64f64.exp2()).exp2();
        let found = mantissa_of_power(fraction) as f64 / 62f64.exp2();
        assert!(
            (found / exact - 1.0).abs() < 40f64.exp2().recip(),
            "2^({fraction} / 2^64) gave {found}, not {exact}"
        );
    }

    proptest! {
        #[test]
        fn powers_are_within_the_stated_error(fraction: u64) {
            check(fraction);
        }
    }

    #[test]
    fn powers_at_the_ends_are_too() {
        for fraction in [0, 1, (1 << 58) - 1, 1 << 58, u64::MAX] {
            check(fraction);
        }
    }
}
