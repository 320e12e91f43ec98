//! Which values are still read, so that the others can be dropped.

use program::{Operation, Program, ValueId};

use crate::schedule::Step;

/// How often each value is still read: by planned instructions, and by outputs.
pub(crate) struct Lifetimes {
    reads: Vec<u32>,
}

impl Lifetimes {
    /// Before the first of `steps`. What is to be kept is read once more, after the last.
    pub(crate) fn of(program: &Program, steps: &[Step], kept: &[ValueId]) -> Self {
        let mut reads = vec![0; program.len()];
        let planned = steps.iter().flat_map(Step::instructions).filter_map(|i| program.body.get(i));
        for id in planned
            .flat_map(Operation::operands)
            .chain(program.outputs.iter().map(|o| o.value))
            .chain(kept.iter().copied())
        {
            reads[id.index()] += 1;
        }
        Self { reads }
    }

    /// Whether anything reads the value any more.
    pub(crate) fn is_read(&self, id: ValueId) -> bool {
        self.reads[id.index()] > 0
    }

    /// Counts the reads of an instruction that has run; yields the operands that nothing reads any more.
    pub(crate) fn after(&mut self, operation: &Operation) -> Vec<ValueId> {
        let mut done = Vec::new();
        for id in operation.operands() {
            self.reads[id.index()] -= 1;
            if !self.is_read(id) {
                done.push(id);
            }
        }
        done
    }

    /// The most bytes that are held at the same time while `steps` run, if a value takes `bytes` of it.
    pub(crate) fn peak(mut self, program: &Program, steps: &[Step], bytes: impl Fn(ValueId) -> u64) -> u64 {
        let inputs = (0..program.inputs.len() as u32).map(ValueId);
        let mut held: u64 = inputs.filter(|&id| self.is_read(id)).map(&bytes).sum();
        let mut peak = held;
        for i in steps.iter().flat_map(Step::instructions) {
            let Some(operation) = program.body.get(i) else { continue };
            held += bytes(program.result_of(i));
            peak = peak.max(held);
            held -= self.after(operation).into_iter().map(&bytes).sum::<u64>();
        }
        peak
    }
}
