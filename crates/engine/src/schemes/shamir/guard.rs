//! What is done against parties that deviate.

use super::Shamir;
use crate::error::Result;

/// What a scheme does about parties that deviate from it.
pub trait Guard: Sized + Send + Sync + 'static {
    /// The scheme's name in contracts.
    const NAME: &'static str;
    /// The scheme's number in share messages.
    const CODE: u8;

    /// That of a session that begins.
    fn new() -> Self;
    /// That of a child channel.
    #[must_use]
    fn fork(&self) -> Self;
    /// Takes a child's back.
    fn absorb(&mut self, child: Self);

    /// Checks all that wasn't checked yet.
    ///
    /// # Errors
    /// Those of the transport and of the check.
    fn verify(protocol: &mut Shamir<Self>) -> Result<()>;
}

/// Nothing: parties may be curious, but follow the protocol.
#[derive(Debug, Clone, Copy)]
pub struct Passive;

impl Guard for Passive {
    const NAME: &'static str = "shamir";
    const CODE: u8 = 7;

    fn new() -> Self {
        Self
    }
    fn fork(&self) -> Self {
        Self
    }
    fn absorb(&mut self, _child: Self) {}

    fn verify(_protocol: &mut Shamir<Self>) -> Result<()> {
        Ok(())
    }
}
