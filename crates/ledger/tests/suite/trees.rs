//! The Merkle tree, held against RFC 6962's reference vectors and an independent implementation of transparency logs.

use std::convert::Infallible;

use contract::Hash;
use ledger::log::{
    tree::{self, Frontier, Node, Nodes, leaf_hash},
    verify,
};
use proptest::prelude::*;
use tlog_tiles::tlog;

/// A tree in memory.
struct Tree {
    frontier: Frontier,
    nodes: Vec<Node>,
}

impl Tree {
    fn of(leaves: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut tree = Self { frontier: Frontier::default(), nodes: Vec::new() };
        for leaf in leaves {
            tree.frontier.push(leaf_hash(&leaf), |node| tree.nodes.push(node));
        }
        tree
    }

    fn numbered(size: u64) -> Self {
        Self::of((0..size).map(|number| number.to_string().into_bytes()))
    }

    fn root_at(&self, size: u64) -> Hash {
        Frontier::load(self, size).unwrap().root()
    }
}

impl Nodes for Tree {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.nodes.iter().find(|node| (node.level, node.index) == (level, index)).unwrap().hash)
    }
}

/// Serves our stored hashes to the other implementation.
impl tlog::HashReader for Tree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let read = |index: &u64| {
            let (level, number) = tlog::split_stored_hash_index(*index);
            theirs(self.node(level, number).unwrap())
        };
        Ok(indexes.iter().map(read).collect())
    }
}

fn theirs(hash: Hash) -> tlog::Hash {
    tlog::Hash(*hash.as_bytes())
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    // The leaves and roots with which Certificate Transparency logs are tested.
    let leaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let bytes = |digits: &str| -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(digit).collect()
    };
    let tree = Tree::of(leaves.iter().map(|leaf| bytes(leaf)));
    for (size, root) in (1..).zip(roots) {
        assert_eq!(tree.root_at(size).to_string(), root);
    }
    assert_eq!(theirs(Frontier::default().root()), tlog::EMPTY_HASH);
}

#[test]
fn proofs_are_those_of_another_implementation() {
    let tree = Tree::numbered(70);
    for size in 1..=70 {
        let root = tree.root_at(size);
        assert_eq!(theirs(root), tlog::tree_hash(size, &tree).unwrap());
        for index in 0..size {
            let path = tree::inclusion(&tree, index, size).unwrap();
            assert_eq!(path, ours(&tlog::prove_record(size, index, &tree).unwrap()), "{index} of {size}");
            let leaf = leaf_hash(index.to_string().as_bytes());
            assert!(verify::inclusion(&leaf, index, size, &path, &root));
        }
        for old in 1..size {
            let proof = tree::consistency(&tree, old, size).unwrap();
            assert_eq!(proof, ours(&tlog::prove_tree(size, old, &tree).unwrap()), "{old} of {size}");
            assert!(verify::consistency(old, &tree.root_at(old), size, &root, &proof));
        }
    }
}

#[test]
fn empty_and_equal_trees_are_consistent_without_proof() {
    let tree = Tree::numbered(5);
    let (empty, root) = (Frontier::default().root(), tree.root_at(5));
    assert!(verify::consistency(0, &empty, 5, &root, &[]));
    assert!(verify::consistency(5, &root, 5, &root, &[]));
    assert!(!verify::consistency(0, &root, 5, &root, &[]));
    assert!(!verify::consistency(5, &empty, 5, &root, &[]));
    assert!(!verify::consistency(5, &root, 5, &root, &[root]));
    assert!(!verify::consistency(6, &root, 5, &root, &[]));
    assert!(!verify::inclusion(&root, 0, 0, &[], &root));
}

proptest! {
    #[test]
    fn a_proof_holds_for_its_place_alone(
        size in 1..200_u64, at in any::<prop::sample::Index>(), other in 0..200_u64, flip in any::<prop::sample::Index>(),
    ) {
        let tree = Tree::numbered(size);
        let index = at.index(size as usize) as u64;
        let (root, leaf) = (tree.root_at(size), leaf_hash(index.to_string().as_bytes()));
        let path = tree::inclusion(&tree, index, size).unwrap();
        prop_assert!(verify::inclusion(&leaf, index, size, &path, &root));
        prop_assert!(other == index || !verify::inclusion(&leaf, other, size, &path, &root));
        if !path.is_empty() {
            let mut changed = path.clone();
            changed[flip.index(path.len())] = leaf;
            prop_assert!(changed == path || !verify::inclusion(&leaf, index, size, &changed, &root));
            prop_assert!(!verify::inclusion(&leaf, index, size, &path[1..], &root));
        }
    }

    #[test]
    fn a_tree_that_was_rewritten_is_not_consistent(
        new in 2..150_u64, old in any::<prop::sample::Index>(), changed in any::<prop::sample::Index>(),
    ) {
        let old = 1 + old.index(new as usize - 1) as u64;
        let changed = changed.index(old as usize) as u64;
        let tree = Tree::numbered(new);
        let rewritten = Tree::of((0..new).map(|number| {
            if number == changed { b"rewritten".to_vec() } else { number.to_string().into_bytes() }
        }));
        let proof = tree::consistency(&rewritten, old, new).unwrap();
        prop_assert!(verify::consistency(old, &rewritten.root_at(old), new, &rewritten.root_at(new), &proof));
        prop_assert!(!verify::consistency(old, &tree.root_at(old), new, &rewritten.root_at(new), &proof));
    }

    #[test]
    fn checking_answers_anything(
        index in any::<u64>(), size in any::<u64>(), hashes in prop::collection::vec(any::<[u8; 32]>(), 0..80),
    ) {
        let hashes: Vec<Hash> = hashes.into_iter().map(Hash::from_bytes).collect();
        let root = Frontier::default().root();
        prop_assert!(!verify::inclusion(&root, index, size, &hashes, &root) || (size == 1 && hashes.is_empty()));
        verify::consistency(index, &root, size, &root, &hashes);
    }
}
