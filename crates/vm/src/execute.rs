//! One compute party's run of a program, generic over the scheme.

use std::{collections::BTreeSet, sync::Arc};

use engine::{
    mpc::{Bits, Dealing, Scheme, parallel},
    session::Transport,
};
use program::{Kind, Program, ValueId, Values, Visibility};
use ring::{Lanes, Ring, Seed};

use crate::{
    Error, Progress, RunOutput,
    column::Column,
    lanes,
    machine::Machine,
    narrow,
    schedule::{Step, schedule},
    transcript::Recorder,
};

/// Outputs that are sealed at the same time.
pub(crate) const OUTPUTS_AT_ONCE: usize = 8;

/// Runs `program` with this party's share messages of its inputs, in order, and keeps share messages of some values.
pub(crate) fn execute<P: Scheme>(
    program: &Program,
    transport: Arc<dyn Transport>,
    setting: P::Setting,
    inputs: &[Vec<u8>],
    kept: &[ValueId],
    entropy: &Seed,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunOutput, Error> {
    let values = program.verify()?;
    keepable(program, &values, kept)?;
    let own = entropy.child(b"own secrets of a run");
    narrow::check(program, &values, P::NAME, P::Num::BITS)?;
    let recorder = Arc::new(Recorder::new(transport));
    let mut protocol =
        P::start(recorder.clone(), setting, entropy).map_err(|source| Error::Setup { source })?;
    // Where parties may vanish later: what fails in a dry run does so in the run too, which says where.
    let dry_run = |protocol: &mut P| {
        let Ok(columns) = accept(protocol, program, &values, inputs) else { return Ok(()) };
        let mut machine = Machine::new(program, &values, own.clone(), kept);
        columns.into_iter().enumerate().for_each(|(i, column)| machine.input(i, column));
        if machine.compute(protocol, &mut |_| {}).is_ok() {
            seal(protocol, program, &machine, kept).ok();
        }
        Ok(())
    };
    let prepared_bytes = protocol.prepare(dry_run).map_err(|source| Error::Setup { source })?;
    let mut machine = Machine::new(program, &values, own.clone(), kept);
    for (i, column) in accept(&protocol, program, &values, inputs)?.into_iter().enumerate() {
        machine.input(i, column);
    }
    let instructions = machine.compute(&mut protocol, progress)?;
    let mut outputs = seal(&mut protocol, program, &machine, kept)?;
    let kept = outputs.split_off(program.outputs.len());
    let (cost, gone) = (protocol.cost(), protocol.gone());
    let mut transcripts = recorder.transcripts();
    transcripts.retain(|transcript| !gone.contains(&transcript.peer));
    Ok(RunOutput { outputs, kept, cost, prepared_bytes, instructions, transcripts })
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

/// This party's share messages of the outputs, in order, and of the values that are kept. Everything computed so far is
/// checked first.
fn seal<P: Scheme>(
    protocol: &mut P,
    program: &Program,
    machine: &Machine<'_, P>,
    kept: &[ValueId],
) -> Result<Vec<Vec<u8>>, Error> {
    protocol.verify()?;
    let outputs = program.outputs.iter().map(|output| (output.name.clone(), output.value));
    let kept = kept.iter().map(|value| (value.to_string(), *value));
    let all: Vec<(String, ValueId)> = outputs.chain(kept).collect();
    let outcomes = parallel(protocol, OUTPUTS_AT_ONCE, &all, |protocol, (_, value)| {
        Ok(sealed(protocol, machine.column(*value)))
    })?;
    let outcomes = all.iter().zip(outcomes);
    outcomes
        .map(|((name, _), sealed)| sealed.map_err(|source| Error::Output { name: name.clone(), source }))
        .collect()
}

/// Whether share messages of these values can be kept: they are computed, and exist as shares of numbers or bits.
pub(crate) fn keepable(program: &Program, values: &Values, kept: &[ValueId]) -> Result<(), Error> {
    if kept.is_empty() {
        return Ok(());
    }
    let steps = schedule(program, values);
    let computed: BTreeSet<usize> = steps.iter().flat_map(Step::instructions).collect();
    for value in kept {
        let refuse = |reason| Err(Error::NotKept { value: *value, reason });
        if value.index() >= program.len() {
            return refuse("the program has no such value");
        }
        let ty = values[*value].ty;
        if ty.visibility == Visibility::Public {
            return refuse("everybody knows it");
        }
        if matches!(ty.kind, Kind::Order | Kind::Groups) {
            return refuse("it is neither numbers nor bits");
        }
        let instruction = value.index().checked_sub(program.inputs.len());
        if instruction.is_some_and(|instruction| !computed.contains(&instruction)) {
            return refuse("no output needs it, so that it is not computed");
        }
    }
    Ok(())
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
