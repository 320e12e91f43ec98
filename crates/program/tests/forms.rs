//! The binary form and the listing: each reads back to the same program, and nothing else is accepted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod generate;

use std::collections::BTreeSet;

use proptest::prelude::*;
use treaty_program::{
    Builder, Divide, Flaw, Key, Kind, Misread, Operation, Program, SquareRoot, Undecodable, ValueId,
};

fn choices() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..600)
}

proptest! {
    #[test]
    fn both_forms_round_trip(choices in choices(), rows in 0u32..6, steps in 0usize..60) {
        let (program, _) = generate::program(&choices, rows, steps);
        prop_assert_eq!(&Program::from_bytes(&program.to_bytes()).unwrap(), &program);
        let listing = program.to_string();
        prop_assert_eq!(&Program::parse(&listing).unwrap(), &program, "{}", listing);
    }

    #[test]
    fn decoding_is_strict(choices in choices(), at in any::<prop::sample::Index>(), xor in 1u8..) {
        let (program, _) = generate::program(&choices, 3, 20);
        let mut bytes = program.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= xor;
        // Either refused, or another program with exactly these bytes.
        if let Ok(other) = Program::from_bytes(&bytes) {
            prop_assert_ne!(&other, &program);
            prop_assert_ne!(other.hash(), program.hash());
            prop_assert_eq!(other.to_bytes(), bytes);
        }
    }

    #[test]
    fn decoding_is_total(tail in proptest::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
        let (program, _) = generate::program(&[7; 90], 3, 20);
        let bytes = program.to_bytes();
        let kept = cut.index(bytes.len());
        prop_assert!(Program::from_bytes(&bytes[..kept]).is_err());
        let _ = Program::from_bytes(&[&bytes[..kept], &tail[..]].concat());
        let _ = Program::from_bytes(&tail);
    }

    #[test]
    fn parsing_is_total(choices in choices(), at in any::<prop::sample::Index>(), with in "[ -~é\n]{0,4}", gone in 0usize..6) {
        let (program, _) = generate::program(&choices, 3, 20);
        let mut listing: Vec<char> = program.to_string().chars().collect();
        let at = at.index(listing.len());
        let until = (at + gone).min(listing.len());
        listing.splice(at..until, with.chars());
        // Either refused, or a program that reads back from its own listing.
        if let Ok(other) = Program::parse(&listing.iter().collect::<String>()) {
            prop_assert_eq!(&Program::parse(&other.to_string()).unwrap(), &other);
            other.verify().unwrap();
        }
    }
}

/// Every operation once, as the compiler would use it.
fn showcase() -> Program {
    let mut b = Builder::new();
    let sql = "SELECT sum(salary), count(*), bool_or(senior)\nFROM salaries\nGROUP BY rank";
    let north = b.stage(0, "salaries", "north/salaries@1", sql, 6).unwrap();
    let south = b.stage(1, "salaries", "south/salaries@2", "SELECT 1", 6).unwrap();
    let x = b.input("sum of salary, north", north, 0, Kind::Integer, 40).unwrap();
    let n = b.input("rows, north", north, 1, Kind::Integer, 20).unwrap();
    let senior = b.input("any \"senior\", north", north, 2, Kind::Bit, 1).unwrap();
    let y = b.input("sum of salary, south", south, 0, Kind::Integer, 40).unwrap();
    let total = b.add(x, y).unwrap();
    let floor = b.constant(vec![10; 6]).unwrap();
    let few = b.less_than(n, floor).unwrap();
    let keep = b.not(few).unwrap();
    let mean = b
        .divide(Divide {
            numerator: total,
            denominator: n,
            numerator_bits: 41,
            denominator_bits: 20,
            result_bits: 41,
            fraction: 24,
        })
        .unwrap();
    let zero = b.constant(vec![0, 0, 0, 1, -2, 0]).unwrap();
    let shown = b.select(keep, mean, zero).unwrap();
    let difference = b.subtract(x, y).unwrap();
    let variance = b.multiply(difference, difference).unwrap();
    let root = SquareRoot { of: variance, bits: 82, fraction_in: 12, fraction_out: 24 };
    let root = b.square_root(root).unwrap();
    let negative = b.negate(root).unwrap();
    let all = b.sum(negative).unwrap();
    let all = b.repeat(all, 6).unwrap();
    let (least, most) = (b.minimum(x, y).unwrap(), b.maximum(x, all).unwrap());
    let same = b.equal(least, most).unwrap();
    let bits = b.constant_bits(&[true, false, true, true, true, false]).unwrap();
    let both = b.and(same, bits).unwrap();
    let either = b.or(both, senior).unwrap();
    let one = b.xor(either, keep).unwrap();
    let one = b.to_integer(one).unwrap();
    let part = b.slice(one, 1, 3).unwrap();
    let joined = b.concat(vec![part, shown, part]).unwrap();
    b.output("keep", keep).unwrap();
    b.output("mean", shown).unwrap();
    b.output("joined", joined).unwrap();
    b.finish().unwrap()
}

