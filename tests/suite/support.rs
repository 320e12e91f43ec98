//! Demonstrations run through the built binary, and what must hold for each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test, without the caller's profile.
pub(crate) fn treaty() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_treaty"));
    command.env_remove("TREATY_PROFILE");
    command
}

/// A demonstration in a directory of its own.
pub(crate) struct Demo {
    pub(crate) report: Value,
    pub(crate) directory: PathBuf,
    _room: tempfile::TempDir,
}

impl Demo {
    /// Runs a scenario, which must succeed.
    pub(crate) fn of(scenario: &str) -> Self {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("demo");
        let output = treaty()
            .args(["demo", scenario, "--json", "--dir"])
            .arg(&directory)
            .env("TREATY_LOG", "debug")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", both(&output));
        let report = serde_json::from_slice(&output.stdout).unwrap();
        let directory = directory.canonicalize().unwrap();
        Self { report, directory, _room: room }
    }

    pub(crate) fn proof(&self) -> PathBuf {
        PathBuf::from(self.report["proof"].as_str().unwrap())
    }

    pub(crate) fn alliance(&self) -> PathBuf {
        PathBuf::from(self.report["alliance"].as_str().unwrap())
    }

    /// Members, by their directories.
    pub(crate) fn members(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.join("members")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Standard output and standard error.
pub(crate) fn both(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Checks a proof offline.
pub(crate) fn verify(proof: &Path, alliance: &Path) -> Output {
    treaty().arg("verify").arg(proof).arg("--alliance").arg(alliance).output().unwrap()
}

/// Processes whose command line names a directory.
pub(crate) fn processes_in(directory: &Path) -> Vec<String> {
    let needle = directory.display().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains("node run") && line.contains(&needle))
        .collect()
}

/// Waits until no process is left.
pub(crate) fn assert_nothing_runs_in(directory: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !processes_in(directory).is_empty() {
        assert!(Instant::now() < deadline, "still running: {:?}", processes_in(directory));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What every completed run must show: the expected rows, paid points, counted bytes, and a proof that holds.
pub(crate) fn assert_run_is_sound(demo: &Demo) {
    let report = &demo.report;
    let rows = report["result"]["rows"].as_array().unwrap();
    let expected = report["expected"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    assert!(report["difference"]["relative"].as_f64().unwrap() <= 1e-4);

    let settlement = &report["settlement"];
    let paid: u64 =
        settlement["paid"].as_object().unwrap().values().map(|points| points.as_u64().unwrap()).sum();
    assert_eq!(paid, settlement["fee"].as_u64().unwrap(), "nothing created or lost");
    assert_eq!(total(&settlement["before"]), total(&settlement["after"]));

    for (member, lines) in report["egress"].as_object().unwrap() {
        for line in lines.as_array().unwrap() {
            assert_ne!(line["to"].as_str().unwrap(), member);
            assert!(line["bytes"].as_u64().unwrap() > 0);
        }
    }
    let held = verify(&demo.proof(), &demo.alliance());
    assert!(held.status.success(), "{}", both(&held));
    assert_nothing_runs_in(&demo.directory);
}

fn total(points: &Value) -> u64 {
    let balances = points["balances"].as_object().unwrap().values();
    balances.map(|points| points.as_u64().unwrap()).sum::<u64>() + points["escrow"].as_u64().unwrap()
}

/// The cells of files whose text is long enough that it cannot stand in a log by chance.
pub(crate) fn telling_values(files: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let texts: Vec<_> = files.iter().map(|file| fs::read_to_string(root.join(file)).unwrap()).collect();
    let cells = texts.iter().flat_map(|text| text.lines().skip(1)).flat_map(|line| line.split(','));
    cells
        .filter(|cell| cell.len() >= 5 && cell.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}
