//! What is done against parties that deviate.

use std::sync::Arc;

use ring::{Column, Shape};

use super::record::{Moved, Record};
use super::{Field, Shamir, Threshold};
use crate::error::Result;
use crate::mpc::Receivers;
use crate::schemes::rep3_malicious::Unchecked;
use crate::session::Party;

/// What a scheme does about parties that deviate from it.
pub trait Guard: Sized + Send + Sync + 'static {
    /// The scheme's name in contracts.
    const NAME: &'static str;
    /// The scheme's number in share messages.
    const CODE: u8;

    /// Whether parties may deviate: openings are then compared, and products recorded.
    const CHECKED: bool;

    /// Share messages from which a result is combined; those of all honest parties are always enough.
    fn messages(setting: Threshold) -> usize;

    /// That of a session that begins.
    fn new() -> Self;
    /// That of a child channel.
    #[must_use]
    fn fork(&self) -> Self;
    /// Takes a child's back.
    fn absorb(&mut self, child: Self);

    /// Whether what would be sent is only counted.
    fn counts(&self) -> bool {
        false
    }

    /// As [`Scheme::gone`](crate::mpc::Scheme::gone).
    fn gone(&self) -> Vec<Party> {
        Vec::new()
    }

    /// As [`Mpc::input`](crate::mpc::Mpc::input); its owner alone gives values.
    ///
    /// # Errors
    /// Those of the transport.
    #[doc(hidden)]
    fn input<D: Field>(
        protocol: &mut Shamir<Self>,
        owner: Party,
        values: Option<Column<D>>,
        len: usize,
    ) -> Result<D::Shares> {
        protocol.dealt_by_owner::<D>(owner, values, len)
    }

    /// As [`Mpc::dot`](crate::mpc::Mpc::dot), with as many `rows` in the result.
    ///
    /// # Errors
    /// Those of the transport.
    #[doc(hidden)]
    fn dot<D: Field>(
        protocol: &mut Shamir<Self>,
        x: &D::Shares,
        y: &D::Shares,
        rows: usize,
    ) -> Result<D::Shares> {
        protocol.reduced::<D>(rows, |small, sum| D::add_products(small, x, y, sum))
    }

    /// As [`Mpc::matmul`](crate::mpc::Mpc::matmul).
    ///
    /// # Errors
    /// Those of the transport.
    #[doc(hidden)]
    fn matmul<D: Field>(
        protocol: &mut Shamir<Self>,
        x: &D::Shares,
        y: &D::Shares,
        shape: Shape,
    ) -> Result<D::Shares> {
        protocol.reduced::<D>(shape.product(), |small, sum| D::add_matmul(small, x, y, shape, sum))
    }

    /// One pass of a shuffle.
    ///
    /// # Errors
    /// Those of the transport.
    #[doc(hidden)]
    fn pass<D: Field>(protocol: &mut Shamir<Self>, x: &D::Shares, by: &Moved) -> Result<D::Shares> {
        protocol.moved::<D>(x, by)
    }

    /// The values of `x`, at the receivers.
    ///
    /// # Errors
    /// Those of the transport; [`Error::Inconsistent`](crate::Error::Inconsistent).
    #[doc(hidden)]
    fn opened<D: Field>(
        protocol: &mut Shamir<Self>,
        x: &D::Shares,
        to: Receivers<'_>,
    ) -> Result<Option<Vec<D>>> {
        protocol.opened_by_next::<D>(x, to)
    }

    /// As [`Scheme::prepare`](crate::mpc::Scheme::prepare).
    ///
    /// # Errors
    /// Those of the transport, and of `dry_run`.
    #[doc(hidden)]
    fn prepare(
        protocol: &mut Shamir<Self>,
        dry_run: impl FnMut(&mut Shamir<Self>) -> Result<()>,
    ) -> Result<u64> {
        let _ = (protocol, dry_run);
        Ok(0)
    }

    /// Keeps what `record` makes until it is checked.
    ///
    /// # Errors
    /// Those of a check, when there is enough for one.
    #[doc(hidden)]
    fn keep(protocol: &mut Shamir<Self>, record: impl FnOnce() -> Option<Record>) -> Result<()> {
        let _ = (protocol, record);
        Ok(())
    }

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
    const CHECKED: bool = false;

    fn messages(setting: Threshold) -> usize {
        setting.threshold() + 1
    }
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

/// Corrupted parties may deviate as they like, and the others then stop.
#[derive(Debug)]
pub struct Active {
    unchecked: Unchecked<Record>,
}

impl Guard for Active {
    const NAME: &'static str = "shamir_malicious";
    const CODE: u8 = 8;
    const CHECKED: bool = true;

    /// Those of t + 1 honest parties are among them, so that a wrong one contradicts them.
    fn messages(setting: Threshold) -> usize {
        2 * setting.threshold() + 1
    }

    fn new() -> Self {
        Self { unchecked: Unchecked::default() }
    }
    fn fork(&self) -> Self {
        Self { unchecked: self.unchecked.fork() }
    }
    fn absorb(&mut self, child: Self) {
        self.unchecked.absorb(child.unchecked);
    }

    /// Checks at once when there are many. Sizes are public, so that all parties check at the same places.
    fn keep(protocol: &mut Shamir<Self>, record: impl FnOnce() -> Option<Record>) -> Result<()> {
        let Some(record) = record() else { return Ok(()) };
        let due: Vec<Arc<Record>> = protocol.guard.unchecked.keep(record);
        protocol.check(&due)
    }

    /// Checks what this channel did, and what was unchecked when it was forked.
    fn verify(protocol: &mut Shamir<Self>) -> Result<()> {
        let due = protocol.guard.unchecked.take();
        protocol.check(&due)
    }
}
