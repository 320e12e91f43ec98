//! The values of a running program: what is there, what can run, what is no longer read.

use std::time::Instant;

use engine::mpc::{Cost, Mixed, parallel};
use program::{Operation, Program, ValueId, Values};
use ring::Seed;

use crate::{
    Error, InstructionCost, Measured, Progress,
    column::Column,
    joint,
    lifetimes::Lifetimes,
    local,
    schedule::{Group, Step, schedule},
};

/// Groups that run at the same time.
const GROUPS_AT_ONCE: usize = 8;

/// The values that are there and still read.
pub(crate) struct Machine<'a, P: Mixed> {
    program: &'a Program,
    values: &'a Values,
    steps: Vec<Step>,
    columns: Vec<Option<Column<P>>>,
    lifetimes: Lifetimes,
    own: Seed,
}

impl<'a, P: Mixed> Machine<'a, P> {
    /// `own` is the secret of this party alone, from which it draws noise; `kept` are values that are asked for after the
    /// run, beside the outputs.
    pub(crate) fn new(program: &'a Program, values: &'a Values, own: Seed, kept: &[ValueId]) -> Self {
        let steps = schedule(program, values);
        let lifetimes = Lifetimes::of(program, &steps, kept);
        let columns = (0..program.len()).map(|_| None).collect();
        Self { program, values, steps, columns, lifetimes, own }
    }

    /// Takes an input's column.
    pub(crate) fn input(&mut self, i: usize, column: Column<P>) {
        // The verifier allows far fewer than 2^32 inputs.
        self.define(ValueId(i as u32), column);
    }

    /// Runs every instruction that the outputs need; the inputs must be there.
    pub(crate) fn compute(
        &mut self,
        protocol: &mut P,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Measured>, Error> {
        let steps = std::mem::take(&mut self.steps);
        let of = steps.iter().map(|step| step.instructions().count()).sum();
        let mut done = 0;
        let mut costs = Vec::new();
        for step in &steps {
            let next = step.groups.first().and_then(|group| self.name(group));
            for &i in &step.local {
                self.run_local(protocol, i)?;
            }
            progress(Progress { done, of, operation: next });
            costs.extend(self.run_groups(protocol, &step.groups)?);
            done += step.instructions().count();
        }
        progress(Progress { done, of, operation: None });
        Ok(costs)
    }

    fn run_local(&mut self, protocol: &P, i: usize) -> Result<(), Error> {
        let Some(operation) = self.program.body.get(i) else { return Ok(()) };
        let id = self.program.result_of(i);
        let operands: Vec<_> = operation.operands().into_iter().map(|id| self.column(id)).collect();
        let column = local::run(protocol, operation, id, self.values, &operands)?;
        self.define(id, column);
        self.release(operation);
        Ok(())
    }

    /// Runs the groups at the same time.
    fn run_groups(&mut self, protocol: &mut P, groups: &[Group]) -> Result<Vec<Measured>, Error> {
        let this = &*self;
        // A group's own error is carried as its result, so that it is known which one failed.
        let outcomes = parallel(protocol, GROUPS_AT_ONCE, groups, |protocol, group| {
            let (started, before) = (Instant::now(), protocol.cost());
            let columns =
                joint::run(protocol, this.program, this.values, group, &this.own, |id| this.column(id));
            Ok((columns, protocol.cost().since(before), started.elapsed().as_secs_f64()))
        })?;
        let mut costs = Vec::with_capacity(groups.len());
        for (group, (columns, cost, seconds)) in groups.iter().zip(outcomes) {
            let report = self.report(group, cost);
            let at = report.values.first().copied().unwrap_or(ValueId(0));
            let columns =
                columns.map_err(|source| Error::Step { operation: report.operation, at, source })?;
            for (&id, column) in report.values.iter().zip(columns) {
                self.define(id, column);
            }
            for operation in group.members.iter().filter_map(|&i| self.program.body.get(i)) {
                self.release(operation);
            }
            costs.push(Measured { instructions: report, seconds });
        }
        Ok(costs)
    }

    /// A value that an output opens, once computed, or that an instruction still reads.
    pub(crate) fn column(&self, id: ValueId) -> &Column<P> {
        let column = self.columns.get(id.index()).and_then(Option::as_ref);
        column.unwrap_or_else(|| {
            unreachable!("the schedule reads no value before it is there, or after its last use")
        })
    }

    /// Keeps a value, unless nothing reads it.
    fn define(&mut self, id: ValueId, column: Column<P>) {
        if self.lifetimes.is_read(id) {
            self.columns[id.index()] = Some(column);
        }
    }

    /// Drops the operands that `operation` was the last to read.
    fn release(&mut self, operation: &Operation) {
        for id in self.lifetimes.after(operation) {
            self.columns[id.index()] = None;
        }
    }

    fn name(&self, group: &Group) -> Option<&'static str> {
        group.members.first().and_then(|&i| self.program.body.get(i)).map(Operation::name)
    }

    fn report(&self, group: &Group, cost: Cost) -> InstructionCost {
        let operation = self.name(group).unwrap_or_default();
        let values: Vec<_> = group.members.iter().map(|&i| self.program.result_of(i)).collect();
        let rows = values.iter().map(|&id| self.values[id].ty.elements() as u64).sum();
        InstructionCost { operation, values, rows, cost }
    }
}
