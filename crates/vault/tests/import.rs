//! What is imported, what is refused, and what the owner is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod common;

use std::fmt::Write as _;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use common::{Place, declarations};
use contract::ColumnType;
use proptest::prelude::*;
use treaty_vault::{
    Breach, CsvFault, DeclarationFault, Earlier, Format, ImportError, ImportRequest, VaultError,
};

const SALARIES: &str = "\
rank,yrs.service,salary,rate,since,tenured
Prof,18,139750.50,1.5e-3,2006-09-01,true
AsstProf,3,79750,2e-3,2021-02-28,false
\"Prof\",,173200.25,,,
";

#[test]
fn csv_is_imported_with_inferred_types() {
    let place = Place::new();
    let vault = place.open();
    let imported = place.import(&vault, SALARIES, &[]).unwrap();
    assert_eq!((imported.name.as_str(), imported.version, imported.rows), ("data", 1, 3));
    let kinds: Vec<_> = imported.schema.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("rank", ColumnType::Text),
            ("yrs_service", ColumnType::Integer),
            ("salary", ColumnType::Decimal { scale: 2 }),
            ("rate", ColumnType::Float { scale: 6 }),
            ("since", ColumnType::Date),
            ("tenured", ColumnType::Boolean),
        ]
    );
    let (schema, batches) = vault.read("data", 1).unwrap();
    assert_eq!(schema, imported.schema);
    let [batch] = batches.as_slice() else { panic!("one chunk") };
    assert_eq!(batch.schema(), treaty_vault::to_arrow(&schema));
    assert_eq!(
        batch.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
        ["Prof", "AsstProf", "Prof"]
    );
    let integers = batch.column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
    assert_eq!(integers, [Some(18), Some(3), None]);
    let decimals = batch.column(2).as_primitive::<Decimal128Type>().iter().flatten().collect::<Vec<_>>();
    assert_eq!(decimals, [13_975_050, 7_975_000, 17_320_025]);
    let floats = batch.column(3).as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
    assert_eq!(floats, [Some(0.0015), Some(0.002), None]);
    assert_eq!(batch.column(4).as_primitive::<Date32Type>().value(0), 13_392);
    assert!(batch.column(5).as_boolean().value(0) && batch.column(5).is_null(2));
}

#[test]
fn nothing_about_the_values_is_published_unless_declared() {
    let place = Place::new();
    let vault = place.open();
    let imported = place.import(&vault, SALARIES, &[]).unwrap();
    for column in &imported.schema.columns {
        assert!(column.nullable && column.values.is_none() && column.range.is_none(), "{}", column.name);
    }
    let flags = [
        r#"rank = { values = ["AsstProf", "Prof"], nullable = false, description = "academic rank" }"#,
        r#"salary = { unit = "USD", range = { min = "0.0", max = "2e5" } }"#,
        r#""yrs.service" = { type = "decimal(1)" }"#,
    ];
    let declared = place.import(&vault, SALARIES, &flags).unwrap();
    assert_eq!(declared.version, 2);
    assert_eq!(declared.id, imported.id);
    assert_ne!(declared.root, imported.root);
    let column = |name: &str| declared.schema.column(name).unwrap().clone();
    assert_eq!(column("rank").values.unwrap(), ["AsstProf", "Prof"]);
    assert_eq!(column("rank").description, "academic rank");
    assert!(!column("rank").nullable);
    let range = column("salary").range.unwrap();
    assert_eq!(
        (range.min.as_str(), range.max.as_str(), column("salary").unit.as_str()),
        ("0", "200000", "USD")
    );
    assert_eq!(column("yrs_service").kind, ColumnType::Decimal { scale: 1 });
}

