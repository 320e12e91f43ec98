//! What is estimated is what is measured: every operator, at every party.
#![allow(clippy::unwrap_used, reason = "tests")]

use ring::{Ring, Seed};
use treaty_engine::mpc::{Cost, Mixed, Mpc, Numbers, Protocol, Receivers, Scheme, Shares, Shuffle};
use treaty_engine::ops::fixed::Fixed;
use treaty_engine::ops::{
    self, Between, DivideRange, InverseRange, Quantile, RootRange, Segments, Side, SortKey,
};
use treaty_engine::schemes::estimate::{
    Due, Estimate, Length, Model, Rep3MaliciousModel, Rep3Model, ShamirModel, ShamirState,
};
use treaty_engine::schemes::shamir::Threshold;
use treaty_engine::schemes::{Plain, Rep3, Rep3Malicious, Shamir, ShamirMalicious, ShamirResilient};
use treaty_engine::session::{Party, sim};
use treaty_engine::{Error, Result};

/// Row counts around the words of 64 rows and the three dealers' parts.
const ROWS: [usize; 8] = [0, 1, 63, 64, 65, 128, 200, 1000];

/// A join of two columns on each side by keys of 5 bits.
fn join<P: Mixed, T>(
    protocol: &mut P,
    x: &Numbers<P>,
    y: &Numbers<P>,
    join: impl Fn(&mut P, &Side<'_, P>, &Side<'_, P>, usize) -> Result<T>,
) -> Result<T> {
    let (keys, others) = (ops::decompose(protocol, x, 5)?, ops::decompose(protocol, y, 5)?);
    let valid = ops::decompose(protocol, y, 1)?;
    let columns = [x.clone(), y.clone()];
    let left = Side { keys: &keys, valid: None, columns: &columns };
    let right = Side { keys: &others, valid: Some(&valid), columns: &columns };
    join(protocol, &left, &right, 150)
}

/// For each operator a generic function of two columns, and a test that runs it on `Rep3` and on its estimate.
macro_rules! operators {
    ($($name:ident($protocol:ident, $x:ident, $y:ident) $body:block)*) => { $(
        mod $name {
            use super::*;

            fn operator<P: Mixed>($protocol: &mut P, $x: &Numbers<P>, $y: &Numbers<P>) -> Result<()> {
                $body?;
                Ok(())
            }

            #[test]
            fn is_estimated_exactly() {
                estimated::<Rep3<u128>, Rep3Model>(3, (), || ());
            }

            #[test]
            fn is_estimated_exactly_with_checks() {
                estimated::<Rep3Malicious<u128>, Rep3MaliciousModel>(3, (), Due::default);
            }

            #[test]
            fn is_estimated_exactly_among_any_number() {
                for (parties, threshold) in [(3, 1), (4, 1), (5, 2)] {
                    let setting = Threshold::new(parties, threshold).unwrap();
                    estimated::<Shamir, ShamirModel>(parties, setting, || ShamirState::passive(setting));
                    estimated::<ShamirMalicious, ShamirModel>(parties, setting, || ShamirState::active(setting));
                    estimated::<ShamirResilient, ShamirModel>(parties, setting, || ShamirState::resilient(setting));
                }
            }

            fn estimated<S: Scheme, M: Model>(
                parties: usize,
                setting: S::Setting,
                memory: impl Fn() -> M::Memory,
            ) {
                for rows in ROWS {
                    let mut estimate = Estimate::<M, S::Num>::new(memory());
                    estimate.start();
                    let column = Mpc::<S::Num>::constant(&estimate, S::Num::ONE, rows);
                    let prepared = estimate.prepare(|estimate| operator(estimate, &column, &column));
                    let done = prepared.and_then(|bytes| {
                        operator(&mut estimate, &column, &column)?;
                        Ok(bytes)
                    });
                    let bytes = match done {
                        // The same check refuses it on the scheme itself.
                        Err(Error::Narrow { .. } | Error::OutOfRange { .. }) if S::Num::BITS < 128 => return,
                        done => done.unwrap(),
                    };
                    estimate.verify().unwrap();
                    let measured = sim::run(parties, |me, transport| {
                        let mut protocol =
                            S::start(transport, setting, &Seed::from([me.0 as u8; 32])).unwrap();
                        let column = Mpc::<S::Num>::constant(&protocol, S::Num::ONE, rows);
                        let prepared = protocol.prepare(|protocol| operator(protocol, &column, &column)).unwrap();
                        measure(&mut protocol, rows);
                        (protocol.cost(), prepared)
                    });
                    let estimated: Vec<_> = estimate.costs().iter().map(|cost| (*cost, bytes)).collect();
                    assert_eq!(estimated, measured, "{} with {rows} rows among {parties}", S::NAME);
                }
            }

            #[test]
            fn is_free_for_one_party() {
                let cost = sim::run(1, |_, transport| {
                    measure(&mut Plain::<u128>::start(transport, (), &Seed::from([1; 32])).unwrap(), 65)
                });
                assert_eq!(cost, [Cost::default()]);
            }

            fn measure<P: Mixed>(protocol: &mut P, rows: usize) -> Cost {
                let column = Mpc::<P::Num>::constant(protocol, P::Num::ONE, rows);
                let before = protocol.cost();
                operator(protocol, &column, &column).unwrap();
                protocol.verify().unwrap();
                protocol.cost().since(before)
            }
        }
    )* };
}

