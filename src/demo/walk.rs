//! From nothing to signed contracts: keys, founding, nodes, data, catalog, drafts, signatures.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::types::contracts::{ContractView, Draft, DraftContract, GiveOpinion, ProposeContract};
use api::types::datasets::{ImportDataset, PublishDataset};
use api::types::problem::Reason;
use api::{Client, ClientError};
use contract::Did;
use ledger::Standing;
use node::setup::FoundOptions;

use super::DemoError;
use super::fleet::Fleet;
use super::members::{self, Member};
use super::place::Place;
use super::report::Reach;
use super::scenario::{ContractText, Scenario};
use super::steps::Steps;
use crate::cli::{format_of, now_seconds};
use crate::files;

/// How long the nodes may take to agree on something.
pub(super) const AGREEMENT: Duration = Duration::from_secs(30);
/// How often it is looked.
const GLANCE: Duration = Duration::from_millis(20);

/// A demonstration under way.
pub(super) struct World {
    pub(super) scenario: Scenario,
    /// The scenario's directory.
    pub(super) source: PathBuf,
    pub(super) place: Arc<Place>,
    pub(super) fleet: Arc<Fleet>,
    /// In the scenario's order.
    pub(super) members: Vec<Member>,
    /// Ids by the scenario's names.
    pub(super) contracts: BTreeMap<String, String>,
}

impl World {
    /// Makes keys, founds the alliance and starts the nodes.
    pub(super) fn found(
        scenario: Scenario,
        source: PathBuf,
        place: &Arc<Place>,
        fleet: &Arc<Fleet>,
        bft: bool,
        steps: &mut Steps,
    ) -> Result<Self, DemoError> {
        let (members, cards) = steps.step("keys and certificates", |_| {
            let made = members::make(&scenario, place, bft)?;
            let names: Vec<_> = made.0.iter().map(|member| member.name.as_str()).collect();
            let detail = format!("for {}, each in a directory of its own", names.join(", "));
            Ok((made, detail))
        })?;
        steps.step("alliance", |_| {
            let options = FoundOptions {
                name: scenario.alliance.clone(),
                operator: (!bft).then(|| scenario.operator().to_owned()),
                quorum: None,
                points: scenario
                    .members
                    .iter()
                    .filter(|member| member.points > 0)
                    .map(|member| (member.name.clone(), member.points))
                    .collect(),
                cards,
            };
            let alliance = node::setup::found(&options, &place.alliance())?;
            for member in &members {
                node::setup::join(&member.berth.directory, &place.alliance(), None)?;
            }
            let orders = if bft { "all order the ledger by agreement" } else { scenario.operator() };
            let orders = if bft { orders.to_owned() } else { format!("{orders} orders the ledger") };
            let detail = format!(
                "`{}`: {orders}, {} of {} members must cosign",
                alliance.name,
                alliance.quorum,
                alliance.members.iter().filter(|card| card.standing == Standing::Member).count(),
            );
            Ok(((), detail))
        })?;
        steps.step("nodes", |_| {
            let berths: Vec<_> = members.iter().map(|member| member.berth.clone()).collect();
            fleet.start(&berths)?;
            Ok(((), format!("{} processes serve on 127.0.0.1, with mutual TLS between them", berths.len())))
        })?;
        Ok(Self {
            scenario,
            source,
            place: Arc::clone(place),
            fleet: Arc::clone(fleet),
            members,
            contracts: BTreeMap::new(),
        })
    }

