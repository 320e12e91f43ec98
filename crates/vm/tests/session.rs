//! What surrounds a computation: transcripts, costs, progress, and what happens when something is wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use engine::session::{Party, sim, tamper};
use program::{Builder, Divide, Kind, Program};
use support::{SCHEME, outputs, run_all, seed, shared};
use treaty_vm::{Error, Network, Progress, RunOutput, SchemeName, combine, components, deal, estimate, run};

/// Two means and a comparison, of which `keep` decides what is shown.
fn means() -> (Program, Vec<Vec<i128>>) {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 3).unwrap();
    let x = b.input("x", 0, 0, Kind::Integer, 30).unwrap();
    let y = b.input("y", 0, 1, Kind::Integer, 30).unwrap();
    let n = b.input("n", 0, 2, Kind::Integer, 20).unwrap();
    let floor = b.constant(vec![10; 3]).unwrap();
    let few = b.less_than(n, floor).unwrap();
    let keep = b.not(few).unwrap();
    let zero = b.constant(vec![0; 3]).unwrap();
    let squared = b.multiply(y, y).unwrap();
    for (name, numerator, numerator_bits) in [("mean x", x, 30), ("mean y²", squared, 60)] {
        let range = Divide {
            numerator,
            denominator: n,
            numerator_bits,
            denominator_bits: 20,
            result_bits: 60,
            fraction: 24,
        };
        let mean = b.divide(range).unwrap();
        let shown = b.select(keep, mean, zero).unwrap();
        b.output(name, shown).unwrap();
    }
    b.output("keep", keep).unwrap();
    (b.finish().unwrap(), vec![vec![500, -7, 1 << 29], vec![3, 4, 5], vec![100, 9, 1 << 19]])
}

fn sound_run() -> (Program, Vec<RunOutput>) {
    let (program, inputs) = means();
    let parties = run_all(SCHEME, &program, &inputs).into_iter().map(Result::unwrap).collect();
    (program, parties)
}

#[test]
fn transcripts_agree_between_peers_and_repeat_with_the_seed() {
    let (_, parties) = sound_run();
    for (i, party) in parties.iter().enumerate() {
        assert_eq!(party.transcripts.len(), 2);
        for transcript in &party.transcripts {
            let other = &parties[transcript.peer.0];
            let back = other.transcripts.iter().find(|t| t.peer == Party(i)).unwrap();
            assert_eq!((transcript.sent, transcript.bytes_sent), (back.received, back.bytes_received));
        }
        let bytes: u64 = party.transcripts.iter().map(|t| t.bytes_sent).sum();
        assert_eq!(bytes, party.cost.bytes_sent);
    }
    let (_, again) = sound_run();
    for (party, again) in parties.iter().zip(&again) {
        assert_eq!(party.transcripts, again.transcripts);
        assert_eq!(party.outputs, again.outputs);
    }
}

#[test]
fn instructions_of_one_kind_are_merged() {
    let (_, parties) = sound_run();
    let merged: Vec<_> = parties[0]
        .instructions
        .iter()
        .map(|i| (i.instructions.operation, i.instructions.values.len()))
        .collect();
    assert_eq!(merged, [("multiply", 1), ("less than", 1), ("divide", 2), ("select", 2)]);
    assert!(parties[0].instructions.iter().all(|i| i.instructions.cost.bytes_sent > 0));
}

/// The comparison and the product run at the same time, then both quotients, then both selections: between the
/// session's set-up and the sealing of all outputs, one round each.
#[test]
fn rounds_overlap() {
    let (program, _) = sound_run();
    let estimate = estimate(&program, SCHEME).unwrap();
    let rounds: Vec<_> = estimate.instructions.iter().map(|i| (i.operation, i.cost.rounds)).collect();
    let of = |operation| rounds.iter().find(|(o, _)| *o == operation).unwrap().1;
    assert_eq!(of("multiply"), 1);
    assert_eq!(estimate.rounds(), 1 + of("less than") + of("divide") + of("select") + 1);
}

#[test]
fn progress_counts_up_to_the_end() {
    let (program, inputs) = means();
    let messages = shared(SCHEME, &program, &inputs);
    let seen = sim::run(3, |me, transport| {
        let mut seen = Vec::new();
        run(&program, SCHEME, transport, &messages[me.0], &seed(me.0), &mut |p: Progress| seen.push(p))
            .unwrap();
        seen
    });
    assert!(seen[0].is_sorted_by_key(|p| p.done));
    assert_eq!(seen[0].last(), Some(&Progress { done: 9, of: 9, operation: None }));
}

