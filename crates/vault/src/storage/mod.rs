//! How a vault lies on disk.

pub(crate) mod chunk;
pub(crate) mod files;
pub(crate) mod identity;
pub(crate) mod manifest;
pub(crate) mod merkle;
pub(crate) mod schema;
