//! The one hash that stands for a dataset version.
//!
//! A binary Merkle tree in the shape of RFC 9162 §2.1.1, over SHA-256 with domains instead of the RFC's prefix
//! bytes. Leaf 0 is the manifest's head (identity, version, description, schema, rows), then follow the chunks in
//! order. Roots are published while the data stays at home, and small tables can be guessed: so every leaf also
//! covers the version's random salt, without which a guess cannot be compared with the root.

use contract::{
    Hash,
    canonical::{self, CanonicalError},
};
use serde::Serialize;

/// Root of the tree over `head` and `chunks`, all of them salted.
///
/// # Errors
/// When a leaf has no canonical form, which an integer of 2^53 or more would cause.
pub(crate) fn root<H: Serialize, C: Serialize>(
    salt: &Hash,
    head: &H,
    chunks: &[C],
) -> Result<Hash, CanonicalError> {
    let mut leaves = Vec::with_capacity(chunks.len() + 1);
    leaves.push(canonical::hash("vault/head", &(salt, head))?);
    for (index, chunk) in chunks.iter().enumerate() {
        leaves.push(canonical::hash("vault/leaf", &(salt, index, chunk))?);
    }
    Ok(subtree(&leaves))
}

fn subtree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of("vault/empty", &[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::of("vault/node", &[*subtree(left).as_bytes(), *subtree(right).as_bytes()].concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn any_change_gives_another_root() {
        let salts = [Hash::of("test", b"0"), Hash::of("test", b"1")];
        let chunks: [&[&str]; 9] = [
            &[],
            &["a"],
            &["b"],
            &["a", "b"],
            &["b", "a"],
            &["a", "a"],
            &["a", "b", "c"],
            &["a", "b", "c", "d"],
            &["a", "b", "c", "d", "e"],
        ];
        let mut roots = BTreeSet::new();
        for salt in &salts {
            for head in ["x", "y"] {
                roots.extend(chunks.map(|chunks| root(salt, &head, chunks).unwrap()));
            }
        }
        assert_eq!(roots.len(), 2 * 2 * chunks.len());
    }

    #[test]
    fn the_larger_power_of_two_goes_left() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|name| Hash::of("test", name));
        let node =
            |left: Hash, right: Hash| Hash::of("vault/node", &[*left.as_bytes(), *right.as_bytes()].concat());
        assert_eq!(subtree(&[a, b, c]), node(node(a, b), c));
    }
}
