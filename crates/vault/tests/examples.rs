//! The example data is imported as its owners would import it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod common;

use std::path::Path;

use common::{Place, declarations};
use treaty_vault::{Format, ImportRequest, Imported};

fn import(scenario: &str, files: [&str; 3], flags: &[&str]) -> [Imported; 3] {
    files.map(|name| {
        let place = Place::new();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(scenario).join(name);
        let columns = declarations(flags);
        let format = Format::of(&file).unwrap();
        let request =
            ImportRequest { name: scenario, description: "", file: &file, format, columns: &columns };
        let vault = place.open();
        let imported = vault.import(&request).unwrap();
        assert_eq!(vault.verify(scenario, 1).unwrap(), imported.root);
        imported
    })
}

#[test]
fn three_employers_have_one_schema_without_declaring_anything() {
    let parts = import("salaries", ["north.csv", "lake.csv", "south.csv"], &[]);
    assert_eq!(parts.iter().map(|part| part.rows).sum::<u64>(), 397);
    assert!(parts.windows(2).all(|pair| pair[0].schema.is_union_compatible(&pair[1].schema)));
}

#[test]
fn csv_and_parquet_hospitals_have_one_schema_when_their_measures_are_declared() {
    let flags = [
        r#"diagnosis = { values = ["benign", "malignant"], nullable = false }"#,
        r#"mean_radius = { type = "decimal(4)", range = { min = "0", max = "50" } }"#,
        r#"mean_texture = { type = "float(4)" }"#,
        r#"mean_perimeter = { type = "float(4)" }"#,
        r#"mean_area = { type = "float(4)" }"#,
        r#"mean_smoothness = { type = "float(6)" }"#,
        r#"mean_compactness = { type = "float(6)" }"#,
        r#"mean_concavity = { type = "float(6)" }"#,
        r#"mean_concave_points = { type = "float(6)" }"#,
        r#"mean_symmetry = { type = "float(6)" }"#,
        r#"mean_fractal_dimension = { type = "float(6)" }"#,
    ];
    let parts = import("hospitals", ["city.csv", "coast.csv", "valley.parquet"], &flags);
    assert_eq!(parts.iter().map(|part| part.rows).sum::<u64>(), 569);
    assert!(parts.windows(2).all(|pair| pair[0].schema.is_union_compatible(&pair[1].schema)));
}
