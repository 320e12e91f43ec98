//! Who takes part in a run's session, and how much it may wait for and keep.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use engine::session::Party;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::registry::MemberId;

/// A run's identity: 32 bytes that all parties know, given by whoever sequences runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run(pub [u8; 32]);

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What one compute party knows of a run's session before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The run.
    pub run: Run,
    /// The compute parties in the order that all of them agreed upon.
    pub parties: Vec<MemberId>,
    /// Which of them this node is.
    pub me: Party,
    /// How long the parties may take to come together.
    pub gather: Duration,
    /// How long the run may take once they have; whoever still waits then gets an error.
    pub deadline: Duration,
}

impl Plan {
    /// The largest number of compute parties.
    pub const PARTIES_MAX: usize = 256;

    pub(super) fn check(&self) -> Result<()> {
        let unusable = |expected, found| Err(Error::PlanUnusable { expected, found });
        if !(2..=Self::PARTIES_MAX).contains(&self.parties.len()) {
            return unusable("2 to 256 compute parties", format!("{} compute parties", self.parties.len()));
        }
        if self.me.0 >= self.parties.len() {
            return unusable("this node among the compute parties", format!("this node as {}", self.me));
        }
        let mut seen = HashSet::new();
        match self.parties.iter().find(|member| !seen.insert(*member)) {
            Some(twice) => unusable("each compute party once", format!("`{twice}` twice")),
            None => Ok(()),
        }
    }

    /// A digest of the ordered list of compute parties, by which two nodes see whether theirs are the same.
    pub(super) fn roster(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"treaty-mpc compute parties");
        for member in &self.parties {
            digest.update((member.len() as u64).to_le_bytes());
            digest.update(member);
        }
        digest.finalize().into()
    }
}

/// How much sessions take on and keep in memory.
#[derive(Debug, Clone)]
pub struct SessionLimits {
    /// The time for a connection's first message.
    pub greeting: Duration,
    /// How long a connection is held for a run that isn't known yet.
    pub hold: Duration,
    /// Connections that are held at once.
    pub held_max: usize,
    /// Connections of one member that are held at once.
    pub held_per_member_max: usize,
    /// The largest frame body that is sent or taken.
    pub frame_bytes_max: usize,
    /// Bytes that wait to be sent to one peer before senders have to wait.
    pub outbox_bytes_max: usize,
    /// Bytes of one peer that wait to be received before its connection is no longer read.
    pub inbox_bytes_max: usize,
    /// How often a party that has nothing to say says so.
    pub keep_alive: Duration,
    /// How long a peer may say nothing at all before it counts as dead.
    pub silence_max: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(5),
            hold: Duration::from_secs(10),
            held_max: 64,
            held_per_member_max: 16,
            frame_bytes_max: 256 << 20,
            outbox_bytes_max: 64 << 20,
            inbox_bytes_max: 256 << 20,
            keep_alive: Duration::from_secs(1),
            silence_max: Duration::from_secs(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(parties: &[&str], me: usize) -> Plan {
        Plan {
            run: Run([7; 32]),
            parties: parties.iter().map(|&member| member.to_owned()).collect(),
            me: Party(me),
            gather: Duration::from_secs(1),
            deadline: Duration::from_secs(1),
        }
    }

    #[test]
    fn plans_that_cannot_be_carried_out_are_refused() {
        plan(&["north", "south"], 1).check().unwrap();
        for wrong in
            [plan(&["north"], 0), plan(&["north", "south"], 2), plan(&["north", "south", "north"], 0)]
        {
            assert!(matches!(wrong.check(), Err(Error::PlanUnusable { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn the_roster_depends_on_every_name_and_on_their_order() {
        let rosters: HashSet<_> = [
            &["north", "south"][..],
            &["south", "north"],
            &["northsouth", ""],
            &["", "northsouth"],
            &["north", "south", ""],
        ]
        .map(|parties| plan(parties, 0).roster())
        .into();
        assert_eq!(rosters.len(), 5);
        assert_eq!(plan(&["a", "b"], 0).roster(), plan(&["a", "b"], 1).roster());
    }
}
