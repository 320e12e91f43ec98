//! What a party sees, and what a party that breaks the protocol can do to the others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod joint;
mod polynomials;

use std::sync::{Arc, Mutex};

use ring::{Prg, Seed};
use treaty_engine::mpc::{Dealing, Numbers, Scheme, Shares};
use treaty_engine::ops::{self, DivideRange, fixed};
use treaty_engine::schemes::{Rep3, Rep3Malicious};
use treaty_engine::session::{Party, sim, tamper};
use treaty_engine::{Error, Result};

type Operator<S> = fn(&mut S, &Numbers<S>, &Numbers<S>) -> Result<Numbers<S>>;

/// Operators that between them send every kind of message.
fn operators<S: Scheme<Num = u128, Setting = ()>>() -> [(&'static str, Operator<S>); 8] {
    [
        ("multiply", |protocol, x, y| {
            ops::fixed::mul(protocol, x, y, fixed::Fixed { integer: 40, fraction: 40 })
        }),
        ("truncate", |protocol, x, _| ops::truncate(protocol, x, 100, 20)),
        ("max", |protocol, x, y| ops::max(protocol, x, y, 64)),
        ("divide", |protocol, x, y| {
            let range =
                DivideRange { numerator_bits: 60, denominator_bits: 60, result_bits: 60, fraction: 20 };
            ops::divide(protocol, x, y, range)
        }),
        ("sort", |protocol, x, y| {
            let keys = ops::sortable(protocol, x, 8)?;
            ops::sort(protocol, &keys)?.apply(protocol, y)
        }),
        ("group", |protocol, x, y| {
            let keys = ops::sortable(protocol, x, 6)?;
            ops::group(protocol, &keys)?.sum(protocol, y)
        }),
        ("join", |protocol, x, y| {
            let (keys, others) = (ops::decompose(protocol, x, 6)?, ops::decompose(protocol, y, 6)?);
            let valid = ops::decompose(protocol, y, 1)?;
            let left = ops::Side { keys: &keys, valid: Some(&valid), columns: std::slice::from_ref(y) };
            let right = ops::Side { keys: &others, valid: None, columns: std::slice::from_ref(x) };
            Ok(Shares::concat(
                &ops::inner_join(protocol, &left, &right, 50)?.right.iter().collect::<Vec<_>>(),
            ))
        }),
        ("exp", |protocol, x, _| fixed::exp(protocol, x, fixed::Fixed::default())),
    ]
}

/// Bodies of the frames that each party receives while an operator runs, one after another.
fn views<S: Scheme<Num = u128, Setting = ()>>(operator: Operator<S>, x: &[u128], y: &[u128]) -> Vec<Vec<u8>> {
    let dealt =
        [x, y].map(|values| <S as Dealing<u128>>::deal((), values, &mut Prg::new(Seed::from([77; 32]))));
    let seen: Arc<[Mutex<Vec<u8>>; 3]> = Arc::default();
    sim::run(3, |me, transport| {
        let seen = Arc::clone(&seen);
        let transport = tamper::party(transport, move |place, body| {
            seen[place.to.0].lock().unwrap().extend_from_slice(body);
            tamper::Verdict::Pass
        });
        let mut protocol = S::start(transport, (), &Seed::from([me.0 as u8 + 1; 32])).unwrap();
        let x = Dealing::<u128>::accept(&protocol, &dealt[0][me.0], x.len()).unwrap();
        let y = Dealing::<u128>::accept(&protocol, &dealt[1][me.0], y.len()).unwrap();
        operator(&mut protocol, &x, &y).unwrap();
        protocol.verify().unwrap();
    });
    seen.iter().map(|view| view.lock().unwrap().clone()).collect()
}

/// Pearson's statistic of the bytes against the uniform distribution: of mean 255 and standard deviation 22.6.
fn chi_square(bytes: &[u8]) -> f64 {
    let mut counts = [0u64; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let expected = bytes.len() as f64 / 256.0;
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

fn what_a_party_receives_is_uniform<S: Scheme<Num = u128, Setting = ()>>() {
    const ROWS: usize = 640;
    let inputs: [Vec<u128>; 3] =
        [vec![0; ROWS], vec![1; ROWS], (0..ROWS as u128).map(|row| row * row % 9973).collect()];
    for (name, operator) in operators::<S>() {
        for x in &inputs {
            for (party, view) in views(operator, x, &inputs[1]).iter().enumerate() {
                // Orders that sorting opens are the rows' numbers, which fill only the low bytes of their words.
                if ["sort", "group", "join"].contains(&name) {
                    continue;
                }
                assert!(view.len() > 256 * 20, "{name} sends too little to judge: {} bytes", view.len());
                let statistic = chi_square(view);
                assert!(statistic < 255.0 + 6.0 * 22.6, "{name}, party {party}: {statistic}");
            }
        }
    }
}

fn messages_have_the_same_lengths<S: Scheme<Num = u128, Setting = ()>>() {
    let inputs: [Vec<u128>; 2] = [vec![0; 130], (0..130).map(|row| row * 7919 % 200).collect()];
    for (name, operator) in operators::<S>() {
        let lengths = |x: &Vec<u128>| views(operator, x, &inputs[1]).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&inputs[0]), lengths(&inputs[1]), "{name}");
    }
}

/// Runs an operator with party 1 rewriting its frame number `at`, counted over all channels.
fn attacked<S: Scheme<Num = u128, Setting = ()>>(
    operator: Operator<S>,
    at: usize,
    change: fn(&[u8]) -> Vec<u8>,
) -> (bool, Vec<Result<usize>>) {
    let values: Vec<u128> = (0..70).collect();
    let dealt = <S as Dealing<u128>>::deal((), &values, &mut Prg::new(Seed::from([77; 32])));
    let sent = Arc::new(Mutex::new(0));
    let results = sim::run(3, |me, transport| {
        let sent = Arc::clone(&sent);
        let transport = if me == Party(1) {
            tamper::party(transport, move |_, body| {
                let mut sent = sent.lock().unwrap();
                *sent += 1;
                if *sent == at + 1 { tamper::Verdict::Replace(change(body)) } else { tamper::Verdict::Pass }
            })
        } else {
            transport
        };
        let mut protocol = S::start(transport, (), &Seed::from([me.0 as u8 + 1; 32]))?;
        let x = Dealing::<u128>::accept(&protocol, &dealt[me.0], values.len())?;
        let result = operator(&mut protocol, &x, &x)?;
        assert_eq!(protocol.parties(), 3);
        Ok(result.len())
    });
    let reached = *sent.lock().unwrap() > at;
    (reached, results)
}

fn a_message_of_another_length_is_refused<S: Scheme<Num = u128, Setting = ()>>() {
    for (name, operator) in operators::<S>() {
        for change in
            [|body: &[u8]| body[1..].to_vec(), |body: &[u8]| [body, &[0]].concat(), |_: &[u8]| Vec::new()]
        {
            let mut at = 0;
            loop {
                let (reached, results) = attacked(operator, at, change);
                if !reached {
                    break;
                }
                let named =
                    |result: &Result<usize>| matches!(result, Err(Error::Malformed { party: Party(1), .. }));
                assert!(results.iter().any(named), "{name}, frame {at}: {results:?}");
                at += 5;
            }
            assert!(at > 0, "{name} sends nothing");
        }
    }
}

fn garbage_never_panics<S: Scheme<Num = u128, Setting = ()>>() {
    for (_, operator) in operators::<S>() {
        let mut at = 2;
        while attacked(operator, at, |body| body.iter().map(|byte| byte.wrapping_mul(73) ^ 0x5a).collect()).0
        {
            at += 7;
        }
    }
}

/// Each test on each scheme.
macro_rules! on_schemes {
    ($($test:ident: $name:ident, $name_malicious:ident;)*) => { $(
        #[test]
        fn $name() {
            $test::<Rep3<u128>>();
        }
        #[test]
        fn $name_malicious() {
            $test::<Rep3Malicious<u128>>();
        }
    )* };
}

on_schemes! {
    what_a_party_receives_is_uniform: views_are_uniform, views_are_uniform_with_checks;
    messages_have_the_same_lengths: lengths_tell_nothing, lengths_tell_nothing_with_checks;
    a_message_of_another_length_is_refused: lengths_are_checked, lengths_are_checked_with_checks;
    garbage_never_panics: garbage_is_survived, garbage_is_survived_with_checks;
}
