//! The CometBFT process: found, started, started again when it ends, and ended with the node.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::OrderingError;
use crate::home::Home;

/// The version that the tests run with.
pub const COMETBFT: &str = "0.38.26";
/// The program's place, when it is not in PATH.
const PLACE: &str = "TREATY_COMETBFT";

/// Ends CometBFT with the node, whatever ends the node: one that lost its application does not always end by itself,
/// and then keeps its database from the next one. The node holds the other end of standard input.
const KEEPER: &str = r#"exec 3<&0
"$0" start --home "$1" </dev/null 3<&- &
child=$!
(cat <&3 >/dev/null; kill -9 "$child" 2>/dev/null) &
exec 3<&-
wait "$child""#;

/// How often it is looked after.
const TICK: Duration = Duration::from_millis(20);
/// How long it may take to end by itself once its application has hung up.
const FAREWELL: Duration = Duration::from_secs(3);
/// The longest pause before it is started again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Bytes of its log that are shown when it ends.
const TAIL: u64 = 600;

/// The program, where it is installed.
///
/// # Errors
/// [`OrderingError::Missing`] says how to install it; [`OrderingError::Version`] when it is another one.
pub fn find() -> Result<PathBuf, OrderingError> {
    let path = match env::var_os(PLACE) {
        Some(path) => PathBuf::from(path),
        None => search().ok_or(OrderingError::Missing)?,
    };
    let said = Command::new(&path).arg("version").stdin(Stdio::null()).output();
    let said = said.map_err(|_| OrderingError::Missing)?;
    let found = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if found.trim_start_matches('v').starts_with("0.38.") {
        Ok(path)
    } else {
        Err(OrderingError::Version { path, found })
    }
}

fn search() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let go = env::home_dir().map(|home| home.join("go").join("bin"));
    env::split_paths(&path).chain(go).map(|directory| directory.join("cometbft")).find(|file| file.is_file())
}

/// When it is to be started anew, if it is.
#[derive(Debug, Default)]
pub(crate) struct Restart(Mutex<Option<Instant>>);

impl Restart {
    /// Not earlier than that; a later wish replaces an earlier one.
    pub(crate) fn set(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn take_due(&self) -> bool {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = at.is_some_and(|at| at <= Instant::now());
        if due {
            *at = None;
        }
        due
    }
}

/// What is done before it is started again.
pub(crate) type Renew = Box<dyn Fn() + Send>;

/// The process, as long as the node runs.
#[derive(Debug)]
pub(crate) struct Process {
    stopping: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it, and starts it again whenever it ends or is to be started anew.
    pub(crate) fn start(
        program: &Path,
        home: &Home,
        restart: Arc<Restart>,
        renew: Renew,
    ) -> Result<Self, OrderingError> {
        let stopping = Arc::new(AtomicBool::new(false));
        let child = spawn(program, home)?;
        let (program, home, seen) = (program.to_owned(), home.clone(), Arc::clone(&stopping));
        let keeper = thread::spawn(move || keep(child, &program, &home, &seen, &restart, &renew));
        Ok(Self { stopping, keeper: Some(keeper) })
    }

    /// Waits until it has ended, and ends it when it takes too long. Its application has hung up before.
    pub(crate) fn stop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked has left its child to the application's hanging up.
            keeper.join().ok();
        }
    }
}

fn spawn(program: &Path, home: &Home) -> Result<Child, OrderingError> {
    let path = home.log();
    let log = File::options().create(true).append(true).open(&path);
    let log = log.map_err(|source| OrderingError::File { what: "write", path: path.clone(), source })?;
    let twin = log.try_clone().map_err(|source| OrderingError::File { what: "write", path, source })?;
    // What a killed one left; the next one would not serve.
    fs::remove_file(home.rpc()).ok();
    Command::new("/bin/sh")
        .args(["-c", KEEPER])
        .arg(program)
        .arg(home.path())
        .stdin(Stdio::piped())
        .stdout(log)
        .stderr(twin)
        .spawn()
        .map_err(|source| OrderingError::File { what: "start", path: program.to_owned(), source })
}

fn keep(child: Child, program: &Path, home: &Home, stopping: &AtomicBool, restart: &Restart, renew: &Renew) {
    let mut child = Some(child);
    let mut pause = TICK;
    while !stopping.load(Ordering::SeqCst) {
        match child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) if restart.take_due() => {
                tracing::info!("cometbft is started anew: who votes or may connect has changed");
                if let Some(mut child) = child.take() {
                    drop(child.stdin.take());
                    child.wait().ok();
                }
                pause = TICK;
            }
            Some(Ok(None)) => thread::sleep(TICK),
            Some(ended) => {
                let ended = ended.map_or_else(|error| error.to_string(), |status| format!("{status:?}"));
                tracing::warn!(ended, log = tail(home), "cometbft has ended; it is started again");
                child = None;
            }
            None => {
                let until = Instant::now() + pause;
                while Instant::now() < until && !stopping.load(Ordering::SeqCst) {
                    thread::sleep(TICK);
                }
                pause = (pause * 2).min(PAUSE_MAX);
                renew();
                child = spawn(program, home)
                    .inspect_err(|error| tracing::error!(%error, "cometbft cannot be started"))
                    .ok();
            }
        }
    }
    if let Some(mut child) = child {
        let until = Instant::now() + FAREWELL;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(TICK);
        }
        // Already gone, or told to end for seconds.
        drop(child.stdin.take());
        child.wait().ok();
    }
}

/// The end of its log.
fn tail(home: &Home) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(home.log())?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}
