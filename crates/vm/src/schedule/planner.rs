//! Which instruction runs in which step: as soon as its operands are there, unless waiting for more of its kind
//! saves rounds.

use std::collections::{BTreeMap, BTreeSet};

use program::{Operation, Program, Values};

use super::{Group, Joint, Step, joint};

/// One instruction that the outputs need.
#[derive(Default)]
struct Instruction {
    joint: Option<Joint>,
    /// Operands, as often as they are read, that are not planned yet.
    missing: usize,
    /// The instructions that read its result, as often as they do.
    readers: Vec<usize>,
}

/// What is planned and what can be planned next. Linear in the program's size, but for [`Planner::should_wait`].
pub(super) struct Planner {
    body: Vec<Instruction>,
    /// Those without a message whose operands are all planned.
    local: BTreeSet<usize>,
    /// The others whose operands are all planned.
    ready: BTreeMap<Joint, Vec<usize>>,
    /// How many of each kind still miss an operand.
    coming: BTreeMap<Joint, usize>,
}

impl Planner {
    pub(super) fn new(program: &Program, values: &Values) -> Self {
        let inputs = program.inputs.len();
        let operands = |operation: &Operation| {
            let ids = operation.operands();
            ids.into_iter().filter_map(move |id| id.index().checked_sub(inputs)).collect::<Vec<_>>()
        };
        let mut body: Vec<_> = program.body.iter().map(|_| Instruction::default()).collect();
        let (mut local, mut ready, mut coming) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        for i in needed(program, operands) {
            let Some(operation) = program.body.get(i) else { continue };
            let (joint, operands) = (joint(operation, program.result_of(i), values), operands(operation));
            operands.iter().for_each(|&operand| body[operand].readers.push(i));
            body[i].joint = joint;
            body[i].missing = operands.len();
            match (joint, operands.is_empty()) {
                (None, true) => drop(local.insert(i)),
                (None, false) => {}
                (Some(kind), true) => ready.entry(kind).or_insert_with(Vec::new).push(i),
                (Some(kind), false) => *coming.entry(kind).or_insert(0) += 1,
            }
        }
        Self { body, local, ready, coming }
    }

    pub(super) fn is_done(&self) -> bool {
        // An instruction that misses an operand follows one that can be planned.
        self.local.is_empty() && self.ready.is_empty()
    }

    pub(super) fn step(&mut self) -> Step {
        let mut local = Vec::new();
        while let Some(i) = self.local.pop_first() {
            local.push(i);
            self.planned(i);
        }
        // The lightest kind never waits, so every step gets on.
        let kinds: Vec<_> = self.ready.keys().copied().filter(|&kind| !self.should_wait(kind)).collect();
        let taken = kinds.into_iter().filter_map(|kind| Some((kind, self.ready.remove(&kind)?)));
        let mut groups: Vec<_> = taken.map(|(kind, members)| Group { kind, members }).collect();
        for group in &mut groups {
            group.members.sort_unstable();
            group.members.iter().for_each(|&i| self.planned(i));
        }
        Step { local, groups }
    }

    /// Hands the result of `i` to its readers, some of which can then be planned.
    fn planned(&mut self, i: usize) {
        for reader in std::mem::take(&mut self.body[i].readers) {
            self.body[reader].missing -= 1;
            if self.body[reader].missing > 0 {
                continue;
            }
            match self.body[reader].joint {
                None => drop(self.local.insert(reader)),
                Some(kind) => {
                    self.ready.entry(kind).or_default().push(reader);
                    self.coming.entry(kind).and_modify(|coming| *coming -= 1);
                }
            }
        }
    }

    /// Whether another instruction of `kind` gets ready within fewer rounds than `kind` itself takes, through
    /// lighter instructions only: then running both as one is no slower than running one after the other.
    fn should_wait(&self, kind: Joint) -> bool {
        let weight = kind.weight();
        if self.coming.get(&kind).is_none_or(|&coming| coming == 0) {
            return false;
        }
        let lighter = self.ready.iter().filter(|(other, _)| other.weight() < weight);
        // For instructions that could be planned soon, the round before which they could not; a body's order is
        // such that operands come first.
        let mut soon: BTreeMap<usize, u32> =
            lighter.flat_map(|(_, members)| members).map(|&i| (i, 0)).collect();
        let mut seen: BTreeMap<usize, (usize, u32)> = BTreeMap::new();
        while let Some((i, start)) = soon.pop_first() {
            let end = start + self.body[i].joint.map_or(0, Joint::weight);
            if end >= weight {
                continue;
            }
            for &reader in &self.body[i].readers {
                let (operands, latest) = seen.entry(reader).or_insert((0, 0));
                *operands += 1;
                *latest = end.max(*latest);
                if *operands < self.body[reader].missing {
                    continue;
                }
                match self.body[reader].joint {
                    Some(other) if other == kind => return true,
                    Some(other) if other.weight() >= weight => {}
                    _ => drop(soon.insert(reader, *latest)),
                }
            }
        }
        false
    }
}

/// The instructions that outputs depend on, in order.
fn needed(program: &Program, operands: impl Fn(&Operation) -> Vec<usize>) -> BTreeSet<usize> {
    let inputs = program.inputs.len();
    let mut open: Vec<_> =
        program.outputs.iter().filter_map(|output| output.value.index().checked_sub(inputs)).collect();
    let mut needed = BTreeSet::new();
    while let Some(i) = open.pop() {
        if let Some(operation) = program.body.get(i)
            && needed.insert(i)
        {
            open.extend(operands(operation));
        }
    }
    needed
}
