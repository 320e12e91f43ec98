//! `treaty demo alliance`: what members decide about each other, on replicas of one ledger.
//!
//! Every member has its own replica, replays what the operator orders and cosigns it; nothing counts before a quorum
//! has. No node is started and nothing is computed: see [`replicas`] and [`material`].

mod material;
mod replicas;

use std::path::Path;

use contract::access::Rights;
use contract::policy::{self, Refusal, Request, View};
use contract::{ColumnType, Hash};
use ledger::catalog::{Publication, Published, Wanted, WantedColumn};
use ledger::dispute::Subject;
use ledger::governance::{Motion, Shares};
use ledger::identity::prove_key;
use ledger::state::Escrow;
use ledger::{Action, FailReason, Happening, Phase, Proof, Transfer, verify};
use serde::Serialize;

use self::material::{FEE, PARTIES, PRICE, PROGRAM, PURPOSE};
use self::replicas::{Done, Replicas, broken, card, new_key};
use super::steps::{Step, Steps};
use super::{DemoError, Options, Place};
use crate::error::Error;
use crate::output::{json, line};

const TITLE: &str =
    "Members decide: admission, access, disputes, shares, keys and leaving, on replicas of one ledger";
/// The demonstration's clock begins here; it has nothing to do with this machine's.
const BEGINNING: u64 = 1_900_000_000;
const POINTS: u64 = 10_000;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    scenario: &'static str,
    title: &'static str,
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    total_seconds: f64,
}

/// Walks through all of it; fails when a rule doesn't hold.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let place = Place::make(options)?;
    let mut steps = Steps::begin(!options.json);
    steps.title(TITLE);
    let outcome = Walk::begin(&place.member("replicas"), &mut steps).and_then(|walk| walk.go(&mut steps));
    let report = Report {
        scenario: "alliance",
        title: TITLE,
        steps: steps.done().to_vec(),
        failure: outcome.as_ref().err().map(ToString::to_string),
        total_seconds: steps.total_seconds(),
    };
    if options.json {
        line(&json(&report)?)?;
    } else if outcome.is_ok() {
        line(&format!("{:.2} s in all", report.total_seconds))?;
    }
    place.clear(outcome.is_err());
    Ok(outcome?)
}

/// What the steps pass on.
struct Walk {
    replicas: Replicas,
    contract: Hash,
    token: Hash,
    first_proof: Vec<u8>,
}

impl Walk {
    fn begin(directory: &Path, steps: &mut Steps) -> Result<Self, DemoError> {
        let replicas = steps.step("found", |_| {
            Place::make_parent(&directory.join("replica"))?;
            let replicas = Replicas::found(directory, PARTIES, POINTS, BEGINNING)?;
            Ok((replicas, "north, lake and south, with 10000 points each".to_owned()))
        })?;
        let none = Hash::from_bytes([0; 32]);
        Ok(Self { replicas, contract: none, token: none, first_proof: Vec::new() })
    }

    fn go(mut self, steps: &mut Steps) -> Result<(), DemoError> {
        steps.step("admit by vote", |_| self.admit())?;
        steps.step("publish and search", |_| self.publish())?;
        steps.step("request and pay", |_| self.request())?;
        steps.step("attenuate and use", |_| self.attenuate())?;
        steps.step("run and prove", |_| self.run_and_prove())?;
        steps.step("dispute and decide", |_| self.dispute())?;
        steps.step("vote on the shares", |_| self.shares())?;
        steps.step("revoke", |_| self.revoke())?;
        steps.step("rotate a key", |_| self.rotate())?;
        steps.step("let a member leave", |_| self.leave())?;
        steps.step("verify", |_| self.verify())
    }

    fn admit(&mut self) -> Result<((), String), DemoError> {
        let key = new_key()?;
        let card = card(&key, "west")?;
        self.pass(Motion::Admit(Box::new(card)))?;
        self.replicas.join("west", key)?;
        // Its replica catches up with the next act, and cosigns from then on.
        let give = Action::TransferPoints {
            to: self.replicas.did("west")?,
            points: 500,
            note: "to begin with".to_owned(),
        };
        self.replicas.act("north", give)?;
        let root = self.replicas.root()?.to_string();
        Ok(((), format!("west joins; four replicas agree on root {}…", root.get(..8).unwrap_or_default())))
    }

