//! What members say about who acts for them.

use std::{collections::BTreeSet, fmt};

use contract::{
    Did, Hash, Signature, SigningKey,
    canonical::{self, CanonicalError},
};
use serde::{Deserialize, Serialize};

use crate::Action;

/// The signature domain of key rotations.
const ROTATION: &str = "key-rotation";

/// What a person may do with an own key for its member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Publish, withdraw, claim and transfer what is in the catalog.
    Data,
    /// Propose and revoke contracts, hand in signatures.
    Contract,
    /// Request runs.
    Run,
    /// Ask for access, and decide on requests for access.
    Access,
    /// Propose and vote, challenge and arbitrate.
    Vote,
    /// Transfer points.
    Points,
    /// For a regulator: read at the nodes of members that let it.
    Read,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::Contract => "contract",
            Self::Run => "run",
            Self::Access => "access",
            Self::Vote => "vote",
            Self::Points => "points",
            Self::Read => "read",
        })
    }
}

/// A key that a member hands to a person, who then signs alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// The person's key.
    pub person: Did,
    /// For people; 1 to 100 bytes.
    pub name: String,
    /// What the person may do.
    pub scopes: BTreeSet<Scope>,
    /// Seconds since 1970; nothing is accepted at or after it.
    pub expires: u64,
}

/// Everything that a new key signs to show that its member holds it.
#[derive(Serialize)]
struct Rotation<'a> {
    alliance: &'a Hash,
    member: &'a Did,
    key: &'a Did,
}

/// The new key's proof that it is held: a signature over alliance, member and key.
///
/// # Errors
/// Never: all parts have a canonical form.
pub fn prove_key(alliance: &Hash, member: &Did, key: &SigningKey) -> Result<Signature, CanonicalError> {
    let rotation = Rotation { alliance, member, key: &key.did() };
    Ok(key.sign(ROTATION, &canonical::to_bytes(&rotation)?))
}

/// Whether the new key signed [`prove_key`]'s statement.
pub(crate) fn is_held(
    alliance: &Hash,
    member: &Did,
    key: &Did,
    proof: &Signature,
) -> Result<bool, CanonicalError> {
    let bytes = canonical::to_bytes(&Rotation { alliance, member, key })?;
    Ok(key.verify(ROTATION, &bytes, proof).is_ok())
}

impl Action {
    /// What a person needs to do this with an own key; none when only the member's own key may: what its node states
    /// about runs, and what concerns its keys.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::PublishDataset(_)
            | Self::WithdrawDataset { .. }
            | Self::Publish(_)
            | Self::WithdrawPublication { .. }
            | Self::ClaimDataset { .. }
            | Self::OfferDataset { .. }
            | Self::AcceptDataset { .. } => Some(Scope::Data),
            Self::ProposeContract(_)
            | Self::SignContract { .. }
            | Self::AuditContract { .. }
            | Self::RevokeContract { .. }
            | Self::StopContract { .. } => Some(Scope::Contract),
            Self::RequestRun { .. } => Some(Scope::Run),
            Self::Propose { .. } | Self::Vote { .. } | Self::Challenge { .. } | Self::Arbitrate { .. } => {
                Some(Scope::Vote)
            }
            Self::RequestAccess { .. }
            | Self::ApproveAccess { .. }
            | Self::DeclineAccess { .. }
            | Self::AttenuateToken { .. }
            | Self::UseToken { .. }
            | Self::RevokeToken { .. } => Some(Scope::Access),
            Self::TransferPoints { .. } => Some(Scope::Points),
            Self::PermitRun { .. }
            | Self::RefuseRun { .. }
            | Self::CommitInput { .. }
            | Self::File(_)
            | Self::FailRun { .. }
            | Self::NothingOpened { .. }
            | Self::StateContributions { .. }
            | Self::SetReading { .. }
            | Self::RotateKey { .. }
            | Self::Succeed(_)
            | Self::RenewCard(_)
            | Self::Delegate(_)
            | Self::RevokeDelegation { .. } => None,
        }
    }
}
