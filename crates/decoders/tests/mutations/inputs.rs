//! Valid inputs of every decoder.

use contract::{Hash, audit::Opinion};
use engine::mpc::Dealing;
use engine::schemes::shamir::Threshold;
use engine::schemes::{Plain, Rep3, Rep3Malicious, Shamir, ShamirMalicious, ShamirResilient};
use ledger::{Action, Content, Entry, Ledger, Proof};
use ring::{Lanes, Mersenne61, Number, Prg, Seed};

use crate::generate;
use crate::world::{FOUNDED, World, hash};

/// Those of the target of that name.
pub(crate) fn valid(target: &str) -> Vec<Vec<u8>> {
    match target {
        "elements" => vec![(0..=255).collect(), vec![0xff; 48]],
        "share_message" => share_messages(),
        "frames" => vec![frames(&[(7, b"abc"), (0, b""), (u64::MAX, &[9; 300])]), frames(&[])],
        "abci" => questions(),
        "startup" => startups(),
        "prepared" => prepared(),
        "statement" => statements(),
        "cell" => cells(),
        "program" => programs().map(|program| program.to_bytes()).collect(),
        "listing" => programs().map(|program| program.to_string().into_bytes()).collect(),
        "contract" => contracts(),
        "alliance" => vec![World::new().alliance.to_bytes().unwrap()],
        _ => on_ledger(target),
    }
}

/// Of both formats.
fn contracts() -> Vec<Vec<u8>> {
    let present = World::new().contract();
    let mut former = present.clone();
    (former.format, former.audit) = ("treaty-contract/1".to_owned(), None);
    [present, former].iter().map(|one| contract::canonical::to_bytes(one).unwrap()).collect()
}

/// First messages of connections and of a login, as PostgreSQL's clients send them.
fn startups() -> Vec<Vec<u8>> {
    let code = |major: u16, minor: u16| [major.to_be_bytes(), minor.to_be_bytes()].concat();
    let session = |minor| [&code(3, minor)[..], b"user\0north\0database\0c0ffee\0options\0\0\0"].concat();
    let login = b"SCRAM-SHA-256\0\0\0\0\x0cn,,n=,r=abcd";
    vec![code(1234, 5679), code(1234, 5680), code(1234, 5678), session(0), session(2), login.to_vec()]
}

/// Messages about prepared statements, after their letters.
fn prepared() -> Vec<Vec<u8>> {
    let messages: [&[u8]; 8] = [
        b"Ps1\0SELECT team, COUNT(*) AS n FROM pay GROUP BY team\0\0\x02\0\0\0\x17\0\0\0\x19",
        b"P\0BEGIN\0\0\0",
        b"B\0s1\0\0\0\0\0\0\x01\0\x01",
        b"Bp\0s1\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02ab\0\x02\0\0\0\x01",
        b"DSs1\0",
        b"CPp\0",
        b"Ep\0\0\0\0\x07",
        b"E\0\0\0\0\0",
    ];
    messages.map(<[u8]>::to_vec).to_vec()
}