    fn publish(&mut self) -> Result<((), String), DemoError> {
        for name in PARTIES {
            let dataset = material::dataset(name, self.replicas.did(name)?);
            self.replicas.act(name, Action::PublishDataset(Box::new(dataset)))?;
        }
        let kind = Some(ColumnType::Integer);
        let column = WantedColumn { name: "pay".to_owned(), kind, unit: Some("EUR/year".to_owned()) };
        let wanted = Wanted {
            columns: vec![column],
            purpose: PURPOSE.to_owned(),
            rows_min: 50,
            until: self.replicas.time() + 86_400,
        };
        let publication = Publication {
            path: "north/pay-wanted".to_owned(),
            version: 1,
            description: "pay in euros".to_owned(),
            content: Published::Wanted(wanted),
        };
        self.replicas.act("north", Action::Publish(Box::new(publication)))?;
        let found = self.replicas.ledger()?.state().matches("north/pay-wanted@1").join(", ");
        Ok(((), format!("north's request for data finds {found}")))
    }

    fn request(&mut self) -> Result<((), String), DemoError> {
        let rights = Rights { columns: material::columns(), expires: self.replicas.time() + 90 * 86_400 };
        let dataset = "lake/staff@1".to_owned();
        let asked = self
            .replicas
            .act("north", Action::RequestAccess { dataset, rights, purpose: PURPOSE.to_owned() })?;
        let held = self.replicas.ledger()?.state().held(Escrow::Access(asked.id));
        self.expect("the price is held", held, PRICE)?;
        let approved = self.replicas.act("lake", Action::ApproveAccess { request: asked.id })?;
        self.token = found(&approved, |what| match what {
            Happening::TokenIssued { token, .. } => Some(*token),
            _ => None,
        })?;
        Ok(((), format!("{PRICE} points in escrow, reviewed and approved by lake, a token issued")))
    }

    fn attenuate(&mut self) -> Result<((), String), DemoError> {
        let contract = material::contract(&self.replicas)?;
        self.contract = contract.id().map_err(broken("name the contract"))?;
        self.replicas.act("north", Action::ProposeContract(Box::new(contract.clone())))?;
        for name in PARTIES {
            let member = self.replicas.member(name)?;
            let signature = contract.sign(&member.key).map_err(broken("sign the contract"))?;
            let party = member.identity;
            self.replicas.act(name, Action::SignContract { contract: self.contract, party, signature })?;
        }
        let missing = self.decide()?;
        self.expect("without a token", missing, "token-missing".to_owned())?;
        let rights = Rights { columns: material::columns(), expires: self.replicas.time() + 60 * 86_400 };
        let narrowed = self.replicas.act("north", Action::AttenuateToken { token: self.token, rights })?;
        self.replicas.act("north", Action::UseToken { token: narrowed.id, contract: self.contract })?;
        let permitted = self.decide()?;
        self.expect("with a token", permitted, "permitted".to_owned())?;
        Ok(((), "refused as `token-missing`, permitted once north uses a shorter token for it".to_owned()))
    }

    fn run_and_prove(&mut self) -> Result<((), String), DemoError> {
        let run = self.complete("first run")?;
        let paid = self.paid(run)?;
        let proof = Proof::export(self.replicas.ledger()?, run, PROGRAM.to_owned());
        let proof = proof.map_err(broken("export the proof"))?;
        self.first_proof = proof.to_bytes().map_err(broken("write the proof"))?;
        Ok(((), format!("settled: {paid}; a proof of {} KB", self.first_proof.len() / 1024)))
    }

    fn dispute(&mut self) -> Result<((), String), DemoError> {
        let run = self.start("second run")?;
        let south = self.replicas.did("south")?;
        let reason = FailReason { text: "south does not answer".to_owned(), blamed: Some(south) };
        self.replicas.act("north", Action::FailRun { run, reason })?;
        for name in ["north", "lake"] {
            self.replicas.act(name, Action::NothingOpened { run })?;
        }
        let held = self.replicas.ledger()?.state().escrow(&run);
        self.expect("the fee is held while south stays away", held, FEE)?;
        let challenged = self.replicas.act(
            "north",
            Action::Challenge {
                subject: Subject::Run(run),
                accused: Some(south),
                reason: "south neither computes nor says so".to_owned(),
                evidence: Vec::new(),
            },
        )?;
        self.replicas.act("west", Action::Arbitrate { dispute: challenged.id, uphold: true })?;
        let state = self.replicas.ledger()?.state();
        let left = state.contract(&self.contract).map_or(0, |record| record.runs_left());
        self.expect("the fee went back", state.escrow(&run), 0)?;
        Ok((
            (),
            format!("west, who has no part in it, decides: use and {FEE} points go back, {left} uses left"),
        ))
    }

