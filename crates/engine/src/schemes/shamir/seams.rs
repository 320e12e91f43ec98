//! The seams between numbers and bits.
//!
//! **Numbers to bits.** A random number R is the sum of one for each set of parties that may be corrupted, whose bits its holders
//! know, so that they are shared without a message. x + R is opened, and x is what is opened less all those. Modulo
//! 2^61 − 1 the negative of a number is all its bits flipped, and a carry out of the top comes in at the bottom; so the sum is
//! brought down to two numbers by carry-save steps, three numbers to two at a time, each bit an AND. (edaBits, CRYPTO 2020,
//! are the general form of a random number with its bits; here they need no preparation.) x + R is uniform: every set of t
//! parties lacks one summand.
//!
//! **Bits to numbers.** A random bit is the XOR of one for each set, and as a number it is computed by a tree of
//! a ⊕ b = a + b − 2ab; the bit's XOR with it is opened (daBits, Rotaru, Wood, INDOCRYPT 2019).

use ring::{Column, Lanes, Mersenne61, Number, Ring};

use super::{Field, Guard, Shamir};
use crate::error::Result;
use crate::mpc::{Bits, Difference, Divided, Mixed, Modulus, Mpc, Numbers, Receivers, Shares};
use crate::ops;

/// All bits of a number.
const WIDTH: usize = Mersenne61::WIDTH;

impl<G: Guard> Mixed for Shamir<G> {
    type Num = Mersenne61;

    /// All 61 bits, whatever the width. An opening, and a round for each carry-save level: with three parties 61 ANDs.
    fn difference(&mut self, x: &Column<Mersenne61>, _width: u32) -> Result<Difference<Self>> {
        let addends = self.addends(x)?;
        let bits = self.bits_of_addends(&addends, x.len());
        Ok(self.carry_saved(bits)?.difference)
    }

    /// As a difference, with two injected bits for each carry-save step.
    ///
    /// With every summand divided apart, all that they add up to lacks what carry-save steps move across place `shift`, and
    /// has what they move around: 2^61 − 1 for each carry out of the top.
    fn divided(&mut self, x: &Column<Mersenne61>, _width: u32, shift: u32) -> Result<Divided<Self>> {
        let rows = x.len();
        let addends = self.addends(x)?;
        let bits = self.bits_of_addends(&addends, rows);
        let CarrySaved { difference, carries } = self.carry_saved(bits)?;
        let divided = addends.iter().map(|addend| addend.map(|addend| addend.shifted_right(shift)));
        let parts = self.shared::<Mersenne61>(divided.collect(), rows);
        let turn = Mersenne61::ONE.shifted_left(WIDTH as u32 - shift);
        let across = carries.iter().filter_map(|carries| Some(carries.bit((shift as usize).checked_sub(1)?)));
        let around = carries.iter().map(|carries| carries.bit(WIDTH - 1));
        let (across, around): (Vec<_>, Vec<_>) = (across.collect(), around.collect());
        let weights = [vec![Mersenne61::ONE; across.len()], vec![turn.negated(); around.len()]].concat();
        let moved = Bits::stack(&across.iter().chain(&around).collect::<Vec<_>>(), rows);
        let moved = self.inject_sums(&moved, &[weights])?;
        // The last two are added with a carry where they are subtracted with a borrow, which is its opposite.
        let parts = self.plus_constant(&parts.plus(&moved), Mersenne61::ONE.minus(turn));
        Ok(Divided { parts, difference, is_short: false })
    }

    /// Exact, since this field has no bits to spare.
    fn truncate_near(&mut self, x: &Column<Mersenne61>, shift: u32) -> Result<Column<Mersenne61>> {
        match shift < Mersenne61::BITS {
            true => ops::truncate(self, x, Mersenne61::BITS, shift),
            // Quotients are 0 or −1 there, and 0 is next to both.
            false => Ok(Column::zeros(x.len())),
        }
    }

    /// 1 + ⌈log₂ of the number of sets⌉ rounds: one product less than sets for each bit, and a bit opened.
    fn inject(&mut self, bits: &Bits<Self>) -> Result<Numbers<Self>> {
        let (rows, width, words) = (bits.rows(), bits.width(), bits.words().len());
        let summands = self.summands::<Lanes>(words);
        let mask = self.shared(summands.clone(), words);
        let numbers: Vec<_> = summands.iter().map(|bits| numbers_of(bits.values(), rows, width)).collect();
        let parity = self.parity(self.each_set::<Mersenne61>(numbers, rows * width))?;
        let opened = self.opened::<Lanes>(&bits.words().plus(&mask), Receivers::All)?.unwrap_or_default();
        let opened = numbers_of(&opened, rows, width);
        let two = Mersenne61::ONE.plus(Mersenne61::ONE);
        let turned = parity.zip(opened.values(), |bit, opened| {
            Ring::times(bit, Mersenne61::ONE.minus(Ring::times(two, opened)))
        });
        Ok(Shares::plus(&turned, &opened))
    }
}

/// Numbers that add up to those that were asked for, as two, and the carries of each step on the way.
struct CarrySaved<G: Guard> {
    difference: Difference<Shamir<G>>,
    carries: Vec<Bits<Shamir<G>>>,
}

