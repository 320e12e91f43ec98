//! The byte form of share messages, common to the schemes.
//!
//! Twelve bytes of header (scheme, ring, party, zero; then the number of elements, little-endian), followed by the
//! components that the party holds, each a salt of 16 bytes and the elements in their byte form. The salt keeps
//! a commitment to a short component from being searched.

use ring::{Column, Lanes, Mersenne61, Ring};

use crate::error::{Result, ShareMessageFault};
use crate::session::Party;

const HEADER: usize = 12;
const SALT: usize = 16;

/// One component: its salt and its elements.
pub(super) struct Component<D: Ring> {
    pub(super) salt: [u8; SALT],
    pub(super) values: Column<D>,
}

/// The message of `party` that holds `components`, all of equal length.
pub(super) fn encode<D: Ring>(scheme: u8, party: Party, components: &[&Component<D>]) -> Vec<u8> {
    let len = components.first().map_or(0, |component| component.values.len());
    let mut message = Vec::with_capacity(HEADER + components.len() * (SALT + len * D::BYTES));
    message.extend_from_slice(&[scheme, D::CODE, party.0 as u8, 0]);
    message.extend_from_slice(&(len as u64).to_le_bytes());
    for component in components {
        message.extend_from_slice(&component.salt);
        D::write_le(component.values.values(), &mut message);
    }
    message
}

/// What the receiver of a message expects of it.
pub(super) struct Expected {
    pub(super) scheme: u8,
    pub(super) party: Party,
    pub(super) components: usize,
    pub(super) len: usize,
}

/// The components of a message that is as expected.
pub(super) fn decode<D: Ring>(message: &[u8], expected: &Expected) -> Result<Vec<Component<D>>> {
    let parts = parts(message, expected.scheme, expected.components)?;
    let (party, len) = (Party(parts.party.into()), expected.len as u64);
    if parts.ring != D::CODE {
        return Err(ShareMessageFault::Ring { expected: D::CODE, found: parts.ring }.into());
    }
    if party != expected.party {
        return Err(ShareMessageFault::Party { expected: expected.party, found: party }.into());
    }
    if parts.len != len {
        return Err(ShareMessageFault::Rows { expected: len, found: parts.len }.into());
    }
    let component = |bytes: &&[u8]| {
        let (salt, elements) = bytes.split_first_chunk::<SALT>()?;
        let mut values = Column::zeros(expected.len);
        D::read_le(elements, values.values_mut());
        Some(Component { salt: *salt, values })
    };
    Ok(parts.components.iter().filter_map(component).collect())
}

/// A message taken apart; the sizes of the components agree with its header.
pub(super) struct Parts<'a> {
    ring: u8,
    pub(super) party: u8,
    len: u64,
    pub(super) components: Vec<&'a [u8]>,
}

/// Takes apart a message of `components` components.
pub(super) fn parts(message: &[u8], scheme: u8, components: usize) -> Result<Parts<'_>, ShareMessageFault> {
    let short = ShareMessageFault::Size { expected: HEADER, found: message.len() };
    let ([found, ring, party, zero, len @ ..], body) = message.split_first_chunk::<HEADER>().ok_or(short)?;
    if *found != scheme {
        return Err(ShareMessageFault::Scheme { expected: scheme, found: *found });
    }
    let bytes = element_bytes(*ring).ok_or(ShareMessageFault::UnknownRing { found: *ring })?;
    if *zero != 0 {
        return Err(ShareMessageFault::Reserved { found: *zero });
    }
    let len = u64::from_le_bytes(*len);
    let size = usize::try_from(len).ok().and_then(|len| len.checked_mul(bytes)?.checked_add(SALT));
    let expected = size.and_then(|size| size.checked_mul(components)).unwrap_or(usize::MAX);
    if body.len() != expected {
        let expected = expected.saturating_add(HEADER);
        return Err(ShareMessageFault::Size { expected, found: message.len() });
    }
    let components = body.chunks_exact(size.unwrap_or(usize::MAX)).collect();
    Ok(Parts { ring: *ring, party: *party, len, components })
}

fn element_bytes(ring: u8) -> Option<usize> {
    match ring {
        u64::CODE => Some(u64::BYTES),
        u128::CODE => Some(u128::BYTES),
        Lanes::CODE => Some(Lanes::BYTES),
        Mersenne61::CODE => Some(Mersenne61::BYTES),
        _ => None,
    }
}

/// The next salt of a stream.
pub(super) fn salt(prg: &mut ring::Prg) -> [u8; SALT] {
    let mut salt = [0u128];
    prg.fill(&mut salt);
    let [salt] = salt;
    salt.to_le_bytes()
}
