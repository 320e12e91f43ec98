//! What a run will cost, before anybody signs: the same code on lengths alone.

use engine::{
    mpc::{Bits, Cost, Mpc, Protocol, parallel},
    schemes::estimate::{Estimate as Lengths, Model},
};
use program::{Kind, Program, Type, ValueId, Values};
use ring::{Lanes, Number, Ring, Seed};

use crate::{
    Error, InstructionCost, Measured, column::Column, execute::OUTPUTS_AT_ONCE, lifetimes::Lifetimes,
    machine::Machine, narrow, schedule::schedule,
};

/// What a run of a program will cost: rounds and bytes exactly as a run measures them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// What each compute party will use.
    pub parties: Vec<Cost>,
    /// For each merged group of instructions, the most that any party will use.
    pub instructions: Vec<InstructionCost>,
    /// The most bytes of columns that a party holds at the same time, with what is prepared for the run and without an
    /// operator's temporaries (about 2 kB for each row of a division or root, for at most 65,536 rows at a time).
    pub column_bytes: u64,
    /// Bytes of what is prepared for the run, exactly as a run measures them; 0 in schemes that prepare nothing.
    pub prepared_bytes: u64,
}

/// What connects the compute parties.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Seconds that a message takes one way.
    pub latency: f64,
    /// Bytes that a party can send in a second.
    pub bandwidth: f64,
}

impl Network {
    /// One data centre: 0.1 ms one way, 1 Gbit/s.
    pub const LAN: Self = Self { latency: 1e-4, bandwidth: 125e6 };
    /// Across a country: 10 ms one way, 100 Mbit/s.
    pub const WAN: Self = Self { latency: 1e-2, bandwidth: 12.5e6 };
}

impl Estimate {
    /// Messages that wait for each other.
    pub fn rounds(&self) -> u32 {
        self.parties.iter().map(|cost| cost.rounds).max().unwrap_or(0)
    }

    /// Bytes that the busiest party sends.
    pub fn bytes_sent(&self) -> u64 {
        self.parties.iter().map(|cost| cost.bytes_sent).max().unwrap_or(0)
    }

    /// Seconds that the messages take on `network`; computing is not counted.
    pub fn seconds(&self, network: Network) -> f64 {
        f64::from(self.rounds()) * network.latency + self.bytes_sent() as f64 / network.bandwidth
    }
}

/// Bytes that a party holds of shares.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    /// Of a number.
    pub(crate) number: u64,
    /// Of a word of bits.
    pub(crate) word: u64,
}

/// Follows all parties of a run at once.
pub(crate) fn follow<M: Model, N: Number>(
    program: &Program,
    scheme: &'static str,
    setting: M::Memory,
    held: Held,
) -> Result<Estimate, Error> {
    let values = program.verify()?;
    narrow::check(program, &values, scheme, N::BITS)?;
    let mut lengths = Lengths::<M, N>::new(setting);
    lengths.start();
    // What fails in a dry run does so in the run too, which says where.
    let prepared_bytes = lengths
        .prepare(|lengths| {
            computed(program, &values, lengths).ok();
            Ok(())
        })
        .map_err(|source| Error::Setup { source })?;
    let measured = computed(program, &values, &mut lengths)?;
    let steps = schedule(program, &values);
    let column_bytes =
        Lifetimes::of(program, &steps, &[]).peak(program, &steps, |id| bytes(values[id].ty, held));
    Ok(Estimate {
        parties: lengths.costs().to_vec(),
        instructions: measured.into_iter().map(|measured| measured.instructions).collect(),
        column_bytes: column_bytes + prepared_bytes,
        prepared_bytes,
    })
}

/// Counts the computation and the sealing of its outputs.
fn computed<M: Model, N: Number>(
    program: &Program,
    values: &Values,
    lengths: &mut Lengths<M, N>,
) -> Result<Vec<Measured>, Error> {
    let mut machine = Machine::new(program, values, Seed::from([0; 32]), &[]);
    for (i, value) in program.inputs.iter().enumerate().map(|(i, _)| (i, values[ValueId(i as u32)])) {
        machine.input(i, zeros(lengths, value.ty));
    }
    let measured = machine.compute(lengths, &mut |_| {})?;
    lengths.verify()?;
    parallel(lengths, OUTPUTS_AT_ONCE, &program.outputs, |lengths, output| {
        let ty = values[output.value].ty;
        if ty.kind == Kind::Bit {
            lengths.seal::<Lanes>(Lanes::words(ty.elements()));
        } else {
            lengths.seal::<N>(ty.elements());
        }
        Ok(())
    })?;
    Ok(measured)
}

fn zeros<M: Model, N: Number>(lengths: &Lengths<M, N>, ty: Type) -> Column<Lengths<M, N>> {
    let rows = ty.elements();
    if ty.kind == Kind::Bit {
        let words = Mpc::<Lanes>::constant(lengths, Lanes::ZERO, Lanes::words(rows));
        return Column::Bits(Bits::new(words, rows, 1));
    }
    Column::Numbers(Mpc::<N>::constant(lengths, N::ZERO, rows))
}

/// Of a column.
fn bytes(ty: Type, held: Held) -> u64 {
    let number = ty.elements() as u64 * held.number;
    match ty.kind {
        Kind::Bit => Lanes::words(ty.elements()) as u64 * held.word,
        Kind::Integer | Kind::Fixed(_) => number,
        // Places in the clear, and a party's part of the hidden permutation.
        Kind::Order => number,
        // Two orders, the groups' keys, and a number and a bit for each row.
        Kind::Groups => 4 * number,
    }
}
