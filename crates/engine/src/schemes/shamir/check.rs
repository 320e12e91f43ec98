//! The check of what was computed: inner products over the field of 2^61 − 1 elements for numbers, over that of 2^64 for bits.
//!
//! All records become claims ⟨v, y⟩ = t, of which v is fixed by coins. With random shared `a` the parties compute c = ⟨a, y⟩; then
//! coins fix v and t, v + a is opened, and ⟨v + a, y⟩ − t − c must be zero. Errors in c and in what is claimed are fixed before the
//! coins, so that a false claim passes with a probability of about 2^-60; what is tested depends on errors alone, so that neither
//! it nor stopping tells anything. Openings compare the shares of all parties, so that shares which lie on no polynomial of degree t
//! are found too.

use std::borrow::Cow;
use std::sync::Arc;

use ring::{Column, Gf64, Lanes, Mersenne61, Prg, Ring, Shape};

use super::ands::LANES;
use super::guard::Active;
use super::record::{Ands, Moved, Pass, Record};
use super::shares::BitShares;
use super::{Field, Shamir};
use crate::error::{Error, Result};
use crate::mpc::{Receivers, Shares};

/// Something that is claimed of shared elements of a field.
pub(super) enum Claim<'a, D: Ring> {
    /// Products; sums of them when the factors are longer.
    Products { x: Cow<'a, Column<D>>, y: Cow<'a, Column<D>>, z: Cow<'a, Column<D>> },
    /// Something is zero.
    Zero(Column<D>),
    /// One column is the other, moved.
    Moved { before: Cow<'a, Column<D>>, after: Cow<'a, Column<D>>, by: &'a Moved },
}

impl Shamir<Active> {
    /// Refuses records of which one is false. 7 rounds, or 11 with ANDs; a number is opened for each product, and for ANDs 64
    /// and more times fewer elements than there are.
    pub(super) fn check(&mut self, due: &[Arc<Record>]) -> Result<()> {
        let (mut numbers, mut bits) = (Vec::new(), Vec::new());
        let (mut ands, mut matrices, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for record in due {
            let borrowed = |column| Cow::Borrowed(column);
            match &**record {
                Record::Products { x, y, z } => {
                    numbers.push(Claim::Products { x: borrowed(x), y: borrowed(y), z: borrowed(z) });
                }
                Record::Numbers(Pass { before, after, by }) => {
                    numbers.push(Claim::Moved { before: borrowed(before), after: borrowed(after), by });
                }
                Record::Matrices { x, y, z, shape } => matrices.push((x, y, z, *shape)),
                Record::Ands(record) => ands.push(record),
                Record::Words(pass) => words.push(pass),
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        if !(ands.is_empty() && matrices.is_empty() && words.is_empty()) {
            let mut coins = self.challenge()?;
            numbers.extend(matrices.into_iter().map(|(x, y, z, shape)| combined(x, y, z, shape, &mut coins)));
            let lanes = coins.elements::<Gf64>(LANES);
            bits.extend(words.into_iter().map(|pass| self.combined_lanes(pass, &lanes)));
            bits.extend(self.claims_of_ands(&ands, &lanes, &mut coins)?);
        }
        let (mut numbers, mut bits) = (Sacrifice::of(numbers), Sacrifice::of(bits));
        numbers.multiply(self)?;
        bits.multiply(self)?;
        let mut coins = self.challenge()?;
        numbers.open_masked(self, &mut coins)?;
        bits.open_masked(self, &mut coins)?;
        numbers.test(self, "numbers")?;
        bits.test(self, "bits")
    }

    fn claims_of_ands(
        &mut self,
        ands: &[&Ands],
        lanes: &Column<Gf64>,
        coins: &mut Prg,
    ) -> Result<Vec<Claim<'static, Gf64>>> {
        if ands.is_empty() { Ok(Vec::new()) } else { self.fold(ands, lanes, coins) }
    }

    /// A pass over words as one over elements: in each a random combination of a word's lanes.
    fn combined_lanes<'a>(&self, pass: &'a Pass<BitShares>, lanes: &Column<Gf64>) -> Claim<'a, Gf64> {
        let combined = |words: &BitShares| {
            let mut sums = Column::<Gf64>::zeros(words.len());
            for (place, plane) in words.planes().iter().enumerate() {
                let image = self.setting.field().image(1 << place);
                let weights = lanes.map(|weight| weight.times(image));
                for (sum, word) in sums.values_mut().iter_mut().zip(plane.values()) {
                    for (lane, weight) in weights.values().iter().take(Lanes::ROWS).enumerate() {
                        sum.0 ^= weight.0 & (word.0 >> lane & 1).wrapping_neg();
                    }
                }
            }
            Cow::Owned(sums)
        };
        Claim::Moved { before: combined(&pass.before), after: combined(&pass.after), by: &pass.by }
    }
}

/// The claims of one field on their way through the check.
struct Sacrifice<'a, D: Field> {
    claims: Vec<Claim<'a, D>>,
    /// y.
    right: Column<D>,
    /// a.
    mask: Column<D>,
    /// First c, and in the end what must be zero.
    tested: Column<D>,
}

