//! A compute party's part: collect and check shares, run the program with the other compute parties, keep the sealed
//! output shares, file a receipt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::types::runs::ProgressView;
use contract::{Did, Hash};
use ledger::{Action, InputCommitment, OutputComponent, Phase, Receipt};
use peers::{Plan, Run, SessionTransport};
use vm::Party;

use super::alive::{while_alive, while_enough_alive};
use super::kept::{self, Kept};
use super::release::release;
use super::shares::{InputShares, by_component, commit_output, opens, outputs_to_bytes};
use super::{Granted, Trouble, has_started, wait_for};
use crate::gatekeeper;
use crate::journal::{Leaving, Note};
use crate::node::Node;
use crate::setup::now_seconds;

/// How long the compute parties may take to connect to each other.
const GATHER: Duration = Duration::from_secs(30);

pub(super) async fn compute(node: Arc<Node>, run: Hash) -> Result<(), Trouble> {
    let Some(granted) = node.desk.granted(&run) else {
        return Err(Trouble::by(node.me, "this node was restarted after it permitted the run"));
    };
    let Some(party) = granted.contract.protection.compute_parties.iter().position(|did| *did == node.me)
    else {
        return Ok(());
    };
    let providers: Vec<_> = granted.providers().copied().collect();
    let commitments = while_alive(&node, &providers, commitments(&node, &granted)).await?;
    let inputs = while_alive(&node, &providers, collect(&node, &granted, &commitments)).await?;
    let output = match run_program(&node, &granted, party, inputs).await {
        Ok(output) => output,
        // Whoever has begun to compute has prepared it.
        Err(trouble) if node.desk.progress(&run).is_some() && others_can_finish(&node, &granted).await => {
            tracing::warn!(%run, reason = trouble.text, "the others go on without this node");
            node.desk.leave(&run);
            return Ok(());
        }
        Err(trouble) => return Err(trouble),
    };
    let receipt = receipt(&node, &granted, &commitments, &output)?;
    kept::keep(&node, &run, &output.kept)?;
    // Sealed before the receipt is filed: whoever said that it has a result can still hand it over after a crash.
    node.journal.put(&run, Note::Sealed, &outputs_to_bytes(&output.messages))?;
    let phase = node.replica.read(|ledger| ledger.state().run(&run).map(|run| run.phase));
    match phase {
        Some(phase) if phase.is_open() => {
            node.replica.record(None, Action::File(Box::new(receipt))).await?;
            others_file(&node, &granted).await
        }
        // Others have completed it: a receiver may need this node's shares when one of those is gone.
        Some(Phase::Completed) if granted.contract.protection.some_may_vanish() => {
            let filed = node.replica.record(None, Action::File(Box::new(receipt))).await;
            node.desk.leave(&run);
            if let Err(failure) = filed {
                // Without a receipt no receiver takes them.
                forget_output(&node, &run)?;
                return Err(failure.into());
            }
            release(node, run).await
        }
        // Over meanwhile, and what is over forgets its shares, perhaps just before these were kept.
        _ => forget_output(&node, &run),
    }
}

/// Forgets what nobody will ask for.
fn forget_output(node: &Node, run: &Hash) -> Result<(), Trouble> {
    node.journal.forget(run, Note::Sealed)?;
    Ok(node.journal.forget(run, Note::Kept)?)
}

/// Whether so many other compute parties' nodes answer that they complete the run without this one. What they computed before
/// it stopped they need not compute again; if it was more than this party that stopped, the run fails at its deadline.
async fn others_can_finish(node: &Node, granted: &Granted) -> bool {
    let protection = &granted.contract.protection;
    let others = protection.compute_parties.iter().filter(|party| **party != node.me);
    let answers = futures::future::join_all(others.map(|party| node.is_alive(party))).await;
    protection.some_may_vanish()
        && answers.into_iter().filter(|alive| *alive).count() >= protection.receipts_needed()
}

