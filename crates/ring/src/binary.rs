//! Small fields of characteristic 2, bit-sliced.
//!
//! A column of elements is held as *planes*: plane `i` has, for 64 elements a word, the coefficients of x^i. Planes that are
//! missing at the end are zero. Sums and products by a constant are XORs of planes; a product of two columns takes an AND
//! for each pair of planes and 64 elements. Nothing branches on what the planes hold.

use crate::column::Column;
use crate::element::Ring;
use crate::field::Gf64;
use crate::lanes::Lanes;

/// A field of 4, 16 or 256 elements, each of which is part of the next. An element is a polynomial: bit `i` of its byte is
/// the coefficient of x^i.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// Modulo x² + x + 1.
    Four,
    /// Modulo x⁴ + x + 1.
    Sixteen,
    /// Modulo x⁸ + x⁴ + x³ + x + 1.
    TwoHundredFiftySix,
}

/// For each field a root of its polynomial among the 2^64 elements.
const ROOTS: [u64; 3] = [0x19c9_369f_278a_dc02, 0xa181_e7d6_6f5f_f794, 0xb5ed_b706_6563_2cca];

/// Words of each plane that are multiplied at once: what they need stays in the first-level cache.
const BLOCK: usize = 128;

/// Coefficients of a product before it is reduced, at most.
const LONGEST: usize = 15;

impl Binary {
    /// The smallest of the fields that has `count` elements besides zero; `None` beyond 255.
    #[must_use]
    pub fn with_points(count: usize) -> Option<Self> {
        match count {
            0..=3 => Some(Self::Four),
            4..=15 => Some(Self::Sixteen),
            16..=255 => Some(Self::TwoHundredFiftySix),
            _ => None,
        }
    }

    /// Planes of a column.
    #[must_use]
    pub fn planes(self) -> usize {
        match self {
            Self::Four => 2,
            Self::Sixteen => 4,
            Self::TwoHundredFiftySix => 8,
        }
    }

    /// x to the power [`Binary::planes`], in the field.
    fn reduced(self) -> u8 {
        match self {
            Self::Four | Self::Sixteen => 0b11,
            Self::TwoHundredFiftySix => 0b1_1011,
        }
    }

    /// Product of two elements.
    #[must_use]
    pub fn times(self, a: u8, b: u8) -> u8 {
        (0..self.planes()).rev().fold(0, |sum, bit| self.times_x(sum) ^ (a & (b >> bit & 1).wrapping_neg()))
    }

    /// The multiplicative inverse; zero for zero.
    #[must_use]
    pub fn inverse(self, a: u8) -> u8 {
        // a^(2^k − 2) = a² · a⁴ · … · a^(2^(k − 1)).
        let (_, product) = (1..self.planes()).fold((a, 1), |(power, product), _| {
            let power = self.times(power, power);
            (power, self.times(product, power))
        });
        if a == 0 { 0 } else { product }
    }

    /// An element's image in the field of 2^64 elements, of which this one is a part: sums and products are those of images.
    #[must_use]
    pub fn image(self, a: u8) -> Gf64 {
        let x = self.image_of_x();
        let bits = (0..self.planes()).rev().map(|bit| Gf64(u64::from(a >> bit & 1)));
        bits.fold(Gf64::ZERO, |sum, bit| sum.times(x).plus(bit))
    }

    /// A root of this field's polynomial.
    fn image_of_x(self) -> Gf64 {
        let root = match self {
            Self::Four => ROOTS[0],
            Self::Sixteen => ROOTS[1],
            Self::TwoHundredFiftySix => ROOTS[2],
        };
        Gf64(root)
    }

    fn times_x(self, a: u8) -> u8 {
        let top = self.planes() - 1;
        (a & !(1 << top)) << 1 ^ (a >> top & 1).wrapping_neg() & self.reduced()
    }

    /// Adds `x` times a constant to `sum`, whose planes must be all those of the field, each as long as those of `x`.
    pub fn add_scaled(self, x: &[Column<Lanes>], factor: u8, sum: &mut [Column<Lanes>]) {
        let mut multiple = factor;
        for plane in x {
            for (bit, sum) in sum.iter_mut().enumerate() {
                if multiple >> bit & 1 == 1 {
                    sum.zip_assign(plane.values(), Lanes::plus);
                }
            }
            multiple = self.times_x(multiple);
        }
    }

    /// Adds the products of `x` and `y` at each place to `sum`, whose planes must be all those of the field. All planes have
    /// the length `sum` has, or a multiple of it: then products at places that far apart are added up.
    pub fn add_products(self, x: &[Column<Lanes>], y: &[Column<Lanes>], sum: &mut [Column<Lanes>]) {
        let rows = sum.first().map_or(0, Column::len);
        let len = x.first().or(y.first()).map_or(0, Column::len);
        if rows == 0 || x.is_empty() || y.is_empty() {
            return;
        }
        for first in (0..rows).step_by(BLOCK) {
            let block = BLOCK.min(rows - first);
            let mut products = [[0u64; BLOCK]; LONGEST];
            for term in (0..len).step_by(rows) {
                let at = term + first..term + first + block;
                add_block(x, y, at, &mut products);
            }
            self.reduce(&mut products);
            for (sum, product) in sum.iter_mut().zip(&products) {
                let places = sum.values_mut().iter_mut().skip(first).take(block);
                places.zip(product).for_each(|(sum, product)| sum.0 ^= product);
            }
        }
    }

