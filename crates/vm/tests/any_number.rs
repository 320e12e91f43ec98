//! Programs among other numbers of compute parties than three.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::session::{Frame, Party, Transport, sim};
use program::{Builder, Divide, Kind, Program, ValueId};
use ring::{Prg, Seed};
use treaty_vm::{
    Error, Progress, RunOutput, SchemeName, check_kept, combine, deal, estimate, run, run_keeping,
};

/// The sum of the products of the rows where x < y, and which these are.
fn sums() -> Program {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 4).unwrap();
    let x = b.input("x", 0, 0, Kind::Integer, 20).unwrap();
    let y = b.input("y", 0, 1, Kind::Integer, 20).unwrap();
    let product = b.multiply(x, y).unwrap();
    let less = b.less_than(x, y).unwrap();
    let zero = b.constant(vec![0; 4]).unwrap();
    let shown = b.select(less, product, zero).unwrap();
    let total = b.sum(shown).unwrap();
    b.output("total", total).unwrap();
    b.output("less", less).unwrap();
    b.finish().unwrap()
}

const X: [i128; 4] = [5, -9, 1 << 18, 7];
const Y: [i128; 4] = [6, 9, -1, 7];

fn run_all(program: &Program, scheme: SchemeName) -> Vec<Result<RunOutput, Error>> {
    let mut prg = Prg::new(Seed::from([4; 32]));
    let dealt = [X, Y].map(|values| deal(scheme, &values, Kind::Integer, &mut prg).unwrap());
    sim::run(scheme.parties(), |me, transport| {
        let inputs: Vec<_> = dealt.iter().map(|messages| messages[me.0].clone()).collect();
        run(program, scheme, transport, &inputs, &Seed::from([me.0 as u8; 32]), &mut |_: Progress| {})
    })
}

#[test]
fn a_run_costs_what_was_estimated_and_any_majority_of_messages_tells_the_result() {
    let program = sums();
    // Messages from which a result is combined, besides one.
    for (name, more) in [
        ("shamir(3,1)", 1),
        ("shamir(4,1)", 1),
        ("shamir(5,2)", 2),
        ("shamir_malicious(3,1)", 2),
        ("shamir_malicious(4,1)", 2),
        ("shamir_malicious(5,2)", 4),
        ("shamir_resilient(3,1)", 1),
        ("shamir_resilient(4,1)", 1),
        ("shamir_resilient(5,2)", 2),
    ] {
        let scheme: SchemeName = name.parse().unwrap();
        assert_eq!(scheme.to_string(), name);
        let ran = run_all(&program, scheme).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let costs: Vec<_> = ran.iter().map(|party| party.cost).collect();
        let estimate = estimate(&program, scheme).unwrap();
        assert_eq!(estimate.parties, costs, "{name}");
        assert!(ran.iter().all(|party| party.prepared_bytes == estimate.prepared_bytes), "{name}");
        assert_eq!(estimate.prepared_bytes > 0, name.starts_with("shamir_resilient"), "{name}");
        assert!(estimate.column_bytes > estimate.prepared_bytes);
        for first in 0..scheme.parties() - more {
            let messages = |output: usize| -> Vec<_> {
                ran[first..=first + more].iter().map(|party| party.outputs[output].clone()).collect()
            };
            assert_eq!(combine(scheme, &messages(0), Kind::Integer, 1).unwrap(), [30 - 81]);
            assert_eq!(combine(scheme, &messages(1), Kind::Bit, 4).unwrap(), [1, 1, 0, 0]);
        }
    }
}

/// What is kept of a value on the way is a sharing of it, whatever the scheme; the outputs are what they would be.
#[test]
fn shares_of_values_on_the_way_are_kept() {
    let program = sums();
    let kept = [ValueId(0), ValueId(2), ValueId(3)];
    check_kept(&program, &kept).unwrap();
    let mut prg = Prg::new(Seed::from([4; 32]));
    for name in ["rep3", "rep3_malicious", "shamir(5,2)", "shamir_malicious(5,2)", "shamir_resilient(4,1)"] {
        let scheme: SchemeName = name.parse().unwrap();
        let dealt = [X, Y].map(|values| deal(scheme, &values, Kind::Integer, &mut prg).unwrap());
        let ran = sim::run(scheme.parties(), |me, transport| {
            let inputs: Vec<_> = dealt.iter().map(|messages| messages[me.0].clone()).collect();
            let entropy = Seed::from([me.0 as u8; 32]);
            run_keeping(&program, scheme, transport, &inputs, &kept, &entropy, &mut |_: Progress| {}).unwrap()
        });
        let of = |at: usize| ran.iter().map(|party| party.kept[at].clone()).collect::<Vec<_>>();
        assert_eq!(combine(scheme, &of(0), Kind::Integer, 4).unwrap(), X, "{name}");
        let products: Vec<i128> = X.iter().zip(Y).map(|(x, y)| x * y).collect();
        assert_eq!(combine(scheme, &of(1), Kind::Integer, 4).unwrap(), products, "{name}");
        assert_eq!(combine(scheme, &of(2), Kind::Bit, 4).unwrap(), [1, 1, 0, 0], "{name}");
        let total: Vec<_> = ran.iter().map(|party| party.outputs[0].clone()).collect();
        assert_eq!(combine(scheme, &total, Kind::Integer, 1).unwrap(), [30 - 81], "{name}");
    }
    for (value, reason) in [(4, "everybody knows it"), (99, "the program has no such value")] {
        let refused = check_kept(&program, &[ValueId(value)]).unwrap_err();
        assert_eq!(refused, Error::NotKept { value: ValueId(value), reason });
    }
}

