//! Every rule by which a transaction is refused, and that a refusal changes nothing.

mod contracts;
mod datasets;
mod evidence;
mod privacy;
mod runs;
mod transactions;

use contract::{Did, Hash, SigningKey};
use ledger::{Action, Refused, SignedTransaction, State};

use crate::world::{World, hash};

/// Applies at a time, and holds the whole state against what it was.
pub(super) fn refused_at(state: &mut State, time: u64, signed: &SignedTransaction) -> Refused {
    let before = format!("{state:?}");
    let refused = state.apply(time, signed).unwrap_err();
    assert_eq!(format!("{state:?}"), before, "a refusal changes nothing");
    refused
}

pub(crate) fn refused(world: &World, state: &mut State, key: &SigningKey, action: Action) -> Refused {
    let signed = world.sign(state, key, action);
    refused_at(state, state.time() + 1, &signed)
}

/// An active contract, and one run requested under it.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) state: State,
    pub(super) contract: Hash,
    pub(super) run: Hash,
}

impl Scene {
    pub(super) fn new() -> Self {
        let world = World::new();
        let contract = world.contract();
        let (mut state, id) = world.activated(&contract);
        let run = hash("run");
        world.act(&mut state, 0, world.request(id, run)).unwrap();
        Self { world, state, contract: id, run }
    }

    /// The run is at the receipts.
    pub(super) fn started() -> Self {
        let mut scene = Self::new();
        scene.world.start(&mut scene.state, scene.run);
        scene
    }

    pub(super) fn act(&mut self, member: usize, action: Action) {
        self.world.act(&mut self.state, member, action).unwrap();
    }

    pub(super) fn refused(&mut self, member: usize, action: Action) -> Refused {
        let key = self.world.members[member].clone();
        refused(&self.world, &mut self.state, &key, action)
    }

    pub(super) fn refused_to_regulator(&mut self, action: Action) -> Refused {
        let key = self.world.regulator.clone();
        refused(&self.world, &mut self.state, &key, action)
    }

    pub(super) fn did(&self, member: usize) -> Did {
        self.world.did(member)
    }
}