/// Fixed-point numbers, matrices, functions, orders, groups and joins.
fn tables() -> Program {
    let mut b = Builder::new();
    let shop = b.stage(0, "sales", "shop/sales@3", "SELECT product, price, amount FROM sales", 8).unwrap();
    let bank = b.stage(1, "rates", "bank/rates@1", "SELECT product, rate FROM rates", 4).unwrap();
    b.read_beside(bank, "currencies", "bank/currencies@7").unwrap();
    b.read_beside(bank, "the \"old\" rates", "bank/rates@0").unwrap();
    let product = b.input("product", shop, 0, Kind::Integer, 16).unwrap();
    let price = b.input("price", shop, 1, Kind::Fixed(18), 40).unwrap();
    let amount = b.input("amount", shop, 2, Kind::Integer, 12).unwrap();
    let known = b.input("known product", bank, 0, Kind::Integer, 16).unwrap();
    let rate = b.input("rate", bank, 1, Kind::Integer, 30).unwrap();
    let exact = b.multiply(price, amount).unwrap();
    let square = b.multiply(price, price).unwrap();
    let square = b.rescale_near(square, 18).unwrap();
    let whole = b.push(Operation::Floor(square)).unwrap();
    let down = b.rescale(exact, 4).unwrap();
    let half = b.push(Operation::ShiftRight { of: amount, places: 1 }).unwrap();
    let double = b.push(Operation::ShiftLeft { of: half, places: 2 }).unwrap();
    let matrix = b.reshape(price, 4, 2).unwrap();
    let turned = b.transpose(matrix).unwrap();
    let gram = b.matrix_multiply(turned, matrix).unwrap();
    let small = b.read_as(amount, Kind::Fixed(10)).unwrap();
    let powers = [b.exp(small, 6), b.sigmoid(small), b.push(Operation::Tanh(small))].map(Result::unwrap);
    let one = b.push(Operation::Constant { kind: Kind::Fixed(10), values: vec![1024; 8] }).unwrap();
    let above = b.maximum(small, one).unwrap();
    let log = b.push(Operation::Log(above)).unwrap();
    let least = b.push(Operation::Least(price)).unwrap();
    let most = b.push(Operation::Greatest(price)).unwrap();
    let running = b.push(Operation::RunningSum(amount)).unwrap();
    let bits = b.push(Operation::Decompose { of: product, width: 2 }).unwrap();
    let starts = b.slice(bits, 8, 8).unwrap();
    let low = b.push(Operation::RunningMinimum { of: price, starts }).unwrap();
    let high = b.push(Operation::RunningMaximum { of: price, starts }).unwrap();
    let keys = [(product, false), (price, true)].map(|(of, descending)| Key { of, descending });
    let order = b.sort(keys.to_vec()).unwrap();
    let sorted = b.push(Operation::Arrange { of: amount, order }).unwrap();
    let back = b.push(Operation::Restore { of: sorted, order }).unwrap();
    let groups = b.group(vec![product, starts]).unwrap();
    let sums = b.group_sum(exact, groups).unwrap();
    let key = b.push(Operation::GroupMinimum { of: product, groups }).unwrap();
    let top = b.push(Operation::GroupMaximum { of: price, groups }).unwrap();
    let there = b.push(Operation::Occupied(groups)).unwrap();
    let rates = b.lookup(vec![product], vec![known], vec![rate]).unwrap();
    let columns =
        [whole, down, double, gram, log, least, most, running, low, high, back, sums, key, top, there, rates];
    for (i, &value) in columns.iter().chain(&powers).enumerate() {
        b.output(format!("result {i}"), value).unwrap();
    }
    b.finish().unwrap()
}