#[test]
fn the_owner_is_told_what_could_be_declared() {
    let place = Place::new();
    let vault = place.open();
    let csv = format!("{SALARIES}AssocProf,NA,57800,3,2001-01-01,true\n");
    let imported = place.import(&vault, &csv, &[]).unwrap();
    let mut page = String::new();
    for note in &imported.notes {
        let kind = treaty_vault::type_name(note.kind);
        writeln!(
            page,
            "{} ({}): {kind}, {}, {} missing",
            note.column, note.header, note.because, note.missing
        )
        .unwrap();
        if let Some(flag) = note.suggested_flag() {
            writeln!(page, "  {flag}").unwrap();
        }
    }
    insta::assert_snapshot!(page, @r#"
    rank (rank): text, the value on line 2 is of no other type, 0 missing
      --column 'rank = { nullable = false, values = ["AssocProf", "AsstProf", "Prof"] }'
    yrs_service (yrs.service): text, because of `NA` on line 5; it would be integer if that is declared to mean a missing value, 1 missing
      --column 'yrs_service = { null_as = ["NA"] }'
    salary (salary): decimal(2), every value is one, 0 missing
      --column 'salary = { nullable = false, range = { min = "0", max = "200000" } }'
    rate (rate): float(6), numbers with exponents or with more than 18 digits, 1 missing
      --column 'rate = { range = { min = "0", max = "3" } }'
    since (since): date, every value is one, 1 missing
    tenured (tenured): boolean, every value is one, 1 missing
    "#);
}

#[test]
fn suggestions_are_accepted_when_declared() {
    let place = Place::new();
    let vault = place.open();
    let csv = "a,b,c,d,e\n-0.05,it's,1e-3,7,1000000\n12.5,\"x, y\",-9.99e10,7,1\n";
    let first = place.import(&vault, csv, &[]).unwrap();
    let columns =
        first.notes.iter().filter_map(|n| n.suggestion.clone().map(|s| (n.column.clone(), s))).collect();
    let file = place.file("data.csv", csv);
    let request =
        ImportRequest { name: "data", description: "", file: &file, format: Format::Csv, columns: &columns };
    let second = vault.import(&request).unwrap();
    assert_eq!(second.version, 2);
    assert!(second.notes.iter().all(|note| note.suggestion.is_none()), "{:?}", second.notes);
}

#[test]
fn values_are_held_to_what_is_declared() {
    let place = Place::new();
    let vault = place.open();
    let refused = |flag: &str| match place.import(&vault, SALARIES, &[flag]) {
        Err(ImportError::Cell { place, column, breach }) => (place.row, place.line.unwrap(), column, breach),
        other => panic!("{flag}: {other:?}"),
    };
    let at = |row, line, column: &str, breach| (row, line, column.to_owned(), breach);
    assert_eq!(refused("yrs_service = { nullable = false }"), at(3, 4, "yrs_service", Breach::Missing));
    assert_eq!(refused(r#"rank = { values = ["Prof"] }"#), at(2, 3, "rank", Breach::NotListed { count: 1 }));
    assert_eq!(
        refused(r#"yrs_service = { values = ["018", "4"] }"#),
        at(2, 3, "yrs_service", Breach::NotListed { count: 2 })
    );
    let outside = |min: &str, max: &str| Breach::OutOfRange { min: min.to_owned(), max: max.to_owned() };
    assert_eq!(
        refused(r#"salary = { range = { min = "80000", max = "999999.99" } }"#),
        at(2, 3, "salary", outside("80000", "999999.99"))
    );
    assert_eq!(
        refused(r#"rate = { range = { min = "0", max = "0.0019" } }"#),
        at(2, 3, "rate", outside("0", "0.0019"))
    );
    let kind = ColumnType::Integer;
    assert_eq!(refused(r#"salary = { type = "integer" }"#), at(1, 2, "salary", Breach::NotOfType { kind }));
    let kind = ColumnType::Decimal { scale: 1 };
    assert_eq!(
        refused(r#"salary = { type = "decimal(1)" }"#),
        at(3, 4, "salary", Breach::NotOfType { kind })
    );
    let kind = ColumnType::Date;
    assert_eq!(refused(r#"rank = { type = "date" }"#), at(1, 2, "rank", Breach::NotOfType { kind }));
    let long = Breach::TextTooLong { found: 8, limit: 4 };
    assert_eq!(refused("rank = { bytes_max = 4 }"), at(2, 3, "rank", long));
    assert_eq!(refused("rank = { unique = true }"), at(3, 4, "rank", Breach::Repeated));
    assert!(vault.list().unwrap().is_empty(), "a refused import leaves no dataset");
    let left: Vec<_> =
        place.files().into_iter().filter(|file| file.parent().unwrap() != place.vault()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Values that are missing may be many; numbers and days are compared as what they are.
#[test]
fn lengths_and_unique_values_are_published() {
    let place = Place::new();
    let vault = place.open();
    let csv = "id,day,name\n1,2024-01-01,ann\n,2024-01-02,\n,2024-01-03,zoë\n2,2024-01-04,bob\n";
    let flags =
        ["id = { unique = true }", "day = { unique = true }", "name = { unique = true, bytes_max = 4 }"];
    let schema = place.import(&vault, csv, &flags).unwrap().schema;
    assert!(schema.columns.iter().all(|column| column.unique), "{schema:?}");
    assert_eq!(schema.column("name").unwrap().bytes_max, Some(4));
    let again = format!("{csv}1,2024-01-05,cy\n");
    let repeated = place.import(&vault, &again, &flags);
    assert!(matches!(repeated, Err(ImportError::Cell { breach: Breach::Repeated, .. })), "{repeated:?}");
}

/// In ISO 8601, with a T or a blank; a text that has a time zone is none.
#[test]
fn timestamps_are_inferred_declared_and_held_to_their_range() {
    let place = Place::new();
    let vault = place.open();
    let csv = "at,day\n2024-05-06T07:08:09.123456,2024-05-06\n2024-05-06 07:08,\n,2024-05-07\n";
    let range = |min: &str| {
        [
            format!(
                r#"at = {{ unique = true, range = {{ min = "{min}", max = "2024-05-06 07:08:09.200" }} }}"#
            ),
            r#"day = { range = { min = "2024-05-06", max = "2024-05-31" } }"#.to_owned(),
        ]
    };
    let flags = range("2024-01-01 00:00");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let schema = place.import(&vault, csv, &flags).unwrap().schema;
    let at = schema.column("at").unwrap();
    assert_eq!((at.kind, schema.column("day").unwrap().kind), (ColumnType::Timestamp, ColumnType::Date));
    let range_of = at.range.clone().unwrap();
    assert_eq!(
        (range_of.min.as_str(), range_of.max.as_str()),
        ("2024-01-01T00:00:00", "2024-05-06T07:08:09.2")
    );
    let (_, batches) = vault.read("data", 1).unwrap();
    let micros: Vec<_> = batches[0].column(0).as_primitive::<TimestampMicrosecondType>().iter().collect();
    assert_eq!(micros, [Some(1_714_979_289_123_456), Some(1_714_979_280_000_000), None]);

    let refused = |csv: &str, flag: &str| match place.import(&vault, csv, &[flag]) {
        Err(ImportError::Cell { place, breach, .. }) => (place.row, breach),
        other => panic!("{other:?}"),
    };
    let narrow = range("2024-05-06T07:08:01");
    assert!(matches!(refused(csv, &narrow[0]), (2, Breach::OutOfRange { .. })));
    let kind = ColumnType::Timestamp;
    let declared = r#"at = { type = "timestamp" }"#;
    for text in ["2024-05-06T07:08:09Z", "2024-05-06T07:08:09.1234567", "2024-05-06", "noon"] {
        let csv = format!("at\n2024-05-06T07:08:09\n{text}\n");
        assert_eq!(refused(&csv, declared), (2, Breach::NotOfType { kind }), "{text}");
    }
    let twice = refused("at\n2024-05-06T07:08\n2024-05-06 07:08:00\n", "at = { unique = true }");
    assert_eq!(twice, (2, Breach::Repeated));
    let values = r#"at = { values = ["2024-05-06 07:08", "2024-05-06 07:09"] }"#;
    let listed = place.import(&vault, "at\n2024-05-06T07:08:00.000\n", &[values]).unwrap().schema;
    let values = listed.column("at").unwrap().values.clone().unwrap();
    assert_eq!(values, ["2024-05-06T07:08:00", "2024-05-06T07:09:00"]);
}

#[test]
fn declarations_that_make_no_sense_are_refused() {
    let place = Place::new();
    let vault = place.open();
    let refused = |flag: &str| match place.import(&vault, SALARIES, &[flag]) {
        Err(ImportError::Declaration { fault, .. }) => fault,
        other => panic!("{flag}: {other:?}"),
    };
    use DeclarationFault as Fault;
    assert!(matches!(refused(r#"salary = { type = "decimal(19)" }"#), Fault::Scale { found: 19 }));
    assert!(matches!(refused(r#"rate = { type = "float(19)" }"#), Fault::Scale { found: 19 }));
    assert!(matches!(
        refused(r#"rank = { range = { min = "0", max = "1" } }"#),
        Fault::RangeNotForType { .. }
    ));
    assert!(matches!(refused(r#"since = { range = { min = "0", max = "1" } }"#), Fault::Bound { .. }));
    let reversed = refused(r#"since = { range = { min = "2024-01-02", max = "2024-01-01" } }"#);
    assert!(matches!(reversed, Fault::RangeEmpty { .. }));
    assert!(matches!(refused(r#"salary = { range = { min = "0", max = "1.005" } }"#), Fault::Bound { .. }));
    assert!(matches!(
        refused(r#"yrs_service = { range = { min = "low", max = "1" } }"#),
        Fault::Bound { .. }
    ));
    assert!(matches!(refused(r#"rate = { range = { min = "0", max = "0.0000001" } }"#), Fault::Bound { .. }));
    assert!(matches!(refused(r#"salary = { range = { min = "2", max = "1" } }"#), Fault::RangeEmpty { .. }));
    assert!(matches!(refused(r#"salary = { values = ["1"] }"#), Fault::ValuesNotForType { .. }));
    assert!(matches!(refused(r#"tenured = { values = ["true"] }"#), Fault::ValuesNotForType { .. }));
    assert!(matches!(refused("rank = { values = [] }"), Fault::ValuesCount { found: 0, .. }));
    assert!(matches!(refused(r#"rank = { values = ["Prof", ""] }"#), Fault::Value { .. }));
    assert!(matches!(refused(r#"since = { values = ["yesterday"] }"#), Fault::Value { .. }));
    assert!(matches!(refused(r#"yrs_service = { values = ["3", "03"] }"#), Fault::ValueTwice { .. }));
    assert!(matches!(refused("salary = { bytes_max = 4 }"), Fault::BytesNotForType { .. }));
    assert!(matches!(refused("rate = { unique = true }"), Fault::UniqueNotForType { .. }));
    let long = format!("rank = {{ unit = \"{}\" }}", "x".repeat(5000));
    assert!(matches!(refused(&long), Fault::TextTooLong { field: "unit", found: 5000, .. }));
}

#[test]
fn missing_values_are_marked_as_declared() {
    let place = Place::new();
    let vault = place.open();
    let csv = "age,group\n42,a\nNA,?\n,b\n";
    let imported = place.import(&vault, csv, &[r#"age = { null_as = ["NA"] }"#]).unwrap();
    assert_eq!(imported.schema.column("age").unwrap().kind, ColumnType::Integer);
    assert_eq!(imported.notes[0].missing, 2);
    let (_, batches) = vault.read("data", 1).unwrap();
    assert_eq!(batches[0].column(0).null_count(), 2);
    assert_eq!(batches[0].column(1).null_count(), 0);
}

#[test]
fn files_that_are_not_csv_are_refused() {
    let place = Place::new();
    let vault = place.open();
    let refused = |csv: &str| place.import(&vault, csv, &[]).unwrap_err();
    assert!(matches!(refused(""), ImportError::Csv(CsvFault::NoHeader)));
    assert!(matches!(refused("a,b\n1\n"), ImportError::Csv(CsvFault::FieldCount { line: 2, .. })));
    assert!(matches!(refused("a;b\n1;2\n"), ImportError::OtherSeparator { separator: "semicolons", .. }));
    assert!(matches!(refused("a,A\n1,2\n"), ImportError::ColumnTwice { first: 1, second: 2, .. }));
    assert!(matches!(refused("a,\n1,2\n"), ImportError::ColumnName { position: 2, .. }));
    let text = "x".repeat(70_000);
    let long = refused(&format!("a\n{text}\n"));
    assert!(matches!(long, ImportError::Cell { breach: Breach::TextTooLong { found: 70_000, .. }, .. }));
    let missing = vault.import(&ImportRequest {
        name: "data",
        description: "",
        file: &place.directory.path().join("nothing.csv"),
        format: Format::Csv,
        columns: &declarations(&[]),
    });
    assert!(matches!(missing, Err(ImportError::File { .. })));
    let file = place.file("data.csv", SALARIES);
    let description = "x".repeat(5000);
    let described = vault.import(&ImportRequest {
        name: "data",
        description: &description,
        file: &file,
        format: Format::Csv,
        columns: &declarations(&[]),
    });
    assert!(matches!(described, Err(ImportError::DescriptionTooLong { found: 5000, .. })));
    for name in ["", "Data", "../data", "data/", "a/b/c", "data@1"] {
        let request = ImportRequest {
            name,
            description: "",
            file: &file,
            format: Format::Csv,
            columns: &declarations(&[]),
        };
        assert!(matches!(vault.import(&request), Err(ImportError::DatasetName { .. })), "{name}");
    }
}

#[test]
fn errors_say_where_and_what_to_do_but_never_the_value() {
    let place = Place::new();
    let vault = place.open();
    let flags = [
        "yrs_service = { nullable = false }",
        r#"rank = { values = ["Prof"] }"#,
        r#"salary = { range = { min = "0", max = "100000" } }"#,
        r#"salary = { type = "integer" }"#,
        r#"wage = { unit = "USD" }"#,
    ];
    let texts = flags.map(|flag| place.import(&vault, SALARIES, &[flag]).unwrap_err().to_string());
    insta::assert_snapshot!(texts.join("\n"), @r"
    row 3 (line 4), column `yrs_service`: the value is missing, but the column is declared with `nullable = false`
    row 2 (line 3), column `rank`: the value is not among the 1 declared `values`
    row 1 (line 2), column `salary`: the value is outside the declared range from `0` to `100000`
    row 1 (line 2), column `salary`: expected an integer of at most 64 bits, found something else
    `wage` is declared, but the file has no such column; it has: rank, yrs_service, salary, rate, since, tenured
    ");
    assert!(texts.iter().all(|text| !text.contains("139750") && !text.contains("AsstProf")));
}

#[test]
fn a_table_without_rows_is_a_dataset() {
    let place = Place::new();
    let vault = place.open();
    let imported = place.import(&vault, "a,b\n", &[r#"a = { type = "integer" }"#]).unwrap();
    assert_eq!(imported.rows, 0);
    assert_eq!(vault.read("data", 1).unwrap(), (imported.schema, Vec::new()));
    assert_eq!(vault.verify("data", 1).unwrap(), imported.root);
}

#[test]
fn long_files_are_cut_into_chunks_and_keep_their_order() {
    let place = Place::new();
    let vault = place.open();
    let rows = 150_000;
    let mut csv = String::from("n\n");
    for n in 0..rows {
        writeln!(csv, "{n}").unwrap();
    }
    place.import(&vault, &csv, &[]).unwrap();
    let scan = vault.scan("data", 1).unwrap();
    assert_eq!(scan.rows(), rows);
    let batches: Vec<RecordBatch> = scan.map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [65_536, 65_536, 18_928]);
    let numbers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
    assert!(numbers.copied().eq(0..i64::try_from(rows).unwrap()));
}

#[test]
fn wide_rows_are_cut_into_chunks_by_their_bytes() {
    let place = Place::new();
    let vault = place.open();
    let mut csv = String::from("n,text\n");
    for n in 0..1000 {
        writeln!(csv, "{n},{}", "x".repeat(60_000)).unwrap();
    }
    place.import(&vault, &csv, &[]).unwrap();
    let rows: Vec<usize> = vault.scan("data", 1).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
    assert!(rows.len() >= 3 && rows.iter().sum::<usize>() == 1000, "{rows:?}");
}

#[test]
fn unknown_names_and_versions_are_told_apart() {
    let place = Place::new();
    let vault = place.open();
    assert!(
        matches!(vault.read("data", 1), Err(VaultError::UnknownDataset { known, .. }) if known == "none")
    );
    place.import(&vault, SALARIES, &[]).unwrap();
    assert!(
        matches!(vault.verify("../data", 1), Err(VaultError::UnknownDataset { known, .. }) if known == "data")
    );
    assert!(matches!(vault.read("data", 2), Err(VaultError::UnknownVersion { latest: 1, .. })));
    assert!(matches!(vault.read("data", 0), Err(VaultError::UnknownVersion { latest: 1, .. })));
    let description = vault.describe("data", 1).unwrap();
    assert_eq!((description.description.as_str(), description.rows), ("rows for a test", 3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any table of texts and numbers reads back as it was written.
    #[test]
    fn what_is_imported_is_read(rows in prop::collection::vec(
        (prop::option::of(any::<i64>()), prop::option::of("[ -~é\n]{1,12}"), prop::option::of(any::<f64>())),
        1..40,
    )) {
        let mut csv = String::from("number,text,float\n");
        for (number, text, float) in &rows {
            let number = number.map(|n| n.to_string()).unwrap_or_default();
            let text = text.as_ref().map(|t| format!("\"{}\"", t.replace('"', "\"\""))).unwrap_or_default();
            let float = float.filter(|f| f.is_finite()).map(|f| format!("{f:e}")).unwrap_or_default();
            writeln!(csv, "{number},{text},{float}").unwrap();
        }
        let place = Place::new();
        let vault = place.open();
        let types =
            [r#"number = { type = "integer" }"#, r#"text = { type = "text" }"#, r#"float = { type = "float" }"#];
        place.import(&vault, &csv, &types).unwrap();
        let (_, batches) = vault.read("data", 1).unwrap();
        let numbers: Vec<_> = batches[0].column(0).as_primitive::<Int64Type>().iter().collect();
        let texts: Vec<_> = batches[0].column(1).as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect();
        let floats: Vec<_> = batches[0].column(2).as_primitive::<Float64Type>().iter().collect();
        prop_assert_eq!(numbers, rows.iter().map(|row| row.0).collect::<Vec<_>>());
        prop_assert_eq!(texts, rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>());
        prop_assert_eq!(floats, rows.iter().map(|row| row.2.filter(|f| f.is_finite())).collect::<Vec<_>>());
    }
}

/// It keeps the id and counts on from what was published, whatever this vault has; own versions of the same name are
/// another dataset. Both are there when the vault is opened again.
#[test]
fn a_dataset_of_another_vault_is_continued_beside_one_of_the_same_name() {
    let place = Place::new();
    let vault = place.open();
    let own = place.import(&vault, SALARIES, &[]).unwrap();
    let file = place.file("data.csv", SALARIES);
    let columns = declarations(&[]);
    let request =
        |name| ImportRequest { name, description: "", file: &file, format: Format::Csv, columns: &columns };
    let earlier = Earlier { id: contract::Hash::of("test", b"another vault's"), version: 4 };
    let next = vault.import_after(&request("lake/data"), &earlier).unwrap();
    assert_eq!((next.name.as_str(), next.version, next.id), ("lake/data", 5, earlier.id));
    assert_ne!(next.id, own.id);
    assert_ne!(next.root, own.root);
    assert_eq!(vault.import_after(&request("lake/data"), &earlier).unwrap().version, 6, "5 waits here");
    drop(vault);
    let vault = place.open();
    assert_eq!(vault.list().unwrap(), ["data", "lake/data"]);
    assert_eq!(
        (vault.versions("data").unwrap(), vault.versions("lake/data").unwrap()),
        (vec![1], vec![5, 6])
    );
    assert_eq!(vault.verify("lake/data", 5).unwrap(), next.root);
    assert_eq!(vault.describe("lake/data", 5).unwrap().id, earlier.id);
    for name in ["lake/", "/data", "../data", "lake/../data", "a/b/c"] {
        let refused = vault.import_after(&request(name), &earlier).unwrap_err();
        assert!(matches!(refused, ImportError::DatasetName { .. }), "{name}: {refused}");
    }
}