    fn shares(&mut self) -> Result<((), String), DemoError> {
        self.pass(Motion::SetShares(Shares {
            providers: 1_000,
            compute_parties: 9_000,
            algorithm_providers: 0,
        }))?;
        let run = self.complete("third run")?;
        Ok(((), format!("9000 of 10000 parts to compute parties; the next run settles: {}", self.paid(run)?)))
    }

    fn revoke(&mut self) -> Result<((), String), DemoError> {
        let reason = "the study took long enough".to_owned();
        self.replicas.act("lake", Action::RevokeToken { token: self.token, reason })?;
        let refused = self.decide()?;
        self.expect("after the revocation", refused, "token-revoked".to_owned())?;
        self.replicas.wait(20 * 86_400);
        let give = Action::TransferPoints {
            to: self.replicas.did("north")?,
            points: 1,
            note: "time passes".to_owned(),
        };
        let before = self.replicas.ledger()?.state().balance(&self.replicas.did("lake")?);
        self.replicas.act("west", give)?;
        let after = self.replicas.ledger()?.state().balance(&self.replicas.did("lake")?);
        self.expect("the price of a used token is its owner's in the end", after, before + PRICE)?;
        Ok(((), "lake takes the token back; the next decision refuses as `token-revoked`".to_owned()))
    }

    fn rotate(&mut self) -> Result<((), String), DemoError> {
        let key = new_key()?;
        let lake = self.replicas.did("lake")?;
        let alliance = self.replicas.ledger()?.state().alliance_id();
        let proof = prove_key(&alliance, &lake, &key).map_err(broken("prove a key"))?;
        self.replicas.act("lake", Action::RotateKey { key: key.did(), proof })?;
        let old = Action::TransferPoints {
            to: self.replicas.did("north")?,
            points: 1,
            note: "signed with the old key".to_owned(),
        };
        match self.replicas.act("lake", old) {
            Ok(_) => Err(DemoError::NotRefused {
                what: "an act with the old key".to_owned(),
                happened: "it was accepted".to_owned(),
            }),
            Err(_) => {
                self.replicas.change_key("lake", key);
                Ok(((), "lake signs with a new key; what the old one signs is refused".to_owned()))
            }
        }
    }

    fn leave(&mut self) -> Result<((), String), DemoError> {
        let south = self.replicas.did("south")?;
        let proposed = self.propose("south", Motion::Release { member: south })?;
        for name in ["north", "lake", "west"] {
            self.replicas.act(name, Action::Vote { proposal: proposed.id, approve: true })?;
        }
        let state = self.replicas.ledger()?.state();
        let gone = state.roster().card(&south).is_none();
        let withdrawn = state.dataset("south/staff@1").is_some_and(|record| record.withdrawn.is_some());
        self.expect("south has left with its data", (gone, withdrawn), (true, true))?;
        Ok(((), "south's dataset is withdrawn, its contracts are ended, its seat is empty".to_owned()))
    }

    fn verify(&mut self) -> Result<((), String), DemoError> {
        let alliance = self.replicas.founding().to_bytes().map_err(broken("write the founding document"))?;
        let check = |proof: &[u8]| {
            let report = verify(proof, &alliance, |text| Ok(material::program_hash(text)));
            report.map_err(|flaw| DemoError::Unproven(flaw.to_string()))
        };
        let before = check(&self.first_proof)?;
        let ledger = self.replicas.ledger()?;
        let again =
            Proof::export(ledger, before.run, PROGRAM.to_owned()).map_err(broken("export the proof"))?;
        let after = check(&again.to_bytes().map_err(broken("write the proof"))?)?;
        if !ledger.state().is_balanced() {
            let (before, after) = (3 * POINTS, ledger.state().points_total());
            return Err(DemoError::PointsLost { before, after });
        }
        let cosigners: Vec<_> = after.cosigners.iter().map(|cosigner| cosigner.name.as_str()).collect();
        Ok((
            (),
            format!(
                "the proof from before all that holds, and so does one of {} entries under {}'s signatures",
                after.entries,
                cosigners.join(" and ")
            ),
        ))
    }

