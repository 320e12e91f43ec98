//! Runs a computation on a scheme from dealt inputs to combined outputs.

use std::cell::Cell;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use ring::{Lanes, Number, PackedBits, Prg, Ring, Seed};
use treaty_engine::Result;
use treaty_engine::mpc::{Bits, Cost, Dealing, Mixed, Mpc, Numbers, Receivers, Scheme};
use treaty_engine::schemes::rep3_malicious::Element;
use treaty_engine::schemes::shamir::{Guard, Threshold};
use treaty_engine::schemes::{Plain, Rep3, Rep3Malicious, Shamir, ShamirResilient};
use treaty_engine::session::{Transport, sim};

/// A scheme under test.
pub(crate) trait Tested: Scheme {
    /// How to start them.
    fn setting() -> Self::Setting;
    /// Compute parties to start.
    fn compute_parties() -> usize;
    /// Messages from which a result is combined.
    fn messages() -> usize {
        Self::compute_parties()
    }
    /// Bytes that a party sends for a product of numbers.
    fn product_bytes() -> usize {
        Self::Num::BYTES
    }
    /// Bytes that a party sends for an inner product of so many terms.
    fn dot_bytes(terms: usize) -> usize {
        let _ = terms;
        Self::product_bytes()
    }
    /// Rounds from numbers to a difference of bits beyond one, and more for going around.
    fn rounds_of_seam() -> u32 {
        0
    }
    /// Rounds of a truncation near the value.
    fn rounds_near() -> u32 {
        4
    }
}

impl<N: Number> Tested for Plain<N> {
    fn setting() {}
    fn compute_parties() -> usize {
        1
    }
}

impl<N: Number> Tested for Rep3<N> {
    fn setting() {}
    fn compute_parties() -> usize {
        3
    }
}

impl<N: Number + Element> Tested for Rep3Malicious<N> {
    fn setting() {}
    fn compute_parties() -> usize {
        3
    }
    /// 64 bits more.
    fn product_bytes() -> usize {
        N::BYTES + 8
    }
}

thread_local! {
    static THRESHOLD: Cell<(usize, usize)> = const { Cell::new((3, 1)) };
}

/// Runs `test` with the schemes that take any number of parties set to `parties` and `threshold`: at run time, so that
/// each test is compiled once for all of them.
pub(crate) fn among(parties: usize, threshold: usize, test: fn()) {
    THRESHOLD.set((parties, threshold));
    test();
}

impl<G: Guard> Tested for Shamir<G> {
    fn setting() -> Threshold {
        let (parties, threshold) = THRESHOLD.get();
        Threshold::new(parties, threshold).unwrap()
    }
    fn compute_parties() -> usize {
        THRESHOLD.get().0
    }
    fn messages() -> usize {
        G::messages(Self::setting())
    }
    fn product_bytes() -> usize {
        let (parties, threshold) = THRESHOLD.get();
        8 * (parties - 1 - threshold)
    }
    /// Where parties may vanish both factors of each term are opened to all.
    fn dot_bytes(terms: usize) -> usize {
        let (parties, _) = THRESHOLD.get();
        if G::NAME == ShamirResilient::NAME { 2 * terms * 8 * (parties - 1) } else { Self::product_bytes() }
    }
    /// Two for three sets, five for ten.
    fn rounds_of_seam() -> u32 {
        6
    }
    /// It is exact.
    fn rounds_near() -> u32 {
        30
    }
}

/// What all parties return, each with the seed of its place.
pub(crate) fn session<S: Tested, T: Send>(party: impl Fn(&mut S) -> Result<T> + Sync) -> Vec<Result<T>> {
    let setting = S::setting();
    sim::run(S::compute_parties(), |me, transport: Arc<dyn Transport>| {
        let mut protocol = S::start(transport, setting, &Seed::from([me.0 as u8 + 1; 32]))?;
        party(&mut protocol)
    })
}

/// Deals `inputs`, runs `f` on their shares and combines what it returns, as signed numbers. Also the largest cost
/// of a party without set-up, preparation and delivery.
pub(crate) fn numbers<S: Tested>(
    inputs: &[Vec<i128>],
    f: impl Fn(&mut S, &[Numbers<S>]) -> Result<Numbers<S>> + Sync,
) -> (Vec<i128>, Cost) {
    let dealt = deal::<S>(inputs);
    let sealed = session::<S, _>(|protocol| {
        let shares = accept(protocol, &dealt, inputs)?;
        protocol.prepare(|protocol| f(protocol, &shares).map(|_| ()))?;
        let before = protocol.cost();
        let result = f(protocol, &shares)?;
        let cost = protocol.cost().since(before);
        let proof = protocol.verify()?;
        let len = treaty_engine::mpc::Shares::len(&result);
        Ok((Dealing::<S::Num>::seal(protocol, &result, proof)?, len, cost))
    });
    let sealed: Vec<_> = sealed.into_iter().map(|party| party.unwrap()).collect();
    let (len, cost) = (sealed[0].1, dearest(sealed.iter().map(|party| party.2)));
    let messages: Vec<_> = sealed.into_iter().map(|party| party.0).collect();
    let values = <S as Dealing<S::Num>>::combine(S::setting(), &messages, len).unwrap();
    (values.into_iter().map(Number::to_i128).collect(), cost)
}

