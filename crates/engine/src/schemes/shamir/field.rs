//! The two fields in which this scheme shares: that of numbers, and a small one for each bit of a word.

use std::fmt::Debug;

use ring::{Binary, Column, Gf64, Lanes, Mersenne61, Prg, Ring, Shape};

use super::arithmetic::factors_of_matmul;
use super::geometry::{Constants, Geometry};
use super::record::{Ands, Pass, Record};
use super::resilient::{Input, Need, Ready, Store};
use super::shares::BitShares;
use crate::mpc::Shares;

/// A ring whose elements are shared by polynomials over a field; `small` names that of bits.
///
/// Lengths are those of columns of the ring.
pub trait Field: Ring {
    /// One party's shares of a column.
    type Shares: Shares<Self>;
    /// An element of the field.
    type Scalar: Copy + Debug + Send + Sync + 'static;

    /// The place of a party's share on a polynomial is its number and one; the secret's is 0.
    fn scalar(small: Binary, place: usize) -> Self::Scalar;
    /// Difference.
    fn scalar_minus(a: Self::Scalar, b: Self::Scalar) -> Self::Scalar;
    /// Product.
    fn scalar_times(small: Binary, a: Self::Scalar, b: Self::Scalar) -> Self::Scalar;
    /// The multiplicative inverse.
    fn scalar_inverse(small: Binary, a: Self::Scalar) -> Self::Scalar;
    /// What this party's place makes of the field.
    fn constants(geometry: &Geometry) -> &Constants<Self>;

    /// Zeros for adding to.
    fn sum(small: Binary, len: usize) -> Self::Shares;
    /// Elements of the field that are in the ring.
    fn known(values: Column<Self>) -> Self::Shares;
    /// Uniformly random elements of the field.
    fn uniform(small: Binary, prg: &mut Prg, len: usize) -> Self::Shares;
    /// Adds `x` times a scalar to what [`Field::sum`] made.
    fn add_scaled(small: Binary, x: &Self::Shares, factor: Self::Scalar, sum: &mut Self::Shares);
    /// Adds products, place by place, to what [`Field::sum`] made; those of further columns behind the first too.
    fn add_products(small: Binary, x: &Self::Shares, y: &Self::Shares, sum: &mut Self::Shares);
    /// Adds a product of matrices to what [`Field::sum`] made.
    fn add_matmul(small: Binary, x: &Self::Shares, y: &Self::Shares, shape: Shape, sum: &mut Self::Shares);
    /// Moves the elements of the ring, part by part of the field's.
    fn moved(x: &Self::Shares, by: impl Fn(&Column<Self>) -> Column<Self>) -> Self::Shares;

    /// The length of a message that carries `len` elements.
    fn message_len(small: Binary, len: usize) -> usize;
    /// The message that carries `x`.
    fn to_message(small: Binary, x: &Self::Shares) -> Column<Self>;
    /// What a message carries.
    fn of_message(small: Binary, message: Column<Self>) -> Self::Shares;
    /// Elements of the ring among those of the field; `None` when one isn't.
    fn to_ring(x: &Self::Shares) -> Option<Column<Self>>;

    /// Whether inner products can be checked when only their sums are there.
    const SUMS_ARE_CHECKED: bool;
    /// A product as a record.
    #[doc(hidden)]
    fn products(x: &Self::Shares, y: &Self::Shares, z: &Self::Shares) -> Option<Record>;
    /// A product of matrices as a record.
    #[doc(hidden)]
    fn matrices(x: &Self::Shares, y: &Self::Shares, z: &Self::Shares, shape: Shape) -> Option<Record>;
    /// A pass of a shuffle as a record.
    #[doc(hidden)]
    fn pass(pass: Pass<Self::Shares>) -> Option<Record>;
    /// This field's part of what was prepared.
    #[doc(hidden)]
    fn store(ready: &mut Ready) -> Option<&mut Store<Self>>;
    /// An input that is to be shared beforehand.
    #[doc(hidden)]
    fn needed(input: Input<Self>) -> Option<Need>;
}

impl Field for Mersenne61 {
    type Shares = Column<Self>;
    type Scalar = Self;

    fn scalar(_small: Binary, place: usize) -> Self {
        ring::Number::from_u128(place as u128)
    }
    fn scalar_minus(a: Self, b: Self) -> Self {
        Ring::minus(a, b)
    }
    fn scalar_times(_small: Binary, a: Self, b: Self) -> Self {
        Ring::times(a, b)
    }
    fn scalar_inverse(_small: Binary, a: Self) -> Self {
        a.inverse()
    }
    fn constants(geometry: &Geometry) -> &Constants<Self> {
        &geometry.numbers
    }