operators! {
    multiply(protocol, x, y) { protocol.multiply(x, y) }
    open(protocol, x, _y) { Mpc::<P::Num>::open(protocol, x) }
    reveal_to_all(protocol, x, _y) {
        let proof = protocol.verify()?;
        Mpc::<P::Num>::reveal(protocol, x, Receivers::All, proof)
    }
    reveal_to_one(protocol, x, _y) {
        let proof = protocol.verify()?;
        Mpc::<P::Num>::reveal(protocol, x, Receivers::Only(&[Party(1)]), proof)
    }
    both(protocol, x, y) {
        protocol.both(|protocol| protocol.multiply(x, y), |protocol| ops::equal(protocol, x, y, 17))
    }
    difference(protocol, x, _y) { protocol.difference(x, 33) }
    truncate_near(protocol, x, _y) { protocol.truncate_near(x, 7) }
    decompose(protocol, x, _y) { ops::decompose(protocol, x, 50) }
    inject(protocol, x, _y) {
        let bits = ops::decompose(protocol, x, 5)?;
        protocol.inject(&bits)
    }
    inject_sums(protocol, x, _y) {
        let bits = ops::decompose(protocol, x, 5)?;
        protocol.inject_sums(&bits, &[vec![P::Num::ONE; 5], vec![P::Num::ONE; 3]])
    }
    multiply_near(protocol, x, y) { protocol.multiply_near(x, y, 7) }
    prefix_or(protocol, x, _y) {
        let bits = ops::decompose(protocol, x, 37)?;
        ops::prefix_or(protocol, &bits)
    }
    logic(protocol, x, y) {
        let (a, b) = (ops::decompose(protocol, x, 3)?, ops::decompose(protocol, y, 3)?);
        let c = ops::or(protocol, &a, &b)?;
        ops::select_bits(protocol, &a.bit(0), &b, &c)
    }
    less_than(protocol, x, y) { ops::less_than(protocol, x, y, P::Num::BITS.min(100)) }
    equal(protocol, x, y) { ops::equal(protocol, x, y, P::Num::BITS) }
    select(protocol, x, y) {
        let negative = ops::negative(protocol, x, 9)?;
        ops::select(protocol, &negative, x, y)
    }
    max_blocks(protocol, x, y) {
        let blocks = Shares::concat(&[x, y, x, y, x]);
        ops::max_blocks(protocol, &blocks, 5, 40)
    }
    dot(protocol, x, y) {
        Mpc::<P::Num>::dot(protocol, &Shares::concat(&[x, x, y]), &Shares::concat(&[y, y, x]), 3)
    }
    shuffle(protocol, x, y) {
        let hidden = protocol.hidden_permutation(Shares::<P::Num>::len(x));
        let both = Shares::concat(&[x, y]);
        let shuffled = Shuffle::<P::Num>::shuffle(protocol, &both, &hidden)?;
        Shuffle::<P::Num>::unshuffle(protocol, &shuffled, &hidden)
    }
    sort(protocol, x, y) {
        let keys = ops::sortable(protocol, x, 7)?;
        let order = ops::sort(protocol, &keys)?;
        let payload = order.apply(protocol, y)?;
        order.apply_bits(protocol, &keys)?;
        order.undo(protocol, &payload)
    }
    radix_sort(protocol, x, _y) {
        let keys = ops::decompose(protocol, x, 9)?;
        ops::radix_sort(protocol, &keys)
    }
    comparison_sort(protocol, x, _y) {
        let keys = ops::decompose(protocol, x, 9)?;
        ops::comparison_sort(protocol, &keys)
    }
    comparison_sort_of_many(protocol, x, y) {
        let many = Shares::concat(&[x, y, x, y, x]);
        let keys = ops::decompose(protocol, &many, 60)?;
        ops::comparison_sort(protocol, &keys)
    }
    group(protocol, x, y) {
        let keys = ops::sortable(protocol, x, 5)?;
        let groups = ops::group(protocol, &keys)?;
        groups.sum(protocol, y)?;
        groups.min(protocol, y, 20)?;
        groups.max(protocol, y, 20)
    }
    group_where(protocol, x, y) {
        let (keys, valid) = (ops::sortable(protocol, x, 3)?, ops::negative(protocol, y, 9)?);
        let groups = ops::group_where(protocol, &keys, &valid)?;
        groups.count(protocol)?;
        groups.first(protocol, &Shares::concat(&[x, y]))
    }
    abs(protocol, x, _y) { ops::abs(protocol, x, 33) }
    sign(protocol, x, _y) { ops::sign(protocol, x, 33) }
    compose(protocol, x, _y) {
        let bits = ops::decompose(protocol, x, 7)?;
        ops::compose_signed(protocol, &bits)
    }
    argmin_blocks(protocol, x, y) {
        let blocks = Shares::concat(&[x, y, x]);
        ops::argmin_blocks(protocol, &blocks, std::slice::from_ref(&blocks), 3, 40)
    }
    argmax(protocol, x, y) {
        let both = Shares::concat(&[x, y, &Shares::zeros(1)]);
        let rows = Shares::<P::Num>::len(&both);
        ops::argmax_blocks(protocol, &both, &[], rows, 40)
    }
    orders(protocol, x, y) {
        let keys = ops::sortable(protocol, x, 3)?;
        let order = ops::sort(protocol, &keys)?;
        let both = order.then(protocol, &order)?;
        both.undo_bits(protocol, &keys)?;
        both.apply(protocol, y)
    }
    segments(protocol, x, y) {
        let starts = ops::decompose(protocol, x, 1)?;
        let segments = Segments::new(protocol, &starts)?;
        segments.running_sum(protocol, y)?;
        segments.running_count(protocol)?;
        segments.length(protocol)
    }
    boundaries_and_scan(protocol, x, y) {
        let keys = ops::decompose(protocol, x, 9)?;
        let starts = ops::boundaries(protocol, &keys)?.starts;
        ops::segmented_max(protocol, y, &starts, 30)
    }
    compact(protocol, x, y) {
        let kept = ops::decompose(protocol, x, 1)?;
        ops::compact(protocol, &kept, &[y.clone(), x.clone()], 70)
    }
    distinct(protocol, x, y) {
        let (keys, valid) = (ops::decompose(protocol, x, 5)?, ops::decompose(protocol, y, 1)?);
        ops::distinct(protocol, &keys, &valid)
    }
    inner_join(protocol, x, y) { join(protocol, x, y, ops::inner_join) }
    join_many(protocol, x, y) { join(protocol, x, y, ops::join_many) }
    semi_and_anti_join(protocol, x, y) {
        join(protocol, x, y, |protocol, left, right, _| {
            ops::semi_join(protocol, left, right)?;
            ops::anti_join(protocol, left, right)
        })
    }
    top_k(protocol, x, y) {
        let keys = ops::decompose(protocol, x, 7)?;
        ops::top_k(protocol, &[SortKey { bits: &keys, descending: true }], &[x.clone(), y.clone()], 10)
    }
    quantiles(protocol, x, _y) { ops::quantiles(protocol, x, 9, &[Quantile::MEDIAN]) }
    group_quantiles(protocol, x, y) {
        let (keys, valid) = (ops::decompose(protocol, x, 5)?, ops::decompose(protocol, y, 1)?);
        let discrete = Quantile { between: Between::Discrete, ..Quantile::MEDIAN };
        ops::group_quantiles(protocol, &keys, &valid, y, 9, &[Quantile::MEDIAN, discrete])
    }
    fixed_matmul(protocol, x, y) {
        let shape = ring::Shape { rows: 1, inner: Shares::<P::Num>::len(x), columns: 1 };
        ops::fixed::matmul(protocol, x, y, shape, Fixed::default())
    }
    fixed_functions(protocol, x, _y) {
        ops::fixed::exp(protocol, x, Fixed::default())?;
        ops::fixed::tanh(protocol, x, Fixed::default())?;
        ops::fixed::sigmoid_coarse(protocol, x, Fixed::default())?;
        ops::fixed::log(protocol, x, Fixed::default())
    }
    softmax(protocol, x, y) {
        ops::fixed::softmax(protocol, &Shares::concat(&[x, y, x]), 3, Fixed::default())
    }
    inverses(protocol, x, y) {
        let range = InverseRange { bits: 60, fraction_in: 20, fraction_out: 20 };
        ops::reciprocal(protocol, x, range)?;
        ops::inverse_root(protocol, y, range)
    }
    truncate(protocol, x, _y) { ops::truncate(protocol, x, P::Num::BITS.min(90), 30) }
    divide(protocol, x, y) {
        let range = DivideRange { numerator_bits: 90, denominator_bits: 40, result_bits: 60, fraction: 30 };
        ops::divide(protocol, x, y, range)
    }
    square_root(protocol, x, _y) {
        ops::square_root(protocol, x, RootRange { bits: 80, fraction_in: 21, fraction_out: 30 })
    }
}

