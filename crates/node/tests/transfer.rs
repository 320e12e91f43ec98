//! A dataset changes hands: what the new owner can do from then on, and what becomes of contracts from before.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod alliance;

use std::time::{Duration, Instant};

use alliance::{Alliance, declared, draft, follow, start, terms};
use api::Client;
use api::types::contracts::{DraftContract, ProposeContract};
use api::types::datasets::{DatasetView, Format, ImportDataset, PublishDataset, WithdrawDataset};
use api::types::runs::{RunView, StartRun};
use ledger::{Action, dispute::Subject};

const PATH: &str = "lake/pay";
const SUMS: &str = "SELECT team, SUM(pay) AS total FROM pay GROUP BY team";

#[test]
fn a_dataset_that_was_taken_over_goes_on_at_its_new_owner() {
    let alliance = start();
    for (name, csv) in [
        ("north", "team,pay\na,100\na,200\na,50\n"),
        ("lake", "team,pay\na,300\na,70\na,5\n"),
        ("south", "team,pay\na,400\na,1\na,2\n"),
    ] {
        alliance.publish(name, csv, terms());
    }
    let (lake, south) = (&alliance.clients["lake"], &alliance.clients["south"]);
    let before = signed(&alliance, &DraftContract { runs: 3, ..draft(SUMS) });
    let first = completed(lake, &before);
    assert_eq!(total(lake, &first), 1_128);

    let early = import(south, &alliance, PATH, "team,pay\na,1\n").unwrap_err();
    assert!(early.contains("belongs to `lake`"), "{early}");
    transfer(&alliance);

    // What was signed goes on: the rows are where they were, and so is who answers for them.
    let second = completed(lake, &before);
    assert_eq!(total(lake, &second), 1_128);
    assert!(second.settlement.keys().any(|name| name == "lake"), "{:?}", second.settlement);
    verify(&alliance, lake, &second);

    // The old owner can neither make nor publish the next version; the new one does both, under the old path.
    let late = import(lake, &alliance, "pay", "team,pay\na,1\n").unwrap_err();
    assert!(late.contains("not-owner") && late.contains("belongs to `south`"), "{late}");
    let next = import(south, &alliance, PATH, "team,pay\na,300\na,71\na,5\na,1000\n").unwrap();
    assert_eq!((next.reference.as_str(), next.published), ("lake/pay@2", false));
    publish(south, 0);
    let published = south.datasets(None).unwrap().items;
    let published: Vec<_> = published.iter().map(|held| (held.reference.as_str(), held.published)).collect();
    assert_eq!(published, [("lake/pay@2", true), ("south/pay@1", true)]);
    let held_by_lake = lake.datasets(None).unwrap().items;
    assert_eq!(held_by_lake.len(), 1);

    // South cannot compare with rows that lake has; unless its terms let such answers pass, it refuses.
    let afterwards = |version| {
        let tables = [("pay", vec!["north/pay@1", version, "south/pay@1"])];
        let tables = tables
            .map(|(name, datasets)| (name.to_owned(), datasets.into_iter().map(str::to_owned).collect()));
        DraftContract { tables: tables.into(), ..draft(SUMS) }
    };
    let blind = lake.draft(&afterwards("lake/pay@2")).unwrap();
    lake.propose(&ProposeContract { contract: blind.contract }).unwrap();
    let refused = format!("{:?}", south.sign(&blind.id).unwrap_err());
    assert!(refused.contains("does not hold that version of the rows"), "{refused}");

    import(south, &alliance, PATH, "team,pay\na,300\na,71\na,5\na,2000\n").unwrap();
    publish(south, 1);
    let contract = lake.draft(&afterwards("lake/pay@3")).unwrap().contract;
    let providers: Vec<_> =
        contract.inputs().map(|(_, input)| (input.dataset.clone(), input.provider)).collect();
    let owner = |reference: &str| providers.iter().find(|(dataset, _)| dataset == reference).unwrap().1;
    assert_eq!(owner("lake/pay@3"), owner("south/pay@1"));
    let after = signed(&alliance, &afterwards("lake/pay@3"));
    let third = completed(lake, &after);
    assert_eq!(total(lake, &third), 350 + 2_376 + 403);
    verify(&alliance, lake, &third);

    // New contracts may name the old version until its new owner withdraws it; then nothing runs on it any more.
    lake.draft(&DraftContract { title: "Again".to_owned(), ..draft(SUMS) }).unwrap();
    let withdraw = WithdrawDataset { version: Some(1) };
    assert!(lake.withdraw("pay", &withdraw).is_err());
    south.withdraw(PATH, &withdraw).unwrap();
    let gone = until(|| lake.draft(&draft(SUMS)).err().map(|error| format!("{error:?}")));
    assert!(gone.contains("lake/pay@1"), "{gone}");
    let late = lake.start_run(&StartRun { contract: before, purpose: None }).unwrap_err();
    assert!(format!("{late:?}").contains("withdrawn-dataset"), "{late:?}");
    verify(&alliance, lake, &second);
}

