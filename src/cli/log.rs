//! What commands that go on until they are stopped log, to standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogForm {
    /// One line for people
    Text,
    /// One JSON object a line
    Json,
}

impl LogForm {
    /// Logs from now on what `TREATY_LOG` says, or this level and what is graver.
    pub(super) fn begin(self, level: &str) {
        let filter = EnvFilter::try_from_env("TREATY_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self {
            Self::Text => lines.with_ansi(false).init(),
            Self::Json => lines.json().init(),
        }
    }
}
