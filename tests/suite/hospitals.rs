//! `treaty demo hospitals`: CSV and Parquet together, exact extremes, several measures.

use crate::support::{Demo, assert_run_is_sound};
use serde_json::Value;

#[test]
fn hospitals_agrees_with_plaintext() {
    let demo = Demo::of("hospitals");
    assert_run_is_sound(&demo);
    let column = |name: &str| {
        let columns = demo.report["result"]["columns"].as_array().unwrap();
        columns.iter().position(|column| column["name"] == name).unwrap()
    };
    let cells = |table: &str, name: &str| -> Vec<Value> {
        let rows = demo.report[table]["rows"].as_array().unwrap();
        rows.iter().map(|row| row[column(name)].clone()).collect()
    };
    for exact in ["diagnosis", "images", "least_area", "most_area"] {
        assert_eq!(cells("result", exact), cells("expected", exact), "{exact}");
    }
    assert_eq!(cells("result", "diagnosis"), ["benign", "malignant"]);
    let images: u64 = cells("result", "images").iter().map(|images| images.as_u64().unwrap()).sum();
    assert!((200..569).contains(&images), "the WHERE clause leaves out some: {images}");
    for (seen, wanted) in cells("result", "radius_variance").iter().zip(cells("expected", "radius_variance"))
    {
        let (seen, wanted) = (seen.as_f64().unwrap(), wanted.as_f64().unwrap());
        assert!((seen - wanted).abs() / wanted <= 1e-4, "{seen} {wanted}");
    }
}
