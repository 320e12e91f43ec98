//! What members write on the ledger.
//!
//! Every transaction is signed by the member that submits it and carries that member's next sequence number, so
//! that it counts once. Whether it is allowed is decided by [`State::apply`](crate::State::apply) alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{
    Contract, Dataset, Did, Hash, Signature, SigningKey,
    access::Rights,
    audit::Opinion,
    canonical::{self, CanonicalError},
    policy::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{
    Card, Receipt, Refused, catalog::Publication, dispute::Subject, entry::ENTRY_BYTES_MAX,
    governance::Motion, identity::Delegation, succession::SignedSuccession,
};

/// The signature domain of transactions.
const DOMAIN: &str = "transaction";
/// Most bytes of a signed transaction in canonical form, so that an entry with it keeps within its own bound.
pub const TRANSACTION_BYTES_MAX: usize = ENTRY_BYTES_MAX - 4096;
/// At least what the signature adds to a transaction: 88 characters, the names of two fields, punctuation.
const SIGNATURE_BYTES: usize = 256;

/// One action of one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// The alliance whose ledger this is for.
    pub alliance: Hash,
    /// Who acts.
    pub member: Did,
    /// 1 for the member's first transaction, then one more each time.
    pub sequence: u64,
    /// The person who asked for it; the member answers for it. Signs alone when `signer` is its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Did>,
    /// The key that signs, when it is not the one that the member's identity names: the member's present key after a
    /// rotation, or the key delegated to `person`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Did>,
    /// What is done.
    pub action: Action,
}

/// A transaction with its member's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransaction {
    /// What was signed.
    pub transaction: Transaction,
    /// By [`Transaction::signer`] over the transaction's canonical bytes, under the domain `transaction`.
    pub signature: Signature,
}

impl Transaction {
    /// Names the transaction: a hash over what is signed.
    ///
    /// # Errors
    /// When it holds a number too large for canonical JSON.
    pub fn id(&self) -> Result<Hash, CanonicalError> {
        canonical::hash(DOMAIN, self)
    }

    /// The key that signs.
    pub fn signer(&self) -> Did {
        self.signer.unwrap_or(self.member)
    }

    /// Whose sequence numbers count: the person's under its member when it signs alone, else the member's.
    pub(crate) fn account(&self) -> (Did, Did) {
        let alone = self.person.filter(|person| *person == self.signer());
        (self.member, alone.unwrap_or(self.member))
    }
}

