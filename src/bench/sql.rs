//! `treaty bench sql`: TPC-H queries asked jointly and in plaintext, in one process. Each owner's stage runs at home,
//! three compute parties run the program in threads, over a transport in memory; the answer is compared with that of
//! DataFusion over the same rows in one place.

use std::{collections::BTreeMap, time::Instant};

use clap::Args;
use compiler::{
    Compiled, Difference, ResultTable, Source, Table,
    local::{self, Rows},
    plain,
};
use engine::session::sim;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use vm::{Prg, RunOutput, SchemeName, Seed, fresh_seed};

use super::{
    BenchError, growth, memory,
    tpch::{self, Dealt, QUERIES},
};
use crate::output::{Output, table};

#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// Only this query of TPC-H
    query: Option<u8>,
    /// The scale factor: 0.01 has 60 000 lines of orders
    #[arg(long, default_value_t = 0.01, value_parser = scale)]
    scale: f64,
    /// Gives each of the eight tables to an owner of its own; without, three owners have them: customers and orders, lines
    /// of orders, and all else
    #[arg(long)]
    apart: bool,
    /// How time grows with rows, instead of TPC-H
    #[arg(long, conflicts_with_all = ["query", "scale", "apart"])]
    growth: bool,
}

fn scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| format!("`{text}` is not a number such as `0.01`"))?;
    if (0.0001..=1.0).contains(&scale) { Ok(scale) } else { Err("a scale is 0.0001 to 1".to_owned()) }
}

/// What one query took.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// Its name, of TPC-H its number.
    query: String,
    /// Of the tables that it reads.
    pub(super) input_rows: u64,
    result_rows: usize,
    /// All owners' stages, one after the other.
    home_seconds: f64,
    /// The program on shares.
    pub(super) joint_seconds: f64,
    /// DataFusion over all rows in one place.
    plain_seconds: f64,
    /// Stages and program together, by the plaintext query's time.
    times_plain: f64,
    /// Of the party that sends most.
    bytes_sent: u64,
    rounds: u32,
    /// Of this process, which holds the tables and all three parties.
    memory_bytes_max: u64,
}

impl Sql {
    pub(super) fn run(self, output: Output) -> Result<(), BenchError> {
        let event_loop = Builder::new_current_thread().build()?;
        if self.growth {
            return growth::run(output, &event_loop);
        }
        let tables = tpch::tables(self.scale).map_err(fault)?;
        let wanted = |(query, _): &&(u8, &str)| self.query.is_none_or(|wanted| wanted == *query);
        let queries: Vec<_> = QUERIES.iter().filter(wanted).collect();
        if queries.is_empty() {
            let known = QUERIES.iter().map(|(query, _)| query.to_string()).collect::<Vec<_>>().join(", ");
            return Err(BenchError::NoQuery { query: self.query.unwrap_or_default(), known });
        }
        let holder = if self.apart { |table| table } else { tpch::holder };
        let mut all = Vec::with_capacity(queries.len());
        for (query, sql) in queries {
            all.push(measured(query, sql, &tables, holder, &event_loop)?);
        }
        output.answer(&all, || shown(&all)).map_err(fault)
    }
}

pub(super) fn fault(error: impl ToString) -> BenchError {
    BenchError::Sql(error.to_string())
}

