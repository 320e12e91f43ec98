//! One operating-system process per member, and none left behind.
//!
//! Each node watches its standard input, which is a pipe held by this process: whatever ends this process, be it
//! SIGKILL, closes the pipe and ends the nodes. A node is its own process group, so that Ctrl-C on the terminal is
//! this process's business alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::DemoError;
use super::place::Place;

/// How long a node may take to come up.
const READY: Duration = Duration::from_secs(30);
/// How long a node may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(5);
/// Lines of a log that are shown when its node does not come up.
const TAIL: usize = 12;

/// The nodes of a demonstration.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    nodes: Mutex<BTreeMap<String, Child>>,
}

/// A node that is to be started.
#[derive(Clone, Debug)]
pub(super) struct Berth {
    /// The member's name.
    pub(super) member: String,
    /// The node's directory.
    pub(super) directory: PathBuf,
    /// Where it logs; appended to.
    pub(super) log: PathBuf,
}

impl Fleet {
    /// Starts nodes side by side and waits until each serves.
    pub(super) fn start(&self, berths: &[Berth]) -> Result<(), DemoError> {
        let mut launched = Vec::new();
        for berth in berths {
            let mut command = command(berth)?;
            command.arg("--stop-with-parent").stdin(Stdio::piped());
            let mut child = spawn(&mut command, berth)?;
            let stdout = child.stdout.take();
            self.with(|nodes| nodes.insert(berth.member.clone(), child));
            launched.push((berth, stdout));
        }
        let deadline = Instant::now() + READY;
        launched.into_iter().try_for_each(|(berth, stdout)| await_ready(berth, stdout, deadline))
    }

    /// Starts nodes that outlive this process; answers with their process ids.
    pub(super) fn detach(berths: &[Berth]) -> Result<BTreeMap<String, u32>, DemoError> {
        let mut ids = BTreeMap::new();
        for berth in berths {
            let mut child = spawn(command(berth)?.stdin(Stdio::null()), berth)?;
            await_ready(berth, child.stdout.take(), Instant::now() + READY)?;
            ids.insert(berth.member.clone(), child.id());
        }
        Ok(ids)
    }

    /// SIGKILL: the node has no time for anything.
    pub(super) fn kill(&self, member: &str) -> Result<(), DemoError> {
        let child = self.with(|nodes| nodes.remove(member));
        let Some(mut child) = child else { return Ok(()) };
        child
            .kill()
            .and_then(|()| child.wait())
            .map(drop)
            .map_err(DemoError::system(format!("kill the node of `{member}`")))
    }

    /// Lets all nodes end by themselves, and kills those that do not.
    pub(super) fn stop(&self) {
        let mut nodes = self.with(std::mem::take);
        for child in nodes.values_mut() {
            drop(child.stdin.take());
        }
        let deadline = Instant::now() + FAREWELL;
        for child in nodes.values_mut() {
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            // Already gone, or told to end for several seconds.
            child.kill().ok();
            child.wait().ok();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Child>) -> T) -> T {
        act(&mut self.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `treaty node run` of this very binary.
fn command(berth: &Berth) -> Result<Command, DemoError> {
    let binary = std::env::current_exe().map_err(DemoError::system("find this program's file"))?;
    let mut command = Command::new(binary);
    command.args(["node", "run", "--dir"]).arg(&berth.directory).env_remove("TREATY_PROFILE");
    Ok(command)
}

fn spawn(command: &mut Command, berth: &Berth) -> Result<Child, DemoError> {
    Place::make_parent(&berth.log)?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(&berth.log)
        .map_err(DemoError::system(format!("write `{}`", berth.log.display())))?;
    command
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(DemoError::system(format!("start the node of `{}`", berth.member)))
}

/// Waits for the line `ready …`, which is the only one.
fn await_ready(berth: &Berth, stdout: Option<ChildStdout>, deadline: Instant) -> Result<(), DemoError> {
    let not_ready = || DemoError::NotReady {
        member: berth.member.clone(),
        seconds: READY.as_secs(),
        log: berth.log.clone(),
        tail: tail(&berth.log),
    };
    let stdout = stdout.ok_or_else(not_ready)?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody listens when the wait is over.
        send.send(read.is_ok() && line.starts_with("ready ")).ok();
    });
    match receive.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(true) => Ok(()),
        _ => Err(not_ready()),
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
