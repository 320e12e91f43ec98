use std::path::PathBuf;

/// Why the rules could not be checked at all; what a rule finds is a [`Finding`](crate::finding::Finding).
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot tell where the repository is; run it as `cargo xtask check`")]
    NotUnderCargo,
    #[error("cannot read `{path}`: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("cannot run `cargo metadata`: {0}")]
    CargoNotRun(std::io::Error),
    #[error("`cargo metadata` failed: {0}")]
    CargoFailed(String),
    #[error("`cargo metadata` printed something that is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the output of `cargo metadata` has no `{0}`, which format version 1 promises")]
    FieldMissing(&'static str),
}
