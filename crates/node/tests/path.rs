//! The whole path through the nodes' public interfaces: four nodes, real TLS, one contract, one run, one proof.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod alliance;

use alliance::{draft, follow, start, terms};
use api::types::contracts::{DraftContract, GiveOpinion, ProposeContract, TemplateUse};
use api::types::runs::StartRun;
use contract::{disclosure::PrivacyTerms, terms::Use};

#[test]
fn from_import_to_proof() {
    let alliance = start();
    let members = alliance.clients["watch"].status().unwrap().members;
    let watch = members.iter().find(|view| view.name == "watch").unwrap().member.parse().unwrap();
    let rows = [
        ("north", "team,pay\na,100\na,200\nb,50\n"),
        ("lake", "team,pay\na,300\na,40\nb,70\n"),
        ("south", "team,pay\na,400\na,60\na,20\n"),
    ];
    for (name, csv) in rows {
        let mut terms = terms();
        if name == "north" {
            terms.disclosure.auditors = [watch].into();
        }
        alliance.publish(name, csv, terms);
    }
    let (lake, north) = (&alliance.clients["lake"], &alliance.clients["north"]);
    let found = lake.catalog("earn", None).unwrap();
    assert_eq!(found.items.len(), 3, "every node sees every description");

    let sql = "SELECT team, COUNT(*) AS n, SUM(pay) AS total, AVG(pay) AS mean FROM pay GROUP BY team";
    let tried = lake.dry_run(&draft(sql)).unwrap();
    assert!(tried.synthetic && tried.refusals.is_empty() && tried.note.starts_with("SYNTHETIC"));
    assert_eq!(
        tried.rows,
        [("lake/pay@1", 3), ("north/pay@1", 3), ("south/pay@1", 3)]
            .map(|(name, rows)| (name.to_owned(), rows))
            .into()
    );
    let names: Vec<_> = tried.result.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["team", "n", "total", "mean"]);
    assert_eq!(tried.result.rows.len() + tried.result.suppressed.len(), 2);
    let unknown = lake.dry_run(&draft("SELECT SUM(team) AS s FROM pay")).unwrap_err();
    assert!(format!("{unknown:?}").contains("not-compilable"), "{unknown:?}");

    // South's rows, and lake's, in a table that stands below north's.
    let stacked = |condition: &str| {
        let sql = format!(
            "SELECT team, SUM(paid) AS total FROM (SELECT team, pay AS paid FROM one UNION ALL SELECT team, pay FROM \
             two{condition}) AS p GROUP BY team"
        );
        let datasets = |names: &[&str]| names.iter().map(|name| format!("{name}/pay@1")).collect::<Vec<_>>();
        let tables = [("one", datasets(&["north"])), ("two", datasets(&["lake", "south"]))];
        let tables = tables.map(|(name, datasets)| (name.to_owned(), datasets)).into();
        let drafted = lake.draft(&DraftContract { tables, ..draft(&sql) }).unwrap();
        assert_eq!(drafted.refusals, []);
        alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
        drafted.id
    };
    // One row of south's with north's, where nothing was answered yet: nobody would ask south whether north may answer alone.
    let single = stacked(" WHERE pay = 400");
    lake.sign(&single).unwrap();
    let refused = alliance.clients["south"].sign(&single).unwrap_err();
    assert!(format!("{refused:?}").contains("differencing"), "{refused:?}");
    let of_north = [("one".to_owned(), vec!["north/pay@1".to_owned()])].into();
    let alone = DraftContract { tables: of_north, ..draft("SELECT SUM(pay) AS total FROM one") };
    let alone = lake.draft(&alone).unwrap();
    alliance.hears(&lake.propose(&ProposeContract { contract: alone.contract }).unwrap());
    north.sign(&alone.id).unwrap();
    alliance.clients["south"].sign(&stacked(" WHERE pay < 1000")).unwrap();

    // North's terms ask for the regulator as auditor: the draft has it.
    let drafted = lake.draft(&draft(sql)).unwrap();
    assert_eq!(drafted.refusals, []);
    let mut told_otherwise = drafted.contract.clone();
    told_otherwise.audit = Some(contract::Hash::of("audit-report", b"another page"));
    let other = told_otherwise.id().unwrap().to_string();
    alliance.hears(&lake.propose(&ProposeContract { contract: told_otherwise }).unwrap());
    assert!(!north.audit(&other).unwrap().agrees);
    let refused = north.sign(&other).unwrap_err();
    assert!(format!("{refused:?}").contains("audit-differs"), "{refused:?}");
    let refused = alliance.clients["watch"].give_opinion(&other, &GiveOpinion::default()).unwrap_err();
    assert!(format!("{refused:?}").contains("audit-differs"), "{refused:?}");

    alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
    let refused = lake.start_run(&StartRun { contract: drafted.id.clone(), purpose: None });
    assert!(refused.is_err(), "nobody has signed");
    for client in alliance.clients.values() {
        alliance.hears(&client.sign(&drafted.id).unwrap());
    }
    assert_eq!(north.contract(&drafted.id).unwrap().state, "proposed", "its auditor has said nothing");
    let reports: Vec<_> = alliance.clients.values().map(|node| node.audit(&drafted.id).unwrap()).collect();
    assert!(reports.iter().all(|view| view.agrees && view.hash == reports[0].hash));
    assert!(reports.iter().all(|view| view.report == reports[0].report));
    let refused = north.give_opinion(&drafted.id, &GiveOpinion::default()).unwrap_err();
    assert!(format!("{refused:?}").contains("not-in-role"), "{refused:?}");
    alliance.hears(&alliance.clients["watch"].give_opinion(&drafted.id, &GiveOpinion::default()).unwrap());
    let view = north.contract(&drafted.id).unwrap();
    assert_eq!((view.state.as_str(), view.auditors[0].opinion.as_deref()), ("active", Some("approved")));
    assert_eq!(view.last_completed, None);

    let run = lake.start_run(&StartRun { contract: drafted.id.clone(), purpose: None }).unwrap();
    let over = follow(lake, &run.id);
    assert_eq!(over.state, "completed", "{over:?}");
    let listed = lake.all_contracts().unwrap().into_iter().find(|view| view.id == drafted.id).unwrap();
    assert_eq!(listed.last_completed, Some(run.id.clone()));
    assert_eq!(lake.contract(&drafted.id).unwrap().last_completed, Some(run.id.clone()));
    let result = lake.result(&run.id).unwrap();
    assert_eq!(result.suppressed, vec![vec![Some("b".to_owned())]], "two rows are under the floor of three");
    assert_eq!(result.rows.len(), 1);
    let row = &result.rows[0];
    assert_eq!((row[0].as_str(), row[1].as_i64(), row[2].as_i64()), (Some("a"), Some(7), Some(1120)));
    assert!((row[3].as_f64().unwrap() - 160.0).abs() < 1e-6);
    assert!(north.result(&run.id).is_err(), "north is no receiver");

    assert_eq!(over.settlement.values().sum::<u64>(), 100);
    let points = north.points().unwrap();
    assert_eq!(points.balances.values().sum::<u64>() + points.escrow, 3000);
    assert!(!lake.egress(&run.id).unwrap().lines.is_empty());
    let described = lake.columns(&drafted.id).unwrap().columns;
    let found = lake.result(&run.id).unwrap().columns;
    assert_eq!(
        described.into_iter().map(|column| (column.name, column.kind)).collect::<Vec<_>>(),
        found.into_iter().map(|column| (column.name, column.kind)).collect::<Vec<_>>(),
        "what was said of the result beforehand"
    );
    let again = lake.start_run(&StartRun { contract: drafted.id, purpose: None });
    assert!(again.is_err(), "one use was granted");

    // The same groups but for one row of south's: that row would be the difference to what was answered.
    let narrower = "SELECT team, SUM(pay) AS total FROM pay WHERE pay <> 400 GROUP BY team";
    let second = lake.draft(&draft(narrower)).unwrap();
    alliance.hears(&lake.propose(&ProposeContract { contract: second.contract }).unwrap());
    for name in ["lake", "north", "watch"] {
        alliance.clients[name].sign(&second.id).unwrap();
    }
    let refused = alliance.clients["south"].sign(&second.id).unwrap_err();
    assert!(format!("{refused:?}").contains("differencing"), "{refused:?}");

    // Which rows compare with a mean, south cannot count, so that it cannot tell how they differ from those either.
    let above = "SELECT SUM(pay) AS total FROM pay WHERE pay > (SELECT AVG(pay) FROM pay)";
    let above = lake.draft(&draft(above)).unwrap();
    alliance.hears(&lake.propose(&ProposeContract { contract: above.contract }).unwrap());
    let refused = alliance.clients["south"].sign(&above.id).unwrap_err();
    assert!(format!("{refused:?}").contains("compare with a subquery's secret value"), "{refused:?}");

    // What the auditor declines cannot be signed any more.
    let third = lake.draft(&draft("SELECT COUNT(*) AS n FROM pay")).unwrap();
    alliance.hears(&lake.propose(&ProposeContract { contract: third.contract }).unwrap());
    let decline = GiveOpinion { decline: Some("it was asked before".to_owned()) };
    alliance.hears(&alliance.clients["watch"].give_opinion(&third.id, &decline).unwrap());
    assert_eq!(lake.contract(&third.id).unwrap().auditors[0].reason, decline.decline);
    let refused = alliance.clients["watch"].sign(&third.id).unwrap_err();
    assert!(format!("{refused:?}").contains("audit-declined"), "{refused:?}");

    // All but that row, below north's; and then the same rows as were answered.
    let but_one = stacked(" WHERE pay <> 400");
    alliance.clients["north"].sign(&but_one).unwrap();
    let refused = alliance.clients["south"].sign(&but_one).unwrap_err();
    assert!(format!("{refused:?}").contains("differencing"), "{refused:?}");
    let whole = stacked("");
    for client in alliance.clients.values() {
        alliance.hears(&client.sign(&whole).unwrap());
    }
    alliance.hears(&alliance.clients["watch"].give_opinion(&whole, &GiveOpinion::default()).unwrap());
    let second_run = lake.start_run(&StartRun { contract: whole, purpose: None }).unwrap();
    assert_eq!(follow(lake, &second_run.id).state, "completed");
    let rows = lake.result(&second_run.id).unwrap().rows;
    assert_eq!((rows.len(), rows[0][0].as_str(), rows[0][1].as_i64()), (1, Some("a"), Some(1120)));

    let proof = lake.proof(&run.id).unwrap();
    let founding = std::fs::read(alliance.directory.path().join("alliance.json")).unwrap();
    let hash = |listing: &str| {
        let program = program::Program::parse(listing).map_err(|error| error.to_string())?;
        Ok(contract::Hash::from_bytes(program.hash()))
    };
    let proven = ledger::proof::verify(&proof, &founding, hash).unwrap();
    assert_eq!(proven.auditors, ["watch"]);
}

