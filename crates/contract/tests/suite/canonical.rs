//! RFC 8785 and what is refused beyond it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use treaty_contract::{
    Contract, Hash,
    canonical::{self, CanonicalError},
};

use crate::world::World;

const LIMIT: usize = 1 << 16;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    count: u64,
    tags: BTreeMap<String, u32>,
}

fn read(text: &str) -> Result<Document, CanonicalError> {
    canonical::from_bytes(text.as_bytes(), LIMIT)
}

/// RFC 8785 §3.2.2 and §3.2.4: the sample's string and literals; its numbers are not allowed here.
#[test]
fn strings_and_literals_of_the_rfc() {
    let sample: Value = serde_json::from_str(
        r#"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
    )
    .unwrap();
    let expected = "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical::to_bytes(&sample).unwrap(), expected.as_bytes());
}

/// RFC 8785 §3.2.3: keys are sorted by UTF-16 code units.
#[test]
fn order_of_keys_of_the_rfc() {
    let sample = json!({
        "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control",
        "\u{f6}": "Latin Small Letter O With Diaeresis"
    });
    let written = String::from_utf8(canonical::to_bytes(&sample).unwrap()).unwrap();
    let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
    let places: Vec<_> = order.iter().map(|word| written.find(word).unwrap()).collect();
    assert!(places.is_sorted(), "{written}");
}

#[test]
fn integers_are_exact_or_refused_with_their_place() {
    const LARGEST: i64 = (1 << 53) - 1;
    assert_eq!(
        canonical::to_bytes(&[LARGEST, -LARGEST, 0]).unwrap(),
        b"[9007199254740991,-9007199254740991,0]"
    );
    let document = json!({"limits": {"runs": [1, 9_007_199_254_740_992_u64]}});
    assert_eq!(
        canonical::to_bytes(&document).unwrap_err(),
        CanonicalError::IntegerTooLarge { path: "limits.runs[1]".into(), found: "9007199254740992".into() }
    );
    let document = json!({"fee": -9_007_199_254_740_993_i64});
    assert!(matches!(canonical::to_bytes(&document), Err(CanonicalError::IntegerTooLarge { .. })));
    assert!(matches!(canonical::to_bytes(&[u64::MAX]), Err(CanonicalError::IntegerTooLarge { .. })));
}

#[test]
fn fractions_are_refused_with_their_place() {
    assert_eq!(
        canonical::to_bytes(&json!({"a": {"b": 0.5}})).unwrap_err(),
        CanonicalError::NotAnInteger { path: "a.b".into(), found: "0.5".into() }
    );
    assert!(matches!(canonical::from_bytes::<Value>(b"-0", LIMIT), Err(CanonicalError::NotAnInteger { .. })));
}

#[test]
fn what_is_no_json_document_is_not_written() {
    let keyed_by_list: BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
    assert!(matches!(canonical::to_bytes(&keyed_by_list), Err(CanonicalError::NotWritable { .. })));
}

#[test]
fn one_document_has_one_spelling() {
    let good = r#"{"count":1,"name":"a","tags":{"x":1,"y":2}}"#;
    let document = read(good).unwrap();
    assert_eq!(canonical::to_bytes(&document).unwrap(), good.as_bytes());
    for other in [
        r#"{"name":"a","count":1,"tags":{"x":1,"y":2}}"#,
        r#"{"count":1, "name":"a","tags":{"x":1,"y":2}}"#,
        r#"{"count":1,"name":"\u0061","tags":{"x":1,"y":2}}"#,
        r#"{"count":1,"name":"a","tags":{"y":2,"x":1}}"#,
        r#"{"count":1,"name":"a","tags":{"x":1,"x":1,"y":2}}"#,
        "{\"count\":1,\"name\":\"a\",\"tags\":{\"x\":1,\"y\":2}}\n",
    ] {
        assert!(matches!(read(other), Err(CanonicalError::NotCanonical { .. })), "{other}");
    }
    for other in [
        r#"{"count":1,"count":1,"name":"a","tags":{}}"#,
        r#"{"count":1e0,"name":"a","tags":{}}"#,
        r#"{"count":1,"name":"a","tags":{},"more":1}"#,
        r#"{"count":1,"name":"a","tags":{}"#,
        "",
    ] {
        assert!(matches!(read(other), Err(CanonicalError::NotReadable { .. })), "{other}");
    }
}

#[test]
fn the_place_of_the_difference_is_named() {
    assert_eq!(
        read(r#"{"count":1,"name":"a", "tags":{}}"#).unwrap_err(),
        CanonicalError::NotCanonical { offset: 22 }
    );
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, char),
    Empty(),
    Struct { z: Option<u8>, a: (), m: BTreeMap<u32, bool> },
}

