//! Exact quotients and roots whose scaled operands exceed 128 bits.

/// ⌊n · 2^fraction / d⌋ for d > 0, where the result has at most 126 bits.
pub(super) fn divide(n: i128, d: i128, fraction: u8) -> i128 {
    let (mut quotient, mut remainder) = (n.div_euclid(d), n.rem_euclid(d));
    // Schoolbook long division, one binary place at a time; the remainder stays below d.
    for _ in 0..fraction {
        remainder *= 2;
        let digit = i128::from(remainder >= d);
        remainder -= digit * d;
        quotient = 2 * quotient + digit;
    }
    quotient
}

/// ⌊√(x · 2^shift)⌋ for x < 2^118 and a result below 2^111.
pub(super) fn square_root(x: u128, shift: i32) -> u128 {
    let bit = |position: i32| match u32::try_from(position - shift) {
        Ok(place) if place < u128::BITS => (x >> place) & 1,
        _ => 0,
    };
    // The digit-by-digit method in base 4: before each step root = ⌊√prefix⌋ and remainder = prefix − root².
    let (mut root, mut remainder) = (0u128, 0u128);
    let width = u128::BITS as i32 + shift.max(0);
    for digit in (0..=width / 2).rev() {
        remainder = remainder << 2 | bit(2 * digit + 1) << 1 | bit(2 * digit);
        let trial = root << 2 | 1;
        root <<= 1;
        if remainder >= trial {
            remainder -= trial;
            root |= 1;
        }
    }
    root
}

/// ⌊x / 2^places⌋.
pub(super) fn shift_right(x: i128, places: u8) -> i128 {
    x >> u32::from(places).min(i128::BITS - 1)
}

/// x · 2^places, if 128 bits hold it.
pub(super) fn shift_left(x: i128, places: u8) -> Option<i128> {
    x.checked_mul(1i128.checked_shl(places.into()).filter(|factor| *factor > 0)?)
}