/// With two groups that three members bring rows to, no difference is of few rows. But under a rule about contributors
/// any of the groups could have been withheld, and the total less the other would tell it.
#[test]
fn a_total_is_refused_where_groups_are_withheld_for_their_contributors() {
    let alliance = start();
    let rows: String =
        (0..6).map(|n| format!("{},{}\n", if n % 2 == 0 { "a" } else { "b" }, 100 * n)).collect();
    for name in alliance::MEMBERS {
        alliance.publish(name, &format!("team,pay\n{rows}"), terms());
    }
    let lake = &alliance.clients["lake"];
    let ask = |sql: &str| {
        let asked = DraftContract { contributors_min: Some(2), ..draft(sql) };
        let drafted = lake.draft(&asked).unwrap();
        alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
        drafted.id
    };
    let groups = ask("SELECT team, SUM(pay) AS total FROM pay GROUP BY team");
    for client in alliance.clients.values() {
        alliance.hears(&client.sign(&groups).unwrap());
    }
    let run = lake.start_run(&StartRun { contract: groups, purpose: None }).unwrap();
    assert_eq!(follow(lake, &run.id).state, "completed");
    let total = ask("SELECT SUM(pay) AS total FROM pay");
    for name in alliance::MEMBERS {
        let refused = alliance.clients[name].sign(&total).unwrap_err();
        assert!(format!("{refused:?}").contains("complement"), "{refused:?}");
    }
    let parameters = [("table", "pay"), ("by", "team"), ("measure", "pay"), ("least", "0")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let template = Some(TemplateUse { name: "group-extremes".to_owned(), parameters });
    let extremes = DraftContract { sql: None, template, ..draft("") };
    let refused = lake.draft(&extremes).unwrap_err();
    assert!(format!("{refused:?}").contains("auditor-missing"), "{refused:?}");
    let audited = lake.draft(&DraftContract { auditors: vec!["watch".to_owned()], ..extremes }).unwrap();
    assert_eq!(audited.contract.auditors().count(), 1);

    let other = ask("SELECT team, COUNT(*) AS n FROM pay GROUP BY team");
    lake.sign(&other).unwrap();
}

/// Which rows compare with a subquery's value no owner can count: such an answer stands alone, and so does one whose
/// subquery is over a part of its own rows.
#[test]
fn a_comparison_with_a_subquery_is_the_only_answer() {
    let alliance = start();
    let rows: String =
        (0..6).map(|n| format!("{},{}\n", if n % 2 == 0 { "a" } else { "b" }, 100 * n)).collect();
    for name in alliance::MEMBERS {
        let csv = format!("team,pay\n{rows}");
        alliance.publish(name, &csv, terms());
    }
    let lake = &alliance.clients["lake"];
    let ask = |sql: &str| {
        let drafted = lake.draft(&draft(sql)).unwrap();
        alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
        drafted.id
    };
    let refused_by_all = |sql: &str| {
        let id = ask(sql);
        for name in alliance::MEMBERS {
            let refused = format!("{:?}", alliance.clients[name].sign(&id).unwrap_err());
            assert!(refused.contains("compare with a subquery's secret value"), "{sql}: {refused}");
        }
    };
    let above =
        "SELECT team, COUNT(*) AS n, SUM(pay) AS total FROM pay WHERE pay > (SELECT AVG(pay) FROM pay";
    // Nothing was answered yet.
    refused_by_all(&format!("{above} WHERE pay < 400) GROUP BY team"));
    refused_by_all(&format!("{above}) AND pay < 400 GROUP BY team"));
    refused_by_all(
        "SELECT COUNT(*) AS n, COUNT(CASE WHEN pay > 300 THEN 1 END) AS m FROM pay WHERE pay > (SELECT AVG(pay) FROM pay)",
    );
    let id = ask(&format!("{above}) GROUP BY team ORDER BY team"));
    for client in alliance.clients.values() {
        alliance.hears(&client.sign(&id).unwrap());
    }
    let run = lake.start_run(&StartRun { contract: id, purpose: None }).unwrap();
    assert_eq!(follow(lake, &run.id).state, "completed");
    let rows = lake.result(&run.id).unwrap().rows;
    let rows: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[1].as_i64(), row[2].as_i64())).collect();
    assert_eq!(rows, [(Some("a"), Some(3), Some(1200)), (Some("b"), Some(6), Some(2400))]);
    refused_by_all("SELECT COUNT(*) AS n FROM pay");
    refused_by_all("SELECT COUNT(*) AS n FROM pay WHERE pay > (SELECT AVG(pay) FROM pay)");
}

