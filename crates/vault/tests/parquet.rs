//! Parquet files as other tools write them, and damaged ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test should say where")]

mod common;

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{
        ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
        Int32Array, ListArray, RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
        TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
    },
    datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use common::{Place, declarations};
use contract::ColumnType;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use proptest::prelude::*;
use treaty_vault::{Breach, Format, ImportError, ImportRequest, Imported, Vault};

fn write(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn import(place: &Place, vault: &Vault, bytes: &[u8], flags: &[&str]) -> Result<Imported, ImportError> {
    let file = place.file("data.parquet", bytes);
    let format = Format::of(&file).unwrap();
    let request =
        ImportRequest { name: "data", description: "", file: &file, format, columns: &declarations(flags) };
    vault.import(&request)
}

fn sample() -> Vec<u8> {
    let decimals = Decimal128Array::from(vec![Some(1050), None, Some(-3)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("Married", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("age", Arc::new(Int32Array::from(vec![40, 41, -42]))),
        ("big", Arc::new(UInt64Array::from(vec![1, 2, u64::MAX / 2]))),
        ("mean radius", Arc::new(Float64Array::from(vec![Some(17.77), Some(f64::NAN), None]))),
        ("half", Arc::new(Float32Array::from(vec![0.5, 0.25, 1e30]))),
        ("price", Arc::new(decimals.with_precision_and_scale(30, 2).unwrap())),
        ("name", Arc::new(StringArray::from(vec![Some("a"), Some(""), None]))),
        ("born", Arc::new(Date32Array::from(vec![Some(0), None, Some(19_000)]))),
        ("millis", Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None, Some(90)]))),
        ("micros", Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None, Some(90)]))),
        ("nanos", Arc::new(TimestampNanosecondArray::from(vec![Some(-1_000), None, Some(90_000)]))),
    ];
    write(columns, Compression::SNAPPY)
}

#[test]
fn every_supported_type_is_imported() {
    let place = Place::new();
    let vault = place.open();
    let imported = import(&place, &vault, &sample(), &[r#""mean radius" = { null_as = ["NaN"] }"#]).unwrap();
    let kinds: Vec<_> = imported.schema.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("married", ColumnType::Boolean),
            ("age", ColumnType::Integer),
            ("big", ColumnType::Integer),
            ("mean_radius", ColumnType::Float { scale: 6 }),
            ("half", ColumnType::Float { scale: 6 }),
            ("price", ColumnType::Decimal { scale: 2 }),
            ("name", ColumnType::Text),
            ("born", ColumnType::Date),
            ("millis", ColumnType::Timestamp),
            ("micros", ColumnType::Timestamp),
            ("nanos", ColumnType::Timestamp),
        ]
    );
    let (_, batches) = vault.read("data", 1).unwrap();
    let column = |index: usize| batches[0].column(index);
    assert_eq!(column(1).as_primitive::<Int64Type>().values(), &[40, 41, -42]);
    assert_eq!(column(3).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(17.77), None, None]);
    assert_eq!(
        column(5).as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(),
        [Some(1050), None, Some(-3)]
    );
    assert_eq!(column(6).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), Some(""), None]);
    for (index, unit) in [(8, 1_000), (9, 1), (10, 1)] {
        let micros: Vec<_> = column(index).as_primitive::<TimestampMicrosecondType>().iter().collect();
        assert_eq!(micros, [Some(-unit), None, Some(90 * unit)], "{index}");
    }
}