fn statements() -> Vec<Vec<u8>> {
    let texts = [
        "SELECT team, COUNT(*) AS n FROM pay WHERE team <> 'it''s  a;' -- all; of them\n GROUP BY team;",
        "SELECT `a` /* b /* c */ ' */ , \"d;\" || E'\\'' || $$ x $$ FROM pay; -- end",
        "BEGIN",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Values after the numbers of their forms, as PostgreSQL's servers send them.
fn cells() -> Vec<Vec<u8>> {
    // 12.50 in groups of four digits: two, of which the first counts ones; positive; two after the point.
    let numeric = [0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x13, 0x88];
    let values: [(u8, &[u8]); 9] = [
        (0, &[1]),
        (1, &[0xff, 0xfe]),
        (3, &[0; 8]),
        (4, &numeric),
        (5, &numeric),
        (6, &[0; 8]),
        (8, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        (10, "größe  ".as_bytes()),
        (11, &[0, 0, 0x22, 0x3d]),
    ];
    values.map(|(form, value)| [&[form], value].concat()).to_vec()
}

fn share_messages() -> Vec<Vec<u8>> {
    let mut prg = Prg::new(Seed::from([7; 32]));
    let words = [Lanes(5), Lanes(u64::MAX)];
    let rep3 = <Rep3<u64> as Dealing<u64>>::deal((), &[1, 2, 3], &mut prg);
    let malicious = <Rep3Malicious<u128> as Dealing<Lanes>>::deal((), &words, &mut prg);
    let plain = <Plain<u64> as Dealing<u64>>::deal((), &[1, 2, 3], &mut prg);
    let setting = Threshold::new(3, 1).unwrap();
    let numbers = [4, 5].map(Mersenne61::from_u128);
    let shamir = <Shamir as Dealing<Mersenne61>>::deal(setting, &numbers, &mut prg);
    let active = <ShamirMalicious as Dealing<Mersenne61>>::deal(setting, &numbers, &mut prg);
    let resilient = <ShamirResilient as Dealing<Mersenne61>>::deal(setting, &numbers, &mut prg);
    vec![
        rep3.concat(),
        rep3[0].clone(),
        malicious.concat(),
        malicious[1].clone(),
        plain.concat(),
        shamir.concat(),
        shamir[2].clone(),
        active.concat(),
        resilient[..2].concat(),
    ]
}

/// A stream of frames, each a channel and a body, with a keep-alive at its end.
fn frames(frames: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (channel, body) in frames {
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0, 3, 0, 0, 0]);
        bytes.extend_from_slice(&channel.to_le_bytes());
        bytes.extend_from_slice(body);
    }
    bytes.extend_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// Questions of CometBFT: an echo, a transaction, a proposal, a block, an offered snapshot and a chunk of one.
fn questions() -> Vec<Vec<u8>> {
    let time = field(6, &number(1, 1_900_000_000));
    let proposal = [number(1, 1 << 20), field(2, b"first"), field(2, b"second"), time.clone()].concat();
    let block = [field(1, b"first"), field(1, b""), number(5, 7), time].concat();
    let snapshot = [number(1, 9), number(2, 1), number(3, 2), field(4, &[5; 32]), field(5, &[0; 8])].concat();
    let offer = [field(1, &snapshot), field(2, &[5; 32])].concat();
    let chunk = [number(1, 1), field(2, &[1, 0, 0, 0, 9]), field(3, b"somebody")].concat();
    let check = [field(1, b"a transaction"), number(2, 1)].concat();
    let validator = [field(1, &field(1, &[3; 32])), number(2, 10)].concat();
    let chain = [field(2, b"treaty-1"), field(4, &validator), field(4, &validator)].concat();
    let asked = [
        (1, field(1, b"echo")),
        (5, chain),
        (8, check),
        (13, offer),
        (15, chunk),
        (16, proposal),
        (20, block),
    ];
    let framed = asked.map(|(tag, message)| {
        let request = field(tag, &message);
        [varint(request.len() as u64), request].concat()
    });
    framed.iter().cloned().chain([framed.concat()]).collect()
}

/// A field of protobuf that holds bytes.
fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field of protobuf that holds a number.
fn number(tag: u64, value: u64) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn programs() -> impl Iterator<Item = program::Program> {
    (1..6u32).map(|seed| {
        let choices: Vec<_> =
            (0..200u32).map(|place| (place + 7).wrapping_mul(2_654_435_761_u32.wrapping_mul(seed))).collect();
        generate::program(&choices, seed % 4, 25).0
    })
}

/// What is on the ledger of one completed run.
fn on_ledger(target: &str) -> Vec<Vec<u8>> {
    let mut world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.redb"), world.alliance.clone()).unwrap();
    for (transaction, now) in world.whole_path(hash("run")).into_iter().zip(FOUNDED + 10..) {
        ledger.append(now, vec![transaction]).unwrap()[0].as_ref().unwrap();
    }
    ledger.sign_checkpoint(&world.members[0]).unwrap();
    let mut notes = Vec::new();
    for cosigner in [&world.regulator, &world.members[1]] {
        notes.push(ledger.cosign(cosigner, FOUNDED + 100).unwrap());
        ledger.add_cosignature(&notes[notes.len() - 1]).unwrap();
    }
    let entries = ledger.entries(0, usize::MAX).unwrap();
    let bytes = |entry: &Entry| entry.to_bytes().unwrap();
    match target {
        "entry" => entries.iter().map(bytes).collect(),
        "transaction" => {
            let signed = entries.iter().filter_map(|entry| match &entry.content {
                Content::Transaction(signed) => Some(signed.to_bytes().unwrap()),
                Content::Alliance(_) => None,
            });
            let (contract, report) = (hash("contract"), hash("report"));
            let opinion = Opinion::Declined { reason: "groups of five are too small".to_owned() };
            let action = Action::AuditContract { contract, report, opinion };
            signed.chain([world.sign_as(&world.regulator, 1, action).to_bytes().unwrap()]).collect()
        }
        "chunk" => {
            let framed = |leaf: Vec<u8>| [(leaf.len() as u32).to_le_bytes().to_vec(), leaf].concat();
            let proved =
                |hashes: u8, leaves| [vec![hashes], vec![7; 32 * usize::from(hashes)], leaves].concat();
            let all = entries.iter().flat_map(|entry| framed(bytes(entry))).collect();
            vec![proved(2, all), proved(1, framed(Vec::new())), proved(0, Vec::new())]
        }
        "page" => vec![ledger.page(3).unwrap().to_bytes().unwrap()],
        "note" => notes.into_iter().map(String::into_bytes).collect(),
        "proof" => vec![proof(&ledger, hash("run")).to_bytes().unwrap()],
        other => panic!("no valid inputs for `{other}`"),
    }
}

fn proof(ledger: &Ledger, run: Hash) -> Proof {
    Proof::export(ledger, run, crate::world::PROGRAM.to_owned()).unwrap()
}
