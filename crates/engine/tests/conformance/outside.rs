//! Inputs from and outputs to members that are not compute parties.

use proptest::prelude::*;
use ring::{Lanes, Number, Prg, Ring, Seed};
use treaty_engine::mpc::{Dealing, Scheme};
use treaty_engine::schemes::Rep3;
use treaty_engine::session::{Party, sim};
use treaty_engine::{Error, ShareMessageFault};

use super::harness::{Tested, numbers, random, session};
use super::on_all_schemes;

on_all_schemes!(
    delivers,
    components_are_equal_at_their_holders,
    wrong_messages_are_refused,
    decoders_are_total
);

fn prg() -> Prg {
    Prg::new(Seed::from([7; 32]))
}

fn dealt<S: Tested>(values: &[u128]) -> Vec<Vec<u8>> {
    let values: Vec<_> = values.iter().map(|value| S::Num::from_u128(*value)).collect();
    <S as Dealing<S::Num>>::deal(S::setting(), &values, &mut prg())
}

fn delivers<S: Tested>() {
    for len in [0, 1, 65] {
        let (found, _) = numbers::<S>(&[vec![-5; len]], |_, x| Ok(x[0].clone()));
        assert_eq!(found, vec![-5; len]);
    }
    let words = vec![Lanes(0x1234), Lanes(u64::MAX)];
    let messages = <S as Dealing<Lanes>>::deal(S::setting(), &words, &mut prg());
    assert_eq!(<S as Dealing<Lanes>>::combine(S::setting(), &messages, 2).unwrap(), words);
}

fn components_are_equal_at_their_holders<S: Tested>() {
    let messages = dealt::<S>(&[1, 2, 3]);
    let mut seen = std::collections::BTreeMap::new();
    for message in &messages {
        for (number, bytes) in S::components(message).unwrap() {
            assert_eq!(bytes.len(), 16 + 3 * S::Num::BYTES);
            assert_eq!(*seen.entry(number).or_insert(bytes), bytes, "component {number}");
        }
    }
    assert_eq!(seen.len(), S::compute_parties());
}

fn wrong_messages_are_refused<S: Tested>() {
    let message = dealt::<S>(&[1, 2, 3]).swap_remove(0);
    let faults = session::<S, _>(|protocol| {
        let fault = |change: &dyn Fn(&mut Vec<u8>), len| {
            let mut message = message.clone();
            message[2] = protocol.me().0 as u8;
            change(&mut message);
            match Dealing::<S::Num>::accept(protocol, &message, len) {
                Err(Error::ShareMessage(fault)) => fault,
                other => panic!("{other:?}"),
            }
        };
        let size = message.len();
        assert_eq!(fault(&|_| {}, 4), ShareMessageFault::Rows { expected: 4, found: 3 });
        assert_eq!(fault(&|m| m.push(0), 3), ShareMessageFault::Size { expected: size, found: size + 1 });
        assert_eq!(fault(&|m| m.truncate(5), 3), ShareMessageFault::Size { expected: 12, found: 5 });
        assert!(matches!(fault(&|m| m[0] ^= 0x40, 3), ShareMessageFault::Scheme { .. }));
        assert_eq!(fault(&|m| m[1] = 77, 3), ShareMessageFault::UnknownRing { found: 77 });
        assert!(matches!(fault(&|m| m[2] = 9, 3), ShareMessageFault::Party { found: Party(9), .. }));
        assert_eq!(fault(&|m| m[3] = 1, 3), ShareMessageFault::Reserved { found: 1 });
        assert!(matches!(fault(&|m| m[4..12].fill(255), 3), ShareMessageFault::Size { .. }));
        let bits = <S as Dealing<Lanes>>::deal(S::setting(), &[Lanes(1); 3], &mut prg()).swap_remove(0);
        let ring = fault(
            &|m| {
                let party = m[2];
                m.clone_from(&bits);
                m[2] = party;
            },
            3,
        );
        assert_eq!(ring, ShareMessageFault::Ring { expected: S::Num::CODE, found: Lanes::CODE });
        Ok(())
    });
    assert!(faults.iter().all(Result::is_ok));
    let count = <S as Dealing<S::Num>>::combine(S::setting(), &[], 3);
    assert_eq!(count, Err(ShareMessageFault::Count { expected: S::messages(), found: 0 }.into()));
}

fn decoders_are_total<S: Tested>() {
    random((prop::collection::vec(any::<u8>(), 0..80), 0usize..4), |(mut message, len)| {
        let _ = S::components(&message);
        let _ =
            <S as Dealing<S::Num>>::combine(S::setting(), &vec![message.clone(); S::compute_parties()], len);
        message.resize(message.len().max(12), 0);
        message[..4].copy_from_slice(&dealt::<S>(&[])[0][..4]);
        let _ = S::components(&message);
        let _ = <S as Dealing<S::Num>>::combine(S::setting(), &vec![message; S::compute_parties()], len);
    });
}

#[test]
fn parties_whose_copies_differ_are_named() {
    type S = Rep3<u64>;
    let messages = dealt::<S>(&[11, 22]);
    // Bytes of component 0 at party 0, of 1 and 2 at party 1.
    let first = 12 + 16;
    let second = first + 2 * 8 + 16;
    for (party, byte, component, holders) in
        [(0, first, 0, (0, 2)), (0, 12, 0, (0, 2)), (1, first, 1, (0, 1)), (1, second, 2, (1, 2))]
    {
        let mut changed = messages.clone();
        changed[party][byte] ^= 1;
        let found = <S as Dealing<u64>>::combine((), &changed, 2);
        let (first, second) = (Party(holders.0), Party(holders.1));
        assert_eq!(found, Err(Error::CopiesDiffer { component, first, second }));
    }
}

#[test]
fn another_number_of_parties_is_refused() {
    let found =
        sim::run(2, |me, transport| Rep3::<u64>::start(transport, (), &Seed::from([me.0 as u8; 32])).err());
    assert_eq!(found[0], Some(Error::Parties { scheme: "rep3", expected: 3, found: 2 }));
}

#[test]
fn a_party_that_leaves_ends_the_others() {
    let found = session::<Rep3<u64>, _>(|protocol| {
        use treaty_engine::mpc::{Mpc, Protocol};
        if protocol.me() == Party(1) {
            return Ok(());
        }
        let x = Mpc::<u64>::public(protocol, &[1]);
        Mpc::<u64>::mul(protocol, &x, &x).map(|_| ())?;
        Mpc::<u64>::mul(protocol, &x, &x).map(|_| ())
    });
    assert_eq!(found[0], Err(Error::PeerGone { party: Party(1) }));
    assert!(found[2].is_err());
}