    fn sum(_small: Binary, len: usize) -> Column<Self> {
        Column::zeros(len)
    }
    fn known(values: Column<Self>) -> Column<Self> {
        values
    }
    fn uniform(_small: Binary, prg: &mut Prg, len: usize) -> Column<Self> {
        prg.elements(len)
    }
    fn add_scaled(_small: Binary, x: &Column<Self>, factor: Self, sum: &mut Column<Self>) {
        sum.zip_assign(x.values(), |sum, x| sum.plus(Ring::times(x, factor)));
    }
    fn add_products(_small: Binary, x: &Column<Self>, y: &Column<Self>, sum: &mut Column<Self>) {
        let rows = sum.len().max(1);
        for (x, y) in x.values().chunks(rows).zip(y.values().chunks(rows)) {
            let places = sum.values_mut().iter_mut().zip(x.iter().zip(y));
            places.for_each(|(sum, (x, y))| *sum = sum.plus(Ring::times(*x, *y)));
        }
    }
    fn add_matmul(_small: Binary, x: &Column<Self>, y: &Column<Self>, shape: Shape, sum: &mut Column<Self>) {
        Self::add_matrix_product(x.values(), y.values(), shape, sum.values_mut());
    }
    fn moved(x: &Column<Self>, by: impl Fn(&Column<Self>) -> Column<Self>) -> Column<Self> {
        by(x)
    }

    fn message_len(_small: Binary, len: usize) -> usize {
        len
    }
    fn to_message(_small: Binary, x: &Column<Self>) -> Column<Self> {
        x.clone()
    }
    fn of_message(_small: Binary, message: Column<Self>) -> Column<Self> {
        message
    }
    fn to_ring(x: &Column<Self>) -> Option<Column<Self>> {
        Some(x.clone())
    }

    const SUMS_ARE_CHECKED: bool = true;

    fn products(x: &Column<Self>, y: &Column<Self>, z: &Column<Self>) -> Option<Record> {
        Some(Record::Products { x: x.clone(), y: y.clone(), z: z.clone() })
    }
    fn matrices(x: &Column<Self>, y: &Column<Self>, z: &Column<Self>, shape: Shape) -> Option<Record> {
        Some(Record::Matrices { x: x.clone(), y: y.clone(), z: z.clone(), shape })
    }
    fn pass(pass: Pass<Column<Self>>) -> Option<Record> {
        Some(Record::Numbers(pass))
    }
    fn store(ready: &mut Ready) -> Option<&mut Store<Self>> {
        Some(ready.numbers())
    }
    fn needed(input: Input<Self>) -> Option<Need> {
        Some(Need::Numbers(input))
    }
}

impl Field for Lanes {
    type Shares = BitShares;
    type Scalar = u8;

    /// Scalars are at most the number of parties, of which there are fewer than the field has elements.
    fn scalar(_small: Binary, place: usize) -> u8 {
        place as u8
    }
    fn scalar_minus(a: u8, b: u8) -> u8 {
        a ^ b
    }
    fn scalar_times(small: Binary, a: u8, b: u8) -> u8 {
        small.times(a, b)
    }
    fn scalar_inverse(small: Binary, a: u8) -> u8 {
        small.inverse(a)
    }
    fn constants(geometry: &Geometry) -> &Constants<Self> {
        &geometry.bits
    }

    fn sum(small: Binary, len: usize) -> BitShares {
        BitShares::sum(small, len)
    }
    fn known(values: Column<Self>) -> BitShares {
        let len = values.len();
        BitShares::from_planes(vec![values], len)
    }
    fn uniform(small: Binary, prg: &mut Prg, len: usize) -> BitShares {
        BitShares::from_planes((0..small.planes()).map(|_| prg.elements(len)).collect(), len)
    }
    fn add_scaled(small: Binary, x: &BitShares, factor: u8, sum: &mut BitShares) {
        small.add_scaled(x.planes(), factor, sum.planes_mut());
    }
    fn add_products(small: Binary, x: &BitShares, y: &BitShares, sum: &mut BitShares) {
        small.add_products(x.planes(), y.planes(), sum.planes_mut());
    }
    /// As the inner products of all rows with all columns.
    fn add_matmul(small: Binary, x: &BitShares, y: &BitShares, shape: Shape, sum: &mut BitShares) {
        let (x, y) = factors_of_matmul::<Self>(x, y, shape);
        Self::add_products(small, &x, &y, sum);
    }
    fn moved(x: &BitShares, by: impl Fn(&Column<Self>) -> Column<Self>) -> BitShares {
        x.each(x.len(), by)
    }

