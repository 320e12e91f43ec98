//! One compute party's run of a program, generic over the scheme.

use std::{sync::Arc, time::Instant};

use engine::{
    mpc::{Cost, Dealing, Scheme},
    session::Transport,
};
use program::{Kind, Operation, Output, Program, ValueId, Values};
use ring::{Lanes, Seed};

use crate::{
    Error, InstructionCost, Progress, RunOutput,
    column::Column,
    joint, lanes, local,
    parallel::parallel,
    schedule::{Group, Step, schedule, uses},
    transcript::Recorder,
};

/// Groups, and outputs to be sealed, that run at the same time.
const AT_ONCE: usize = 8;

/// Runs `program` with this party's share messages of its inputs, in order.
pub(crate) fn execute<P: Scheme>(
    program: &Program,
    transport: Arc<dyn Transport>,
    inputs: &[Vec<u8>],
    entropy: &Seed,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunOutput, Error> {
    let values = program.verify()?;
    let recorder = Arc::new(Recorder::new(transport));
    let mut protocol = P::start(recorder.clone(), entropy).map_err(|source| Error::Setup { source })?;
    let mut machine = Machine::new(program, &values);
    machine.accept(&protocol, inputs)?;
    let instructions = machine.compute(&mut protocol, progress)?;
    let outputs = machine.seal(&mut protocol)?;
    Ok(RunOutput { outputs, cost: protocol.cost(), instructions, transcripts: recorder.transcripts() })
}

/// The values that are there and still read.
struct Machine<'a, P: Scheme> {
    program: &'a Program,
    values: &'a Values,
    steps: Vec<Step>,
    columns: Vec<Option<Column<P>>>,
    uses: Vec<u32>,
}

impl<'a, P: Scheme> Machine<'a, P> {
    fn new(program: &'a Program, values: &'a Values) -> Self {
        let steps = schedule(program, values);
        let uses = uses(program, &steps);
        let columns = (0..program.len()).map(|_| None).collect();
        Self { program, values, steps, columns, uses }
    }

    /// Reads the share messages, also of inputs that nothing reads: all must be sound.
    fn accept(&mut self, protocol: &P, messages: &[Vec<u8>]) -> Result<(), Error> {
        let inputs = &self.program.inputs;
        if messages.len() != inputs.len() {
            return Err(Error::InputCount { expected: inputs.len(), found: messages.len() });
        }
        for (i, (input, message)) in inputs.iter().zip(messages).enumerate() {
            let id = ValueId(i as u32);
            let column = accepted(protocol, input.kind, self.values[id].ty.rows as usize, message)
                .map_err(|source| Error::Input { name: input.name.clone(), source })?;
            self.define(id, column);
        }
        Ok(())
    }

