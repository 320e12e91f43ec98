//! A member's own tables in one contract: joined at its node, each under its own terms, and with another member's on
//! shares.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod alliance;

use std::collections::{BTreeMap, BTreeSet};

use alliance::{Alliance, draft, follow, start, terms};
use api::types::contracts::{DraftContract, ProposeContract};
use api::types::datasets::{ColumnDeclaration, Format, ImportDataset, PublishDataset};
use api::types::runs::StartRun;
use contract::{Range, Terms, disclosure::DisclosureTerms, terms::Use};

fn key(name: &str, unique: bool) -> ColumnDeclaration {
    let range = Some(Range { min: "0".to_owned(), max: "1000".to_owned() });
    ColumnDeclaration { name: name.to_owned(), nullable: Some(false), unique, range, ..Default::default() }
}

fn publish(
    alliance: &Alliance,
    member: &str,
    name: &str,
    csv: &str,
    columns: Vec<ColumnDeclaration>,
    terms: Terms,
) {
    let (client, file) = (&alliance.clients[member], alliance.directory.path().join("upload.csv"));
    std::fs::write(&file, csv).unwrap();
    let request = ImportDataset {
        upload: String::new(),
        name: name.to_owned(),
        format: Format::Csv,
        description: format!("{name} of {member}"),
        columns,
    };
    client.import(&file, &request).unwrap();
    alliance.hears(&client.publish(name, &PublishDataset { version: None, terms }).unwrap());
}

fn allowed<const N: usize>(floor_rows: u64, columns: [(&str, &[Use]); N]) -> Terms {
    let columns =
        columns.map(|(name, uses)| (name.to_owned(), uses.iter().copied().collect::<BTreeSet<_>>()));
    Terms {
        floor_rows,
        columns: BTreeMap::from(columns),
        disclosure: DisclosureTerms { overlaps_max: 1, ..DisclosureTerms::default() },
        ..terms()
    }
}

#[test]
fn a_member_joins_its_tables_before_it_shares_anything() {
    let alliance = start();
    let staff: String = (0..12).map(|n| format!("{n},{},{}\n", n % 3, 100 * n)).collect();
    let columns = vec![key("person", true), key("office", false), key("pay", false)];
    let uses: [(&str, &[Use]); 3] =
        [("person", &[Use::Join]), ("office", &[Use::Join]), ("pay", &[Use::Aggregate, Use::Filter])];
    let columns = columns.into_iter().map(|column| match column.name.as_str() {
        "pay" => {
            ColumnDeclaration { range: Some(Range { min: "0".to_owned(), max: "2000".to_owned() }), ..column }
        }
        _ => column,
    });
    publish(
        &alliance,
        "north",
        "staff",
        &format!("person,office,pay\n{staff}"),
        columns.collect(),
        allowed(3, uses),
    );
    let region = ColumnDeclaration {
        name: "region".to_owned(),
        nullable: Some(false),
        values: Some(vec!["east".to_owned(), "west".to_owned()]),
        ..ColumnDeclaration::default()
    };
    let offices = vec![key("office", true), region];
    let uses: [(&str, &[Use]); 2] = [("office", &[]), ("region", &[Use::Group])];
    let csv = "office,region\n0,east\n1,west\n2,east\n";
    publish(&alliance, "north", "offices", csv, offices.clone(), allowed(1, uses));
    let visits: String = (0..20).map(|n| format!("{},{}\n", n % 14, n)).collect();
    let uses: [(&str, &[Use]); 2] = [("person", &[Use::Join]), ("cost", &[Use::Aggregate])];
    let columns = vec![key("person", false), key("cost", false)];
    publish(&alliance, "south", "visits", &format!("person,cost\n{visits}"), columns, allowed(3, uses));

    let lake = &alliance.clients["lake"];
    let drafted = |sql: &str, offices: &str, tables: &[&str]| {
        let datasets = [("staff", "north/staff@1"), ("offices", offices), ("visits", "south/visits@1")];
        let tables = datasets.into_iter().filter(|(name, _)| tables.contains(name));
        let tables = tables.map(|(name, dataset)| (name.to_owned(), vec![dataset.to_owned()])).collect();
        lake.draft(&DraftContract { tables, ..draft(sql) }).unwrap()
    };
    let own = "SELECT region, COUNT(*) AS n, SUM(pay) AS total FROM staff s JOIN offices o ON s.office = o.office \
               WHERE pay > 0 GROUP BY region ORDER BY region";
    let refused = format!("{:?}", drafted(own, "north/offices@1", &["staff", "offices"]).refusals);
    assert!(refused.contains("north/offices@1") && refused.contains("join"), "{refused}");

    let uses: [(&str, &[Use]); 2] = [("office", &[Use::Join]), ("region", &[Use::Group])];
    publish(&alliance, "north", "offices", csv, offices, allowed(1, uses));
    let answer = |sql: &str, tables: &[&str], read: &[&[&str]]| {
        let drafted = drafted(sql, "north/offices@2", tables);
        assert_eq!(drafted.refusals, []);
        let stages = drafted.stages.iter().map(|stage| {
            std::iter::once(&stage.dataset).chain(&stage.beside).map(String::as_str).collect::<Vec<_>>()
        });
        assert_eq!(stages.collect::<Vec<_>>(), read);
        alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
        for client in alliance.clients.values() {
            alliance.hears(&client.sign(&drafted.id).unwrap());
        }
        let run = lake.start_run(&StartRun { contract: drafted.id, purpose: None }).unwrap();
        let over = follow(lake, &run.id);
        assert_eq!(over.state, "completed", "{over:?}");
        let rows = lake.result(&run.id).unwrap().rows;
        rows.iter()
            .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_i64(), row[2].as_i64()))
            .collect::<Vec<_>>()
    };
    let found = answer(own, &["staff", "offices"], &[&["north/staff@1", "north/offices@2"]]);
    assert_eq!(found, [("east".to_owned(), Some(7), Some(4400)), ("west".to_owned(), Some(4), Some(2200))]);
    let with_others = "SELECT region, COUNT(*) AS n, SUM(cost) AS total FROM visits v, staff s, offices o \
                       WHERE v.person = s.person AND s.office = o.office GROUP BY region ORDER BY region";
    let stages: [&[&str]; 2] = [&["south/visits@1"], &["north/staff@1", "north/offices@2"]];
    let found = answer(with_others, &["staff", "offices", "visits"], &stages);
    let expected = |region: &str, rest: fn(i64) -> bool| {
        let met: Vec<i64> = (0..20).filter(|n| n % 14 < 12 && rest(n % 14 % 3)).collect();
        (region.to_owned(), Some(met.len() as i64), Some(met.iter().sum()))
    };
    assert_eq!(found, [expected("east", |office| office != 1), expected("west", |office| office == 1)]);
}
