//! Comparisons, selection, extremes and logic.

use ring::Number;
use treaty_engine::mpc::Numbers;
use treaty_engine::{Result, mpc, ops};

use super::harness::{Tested, bits, columns, numbers, random, ring_bits};
use super::on_all_schemes;

on_all_schemes!(
    compares,
    compares_equal,
    compares_with_public,
    prefix_or_reaches_down,
    selects,
    extremes,
    magnitudes_and_signs
);

type Comparison<S> = fn(&mut S, &Numbers<S>, &Numbers<S>, u32) -> Result<mpc::Bits<S>>;

fn check<S: Tested>(inputs: &[Vec<i128>], width: u32, op: Comparison<S>, expected: fn(i128, i128) -> bool) {
    let (found, cost) = bits::<S>(inputs, |protocol, x| op(protocol, &x[0], &x[1], width));
    let pairs = inputs[0].iter().zip(&inputs[1]);
    assert_eq!(found[0], pairs.map(|(x, y)| expected(*x, *y)).collect(), "width {width}");
    assert!(cost.rounds <= 10 + S::rounds_of_seam(), "{cost}");
}

fn compares<S: Tested>() {
    let most = ring_bits::<S>() - 2;
    random(columns(2, most), |inputs| check::<S>(&inputs, most + 2, ops::less_than, |x, y| x < y));
    random(columns(2, 9), |inputs| check::<S>(&inputs, 11, ops::less_than, |x, y| x < y));
    random(columns(2, 0), |inputs| check::<S>(&inputs, 1, ops::less_than, |x, y| x < y));
}

fn compares_equal<S: Tested>() {
    let most = ring_bits::<S>() - 2;
    random(columns(2, most), |inputs| check::<S>(&inputs, most + 2, ops::equal, |x, y| x == y));
    random(columns(2, 2), |inputs| check::<S>(&inputs, 3, ops::equal, |x, y| x == y));
}

fn compares_with_public<S: Tested>() {
    random(columns(2, 40), |inputs| {
        let bound: Vec<_> = inputs[1].iter().map(|value| S::Num::from_i128(*value)).collect();
        let (found, _) = bits::<S>(&inputs, |protocol, x| ops::less_than_public(protocol, &x[0], &bound, 42));
        assert_eq!(found[0], inputs[0].iter().zip(&inputs[1]).map(|(x, y)| x < y).collect());
    });
}

fn prefix_or_reaches_down<S: Tested>() {
    random(columns(1, 20), |inputs| {
        let (found, _) = bits::<S>(&inputs, |protocol, x| {
            let binary = ops::decompose(protocol, &x[0], 21)?;
            ops::prefix_or(protocol, &binary)
        });
        for (place, slice) in found.iter().enumerate() {
            let any_above = |value: &i128| (value & ((1 << 21) - 1)) >> place != 0;
            assert_eq!(*slice, inputs[0].iter().map(any_above).collect(), "bit {place}");
        }
    });
}

fn selects<S: Tested>() {
    random(columns(3, 50), |inputs| {
        let (found, _) = numbers::<S>(&inputs, |protocol, x| {
            let choice = ops::negative(protocol, &x[0], 52)?;
            ops::select(protocol, &choice, &x[1], &x[2])
        });
        let expected = (0..inputs[0].len()).map(|row| inputs[if inputs[0][row] < 0 { 1 } else { 2 }][row]);
        assert_eq!(found, expected.collect::<Vec<_>>());
    });
}

fn extremes<S: Tested>() {
    random(columns(5, 30), |inputs| {
        let (least, _) = numbers::<S>(&inputs, |protocol, x| {
            let all = mpc::Shares::concat(&x.iter().collect::<Vec<_>>());
            ops::min_blocks(protocol, &all, 5, 32)
        });
        let (most, _) = numbers::<S>(&inputs, |protocol, x| {
            let all = mpc::Shares::concat(&x.iter().collect::<Vec<_>>());
            ops::max_blocks(protocol, &all, 5, 32)
        });
        for row in 0..inputs[0].len() {
            let column = inputs.iter().map(|column| column[row]);
            assert_eq!(Some(least[row]), column.clone().min());
            assert_eq!(Some(most[row]), column.max());
        }
    });
}

fn magnitudes_and_signs<S: Tested>() {
    for (bits, width) in [(ring_bits::<S>() - 2, ring_bits::<S>() - 1), (2, 3), (0, 2)] {
        random(columns(1, bits), |inputs| {
            let (found, _) = numbers::<S>(&inputs, |protocol, x| {
                let (abs, sign) = (ops::abs(protocol, &x[0], width)?, ops::sign(protocol, &x[0], width)?);
                Ok(mpc::Shares::concat(&[&abs, &sign]))
            });
            let (abs, sign) = (inputs[0].iter().map(|x| x.abs()), inputs[0].iter().map(|x| x.signum()));
            assert_eq!(found, abs.chain(sign).collect::<Vec<_>>(), "width {width}");
        });
    }
}