/// What a member can do. Written as `{"permit-run": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Puts a dataset version's description into the catalog. Only by its owner; versions count up by one.
    PublishDataset(Box<Dataset>),
    /// Takes a dataset version out of the catalog: no new contract may name it and no run may start on it.
    WithdrawDataset {
        /// `north/patients@1`.
        dataset: String,
    },
    /// Puts a contract before its parties.
    ProposeContract(Box<Contract>),
    /// Adds a party's signature, made by that party anywhere; the last one makes the contract active.
    SignContract {
        /// Which contract.
        contract: Hash,
        /// Whose signature; any member may submit it.
        party: Did,
        /// By `party` over the contract, as [`Contract::sign`] makes it.
        signature: Signature,
    },
    /// An auditor's opinion of a proposed contract's report; without the approval of all its auditors no contract becomes
    /// active.
    AuditContract {
        /// Which contract.
        contract: Hash,
        /// The report's hash, as the auditor's node derived it.
        report: Hash,
        /// Approved, or declined with a reason.
        opinion: Opinion,
    },
    /// Stops all further runs. By any party.
    RevokeContract {
        /// Which contract.
        contract: Hash,
        /// For the other parties; 1 to 1000 bytes.
        reason: String,
    },
    /// Takes one use of a contract and puts the fee into escrow. Only by a data user.
    RequestRun {
        /// Which contract.
        contract: Hash,
        /// The run's name, chosen by the requester; used once.
        run: Hash,
        /// Must be the contract's purpose, word for word.
        purpose: String,
    },
    /// A participant's gatekeeper found nothing against the run.
    PermitRun {
        /// Which run.
        run: Hash,
    },
    /// A participant's gatekeeper refuses the run, which ends it.
    RefuseRun {
        /// Which run.
        run: Hash,
        /// All reasons; 1 to 256.
        refusals: Vec<Refusal>,
    },
    /// A data provider fixes its input before anything is computed.
    CommitInput {
        /// Which run.
        run: Hash,
        /// What it will share.
        commitment: InputCommitment,
    },
    /// A compute party's statement about the run that it executed.
    #[serde(rename = "file-receipt")]
    File(Box<Receipt>),
    /// Ends a run that cannot complete. By a participant, or by any party once the time limit has passed.
    FailRun {
        /// Which run.
        run: Hash,
        /// What happened.
        reason: FailReason,
    },
    /// A compute party states that no result was opened in a refused or failed run. When all have, the use and the
    /// fee are given back.
    NothingOpened {
        /// Which run.
        run: Hash,
    },
    /// Changes the member's key; signed by the old one, from the next entry on the new one signs.
    RotateKey {
        /// The new key.
        key: Did,
        /// By the new key, as [`prove_key`](crate::identity::prove_key) makes it.
        proof: Signature,
    },
    /// Takes the log over from an operator that cannot hand it over; the first entry that its submitter orders.
    Succeed(Box<SignedSuccession>),
    /// New endpoints, certificate or place, signed by the member's present key.
    RenewCard(Box<Card>),
    /// Lets a person sign alone, within scopes and until a time.
    Delegate(Delegation),
    /// Takes that back.
    RevokeDelegation {
        /// The person's key.
        person: Did,
    },
    /// Puts something to the vote.
    Propose {
        /// What.
        motion: Motion,
        /// Why; 1 to 1000 bytes.
        text: String,
    },
    /// Votes on a proposal.
    Vote {
        /// Its id: that of the transaction that made it.
        proposal: Hash,
        /// For it or against it.
        approve: bool,
    },
    /// Asks for a token for a dataset that needs one.
    RequestAccess {
        /// `north/patients@1`.
        dataset: String,
        /// What is asked for, within the dataset's terms.
        rights: Rights,
        /// One of the terms' purposes.
        purpose: String,
    },
    /// The owner agrees to a request: a token is issued.
    ApproveAccess {
        /// Its id.
        request: Hash,
    },
    /// The owner says no; what was paid goes back.
    DeclineAccess {
        /// Its id.
        request: Hash,
        /// Why; 1 to 1000 bytes.
        reason: String,
    },
    /// The holder makes a narrower token that takes this one's place.
    AttenuateToken {
        /// Which.
        token: Hash,
        /// Within the token's.
        rights: Rights,
    },
    /// The holder uses a token for one contract.
    UseToken {
        /// Which.
        token: Hash,
        /// Proposed or active.
        contract: Hash,
    },
    /// Takes a token back, with all that were made from it. By the dataset's owner or the holder.
    RevokeToken {
        /// Which.
        token: Hash,
        /// Why; 1 to 1000 bytes.
        reason: String,
    },
    /// Challenges a run, a token or a claim within its window.
    Challenge {
        /// What.
        subject: Subject,
        /// The member at fault, if one is known to be.
        accused: Option<Did>,
        /// Why; 1 to 1000 bytes.
        reason: String,
        /// Hashes of documents; at most 64.
        evidence: Vec<Hash>,
    },
    /// An arbiter's decision.
    Arbitrate {
        /// Which dispute.
        dispute: Hash,
        /// For the challenger or against.
        uphold: bool,
    },
    /// Puts an algorithm, a template or a request for data into the catalog.
    Publish(Box<Publication>),
    /// Takes it out of the catalog.
    WithdrawPublication {
        /// `north/mean@1`.
        publication: String,
    },
    /// States that a dataset is the member's own; others have a window to dispute it.
    ClaimDataset {
        /// `north/patients`.
        path: String,
        /// Why it is; 1 to 1000 bytes.
        statement: String,
        /// Hashes of documents; at most 64.
        evidence: Vec<Hash>,
    },
    /// Offers a dataset whose ownership is established to another member.
    OfferDataset {
        /// `north/patients`.
        path: String,
        /// To whom.
        to: Did,
    },
    /// Takes an offered dataset over.
    AcceptDataset {
        /// `north/patients`.
        path: String,
    },
    /// Lets a regulator of the member's jurisdiction read what the member may read, or no longer.
    SetReading {
        /// Which.
        regulator: Did,
        /// Given or taken.
        allowed: bool,
    },
    /// A regulator stops a contract with a party of its jurisdiction.
    StopContract {
        /// Which.
        contract: Hash,
        /// Why; 1 to 1000 bytes.
        reason: String,
    },
    /// A compute party states what each data provider contributed to a completed run, as the run measured it.
    StateContributions {
        /// Which.
        run: Hash,
        /// One number for each data provider.
        contributions: BTreeMap<Did, u64>,
    },
    /// Gives points to another member.
    TransferPoints {
        /// To whom.
        to: Did,
        /// How many.
        points: u64,
        /// For what; 1 to 200 bytes.
        note: String,
    },
}

