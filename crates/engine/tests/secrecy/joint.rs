//! What t parties see together, under sharing by polynomials: distributed alike whatever the inputs.
//!
//! Two parties' words are not uniform together, since both may get the same share of an opened value. So runs on different
//! inputs are compared with each other: a table of pairs of words, what one party got beside what the other got from the same
//! sender at the same place, and the values that a pair of words gives at the secret's place if taken for a line. The words are
//! all that came during the computation, the shares of the inputs, and those of the result.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ring::{Mersenne61, Number, Prg, Ring, Seed};
use treaty_engine::mpc::{Dealing, Protocol, Scheme};
use treaty_engine::schemes::Shamir;
use treaty_engine::schemes::shamir::{Active, Guard, Passive, Resilient, Threshold};
use treaty_engine::session::{Party, sim, tamper};

use super::polynomials::{Operator, ROWS, operators};

/// Where a frame came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// A data provider's message, by the number of its input.
    Provider(usize),
    /// A party's own share of the result.
    Result,
    /// A compute party, on a channel; how many frames came before.
    Peer(Party, u64, u64),
}

/// One party's words, by where they came from.
type View = BTreeMap<Source, Vec<u64>>;

/// Bytes of a share message before its elements: its header and a salt.
const HEADER: usize = 12 + 16;

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// What each party sees of a run.
fn views<G: Guard>(
    setting: Threshold,
    operator: Operator<Shamir<G>>,
    inputs: [&[Mersenne61]; 2],
    seed: u8,
) -> Vec<View> {
    let mut prg = Prg::new(Seed::from([seed; 32]));
    let dealt = inputs.map(|values| <Shamir<G> as Dealing<Mersenne61>>::deal(setting, values, &mut prg));
    let seen: Arc<Vec<Mutex<View>>> = Arc::new((0..setting.parties()).map(|_| Mutex::default()).collect());
    sim::run(setting.parties(), |me, transport| {
        let all = Arc::clone(&seen);
        let transport = tamper::party(transport, move |place, body| {
            let source = Source::Peer(me, place.channel, place.index);
            all[place.to.0].lock().unwrap().insert(source, words(body));
            tamper::Verdict::Pass
        });
        let own = [seed ^ 0x80, me.0 as u8].repeat(16);
        let entropy = Seed::from(<[u8; 32]>::try_from(own).unwrap());
        let mut protocol = Shamir::<G>::start(transport, setting, &entropy).unwrap();
        let shares = [0, 1].map(|input| {
            let message = &dealt[input][me.0];
            seen[me.0].lock().unwrap().insert(Source::Provider(input), words(&message[HEADER..]));
            Dealing::<Mersenne61>::accept(&protocol, message, inputs[input].len()).unwrap()
        });
        let [x, y] = &shares;
        protocol.prepare(|protocol| operator(protocol, x, y).map(|_| ())).unwrap();
        let result = operator(&mut protocol, x, y).unwrap();
        let proof = protocol.verify().unwrap();
        let sealed = Dealing::<Mersenne61>::seal(&mut protocol, &result, proof).unwrap();
        seen[me.0].lock().unwrap().insert(Source::Result, words(&sealed[HEADER..]));
    });
    seen.iter().map(|view| view.lock().unwrap().clone()).collect()
}

/// Counts of what two parties see together, in as many cells as a byte has values.
#[derive(Clone)]
struct Counts {
    /// Low halves of the lowest bytes of words beside each other.
    beside: [u64; 256],
    /// Second bytes of the words' values on a line at the secret's place.
    on_a_line: [u64; 256],
}

fn together(views: &[View], [first, second]: [usize; 2]) -> Counts {
    let place = |party: usize| Mersenne61::from_u128(party as u128 + 1);
    let distance = place(second).minus(place(first)).inverse();
    let mut counts = Counts { beside: [0; 256], on_a_line: [0; 256] };
    for (source, words) in &views[first] {
        for (a, b) in words.iter().zip(views[second].get(source).into_iter().flatten()) {
            counts.beside[(a & 15 | (b & 15) << 4) as usize] += 1;
            let [a, b] = [*a, *b].map(|word| Mersenne61::from_u128(word.into()));
            let secret = a.times(place(second)).minus(b.times(place(first))).times(distance);
            counts.on_a_line[(secret.to_u128() >> 8 & 255) as usize] += 1;
        }
    }
    counts
}

/// Pearson's statistic of two tables that may come from one distribution, of as many words each: of mean 255 and standard
/// deviation 22.6 if they do.
fn difference(x: &[u64; 256], y: &[u64; 256]) -> f64 {
    let cells = x.iter().zip(y).filter(|(x, y)| **x + **y > 0);
    cells.map(|(x, y)| (*x as f64 - *y as f64).powi(2) / (x + y) as f64).sum()
}

const MOST: f64 = 255.0 + 6.0 * 22.6;

fn pairs(parties: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..parties).flat_map(move |first| (first + 1..parties).map(move |second| [first, second]))
}

fn inputs() -> [Vec<Mersenne61>; 3] {
    let number = |value: usize| Mersenne61::from_u128(value as u128);
    [
        vec![number(0); ROWS],
        vec![number(1 << 9); ROWS],
        (0..ROWS).map(|row| number(row * row % 9973)).collect(),
    ]
}

fn independent_of_inputs<G: Guard>() {
    let setting = Threshold::new(5, 2).unwrap();
    let inputs = inputs();
    for (name, operator) in operators::<G>() {
        let runs: Vec<_> = (1u8..)
            .zip(&inputs)
            .map(|(seed, x)| views::<G>(setting, operator, [x, &inputs[1]], seed))
            .collect();
        for pair in pairs(setting.parties()) {
            let counts: Vec<_> = runs.iter().map(|views| together(views, pair)).collect();
            let total = |counts: &Counts| counts.beside.iter().sum::<u64>();
            assert!(total(&counts[0]) > 256 * 8, "{name}: {pair:?} see too little together to judge");
            for other in &counts[1..] {
                assert_eq!(total(&counts[0]), total(other), "{name}: {pair:?}");
                for (x, y) in [(&counts[0].beside, &other.beside), (&counts[0].on_a_line, &other.on_a_line)] {
                    let statistic = difference(x, y);
                    assert!(statistic < MOST, "{name}, {pair:?}: {statistic}");
                }
            }
        }
    }
}

#[test]
fn joint_views_tell_nothing() {
    independent_of_inputs::<Passive>();
}

#[test]
fn joint_views_tell_nothing_with_checks() {
    independent_of_inputs::<Active>();
}

#[test]
fn joint_views_tell_nothing_when_parties_may_vanish() {
    independent_of_inputs::<Resilient>();
}

/// The same comparison finds what two parties know together where only one may be corrupted.
#[test]
fn one_party_too_many_is_noticed() {
    let setting = Threshold::new(5, 1).unwrap();
    let inputs = inputs();
    for (name, operator) in operators::<Passive>() {
        let runs = [0, 1].map(|x| views::<Passive>(setting, operator, [&inputs[x], &inputs[1]], x as u8 + 1));
        for pair in pairs(setting.parties()) {
            let [x, y] = runs.each_ref().map(|views| together(views, pair).on_a_line);
            assert!(difference(&x, &y) > MOST, "{name}, {pair:?}");
        }
    }
}
