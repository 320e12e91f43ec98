//! The members of a demonstration: keys, certificates and directories, on free ports.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use api::{Client, Profile};
use contract::Did;
use ledger::Standing;
use node::setup::{InitOptions, Initialised};

use super::DemoError;
use super::fleet::Berth;
use super::place::Place;
use super::scenario::{MemberText, Scenario};

/// A member with its node.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) did: Did,
    pub(super) berth: Berth,
    /// Its first person's connection to its node.
    pub(super) client: Client,
    api: SocketAddr,
    /// That person's profile.
    pub(super) profile: PathBuf,
}

impl Member {
    /// Address of its node's API.
    pub(super) fn api(&self) -> String {
        format!("https://{}", self.api)
    }
}

/// Makes every member's keys, certificate and directory, on free ports; and their identity cards.
pub(super) fn make(
    scenario: &Scenario,
    place: &Place,
    bft: bool,
) -> Result<(Vec<Member>, Vec<PathBuf>), DemoError> {
    // All ports stay taken until the last one is chosen, so that none is chosen twice.
    let mut taken = Vec::new();
    let mut made = Vec::new();
    for text in &scenario.members {
        let (peer, api) = (free_port(&mut taken)?, free_port(&mut taken)?);
        let bft = if bft { Some(free_port(&mut taken)?) } else { None };
        made.push((text, peer, api, bft));
    }
    drop(taken);
    let (mut members, mut cards) = (Vec::new(), Vec::new());
    for (text, peer, api, bft) in made {
        let (member, card) = make_member(text, place, peer, api, bft)?;
        members.push(member);
        cards.push(card);
    }
    Ok((members, cards))
}

/// Makes one more member, for an alliance that exists, and its identity card.
pub(super) fn make_one(name: &str, place: &Place, bft: bool) -> Result<(Member, PathBuf), DemoError> {
    let mut taken = Vec::new();
    let (peer, api) = (free_port(&mut taken)?, free_port(&mut taken)?);
    let bft = if bft { Some(free_port(&mut taken)?) } else { None };
    drop(taken);
    let text = MemberText { name: name.to_owned(), regulator: false, points: 0 };
    make_member(&text, place, peer, api, bft)
}

fn make_member(
    text: &MemberText,
    place: &Place,
    peer: SocketAddr,
    api: SocketAddr,
    bft: Option<SocketAddr>,
) -> Result<(Member, PathBuf), DemoError> {
    let directory = place.member(&text.name);
    let options = InitOptions {
        name: text.name.clone(),
        standing: if text.regulator { Standing::Regulator } else { Standing::Member },
        peer: peer.to_string(),
        api: api.to_string(),
        bft: bft.map(|address| address.to_string()),
    };
    let Initialised { did, card, profile, .. } = node::setup::init(&directory, options)?;
    let client = Client::new(&Profile::read(&profile)?).map_err(DemoError::client(&text.name))?;
    let berth = Berth { member: text.name.clone(), directory, log: place.log(&text.name) };
    Ok((Member { name: text.name.clone(), did, berth, client, api, profile }, card))
}

fn free_port(taken: &mut Vec<TcpListener>) -> Result<SocketAddr, DemoError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(DemoError::system("find a free port"))?;
    let address = listener.local_addr().map_err(DemoError::system("find a free port"))?;
    taken.push(listener);
    Ok(address)
}