#[test]
fn listing_of_tables_reads_well() {
    let program = tables();
    insta::assert_snapshot!(program.to_string());
    assert_eq!(Program::parse(&program.to_string()), Ok(program.clone()));
    assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program));
}

#[test]
fn listing_reads_well() {
    insta::assert_snapshot!(showcase().to_string());
}

#[test]
fn hash_is_pinned() {
    // Changes only with the format's version: contracts name programs by it.
    insta::assert_snapshot!(hex::encode(showcase().hash()));
    insta::assert_snapshot!(hex::encode(tables().hash()));
}

fn names(program: &Program) -> BTreeSet<&'static str> {
    program.body.iter().map(Operation::name).collect()
}

fn noise(numerator: u64, denominator: u64) -> Result<Program, Flaw> {
    let mut b = Builder::new();
    let drawn = b.push(Operation::Noise { rows: 3, numerator, denominator })?;
    b.output("noise", drawn)?;
    b.finish()
}

#[test]
fn noise_is_written_and_read_in_lowest_terms() {
    let program = noise(5, 2).unwrap();
    let listing = program.to_string();
    assert!(listing.contains("noise of scale 5/2 in 3 rows"), "{listing}");
    assert_eq!(Program::parse(&listing), Ok(program.clone()));
    assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program.clone()));
    assert_eq!(treaty_program::interpret(&program, &[]), Ok(vec![vec![0; 3]]));
    for (numerator, denominator) in [(0, 1), (1, 0), (10, 4), (1 << 57, 1)] {
        let refused = noise(numerator, denominator).unwrap_err();
        assert!(matches!(refused, Flaw::Parameter { operation: "noise", .. }), "{refused:?}");
    }
}

fn gaussian(numerator: u64, denominator: u64) -> Result<Program, Flaw> {
    let mut b = Builder::new();
    let drawn = b.push(Operation::Gaussian { rows: 3, numerator, denominator })?;
    b.output("noise", drawn)?;
    b.finish()
}

#[test]
fn gaussian_noise_is_written_and_read_in_lowest_terms() {
    let program = gaussian(5, 2).unwrap();
    let listing = program.to_string();
    assert!(listing.contains("gaussian noise of deviation 5/2 in 3 rows"), "{listing}");
    assert_eq!(Program::parse(&listing), Ok(program.clone()));
    assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program.clone()));
    assert_eq!(treaty_program::interpret(&program, &[]), Ok(vec![vec![0; 3]]));
    for (numerator, denominator) in [(0, 1), (1, 0), (10, 4), (1 << 57, 1)] {
        let refused = gaussian(numerator, denominator).unwrap_err();
        assert!(matches!(refused, Flaw::Parameter { operation: "gaussian noise", .. }), "{refused:?}");
    }
}

#[test]
fn every_operation_is_in_the_showcases() {
    let all = &(&names(&showcase()) | &names(&tables())) | &names(&noise(5, 2).unwrap());
    let all = &all | &names(&gaussian(5, 2).unwrap());
    assert_eq!(all.len(), Operation::NAMES.len());
}