    fn compute(
        &mut self,
        protocol: &mut P,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<InstructionCost>, Error> {
        let steps = std::mem::take(&mut self.steps);
        let size =
            |step: &Step| step.local.len() + step.groups.iter().map(|g| g.members.len()).sum::<usize>();
        let of = steps.iter().map(size).sum();
        let mut done = 0;
        let mut costs = Vec::new();
        for step in &steps {
            let next = step.groups.first().and_then(|group| self.name(group));
            for &i in &step.local {
                self.run_local(protocol, i)?;
            }
            progress(Progress { done, of, operation: next });
            costs.extend(self.run_groups(protocol, &step.groups)?);
            done += size(step);
        }
        progress(Progress { done, of, operation: None });
        Ok(costs)
    }

    fn run_local(&mut self, protocol: &P, i: usize) -> Result<(), Error> {
        let Some(operation) = self.program.body.get(i) else { return Ok(()) };
        let id = self.program.result_of(i);
        let operands: Vec<_> = operation.operands().into_iter().map(|id| self.column(id)).collect();
        let column = local::run(protocol, operation, id, self.values[id].ty, &operands)?;
        self.define(id, column);
        self.release(operation);
        Ok(())
    }

    /// Runs the groups at the same time.
    fn run_groups(&mut self, protocol: &mut P, groups: &[Group]) -> Result<Vec<InstructionCost>, Error> {
        let this = &*self;
        // A group's own error is carried as its result, so that it is known which one failed.
        let outcomes = parallel(protocol, AT_ONCE, groups, |protocol, group| {
            let (started, before) = (Instant::now(), protocol.cost());
            let columns = joint::run(protocol, this.program, this.values, group, |id| this.column(id));
            Ok((columns, protocol.cost().since(before), started.elapsed().as_secs_f64()))
        })?;
        let mut costs = Vec::with_capacity(groups.len());
        for (group, (columns, cost, seconds)) in groups.iter().zip(outcomes) {
            let report = self.report(group, cost, seconds);
            let at = report.values.first().copied().unwrap_or(ValueId(0));
            let columns =
                columns.map_err(|source| Error::Step { operation: report.operation, at, source })?;
            for (&id, column) in report.values.iter().zip(columns) {
                self.define(id, column);
            }
            for operation in group.members.iter().filter_map(|&i| self.program.body.get(i)) {
                self.release(operation);
            }
            costs.push(report);
        }
        Ok(costs)
    }

    /// This party's share messages of the outputs, in order. Everything computed so far is checked first.
    fn seal(&self, protocol: &mut P) -> Result<Vec<Vec<u8>>, Error> {
        protocol.verify()?;
        let outcomes = parallel(protocol, AT_ONCE, &self.program.outputs, |protocol, output| {
            Ok(sealed(protocol, self.column(output.value)))
        })?;
        let name = |output: &Output| output.name.clone();
        let outcomes = self.program.outputs.iter().zip(outcomes);
        outcomes.map(|(o, sealed)| sealed.map_err(|source| Error::Output { name: name(o), source })).collect()
    }

    fn column(&self, id: ValueId) -> &Column<P> {
        let column = self.columns.get(id.index()).and_then(Option::as_ref);
        column.unwrap_or_else(|| {
            unreachable!("the schedule reads no value before it is there, or after its last use")
        })
    }

    /// Keeps a value, unless nothing reads it.
    fn define(&mut self, id: ValueId, column: Column<P>) {
        if self.uses[id.index()] > 0 {
            self.columns[id.index()] = Some(column);
        }
    }

    /// Drops the operands that `operation` was the last to read.
    fn release(&mut self, operation: &Operation) {
        for id in operation.operands() {
            self.uses[id.index()] -= 1;
            if self.uses[id.index()] == 0 {
                self.columns[id.index()] = None;
            }
        }
    }

    fn name(&self, group: &Group) -> Option<&'static str> {
        group.members.first().and_then(|&i| self.program.body.get(i)).map(Operation::name)
    }

    fn report(&self, group: &Group, cost: Cost, seconds: f64) -> InstructionCost {
        let operation = self.name(group).unwrap_or_default();
        let values: Vec<_> = group.members.iter().map(|&i| self.program.result_of(i)).collect();
        let rows = values.iter().map(|&id| u64::from(self.values[id].ty.rows)).sum();
        InstructionCost { operation, values, rows, cost, seconds }
    }
}

fn accepted<P: Scheme>(protocol: &P, kind: Kind, rows: usize, message: &[u8]) -> engine::Result<Column<P>> {
    Ok(match kind {
        Kind::Integer => Column::Numbers(Dealing::<P::Num>::accept(protocol, message, rows)?),
        Kind::Bit => {
            let words = Dealing::<Lanes>::accept(protocol, message, Lanes::words(rows))?;
            Column::Bits(engine::mpc::Bits::new(words, rows, 1))
        }
    })
}

/// A share message of a value that was checked. Bits beyond the last row, which other values may have left there,
/// are cleared.
fn sealed<P: Scheme>(protocol: &mut P, column: &Column<P>) -> engine::Result<Vec<u8>> {
    let proof = protocol.verify()?;
    match column {
        Column::Public(Kind::Integer, _) | Column::Numbers(_) => {
            let numbers = column.numbers(protocol);
            Dealing::<P::Num>::seal(protocol, &numbers, proof)
        }
        Column::Public(Kind::Bit, _) | Column::Bits(_) => {
            let bits = column.bits(protocol);
            let clean = lanes::slice(&bits, 0..bits.rows());
            Dealing::<Lanes>::seal(protocol, clean.words(), proof)
        }
    }
}
