//! What a founding document must satisfy.

use contract::{Hash, SigningKey, canonical::CanonicalError};
use ledger::{
    Alliance, Card, Standing,
    alliance::{AllianceFlaw, CERTIFICATE_BYTES_MAX, CardFlaw, MEMBERS_MAX, quorum_against_forks},
};

use crate::world::{World, key};

fn flaw(change: impl FnOnce(&World, &mut Alliance)) -> AllianceFlaw {
    let world = World::new();
    let mut alliance = world.alliance.clone();
    change(&world, &mut alliance);
    alliance.validate().unwrap_err()
}

#[test]
fn a_founding_document_is_read_back_and_names_the_alliance() {
    let alliance = World::new().alliance;
    let bytes = alliance.to_bytes().unwrap();
    assert_eq!(Alliance::from_bytes(&bytes), Ok(alliance.clone()));
    assert_eq!(alliance.id().unwrap(), Hash::of("alliance", &bytes));
    assert_eq!(alliance.card_named("lake").unwrap().member, World::new().did(1));
    let flaw = Alliance::from_bytes(&[&bytes, b"\n".as_slice()].concat()).unwrap_err();
    assert!(matches!(flaw, AllianceFlaw::Canonical(CanonicalError::NotCanonical { .. })));
}

#[test]
fn a_founding_document_must_make_sense() {
    let world = World::new();
    let found = "treaty-alliance/2".to_owned();
    assert_eq!(flaw(|_, a| a.format = "treaty-alliance/2".to_owned()), AllianceFlaw::Format { found });
    assert!(matches!(flaw(|_, a| a.name = String::new()), AllianceFlaw::Name(_)));
    assert_eq!(flaw(|_, a| a.members.clear()), AllianceFlaw::MemberCount { found: 0 });
    let many = |a: &mut Alliance| a.members = vec![a.members[0].clone(); MEMBERS_MAX + 1];
    assert_eq!(flaw(|_, a| many(a)), AllianceFlaw::MemberCount { found: MEMBERS_MAX + 1 });
    let member = world.alliance.members[0].member;
    assert_eq!(flaw(|_, a| a.members.swap(0, 1)), AllianceFlaw::MemberOrder { member });
    let twice = |a: &mut Alliance| a.members[1] = a.members[0].clone();
    assert_eq!(flaw(|_, a| twice(a)), AllianceFlaw::MemberOrder { member });
    let operator = world.regulator.did();
    assert_eq!(flaw(|_, a| a.operator = Some(operator)), AllianceFlaw::Operator { operator });
    let operator = world.stranger.did();
    assert_eq!(flaw(|_, a| a.operator = Some(operator)), AllianceFlaw::Operator { operator });
    assert_eq!(flaw(|_, a| a.quorum = 0), AllianceFlaw::Quorum { found: 0, members: 3 });
    assert_eq!(flaw(|_, a| a.quorum = 4), AllianceFlaw::Quorum { found: 4, members: 3 });
    let account = world.regulator.did();
    assert_eq!(flaw(|_, a| a.points.extend([(account, 1)])), AllianceFlaw::Account { account });
    let rich = |world: &World, a: &mut Alliance| a.points.extend([(world.did(0), (1 << 53) - 1)]);
    assert_eq!(flaw(rich), AllianceFlaw::TooManyPoints);
    assert!(matches!(flaw(|_, a| a.founded = 1 << 53), AllianceFlaw::Canonical(_)));
}

#[test]
fn two_quorums_against_forks_share_a_member_besides_the_operator() {
    for members in 1..=128 {
        let quorum = quorum_against_forks(members);
        let (others, cosigners) = (members - 1, quorum - 1);
        assert!(quorum <= members);
        assert!(members == 1 || 2 * cosigners > others);
        assert!(quorum == 1 || 2 * (cosigners - 1) <= others, "a smaller one would not do");
    }
}

#[test]
fn names_and_certificates_belong_to_one_member() {
    let world = World::new();
    let copied = |name: &str, certificate: &[u8]| {
        let south = world.did(2);
        let card = Card::sign(&key(3), name, Standing::Member, "h:1", "https://h:2", certificate).unwrap();
        let flaw = flaw(|_, a| *a.members.iter_mut().find(|card| card.member == south).unwrap() = card);
        match flaw {
            AllianceFlaw::Shared { what, .. } => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(copied("north", b"certificate of south"), "name");
    assert_eq!(copied("south", b"certificate of north"), "certificate");
}

#[test]
fn a_card_is_well_formed_and_signed_by_its_member() {
    let sign = |name: &str, peer: &str, api: &str, certificate: &[u8]| {
        Card::sign(&key(1), name, Standing::Member, peer, api, certificate)
    };
    let (peer, api) = ("node.north.example:7001", "https://node.north.example:7002");
    for (peer, api) in
        [(peer, api), ("[::1]:1", "http://[::1]:65535"), ("10.0.0.1:7001", "http://127.0.0.1:80")]
    {
        sign("north", peer, api, b"der").unwrap();
    }
    for name in ["", "North", "1st", "-a", "a_b", "a b", &"a".repeat(33)] {
        assert!(matches!(sign(name, peer, api, b"der"), Err(CardFlaw::Name { .. })), "{name}");
    }
    for peer in
        ["", "north", "north:", ":1", "north:0", "north:65536", "north:+1", "no rth:1", "::1:1", "[x]:1"]
    {
        assert!(matches!(sign("north", peer, api, b"der"), Err(CardFlaw::Peer { .. })), "{peer}");
    }
    for api in ["", "north:1", "http://north:1", "https://north", "https://north:1/", "ftp://localhost:1"] {
        assert!(matches!(sign("north", peer, api, b"der"), Err(CardFlaw::Api { .. })), "{api}");
    }
    assert_eq!(sign("north", peer, api, b""), Err(CardFlaw::Certificate));
    let large = vec![0; CERTIFICATE_BYTES_MAX + 1];
    assert_eq!(sign("north", peer, api, &large), Err(CardFlaw::Certificate));
    assert!(sign("north", peer, api, &large[1..]).is_ok());

    let card = sign("north", peer, api, b"der").unwrap();
    let forged = |change: fn(&mut Card)| {
        let mut changed = card.clone();
        change(&mut changed);
        changed.verify().unwrap_err()
    };
    assert_eq!(forged(|card| card.standing = Standing::Regulator), CardFlaw::Forged);
    assert_eq!(forged(|card| card.peer = "evil.example:1".to_owned()), CardFlaw::Forged);
    assert_eq!(forged(|card| card.certificate = "ZGVy".repeat(2)), CardFlaw::Forged);
    assert_eq!(forged(|card| card.member = SigningKey::from_seed(&[7; 32]).did()), CardFlaw::Forged);
    assert_eq!(forged(|card| card.certificate = "ZGV".to_owned()), CardFlaw::Certificate);
}
