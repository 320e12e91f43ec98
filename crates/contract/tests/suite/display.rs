//! The contract in words.

use crate::world::{World, name};

#[test]
fn a_contract_reads_well() {
    let World { contract, .. } = World::new();
    insta::assert_snapshot!(contract.to_text(name, None));
}

#[test]
fn a_listing_and_other_names_are_shown() {
    let World { mut contract, .. } = World::new();
    contract.supersedes = Some(contract.id().unwrap());
    contract.limits.runs = 1;
    let text = contract.to_text(|member| format!("member {}", name(member)), Some("v0 = input\nv1 = sum v0"));
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_in_the_text_can_hide_or_pose_as_a_clause() {
    let World { mut contract, .. } = World::new();
    contract.title = "A title\n8. SETTLEMENT\u{202e}".to_owned();
    contract.parties[0].name = "north\u{1b}[2J".to_owned();
    contract.computation.sql = "SELECT 1\r\n\u{200b}".to_owned();
    let text = contract.to_text(name, None);
    assert!(text.contains("A title\u{fffd}8. SETTLEMENT\u{fffd}\n"));
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    assert!(!text.contains(['\u{202e}', '\u{200b}']));
}

#[test]
fn what_cannot_be_signed_is_shown_all_the_same() {
    let World { mut contract, .. } = World::new();
    contract.settlement.fee = u64::MAX;
    assert!(contract.to_text(name, None).contains("none: `settlement.fee` is 18446744073709551615"));
}