/// Days and points in time are each other's where nothing is lost.
#[test]
fn days_can_be_declared_to_be_timestamps_and_midnights_days() {
    let place = Place::new();
    let vault = place.open();
    let of = |column: ArrayRef| write(vec![("x", column)], Compression::SNAPPY);
    let days = of(Arc::new(Date32Array::from(vec![-1, 2])));
    import(&place, &vault, &days, &[r#"x = { type = "timestamp" }"#]).unwrap();
    let (_, batches) = vault.read("data", 1).unwrap();
    let day = 86_400_000_000;
    assert_eq!(batches[0].column(0).as_primitive::<TimestampMicrosecondType>().values(), &[-day, 2 * day]);
    let flag = [r#"x = { type = "date" }"#];
    let midnights = of(Arc::new(TimestampMillisecondArray::from(vec![-86_400_000])));
    import(&place, &vault, &midnights, &flag).unwrap();
    let noon = of(Arc::new(TimestampMillisecondArray::from(vec![43_200_000])));
    assert!(matches!(import(&place, &vault, &noon, &flag), Err(ImportError::Cell { .. })));
}

#[test]
fn floats_can_be_declared_to_be_the_decimals_they_were_written_as() {
    let place = Place::new();
    let vault = place.open();
    let floats =
        |values: Vec<f64>| write(vec![("x", Arc::new(Float64Array::from(values)))], Compression::SNAPPY);
    let flag = [r#"x = { type = "decimal(2)" }"#];
    import(&place, &vault, &floats(vec![17.77, 132.9, -0.1]), &flag).unwrap();
    let (_, batches) = vault.read("data", 1).unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Decimal128Type>().values(), &[1777, 13_290, -10]);
    let refused = import(&place, &vault, &floats(vec![17.77, 0.333]), &flag);
    assert!(matches!(refused, Err(ImportError::Cell { place, .. }) if (place.row, place.line) == (2, None)));
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let place = Place::new();
    let vault = place.open();
    let refused =
        |column: ArrayRef| import(&place, &vault, &write(vec![("x", column)], Compression::SNAPPY), &[]);
    let zone = refused(Arc::new(TimestampMillisecondArray::from(vec![0]).with_timezone("UTC")));
    let said = zone.unwrap_err().to_string();
    assert!(said.starts_with("column `x` holds timestamps with a time zone, UTC"), "{said}");
    let fine = refused(Arc::new(TimestampNanosecondArray::from(vec![1_000, 1_001])));
    let kind = ColumnType::Timestamp;
    assert!(matches!(fine, Err(ImportError::Cell { place, column, breach })
            if (place.row, column.as_str(), &breach) == (2, "x", &Breach::NotOfType { kind })));
    let time = refused(Arc::new(Time64MicrosecondArray::from(vec![0])));
    assert!(matches!(time, Err(ImportError::ColumnType { column, .. }) if column == "x"));
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
    assert!(matches!(refused(Arc::new(list)), Err(ImportError::ColumnType { .. })));
    let nan = refused(Arc::new(Float64Array::from(vec![1.0, f64::NAN])));
    assert!(matches!(nan, Err(ImportError::Cell { breach: Breach::NotOfType { .. }, .. })));
    let large = refused(Arc::new(UInt64Array::from(vec![u64::MAX])));
    assert!(matches!(large, Err(ImportError::Cell { breach: Breach::NotOfType { .. }, .. })));
    let digits = Decimal128Array::from(vec![10_i128.pow(18)]).with_precision_and_scale(30, 0).unwrap();
    assert!(matches!(refused(Arc::new(digits)), Err(ImportError::Cell { .. })));
    assert!(matches!(import(&place, &vault, b"a,b\n1,2\n", &[]), Err(ImportError::Parquet { .. })));
    assert!(vault.list().unwrap().is_empty());
}

#[test]
fn other_compressions_are_read_or_refused_by_name() {
    let place = Place::new();
    let vault = place.open();
    let file = |compression| {
        write(vec![("x", Arc::new(Int32Array::from_iter_values(0..5000)) as ArrayRef)], compression)
    };
    for compression in [Compression::UNCOMPRESSED, Compression::GZIP(Default::default())] {
        assert_eq!(import(&place, &vault, &file(compression), &[]).unwrap().rows, 5000);
    }
    // This build writes no ZSTD either; `written-with-zstd.parquet` comes from pyarrow.
    let zstd = include_bytes!("data/written-with-zstd.parquet");
    let refused = import(&place, &vault, zstd, &[]);
    assert!(matches!(refused, Err(ImportError::Compression { column, .. }) if column == "x"));
}

/// One vault for all cases: making one syncs many files.
static DAMAGED: LazyLock<(Place, Vault)> = LazyLock::new(|| {
    let place = Place::new();
    let vault = place.open();
    (place, vault)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let (place, vault) = &*DAMAGED;
        let mut bytes = sample();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(imported) = import(place, vault, &bytes, &[r#""mean radius" = { null_as = ["NaN"] }"#]) {
            prop_assert!(vault.verify("data", imported.version).is_ok() && imported.rows <= 3);
        }
    }
}
