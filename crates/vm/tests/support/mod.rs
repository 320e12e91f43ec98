//! All compute parties of a run in one process.
#![allow(dead_code, reason = "each test binary that includes this module uses a part of it")]

use program::{Kind, Program};
use ring::{Prg, Seed};
use treaty_vm::{Error, Progress, RunOutput, SchemeName, combine, deal, run};

pub(crate) const SCHEME: SchemeName = SchemeName::Rep3;

/// The schemes of three parties that run every program.
pub(crate) const SCHEMES: [SchemeName; 2] = [SchemeName::Rep3, SchemeName::Rep3Malicious];

/// For each compute party, its share messages of all inputs.
pub(crate) fn shared(scheme: SchemeName, program: &Program, inputs: &[Vec<i128>]) -> Vec<Vec<Vec<u8>>> {
    let mut parties = vec![Vec::new(); scheme.parties()];
    for (i, (input, values)) in program.inputs.iter().zip(inputs).enumerate() {
        let mut prg = Prg::new(Seed::from([i as u8; 32]));
        for (party, message) in parties.iter_mut().zip(deal(scheme, values, input.kind, &mut prg).unwrap()) {
            party.push(message);
        }
    }
    parties
}

/// Every party's end of a run.
pub(crate) fn run_all(
    scheme: SchemeName,
    program: &Program,
    inputs: &[Vec<i128>],
) -> Vec<Result<RunOutput, Error>> {
    let messages = shared(scheme, program, inputs);
    engine::session::sim::run(scheme.parties(), |me, transport| {
        run(program, scheme, transport, &messages[me.0], &seed(me.0), &mut |_: Progress| {})
    })
}

pub(crate) fn seed(party: usize) -> Seed {
    Seed::from([100 + party as u8; 32])
}

/// The outputs, as their receiver combines them.
pub(crate) fn outputs(
    scheme: SchemeName,
    program: &Program,
    parties: &[RunOutput],
) -> Result<Vec<Vec<i128>>, Error> {
    let types = types(program);
    let output = |(i, (kind, rows)): (usize, &(Kind, u32))| {
        let messages: Vec<_> = parties.iter().map(|party| party.outputs[i].clone()).collect();
        combine(scheme, &messages, *kind, *rows)
    };
    types.iter().enumerate().map(output).collect()
}

/// Kind and rows of each output.
pub(crate) fn types(program: &Program) -> Vec<(Kind, u32)> {
    let values = program.verify().unwrap();
    program.outputs.iter().map(|o| (values[o.value].ty.kind, values[o.value].ty.elements() as u32)).collect()
}
