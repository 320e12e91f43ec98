//! What travels between a provider, the compute parties and the receivers, and how it is committed to.
//!
//! An input is dealt into additive components; a compute party holds some of them. The provider commits to each
//! component (with a random salt, because inputs may have few possible values), so that every holder can check that
//! it got the component that all others see committed on the ledger. Components of the output are uniformly random
//! each by itself, and are committed to without salt.

use std::collections::BTreeMap;

use contract::Hash;
use ledger::InputCommitment;
use zeroize::Zeroizing;

use crate::wire::{Reader, WireError, Writer};

/// Components that one party may hold, and inputs or outputs that a program may have, in one message.
const COUNT_MAX: u32 = 1 << 16;

/// One provider's shares for one compute party.
#[derive(PartialEq, Eq)]
pub(crate) struct InputShares {
    /// Salt of the commitment to each component that this party holds.
    pub(crate) salts: BTreeMap<u16, [u8; 32]>,
    /// For each input of the program that this provider deals: its number and the share message.
    pub(crate) messages: Vec<(u32, Zeroizing<Vec<u8>>)>,
}

impl InputShares {
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::default();
        writer.number(self.salts.len() as u32);
        for (component, salt) in &self.salts {
            writer.number((*component).into()).raw(salt);
        }
        writer.number(self.messages.len() as u32);
        for (input, message) in &self.messages {
            writer.number(*input).bytes(message);
        }
        Zeroizing::new(writer.finish())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut salts = BTreeMap::new();
        for _ in 0..reader.number(COUNT_MAX)? {
            // The bound makes the conversion exact.
            let component = reader.number(u16::MAX.into())? as u16;
            salts.insert(component, reader.raw()?);
        }
        let mut messages = Vec::new();
        for _ in 0..reader.number(COUNT_MAX)? {
            messages.push((reader.number(COUNT_MAX)?, Zeroizing::new(reader.bytes()?.to_vec())));
        }
        reader.finish()?;
        Ok(Self { salts, messages })
    }
}

/// Share messages of all outputs, sealed by one compute party.
pub(crate) fn outputs_to_bytes(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(messages.len() as u32);
    for message in messages {
        writer.bytes(message);
    }
    writer.finish()
}

/// Reads [`outputs_to_bytes`].
pub(crate) fn outputs_from_bytes(bytes: &[u8]) -> Result<Vec<Vec<u8>>, WireError> {
    let mut reader = Reader::new(bytes);
    let count = reader.number(COUNT_MAX)?;
    let messages = (0..count).map(|_| Ok(reader.bytes()?.to_vec())).collect::<Result<_, WireError>>()?;
    reader.finish()?;
    Ok(messages)
}

/// The parts of share messages that belong to one component, in order.
pub(crate) type Parts<'a> = Vec<(u32, &'a [u8])>;

/// Sorts the parts of share messages by component.
pub(crate) fn by_component<'a>(
    scheme: vm::SchemeName,
    messages: impl IntoIterator<Item = (u32, &'a [u8])>,
) -> Result<BTreeMap<u16, Parts<'a>>, vm::Error> {
    let mut components: BTreeMap<u16, Parts<'a>> = BTreeMap::new();
    for (number, message) in messages {
        for (component, part) in vm::components(scheme, message)? {
            // No scheme has as many components as this could hold.
            let component = u16::try_from(component).unwrap_or(u16::MAX);
            components.entry(component).or_default().push((number, part));
        }
    }
    Ok(components)
}

/// Commits to one component of a provider's inputs.
pub(crate) fn commit_input(run: &Hash, component: u16, salt: &[u8; 32], parts: &Parts<'_>) -> Hash {
    Hash::of("input-component", &component_bytes(run, component, salt, parts))
}

/// Commits to one component of the outputs.
pub(crate) fn commit_output(run: &Hash, component: u16, parts: &Parts<'_>) -> Hash {
    Hash::of("output-component", &component_bytes(run, component, &[], parts))
}

fn component_bytes(run: &Hash, component: u16, salt: &[u8], parts: &Parts<'_>) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::default();
    writer.raw(run.as_bytes()).number(component.into()).raw(salt);
    for (number, part) in parts {
        writer.number(*number).bytes(part);
    }
    Zeroizing::new(writer.finish())
}

/// Checks that shares are the ones that their provider committed to on the ledger.
pub(crate) fn opens(
    scheme: vm::SchemeName,
    run: &Hash,
    shares: &InputShares,
    commitment: &InputCommitment,
) -> bool {
    let messages = shares.messages.iter().map(|(number, message)| (*number, message.as_slice()));
    let Ok(components) = by_component(scheme, messages) else { return false };
    shares.salts.len() == components.len()
        && components.iter().all(|(component, parts)| {
            let committed = commitment.components.get(usize::from(*component));
            let found = shares.salts.get(component).map(|salt| commit_input(run, *component, salt, parts));
            committed.is_some() && committed == found.as_ref()
        })
}