    /// Folds the coefficients from x to the power [`Binary::planes`] on into those below.
    fn reduce(self, products: &mut [[u64; BLOCK]; LONGEST]) {
        let planes = self.planes();
        for high in (planes..2 * planes - 1).rev() {
            let moved = products[high];
            for bit in (0..planes).filter(|bit| self.reduced() >> bit & 1 == 1) {
                let low = &mut products[high - planes + bit];
                low.iter_mut().zip(&moved).for_each(|(low, moved)| *low ^= moved);
            }
        }
    }
}

/// Adds the coefficients of the products at the places `at`.
fn add_block(
    x: &[Column<Lanes>],
    y: &[Column<Lanes>],
    at: std::ops::Range<usize>,
    products: &mut [[u64; BLOCK]; LONGEST],
) {
    for (i, x) in x.iter().enumerate() {
        for (j, y) in y.iter().enumerate() {
            let (x, y) = (x.values().get(at.clone()), y.values().get(at.clone()));
            if let (Some(x), Some(y), Some(product)) = (x, y, products.get_mut(i + j)) {
                product.iter_mut().zip(x.iter().zip(y)).for_each(|(product, (x, y))| *product ^= x.0 & y.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::{Prg, Seed};

    const ALL: [Binary; 3] = [Binary::Four, Binary::Sixteen, Binary::TwoHundredFiftySix];

    fn size(field: Binary) -> u16 {
        1 << field.planes()
    }

    #[test]
    fn they_are_fields() {
        for field in ALL {
            for a in 1..size(field) {
                let a = a as u8;
                assert_eq!(field.times(a, field.inverse(a)), 1, "{field:?}: {a}");
                assert_eq!(field.times(a, 1), a);
                for b in 0..size(field) {
                    let b = b as u8;
                    assert_eq!(field.times(a, b), field.times(b, a));
                    assert_eq!(field.times(a, b ^ 1), field.times(a, b) ^ a);
                }
            }
            assert_eq!(field.inverse(0), 0);
        }
    }

    #[test]
    fn images_keep_sums_and_products() {
        for field in ALL {
            for a in 0..size(field) {
                for b in [1, 2, 3, size(field) - 1] {
                    let (a, b) = (a as u8, b as u8);
                    let (of_a, of_b) = (field.image(a), field.image(b));
                    assert_eq!(field.image(field.times(a, b)), of_a.times(of_b), "{field:?}: {a} {b}");
                    assert_eq!(field.image(a ^ b), of_a.plus(of_b));
                    assert_eq!(of_a == of_b, a == b);
                }
            }
        }
    }

    #[test]
    fn a_field_has_points_enough() {
        for count in 0..=255 {
            let field = Binary::with_points(count).unwrap();
            assert!(usize::from(size(field)) > count);
        }
        assert_eq!(Binary::with_points(256), None);
    }

    /// The element at a place.
    fn element(planes: &[Column<Lanes>], place: usize) -> u8 {
        let bit = |plane: &Column<Lanes>| (plane.values()[place / 64].0 >> (place % 64) & 1) as u8;
        planes.iter().enumerate().fold(0, |sum, (power, plane)| sum | bit(plane) << power)
    }

    #[test]
    fn planes_multiply_place_by_place() {
        let mut prg = Prg::new(Seed::from([3; 32]));
        for field in ALL {
            for (rows, terms) in [(1, 1), (3, 2), (130, 3), (257, 1)] {
                let mut random =
                    |planes: usize, len| (0..planes).map(|_| prg.elements(len)).collect::<Vec<_>>();
                let x = random(field.planes(), rows * terms);
                // A missing plane is zero.
                let y = random(field.planes() - 1, rows * terms);
                let start = random(field.planes(), rows);
                let mut sum = start.clone();
                field.add_products(&x, &y, &mut sum);
                let mut scaled = start.clone();
                let factor = (size(field) - 1) as u8;
                field.add_scaled(&start, factor, &mut scaled);
                for place in 0..rows * 64 {
                    let products = (0..terms).map(|term| term * rows * 64 + place);
                    let expected = products.fold(element(&start, place), |sum, place| {
                        sum ^ field.times(element(&x, place), element(&y, place))
                    });
                    assert_eq!(element(&sum, place), expected, "{field:?}");
                    let value = element(&start, place);
                    assert_eq!(element(&scaled, place), value ^ field.times(value, factor));
                }
            }
        }
    }
}
