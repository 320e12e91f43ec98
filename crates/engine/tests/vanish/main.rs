//! Compute parties that vanish after the inputs were shared: the others finish.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ring::{Mersenne61, Number, Prg, Seed, Shape};
use treaty_engine::mpc::{Dealing, Mixed, Mpc, Numbers, Protocol, Scheme, Shares, Shuffle};
use treaty_engine::schemes::ShamirResilient;
use treaty_engine::schemes::shamir::Threshold;
use treaty_engine::session::{Frame, Party, Transport, sim};
use treaty_engine::{Error, Result, ops};

type S = ShamirResilient;
type Operator = fn(&mut S, &Numbers<S>, &Numbers<S>) -> Result<Numbers<S>>;

const X: [i128; 5] = [5, -2, 9, 9, 0];
const Y: [i128; 5] = [7, 2, -1, 9, 4];

/// A transport whose party ends after so many messages.
struct Mortal {
    transport: Arc<dyn Transport>,
    left: AtomicI64,
}

impl Transport for Mortal {
    fn me(&self) -> Party {
        self.transport.me()
    }
    fn parties(&self) -> usize {
        self.transport.parties()
    }
    fn send(&self, to: Party, channel: u64, frame: Frame) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(Error::Malformed { party: self.me(), expected: 0, found: 0 });
        }
        self.transport.send(to, channel, frame)
    }
    fn recv(&self, from: Party, channel: u64) -> Result<Frame> {
        self.transport.recv(from, channel)
    }
}

/// When the parties that vanish do so.
#[derive(Clone, Copy)]
enum End {
    /// Never.
    Never,
    /// When all is prepared.
    Prepared,
    /// So many messages later.
    After(i64),
}

/// The result, combined from the messages of those who finish, and how many these are.
fn run(operator: Operator, setting: Threshold, vanishing: &[usize], end: End) -> (Vec<i128>, usize) {
    let mut prg = Prg::new(Seed::from([77; 32]));
    let dealt = [X, Y].map(|values| {
        let values = values.map(Mersenne61::from_i128);
        <S as Dealing<Mersenne61>>::deal(setting, &values, &mut prg)
    });
    let finished = sim::run(setting.parties(), |me, transport| -> Result<Option<(Vec<u8>, usize)>> {
        let transport = Arc::new(Mortal { transport, left: AtomicI64::new(i64::MAX) });
        let mut protocol = S::start(
            Arc::clone(&transport) as Arc<dyn Transport>,
            setting,
            &Seed::from([me.0 as u8 + 1; 32]),
        )?;
        let x = Dealing::<Mersenne61>::accept(&protocol, &dealt[0][me.0], X.len())?;
        let y = Dealing::<Mersenne61>::accept(&protocol, &dealt[1][me.0], Y.len())?;
        protocol.prepare(|protocol| operator(protocol, &x, &y).map(|_| ()))?;
        if vanishing.contains(&me.0) {
            match end {
                End::Never => {}
                End::Prepared => return Ok(None),
                End::After(messages) => transport.left.store(messages, Ordering::Relaxed),
            }
        }
        let result = operator(&mut protocol, &x, &y)?;
        let proof = protocol.verify()?;
        let len = result.len();
        Ok(Some((Dealing::<Mersenne61>::seal(&mut protocol, &result, proof)?, len)))
    });
    for (party, finished) in finished.iter().enumerate() {
        assert!(finished.is_ok() || vanishing.contains(&party), "party {party}: {finished:?}");
    }
    let messages: Vec<_> = finished.into_iter().flatten().flatten().collect();
    let len = messages[0].1;
    let messages: Vec<_> = messages.into_iter().map(|message| message.0).collect();
    let combined = <S as Dealing<Mersenne61>>::combine(setting, &messages, len).unwrap();
    (combined.into_iter().map(Number::to_i128).collect(), messages.len())
}

fn check(operator: Operator, forks: bool) {
    for (parties, threshold, vanishing) in
        [(3, 1, vec![0]), (4, 1, vec![1, 3]), (5, 2, vec![3, 4]), (5, 2, vec![0, 1]), (5, 2, vec![2])]
    {
        let setting = Threshold::new(parties, threshold).unwrap();
        let (expected, all) = run(operator, setting, &[], End::Never);
        assert_eq!(all, parties);
        let (found, left) = run(operator, setting, &vanishing, End::Prepared);
        assert_eq!((&found, left), (&expected, parties - vanishing.len()), "{vanishing:?} of {parties}");
        // A party that dies while it runs two things at a time only ends when both do, and may wait for another that does too.
        for messages in [1, 4, 11].into_iter().filter(|_| !forks || vanishing.len() == 1) {
            let (found, _) = run(operator, setting, &vanishing, End::After(messages));
            assert_eq!(found, expected, "{vanishing:?} of {parties} after {messages} messages");
        }
    }
}

