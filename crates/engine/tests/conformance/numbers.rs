//! Arithmetic, conversions and truncation.

use proptest::prelude::*;
use ring::{Number, Ring};
use treaty_engine::mpc::{Mpc, Receivers, Shares};
use treaty_engine::ops;
use treaty_engine::session::Party;

use super::harness::{Tested, bits, columns, numbers, random, ring_bits, rows, session, wrapped};
use super::on_all_schemes;

on_all_schemes!(
    multiplies,
    adds_and_scales,
    inputs_of_a_party,
    decomposes_and_injects,
    composes,
    injects_sums,
    multiplies_nearly,
    moves_up,
    truncates,
    truncates_nearly,
    both_overlap
);

fn multiplies<S: Tested>() {
    random(columns(2, ring_bits::<S>() - 1), |inputs| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| protocol.multiply(&x[0], &x[1]));
        let expected = inputs[0].iter().zip(&inputs[1]).map(|(x, y)| wrapped::<S>(x.wrapping_mul(*y)));
        assert_eq!(found, expected.collect::<Vec<_>>());
    });
}

fn adds_and_scales<S: Tested>() {
    random(columns(2, 40), |inputs| {
        let (found, cost) = numbers::<S>(&inputs, |protocol, x| {
            let factors: Vec<_> = (0..x[0].len()).map(|row| S::Num::from_u128(row as u128)).collect();
            let fives = protocol.constant(S::Num::from_u128(5), x[0].len());
            Ok(x[0].plus(&x[1]).times(S::Num::from_u128(3)).minus(&x[1].times_each(&factors)).plus(&fives))
        });
        assert_eq!((cost.rounds, cost.bytes_sent), (0, 0), "local operations send nothing");
        let pairs = inputs[0].iter().zip(&inputs[1]).enumerate();
        let expected = pairs.map(|(row, (x, y))| (x + y) * 3 - y * row as i128 + 5);
        assert_eq!(found, expected.collect::<Vec<_>>());
    });
}

fn inputs_of_a_party<S: Tested>() {
    let values: Vec<_> = (0..100).map(|value| S::Num::from_u128(value * value)).collect();
    let owner = Party(S::compute_parties() - 1);
    let seen = session::<S, _>(|protocol| {
        let mine = (protocol.me() == owner).then_some(values.as_slice());
        let shares = Mpc::<S::Num>::input(protocol, owner, mine, 100)?;
        let proof = protocol.verify()?;
        Mpc::<S::Num>::reveal(protocol, &shares, Receivers::Only(&[Party(0)]), proof)
    });
    for (party, seen) in seen.into_iter().enumerate() {
        assert_eq!(seen.unwrap(), (party == 0).then(|| values.clone()), "party {party}");
    }
}

fn injects_sums<S: Tested>() {
    random(columns(1, 6), |inputs| {
        let number = |value: i128| S::Num::from_i128(value);
        let weights =
            [vec![number(5), number(-3), number(0), number(1 << 40)], vec![number(7)], vec![number(0); 6]];
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let bits = ops::decompose(protocol, &x[0], 6)?;
            protocol.inject_sums(&bits, &weights)
        });
        let bit = |x: &i128, place: u32| (x >> place) & 1;
        let first = |x: &i128| 5 * bit(x, 0) - 3 * bit(x, 1) + (bit(x, 3) << 40);
        let rows = || inputs[0].iter();
        let expected = rows().map(first).chain(rows().map(|x| 7 * bit(x, 0))).chain(rows().map(|_| 0));
        assert_eq!(found, expected.collect::<Vec<_>>());
    });
}

fn multiplies_nearly<S: Tested>() {
    // Products of 20 bits leave 2^-42 for a wrong result.
    random((columns(2, 10), 1u32..20), |(inputs, shift)| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| protocol.multiply_near(&x[0], &x[1], shift));
        for ((x, y), found) in inputs[0].iter().zip(&inputs[1]).zip(found) {
            let down = (x * y) >> shift;
            assert!(found == down || found == down + 1, "{x} · {y} / 2^{shift} gave {found}");
            assert!(x * y != 0 || found == 0, "zero gave {found}");
        }
    });
}

