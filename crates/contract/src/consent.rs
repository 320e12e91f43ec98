//! Consent: a party's signature over a contract's id, and the knowledge that all parties gave it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Contract, Did, Hash, Signature, SigningKey,
    canonical::CanonicalError,
    document::{DOMAIN, Party},
    identity::IdentityError,
};

impl Contract {
    /// A party's consent: its signature over the contract's id.
    ///
    /// # Errors
    /// As [`Contract::bytes`].
    pub fn sign(&self, key: &SigningKey) -> Result<Signature, CanonicalError> {
        Ok(sign_id(self.id()?, key))
    }

    /// Whether this is that member's signature over this contract. Says nothing about whether it is a party.
    ///
    /// # Errors
    /// [`ConsentError::Forged`], or [`ConsentError::NoForm`] as for [`Contract::bytes`].
    pub fn verify_signature(&self, signer: &Did, signature: &Signature) -> Result<(), ConsentError> {
        Ok(verify_id(self.id()?, signer, signature)?)
    }
}

/// Signs a contract by its id alone, where the document itself has been read elsewhere.
pub fn sign_id(id: Hash, key: &SigningKey) -> Signature {
    key.sign(DOMAIN, id.as_bytes())
}

/// Whether this is that member's signature over the contract with that id.
///
/// # Errors
/// [`IdentityError::Forged`].
pub fn verify_id(id: Hash, signer: &Did, signature: &Signature) -> Result<(), IdentityError> {
    signer.verify(DOMAIN, id.as_bytes(), signature)
}

/// Why a signature is not a party's consent to a contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The contract has no canonical form, so that nothing can be signed.
    #[error("the contract cannot be signed: {0}")]
    NoForm(#[from] CanonicalError),
    /// The signature is not by that member over this contract.
    #[error(transparent)]
    Forged(#[from] IdentityError),
}

/// A contract together with the knowledge that every party signed exactly it; only [`SignedByAll::check`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct SignedByAll<'a> {
    contract: &'a Contract,
    id: Hash,
}

impl<'a> SignedByAll<'a> {
    /// Verifies one signature per party; signatures of others are not looked at. Costs one Ed25519 verification per
    /// party.
    ///
    /// # Errors
    /// [`NotSignedByAll`] names every party whose signature is missing or forged.
    pub fn check(
        contract: &'a Contract,
        signatures: &BTreeMap<Did, Signature>,
    ) -> Result<Self, NotSignedByAll> {
        Self::check_by(contract, signatures, &BTreeMap::new())
    }

    /// [`Self::check`] where some parties signed with another key than the one that their identity names: `signers`
    /// has the key that was theirs then.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_by(
        contract: &'a Contract,
        signatures: &BTreeMap<Did, Signature>,
        signers: &BTreeMap<Did, Did>,
    ) -> Result<Self, NotSignedByAll> {
        let id = contract.id()?;
        let (mut missing, mut forged) = (BTreeSet::new(), BTreeSet::new());
        for Party { member, .. } in &contract.parties {
            match signatures.get(member) {
                None => missing.insert(*member),
                Some(signature) => {
                    let key = signers.get(member).unwrap_or(member);
                    verify_id(id, key, signature).is_err() && forged.insert(*member)
                }
            };
        }
        if missing.is_empty() && forged.is_empty() {
            Ok(Self { contract, id })
        } else {
            Err(NotSignedByAll::Parties { missing, forged })
        }
    }

    /// What was signed.
    pub const fn contract(&self) -> &'a Contract {
        self.contract
    }

    /// The id that the signatures are over.
    pub const fn id(&self) -> Hash {
        self.id
    }
}

/// Whose consent a contract lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedByAll {
    /// The contract has no canonical form, so that nobody can have signed it.
    #[error("the contract cannot be signed: {0}")]
    NoForm(#[from] CanonicalError),
    /// At least one of the two sets has a member.
    #[error(
        "not signed by all parties: missing {}; not by the party's key over this contract: {}",
        listed(missing),
        listed(forged)
    )]
    Parties {
        /// Parties without a signature.
        missing: BTreeSet<Did>,
        /// Parties in whose name there is a signature that is not theirs over this contract.
        forged: BTreeSet<Did>,
    },
}

fn listed(members: &BTreeSet<Did>) -> String {
    let members: Vec<_> = members.iter().map(|member| format!("`{member}`")).collect();
    if members.is_empty() { "none".to_owned() } else { members.join(", ") }
}
