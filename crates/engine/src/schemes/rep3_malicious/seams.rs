//! The seams between numbers and bits. No party deals anything: each component is known to two parties, so that its bits are
//! shared, and a bit's components are numbers, without a message. All else is products, which are checked.
//!
//! The carry-save step is that of ABY3, CCS 2018, §5.3; the difference `s + 2c + 1 = s − ¬(2c)` and the
//! truncation by few bits are made here.

use std::iter::repeat_n;

use ring::{Column, Lanes, Number, Ring};

use super::Rep3Malicious;
use super::arithmetic::Element;
use crate::error::Result;
use crate::mpc::{Bits, Difference, Divided, Mixed, Modulus, Mpc, Numbers, Shares, weighted_sums};
use crate::schemes::rep3::Rep3Shares;

impl<N: Number + Element> Mixed for Rep3Malicious<N> {
    type Num = N;

    /// 1 round, `width` − 1 ANDs: x − 1 is a sum of three numbers, which is s + 2c with the bits' sums s and carries c.
    fn difference(&mut self, x: &Rep3Shares<N>, width: u32) -> Result<Difference<Self>> {
        let (rows, width) = (x.len(), width.min(N::BITS));
        let lessened = self.base.plus_constant(x, N::ONE.negated());
        let sums = self.bits_of(&lessened, width);
        let carries = self.majority(&sums.range(0..sums.width().saturating_sub(1)))?;
        Ok(self.difference_of(sums, &carries, rows))
    }

    /// 3 rounds: `width` ANDs and two injected bits.
    ///
    /// With each of the three numbers divided apart, of all that they add up to only the carries count that the step
    /// moves across place `shift` and beyond `width`.
    fn divided(&mut self, x: &Rep3Shares<N>, width: u32, shift: u32) -> Result<Divided<Self>> {
        let (rows, width) = (x.len(), width.min(N::BITS));
        let lessened = self.base.plus_constant(x, N::ONE.negated());
        let sums = self.bits_of(&lessened, width);
        let carries = self.majority(&sums)?;
        let across = match shift.checked_sub(1) {
            Some(place) => carries.bit(place as usize),
            None => Bits::new(Rep3Shares::zeros(Lanes::words(rows)), rows, 1),
        };
        let last = carries.range(carries.width().saturating_sub(1)..carries.width());
        let injected = self.inject(&Bits::stack(&[&across, &last], rows))?;
        let (across, top) = (injected.slice(0..rows), injected.slice(rows..2 * rows));
        let parts = super::record::converted(&lessened, |y| y.low_bits(width).shifted_right(shift));
        let beyond = N::ONE.shifted_left(width - shift);
        let parts = parts.plus(&across).minus(&top.times(beyond));
        let parts = self.base.plus_constant(&parts, N::ONE.minus(beyond));
        let kept = carries.range(0..carries.width().saturating_sub(1));
        Ok(Divided { parts, difference: self.difference_of(sums, &kept, rows), is_short: false })
    }

    /// 4 rounds, 6 ANDs and 4 injected bits, summed in pairs, for each number; right for any number of magnitude below 2^(bits − 3).
    ///
    /// Each component is divided apart. The sum of the quotients lacks what the remainders carry, and is too large by what
    /// the components wrap. Both are sums of three fractions, of which the two leading bits each say enough: they are
    /// rounded from the sum of those bits, up in the one case and to the nearest in the other.
    fn truncate_near(&mut self, x: &Rep3Shares<N>, shift: u32) -> Result<Rep3Shares<N>> {
        let rows = x.len();
        if shift == 0 {
            return Ok(x.clone());
        }
        // Quotients are 0 or −1 there, and 0 is next to both.
        if shift >= N::BITS - 3 || rows == 0 {
            return Ok(Rep3Shares::zeros(rows));
        }
        let raise = N::ONE.shifted_left(N::BITS - 3);
        let raised = self.base.plus_constant(x, raise);
        let leading = |x: &Rep3Shares<N>| super::record::converted(x, |x| x.shifted_right(N::BITS - 2));
        let remainders = super::record::converted(&raised, |x| x.shifted_left(N::BITS - shift));
        let (wraps, carried) = (self.bits_of(&leading(&raised), 2), self.bits_of(&leading(&remainders), 2));
        let high = Bits::stack(&[&wraps.bit(1), &carried.bit(1)], rows);
        let low = Bits::stack(&[&wraps.bit(0), &carried.bit(0)], rows);
        // Of four bits, three high ones and the carry of the low ones, half the number, rounded up: the carry of the
        // high ones, and one more if another is left.
        let carries = self.majority(&Bits::stack(&[&high, &low], rows))?;
        let (carry, from_low) = (carries.range(0..2), carries.range(2..4));
        let left = Mpc::<Lanes>::mul(self, high.words(), from_low.words())?;
        let left = Bits::new(left, rows, 2).xor(&high).xor(&from_low);
        let counts = self.weighted_sum(&Bits::stack(&[&carry, &left], rows), &[N::ONE; 2])?;
        let (wraps, carried) = (counts.slice(0..rows), counts.slice(rows..2 * rows));
        let quotients = super::record::converted(&raised, |x| x.shifted_right(shift));
        let quotients = quotients.plus(&carried).minus(&wraps.times(N::ONE.shifted_left(N::BITS - shift)));
        Ok(self.base.plus_constant(&quotients, raise.shifted_right(shift).negated()))
    }

