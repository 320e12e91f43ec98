//! A compiled query run as the parties would: every owner's stage at home, then the program, by the reference
//! interpreter or on shares among three compute parties in one process.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use contract::Schema;
use program::{Program, Stage};
use ring::{Prg, Seed};
use treaty_compiler::{
    Compiled,
    local::{self, Rows},
};
use vm::{RunOutput, SchemeName};

/// What a stage reads; `rows` yields the schema and rows of its own dataset, and of each beside it as if that were the own
/// one of a stage like this.
pub(crate) fn read_by(
    stage: &Stage,
    rows: &impl Fn(&Stage) -> (Schema, Vec<RecordBatch>),
) -> BTreeMap<String, Rows> {
    let alone = |(table, dataset): (&str, &str)| {
        let stage = Stage {
            table: table.to_owned(),
            dataset: dataset.to_owned(),
            beside: Vec::new(),
            ..stage.clone()
        };
        let (schema, rows) = rows(&stage);
        (stage.dataset, Rows::held(schema, rows))
    };
    stage.tables().map(alone).collect()
}

/// Runs all stages over what [`read_by`] gives them.
pub(crate) fn stages(
    compiled: &Compiled,
    rows: impl Fn(&Stage) -> (Schema, Vec<RecordBatch>),
) -> Vec<Vec<i128>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut inputs = vec![Vec::new(); compiled.program.inputs.len()];
    for (number, stage) in compiled.program.stages.iter().enumerate() {
        let columns = runtime
            .block_on(local::run(&compiled.program, number as u16, read_by(stage, &rows)))
            .unwrap_or_else(|error| panic!("{error:?}\n{}", stage.sql));
        let own = compiled.program.inputs.iter().enumerate();
        let own = own.filter(|(_, input)| usize::from(input.stage) == number);
        for ((position, _), column) in own.zip(columns) {
            inputs[position] = column;
        }
    }
    inputs
}

/// What the reference interpreter opens.
pub(crate) fn interpreted(program: &Program, inputs: &[Vec<i128>]) -> Vec<Vec<i128>> {
    program::interpret(program, inputs).unwrap_or_else(|fault| panic!("{fault}\n{program}"))
}

/// What each compute party yields.
pub(crate) fn parties(program: &Program, inputs: &[Vec<i128>], scheme: SchemeName) -> Vec<RunOutput> {
    let mut dealt = vec![Vec::new(); scheme.parties()];
    for (number, (input, values)) in program.inputs.iter().zip(inputs).enumerate() {
        let mut prg = Prg::new(Seed::from([number as u8; 32]));
        let messages = vm::deal(scheme, values, input.kind, &mut prg).unwrap();
        dealt.iter_mut().zip(messages).for_each(|(party, message)| party.push(message));
    }
    engine::session::sim::run(scheme.parties(), |me, transport| {
        let entropy = Seed::from([100 + me.0 as u8; 32]);
        vm::run(program, scheme, transport, &dealt[me.0], &entropy, &mut |_| {}).unwrap()
    })
}

/// What the compute parties open.
pub(crate) fn on_shares(program: &Program, inputs: &[Vec<i128>], scheme: SchemeName) -> Vec<Vec<i128>> {
    let parties = parties(program, inputs, scheme);
    let values = program.verify().unwrap();
    let output = |(number, output): (usize, &program::Output)| {
        let messages: Vec<_> = parties.iter().map(|party| party.outputs[number].clone()).collect();
        let ty = values[output.value].ty;
        vm::combine(scheme, &messages, ty.kind, ty.elements() as u32).unwrap()
    };
    program.outputs.iter().enumerate().map(output).collect()
}
