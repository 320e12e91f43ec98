//! Merged instructions: one call of an engine operator on the concatenated columns of many.

use std::ops::Range;

use engine::{
    Result,
    mpc::{Mixed, parallel},
};
use program::{Operation, Program, ValueId, Values};
use ring::Seed;

use crate::{
    call::Call,
    column::Column,
    local::negated,
    schedule::{Group, Joint},
    whole,
};

/// Blocks that run at the same time: one computes while the other waits for its peers.
const BLOCKS_AT_ONCE: usize = 2;

/// Runs a group, whose members read the columns that `column` finds; results in the order of the members. `own` is the
/// secret of this party alone.
pub(crate) fn run<'a, P: Mixed + 'a>(
    protocol: &mut P,
    program: &Program,
    values: &Values,
    group: &Group,
    own: &Seed,
    column: impl Fn(ValueId) -> &'a Column<P>,
) -> Result<Vec<Column<P>>> {
    if let Joint::Move { .. } | Joint::Whole { .. } = group.kind {
        return whole::run(protocol, program, values, group, own, column);
    }
    let members = members(program, group);
    let operands = operands(protocol, values, &members, column);
    let rows: Vec<usize> =
        group.members.iter().map(|&i| values[program.result_of(i)].ty.elements()).collect();
    let call = Call::new(group.kind, &members, values);
    let blocks = blocks(rows.iter().sum(), call.block());
    let parts = parallel(protocol, BLOCKS_AT_ONCE, &blocks, |protocol, range| {
        let operands: Vec<_> = operands.iter().map(|operand| operand.slice(range.clone())).collect();
        call.run(protocol, &operands)
    })?;
    let whole = Column::concat(protocol, call.result(), &parts.iter().collect::<Vec<_>>());
    let mut end = 0;
    let columns = rows.iter().map(|rows| {
        end += rows;
        whole.slice(end - rows..end)
    });
    Ok(members.iter().zip(columns).map(|(operation, column)| after(protocol, operation, column)).collect())
}

fn members<'a>(program: &'a Program, group: &Group) -> Vec<&'a Operation> {
    group.members.iter().filter_map(|&i| program.body.get(i)).collect()
}

/// For each operand position, the members' columns one below the other.
fn operands<'a, P: Mixed + 'a>(
    protocol: &P,
    values: &Values,
    members: &[&Operation],
    column: impl Fn(ValueId) -> &'a Column<P>,
) -> Vec<Column<P>> {
    let ids: Vec<_> = members.iter().map(|operation| operation.operands()).collect();
    let first = ids.first().map(Vec::as_slice).unwrap_or_default();
    let position = |(position, first): (usize, &ValueId)| {
        let kind = values[*first].ty.kind;
        let columns: Vec<_> = members
            .iter()
            .zip(&ids)
            .filter_map(|(operation, ids)| Some(before(protocol, operation, column(*ids.get(position)?))))
            .collect();
        Column::concat(protocol, kind, &columns.iter().collect::<Vec<_>>())
    };
    first.iter().enumerate().map(position).collect()
}

/// An operand as its group's call takes it: x ∨ y = ¬(¬x ∧ ¬y), and max(x, y) = −min(−x, −y).
fn before<P: Mixed>(protocol: &P, operation: &Operation, operand: &Column<P>) -> Column<P> {
    match operation {
        Operation::Or(..) => Column::Bits(operand.bits(protocol).not(protocol)),
        Operation::Maximum(..) => Column::Numbers(negated::<P>(&operand.numbers(protocol))),
        _ => operand.clone(),
    }
}

/// A result as its member wants it: see [`before`].
fn after<P: Mixed>(protocol: &P, operation: &Operation, result: Column<P>) -> Column<P> {
    match operation {
        Operation::Or(..) | Operation::Maximum(..) => before(protocol, operation, &result),
        _ => result,
    }
}

/// Equal parts of at most `most` rows, but the last; each starts at a word of bits.
fn blocks(rows: usize, most: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(most).map(|start| start..rows.min(start + most)).collect()
}