    /// Imports every file at its owner, publishes descriptions and terms, and waits until every node has them.
    pub(super) fn publish(&self, steps: &mut Steps) -> Result<(), DemoError> {
        let (rows, values) = steps.step("import", |progress| {
            let mut counted = (0, 0);
            let total: usize = self.scenario.datasets.iter().map(|dataset| dataset.files.len()).sum();
            let mut done = 0;
            for dataset in &self.scenario.datasets {
                for (owner, file) in &dataset.files {
                    let path = self.source.join(file);
                    let request = ImportDataset {
                        upload: String::new(),
                        name: dataset.name.clone(),
                        format: format_of(&path).ok_or_else(|| DemoError::Format(path.clone()))?,
                        description: dataset.description.clone(),
                        columns: files::declarations(&dataset.columns),
                    };
                    let imported =
                        self.client(owner)?.import(&path, &request).map_err(DemoError::client(owner))?;
                    counted.0 += imported.rows;
                    counted.1 += imported.rows * imported.schema.columns.len() as u64;
                    done += 1;
                    progress.set(done, total as u64);
                }
            }
            Ok((counted, format!("{total} files, {} rows, each in its owner's vault", counted.0)))
        })?;
        steps.step("publish", |_| {
            let members: BTreeMap<String, Did> =
                self.members.iter().map(|member| (member.name.clone(), member.did)).collect();
            for dataset in &self.scenario.datasets {
                let terms = dataset.terms.at(now_seconds(), &members)?;
                for owner in dataset.files.keys() {
                    let request = PublishDataset { version: Some(1), terms: terms.clone() };
                    self.client(owner)?.publish(&dataset.name, &request).map_err(DemoError::client(owner))?;
                }
            }
            Ok((
                (),
                format!("descriptions and terms are on the ledger; of {values} values none ({rows} rows)"),
            ))
        })?;
        steps.step("catalog", |_| {
            for member in &self.members {
                for dataset in &self.scenario.datasets {
                    let what = format!("that the node of `{}` finds `{}`", member.name, dataset.name);
                    eventually(&what, || {
                        let page = member
                            .client
                            .catalog(&dataset.name, None)
                            .map_err(DemoError::client(&member.name))?;
                        Ok((page.items.len() >= dataset.files.len()).then_some(()))
                    })?;
                }
            }
            Ok(((), format!("all {} nodes find them by words", self.members.len())))
        })
    }

    /// Drafts, checks, proposes and signs the scenario's contracts.
    pub(super) fn agree(&mut self, steps: &mut Steps) -> Result<(), DemoError> {
        for text in self.scenario.contracts.clone() {
            let id = self.agree_on(&text, steps)?;
            self.contracts.insert(text.name.clone(), id);
        }
        Ok(())
    }

    fn agree_on(&self, text: &ContractText, steps: &mut Steps) -> Result<String, DemoError> {
        let draft = steps.step("draft", |_| {
            let draft = self.draft(&text.draft.at(now_seconds()))?;
            let instructions = draft.program.lines().count();
            let detail = format!("`{}`, a program of {instructions} lines", draft.contract.title);
            Ok((draft, detail))
        })?;
        let signers = match &text.signed_by {
            Some(signers) => signers.clone(),
            None => draft.contract.parties.iter().map(|party| party.name.clone()).collect(),
        };
        steps.step("propose and check", |_| {
            self.propose(&draft.contract)?;
            for signer in &signers {
                let view = self.contract_at(signer, &draft.id)?;
                let check = self.client(signer)?.check(&view.id).map_err(DemoError::client(signer))?;
                if !check.permitted {
                    return Err(DemoError::NotPermitted {
                        contract: text.name.clone(),
                        why: listed(&check.refusals),
                    });
                }
            }
            Ok(((), format!("{} nodes compiled it again and find that all terms permit it", signers.len())))
        })?;
        self.audit(&draft, steps)?;
        steps.step("sign", |_| {
            for signer in &signers {
                self.client(signer)?.sign(&draft.id).map_err(DemoError::client(signer))?;
            }
            let is_active = signers.len() == draft.contract.parties.len();
            let outcome = if is_active { "it is active" } else { "signatures are missing" };
            Ok(((), format!("{} signed; {outcome}", signers.join(", "))))
        })?;
        Ok(draft.id)
    }