/// Waits for the other compute parties' receipts, as many as complete the run; when too few are left for that, one that is gone
/// without having filed its own is named.
async fn others_file(node: &Node, granted: &Granted) -> Result<(), Trouble> {
    let missing = || {
        node.replica.read(|ledger| {
            let record = ledger.state().run(&granted.run).filter(|record| record.phase.is_open());
            let filed = |party: &Did| record.is_none_or(|record| record.receipts.contains_key(party));
            let parties = granted.contract.protection.compute_parties.iter();
            parties.copied().filter(|party| !filed(party)).collect::<Vec<_>>()
        })
    };
    let protection = &granted.contract.protection;
    loop {
        let awaited = missing();
        let may_be_gone = protection.compute_parties.len() - protection.receipts_needed();
        let is_missed = |gone: &Did| {
            let missing = missing();
            missing.contains(gone) && (may_be_gone == 0 || missing == awaited)
        };
        let over =
            wait_for(node, &granted.run, granted.deadline, |record| (!record.phase.is_open()).then_some(()));
        let ended = while_enough_alive(node, &awaited, may_be_gone, async {
            over.await;
            Ok(())
        });
        match ended.await {
            Err(trouble) if trouble.blamed.is_some_and(|gone| is_missed(&gone)) => return Err(trouble),
            // It filed just before it went, or another one did whose receipt makes up for it.
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
    }
}

/// Waits until every provider's commitment is on the ledger.
async fn commitments(node: &Node, granted: &Granted) -> Result<BTreeMap<Did, InputCommitment>, Trouble> {
    let run = &granted.run;
    let all = wait_for(node, run, granted.deadline, |record| {
        has_started(record).then(|| {
            record
                .commitments
                .iter()
                .map(|(provider, recorded)| (*provider, recorded.value.clone()))
                .collect()
        })
    });
    match all.await {
        Some(commitments) => Ok(commitments),
        None => {
            let missing = granted.providers().find(|provider| {
                node.replica.read(|ledger| {
                    ledger.state().run(run).is_none_or(|record| !record.commitments.contains_key(*provider))
                })
            });
            Err(match missing {
                Some(provider) => Trouble::by(
                    *provider,
                    format!("`{}` did not commit to its input in time", node.names.name(provider)),
                ),
                None => Trouble::new("the run did not start in time"),
            })
        }
    }
}

/// Waits for every provider's shares and checks them against its commitment; answers with one share message for each
/// input of the program.
async fn collect(
    node: &Node,
    granted: &Granted,
    commitments: &BTreeMap<Did, InputCommitment>,
) -> Result<Vec<Vec<u8>>, Trouble> {
    let run = &granted.run;
    let mut messages: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for (provider, commitment) in commitments {
        let name = node.names.name(provider);
        let body = arrival(node, granted, provider).await?.ok_or_else(|| {
            Trouble::by(*provider, format!("`{name}` did not send its input shares in time"))
        })?;
        let shares = InputShares::from_bytes(&body)
            .map_err(|error| Trouble::by(*provider, format!("the input shares of `{name}`: {error}")))?;
        if !opens(granted.scheme, run, &shares, commitment) {
            let text = format!("the input shares of `{name}` are not the ones that it committed to");
            return Err(Trouble::by(*provider, text));
        }
        for (input, message) in shares.messages {
            if granted.owner_of_input(input) != Some(*provider) || messages.contains_key(&input) {
                let text = format!("`{name}` sent shares of input {input}, which is not its to send");
                return Err(Trouble::by(*provider, text));
            }
            messages.insert(input, message.to_vec());
        }
    }
    let wanted = 0..granted.compiled.program.inputs.len() as u32;
    wanted
        .map(|input| {
            messages.remove(&input).ok_or_else(|| {
                let owner = granted.owner_of_input(input);
                Trouble { text: format!("the shares of input {input} are missing"), blamed: owner }
            })
        })
        .collect()
}

/// One provider's shares, once they are here.
async fn arrival(node: &Node, granted: &Granted, provider: &Did) -> Result<Option<Vec<u8>>, Trouble> {
    loop {
        let bell = node.desk.arrivals.notified();
        if let Some(body) = node.journal.read(&granted.run, Note::Input(provider))? {
            return Ok(Some(body));
        }
        let left = Duration::from_secs(granted.deadline.saturating_sub(now_seconds()));
        if tokio::time::timeout(left, bell).await.is_err() {
            return Ok(None);
        }
    }
}

/// What a finished computation leaves in this party's hands.
struct Output {
    /// One sealed share message for each output of the program.
    messages: Vec<Vec<u8>>,
    /// Its shares of the values that the contract names.
    kept: Vec<Kept>,
    /// Digests of what was sent to and received from each other compute party.
    sent: BTreeMap<Did, Hash>,
    received: BTreeMap<Did, Hash>,
}

async fn run_program(
    node: &Arc<Node>,
    granted: &Arc<Granted>,
    party: usize,
    inputs: Vec<Vec<u8>>,
) -> Result<Output, Trouble> {
    let left = Duration::from_secs(granted.deadline.saturating_sub(now_seconds()));
    let plan = Plan {
        run: Run(*granted.run.as_bytes()),
        parties: granted.contract.protection.compute_parties.iter().map(Did::to_string).collect(),
        me: Party(party),
        gather: left.min(GATHER),
        deadline: left,
    };
    let transport =
        while_alive(node, &granted.contract.protection.compute_parties, gather(node, &plan)).await?;
    let transport = Arc::new(transport);
    node.desk.note(&granted.run, |active| active.transport = Some(Arc::clone(&transport)));
    let (node, granted) = (Arc::clone(node), Arc::clone(granted));
    tokio::task::spawn_blocking(move || {
        let mut report = |progress: vm::Progress| {
            let count = |n| u32::try_from(n).unwrap_or(u32::MAX);
            let view = ProgressView { done: count(progress.done), of: count(progress.of) };
            node.desk.note(&granted.run, |active| active.progress = Some(view));
        };
        let program = &granted.compiled.program;
        let entropy = vm::fresh_seed().map_err(|error| Trouble::new(error.to_string()))?;
        let shared: Arc<dyn vm::Transport> = transport.clone();
        let named = gatekeeper::committed(&granted.contract);
        let outcome =
            vm::run_keeping(program, granted.scheme, shared, &inputs, &named, &entropy, &mut report);
        // Also of a computation that broke off.
        for peer in transport.traffic() {
            let Some(to) = granted.compute_party(peer.party.0) else { continue };
            let kind = Leaving::ProtocolMessages;
            node.journal.count(&granted.run, &to, kind, peer.bytes_sent, peer.frames_sent)?;
        }
        let done = outcome.map_err(|error| {
            let blamed = error.party().and_then(|party| granted.compute_party(party.0));
            Trouble { text: format!("the computation stopped: {error}"), blamed }
        })?;
        let (mut sent, mut received) = (BTreeMap::new(), BTreeMap::new());
        for transcript in &done.transcripts {
            let Some(peer) = granted.compute_party(transcript.peer.0) else { continue };
            sent.insert(peer, Hash::from_bytes(transcript.sent));
            received.insert(peer, Hash::from_bytes(transcript.received));
        }
        let kept = kept::salted(granted.contract.computation.committed.iter().copied(), done.kept)
            .map_err(|error| Trouble::new(format!("no randomness for the salts: {error}")))?;
        Ok(Output { messages: done.outputs, kept, sent, received })
    })
    .await
    .map_err(|_| Trouble::new("the computation broke off"))?
}

async fn gather(node: &Node, plan: &Plan) -> Result<SessionTransport, Trouble> {
    node.sessions.gather(&node.channels, plan).await.map_err(|error| {
        // Who is late may itself wait for somebody: only a single absentee is named.
        let alone = !matches!(&error, peers::Error::Incomplete { missing, .. } if missing.len() > 1);
        let absent = error.member().filter(|_| alone).and_then(|member| member.parse().ok());
        Trouble { text: format!("the compute parties could not connect: {error}"), blamed: absent }
    })
}

fn receipt(
    node: &Node,
    granted: &Granted,
    commitments: &BTreeMap<Did, InputCommitment>,
    output: &Output,
) -> Result<Receipt, Trouble> {
    let inputs = commitments
        .iter()
        .map(|(provider, commitment)| Ok((*provider, commitment.digest()?)))
        .collect::<Result<_, contract::canonical::CanonicalError>>()
        .map_err(|error| Trouble::new(error.to_string()))?;
    let messages = (0..).zip(&output.messages).map(|(number, message)| (number, message.as_slice()));
    let components =
        by_component(granted.scheme, messages).map_err(|error| Trouble::new(error.to_string()))?;
    let committed = components.iter().map(|(component, parts)| OutputComponent {
        component: *component,
        hash: commit_output(&granted.run, *component, parts),
    });
    Ok(Receipt {
        run: granted.run,
        contract: granted.contract_id,
        program: granted.contract.computation.program,
        party: node.me,
        inputs,
        sent: output.sent.clone(),
        received: output.received.clone(),
        output: committed.collect(),
        intermediates: kept::commitments(granted.run, node.me, &output.kept)
            .map_err(|flaw| Trouble::new(flaw.to_string()))?,
    })
}