    /// Two products of numbers for each bit: a ⊕ b = a + b − 2ab, twice.
    fn inject(&mut self, bits: &Bits<Self>) -> Result<Numbers<Self>> {
        let [zero, one, two] = [0, 1, 2].map(|component| self.component_of_bits(bits, component));
        let first = self.exclusive(&zero, &one)?;
        self.exclusive(&first, &two)
    }

    /// For one sum one product for each bit, and then one number whatever the width. Several sums would each open all
    /// their factors in the check, and so every bit is injected for them.
    fn inject_sums(&mut self, bits: &Bits<Self>, weights: &[Vec<N>]) -> Result<Numbers<Self>> {
        let (rows, width) = (bits.rows(), bits.width());
        match weights {
            [_] if width == 0 => Ok(Rep3Shares::zeros(rows)),
            [weights] => {
                let weight = |place| weights.get(place).copied().unwrap_or_default();
                self.weighted_sum(bits, &(0..width).map(weight).collect::<Vec<_>>())
            }
            _ => {
                let injected = self.inject(bits)?;
                Ok(weighted_sums(&injected, weights, rows))
            }
        }
    }
}

impl<N: Number + Element> Rep3Malicious<N> {
    /// The low `width` bits of every component, each a component of the result: shares of the components' XOR.
    fn bits_of(&self, x: &Rep3Shares<N>, width: u32) -> Bits<Self> {
        let slices = |component: &Column<N>| N::to_slices(component.values(), width);
        let words = Rep3Shares::from_components(slices(x.mine()), slices(x.next()));
        Bits::new(words, x.len(), width as usize)
    }

    /// Whether at least two components' bits are set. 1 round, an AND: (a ⊕ b)(b ⊕ c) ⊕ b.
    fn majority(&mut self, bits: &Bits<Self>) -> Result<Bits<Self>> {
        let words = bits.words();
        let second = self.with_components(words, [false, true, false]);
        let left = self.with_components(words, [true, true, false]);
        let right = self.with_components(words, [false, true, true]);
        let product = Mpc::<Lanes>::mul(self, &left, &right)?;
        Ok(Bits::new(product.plus(&second), bits.rows(), bits.width()))
    }

    /// The components that are `kept`; zero for the others. Local.
    fn with_components<D: Ring>(&self, x: &Rep3Shares<D>, kept: [bool; 3]) -> Rep3Shares<D> {
        let me = self.base.me_index();
        let part = |component: &Column<D>, place: usize| {
            if kept.iter().cycle().nth(place) == Some(&true) {
                component.clone()
            } else {
                Column::zeros(component.len())
            }
        };
        Rep3Shares::from_components(part(x.mine(), me), part(x.next(), me + 1))
    }

    /// s − ¬(2c), with one slice fewer of c than of s.
    fn difference_of(&self, sums: Bits<Self>, carries: &Bits<Self>, rows: usize) -> Difference<Self> {
        if sums.width() == 0 {
            return Difference { modulus: Modulus::Power, subtrahend: sums.clone(), minuend: sums };
        }
        let zero = Bits::new(Rep3Shares::zeros(Lanes::words(rows)), rows, 1);
        let subtrahend = Bits::stack(&[&zero, carries], rows).not(self);
        Difference { modulus: Modulus::Power, minuend: sums, subtrahend }
    }

    /// One component of the bits as numbers, slice after slice. Local.
    fn component_of_bits(&self, bits: &Bits<Self>, component: usize) -> Rep3Shares<N> {
        let kept = [0, 1, 2].map(|place| place == component);
        let words = self.with_components(bits.words(), kept);
        let (size, rows) = (Lanes::words(bits.rows()).max(1), bits.rows().max(1));
        let numbers = |words: &Column<Lanes>| {
            let mut numbers = Column::zeros(bits.rows() * bits.width());
            let slices = words.values().chunks(size).zip(numbers.values_mut().chunks_mut(rows));
            slices.for_each(|(slice, numbers)| N::from_bits(slice, numbers));
            numbers
        };
        Rep3Shares::from_components(numbers(words.mine()), numbers(words.next()))
    }

    /// Of as many blocks of slices as there are weights, the weighted sum as numbers: `Σ w(a + b) − ⟨2wa, b⟩`, where a is the
    /// XOR of two components. 2 rounds.
    fn weighted_sum(&mut self, bits: &Bits<Self>, weights: &[N]) -> Result<Rep3Shares<N>> {
        let [zero, one, two] = [0, 1, 2].map(|component| self.component_of_bits(bits, component));
        let first = self.exclusive(&zero, &one)?;
        let len = first.len() / weights.len().max(1);
        let sum = weighted_sums(&first.plus(&two), &[weights.to_vec()], len);
        let factors: Vec<_> = weights.iter().flat_map(|weight| repeat_n(weight.plus(*weight), len)).collect();
        let products = Mpc::<N>::dot(self, &first.times_each(&factors), &two, weights.len())?;
        Ok(sum.minus(&products))
    }

    /// a + b − 2ab. 1 round.
    fn exclusive(&mut self, a: &Rep3Shares<N>, b: &Rep3Shares<N>) -> Result<Rep3Shares<N>> {
        let product = Mpc::<N>::mul(self, a, b)?;
        Ok(a.plus(b).minus(&product.plus(&product)))
    }
}