#[test]
fn tampered_outputs_are_refused_and_both_sides_named() {
    let (program, parties) = sound_run();
    outputs(SCHEME, &program, &parties).unwrap();
    let messages: Vec<_> = parties.iter().map(|party| party.outputs[0].clone()).collect();
    for cheat in 0..3 {
        for (place, (component, _)) in components(SCHEME, &messages[cheat]).unwrap().into_iter().enumerate() {
            let mut messages = messages.clone();
            let length = messages[cheat].len();
            // The last byte of each of the two equally long components behind the header.
            let at = length - 1 - (1 - place) * (length - 12) / 2;
            messages[cheat][at] ^= 1;
            match combine(SCHEME, &messages, Kind::Integer, 3).unwrap_err() {
                Error::Engine(engine::Error::CopiesDiffer { component: found, first, second }) => {
                    assert_eq!(found, component);
                    assert!(first == Party(cheat) || second == Party(cheat));
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn both_holders_of_a_component_hold_the_same_bytes() {
    let mut prg = ring::Prg::new(seed(0));
    for (kind, values) in [(Kind::Integer, vec![5, -5, 1 << 100]), (Kind::Bit, vec![1, 0, 1])] {
        let messages = deal(SCHEME, &values, kind, &mut prg).unwrap();
        let mut all: Vec<_> = messages.iter().flat_map(|m| components(SCHEME, m).unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all.len(), 6);
        assert!(all.chunks(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(combine(SCHEME, &messages, kind, 3).unwrap(), values);
    }
}

#[test]
fn a_party_that_disappears_is_named_and_nothing_is_sealed() {
    let (program, inputs) = means();
    let messages = shared(SCHEME, &program, &inputs);
    let ends = sim::run(3, |me, transport| {
        if me.0 == 2 {
            return None;
        }
        Some(run(&program, SCHEME, transport, &messages[me.0], &seed(me.0), &mut |_| {}).unwrap_err())
    });
    let gone = engine::Error::PeerGone { party: Party(2) };
    assert_eq!(ends[0], Some(Error::Setup { source: gone.clone() }));
    assert_eq!(ends[1], Some(Error::Setup { source: gone }));
}

#[test]
fn inputs_must_be_those_of_the_program() {
    let (program, inputs) = means();
    let messages = shared(SCHEME, &program, &inputs);
    let with = |change: fn(&mut Vec<Vec<u8>>)| {
        let ends = sim::run(3, |me, transport| {
            let mut messages = messages[me.0].clone();
            change(&mut messages);
            run(&program, SCHEME, transport, &messages, &seed(me.0), &mut |_| {}).unwrap_err()
        });
        ends.into_iter().next().unwrap()
    };
    assert_eq!(with(|m| m.truncate(2)), Error::InputCount { expected: 3, found: 2 });
    assert!(matches!(with(|m| m[1].truncate(60)), Error::Input { name, .. } if name == "y"));
    assert!(matches!(with(|m| m[2] = m[2][..12].to_vec()), Error::Input { name, .. } if name == "n"));
}

#[test]
fn only_a_sound_program_runs() {
    let mut program = means().0;
    program.outputs.clear();
    let ends = sim::run(3, |_, transport| run(&program, SCHEME, transport, &[], &seed(0), &mut |_| {}));
    assert!(ends.iter().all(|end| matches!(end, Err(Error::Refused(program::Flaw::NoOutput)))));
}

#[test]
fn only_what_fits_is_dealt() {
    let mut prg = ring::Prg::new(seed(0));
    let bit = deal(SCHEME, &[0, 2], Kind::Bit, &mut prg).unwrap_err();
    assert_eq!(bit, Error::NotShareable { row: 1, kind: Kind::Bit });
    let wide = deal(SCHEME, &[i128::MIN], Kind::Integer, &mut prg).unwrap_err();
    assert_eq!(wide, Error::NotShareable { row: 0, kind: Kind::Integer });
}

#[test]
fn schemes_are_known_by_name() {
    assert_eq!("rep3".parse(), Ok(SchemeName::Rep3));
    assert_eq!(SchemeName::Rep3.to_string(), "rep3");
    assert_eq!("rep3_malicious".parse(), Ok(SchemeName::Rep3Malicious));
    assert_eq!(SchemeName::Rep3Malicious.to_string(), "rep3_malicious");
    let unknown = "plain".parse::<SchemeName>().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "`plain` is no scheme that this build runs; it runs `rep3`, `rep3_malicious`, `shamir(n,t)`, `shamir_malicious(n,t)`, `shamir_resilient(n,t)`"
    );
}

/// A constant that breaks a promise made about it stops the run before anything is sent for it.
#[test]
fn constants_must_keep_their_promises() {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 1).unwrap();
    let x = b.input("x", 0, 0, Kind::Integer, 8).unwrap();
    let (eight, one) = (b.constant(vec![8]).unwrap(), b.constant(vec![1]).unwrap());
    let range = Divide {
        numerator: eight,
        denominator: one,
        numerator_bits: 4,
        denominator_bits: 1,
        result_bits: 3,
        fraction: 0,
    };
    let quotient = b.divide(range).unwrap();
    let sum = b.add(x, quotient).unwrap();
    b.output("sum", sum).unwrap();
    let ends = run_all(SCHEME, &b.finish().unwrap(), &[vec![1]]);
    let broken = |end: &Result<_, Error>| {
        matches!(end, Err(Error::Constants(program::Fault::BrokenPromise { operand: "result", .. })))
    };
    assert!(ends.iter().all(broken));
}

#[test]
fn time_follows_from_rounds_and_bytes() {
    let estimate = estimate(&means().0, SCHEME).unwrap();
    let network = Network { latency: 0.5, bandwidth: 100.0 };
    let expected = f64::from(estimate.rounds()) / 2.0 + estimate.bytes_sent() as f64 / 100.0;
    assert!((estimate.seconds(network) - expected).abs() < 1e-9);
    assert!(estimate.seconds(Network::LAN) < estimate.seconds(Network::WAN));
}

/// At most the three inputs with the square, the bits and the quotients of three rows each.
#[test]
fn columns_are_dropped_after_their_last_use() {
    let estimate = estimate(&means().0, SCHEME).unwrap();
    let number = 2 * 3 * 16;
    assert!((3 * number..8 * number).contains(&estimate.column_bytes), "{}", estimate.column_bytes);
}

/// A passive scheme does not notice a forged frame, but the receipts do: what one says it sent is not what the
/// other says it received.
#[test]
fn a_forged_frame_shows_in_the_transcripts() {
    let (program, inputs) = means();
    let messages = shared(SCHEME, &program, &inputs);
    let parties = sim::run(3, |me, transport| {
        // Forged on the way, behind the sender's own record, as a sender with two faces would.
        let transport = if me == Party(1) { tamper::party(transport, forge) } else { transport };
        run(&program, SCHEME, transport, &messages[me.0], &seed(me.0), &mut |_| {}).unwrap()
    });
    let between = |from: usize, to: usize| {
        let of = |me: usize, peer| parties[me].transcripts.iter().find(|t| t.peer == Party(peer)).unwrap();
        (of(from, to).sent, of(to, from).received)
    };
    for (from, to) in [(0, 1), (0, 2), (2, 0), (2, 1), (1, 2)] {
        assert_eq!(between(from, to).0, between(from, to).1);
    }
    assert_ne!(between(1, 0).0, between(1, 0).1);
}

/// Flips a bit of the third frame to the first party on the session's own channel.
fn forge(place: tamper::Place, body: &[u8]) -> tamper::Verdict {
    if (place.to, place.channel, place.index) != (Party(0), 0, 2) {
        return tamper::Verdict::Pass;
    }
    let mut body = body.to_vec();
    body[0] ^= 1;
    tamper::Verdict::Replace(body)
}

/// A sealed column of bits tells nothing beyond its last row, where other rows' bits could have been left.
#[test]
fn bits_beyond_the_last_row_are_cleared() {
    let mut b = Builder::new();
    b.stage(0, "t", "north/t@1", "SELECT", 64).unwrap();
    let x = b.input("x", 0, 0, Kind::Bit, 1).unwrap();
    let y = b.input("y", 0, 1, Kind::Integer, 8).unwrap();
    let equal = b.equal(y, y).unwrap();
    let (few, all) = (b.slice(equal, 3, 5).unwrap(), b.xor(x, equal).unwrap());
    let flipped = b.not(few).unwrap();
    let back = b.not(flipped).unwrap();
    b.output("few", back).unwrap();
    b.output("all", all).unwrap();
    let inputs = [vec![0; 64], vec![1; 64]];
    let parties: Vec<_> =
        run_all(SCHEME, &b.finish().unwrap(), &inputs).into_iter().map(Result::unwrap).collect();
    let messages: Vec<_> = parties.iter().map(|party| party.outputs[0].clone()).collect();
    // One word holds 64 rows: combined as so many, it shows what lies beyond the five.
    let word = combine(SCHEME, &messages, Kind::Bit, 64).unwrap();
    assert_eq!(word, [vec![1; 5], vec![0; 59]].concat());
}
