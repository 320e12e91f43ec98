//! A corrupted party rewrites what it sends: the honest parties stop, or their result is right.
//!
//! Every frame of every operator, under several changes and from each party: what a frame's change may at most do is end
//! the computation. Operators are run on few rows, so that all frames can be tried.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use ring::{Lanes, Number, Prg, Seed, Shape};
use treaty_engine::mpc::{Bits, Dealing, Mixed, Mpc, Numbers, Protocol, Receivers, Scheme, Shares, Shuffle};
use treaty_engine::ops::{self, DivideRange, RootRange, fixed};
use treaty_engine::schemes::rep3_malicious::Element;
use treaty_engine::schemes::shamir::Threshold;
use treaty_engine::schemes::{Rep3Malicious, ShamirMalicious};
use treaty_engine::session::{Party, Transport, sim, tamper};
use treaty_engine::{Error, Result};

/// A scheme that finds what a deviating party does.
trait Attacked: Scheme {
    /// How it is started.
    fn setting() -> Self::Setting;
    /// Compute parties.
    fn compute_parties() -> usize;
    /// The first frames that are attacked: those before are contributions to keys, whatever they are.
    const FIRST: u64;
}

impl<N: Number + Element> Attacked for Rep3Malicious<N> {
    fn setting() {}
    fn compute_parties() -> usize {
        3
    }
    const FIRST: u64 = 2;
}

thread_local! {
    static THRESHOLD: Cell<(usize, usize)> = const { Cell::new((3, 1)) };
}

/// All frames: wrong contributions to keys are found, or make nothing but errors of the party that sends them.
impl Attacked for ShamirMalicious {
    fn setting() -> Threshold {
        let (parties, threshold) = THRESHOLD.get();
        Threshold::new(parties, threshold).unwrap()
    }
    fn compute_parties() -> usize {
        THRESHOLD.get().0
    }
    const FIRST: u64 = 0;
}

type Operator<S> = fn(&mut S, &Numbers<S>, &Numbers<S>) -> Result<Numbers<S>>;
type Change = (&'static str, fn(&[u8]) -> Vec<u8>);

const ROWS: usize = 3;

/// What a deviating party sends instead of an honest frame.
const CHANGES: [Change; 6] = [
    ("lowest bit", |body| changed(body, 0, 1)),
    ("highest bit", |body| changed(body, body.len().saturating_sub(1), 128)),
    ("middle", |body| changed(body, body.len() / 2, 0x10)),
    ("all bits", |body| body.iter().map(|byte| !byte).collect()),
    ("zeros", |body| vec![0; body.len()]),
    ("shorter", |body| body.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default()),
];

fn changed(body: &[u8], place: usize, by: u8) -> Vec<u8> {
    let mut body = body.to_vec();
    body.get_mut(place).into_iter().for_each(|byte| *byte ^= by);
    body
}

/// What the receiver of all share messages gets, and whether frame `at` of `corrupted` was reached.
struct Outcome<N> {
    reached: bool,
    honest: Vec<Result<Vec<u8>>>,
    result: Result<Vec<N>>,
}

/// Runs `operator` with `corrupted` changing the frame number `at` of those that it sends and are attacked.
fn run<S: Attacked>(operator: Operator<S>, corrupted: Party, at: u64, change: Change) -> Outcome<S::Num> {
    let columns = [[5u128, 2, 9], [7, 2, 1]];
    let (setting, parties) = (S::setting(), S::compute_parties());
    let mut prg = Prg::new(Seed::from([77; 32]));
    let dealt = columns.map(|values| {
        let values = values.map(S::Num::from_u128);
        <S as Dealing<S::Num>>::deal(setting, &values, &mut prg)
    });
    let sent = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&sent);
    let rewritten = move |transport: Arc<dyn Transport>| {
        let sent = Arc::clone(&counter);
        tamper::party(transport, move |_, body| {
            let mut sent = sent.lock().unwrap();
            *sent += 1;
            if *sent == at + S::FIRST + 1 {
                tamper::Verdict::Replace(change.1(body))
            } else {
                tamper::Verdict::Pass
            }
        })
    };
    let sealed = sim::run(parties, |me, transport| -> Result<(Vec<u8>, usize)> {
        let transport = if me == corrupted { rewritten(transport) } else { transport };
        let mut protocol = S::start(transport, setting, &Seed::from([me.0 as u8 + 1; 32]))?;
        let x = Dealing::<S::Num>::accept(&protocol, &dealt[0][me.0], ROWS)?;
        let y = Dealing::<S::Num>::accept(&protocol, &dealt[1][me.0], ROWS)?;
        let result = operator(&mut protocol, &x, &y)?;
        let proof = protocol.verify()?;
        let len = result.len();
        Ok((Dealing::<S::Num>::seal(&mut protocol, &result, proof)?, len))
    });
    let reached = *sent.lock().unwrap() > at + S::FIRST;
    let len = sealed.iter().flatten().map(|sealed| sealed.1).next().unwrap_or(0);
    let messages =
        sealed.iter().map(|sealed| sealed.clone().map(|sealed| sealed.0)).collect::<Result<Vec<_>>>();
    let result = messages.and_then(|messages| <S as Dealing<S::Num>>::combine(setting, &messages, len));
    let honest = sealed.into_iter().enumerate().filter(|(party, _)| *party != corrupted.0);
    Outcome { reached, honest: honest.map(|(_, sealed)| sealed.map(|sealed| sealed.0)).collect(), result }
}