fn decomposes_and_injects<S: Tested>() {
    let most = ring_bits::<S>().min(62);
    random((columns(1, most - 2), 1..=most), |(inputs, width)| {
        let (found, _) = bits::<S>(&inputs, |protocol, x| ops::decompose(protocol, &x[0], width));
        for (place, slice) in found.iter().enumerate() {
            let expected: Vec<_> = inputs[0].iter().map(|value| value >> place & 1 == 1).collect();
            assert_eq!(slice.iter().collect::<Vec<_>>(), expected, "bit {place}");
        }
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let bits = ops::decompose(protocol, &x[0], width)?;
            let bits = protocol.inject(&bits)?;
            let rows = x[0].len();
            Ok((0..width as usize).fold(x[0].times(S::Num::ZERO), |sum, place| {
                let weight = S::Num::ONE.shifted_left(place as u32);
                sum.plus(&bits.slice(place * rows..(place + 1) * rows).times(weight))
            }))
        });
        let expected: Vec<_> = inputs[0].iter().map(|value| value & ((1 << width) - 1)).collect();
        assert_eq!(found, expected);
    });
}

fn composes<S: Tested>() {
    let most = ring_bits::<S>().min(62);
    random((columns(1, most - 2), 0..=most), |(inputs, width)| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let bits = ops::decompose(protocol, &x[0], width)?;
            let (unsigned, signed) = (ops::compose(protocol, &bits)?, ops::compose_signed(protocol, &bits)?);
            Ok(Shares::concat(&[&unsigned, &signed]))
        });
        let unsigned = |value: &i128| value & ((1 << width) - 1);
        let signed = |value: &i128| if width == 0 { 0 } else { value << (128 - width) >> (128 - width) };
        let expected = inputs[0].iter().map(unsigned).chain(inputs[0].iter().map(signed));
        assert_eq!(found, expected.collect::<Vec<_>>(), "width {width}");
    });
}

fn moves_up<S: Tested>() {
    random((columns(1, 30), 0u32..=30), |(inputs, places)| {
        let (found, cost) = numbers::<S>(&inputs, |_, x| ops::shift_left::<S>(&x[0], places, 60));
        assert_eq!(cost.bytes_sent, 0);
        assert_eq!(found, inputs[0].iter().map(|value| value << places).collect::<Vec<_>>());
    });
    let found = session::<S, _>(|protocol| {
        let x = protocol.constant(S::Num::ONE, 1);
        Ok([
            ops::shift_left::<S>(&x, 9, 8).is_err(),
            ops::shift_left::<S>(&x, 1, ring_bits::<S>() + 1).is_err(),
        ])
    });
    assert!(found.iter().all(|found| *found == Ok([true; 2])));
}

fn truncates<S: Tested>() {
    let most = ring_bits::<S>();
    random(
        (2..=most).prop_flat_map(|width| (columns(1, width - 1), Just(width), 0..width)),
        |(inputs, width, shift)| {
            let (found, _) =
                numbers::<S>(&inputs, |protocol, x| ops::truncate(protocol, &x[0], width, shift));
            let expected: Vec<_> = inputs[0].iter().map(|value| value >> shift).collect();
            assert_eq!(found, expected, "width {width}, shift {shift}");
        },
    );
}

fn truncates_nearly<S: Tested>() {
    let bits = ring_bits::<S>() - 41;
    random((columns(1, bits), 1..bits), |(inputs, shift)| {
        let (found, cost) = numbers::<S>(&inputs, |protocol, x| protocol.truncate_near(&x[0], shift));
        assert!(cost.rounds <= S::rounds_near(), "{cost}");
        for (value, found) in inputs[0].iter().zip(found) {
            assert!(
                found == value >> shift || found == (value >> shift) + 1,
                "{value} >> {shift} gave {found}"
            );
        }
        // Shares that are not random at all: a public column.
        let (found, _) = numbers::<S>(&inputs, |protocol, _| {
            let public: Vec<_> = inputs[0].iter().map(|value| S::Num::from_i128(*value)).collect();
            let public = protocol.public(&public);
            protocol.truncate_near(&public, shift)
        });
        for (value, found) in inputs[0].iter().zip(found) {
            assert!(
                found == value >> shift || found == (value >> shift) + 1,
                "{value} >> {shift} gave {found}"
            );
        }
    });
}

fn both_overlap<S: Tested>() {
    random(rows(), |rows| {
        let inputs = vec![vec![3; rows], vec![5; rows]];
        let (found, cost) = numbers::<S>(&inputs, |protocol, x| {
            let (square, deep) = protocol.both(
                |protocol| protocol.multiply(&x[0], &x[0]),
                |protocol| {
                    let square = protocol.multiply(&x[1], &x[1])?;
                    protocol.multiply(&square, &x[1])
                },
            )?;
            Ok(square.plus(&deep))
        });
        assert_eq!(found, vec![134; rows]);
        assert!(cost.rounds <= 2, "{cost}");
    });
}