/// What `operator` costs per row of a long column, as its header states it: rounds exactly, bytes at most.
fn stated(
    rounds: u32,
    bytes_per_row: f64,
    operator: impl Fn(&mut Estimate<Rep3Model, u128>, &Length, &Length) -> Result<()>,
) {
    const ROWS: usize = 192 * 100;
    let mut estimate = Estimate::<Rep3Model, u128>::new(());
    let column = Mpc::<u128>::constant(&estimate, 1, ROWS);
    operator(&mut estimate, &column, &column).unwrap();
    let cost = estimate.cost();
    let found = cost.bytes_sent as f64 / ROWS as f64;
    assert_eq!(cost.rounds, rounds, "rounds; {found} bytes per row");
    assert!(
        found <= bytes_per_row && found > 0.9 * bytes_per_row,
        "{found} bytes per row, not {bytes_per_row}"
    );
}

#[test]
fn less_than_costs_what_its_header_says() {
    stated(8, 26.0, |p, x, y| ops::less_than(p, x, y, 64).map(|_| ()));
    stated(7, 10.7, |p, x, y| ops::equal(p, x, y, 64).map(|_| ()));
}

#[test]
fn truncate_costs_what_its_header_says() {
    stated(11, 79.0, |p, x, _| ops::truncate(p, x, 128, 64).map(|_| ()));
}

