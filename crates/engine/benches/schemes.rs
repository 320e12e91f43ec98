//! All workloads on `Rep3<u64>`, the three parties on threads of this process.
//!
//! `cargo bench -p treaty-engine [-- NAME]` runs all, or those whose name contains NAME.

use std::time::Duration;

use treaty_engine::Result;
use treaty_engine::bench::{self, Measured};
use treaty_engine::mpc::{Cost, Scheme};
use treaty_engine::schemes::Rep3;
use treaty_engine::session::{fresh_seed, sim};

fn main() -> Result<()> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for workload in bench::workloads::<Rep3<u64>>() {
        if !workload.name.contains(&wanted) {
            continue;
        }
        let mut runs = (0..5).map(|_| run(workload.run, workload.rows)).collect::<Result<Vec<_>>>()?;
        runs.sort_by_key(|measured| measured.took);
        let Measured { took, cost, correct } = runs[runs.len() / 2];
        println!(
            "{:12} {:>12} rows {:8.3} s {:8.3} bytes a row, {:5} rounds, {}",
            workload.name,
            workload.rows,
            took.as_secs_f64(),
            cost.bytes_sent as f64 / workload.rows as f64,
            cost.rounds,
            if correct { "correct" } else { "WRONG" },
        );
    }
    Ok(())
}

/// The slowest party's measurement.
fn run(workload: fn(&mut Rep3<u64>, usize) -> Result<Measured>, rows: usize) -> Result<Measured> {
    let parties = sim::run(3, |_, transport| {
        let mut protocol = Rep3::start(transport, &fresh_seed()?)?;
        workload(&mut protocol, rows)
    });
    let parties = parties.into_iter().collect::<Result<Vec<_>>>()?;
    let slower = |a: Measured, b: Measured| {
        let correct = a.correct && b.correct;
        if a.took < b.took { Measured { correct, ..b } } else { Measured { correct, ..a } }
    };
    let first = Measured { took: Duration::ZERO, cost: Cost::default(), correct: true };
    Ok(parties.into_iter().fold(first, slower))
}
