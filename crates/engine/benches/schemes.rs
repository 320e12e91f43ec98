//! All workloads on `Rep3`, with `--malicious` on `Rep3Malicious`, with `--shamir` on `Shamir`, with both on
//! `ShamirMalicious`, the three parties on threads of this process.
//!
//! `cargo bench -p treaty-engine [-- NAME] [--malicious] [--shamir] [--wan]` runs all, or those whose name contains NAME; with `--wan` over a
//! simulated network of 20 ms there and back and 100 Mbit/s, on a hundredth of the rows.

use std::time::Duration;

use treaty_engine::Result;
use treaty_engine::bench::{self, Measured, Workload};
use treaty_engine::mpc::{Cost, Scheme};
use treaty_engine::schemes::shamir::Threshold;
use treaty_engine::schemes::{Rep3, Rep3Malicious, Shamir, ShamirMalicious};
use treaty_engine::session::fresh_seed;
use treaty_engine::session::{Shape, sim};

/// Runs of each workload, of which the median is printed.
const RUNS: usize = 5;

fn main() -> Result<()> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    if "streams".contains(&wanted) {
        let streams = bench::Streams::measured();
        println!(
            "random streams: {:.1} GB/s on one core ({})",
            streams.bytes_per_second / 1e9,
            streams.instructions
        );
    }
    let wan = std::env::args().any(|argument| argument == "--wan");
    let (shape, fewer) = if wan { (Shape::WAN, 100) } else { (Shape::default(), 1) };
    let chosen = |flag: &str| std::env::args().any(|argument| argument == flag);
    let run = Run { wanted, shape, fewer };
    if chosen("--shamir") && chosen("--malicious") {
        return run.measure(3, Threshold::new(3, 1)?, &bench::workloads::<ShamirMalicious>());
    }
    if chosen("--malicious") {
        run.measure(3, (), &bench::workloads::<Rep3Malicious<u64>>())?;
        return run.measure(3, (), &bench::wide_workloads::<Rep3Malicious<u128>>());
    }
    if chosen("--shamir") {
        return run.measure(3, Threshold::new(3, 1)?, &bench::workloads::<Shamir>());
    }
    run.measure(3, (), &bench::workloads::<Rep3<u64>>())?;
    run.measure(3, (), &bench::wide_workloads::<Rep3<u128>>())
}

/// What is run, and on which network.
struct Run {
    wanted: String,
    shape: Shape,
    /// Rows are divided by this.
    fewer: usize,
}

impl Run {
    fn measure<S: Scheme>(
        &self,
        parties: usize,
        setting: S::Setting,
        workloads: &[Workload<S>],
    ) -> Result<()> {
        for workload in workloads.iter().filter(|workload| workload.name.contains(&self.wanted)) {
            let rows = if workload.rows > 1000 { workload.rows / self.fewer } else { workload.rows };
            let one = || self.once(parties, setting, workload, rows);
            let mut runs = (0..RUNS).map(|_| one()).collect::<Result<Vec<_>>>()?;
            runs.sort_by_key(|measured| measured.took);
            let Measured { took, cost, correct } = runs[RUNS / 2];
            println!(
                "{:12} {:>12} rows {:8.3} s {:10.3} bytes a row, {:5} rounds, {}",
                workload.name,
                rows,
                took.as_secs_f64(),
                cost.bytes_sent as f64 / rows as f64,
                cost.rounds,
                if correct { "correct" } else { "WRONG" },
            );
        }
        Ok(())
    }

    /// The slowest party's measurement.
    fn once<S: Scheme>(
        &self,
        parties: usize,
        setting: S::Setting,
        workload: &Workload<S>,
        rows: usize,
    ) -> Result<Measured> {
        let measured = sim::run_shaped(self.shape, parties, |_, transport| {
            let mut protocol = S::start(transport, setting, &fresh_seed()?)?;
            (workload.run)(&mut protocol, rows)
        });
        let measured = measured.into_iter().collect::<Result<Vec<_>>>()?;
        let slower = |a: Measured, b: Measured| {
            let correct = a.correct && b.correct;
            if a.took < b.took { Measured { correct, ..b } } else { Measured { correct, ..a } }
        };
        let first = Measured { took: Duration::ZERO, cost: Cost::default(), correct: true };
        Ok(measured.into_iter().fold(first, slower))
    }
}