/// Claimed, disputed at once so that it is settled at once, offered, accepted.
fn transfer(alliance: &Alliance) {
    let act = |member: &str, action: Action| {
        alliance.clients[member].act(serde_json::to_value(action).unwrap()).unwrap().id
    };
    let path = || PATH.to_owned();
    let claim = act(
        "lake",
        Action::ClaimDataset { path: path(), statement: "our own".to_owned(), evidence: Vec::new() },
    );
    let reason = "to have it decided".to_owned();
    let subject = Subject::Claim(claim.parse().unwrap());
    let challenge = Action::Challenge { subject, accused: None, reason, evidence: Vec::new() };
    let dispute = until(|| {
        let client = &alliance.clients["south"];
        client.act(serde_json::to_value(&challenge).unwrap()).ok().map(|acted| acted.id)
    });
    let dismiss = Action::Arbitrate { dispute: dispute.parse().unwrap(), uphold: false };
    until(|| alliance.clients["north"].act(serde_json::to_value(&dismiss).unwrap()).ok());
    let to = alliance.clients["south"].status().unwrap().members;
    let to = to.iter().find(|member| member.name == "south").unwrap().member.parse().unwrap();
    let offer = Action::OfferDataset { path: path(), to };
    until(|| alliance.clients["lake"].act(serde_json::to_value(&offer).unwrap()).ok());
    let accept = Action::AcceptDataset { path: path() };
    until(|| alliance.clients["south"].act(serde_json::to_value(&accept).unwrap()).ok());
    // Lake's node learns of it a moment later.
    until(|| {
        let found = alliance.clients["lake"].catalog("earn", None).unwrap().items;
        found.iter().find(|entry| entry.reference == "lake/pay@1" && entry.owner == "south").map(drop)
    });
}

fn import(client: &Client, alliance: &Alliance, name: &str, csv: &str) -> Result<DatasetView, String> {
    let file = alliance.directory.path().join("next.csv");
    std::fs::write(&file, csv).unwrap();
    let request = ImportDataset {
        upload: String::new(),
        name: name.to_owned(),
        format: Format::Csv,
        description: "what people earn".to_owned(),
        columns: declared(),
    };
    client.import(&file, &request).map_err(|error| format!("{error:?}"))
}

fn publish(client: &Client, overlaps_max: u32) {
    let mut terms = terms();
    terms.disclosure.overlaps_max = overlaps_max;
    client.publish(PATH, &PublishDataset { version: None, terms }).unwrap();
}

/// Drafted and proposed by lake, signed by all.
fn signed(alliance: &Alliance, asked: &DraftContract) -> String {
    let lake = &alliance.clients["lake"];
    let drafted = until(|| lake.draft(asked).ok());
    assert_eq!(drafted.refusals, []);
    lake.propose(&ProposeContract { contract: drafted.contract }).unwrap();
    for client in alliance.clients.values() {
        client.sign(&drafted.id).unwrap();
    }
    drafted.id
}

fn completed(client: &Client, contract: &str) -> RunView {
    let run = client.start_run(&StartRun { contract: contract.to_owned(), purpose: None }).unwrap();
    let over = follow(client, &run.id);
    assert_eq!(over.state, "completed", "{over:?}");
    over
}

fn total(client: &Client, run: &RunView) -> i64 {
    client.result(&run.id).unwrap().rows[0][1].as_i64().unwrap()
}

fn verify(alliance: &Alliance, client: &Client, run: &RunView) {
    let proof = client.proof(&run.id).unwrap();
    let founding = std::fs::read(alliance.directory.path().join("alliance.json")).unwrap();
    let hash = |listing: &str| {
        let program = program::Program::parse(listing).map_err(|error| error.to_string())?;
        Ok(contract::Hash::from_bytes(program.hash()))
    };
    ledger::proof::verify(&proof, &founding, hash).unwrap();
}

/// Other nodes learn of an entry a moment later.
fn until<T>(mut question: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < patience, "never got the right answer");
        std::thread::sleep(Duration::from_millis(20));
    }
}
