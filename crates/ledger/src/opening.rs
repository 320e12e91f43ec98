//! Showing shares that a compute party committed to in its receipt: the one file by which anybody can check them.
//!
//! A receipt commits to this party's shares of each value that the contract names, each with a salt of its own, because
//! shares of few possible values could be guessed otherwise. Only the party can open it; what it opens then cannot be
//! anything else than what it had when it filed the receipt, before it knew whether anybody would ask.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Did, Hash};
use serde::{Deserialize, Serialize};

use crate::Receipt;

/// The domain of commitments.
const DOMAIN: &str = "intermediate-shares";

/// A commitment in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intermediate {
    /// The value of the program, by number.
    pub value: u32,
    /// [`Opening::commitment`].
    pub hash: Hash,
}

/// What opens a commitment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Which run.
    pub run: Hash,
    /// Whose shares.
    pub party: Did,
    /// Of which value.
    pub value: u32,
    /// 32 random bytes.
    pub salt: Hash,
    /// The share message in base64, as a compute party hands one to a receiver.
    pub shares: String,
}

/// Why an opening does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningFlaw {
    /// Not a share message in base64.
    #[error("the shares are not in base64")]
    Shares,
    /// A receipt of something else.
    #[error("the receipt is of another run or party")]
    OtherReceipt,
    /// The contract did not name the value.
    #[error("the receipt commits to no shares of v{0}")]
    NotCommitted(u32),
    /// Other shares than those of the run.
    #[error(
        "the receipt commits to {expected}, what is shown has {found}: these are not the shares that the party had"
    )]
    OtherShares {
        /// In the receipt.
        expected: Hash,
        /// Of what is shown.
        found: Hash,
    },
}

impl Opening {
    /// Of a share message.
    pub fn new(run: Hash, party: Did, value: u32, salt: [u8; 32], shares: &[u8]) -> Self {
        Self { run, party, value, salt: Hash::from_bytes(salt), shares: STANDARD.encode(shares) }
    }

    /// The share message.
    ///
    /// # Errors
    /// [`OpeningFlaw::Shares`].
    pub fn message(&self) -> Result<Vec<u8>, OpeningFlaw> {
        STANDARD.decode(&self.shares).map_err(|_| OpeningFlaw::Shares)
    }

    /// What the receipt has: a hash of run, party, value, salt and shares, all but the last of fixed length.
    ///
    /// # Errors
    /// [`OpeningFlaw::Shares`].
    pub fn commitment(&self) -> Result<Hash, OpeningFlaw> {
        let head = [self.run.as_bytes().as_slice(), self.party.public_key(), &self.value.to_be_bytes()];
        let bytes = [&head.concat(), self.salt.as_bytes().as_slice(), &self.message()?].concat();
        Ok(Hash::of(DOMAIN, &bytes))
    }

    /// Whether it opens what a receipt commits to.
    ///
    /// # Errors
    /// The [`OpeningFlaw`] found.
    pub fn check(&self, receipt: &Receipt) -> Result<(), OpeningFlaw> {
        if (receipt.run, receipt.party) != (self.run, self.party) {
            return Err(OpeningFlaw::OtherReceipt);
        }
        let committed = receipt.intermediates.iter().find(|committed| committed.value == self.value);
        let expected = committed.ok_or(OpeningFlaw::NotCommitted(self.value))?.hash;
        let found = self.commitment()?;
        if found == expected { Ok(()) } else { Err(OpeningFlaw::OtherShares { expected, found }) }
    }
}

/// Shares are shown on purpose, not by a log line.
impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening")
            .field("run", &self.run)
            .field("party", &self.party)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contract::SigningKey;

    use super::*;

    fn opening() -> Opening {
        let party = SigningKey::from_seed(&[1; 32]).did();
        Opening::new(Hash::of("test", b"run"), party, 7, [3; 32], b"shares")
    }

    fn receipt(of: &Opening) -> Receipt {
        let empty = BTreeMap::new;
        let hash = Hash::of("test", b"anything");
        Receipt {
            run: of.run,
            contract: hash,
            program: hash,
            party: of.party,
            inputs: empty(),
            sent: empty(),
            received: empty(),
            output: Vec::new(),
            intermediates: vec![Intermediate { value: of.value, hash: of.commitment().unwrap() }],
        }
    }

    #[test]
    fn what_was_committed_to_opens_and_nothing_else() {
        let true_one = opening();
        let receipt = receipt(&true_one);
        assert_eq!(true_one.check(&receipt), Ok(()));
        let salt = Hash::from_bytes([4; 32]);
        for other in [
            Opening { salt, ..true_one.clone() },
            Opening::new(true_one.run, true_one.party, 7, [3; 32], b"shareS"),
            Opening::new(true_one.run, true_one.party, 7, [3; 32], b""),
        ] {
            assert!(matches!(other.check(&receipt), Err(OpeningFlaw::OtherShares { .. })), "{other:?}");
        }
        let elsewhere = Opening { value: 8, ..true_one.clone() };
        assert_eq!(elsewhere.check(&receipt), Err(OpeningFlaw::NotCommitted(8)));
        let party = SigningKey::from_seed(&[2; 32]).did();
        assert_eq!(Opening { party, ..true_one.clone() }.check(&receipt), Err(OpeningFlaw::OtherReceipt));
        let run = Hash::of("test", b"another");
        assert_eq!(Opening { run, ..true_one.clone() }.check(&receipt), Err(OpeningFlaw::OtherReceipt));
        assert!(!format!("{true_one:?}").contains(&true_one.shares), "not by a log line");
        let shares = "not base64!".to_owned();
        assert_eq!(Opening { shares, ..true_one }.check(&receipt), Err(OpeningFlaw::Shares));
    }
}
