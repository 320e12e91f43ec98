//! Elements of rings, as they come in frames and share messages.

use ring::{Gf64, Lanes, Mersenne61, PackedBits, Ring, Wide};

/// In every ring: all bytes are elements, missing ones leave what was there, and elements are written as they were read.
pub(crate) fn elements(bytes: &[u8]) -> bool {
    exact::<u64>(bytes);
    exact::<u128>(bytes);
    exact::<Lanes>(bytes);
    exact::<Gf64>(bytes);
    exact::<Wide>(bytes);
    // A field has fewer elements than words: what was written is read as the same element.
    let elements = read::<Mersenne61>(bytes);
    assert_eq!(read::<Mersenne61>(Mersenne61::as_bytes(&elements)), elements);
    bits(bytes);
    true
}

fn read<D: Ring>(bytes: &[u8]) -> Vec<D> {
    let mut elements = vec![D::ONE; bytes.len() / D::BYTES + 1];
    D::read_le(bytes, &mut elements);
    assert_eq!(elements.pop(), Some(D::ONE), "an element that is not whole was read");
    elements
}

fn exact<D: Ring>(bytes: &[u8]) {
    let elements = read::<D>(bytes);
    assert_eq!(Some(D::as_bytes(&elements)), bytes.get(..elements.len() * D::BYTES));
}

/// Packed bits of any length from any words.
fn bits(bytes: &[u8]) {
    let (len, words) = bytes.split_first().map_or((0, bytes), |(len, rest)| (usize::from(*len), rest));
    let packed = PackedBits::from_words(read(words), len);
    assert_eq!(packed.iter().count(), len);
    assert_eq!(packed.iter().collect::<PackedBits>(), packed);
}
