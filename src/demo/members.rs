//! The members of a demonstration: keys, certificates and directories, on free ports.

use std::net::SocketAddr;
use std::path::PathBuf;

use api::{Client, Profile};
use contract::Did;
use ledger::Standing;
use loopback::free_address;
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
    let made = scenario.members.iter().map(|text| make_member(text, place, bft));
    Ok(made.collect::<Result<Vec<_>, _>>()?.into_iter().unzip())
}

/// Makes one more member, for an alliance that exists, and its identity card.
pub(super) fn make_one(name: &str, place: &Place, bft: bool) -> Result<(Member, PathBuf), DemoError> {
    make_member(&MemberText { name: name.to_owned(), regulator: false, points: 0 }, place, bft)
}

fn make_member(text: &MemberText, place: &Place, bft: bool) -> Result<(Member, PathBuf), DemoError> {
    let address = || free_address().map_err(DemoError::system("find a free port"));
    let (peer, api) = (address()?, address()?);
    let bft = if bft { Some(address()?) } else { None };
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