/// Who has a table.
type Holder = fn(&'static str) -> &'static str;

/// Asks one query of the tables that it names.
pub(super) fn measured(
    query: impl ToString,
    sql: &str,
    all: &[Dealt],
    holder: Holder,
    event_loop: &Runtime,
) -> Result<Measured, BenchError> {
    let query = query.to_string();
    let named = compiler::tables(sql).map_err(fault)?;
    let read: Vec<&Dealt> = all.iter().filter(|table| named.iter().any(|name| name == table.name)).collect();
    let as_table = |table: &&Dealt| Table {
        name: table.name.to_owned(),
        datasets: vec![Source {
            reference: reference(table),
            owner: holder(table.name).to_owned(),
            schema: table.schema.clone(),
            rows: table.rows.num_rows() as u64,
            floor_rows: 1,
            rows_per_person: None,
        }],
    };
    let compiled =
        compiler::compile(sql, &read.iter().map(as_table).collect::<Vec<_>>(), 1).map_err(fault)?;
    memory::forget_peak();
    let start = Instant::now();
    let inputs = at_home(&compiled, &read, event_loop)?;
    let home_seconds = start.elapsed().as_secs_f64();
    let (outputs, joint_seconds) = jointly(&compiled, &inputs)?;
    let memory_bytes_max = memory::peak_bytes();
    let result = opened(&compiled, &outputs)?;
    let rows =
        read.iter().map(|table| (table.name.to_owned(), table.schema.clone(), vec![table.rows.clone()]));
    let start = Instant::now();
    let expected = event_loop.block_on(plain::query(sql, rows.collect())).map_err(fault)?;
    let plain_seconds = start.elapsed().as_secs_f64();
    // Small scales have queries that no row satisfies: the floor of one row withholds what plaintext shows as NULL.
    let expected = expected.without(&result.suppressed);
    let Difference { mismatches, relative, .. } = result.difference(&expected);
    // DataFusion cuts means of decimals off after four digits.
    if mismatches > 0 || relative > 1e-4 {
        return Err(BenchError::Wrong { workload: format!("query {query}") });
    }
    Ok(Measured {
        query,
        input_rows: read.iter().map(|table| table.rows.num_rows() as u64).sum(),
        result_rows: result.rows.len(),
        home_seconds,
        joint_seconds,
        plain_seconds,
        times_plain: (home_seconds + joint_seconds) / plain_seconds,
        bytes_sent: outputs.iter().map(|party| party.cost.bytes_sent).max().unwrap_or_default(),
        rounds: outputs.iter().map(|party| party.cost.rounds).max().unwrap_or_default(),
        memory_bytes_max,
    })
}

/// The dataset that is this table.
fn reference(table: &Dealt) -> String {
    format!("{0}/{0}@1", table.name)
}

/// The values of each of the program's inputs.
fn at_home(
    compiled: &Compiled,
    tables: &[&Dealt],
    event_loop: &Runtime,
) -> Result<Vec<Vec<i128>>, BenchError> {
    let mut inputs = vec![Vec::new(); compiled.program.inputs.len()];
    let rows = |table: &&Dealt| Rows::held(table.schema.clone(), vec![table.rows.clone()]);
    let rows: BTreeMap<String, Rows> = tables.iter().map(|table| (reference(table), rows(table))).collect();
    for (number, _) in (0_u16..).zip(&compiled.program.stages) {
        let columns = local::run(&compiled.program, number, rows.clone());
        let columns = event_loop.block_on(columns).map_err(fault)?;
        let own = inputs.iter_mut().zip(&compiled.program.inputs);
        let own = own.filter(|(_, input)| input.stage == number);
        own.zip(columns).for_each(|((place, _), column)| *place = column);
    }
    Ok(inputs)
}

const SCHEME: SchemeName = SchemeName::Rep3;

/// What each party yields, and the seconds that the program took.
fn jointly(compiled: &Compiled, inputs: &[Vec<i128>]) -> Result<(Vec<RunOutput>, f64), BenchError> {
    let mut dealt = vec![Vec::new(); SCHEME.parties()];
    let mut prg = Prg::new(seed()?);
    for (input, values) in compiled.program.inputs.iter().zip(inputs) {
        let messages = vm::deal(SCHEME, values, input.kind, &mut prg).map_err(fault)?;
        dealt.iter_mut().zip(messages).for_each(|(party, message)| party.push(message));
    }
    let mut entropy = Vec::new();
    for messages in &dealt {
        entropy.push((seed()?, messages));
    }
    let start = Instant::now();
    let parties = sim::run(SCHEME.parties(), |me, transport| match entropy.get(me.0) {
        Some((seed, messages)) => {
            vm::run(&compiled.program, SCHEME, transport, messages, seed, &mut |_| {}).map_err(fault)
        }
        None => Err(BenchError::PartyEnded { party: me.0 }),
    });
    let seconds = start.elapsed().as_secs_f64();
    Ok((parties.into_iter().collect::<Result<_, _>>()?, seconds))
}

fn seed() -> Result<Seed, BenchError> {
    fresh_seed().map_err(fault)
}

fn opened(compiled: &Compiled, parties: &[RunOutput]) -> Result<ResultTable, BenchError> {
    let values = compiled.program.verify().map_err(fault)?;
    let mut columns = Vec::new();
    for (number, output) in compiled.program.outputs.iter().enumerate() {
        let messages: Option<Vec<Vec<u8>>> =
            parties.iter().map(|party| party.outputs.get(number).cloned()).collect();
        let value = values.get(output.value).ok_or_else(|| fault("an output is no value"))?;
        let messages = messages.ok_or_else(|| fault("a party lacks an output"))?;
        columns
            .push(vm::combine(SCHEME, &messages, value.ty.kind, value.ty.elements() as u32).map_err(fault)?);
    }
    compiler::decode(compiled, &columns).map_err(fault)
}

pub(super) fn shown(all: &[Measured]) -> String {
    let heads = [
        "query",
        "rows read",
        "rows of the result",
        "at home [s]",
        "on shares [s]",
        "plaintext [s]",
        "times plaintext",
        "sent by a party [MB]",
        "rounds",
        "peak memory [MB]",
    ];
    let rows = all.iter().map(|one| {
        [
            one.query.clone(),
            one.input_rows.to_string(),
            one.result_rows.to_string(),
            format!("{:.3}", one.home_seconds),
            format!("{:.3}", one.joint_seconds),
            format!("{:.3}", one.plain_seconds),
            format!("{:.1}", one.times_plain),
            format!("{:.2}", one.bytes_sent as f64 / 1e6),
            one.rounds.to_string(),
            format!("{:.0}", one.memory_bytes_max as f64 / 1e6),
        ]
    });
    table(&heads, rows)
}