/// Tries every `step`th frame of each party under each change; how many frames there were, and how many runs stopped.
fn attack<S: Attacked>(name: &str, operator: Operator<S>, step: u64) -> (u64, u64) {
    let untouched = run(operator, Party(0), u64::MAX - 3, CHANGES[0]).result.unwrap();
    let (mut frames, mut stopped) = (0, 0);
    for corrupted in (0..S::compute_parties()).map(Party) {
        for (place, change) in CHANGES.into_iter().enumerate() {
            let mut at = place as u64 % step;
            loop {
                let outcome = run(operator, corrupted, at, change);
                if !outcome.reached {
                    break;
                }
                frames += 1;
                match outcome.result {
                    Ok(result) => assert_eq!(
                        result, untouched,
                        "{name}: {} in frame {at} of {corrupted} changed the result unseen",
                        change.0
                    ),
                    Err(_) => {
                        stopped += 1;
                        assert!(
                            outcome.honest.iter().any(Result::is_err),
                            "{name}: {} in frame {at} of {corrupted}: only the receiver saw it",
                            change.0
                        );
                    }
                }
                at += step;
            }
        }
    }
    (frames, stopped)
}

fn bits_to_numbers<P: Mixed>(protocol: &mut P, bits: &Bits<P>) -> Result<Numbers<P>> {
    protocol.inject(bits)
}

macro_rules! attacked {
    ($($name:ident / $step:literal ($protocol:ident, $x:ident, $y:ident) $body:block)*) => { $(
        mod $name {
            use super::*;

            fn operator<P: Scheme>(
                $protocol: &mut P,
                $x: &Numbers<P>,
                $y: &Numbers<P>,
            ) -> Result<Numbers<P>> $body

            #[test]
            fn of_64_bits() {
                attacked::<Rep3Malicious<u64>>($step);
            }

            #[test]
            fn of_128_bits() {
                attacked::<Rep3Malicious<u128>>($step);
            }

            #[test]
            fn among_three() {
                attacked::<ShamirMalicious>($step);
            }

            #[test]
            fn among_five() {
                THRESHOLD.set((5, 2));
                attacked::<ShamirMalicious>(67 * $step);
            }

            #[test]
            fn among_four() {
                THRESHOLD.set((4, 1));
                attacked::<ShamirMalicious>(41 * $step);
            }

            fn attacked<S: Attacked>(step: u64) {
                let (frames, stopped) = attack::<S>(stringify!($name), operator::<S>, step);
                assert!(frames > 0 && stopped * 4 > frames, "{stopped} of {frames} runs stopped");
            }
        }
    )* };
}

