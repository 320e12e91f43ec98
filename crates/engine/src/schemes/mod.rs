//! Secret-sharing schemes: types that have the traits of [`crate::mpc`].

pub mod estimate;
mod message;
pub mod plain;
pub mod rep3;

pub use estimate::Estimate;
pub use plain::Plain;
pub use rep3::Rep3;