/// Windows over the rows of one owner: computed at home, counted there against earlier answers, and not compared where they
/// carry values from row to row.
#[test]
fn a_window_over_rows_is_computed_and_counted_at_home() {
    let alliance = start();
    let rows: String =
        (0..12).map(|n| format!("{},{}\n", if n % 2 == 0 { "a" } else { "b" }, 100 * n)).collect();
    let csv = format!("team,pay\n{rows}");
    let mut open = terms();
    for column in ["team", "pay"] {
        open.columns.entry(column.to_owned()).or_default().extend([Use::Filter, Use::Extreme]);
    }
    alliance.publish("north", &csv, open);
    alliance.publish("south", &csv, terms());
    let lake = &alliance.clients["lake"];
    let drafted = |sql: &str, provider: &str| {
        let tables = [("pay".to_owned(), vec![format!("{provider}/pay@1")])].into();
        lake.draft(&DraftContract { tables, ..draft(sql) })
    };
    let ask = |sql: &str| {
        let drafted = drafted(sql, "north").unwrap();
        assert_eq!(drafted.refusals, []);
        alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
        drafted.id
    };
    let result = |id: &str| {
        for client in alliance.clients.values() {
            alliance.hears(&client.sign(id).unwrap());
        }
        let run = lake.start_run(&StartRun { contract: id.to_owned(), purpose: None }).unwrap();
        assert_eq!(follow(lake, &run.id).state, "completed");
        lake.result(&run.id).unwrap().rows
    };
    let first = |inner: &str, most: u32| {
        format!(
            "SELECT COUNT(*) AS n, SUM(pay) AS total FROM (SELECT pay, ROW_NUMBER() OVER (PARTITION BY team ORDER BY pay DESC) AS place \
             FROM pay{inner}) AS p WHERE place <= {most}"
        )
    };
    // South's terms let nobody choose rows by team.
    let refused = drafted(&first("", 2), "south").unwrap();
    assert!(format!("{:?}", refused.refusals).contains("team"), "{:?}", refused.refusals);
    let rows = result(&ask(&first("", 2)));
    assert_eq!((rows[0][0].as_i64(), rows[0][1].as_i64()), (Some(4), Some(3800)), "1100, 900, 1000 and 800");

    let north = &alliance.clients["north"];
    let refused = north.sign(&ask(&first(" WHERE pay < 1100", 2))).unwrap_err();
    assert!(format!("{refused:?}").contains("differencing"), "{refused:?}");
    let gaps = "SELECT AVG(gap) AS mean FROM (SELECT pay - LAG(pay) OVER (PARTITION BY team ORDER BY pay) AS gap FROM pay) AS p";
    let refused = north.sign(&ask(gaps)).unwrap_err();
    assert!(format!("{refused:?}").contains("carry from row to row"), "{refused:?}");
}

