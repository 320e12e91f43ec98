//! Three members' ledgers in step: the operator orders, the others replay and cosign.

use contract::{Did, Hash, SigningKey};
use ledger::{
    Action, Divergence, Ledger, LedgerError, SignedTransaction, State, Transaction, governance::Motion,
};
use tempfile::TempDir;

use crate::world::{FOUNDED, World, hash, key};

/// Three members with their ledgers. North orders at first.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) ledgers: Vec<Ledger>,
    /// Present keys.
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) operator: usize,
    /// Whose node is lost.
    pub(crate) lost: Option<usize>,
    pub(crate) now: u64,
    pub(crate) directory: TempDir,
}

impl House {
    /// With a completed run.
    pub(crate) fn new() -> Self {
        let (mut world, directory) = (World::new(), tempfile::tempdir().unwrap());
        let path = |member: usize| directory.path().join(member.to_string());
        let ledgers =
            (0..3).map(|member| Ledger::open(&path(member), world.alliance.clone()).unwrap()).collect();
        let (keys, run) = (world.members.clone(), world.whole_path(hash("run")));
        let now = FOUNDED + 10;
        let mut house = Self { world, ledgers, keys, operator: 0, lost: None, now, directory };
        for signed in run {
            house.order(signed);
        }
        house
    }

    pub(crate) fn lead(&mut self) -> &mut Ledger {
        &mut self.ledgers[self.operator]
    }

    /// A member's next transaction.
    pub(crate) fn signed(&self, member: usize, action: Action) -> SignedTransaction {
        let state = self.ledgers[self.operator].state();
        signed_now(state, self.world.did(member), &self.keys[member], action)
    }

    /// The operator orders one transaction and signs by whichever of its keys counts then.
    pub(crate) fn order(&mut self, signed: SignedTransaction) -> Hash {
        self.now += 1;
        let (now, operator) = (self.now, self.operator);
        let id = signed.id().unwrap();
        let key = match &signed.transaction.action {
            Action::RotateKey { key: next, .. } if signed.transaction.member == self.world.did(operator) => {
                keys_of(*next)
            }
            _ => self.keys[operator].clone(),
        };
        self.lead().append(now, vec![signed]).unwrap()[0].as_ref().unwrap();
        self.lead().sign_checkpoint(&key).unwrap();
        self.spread();
        id
    }

    /// The others whose nodes are there follow, and cosign where they are still in the alliance.
    pub(crate) fn spread(&mut self) {
        let (now, operator) = (self.now, self.operator);
        for member in (0..3).filter(|member| *member != operator && Some(*member) != self.lost) {
            follow(&mut self.ledgers, operator, member);
            match self.ledgers[member].cosign(&self.keys[member], now) {
                Ok(note) => drop(self.ledgers[operator].add_cosignature(&note).unwrap()),
                Err(error) => assert!(matches!(error, LedgerError::NotInAlliance { .. }), "{error}"),
            }
        }
    }

    pub(crate) fn act(&mut self, member: usize, action: Action) -> Hash {
        self.order(self.signed(member, action))
    }

    pub(crate) fn give(&mut self, from: usize, to: usize) {
        let to = self.world.did(to);
        self.act(from, Action::TransferPoints { to, points: 1, note: "still there".to_owned() });
    }

    /// By the votes of all whose nodes are there.
    pub(crate) fn pass(&mut self, by: usize, motion: Motion) {
        let proposal = self.act(by, Action::Propose { motion, text: "as discussed".to_owned() });
        for voter in (0..3).filter(|voter| Some(*voter) != self.lost).collect::<Vec<_>>() {
            if self.lead().state().proposal(&proposal).unwrap().verdict.is_none() {
                self.act(voter, Action::Vote { proposal, approve: true });
            }
        }
    }
}

/// Page by page, as a follower asks.
pub(crate) fn follow(ledgers: &mut [Ledger], from: usize, to: usize) {
    while ledgers[to].size() < ledgers[from].size() {
        let page = ledgers[from].page(ledgers[to].size()).unwrap();
        ledgers[to].replay(&page).unwrap();
    }
}

pub(crate) fn divergence(result: Result<impl std::fmt::Debug, LedgerError>) -> Divergence {
    match result {
        Err(LedgerError::Diverged(divergence)) => divergence,
        other => panic!("{other:?}"),
    }
}

/// The tests' next keys have small seeds.
fn keys_of(did: Did) -> SigningKey {
    (20..40).map(key).find(|key| key.did() == did).unwrap()
}

/// A member's next transaction, by the key that it has now.
pub(crate) fn signed_now(state: &State, member: Did, key: &SigningKey, action: Action) -> SignedTransaction {
    let transaction = Transaction {
        alliance: state.alliance_id(),
        member,
        sequence: state.next_sequence(&member),
        person: None,
        signer: (key.did() != member).then(|| key.did()),
        action,
    };
    SignedTransaction::sign(transaction, key).unwrap()
}
