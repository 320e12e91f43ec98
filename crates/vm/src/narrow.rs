//! Whether a scheme's numbers are wide enough for a program: refused by name before anything is sent.

use program::{Operation, Program, ValueId, Values};

use crate::Error;

/// Every value, and what each operation needs beside, must fit numbers of `bits`.
pub(crate) fn check(
    program: &Program,
    values: &Values,
    scheme: &'static str,
    bits: u32,
) -> Result<(), Error> {
    for at in (0..program.len() as u32).map(ValueId) {
        let operation = at.index().checked_sub(program.inputs.len()).and_then(|i| program.body.get(i));
        let needed = needed(operation, at, values);
        if needed > bits {
            let operation = operation.map_or("input", Operation::name);
            return Err(Error::TooNarrow { operation, at, needed, scheme, found: bits });
        }
    }
    Ok(())
}

fn needed(operation: Option<&Operation>, at: ValueId, values: &Values) -> u32 {
    use Operation as O;
    // A sign, and one for differences of two.
    let own = u32::from(values[at].bits()) + 2;
    match operation {
        Some(O::Divide(_) | O::SquareRoot(_) | O::Exp { .. } | O::Log(_) | O::Sigmoid(_) | O::Tanh(_)) => 128,
        // Forty bits stay free.
        Some(O::RescaleNear { of, .. }) => own.max(u32::from(values[*of].bits()) + 41),
        Some(O::Decompose { width, .. }) => own.max(u32::from(*width) + 2),
        _ => own,
    }
}
