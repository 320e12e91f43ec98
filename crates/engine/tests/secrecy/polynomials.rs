//! What parties receive under sharing by polynomials, and what t of them make of their shares.

use std::sync::{Arc, Mutex};

use ring::{Mersenne61, Number, Prg, Ring, Seed};
use treaty_engine::Result;
use treaty_engine::mpc::{Dealing, Mixed, Mpc, Numbers, Protocol, Scheme, Shares, Shuffle};
use treaty_engine::ops;
use treaty_engine::schemes::Shamir;
use treaty_engine::schemes::shamir::{Guard, Threshold};
use treaty_engine::session::{sim, tamper};

use super::chi_square;

pub(super) type Operator<S> = fn(&mut S, &Numbers<S>, &Numbers<S>) -> Result<Numbers<S>>;

pub(super) const ROWS: usize = 960;

/// Operators that between them send every kind of message but opened orders, which hold rows' numbers.
pub(super) fn operators<G: Guard>() -> [(&'static str, Operator<Shamir<G>>); 5] {
    [
        ("multiply", |protocol, x, y| protocol.multiply(x, y)),
        ("matmul", |protocol, x, y| {
            Mpc::<Mersenne61>::matmul(protocol, x, y, ring::Shape { rows: 32, inner: 30, columns: 32 })
        }),
        ("truncate", |protocol, x, _| ops::truncate(protocol, x, 40, 7)),
        ("max", |protocol, x, y| ops::max(protocol, x, y, 50)),
        ("shuffle", |protocol, x, y| {
            let hidden = treaty_engine::mpc::Permuting::hidden_permutation(protocol, ROWS);
            Shuffle::<Mersenne61>::shuffle(protocol, &Shares::concat(&[x, y]), &hidden)
        }),
    ]
}

/// The words that each party receives, one after another.
fn views<G: Guard>(
    setting: Threshold,
    operator: Operator<Shamir<G>>,
    x: &[Mersenne61],
    y: &[Mersenne61],
) -> Vec<Vec<u64>> {
    let dealt = [x, y].map(|values| {
        <Shamir<G> as Dealing<Mersenne61>>::deal(setting, values, &mut Prg::new(Seed::from([77; 32])))
    });
    let seen: Arc<Vec<Mutex<Vec<u64>>>> =
        Arc::new((0..setting.parties()).map(|_| Mutex::default()).collect());
    sim::run(setting.parties(), |me, transport| {
        let seen = Arc::clone(&seen);
        let transport = tamper::party(transport, move |place, body| {
            let words = body.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
            seen[place.to.0].lock().unwrap().extend(words);
            tamper::Verdict::Pass
        });
        let mut protocol = Shamir::<G>::start(transport, setting, &Seed::from([me.0 as u8 + 1; 32])).unwrap();
        let x = Dealing::<Mersenne61>::accept(&protocol, &dealt[0][me.0], x.len()).unwrap();
        let y = Dealing::<Mersenne61>::accept(&protocol, &dealt[1][me.0], y.len()).unwrap();
        protocol.prepare(|protocol| operator(protocol, &x, &y).map(|_| ())).unwrap();
        operator(&mut protocol, &x, &y).unwrap();
        protocol.verify().unwrap();
    });
    seen.iter().map(|view| view.lock().unwrap().clone()).collect()
}

/// All bytes but the highest, which elements below 2^61 don't fill.
fn low_bytes(words: impl Iterator<Item = u64>) -> Vec<u8> {
    words.flat_map(|word| word.to_le_bytes().into_iter().take(7)).collect()
}

fn uniform<G: Guard>() {
    let number = |value: usize| Mersenne61::from_u128(value as u128);
    let inputs = [
        vec![number(0); ROWS],
        vec![number(1); ROWS],
        (0..ROWS).map(|row| number(row * row % 9973)).collect(),
    ];
    for (parties, threshold) in [(3, 1), (5, 2)] {
        let setting = Threshold::new(parties, threshold).unwrap();
        for (name, operator) in operators::<G>() {
            let mut lengths = Vec::new();
            for x in &inputs {
                let views = views(setting, operator, x, &inputs[1]);
                for (party, view) in views.iter().enumerate() {
                    let bytes = low_bytes(view.iter().copied());
                    assert!(
                        bytes.len() > 256 * 20,
                        "{name} sends too little to judge: {} bytes",
                        bytes.len()
                    );
                    let statistic = chi_square(&bytes);
                    assert!(
                        statistic < 255.0 + 6.0 * 22.6,
                        "{name}, party {party} of {parties}: {statistic}"
                    );
                }
                lengths.push(views.iter().map(Vec::len).collect::<Vec<_>>());
            }
            assert!(lengths.iter().all(|length| *length == lengths[0]), "{name}: lengths tell about inputs");
        }
    }
}

/// What t parties together make of their shares of zeros, as if these lay on a polynomial of degree t − 1.
#[test]
fn too_few_shares_tell_nothing() {
    let setting = Threshold::new(5, 2).unwrap();
    let zeros = vec![Mersenne61::from_u128(0); 4000];
    let dealt = <Shamir as Dealing<Mersenne61>>::deal(setting, &zeros, &mut Prg::new(Seed::from([3; 32])));
    let shares = |party: usize| {
        let mut shares = vec![Mersenne61::default(); zeros.len()];
        // Twelve bytes of header and sixteen of salt.
        Mersenne61::read_le(&dealt[party][28..], &mut shares);
        shares
    };
    for first in 0..5usize {
        for second in first + 1..5 {
            let place = |party: usize| Mersenne61::from_u128(party as u128 + 1);
            let distance = place(second).minus(place(first)).inverse();
            let guess = |(a, b): (&Mersenne61, &Mersenne61)| {
                a.times(place(second)).minus(b.times(place(first))).times(distance).to_u128() as u64
            };
            let guesses: Vec<_> = shares(first).iter().zip(&shares(second)).map(guess).collect();
            assert!(guesses.iter().all(|guess| *guess != 0));
            let statistic = chi_square(&low_bytes(guesses.into_iter()));
            assert!(statistic < 255.0 + 6.0 * 22.6, "parties {first} and {second}: {statistic}");
        }
    }
}

#[test]
fn views_are_uniform() {
    uniform::<treaty_engine::schemes::shamir::Passive>();
}

#[test]
fn views_are_uniform_with_checks() {
    uniform::<treaty_engine::schemes::shamir::Active>();
}

#[test]
fn views_are_uniform_when_parties_may_vanish() {
    uniform::<treaty_engine::schemes::shamir::Resilient>();
}