impl<G: Guard> Shamir<G> {
    /// Numbers that add up to x, of which the holders of each set's key know one: those that this party knows. 1 round.
    fn addends(&mut self, x: &Column<Mersenne61>) -> Result<Vec<Column<Mersenne61>>> {
        let rows = x.len();
        let summands = self.summands::<Mersenne61>(rows);
        let mask = self.shared(summands.clone(), rows);
        let masked = Shares::plus(x, &mask);
        let opened = self.opened::<Mersenne61>(&masked, Receivers::All)?.unwrap_or_default();
        let lessened = |(set, summand): (&usize, Column<Mersenne61>)| match set {
            0 => summand.zip(&opened, |summand, opened| opened.minus(summand)),
            _ => summand.map(Ring::negated),
        };
        let held = std::sync::Arc::clone(&self.geometry);
        Ok(held.held.iter().zip(summands).map(lessened).collect())
    }

    /// What the holders of each set's key know, each as a sharing of its own. No message.
    fn each_set<D: Field>(&self, known: Vec<Column<D>>, len: usize) -> Vec<D::Shares> {
        let small = self.setting.field();
        let mut sets: Vec<_> = (0..self.geometry.sets.len()).map(|_| D::Shares::zeros(len)).collect();
        let factors = &D::constants(&self.geometry).masks;
        for ((set, values), factor) in self.geometry.held.iter().zip(known).zip(factors) {
            let mut shares = D::sum(small, len);
            D::add_scaled(small, &D::known(values), *factor, &mut shares);
            sets[*set] = shares;
        }
        sets
    }

    fn bits_of_addends(&self, addends: &[Column<Mersenne61>], rows: usize) -> Vec<Bits<Self>> {
        let slices = addends.iter().map(|addend| Mersenne61::slices(addend.values())).collect();
        let sets = self.each_set::<Lanes>(slices, Lanes::words(rows) * WIDTH);
        sets.into_iter().map(|words| Bits::new(words, rows, WIDTH)).collect()
    }

    /// The sum of numbers as a difference, modulo 2^61 − 1. A round for each level of a tree that leaves two of three.
    fn carry_saved(&mut self, mut addends: Vec<Bits<Self>>) -> Result<CarrySaved<G>> {
        let mut all_carries = Vec::new();
        while addends.len() > 2 {
            let rest = addends.split_off(addends.len() / 3 * 3);
            let rows = addends[0].rows();
            let side = |first: usize| {
                let sums = addends.chunks_exact(3).map(|three| three[first].xor(&three[first + 1]));
                Bits::stack(&sums.collect::<Vec<_>>().iter().collect::<Vec<_>>(), rows)
            };
            // The majority of a, b and c is (a ⊕ b)(b ⊕ c) ⊕ b.
            let products = ops::and(self, &side(0), &side(1))?;
            let mut next = Vec::with_capacity(addends.len());
            for (place, three) in addends.chunks_exact(3).enumerate() {
                let carries = products.range(place * WIDTH..(place + 1) * WIDTH).xor(&three[1]);
                next.push(three[0].xor(&three[1]).xor(&three[2]));
                let around: Vec<_> = (0..WIDTH).map(|place| (place + WIDTH - 1) % WIDTH).collect();
                next.push(carries.pick(&around));
                all_carries.push(carries);
            }
            next.extend(rest);
            addends = next;
        }
        let [minuend, last] = <[_; 2]>::try_from(addends)
            .unwrap_or_else(|_| unreachable!("there are at least three sets, and three become two"));
        let difference = Difference { modulus: Modulus::OneLess, minuend, subtrahend: last.not(self) };
        Ok(CarrySaved { difference, carries: all_carries })
    }

    /// The XOR, place by place, of columns of the numbers 0 and 1. A round for each level of a tree.
    fn parity(&mut self, mut columns: Vec<Column<Mersenne61>>) -> Result<Column<Mersenne61>> {
        while columns.len() > 1 {
            let rest = columns.split_off(columns.len() / 2 * 2);
            let side =
                |first: usize| Column::concat(&columns.iter().skip(first).step_by(2).collect::<Vec<_>>());
            let (left, right) = (side(0), side(1));
            let products = self.multiply(&left, &right)?;
            let sums = Shares::minus(&Shares::plus(&left, &right), &Shares::plus(&products, &products));
            let len = columns[0].len();
            columns = (0..columns.len() / 2).map(|pair| sums.slice(pair * len..(pair + 1) * len)).collect();
            columns.extend(rest);
        }
        Ok(columns.pop().unwrap_or_default())
    }
}

/// Bit slices of `rows` rows as numbers, slice after slice.
fn numbers_of(words: &[Lanes], rows: usize, width: usize) -> Column<Mersenne61> {
    let mut numbers = Column::zeros(rows * width);
    let slices = words.chunks(Lanes::words(rows).max(1)).zip(numbers.values_mut().chunks_mut(rows.max(1)));
    slices.for_each(|(slice, numbers)| Mersenne61::from_bits(slice, numbers));
    numbers
}
