//! The messages of [`Rep3`](crate::schemes::Rep3).

use ring::{Lanes, Ring};

use super::{Message, Model, Primitive, Steps};
use crate::mpc::Receivers;
use crate::schemes::rep3::{row_parts, word_parts};
use crate::session::Party;

/// What parties send to agree on keys: a seed for the pair and one for all.
pub(super) const KEYS: usize = 64;

/// The messages of [`Rep3`](crate::schemes::Rep3).
pub struct Rep3Model;

impl Model for Rep3Model {
    type Memory = ();

    const SHORT_DIVISION: bool = true;

    fn parties((): &()) -> usize {
        3
    }

    fn messages((): &mut (), primitive: &Primitive<'_>) -> Steps {
        match *primitive {
            Primitive::Start => vec![to_both(KEYS)],
            Primitive::Input { owner, len, element, .. } => vec![message(owner.0, 1, len * element)],
            Primitive::Mul { len, element, .. }
            | Primitive::Open { len, element, .. }
            | Primitive::Seal { len, element, .. } => vec![to_previous(len * element, Receivers::All)],
            Primitive::Matmul { shape, element, .. } => {
                vec![to_previous(shape.product() * element, Receivers::All)]
            }
            Primitive::Verify => Vec::new(),
            Primitive::Reveal { len, element, to, .. } => vec![to_previous(len * element, to)],
            Primitive::Shuffle { len, element, .. } => passes([0, 1, 2], len * element),
            Primitive::Unshuffle { len, element, .. } => passes([2, 1, 0], len * element),
            Primitive::Difference { rows, width } => vec![bits_of_dealers(rows, width as usize)],
            Primitive::Divided { rows, width, element } => {
                vec![[bits_of_dealers(rows, width as usize), numbers_of_dealers(rows, element)].concat()]
            }
            Primitive::TruncateNear { rows, element, .. } => vec![numbers_of_dealers(rows, element)],
            Primitive::Inject { rows, width, element } => {
                let element = width * element;
                let first =
                    [numbers_of_dealers(rows, element), numbers_to_dealers(rows, element, 2)].concat();
                vec![first, numbers_to_dealers(rows, element, 1)]
            }
            Primitive::InjectSums { rows, width, sums, element } => {
                let summed = |places| numbers_to_dealers(rows, sums * element, places);
                vec![[numbers_of_dealers(rows, width * element), summed(2)].concat(), summed(1)]
            }
        }
    }

    fn dot_of_sides(rows: usize, terms: usize, element: usize) -> Option<Steps> {
        let sums = Primitive::InjectSums { rows, width: terms, sums: 1, element };
        Some(Self::messages(&mut (), &sums))
    }

    fn multiply_near(rows: usize, element: usize) -> Option<Steps> {
        let parts = row_parts(rows).map(|rows| rows.len());
        let shown = |from: usize| message(from, 2, (parts[(from + 2) % 3] + parts[(from + 1) % 3]) * element);
        Some(vec![(0..3).flat_map(shown).collect(), numbers_of_dealers(rows, element)])
    }
}

/// A message to the party `places` further on, if it has a body.
pub(super) fn message(from: usize, places: usize, bytes: usize) -> Vec<Message> {
    let message = Message { from: Party(from % 3), to: Party((from + places) % 3), bytes: bytes as u64 };
    if bytes == 0 { Vec::new() } else { vec![message] }
}

/// One step for each pair of a party and the next one, which send to each other.
pub(super) fn passes(lower: [usize; 3], bytes: usize) -> Steps {
    let pass = |lower| [message(lower, 1, bytes), message((lower + 1) % 3, 2, bytes)].concat();
    lower.map(pass).to_vec()
}

pub(super) fn to_both(bytes: usize) -> Vec<Message> {
    (0..3).flat_map(|from| [message(from, 1, bytes), message(from, 2, bytes)].concat()).collect()
}

pub(super) fn to_previous(bytes: usize, receivers: Receivers<'_>) -> Vec<Message> {
    let all = (0..3).flat_map(|from| message(from, 2, bytes));
    all.filter(|message| receivers.contain(message.to)).collect()
}

fn bits_of_dealers(rows: usize, width: usize) -> Vec<Message> {
    let parts = word_parts(rows).map(|words| words.len() * width * Lanes::BYTES);
    (0..3).zip(parts).flat_map(|(dealer, bytes)| message(dealer, 1, bytes)).collect()
}

/// To each dealer from the party `places` further on.
fn numbers_to_dealers(rows: usize, element: usize, places: usize) -> Vec<Message> {
    let parts = row_parts(rows).map(|rows| rows.len() * element);
    let one = |(dealer, bytes): (usize, usize)| message(dealer + places, 3 - places, bytes);
    (0..3).zip(parts).flat_map(one).collect()
}

fn numbers_of_dealers(rows: usize, element: usize) -> Vec<Message> {
    let parts = row_parts(rows).map(|rows| rows.len() * element);
    (0..3).zip(parts).flat_map(|(dealer, bytes)| message(dealer, 1, bytes)).collect()
}