attacked! {
    multiply / 1 (protocol, x, y) { protocol.multiply(x, y) }
    multiply_twice / 1 (protocol, x, y) {
        let product = protocol.multiply(x, y)?;
        protocol.multiply(&product, x)
    }
    nothing_but_the_result / 1 (_protocol, x, _y) { Ok(x.clone()) }
    dot / 1 (protocol, x, y) {
        Mpc::<P::Num>::dot(protocol, &Shares::concat(&[x, y]), &Shares::concat(&[y, y]), 2)
    }
    matmul / 1 (protocol, x, y) {
        Mpc::<P::Num>::matmul(protocol, x, y, Shape { rows: 3, inner: 1, columns: 3 })
    }
    both / 1 (protocol, x, y) {
        let (a, b) = protocol.both(|p| p.multiply(x, y), |p| p.multiply(x, x))?;
        Ok(a.plus(&b))
    }
    checked_in_a_fork / 1 (protocol, x, y) {
        let product = protocol.multiply(x, y)?;
        let (a, b) = protocol.both(
            |p| {
                p.verify()?;
                p.multiply(&product, y)
            },
            |p| p.multiply(x, x),
        )?;
        Ok(a.plus(&b).plus(&product))
    }
    open / 1 (protocol, x, y) {
        let product = protocol.multiply(x, y)?;
        let opened = Mpc::<P::Num>::open(protocol, &product)?;
        Ok(x.plus(&protocol.public(&opened)))
    }
    reveal / 1 (protocol, x, y) {
        let product = protocol.multiply(x, y)?;
        let proof = protocol.verify()?;
        let opened = Mpc::<P::Num>::reveal(protocol, &product, Receivers::All, proof)?.unwrap_or_default();
        Ok(x.plus(&protocol.public(&opened)))
    }
    decompose / 1 (protocol, x, _y) {
        let bits = ops::decompose(protocol, x, 5)?;
        bits_to_numbers(protocol, &bits)
    }
    less_than / 1 (protocol, x, y) {
        let less = ops::less_than(protocol, x, y, 20)?;
        bits_to_numbers(protocol, &less)
    }
    dot_of_bits / 1 (protocol, x, y) {
        let (a, b) = (ops::decompose(protocol, x, 2)?, ops::decompose(protocol, y, 2)?);
        let words = Mpc::<Lanes>::dot(protocol, a.words(), b.words(), 2)?;
        bits_to_numbers(protocol, &Bits::new(words, ROWS, 1))
    }
    select / 1 (protocol, x, y) {
        let less = ops::less_than(protocol, x, y, 6)?;
        ops::select(protocol, &less, x, y)
    }
    truncate / 1 (protocol, x, _y) { ops::truncate(protocol, x, 12, 3) }
    truncate_near / 1 (protocol, x, _y) { protocol.truncate_near(x, 2) }
    fixed_product / 1 (protocol, x, y) {
        fixed::mul(protocol, x, y, fixed::Fixed { integer: 4, fraction: 2 })
    }
    shuffle / 1 (protocol, x, y) {
        let hidden = protocol.hidden_permutation(ROWS);
        let moved = Shuffle::<P::Num>::shuffle(protocol, &Shares::concat(&[x, y]), &hidden)?;
        Shuffle::<P::Num>::unshuffle(protocol, &moved, &hidden)
    }
    sort / 1 (protocol, x, y) {
        let keys = ops::sortable(protocol, x, 5)?;
        ops::sort(protocol, &keys)?.apply(protocol, y)
    }
    group / 5 (protocol, x, y) {
        let keys = ops::sortable(protocol, x, 3)?;
        ops::group(protocol, &keys)?.sum(protocol, y)
    }
}

#[test]
fn division_and_roots() {
    let divide: Operator<Rep3Malicious<u128>> = |protocol, x, y| {
        let range = DivideRange { numerator_bits: 10, denominator_bits: 10, result_bits: 10, fraction: 8 };
        ops::divide(protocol, x, y, range)
    };
    let root: Operator<Rep3Malicious<u128>> = |protocol, x, _| {
        ops::square_root(protocol, x, RootRange { bits: 10, fraction_in: 0, fraction_out: 8 })
    };
    for (name, operator) in [("divide", divide), ("square_root", root)] {
        let (frames, stopped) = attack(name, operator, 11);
        assert!(frames > 50 && stopped * 2 > frames, "{name}: {stopped} of {frames} runs stopped");
    }
}

/// Every message of a large multiplication, which is checked on the way.
#[test]
fn a_check_on_the_way_finds_what_a_check_at_the_end_would() {
    const MANY: usize = 1 << 17;
    let results = sim::run(3, |me, transport| -> Result<()> {
        let change = |place: tamper::Place, body: &[u8]| {
            if place.index == 2 {
                tamper::Verdict::Replace(changed(body, 77, 4))
            } else {
                tamper::Verdict::Pass
            }
        };
        let transport = if me == Party(2) { tamper::party(transport, change) } else { transport };
        let mut protocol = Rep3Malicious::<u64>::start(transport, (), &Seed::from([me.0 as u8; 32]))?;
        let x = Mpc::<u64>::constant(&protocol, 3, MANY);
        for _ in 0..3 {
            Mpc::<u64>::mul(&mut protocol, &x, &x)?;
        }
        Ok(())
    });
    assert!(results[..2].iter().all(Result::is_err), "{results:?}");
    assert!(results.iter().any(|result| matches!(result, Err(Error::CheckFailed { .. }))), "{results:?}");
}

/// A party that adds noise deals shares that do not belong together: no result bears what nobody can have dealt.
#[test]
fn bad_shares_of_noise_stop_the_run() {
    let noisy: Operator<ShamirMalicious> = |protocol, x, y| {
        let scale = ops::NoiseScale {
            distribution: ops::Distribution::Gaussian,
            numerator: 3,
            denominator: 1,
            bits: 8,
        };
        let me = protocol.me().0 as u8;
        let drawn = ops::noise(protocol, scale, ROWS, &mut Prg::new(Seed::from([me + 40; 32])))?;
        protocol.multiply(&x.plus(&drawn), y)
    };
    for (parties, threshold, step) in [(3, 1, 1), (5, 2, 11)] {
        THRESHOLD.set((parties, threshold));
        let (frames, stopped) = attack("noise", noisy, step);
        assert!(frames > 0 && stopped * 4 > frames, "{stopped} of {frames} runs stopped");
    }
}