/// A data provider's input to a run, fixed but not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCommitment {
    /// Hash of each component of the sharing, in the scheme's order; 1 to 64.
    pub components: Vec<Hash>,
    /// Rows of the provider's datasets under the contract, as the catalog has them.
    pub rows: u64,
}

impl InputCommitment {
    /// What compute parties put in their receipts.
    ///
    /// # Errors
    /// When `rows` is too large for canonical JSON.
    pub fn digest(&self) -> Result<Hash, CanonicalError> {
        canonical::hash("input-commitment", self)
    }
}

/// Why a run could not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailReason {
    /// For people; 1 to 1000 bytes.
    pub text: String,
    /// The participant at fault, when one is known to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blamed: Option<Did>,
}

impl SignedTransaction {
    /// Signs a transaction. The key should be [`Transaction::signer`]'s: any other is refused by the ledger.
    ///
    /// # Errors
    /// When the transaction holds a number too large for canonical JSON.
    pub fn sign(transaction: Transaction, key: &SigningKey) -> Result<Self, CanonicalError> {
        let signature = key.sign(DOMAIN, &canonical::to_bytes(&transaction)?);
        Ok(Self { transaction, signature })
    }

    /// Reads a signed transaction from its canonical bytes; the signature is not yet checked.
    ///
    /// # Errors
    /// When it is longer than [`TRANSACTION_BYTES_MAX`] or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::from_bytes(bytes, TRANSACTION_BYTES_MAX)
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// When it holds a number too large for canonical JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Names the transaction: a hash over what was signed.
    ///
    /// # Errors
    /// As [`Self::to_bytes`].
    pub fn id(&self) -> Result<Hash, CanonicalError> {
        self.transaction.id()
    }

    /// Checks size and signature, which costs a signature verification (about 30 µs) and no knowledge of the state.
    ///
    /// # Errors
    /// [`Refused::Canonical`] or [`Refused::ForgedTransaction`].
    pub fn verify(&self) -> Result<Verified<'_>, Refused> {
        let bytes = canonical::to_bytes(&self.transaction)?;
        let limit = TRANSACTION_BYTES_MAX - SIGNATURE_BYTES;
        if bytes.len() > limit {
            return Err(CanonicalError::TooLarge { limit, found: bytes.len() }.into());
        }
        let member = self.transaction.member;
        self.transaction
            .signer()
            .verify(DOMAIN, &bytes, &self.signature)
            .map_err(|_| Refused::ForgedTransaction { member })?;
        Ok(Verified(&self.transaction))
    }
}

/// A transaction whose size and signature were found valid, to be kept.
#[derive(Clone, Debug)]
pub struct Checked(Arc<SignedTransaction>);

impl Checked {
    /// Checks size and signature, see [`SignedTransaction::verify`].
    ///
    /// # Errors
    /// [`Refused::Canonical`] or [`Refused::ForgedTransaction`].
    pub fn new(signed: SignedTransaction) -> Result<Self, Refused> {
        signed.verify()?;
        Ok(Self(Arc::new(signed)))
    }

    /// What was signed, with the signature.
    pub fn signed(&self) -> &SignedTransaction {
        &self.0
    }

    /// For [`crate::State::advance`].
    pub fn verified(&self) -> Verified<'_> {
        Verified(&self.0.transaction)
    }
}

/// A transaction whose signature was found valid.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a>(&'a Transaction);

impl<'a> Verified<'a> {
    /// What was signed.
    pub fn transaction(self) -> &'a Transaction {
        self.0
    }

    /// For transactions whose signature this process has just checked together with others, and for entries under a
    /// root that this node verified before.
    pub(crate) fn already_checked(signed: &'a SignedTransaction) -> Self {
        Self(&signed.transaction)
    }
}