#[test]
fn short_divisions_cost_what_the_header_says() {
    stated(28, 272.0, |p, x, y| {
        let range = DivideRange { numerator_bits: 32, denominator_bits: 32, result_bits: 32, fraction: 18 };
        ops::divide(p, x, y, range).map(|_| ())
    });
}

#[test]
fn divide_costs_what_its_header_says() {
    stated(66, 1441.0, |p, x, y| {
        let range = DivideRange { numerator_bits: 118, denominator_bits: 60, result_bits: 60, fraction: 50 };
        ops::divide(p, x, y, range).map(|_| ())
    });
}

#[test]
fn exp_costs_what_its_header_says() {
    stated(14, 103.0, |p, x, _| ops::fixed::exp(p, x, Fixed::default()).map(|_| ()));
}

#[test]
fn sigmoid_costs_what_its_header_says() {
    stated(32, 231.0, |p, x, _| ops::fixed::sigmoid(p, x, Fixed::default()).map(|_| ()));
}

#[test]
fn sigmoid_coarse_costs_what_its_header_says() {
    stated(14, 264.0, |p, x, _| ops::fixed::sigmoid_coarse(p, x, Fixed::default()).map(|_| ()));
}

#[test]
fn log_costs_what_its_header_says() {
    stated(27, 308.0, |p, x, _| ops::fixed::log(p, x, Fixed::default()).map(|_| ()));
}

