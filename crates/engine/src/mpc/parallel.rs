//! Several jobs at the same time, each on a channel of its own.

use super::Protocol;
use crate::error::Result;

/// Runs `run` on every job, `at_once` of them (each takes a thread) at the same time, so that their rounds overlap;
/// results in the jobs' order. A single job runs on the given channel itself.
///
/// # Errors
/// The first job's that fails.
pub fn parallel<P: Protocol, J: Sync, T: Send>(
    protocol: &mut P,
    at_once: usize,
    jobs: &[J],
    run: impl Fn(&mut P, &J) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let mut results = Vec::with_capacity(jobs.len());
    for wave in jobs.chunks(at_once) {
        results.extend(tree(protocol, wave, &run)?);
    }
    Ok(results)
}

fn tree<P: Protocol, J: Sync, T: Send>(
    protocol: &mut P,
    jobs: &[J],
    run: &(impl Fn(&mut P, &J) -> Result<T> + Sync),
) -> Result<Vec<T>> {
    match jobs {
        [] => Ok(Vec::new()),
        [job] => Ok(vec![run(protocol, job)?]),
        _ => {
            let (left, right) = jobs.split_at(jobs.len() / 2);
            let (mut results, rest) = protocol.both(|p| tree(p, left, run), |p| tree(p, right, run))?;
            results.extend(rest);
            Ok(results)
        }
    }
}
