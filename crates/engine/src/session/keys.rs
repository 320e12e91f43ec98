//! Keys that pairs of parties share.

use std::collections::BTreeMap;

use ring::{Column, Lanes, Prg, Ring, Seed};

use super::{Link, Party};
use crate::error::{Error, Result};

/// A seed from the operating system.
///
/// # Errors
/// [`Error::NoRandomness`] when the operating system has none to give.
pub fn fresh_seed() -> Result<Seed> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(Seed::from(bytes))
}

/// The seeds that one party shares with each of its peers, and one that all parties share.
///
/// Each pair's seed comes from a contribution of both, so that it is uniform when either of them is honest, and
/// secret as far as the transport between them is.
pub struct PeerKeys {
    common: Seed,
    with: BTreeMap<Party, Seed>,
}

impl PeerKeys {
    /// Agrees on a seed with each peer: one message of 64 bytes to each, one round.
    ///
    /// `entropy` is this party's own secret: the same at every start makes the session's run repeatable, which
    /// is for tests alone.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn agree(link: &mut Link, entropy: &Seed) -> Result<Self> {
        let me = link.me();
        let parties = (0..link.parties()).map(Party);
        let mine = |peer: Party| entropy.child(&[b"to peer ".as_slice(), &peer.0.to_le_bytes()].concat());
        let for_all = entropy.child(b"to all");
        for peer in parties.clone().filter(|peer| *peer != me) {
            link.send(peer, words(&[&mine(peer), &for_all]).values())?;
        }
        let mut all = blake3::Hasher::new_derive_key("treaty 2026 engine seed of all parties");
        let mut with = BTreeMap::new();
        for peer in parties {
            if peer == me {
                all.update(for_all.expose());
                continue;
            }
            let [theirs, for_all] = seeds(&link.recv::<Lanes>(peer, 8)?);
            all.update(for_all.expose());
            with.insert(peer, joint((me, &mine(peer)), (peer, &theirs)));
        }
        let common = Seed::from(*all.finalize().as_bytes());
        Ok(Self { common, with })
    }

    /// The stream that all parties share: coins that no outsider knows, fair against passive adversaries.
    pub fn common(&self) -> Prg {
        Prg::new(self.common.clone())
    }

    /// The stream shared with `peer`; `None` for this party itself and for parties that don't exist.
    pub fn with(&self, peer: Party) -> Option<Prg> {
        self.with.get(&peer).cloned().map(Prg::new)
    }
}

/// Agrees on a seed within each of the `groups` of parties; `None` for those of which this party isn't a member. To each
/// peer one message of 32 bytes for each group in common, one round.
///
/// All members contribute. A member that sends others different contributions makes them end with different seeds.
///
/// # Errors
/// Those of the transport.
pub fn group_keys(link: &mut Link, entropy: &Seed, groups: &[Vec<Party>]) -> Result<Vec<Option<Seed>>> {
    let me = link.me();
    let mine = |group: usize| entropy.child(&[b"to group ".as_slice(), &group.to_le_bytes()].concat());
    let joined: Vec<_> = groups.iter().enumerate().filter(|(_, members)| members.contains(&me)).collect();
    let peers = (0..link.parties()).map(Party).filter(|peer| *peer != me);
    let in_common = |peer: Party| joined.iter().filter(move |(_, members)| members.contains(&peer));
    let mut contributions: BTreeMap<_, _> =
        joined.iter().map(|(group, _)| ((*group, me), mine(*group))).collect();
    for peer in peers.clone() {
        let sent: Vec<_> = in_common(peer).map(|(group, _)| mine(*group)).collect();
        if !sent.is_empty() {
            link.send(peer, words(&sent.iter().collect::<Vec<_>>()).values())?;
        }
    }
    for peer in peers {
        let expected = in_common(peer).count();
        if expected > 0 {
            let received = link.recv::<Lanes>(peer, 4 * expected)?;
            let received = in_common(peer).zip(received.values().chunks(4));
            contributions.extend(received.map(|((group, _), words)| ((*group, peer), seed(words))));
        }
    }
    let agreed = |(group, members): (usize, &Vec<Party>)| {
        members.contains(&me).then(|| {
            let mut hasher = blake3::Hasher::new_derive_key("treaty 2026 engine seed of a group");
            hasher.update(&group.to_le_bytes());
            for seed in members.iter().filter_map(|member| contributions.get(&(group, *member))) {
                hasher.update(seed.expose());
            }
            Seed::from(*hasher.finalize().as_bytes())
        })
    };
    Ok(groups.iter().enumerate().map(agreed).collect())
}

/// The seed of a pair: the hash of both contributions, that of the lower party first.
fn joint(mine: (Party, &Seed), theirs: (Party, &Seed)) -> Seed {
    let (first, second) = if mine.0 < theirs.0 { (mine.1, theirs.1) } else { (theirs.1, mine.1) };
    let mut hasher = blake3::Hasher::new_derive_key("treaty 2026 engine seed of a pair");
    hasher.update(first.expose()).update(second.expose());
    Seed::from(*hasher.finalize().as_bytes())
}

/// Seeds as words, four to a seed.
fn words(seeds: &[&Seed]) -> Column<Lanes> {
    let mut words = Column::zeros(4 * seeds.len());
    for (words, seed) in words.values_mut().chunks_exact_mut(4).zip(seeds) {
        Lanes::read_le(seed.expose(), words);
    }
    words
}

/// The inverse of [`words`] for two seeds; missing words count as zero.
fn seeds(words: &Column<Lanes>) -> [Seed; 2] {
    let mut halves = words.values().chunks(4).map(seed);
    [(); 2].map(|()| halves.next().unwrap_or_else(|| Seed::from([0; 32])))
}

/// The seed of four words.
fn seed(words: &[Lanes]) -> Seed {
    let mut seed = [0; 32];
    for (bytes, word) in seed.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.0.to_le_bytes());
    }
    Seed::from(seed)
}