#[test]
fn square_root_costs_what_its_header_says() {
    stated(52, 681.0, |p, x, _| {
        let range = RootRange { bits: 118, fraction_in: 0, fraction_out: 50 };
        ops::square_root(p, x, range).map(|_| ())
    });
    stated(34, 347.0, |p, x, _| {
        let range = RootRange { bits: 50, fraction_in: 18, fraction_out: 18 };
        ops::square_root(p, x, range).map(|_| ())
    });
}

#[test]
fn abs_and_sign_cost_what_their_headers_say() {
    stated(11, 57.4, |p, x, _| ops::abs(p, x, 64).map(|_| ()));
    stated(10, 68.0, |p, x, _| ops::sign(p, x, 64).map(|_| ()));
}

#[test]
fn compact_costs_what_its_header_says() {
    let number = 16.0;
    stated(11, 13.01 * number, |p, x, y| {
        let kept = ops::public_bits(p, 19_200, |_| true);
        ops::compact(p, &kept, &[*x, *y], 19_200).map(|_| ())
    });
}

#[test]
fn lookup_costs_what_its_header_says() {
    let (number, sort) = (16.0, 7.0);
    stated(8 + 24, 2.0 * (sort + 17.1 + 9.0) * number, |p, x, _| {
        let keys = ops::public_bits(p, 19_200, |_| true).pick(&[0, 0]);
        let side = Side { keys: &keys, valid: None, columns: &[*x] };
        ops::lookup(p, &side, &side).map(|_| ())
    });
}

#[test]
fn inverses_cost_what_their_headers_say() {
    let range = InverseRange { bits: 118, fraction_in: 60, fraction_out: 50 };
    stated(57, 1016.0, |p, x, _| ops::reciprocal(p, x, range).map(|_| ()));
    stated(62, 730.0, |p, x, _| ops::inverse_root(p, x, range).map(|_| ()));
}

#[test]
fn softmax_costs_what_its_header_says() {
    stated(101, 10.0 * 300.0, |p, x, _| {
        let ten = Shares::<u128>::concat(&[x; 10]);
        ops::fixed::softmax(p, &ten, 10, Fixed::default()).map(|_| ())
    });
}