macro_rules! survived {
    ($($name:ident($protocol:ident, $x:ident, $y:ident) $body:block)*) => { $(
        #[test]
        fn $name() {
            check(|$protocol, $x, $y| $body, ["both", "noise"].contains(&stringify!($name)));
        }
    )* };
}

survived! {
    multiply(protocol, x, y) {
        let product = protocol.multiply(x, y)?;
        protocol.multiply(&product, x)
    }
    nothing_but_the_result(_protocol, x, _y) { Ok(x.clone()) }
    dot(protocol, x, y) {
        Mpc::<Mersenne61>::dot(protocol, &Shares::concat(&[x, y]), &Shares::concat(&[y, y]), 2)
    }
    matmul(protocol, x, y) {
        Mpc::<Mersenne61>::matmul(protocol, x, y, Shape { rows: 5, inner: 1, columns: 5 })
    }
    both(protocol, x, y) {
        let (a, b) = protocol.both(|p| p.multiply(x, y), |p| p.multiply(x, x))?;
        Ok(a.plus(&b))
    }
    decompose(protocol, x, _y) {
        let bits = ops::decompose(protocol, x, 5)?;
        protocol.inject(&bits)
    }
    select(protocol, x, y) {
        let less = ops::less_than(protocol, x, y, 20)?;
        ops::select(protocol, &less, x, y)
    }
    noise(protocol, x, _y) {
        let mut own = Prg::new(Seed::from([protocol.me().0 as u8 + 40; 32]));
        let scale = ops::NoiseScale { distribution: ops::Distribution::Laplace, numerator: 1000, denominator: 1, bits: 40 };
        let noise = ops::noise(protocol, scale, X.len(), &mut own)?;
        Ok(noise.plus(x))
    }
    truncate(protocol, x, _y) { ops::truncate(protocol, x, 12, 1) }
    shuffle(protocol, x, y) {
        let hidden = treaty_engine::mpc::Permuting::hidden_permutation(protocol, X.len());
        let moved = Shuffle::<Mersenne61>::shuffle(protocol, &Shares::concat(&[x, y]), &hidden)?;
        Shuffle::<Mersenne61>::unshuffle(protocol, &moved, &hidden)
    }
    radix_sort(protocol, x, y) {
        let keys = ops::sortable(protocol, x, 5)?;
        ops::radix_sort(protocol, &keys)?.apply(protocol, y)
    }
    comparison_sort(protocol, x, y) {
        let keys = ops::sortable(protocol, x, 5)?;
        ops::comparison_sort(protocol, &keys)?.apply(protocol, y)
    }
    group(protocol, x, y) {
        let keys = ops::sortable(protocol, x, 5)?;
        ops::group(protocol, &keys)?.sum(protocol, y)
    }
}

/// Fewer than t + 1 can't go on, and know it.
#[test]
fn a_minority_stops() {
    let setting = Threshold::new(3, 1).unwrap();
    let ends = sim::run(3, |me, transport| -> Result<()> {
        let mut protocol = S::start(transport, setting, &Seed::from([me.0 as u8; 32]))?;
        let x = Mpc::<Mersenne61>::constant(&protocol, Mersenne61::from_u128(3), 4);
        protocol.prepare(|protocol| protocol.multiply(&x, &x).map(|_| ()))?;
        if me.0 < 2 {
            return Ok(());
        }
        protocol.multiply(&x, &x).map(|_| ())
    });
    assert!(matches!(ends[2], Err(Error::PeerGone { .. })), "{ends:?}");
}

/// What was not prepared is refused: it can't be done by t + 1 parties.
#[test]
fn only_what_was_prepared_is_computed() {
    let setting = Threshold::new(3, 1).unwrap();
    let ends = sim::run(3, |me, transport| -> Result<()> {
        let mut protocol = S::start(transport, setting, &Seed::from([me.0 as u8; 32]))?;
        let x = Mpc::<Mersenne61>::constant(&protocol, Mersenne61::from_u128(3), 4);
        protocol.prepare(|protocol| protocol.multiply(&x, &x).map(|_| ()))?;
        protocol.multiply(&x, &x)?;
        protocol.multiply(&x, &x).map(|_| ())
    });
    assert!(ends.iter().all(|end| *end == Err(Error::Unprepared)), "{ends:?}");
}