    /// The contract's auditors read what their nodes derive, and approve it.
    fn audit(&self, draft: &Draft, steps: &mut Steps) -> Result<(), DemoError> {
        let name = |auditor| draft.contract.party(&auditor).map(|party| party.name.clone());
        let auditors: Vec<String> = draft.contract.auditors().filter_map(name).collect();
        if auditors.is_empty() {
            return Ok(());
        }
        steps.step("audit", |_| {
            let mut score = String::new();
            for auditor in &auditors {
                let client = self.client(auditor)?;
                let view = client.audit(&draft.id).map_err(DemoError::client(auditor))?;
                let opinion = GiveOpinion::default();
                client.give_opinion(&draft.id, &opinion).map_err(DemoError::client(auditor))?;
                score = view.report.score.to_string();
            }
            Ok(((), format!("{} approved the report that all sign: {score}", auditors.join(", "))))
        })
    }

    /// A draft, by its first data user.
    pub(super) fn draft(&self, request: &DraftContract) -> Result<Draft, DemoError> {
        let drafter = request.data_users.first().map_or("", String::as_str);
        self.client(drafter)?.draft(request).map_err(DemoError::client(drafter))
    }

    /// Puts a contract on the ledger, in the name of the member that pays.
    pub(super) fn propose(&self, contract: &contract::Contract) -> Result<(), DemoError> {
        let payer = contract.party(&contract.settlement.payer).map_or("", |party| party.name.as_str());
        let request = ProposeContract { contract: contract.clone() };
        self.client(payer)?.propose(&request).map(drop).map_err(DemoError::client(payer))
    }

    /// A contract as a member's node has it, as soon as it does.
    pub(super) fn contract_at(&self, member: &str, id: &str) -> Result<ContractView, DemoError> {
        let client = self.client(member)?;
        eventually(&format!("that the node of `{member}` has the contract"), || {
            found(client.contract(id)).map_err(DemoError::client(member))
        })
    }

    /// The member of that name; a scenario names only members that it defines.
    pub(super) fn member(&self, name: &str) -> Result<&Member, DemoError> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| DemoError::Undefined {
            place: "a contract".to_owned(),
            what: "member",
            name: name.to_owned(),
            known: self
                .members
                .iter()
                .map(|member| format!("`{}`", member.name))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// A text of a node with members by their names.
    pub(super) fn named(&self, text: &str) -> String {
        self.members
            .iter()
            .fold(text.to_owned(), |text, member| text.replace(&member.did.to_string(), &member.name))
    }

    /// A connection to a member's node.
    pub(super) fn client(&self, name: &str) -> Result<&Client, DemoError> {
        Ok(&self.member(name)?.client)
    }

    /// Starts a member's node again, after it was killed.
    pub(super) fn restart(&self, name: &str) -> Result<(), DemoError> {
        self.fleet.start(std::slice::from_ref(&self.member(name)?.berth))
    }

    /// Starts all nodes once more, so that they outlive this process.
    pub(super) fn leave_running(&self, steps: &mut Steps) -> Result<BTreeMap<String, Reach>, DemoError> {
        steps.step("keep", |_| {
            self.fleet.stop();
            let berths: Vec<_> = self.members.iter().map(|member| member.berth.clone()).collect();
            let ids = Fleet::detach(&berths)?;
            let reach = |member: &Member| Reach {
                api: member.api(),
                profile: member.profile.clone(),
                process: ids.get(&member.name).copied().unwrap_or_default(),
            };
            let nodes = self.members.iter().map(|member| (member.name.clone(), reach(member))).collect();
            Ok((nodes, "the nodes were started again, to stay".to_owned()))
        })
    }
}

/// Looks again and again until something is there.
pub(super) fn eventually<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, DemoError>,
) -> Result<T, DemoError> {
    let deadline = Instant::now() + AGREEMENT;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(DemoError::TooLate { what: what.to_owned(), seconds: AGREEMENT.as_secs() });
        }
        std::thread::sleep(GLANCE);
    }
}

/// Nothing yet, when the node says that it is not there.
pub(super) fn found<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.rule() == Some("not-found") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reasons, one a line, each beginning with a line feed.
pub(super) fn listed(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("\n  - {}", reason.message)).collect()
}