    fn message_len(small: Binary, len: usize) -> usize {
        len * small.planes()
    }
    fn to_message(small: Binary, x: &BitShares) -> Column<Self> {
        let zeros = Column::zeros(x.len() * (small.planes() - x.planes().len()));
        Column::concat(&x.planes().iter().chain([&zeros]).collect::<Vec<_>>())
    }
    fn of_message(small: Binary, message: Column<Self>) -> BitShares {
        let len = message.len() / small.planes();
        let plane = |place: usize| message.slice(place * len..(place + 1) * len);
        BitShares::from_planes((0..small.planes()).map(plane).collect(), len)
    }
    fn to_ring(x: &BitShares) -> Option<Column<Self>> {
        let zeros = Column::zeros(x.len());
        let [bits, rest @ ..] = x.planes() else { return Some(zeros) };
        rest.iter().all(|plane| *plane == zeros).then(|| bits.clone())
    }

    const SUMS_ARE_CHECKED: bool = false;

    fn products(x: &BitShares, y: &BitShares, z: &BitShares) -> Option<Record> {
        Some(Record::Ands(Ands { x: x.clone(), y: y.clone(), z: z.clone() }))
    }
    fn matrices(_x: &BitShares, _y: &BitShares, _z: &BitShares, _shape: Shape) -> Option<Record> {
        None
    }
    fn pass(pass: Pass<BitShares>) -> Option<Record> {
        Some(Record::Words(pass))
    }
    fn store(ready: &mut Ready) -> Option<&mut Store<Self>> {
        Some(ready.bits())
    }
    fn needed(input: Input<Self>) -> Option<Need> {
        Some(Need::Words(input))
    }
}

/// The field in which bits are checked, of which that in which they are shared is a part. Nothing that is computed in it is
/// recorded.
impl Field for Gf64 {
    type Shares = Column<Self>;
    type Scalar = Self;

    fn scalar(small: Binary, place: usize) -> Self {
        small.image(Lanes::scalar(small, place))
    }
    fn scalar_minus(a: Self, b: Self) -> Self {
        a.minus(b)
    }
    fn scalar_times(_small: Binary, a: Self, b: Self) -> Self {
        Ring::times(a, b)
    }
    fn scalar_inverse(small: Binary, a: Self) -> Self {
        // Scalars lie in the small field, where this is the power of two less than its size.
        (1..small.planes())
            .fold((a, Self::ONE), |(power, product), _| {
                let power = Ring::times(power, power);
                (power, Ring::times(product, power))
            })
            .1
    }
    fn constants(geometry: &Geometry) -> &Constants<Self> {
        &geometry.checks
    }

    fn sum(_small: Binary, len: usize) -> Column<Self> {
        Column::zeros(len)
    }
    fn known(values: Column<Self>) -> Column<Self> {
        values
    }
    fn uniform(_small: Binary, prg: &mut Prg, len: usize) -> Column<Self> {
        prg.elements(len)
    }
    fn add_scaled(_small: Binary, x: &Column<Self>, factor: Self, sum: &mut Column<Self>) {
        let mut scaled = Column::filled(factor, x.len());
        Self::scale_each(scaled.values_mut(), x.values());
        sum.zip_assign(scaled.values(), Ring::plus);
    }
    fn add_products(_small: Binary, x: &Column<Self>, y: &Column<Self>, sum: &mut Column<Self>) {
        let rows = sum.len().max(1);
        for (x, y) in x.values().chunks(rows).zip(y.values().chunks(rows)) {
            let mut products = Column::copied(x);
            Self::scale_each(products.values_mut(), y);
            sum.zip_assign(products.values(), Ring::plus);
        }
    }
    fn add_matmul(_small: Binary, x: &Column<Self>, y: &Column<Self>, shape: Shape, sum: &mut Column<Self>) {
        ring::add_matmul(x.values(), y.values(), shape, sum.values_mut());
    }
    fn moved(x: &Column<Self>, by: impl Fn(&Column<Self>) -> Column<Self>) -> Column<Self> {
        by(x)
    }

    fn message_len(_small: Binary, len: usize) -> usize {
        len
    }
    fn to_message(_small: Binary, x: &Column<Self>) -> Column<Self> {
        x.clone()
    }
    fn of_message(_small: Binary, message: Column<Self>) -> Column<Self> {
        message
    }
    fn to_ring(x: &Column<Self>) -> Option<Column<Self>> {
        Some(x.clone())
    }

    const SUMS_ARE_CHECKED: bool = true;

    fn products(_x: &Column<Self>, _y: &Column<Self>, _z: &Column<Self>) -> Option<Record> {
        None
    }
    fn matrices(_x: &Column<Self>, _y: &Column<Self>, _z: &Column<Self>, _shape: Shape) -> Option<Record> {
        None
    }
    fn pass(_pass: Pass<Column<Self>>) -> Option<Record> {
        None
    }
    fn store(_ready: &mut Ready) -> Option<&mut Store<Self>> {
        None
    }
    fn needed(_input: Input<Self>) -> Option<Need> {
        None
    }
}