/// Every kind of thing that serde knows, beside an independent implementation over a tree of values.
#[test]
fn every_shape_is_written_as_others_write_it() {
    let shapes = (
        [Shape::Unit, Shape::Newtype(1), Shape::Tuple(2, '\u{1f600}'), Shape::Empty()],
        Shape::Struct { z: Some(3), a: (), m: BTreeMap::from([(10, true), (9, false)]) },
        (-1_i8, u64::from(u32::MAX), 0_u128, "\u{7f}\u{0}\u{1f}\\\"", f64::NAN, [0_u8; 0]),
        BTreeMap::<String, u8>::new(),
    );
    let expected = serde_jcs::to_vec(&serde_json::to_value(&shapes).unwrap()).unwrap();
    let found = canonical::to_bytes(&shapes).unwrap();
    assert_eq!(String::from_utf8(found).unwrap(), String::from_utf8(expected).unwrap());
    let deep = [Shape::Newtype(0), Shape::Unit];
    let wrong = json!({"a": deep, "b": [{"c": 1.5}]});
    let flaw = canonical::to_bytes(&wrong).unwrap_err();
    assert_eq!(flaw, CanonicalError::NotAnInteger { path: "b[0].c".into(), found: "1.5".into() });
}

#[test]
fn documents_are_bounded_before_they_are_parsed() {
    let refused = canonical::from_bytes::<Document>(&[b'['; 100], 99).unwrap_err();
    assert_eq!(refused, CanonicalError::TooLarge { limit: 99, found: 100 });
    let deep = vec![b'['; LIMIT];
    assert!(matches!(canonical::from_bytes::<Value>(&deep, LIMIT), Err(CanonicalError::NotReadable { .. })));
}

/// SHA-256 over 00 00 00 00 00 00 00 03 "abc" "def", computed with coreutils' `sha256sum`.
#[test]
fn hash_of_a_domain() {
    let expected = "d68396a1888817f56a5edc682b6deffc4cd91b85bf28282bb366a2ea04e02da9";
    assert_eq!(Hash::of("abc", b"def").to_string(), expected);
    assert_ne!(Hash::of("ab", b"cdef"), Hash::of("abc", b"def"));
    assert_eq!(canonical::hash("abc", &"d").unwrap(), Hash::of("abc", b"\"d\""));
}

#[test]
fn hashes_have_one_spelling() {
    let hash = Hash::of("a", b"b");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(serde_json::to_value(hash).unwrap(), json!(hash.to_string()));
    for text in ["", "00", &hash.to_string().to_uppercase(), &format!("{hash}0"), &"g".repeat(64)] {
        assert!(matches!(text.parse::<Hash>(), Err(CanonicalError::NotAHash { .. })), "{text}");
        assert!(serde_json::from_value::<Hash>(json!(text)).is_err());
    }
}

fn documents() -> impl Strategy<Value = Value> {
    const END: i64 = 1 << 53;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (1 - END..END).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_document_reads_back(document in documents()) {
        let bytes = canonical::to_bytes(&document).unwrap();
        prop_assert_eq!(canonical::from_bytes::<Value>(&bytes, usize::MAX).unwrap(), document);
    }

    /// An independent implementation writes the same bytes.
    #[test]
    fn documents_are_written_as_others_write_them(document in documents()) {
        prop_assert_eq!(canonical::to_bytes(&document).unwrap(), serde_jcs::to_vec(&document).unwrap());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(document) = canonical::from_bytes::<Value>(&bytes, LIMIT) {
            prop_assert_eq!(canonical::to_bytes(&document).unwrap(), bytes);
        }
    }

    /// No other bytes have the same id: a changed byte is not readable or makes another contract.
    #[test]
    fn a_changed_byte_changes_the_contract(at in any::<prop::sample::Index>(), change in 1_u8..) {
        let contract = World::new().contract;
        let mut bytes = contract.bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(other) = Contract::from_bytes(&bytes) {
            prop_assert_ne!(other.id().unwrap(), contract.id().unwrap());
        }
    }
}

/// Contracts of the former format are on ledgers: they are read, and named, as they always were.
#[test]
fn the_former_format_keeps_its_form() {
    let mut former = World::new().contract;
    (former.format, former.audit) = ("treaty-contract/1".into(), None);
    former.validate().unwrap();
    let bytes = former.bytes().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("audit"));
    assert_eq!(Contract::from_bytes(&bytes).unwrap(), former);
    assert_eq!(
        former.id().unwrap().to_string(),
        "d58ca82062140b6336f819fdb0e329aff0d705026e395e6d35eed5f0d9dcb89c"
    );
}
