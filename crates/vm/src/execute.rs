//! One compute party's run of a program, generic over the scheme.

use std::sync::Arc;

use engine::{
    mpc::{Bits, Dealing, Scheme, parallel},
    session::Transport,
};
use program::{Kind, Program, ValueId, Values};
use ring::{Lanes, Ring, Seed};

use crate::{
    Error, Progress, RunOutput, column::Column, lanes, machine::Machine, narrow, transcript::Recorder,
};

/// Outputs that are sealed at the same time.
pub(crate) const OUTPUTS_AT_ONCE: usize = 8;

/// Runs `program` with this party's share messages of its inputs, in order.
pub(crate) fn execute<P: Scheme>(
    program: &Program,
    transport: Arc<dyn Transport>,
    setting: P::Setting,
    inputs: &[Vec<u8>],
    entropy: &Seed,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunOutput, Error> {
    let values = program.verify()?;
    let own = entropy.child(b"own secrets of a run");
    narrow::check(program, &values, P::NAME, P::Num::BITS)?;
    let recorder = Arc::new(Recorder::new(transport));
    let mut protocol =
        P::start(recorder.clone(), setting, entropy).map_err(|source| Error::Setup { source })?;
    // Where parties may vanish later: what fails in a dry run does so in the run too, which says where.
    let dry_run = |protocol: &mut P| {
        let Ok(columns) = accept(protocol, program, &values, inputs) else { return Ok(()) };
        let mut machine = Machine::new(program, &values, own.clone());
        columns.into_iter().enumerate().for_each(|(i, column)| machine.input(i, column));
        if machine.compute(protocol, &mut |_| {}).is_ok() {
            seal(protocol, program, &machine).ok();
        }
        Ok(())
    };
    protocol.prepare(dry_run).map_err(|source| Error::Setup { source })?;
    let mut machine = Machine::new(program, &values, own.clone());
    for (i, column) in accept(&protocol, program, &values, inputs)?.into_iter().enumerate() {
        machine.input(i, column);
    }
    let instructions = machine.compute(&mut protocol, progress)?;
    let outputs = seal(&mut protocol, program, &machine)?;
    Ok(RunOutput { outputs, cost: protocol.cost(), instructions, transcripts: recorder.transcripts() })
}

/// Reads the share messages, also of inputs that nothing reads: all must be sound.
fn accept<P: Scheme>(
    protocol: &P,
    program: &Program,
    values: &Values,
    messages: &[Vec<u8>],
) -> Result<Vec<Column<P>>, Error> {
    let inputs = &program.inputs;
    if messages.len() != inputs.len() {
        return Err(Error::InputCount { expected: inputs.len(), found: messages.len() });
    }
    let rows = |i: usize| values[ValueId(i as u32)].ty.elements();
    let columns = inputs.iter().zip(messages).enumerate().map(|(i, (input, message))| {
        accepted(protocol, input.kind, rows(i), message)
            .map_err(|source| Error::Input { name: input.name.clone(), source })
    });
    columns.collect()
}

/// This party's share messages of the outputs, in order. Everything computed so far is checked first.
fn seal<P: Scheme>(
    protocol: &mut P,
    program: &Program,
    machine: &Machine<'_, P>,
) -> Result<Vec<Vec<u8>>, Error> {
    protocol.verify()?;
    let outcomes = parallel(protocol, OUTPUTS_AT_ONCE, &program.outputs, |protocol, output| {
        Ok(sealed(protocol, machine.column(output.value)))
    })?;
    let outcomes = program.outputs.iter().zip(outcomes);
    outcomes
        .map(|(o, sealed)| sealed.map_err(|source| Error::Output { name: o.name.clone(), source }))
        .collect()
}

fn accepted<P: Scheme>(protocol: &P, kind: Kind, rows: usize, message: &[u8]) -> engine::Result<Column<P>> {
    if kind == Kind::Bit {
        let words = Dealing::<Lanes>::accept(protocol, message, Lanes::words(rows))?;
        return Ok(Column::Bits(Bits::new(words, rows, 1)));
    }
    Ok(Column::Numbers(Dealing::<P::Num>::accept(protocol, message, rows)?))
}

/// A share message of a value that was checked. Bits beyond the last row, which other values may have left there,
/// are cleared.
fn sealed<P: Scheme>(protocol: &mut P, column: &Column<P>) -> engine::Result<Vec<u8>> {
    let proof = protocol.verify()?;
    match column {
        Column::Public(Kind::Bit, _) | Column::Bits(_) => {
            let bits = column.bits(protocol);
            let clean = lanes::slice(&bits, 0..bits.rows());
            Dealing::<Lanes>::seal(protocol, clean.words(), proof)
        }
        _ => {
            let numbers = column.numbers(protocol);
            Dealing::<P::Num>::seal(protocol, &numbers, proof)
        }
    }
}