impl<'a, D: Field<Shares = Column<D>>> Sacrifice<'a, D> {
    fn of(claims: Vec<Claim<'a, D>>) -> Self {
        let right: Vec<_> = claims.iter().filter_map(Claim::right).collect();
        let right = Column::concat(&right);
        Self { claims, right, mask: Column::zeros(0), tested: Column::zeros(1) }
    }

    fn multiply(&mut self, party: &mut Shamir<Active>) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let len = self.right.len();
        let summands = party.summands::<D>(len);
        self.mask = party.shared(summands, len);
        let (mask, right) = (&self.mask, &self.right);
        self.tested = party.reduced::<D>(1, |_, sum| *sum = inner_product(mask, right))?;
        Ok(())
    }

    fn open_masked(&mut self, party: &mut Shamir<Active>, coins: &mut Prg) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let mut first = 0;
        for claim in &self.claims {
            let (left, result) = claim.weighted(party, coins);
            let places = self.mask.values_mut().iter_mut().skip(first);
            places.zip(left.values()).for_each(|(mask, left)| *mask = mask.plus(*left));
            first += left.len();
            self.tested.zip_assign(result.values(), D::plus);
        }
        let opened = party.opened::<D>(&self.mask, Receivers::All)?.unwrap_or_default();
        self.tested = inner_product(&Column::from(opened), &self.right).zip(self.tested.values(), D::minus);
        Ok(())
    }

    fn test(&self, party: &mut Shamir<Active>, checked: &'static str) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        match party.opened::<D>(&self.tested, Receivers::All)? {
            Some(zero) if zero == [D::ZERO] => Ok(()),
            _ => Err(Error::CheckFailed { checked }),
        }
    }
}

impl<D: Field<Shares = Column<D>>> Claim<'_, D> {
    /// y.
    fn right(&self) -> Option<&Column<D>> {
        match self {
            Self::Products { y, .. } => Some(y),
            Self::Moved { before, .. } => Some(before),
            Self::Zero(_) => None,
        }
    }

    /// v and t for these coins.
    fn weighted(&self, party: &Shamir<Active>, coins: &mut Prg) -> (Column<D>, Column<D>) {
        match self {
            Self::Products { x, z, .. } => {
                let weights = coins.elements::<D>(z.len());
                let mut left = x.clone().into_owned();
                for left in left.values_mut().chunks_mut(z.len().max(1)) {
                    left.iter_mut().zip(weights.values()).for_each(|(x, weight)| *x = x.times(*weight));
                }
                (left, inner_product(&weights, z))
            }
            Self::Zero(sum) => {
                let weights = coins.elements::<D>(sum.len());
                (Column::zeros(0), inner_product(&weights, sum))
            }
            Self::Moved { before, after, by } => {
                let weights = coins.elements::<D>(before.len());
                let total = inner_product(&weights, after);
                (party.known_outside::<D>(by.set, by.back(&weights)), total)
            }
        }
    }
}

/// A product of matrices as an inner product, by random combinations of the rows and of the columns (Freivalds, 1977).
fn combined(
    x: &Column<Mersenne61>,
    y: &Column<Mersenne61>,
    z: &Column<Mersenne61>,
    shape: Shape,
    coins: &mut Prg,
) -> Claim<'static, Mersenne61> {
    let Shape { rows, inner, columns } = shape;
    let over_rows = coins.elements::<Mersenne61>(rows);
    let over_columns = coins.elements::<Mersenne61>(columns);
    let by_rows = |x: &Column<Mersenne61>, width| {
        let shape = Shape { rows: 1, inner: rows, columns: width };
        x.mapped_into(width, |x, sum| ring::add_matmul(over_rows.values(), x, shape, sum))
    };
    let by_columns = |x: &Column<Mersenne61>, height| {
        let shape = Shape { rows: height, inner: columns, columns: 1 };
        x.mapped_into(height, |x, sum| ring::add_matmul(x, over_columns.values(), shape, sum))
    };
    // Place by place one product less: what one claim says of many is that their sum is right.
    Claim::Products {
        x: Cow::Owned(by_rows(x, inner)),
        y: Cow::Owned(by_columns(y, inner)),
        z: Cow::Owned(by_columns(&by_rows(z, columns), 1)),
    }
}

/// `Σ x · y`, as a column of one.
pub(super) fn inner_product<D: Ring>(x: &Column<D>, y: &Column<D>) -> Column<D> {
    let terms = x.values().iter().zip(y.values());
    Column::filled(terms.fold(D::ZERO, |sum, (x, y)| sum.plus(x.times(*y))), 1)
}
