//! Rules about publications, claims and regulators.

use contract::{Did, Hash, text::Flaw};

use super::table::rules;

rules! {
    /// Why a publication, a claim, a transfer or a regulator's act is not accepted.
    CatalogRule {
        /// The owner shows in it.
        "publication-path" Path(String) = "the path must be `{0}/` followed by a name of at most 64 letters, digits, `-`, `_` and `.`",
        /// Versions count up by one.
        "publication-version" Version(u32, u32) = "the next version is {0}, found {1}",
        /// A text in it.
        "publication-text" Text(Flaw) = "a text of the publication {0}",
        /// Nothing asked for, or too much.
        "wanted" Wanted = "a request for data names 1 to 64 columns and ends in the future",
        /// Not in the catalog.
        "unknown-publication" Unknown(String) = "`{0}` is not in the catalog",
        /// Somebody else's.
        "not-your-publication" NotYours(String, Did) = "`{0}` is published by `{1}`",
        /// No dataset there.
        "unknown-path" UnknownPath(String) = "no dataset is published as `{0}`",
        /// The path's owner only.
        "not-your-path" NotYourPath(String, Did) = "dataset `{0}` belongs to `{1}`",
        /// Once.
        "already-claimed" AlreadyClaimed(String) = "`{0}` is claimed already",
        /// Nobody made it.
        "unknown-claim" UnknownClaim(Hash) = "claim {0} is not on the ledger",
        /// Its window is still open, or it was lost.
        "claim-not-established" NotEstablished(String) = "who owns `{0}` is not established: claim it, and wait until nobody can dispute it",
        /// Nobody offered it.
        "not-offered" NotOffered(String, Did) = "`{0}` was not offered to `{1}`",
        /// Not a regulator.
        "not-a-regulator" NotARegulator(Did) = "`{0}` is not a regulator of the alliance",
        /// Another law, or none said.
        "other-jurisdiction" OtherJurisdiction(Did, Did) = "`{0}` and `{1}` are not under one jurisdiction by their cards",
        /// Already so.
        "already-so" AlreadySo = "that is so already",
        /// The alliance has not voted for it.
        "no-stop-right" NoStopRight(Did) = "`{0}` has no right to stop contracts: the members vote on it",
        /// None of the parties is under its law.
        "outside-jurisdiction" OutsideJurisdiction(Hash, String) = "no party of contract {0} is under jurisdiction `{1}`",
    }
}