#[test]
fn a_result_bears_gaussian_noise_and_is_charged_in_rho() {
    let alliance = start();
    let rows: String = (0..300).map(|n| format!("{},{n}\n", if n % 3 == 0 { "a" } else { "b" })).collect();
    let mut budgeted = terms();
    budgeted.disclosure.privacy =
        Some(PrivacyTerms { epsilon_micro_max: 0, rho_micro_max: 900_000, rows_per_person_max: 1 });
    for name in alliance::MEMBERS {
        let csv = format!("team,pay\n{rows}");
        alliance.publish(name, &csv, budgeted.clone());
    }
    let lake = &alliance.clients["lake"];
    let sql = "SELECT team, COUNT(*) AS n FROM pay GROUP BY team ORDER BY team";
    let of = |epsilon_micro, rho_micro| DraftContract { epsilon_micro, rho_micro, runs: 2, ..draft(sql) };
    let refused = lake.draft(&of(Some(500_000), None)).unwrap();
    assert!(format!("{:?}", refused.refusals).contains("budget-of-rho"), "{:?}", refused.refusals);
    let drafted = lake.draft(&of(None, Some(500_000))).unwrap();
    assert_eq!(drafted.refusals, []);
    alliance.hears(&lake.propose(&ProposeContract { contract: drafted.contract }).unwrap());
    for client in alliance.clients.values() {
        alliance.hears(&client.sign(&drafted.id).unwrap());
    }
    let start = || lake.start_run(&StartRun { contract: drafted.id.clone(), purpose: None });
    let run = start().unwrap();
    assert_eq!(follow(lake, &run.id).state, "completed");
    let counts: Vec<_> = lake.result(&run.id).unwrap().rows.iter().map(|row| row[1].as_i64()).collect();
    // ρ = 0.5 for one column is a deviation of 1; two draws, each cut off at 16.
    for (found, exact) in counts.iter().zip([300, 600]) {
        let found = found.unwrap();
        assert!((found - exact).abs() <= 32, "{counts:?}");
    }
    let refused = start().unwrap_err();
    assert!(format!("{refused:?}").contains("privacy-budget"), "{refused:?}");
}