    /// North proposes, and votes come in until it is decided.
    fn pass(&mut self, motion: Motion) -> Result<(), DemoError> {
        let proposed = self.propose("north", motion)?;
        for name in ["north", "lake", "west"] {
            let open = self.replicas.ledger()?.state().proposal(&proposed.id);
            if open.is_some_and(|proposal| proposal.verdict.is_none()) && self.replicas.member(name).is_ok() {
                self.replicas.act(name, Action::Vote { proposal: proposed.id, approve: true })?;
            }
        }
        Ok(())
    }

    fn propose(&mut self, by: &str, motion: Motion) -> Result<Done, DemoError> {
        self.replicas.act(by, Action::Propose { motion, text: "as discussed".to_owned() })
    }

    fn start(&mut self, name: &str) -> Result<Hash, DemoError> {
        let run = Hash::of("demo-run", name.as_bytes());
        let (contract, purpose) = (self.contract, PURPOSE.to_owned());
        self.replicas.act("north", Action::RequestRun { contract, run, purpose })?;
        Ok(run)
    }

    fn complete(&mut self, name: &str) -> Result<Hash, DemoError> {
        let run = self.start(name)?;
        for party in PARTIES {
            self.replicas.act(party, Action::PermitRun { run })?;
        }
        for party in PARTIES {
            let commitment = material::commitment(party);
            self.replicas.act(party, Action::CommitInput { run, commitment })?;
        }
        for (number, party) in PARTIES.into_iter().enumerate() {
            let receipt = material::receipt(&self.replicas, self.contract, run, number)?;
            self.replicas.act(party, Action::File(Box::new(receipt)))?;
        }
        let phase = self.replicas.ledger()?.state().run(&run).map(|record| record.phase);
        self.expect(name, phase, Some(Phase::Completed))?;
        Ok(run)
    }

    /// Who got how much for a run.
    fn paid(&self, run: Hash) -> Result<String, DemoError> {
        let state = self.replicas.ledger()?.state();
        let transfers: &[Transfer] =
            state.run(&run).and_then(|run| run.settled.as_ref()).map_or(&[], |settled| &settled.value);
        let mut paid = Vec::new();
        for name in PARTIES {
            let member = self.replicas.did(name)?;
            let points: u64 = transfers.iter().filter(|t| t.to == member).map(|t| t.points).sum();
            paid.push(format!("{name} {points}"));
        }
        Ok(paid.join(", "))
    }

    /// What every gatekeeper would say to a run under the contract now.
    fn decide(&self) -> Result<String, DemoError> {
        let state = self.replicas.ledger()?.state();
        let missing = || DemoError::Broken { what: "decide".to_owned(), detail: "no contract".to_owned() };
        let record = state.contract(&self.contract).ok_or_else(missing)?;
        let (datasets, tokens) = (state.datasets_of(&record.contract), state.grants_of(&self.contract));
        let view = View {
            now: state.time(),
            state: record.state,
            signatures: &record.signatures,
            signers: &record.signers,
            runs_taken: record.runs_taken + 1,
            datasets: &datasets,
            tokens: &tokens,
        };
        let requester = self.replicas.did("north")?;
        let run = Hash::of("demo-run", b"next");
        let request = Request { run, requester: &requester, purpose: PURPOSE };
        Ok(match policy::decide(&record.contract, &view, &material::usage(), &request) {
            Ok(_) => "permitted".to_owned(),
            Err(refusals) => refusals.iter().map(Refusal::rule).collect::<Vec<_>>().join(", "),
        })
    }

    fn expect<T: PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        found: T,
        expected: T,
    ) -> Result<(), DemoError> {
        if found == expected {
            return Ok(());
        }
        let detail = format!("expected {expected:?}, found {found:?}");
        Err(DemoError::Broken { what: what.to_owned(), detail })
    }
}

/// What one of the events says.
fn found<T>(done: &Done, pick: impl Fn(&Happening) -> Option<T>) -> Result<T, DemoError> {
    let found = done.events.iter().find_map(|event| pick(&event.what));
    found.ok_or_else(|| DemoError::Broken {
        what: "read the events".to_owned(),
        detail: "what should have happened is not among them".to_owned(),
    })
}
