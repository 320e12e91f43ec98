//! What comes from compute parties and data providers.

use engine::mpc::{Dealing, Scheme};
use engine::schemes::shamir::Threshold;
use engine::schemes::{Plain, Rep3, Rep3Malicious, Shamir, ShamirMalicious, ShamirResilient};
use engine::session::Frame;
use ring::{Lanes, Number, Ring};

use crate::frame::{Assembler, header};

/// Share messages of every scheme, alone and as the three messages of one column.
pub(crate) fn share_message(bytes: &[u8]) -> bool {
    let mut accepted = components::<Plain<u64>>(bytes);
    accepted |= components::<Rep3<u128>>(bytes);
    accepted |= components::<Rep3Malicious<u64>>(bytes);
    accepted |= components::<Shamir>(bytes) | components::<ShamirMalicious>(bytes);
    // The header's length, or what a receiver would expect by another.
    let len = bytes.get(4..6).map_or(0, |len| usize::from(len[0]) | usize::from(len[1]) << 8);
    accepted |= combined::<Plain<u64>>(bytes, (), 1, len);
    accepted |= combined::<Rep3<u64>>(bytes, (), 3, len);
    accepted |= combined::<Rep3Malicious<u128>>(bytes, (), 3, len);
    let Ok(setting) = Threshold::new(3, 1) else { return accepted };
    accepted |= combined::<Shamir>(bytes, setting, 3, len);
    accepted |= combined::<ShamirMalicious>(bytes, setting, 3, len);
    // Two of three are enough for this one.
    accepted | combined::<ShamirResilient>(bytes, setting, 2, len)
}

/// The components with the header before them are the message.
fn components<S: Scheme>(bytes: &[u8]) -> bool {
    let Ok(components) = S::components(bytes) else { return false };
    let parts: Vec<&[u8]> = components.into_iter().map(|(_, component)| component).collect();
    assert!(bytes.ends_with(&parts.concat()), "components that are not in the message");
    true
}

/// Equal parts of the bytes as the messages of all parties.
fn combined<S: Scheme<Num: Number>>(bytes: &[u8], setting: S::Setting, parties: usize, len: usize) -> bool {
    let size = bytes.len() / parties;
    let messages: Vec<_> =
        (0..parties).map(|party| bytes[party * size..(party + 1) * size].to_vec()).collect();
    let numbers = <S as Dealing<S::Num>>::combine(setting, &messages, len);
    let words = <S as Dealing<Lanes>>::combine(setting, &messages, len);
    assert!(
        numbers
            .as_ref()
            .map_or(true, |numbers| numbers.len() == len && numbers.len() * S::Num::BYTES <= size)
    );
    assert!(words.as_ref().map_or(true, |words| words.len() == len));
    numbers.is_ok() || words.is_ok()
}

/// Bytes of the longest frame that is taken.
const FRAME_BYTES_MAX: usize = 1 << 12;

/// A stream of frames, which come out alike however the stream is cut, and are written as the same frames again.
pub(crate) fn frames(bytes: &[u8]) -> bool {
    let whole = assembled([bytes]);
    let (cut, _) = bytes.split_first().map_or((0, bytes), |(cut, rest)| (usize::from(*cut), rest));
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    assert_eq!(assembled([first, second]), whole);
    let Some(frames) = whole else { return false };
    let mut written = Vec::new();
    for (channel, frame) in &frames {
        written.extend_from_slice(&header(*channel, frame.depth, frame.body.len() as u32));
        written.extend_from_slice(&frame.body);
    }
    assert!(written.len() <= bytes.len());
    assert_eq!(assembled([&*written]).as_ref(), Some(&frames));
    true
}

fn assembled<const N: usize>(pieces: [&[u8]; N]) -> Option<Vec<(u64, Frame)>> {
    let (mut assembler, mut frames) = (Assembler::new(FRAME_BYTES_MAX), Vec::new());
    pieces.into_iter().try_for_each(|piece| assembler.push(piece, &mut frames)).ok()?;
    Some(frames)
}