/// A transport whose party is gone after so many messages.
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
    fn send(&self, to: Party, channel: u64, frame: Frame) -> engine::Result<()> {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(engine::Error::OutOfStep { party: self.me() });
        }
        self.transport.send(to, channel, frame)
    }
    fn recv(&self, from: Party, channel: u64) -> engine::Result<Frame> {
        self.transport.recv(from, channel)
    }
}

/// Two of five vanish when all is prepared, and three finish.
#[test]
fn a_run_outlives_a_minority() {
    let program = sums();
    let scheme = SchemeName::chosen("shamir_resilient", 5, 2).unwrap();
    let mut prg = Prg::new(Seed::from([4; 32]));
    let dealt = [X, Y].map(|values| deal(scheme, &values, Kind::Integer, &mut prg).unwrap());
    let parties = |gone: [usize; 2], messages: i64| {
        sim::run(5, |me, transport| {
            let inputs: Vec<_> = dealt.iter().map(|messages| messages[me.0].clone()).collect();
            let left = if gone.contains(&me.0) { messages } else { i64::MAX };
            let transport = Arc::new(Mortal { transport, left: AtomicI64::new(left) });
            let seed = Seed::from([me.0 as u8; 32]);
            // What is sent until the first step begins is the preparation.
            let mut prepared = None;
            let counter = Arc::clone(&transport);
            let mut progress = |_: Progress| {
                prepared.get_or_insert_with(|| left - counter.left.load(Ordering::Relaxed));
            };
            let ran = run(&program, scheme, transport, &inputs, &seed, &mut progress);
            (ran, prepared)
        })
    };
    let complete = parties([0, 1], i64::MAX);
    for (gone, later) in [([0, 1], 0), ([3, 4], 5), ([1, 4], 50)] {
        let prepared = gone.map(|party| complete[party].1.unwrap()).into_iter().max().unwrap();
        let ends = parties(gone, prepared + later);
        let left: Vec<_> = ends.into_iter().filter_map(|(end, _)| end.ok()).collect();
        assert_eq!(left.len(), 3, "{gone:?} after {later} more messages");
        let messages =
            |output: usize| left.iter().map(|party| party.outputs[output].clone()).collect::<Vec<_>>();
        assert_eq!(combine(scheme, &messages(0), Kind::Integer, 1).unwrap(), [30 - 81]);
        assert_eq!(combine(scheme, &messages(1), Kind::Bit, 4).unwrap(), [1, 1, 0, 0]);
    }
}

#[test]
fn what_needs_wider_numbers_is_refused_by_name() {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 4).unwrap();
    let x = b.input("x", 0, 0, Kind::Integer, 20).unwrap();
    let y = b.input("y", 0, 1, Kind::Integer, 20).unwrap();
    let range = Divide {
        numerator: x,
        denominator: y,
        numerator_bits: 20,
        denominator_bits: 20,
        result_bits: 20,
        fraction: 4,
    };
    let quotient = b.divide(range).unwrap();
    b.output("inexact quotient", quotient).unwrap();
    let program = b.finish().unwrap();
    let scheme = SchemeName::chosen("shamir", 3, 1).unwrap();
    for end in run_all(&program, scheme) {
        let refused = end.unwrap_err().to_string();
        assert!(
            refused.contains("needs numbers of 128 bits, but those of scheme `shamir` have 60"),
            "{refused}"
        );
    }
    let wide = deal(scheme, &[1 << 59], Kind::Integer, &mut Prg::new(Seed::from([4; 32])));
    assert_eq!(wide, Err(Error::NotShareable { row: 0, kind: Kind::Integer }));
}

#[test]
fn only_minorities_may_be_corrupted() {
    for (name, shown) in [
        (
            "shamir(4,2)",
            "setting up the session: among 4 compute parties a threshold of 2 is not possible: fewer than half of the parties may be corrupted",
        ),
        (
            "shamir",
            "`shamir` is no scheme that this build runs; it runs `rep3`, `rep3_malicious`, `shamir(n,t)`, `shamir_malicious(n,t)`, `shamir_resilient(n,t)`",
        ),
        (
            "shamir(3",
            "`shamir(3` is no scheme that this build runs; it runs `rep3`, `rep3_malicious`, `shamir(n,t)`, `shamir_malicious(n,t)`, `shamir_resilient(n,t)`",
        ),
        (
            "rep3(3,1)",
            "`rep3(3,1)` is no scheme that this build runs; it runs `rep3`, `rep3_malicious`, `shamir(n,t)`, `shamir_malicious(n,t)`, `shamir_resilient(n,t)`",
        ),
    ] {
        assert_eq!(name.parse::<SchemeName>().unwrap_err().to_string(), shown);
    }
}
