//! Rules about requests for access and tokens.

use contract::{Did, Hash};

use super::table::{When, rules};

rules! {
    /// Why a request for access or a token is not accepted.
    AccessRule {
        /// Its terms alone decide.
        "no-token-needed" NotNeeded(String) = "dataset `{0}` needs no token: its terms say who may use it",
        /// Owners need no permission.
        "own-dataset" OwnDataset(String) = "dataset `{0}` is the requester's own",
        /// More than the terms allow.
        "outside-terms" OutsideTerms(String) = "the terms of `{0}` don't allow that use of a column, that purpose, or that long",
        /// Nothing, or over already.
        "empty-rights" EmptyRights = "a token names at least one use of a column and ends in the future",
        /// Nobody asked.
        "unknown-request" UnknownRequest(Hash) = "request {0} is not on the ledger",
        /// Answered, or lapsed.
        "request-answered" Answered(Hash) = "request {0} has been answered already",
        /// The owner answers.
        "not-the-owner" NotTheOwner(Did, Hash) = "`{0}` doesn't own the dataset that {1} is about",
        /// Never issued.
        "unknown-token" UnknownToken(Hash) = "token {0} is not on the ledger",
        /// Tokens are personal.
        "not-the-holder" NotTheHolder(Did, Hash) = "`{0}` doesn't hold token {1}",
        /// It, or one that it was made from.
        "token-revoked" Revoked(Hash) = "token {0} was revoked",
        /// Over.
        "token-expired" Expired(Hash, When) = "token {0} ended on {1}",
        /// One token, one contract.
        "token-used" Used(Hash) = "token {0} is used by a contract, and serves no other",
        /// Another one took its place.
        "token-attenuated" Attenuated(Hash, Hash) = "token {0} was attenuated: use {1}",
        /// A token made from another allows no more.
        "exceeds-parent" ExceedsParent(Hash) = "that is more than token {0} allows",
        /// Another dataset's, or for nobody who uses the data there.
        "token-does-not-fit" DoesNotFit(Hash, Hash) = "token {0} doesn't fit contract {1}: it must be about one of its datasets, and its holder a data user of it",
        /// The contract already has one.
        "token-for-dataset-there" AlreadyThere(Hash, String) = "contract {0} already has the holder's token for `{1}`",
    }
}
