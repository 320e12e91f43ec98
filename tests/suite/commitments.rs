//! Values on the way to a result: named in the contract, committed to in the receipts, shown and checked afterwards, by
//! commands alone.

use std::fs;

use program::{Kind, Operation, Program, ValueId};
use serde_json::Value;

use crate::alliance::{Alliance, MEMBERS, data};
use crate::support::{both, treaty};

const TERMS: &str = r#"
purposes = ["pay equity"]
floor_rows = 10
runs_max = 20
[columns]
salary = ["aggregate"]
"#;

const SALARY: &str = r#"salary = { nullable = false, unit = "USD", range = { min = "0", max = "500000" } }"#;

#[test]
fn shares_on_the_way_to_a_result_are_committed_to_and_shown() {
    let alliance = Alliance::founded();
    let terms = alliance.write("terms.toml", TERMS);
    for name in MEMBERS {
        let import = ["data", "import", &data(name), "--name", "salaries", "--description", "what is paid"];
        alliance.text(name, &[&import[..], &["--column", SALARY]].concat());
        alliance.text(name, &["data", "publish", "salaries", "--terms", &terms]);
    }
    alliance
        .until("north", &["catalog", "search", "paid"], |page| page["items"].as_array().unwrap().len() == 3);

    let program = program(&draft(&alliance, &[]));
    let (sum, public) = (sum(&program), public(&program));
    let unknown = refused_draft(&alliance, "v99999");
    assert!(unknown.contains("shares of v99999 cannot be kept: the program has no such value"), "{unknown}");
    if let Some(public) = public {
        let known = refused_draft(&alliance, &public.to_string());
        assert!(known.contains("everybody knows it"), "{known}");
    }

    let drafted = draft(&alliance, &["--commit", &sum.to_string()]);
    let shown = format!("to its shares of {sum} of that program");
    assert!(
        drafted["text"].as_str().unwrap().replace("\n       ", " ").contains(&shown),
        "{}",
        drafted["text"]
    );
    let file = alliance.write("contract.json", &drafted["contract"].to_string());
    let contract = drafted["id"].as_str().unwrap();
    alliance.text("north", &["contract", "propose", &file]);
    for name in MEMBERS {
        alliance.until(name, &["contract", "list"], |page| page.to_string().contains(contract));
        alliance.text(name, &["contract", "sign", contract]);
    }
    alliance.until("north", &["contract", "show", contract], |view| view["state"] == "active");
    let run = alliance.json("north", &["run", "start", contract]);
    let run = run["id"].as_str().unwrap();
    alliance.text("north", &["run", "watch", run]);
    let ty = program.verify().unwrap()[sum].ty;
    show(&alliance, run, sum, ty);
}

fn draft(alliance: &Alliance, more: &[&str]) -> Value {
    alliance.json("north", &[&words()[..], more].concat())
}

fn refused_draft(alliance: &Alliance, value: &str) -> String {
    alliance.refused("north", &[&words()[..], &["--commit", value]].concat())
}

fn words() -> Vec<&'static str> {
    let tables = "salaries=north/salaries@1,lake/salaries@1,south/salaries@1";
    let sql = "SELECT COUNT(*) AS people, SUM(salary) AS total FROM salaries";
    let words = ["contract", "draft", "--title", "All pay", "--purpose", "pay equity", "--sql", sql];
    let more = ["--table", tables, "--compute-parties", "north,lake,south", "--data-users", "north"];
    [&words[..], &more, &["--receivers", "north"]].concat()
}

fn program(drafted: &Value) -> Program {
    Program::parse(drafted["program"].as_str().unwrap()).unwrap()
}

/// The first secret number that an instruction yields from others.
fn sum(program: &Program) -> ValueId {
    let values = program.verify().unwrap();
    let adds = |operation: &Operation| matches!(operation, Operation::Sum(_) | Operation::Add(..));
    let instructions = program.body.iter().enumerate().filter(|(_, operation)| adds(operation));
    let mut results = instructions.map(|(at, _)| program.result_of(at));
    results
        .find(|value| {
            let ty = values[*value].ty;
            ty.visibility == program::Visibility::Secret && matches!(ty.kind, Kind::Integer | Kind::Fixed(_))
        })
        .unwrap()
}

fn public(program: &Program) -> Option<ValueId> {
    let values = program.verify().unwrap();
    let mut all = (0..program.len() as u32).map(ValueId);
    all.find(|value| values[*value].ty.visibility == program::Visibility::Public)
}

fn show(alliance: &Alliance, run: &str, sum: ValueId, ty: program::Type) {
    let all = |listed: &Value| listed.as_array().is_some_and(|listed| listed.len() == MEMBERS.len());
    alliance.until("south", &["run", "commitments", run], all);
    let value = sum.to_string();
    let early = ["run", "open-commitment", run, &value, "--out", &alliance.path("early.json")];
    assert!(alliance.refused("lake", &early).contains("only when it is in dispute"));
    alliance
        .text("north", &["dispute", "challenge", "run", run, "--accuse", "south", "--reason", "too large"]);
    for name in MEMBERS {
        alliance.until(name, &["dispute", "list"], |page| page.to_string().contains(run));
    }
    let mut messages = Vec::new();
    for name in MEMBERS {
        let file = alliance.path(&format!("{name}-shares.json"));
        alliance.text(name, &["run", "open-commitment", run, &value, "--out", &file]);
        let held = alliance.json("south", &["run", "check-commitment", &file]);
        assert_eq!(held["holds"], true);
        let shown: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let opening: ledger::opening::Opening = serde_json::from_value(shown).unwrap();
        messages.push(opening.message().unwrap());
    }
    // What all have shown together is one value, which the parties' copies agree on.
    let elements = ty.elements() as u32;
    let combined = vm::combine(vm::SchemeName::Rep3, &messages, ty.kind, elements).unwrap();
    assert_eq!(combined.len(), ty.elements());
    messages.swap(0, 1);
    assert_ne!(vm::combine(vm::SchemeName::Rep3, &messages, ty.kind, elements).ok(), Some(combined));

    // Offline, by the proof alone; and nothing else passes for what was committed to.
    let (proof, founding) = (alliance.path("run.proof"), alliance.path("alliance.json"));
    alliance.text("north", &["proof", "export", run, "--out", &proof]);
    let file = alliance.path("lake-shares.json");
    let offline = |file: &str| {
        let words = ["run", "check-commitment", file, "--proof", &proof, "--alliance", &founding];
        treaty().args(words).output().unwrap()
    };
    assert!(offline(&file).status.success(), "{}", both(&offline(&file)));
    let mut shown: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let south: Value =
        serde_json::from_slice(&fs::read(alliance.path("south-shares.json")).unwrap()).unwrap();
    shown["shares"] = south["shares"].clone();
    let bent = alliance.write("bent.json", &shown.to_string());
    assert!(both(&offline(&bent)).contains("these are not the shares that the party had"));
    assert!(alliance.refused("north", &["run", "check-commitment", &bent]).contains("does not hold"));
    let none = alliance.refused("lake", &["run", "open-commitment", run, "v0", "--out", &bent]);
    assert!(none.contains("keeps no shares of v0"), "{none}");
}
