//! Rules about keys, persons and cards.

use contract::Did;

use super::table::{When, rules};
use crate::{alliance::CardFlaw, identity::Scope};

rules! {
    /// Why a key, a person or a card is not accepted.
    IdentityRule {
        /// Signed by a key that is not the member's (any more), nor the person's that is named.
        "not-the-key" NotTheKey(Did, Did) = "`{0}` signs with `{1}` now: the key that signed this is another",
        /// No delegation.
        "unknown-person" UnknownPerson(Did, Did) = "`{0}` has not delegated anything to the person `{1}`",
        /// It was taken back.
        "delegation-revoked" DelegationRevoked(Did) = "the delegation to the person `{0}` was revoked",
        /// It has ended.
        "delegation-expired" DelegationExpired(Did, When) = "the delegation to the person `{0}` ended on {1}",
        /// It is for other acts.
        "out-of-scope" OutOfScope(Did, Scope) = "the person `{0}` may not do this: it needs the scope `{1}`",
        /// Never delegated.
        "members-own-act" MembersOwnAct(Did) = "the person `{0}` may not do this: only the member's own key can",
        /// One key has one owner, for ever.
        "key-in-use" KeyInUse(Did) = "the key `{0}` is or was in use in the alliance: make a new one",
        /// Whoever brings a key must have it.
        "key-not-held" KeyNotHeld(Did) = "the new key `{0}` has not signed this rotation: sign it with the new key too",
        /// Without its key nobody can sign the checkpoint over the vote.
        "operators-key" OperatorsKey(Did) = "`{0}` orders the log and can only change its key itself; if it is lost, another member goes on first: `treaty alliance succeed`",
        /// Delegations end, and allow something.
        "empty-delegation" EmptyDelegation = "a delegation names at least one scope and ends in the future",
        /// A card breaks its own rules.
        "card-malformed" CardMalformed(CardFlaw) = "the card is not accepted: {0}",
        /// Only endpoints, certificate and place may change.
        "card-changes-identity" CardChangesIdentity(Did) = "a renewed card keeps the identity, name and standing of `{0}`",
        /// One certificate, one node.
        "certificate-in-use" CertificateInUse(Did) = "the certificate of `{0}` is another member's",
        /// One validator, one vote.
        "validator-in-use" ValidatorInUse(Did) = "a key of the validator of `{0}` is another member's",
        /// Without an operator, all members order.
        "validator-missing" ValidatorMissing(Did) = "the card of `{0}` names no validator, and all members order this ledger",
    }
}
