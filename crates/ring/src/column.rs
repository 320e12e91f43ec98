//! A vector of secret elements.

use std::fmt;
use std::ops::Range;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::element::Ring;

/// A vector of secret ring elements: wiped when dropped, and printed only as its length.
///
/// Methods that combine two columns ask for equal lengths and panic otherwise: lengths are public and fixed by
/// the program, never by what a peer sends.
#[derive(Default)]
pub struct Column<D: Ring>(Vec<D>);

impl<D: Ring> Column<D> {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self(D::pool().zeros(len))
    }

    /// `len` times one value.
    #[must_use]
    pub fn filled(value: D, len: usize) -> Self {
        Self::gathered(len, |all| all.resize(len, value))
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The elements.
    #[must_use]
    pub fn values(&self) -> &[D] {
        &self.0
    }

    /// The elements, to change in place.
    pub fn values_mut(&mut self) -> &mut [D] {
        &mut self.0
    }

    /// The elements of `range`. Panics when it reaches beyond the end.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self::gathered(range.len(), |all| all.extend_from_slice(&self.0[range]))
    }

    /// The columns one after another.
    #[must_use]
    pub fn concat(parts: &[&Self]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum();
        Self::gathered(len, |all| parts.iter().for_each(|part| all.extend_from_slice(&part.0)))
    }

    /// Each element changed by `f`.
    #[must_use]
    pub fn map(&self, f: impl Fn(D) -> D) -> Self {
        Self::gathered(self.len(), |all| all.extend(self.0.iter().map(|value| f(*value))))
    }

    /// What `map` adds to `len` zeros.
    #[must_use]
    pub fn mapped_into(&self, len: usize, map: impl Fn(&[D], &mut [D])) -> Self {
        let mut mapped = Self::zeros(len);
        map(&self.0, &mut mapped.0);
        mapped
    }

    /// Each element combined by `f` with the element of `other` at the same place.
    #[must_use]
    pub fn zip(&self, other: &[D], f: impl Fn(D, D) -> D) -> Self {
        assert_eq!(self.len(), other.len(), "columns of different lengths");
        Self::gathered(self.len(), |all| all.extend(self.0.iter().zip(other).map(|(a, b)| f(*a, *b))))
    }

    /// Replaces each element by `f` of it and the element of `other` at the same place.
    pub fn zip_assign(&mut self, other: &[D], f: impl Fn(D, D) -> D) {
        assert_eq!(self.len(), other.len(), "columns of different lengths");
        self.0.iter_mut().zip(other).for_each(|(a, b)| *a = f(*a, *b));
    }

    /// Those values.
    #[must_use]
    pub fn copied(values: &[D]) -> Self {
        Self::gathered(values.len(), |all| all.extend_from_slice(values))
    }

    /// The byte form of the elements, without a copy; wiped when dropped, as the column is.
    #[must_use]
    pub fn into_bytes(self) -> impl AsRef<[u8]> + Send + 'static {
        AsBytes(self)
    }

    fn gathered(len: usize, gather: impl FnOnce(&mut Vec<D>)) -> Self {
        let mut all = D::pool().empty(len);
        gather(&mut all);
        Self(all)
    }

    /// The column seen as blocks of `len` elements: those at `places`, in that order. Panics when one lies
    /// beyond the end.
    #[must_use]
    pub fn blocks(&self, places: &[usize], len: usize) -> Self {
        if len == 1 {
            return Self::gathered(places.len(), |all| all.extend(places.iter().map(|place| self.0[*place])));
        }
        let block = |place: &usize| &self.0[place * len..(place + 1) * len];
        Self::gathered(places.len() * len, |all| {
            places.iter().for_each(|place| all.extend_from_slice(block(place)));
        })
    }
}

impl<D: Ring> From<Vec<D>> for Column<D> {
    fn from(values: Vec<D>) -> Self {
        Self(values)
    }
}

/// In a time that depends on the lengths alone.
impl<D: Ring> PartialEq for Column<D> {
    fn eq(&self, other: &Self) -> bool {
        D::as_bytes(&self.0).ct_eq(D::as_bytes(&other.0)).into()
    }
}

impl<D: Ring> Eq for Column<D> {}

impl<D: Ring> Clone for Column<D> {
    fn clone(&self) -> Self {
        Self::copied(&self.0)
    }
}

impl<D: Ring> Drop for Column<D> {
    fn drop(&mut self) {
        wipe(&mut self.0);
        D::pool().give(std::mem::take(&mut self.0));
    }
}

struct AsBytes<D: Ring>(Column<D>);

impl<D: Ring> AsRef<[u8]> for AsBytes<D> {
    fn as_ref(&self) -> &[u8] {
        D::as_bytes(&self.0.0)
    }
}

impl<D: Ring> Zeroize for Column<D> {
    fn zeroize(&mut self) {
        wipe(&mut self.0);
    }
}

impl<D: Ring> fmt::Debug for Column<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({} secret elements)", self.len())
    }
}

/// Overwrites with zeros in a way that the compiler can't drop; a plain fill is several times faster than
/// element-wise volatile writes.
fn wipe<D: Ring>(values: &mut [D]) {
    values.fill(D::ZERO);
    zeroize::optimization_barrier(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_element() {
        let text = format!("{:?}", Column::from(vec![4_242_424_242u64, 17]));
        assert_eq!(text, "Column(2 secret elements)");
    }

    #[test]
    fn columns_are_wiped() {
        let mut column = Column::from(vec![1u64, 2, 3]);
        column.zeroize();
        assert_eq!(column.values(), [0, 0, 0]);
    }

    #[test]
    fn bytes_are_the_byte_form() {
        let values = vec![1u128, u128::MAX - 7, 1 << 100];
        let mut expected = Vec::new();
        u128::write_le(&values, &mut expected);
        assert_eq!(Column::from(values).into_bytes().as_ref(), expected);
    }

    #[test]
    fn parts_and_rows() {
        let (a, b) = (Column::from(vec![1u64, 2]), Column::from(vec![3, 4, 5]));
        let all = Column::concat(&[&a, &b]);
        assert_eq!(all.slice(1..4).values(), [2, 3, 4]);
        assert_eq!(all.blocks(&[4, 0], 1).values(), [5, 1]);
        assert_eq!(all.blocks(&[1, 0], 2).values(), [3, 4, 1, 2]);
        assert_eq!(a.zip(&[10, 20], Ring::plus).values(), [11, 22]);
    }
}