/// As [`numbers`], for results of bits: all slices, each as long as the rows.
pub(crate) fn bits<S: Tested>(
    inputs: &[Vec<i128>],
    f: impl Fn(&mut S, &[Numbers<S>]) -> Result<Bits<S>> + Sync,
) -> (Vec<PackedBits>, Cost) {
    let dealt = deal::<S>(inputs);
    let revealed = session::<S, _>(|protocol| {
        let shares = accept(protocol, &dealt, inputs)?;
        protocol.prepare(|protocol| f(protocol, &shares).map(|_| ()))?;
        let before = protocol.cost();
        let result = f(protocol, &shares)?;
        let cost = protocol.cost().since(before);
        let proof = protocol.verify()?;
        let words = Mpc::<Lanes>::reveal(protocol, result.words(), Receivers::All, proof)?.unwrap();
        let slices = (0..result.width()).map(|bit| {
            let size = Lanes::words(result.rows());
            PackedBits::from_words(words[bit * size..(bit + 1) * size].to_vec(), result.rows())
        });
        Ok((slices.collect::<Vec<_>>(), cost))
    });
    let revealed: Vec<_> = revealed.into_iter().map(|party| party.unwrap()).collect();
    assert!(revealed.iter().all(|party| party.0 == revealed[0].0), "the parties see different bits");
    (revealed[0].0.clone(), dearest(revealed.iter().map(|party| party.1)))
}

fn deal<S: Tested>(inputs: &[Vec<i128>]) -> Vec<Vec<Vec<u8>>> {
    let mut prg = Prg::new(Seed::from([99; 32]));
    let deal = |input: &Vec<i128>| {
        let values: Vec<_> = input.iter().map(|value| S::Num::from_i128(*value)).collect();
        <S as Dealing<S::Num>>::deal(S::setting(), &values, &mut prg)
    };
    inputs.iter().map(deal).collect()
}

fn accept<S: Tested>(protocol: &S, dealt: &[Vec<Vec<u8>>], inputs: &[Vec<i128>]) -> Result<Vec<Numbers<S>>> {
    let me = protocol.me().0;
    let accept = |(messages, input): (&Vec<Vec<u8>>, &Vec<i128>)| {
        Dealing::<S::Num>::accept(protocol, &messages[me], input.len())
    };
    dealt.iter().zip(inputs).map(accept).collect()
}

fn dearest(costs: impl Iterator<Item = Cost>) -> Cost {
    costs.max_by_key(|cost| cost.bytes_sent).unwrap_or_default()
}

/// Runs `check` on random values of `strategy`; a failure prints the values and the seed.
pub(crate) fn random<T: Strategy>(strategy: T, check: impl Fn(T::Value)) {
    let config = ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&strategy, |value| {
            check(value);
            Ok(())
        })
        .unwrap();
}

/// Columns of up to 200 rows, often of no or one row or of nearly a multiple of 64.
pub(crate) fn rows() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0usize), Just(1), 63usize..66, 127usize..130, 190usize..195, 2usize..200]
}

/// `columns` columns of equal length with values of magnitude below 2^`bits`, extremes included.
pub(crate) fn columns(columns: usize, bits: u32) -> impl Strategy<Value = Vec<Vec<i128>>> {
    let most = i128::MAX >> (127 - bits);
    let value = prop_oneof![3 => -most..=most, 1 => Just(0), 1 => Just(most), 1 => Just(-most), 1 => -most.min(3)..=most.min(3)];
    rows()
        .prop_flat_map(move |rows| prop::collection::vec(prop::collection::vec(value.clone(), rows), columns))
}

/// The bits of the scheme's numbers.
pub(crate) fn ring_bits<S: Mixed>() -> u32 {
    S::Num::BITS
}

/// `value` modulo the scheme's ring, signed.
pub(crate) fn wrapped<S: Mixed>(value: i128) -> i128 {
    S::Num::from_i128(value).to_i128()
}