#[test]
fn random_programs_reach_every_operation() {
    let choices =
        |seed: u32| (0..600u32).map(move |i| (seed + 1).wrapping_mul(i + 7).wrapping_mul(0x9E37_79B9) >> 7);
    let found = (0..400).map(|seed| names(&generate::program(&choices(seed).collect::<Vec<_>>(), 4, 60).0));
    // Noise is left out: with it a program's results are not those of the reference.
    let all = Operation::NAMES.iter().copied().filter(|name| !name.ends_with("noise"));
    let missing = found.fold(BTreeSet::from_iter(all), |all, found| &all - &found);
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_flawed_program_lists_its_flaw() {
    let mut program = showcase();
    program.body.push(Operation::Not(ValueId(0)));
    let listing = program.to_string();
    assert!(
        listing.ends_with("refused: not at v27 needs bit operands, but v0 is a column of kind integer\n"),
        "{listing}"
    );
    assert!(Program::parse(&listing).is_err());
}

fn misread(from: &str, to: &str) -> Misread {
    let listing = showcase().to_string();
    assert!(listing.contains(from), "{listing}");
    Program::parse(&listing.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn misreadings_name_line_and_column() {
    assert!(matches!(
        misread("treaty program 1", "treaty program 2"),
        Misread::Unexpected { line: 1, column: 1, .. }
    ));
    assert!(matches!(misread("v4: ", "v5: "), Misread::Numbering { expected: 4, found: 5, .. }));
    assert!(matches!(misread("stage 1:", "stage 3:"), Misread::Numbering { expected: 1, found: 3, .. }));
    assert!(matches!(misread("v4: integer[6]", "v4: integer[7]"), Misread::Type { value: ValueId(4), .. }));
    assert!(matches!(misread("v4: integer[6]", "v4: public integer[6]"), Misread::Type { .. }));
    assert!(matches!(misread("constant 10 x 6", "constant 10 x 9999999"), Misread::LongConstant { .. }));
    assert!(matches!(misread("constant 10 x 6", "constant 10 x 1"), Misread::Unexpected { .. }));
    assert!(matches!(misread("constant 10 x 6", "constant 010 x 6"), Misread::Unexpected { .. }));
    assert!(matches!(misread("v0 + v3", "v0 % v3"), Misread::Unexpected { .. }));
    assert!(matches!(misread("v0 + v3", "v0 + v9"), Misread::Refused(Flaw::Undefined { .. })));
    assert!(matches!(misread("v0 + v3", "v0 + v3 "), Misread::Unexpected { .. }));
    let beside = |line: &str| misread("  | SELECT 1", &format!("{line}\n  | SELECT 1"));
    assert!(matches!(beside("  beside \"d\" as t"), Misread::Unexpected { column: 17, .. }));
    assert!(matches!(beside("  beside \"d\" as \"t\", dataset 1"), Misread::Unexpected { .. }));
    // It is no line of a query either.
    assert!(matches!(beside(" beside \"d\" as \"t\""), Misread::Refused(Flaw::Text { .. })));
    let twice = beside("  beside \"d\" as \"salaries\"");
    assert_eq!(twice, Misread::Refused(Flaw::DuplicateTable { name: "salaries".into() }));
    let behind = misread("  | SELECT 1", "  | SELECT 1\n  beside \"d\" as \"t\"");
    assert!(matches!(behind, Misread::Unexpected { column: 1, .. }));
    let late = misread("output", "v27: integer[6] = input \"late\", stage 1 column 7, 3 bits\noutput");
    assert!(matches!(late, Misread::Refused(Flaw::LateInput { .. })));
}

#[test]
fn undecodable_bytes_name_what_is_wrong() {
    let bytes = showcase().to_bytes();
    let read = |bytes: &[u8]| Program::from_bytes(bytes).unwrap_err();
    assert_eq!(read(b"treaty-program/1\n"), Undecodable::Format);
    assert_eq!(read(&[&bytes[..], &[0]].concat()), Undecodable::Trailing { count: 1 });
    assert!(matches!(read(&bytes[..bytes.len() - 1]), Undecodable::Truncated { .. }));
    let many = [&bytes[..17], &u32::MAX.to_le_bytes()].concat();
    assert_eq!(read(&many), Undecodable::Count { what: "stages", count: u32::MAX, at: 17 });
    assert_eq!(read(&vec![0; (1 << 26) + 1]), Undecodable::TooLong { found: (1 << 26) + 1, most: 1 << 26 });
    // The first stage's table name begins after the magic, the count, the provider and the length.
    let mut text = bytes.clone();
    text[27] = 0xFF;
    assert_eq!(read(&text), Undecodable::NotText { what: "a table name", at: 27 });
    // That table is `salaries` and its dataset `north/salaries@1`; behind them is the count of those beside it.
    let mut besides = bytes.clone();
    besides[58] = 0xFF;
    let what = "datasets beside a stage's own";
    assert_eq!(read(&besides), Undecodable::Count { what, count: 0xFF00_0000, at: 55 });
    let kind = bytes.windows(4).position(|w| w == [0, 0, 1, 40]).unwrap() + 2;
    let mut unknown = bytes;
    unknown[kind] = 9;
    assert_eq!(read(&unknown), Undecodable::Unknown { what: "kind", found: 9, at: kind });
    let mut hidden = showcase();
    hidden.stages[0].sql.push('\u{202E}');
    assert!(matches!(read(&hidden.to_bytes()), Undecodable::Refused(Flaw::Text { .. })));
}
