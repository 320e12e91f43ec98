//! What an entry of the ledger changed: enough to follow a contract or a run without reading the state.

use std::collections::BTreeSet;

use contract::{
    Did, Hash,
    audit::Opinion,
    canonical::{self, CanonicalError},
    lifecycle,
};
use serde::{Deserialize, Serialize};

use crate::{
    Card, FailReason,
    access::Answer,
    catalog::ClaimStanding,
    dispute::{Ruling, Subject},
    governance::{Motion, Parameter, Shares, Verdict},
    identity::Delegation,
    receipt::Disagreement,
    settlement::Transfer,
};

/// One consequence of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The entry that caused it.
    pub index: u64,
    /// The entry's time, seconds since 1970.
    pub time: u64,
    /// What happened.
    pub what: Happening,
}

/// All consequences of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Hashes of the records that were touched, as they are afterwards, in the order of their names.
    pub records: Vec<Hash>,
}

impl Effects {
    /// What the entry commits to.
    ///
    /// # Errors
    /// When a number is too large for canonical JSON.
    pub fn hash(&self) -> Result<Hash, CanonicalError> {
        canonical::hash("effects", &(&self.events, &self.records))
    }
}

/// What can happen. Written as `{"run-requested": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Happening {
    /// A member was admitted.
    MemberAdmitted {
        /// What it says of itself.
        card: Box<Card>,
    },
    /// A member's endpoints, certificate or place changed.
    CardRenewed {
        /// What it says of itself now.
        card: Box<Card>,
    },
    /// A member changed its key.
    KeyRotated {
        /// Which member.
        member: Did,
        /// Its key from the next entry on.
        key: Did,
    },
    /// A vote gave a member another key.
    KeyReplaced {
        /// Which member.
        member: Did,
        /// Its key from the next entry on.
        key: Did,
    },
    /// A member is no longer in the alliance.
    MemberLeft {
        /// Which.
        member: Did,
        /// Against its will.
        expelled: bool,
    },
    /// Another member orders the log.
    OperatorChanged {
        /// From the next entry on.
        operator: Did,
    },
    /// Another member orders the log without a word of the one before, by the signatures of the others.
    OperatorSucceeded {
        /// From this entry on.
        operator: Did,
    },
    /// Another number of members must stand behind checkpoints.
    QuorumChanged {
        /// From the next entry on.
        quorum: u16,
    },
    /// A dispute was decided against a member.
    StandingLowered {
        /// Which member.
        member: Did,
        /// The dispute.
        dispute: Hash,
    },
    /// Something is put to the vote.
    Proposed {
        /// Its id.
        proposal: Hash,
        /// By whom.
        by: Did,
        /// What.
        motion: Box<Motion>,
        /// Votes count before this time, seconds since 1970.
        closes: u64,
    },
    /// A member voted.
    Voted {
        /// On what.
        proposal: Hash,
        /// Who.
        by: Did,
        /// For it or against it.
        approve: bool,
    },
    /// A vote has ended; what it changed precedes this.
    Decided {
        /// Which proposal.
        proposal: Hash,
        /// How.
        verdict: Verdict,
    },
    /// A number that the rules use has changed.
    ParameterSet {
        /// Which.
        parameter: Parameter,
        /// To what.
        value: u64,
    },
    /// Fees are split otherwise where contracts leave it to the alliance.
    SharesSet {
        /// How.
        shares: Shares,
    },
    /// Another version of the rules holds from an entry on.
    ProtocolAdopted {
        /// Which.
        version: u32,
        /// Index of the first entry under it.
        from: u64,
    },
    /// Points moved between members.
    PointsTransferred {
        /// From whom.
        from: Did,
        /// To whom.
        to: Did,
        /// How many.
        points: u64,
        /// For what.
        note: String,
    },
    /// Points were created by vote.
    PointsIssued {
        /// For whom.
        to: Did,
        /// How many.
        points: u64,
    },
    /// Points were destroyed by vote.
    PointsBurnt {
        /// Whose.
        from: Did,
        /// How many.
        points: u64,
    },
    /// A member asks for access to a dataset.
    AccessRequested {
        /// The request's id.
        request: Hash,
        /// `north/patients@1`.
        dataset: String,
        /// By whom.
        by: Did,
        /// Points in escrow for it.
        price: u64,
    },
    /// A request was declined or has lapsed; what was paid went back.
    AccessAnswered {
        /// The request's id.
        request: Hash,
        /// How.
        answer: Answer,
    },
    /// A request was granted.
    TokenIssued {
        /// The token.
        token: Hash,
        /// The request.
        request: Hash,
        /// Who may use it.
        holder: Did,
    },
    /// A narrower token took another's place.
    TokenAttenuated {
        /// The new token.
        token: Hash,
        /// The one that it replaces.
        parent: Hash,
    },
    /// A contract uses a token.
    TokenUsed {
        /// Which.
        token: Hash,
        /// Which contract.
        contract: Hash,
    },
    /// A token was taken back.
    TokenRevoked {
        /// Which.
        token: Hash,
        /// By whom.
        by: Did,
        /// Why.
        reason: String,
    },
    /// Something is challenged.
    Challenged {
        /// The dispute's id.
        dispute: Hash,
        /// What.
        subject: Subject,
        /// By whom.
        by: Did,
        /// Who is said to be at fault.
        accused: Option<Did>,
    },
    /// Arbiters were drawn by lot.
    ArbitersDrawn {
        /// Of which dispute.
        dispute: Hash,
        /// Who decides.
        arbiters: BTreeSet<Did>,
    },
    /// An arbiter decided.
    Arbitrated {
        /// Which dispute.
        dispute: Hash,
        /// Who.
        by: Did,
        /// For the challenger or against.
        uphold: bool,
    },
    /// A dispute was decided; what it moves follows.
    Ruled {
        /// Which dispute.
        dispute: Hash,
        /// How.
        ruling: Ruling,
    },
    /// No run of a contract is in dispute any more.
    ContractDisputeResolved {
        /// Which.
        contract: Hash,
        /// Where it stands now.
        state: lifecycle::State,
    },
    /// A regulator stopped a contract.
    ContractStopped {
        /// Which.
        contract: Hash,
        /// By whom.
        by: Did,
        /// Why.
        reason: String,
    },
    /// Something entered the catalog.
    Published {
        /// `north/mean@1`.
        publication: String,
        /// By whom.
        owner: Did,
    },
    /// It left the catalog.
    PublicationWithdrawn {
        /// `north/mean@1`.
        publication: String,
    },
    /// A member claims a dataset.
    DatasetClaimed {
        /// The claim's id.
        claim: Hash,
        /// `north/patients`.
        path: String,
        /// By whom.
        by: Did,
        /// Others can dispute it before this time, seconds since 1970.
        disputable_until: u64,
    },
    /// A claim holds, or doesn't.
    ClaimSettled {
        /// The claim's id.
        claim: Hash,
        /// `north/patients`.
        path: String,
        /// How it stands now.
        standing: ClaimStanding,
    },
    /// A dataset is offered to another member.
    DatasetOffered {
        /// `north/patients`.
        path: String,
        /// By whom.
        from: Did,
        /// To whom.
        to: Did,
    },
    /// A dataset has another owner.
    DatasetTransferred {
        /// `north/patients`.
        path: String,
        /// Before.
        from: Did,
        /// Now.
        to: Did,
    },
    /// A member lets a regulator read, or no longer.
    ReadingSet {
        /// Who.
        member: Did,
        /// Whom.
        regulator: Did,
        /// Given or taken.
        allowed: bool,
    },
    /// A regulator may stop contracts, or no longer.
    StopRightSet {
        /// Which.
        regulator: Did,
        /// Given or taken.
        granted: bool,
    },
    /// A compute party stated what providers contributed.
    ContributionsStated {
        /// To which run.
        run: Hash,
        /// Which compute party.
        party: Did,
    },
    /// A person may sign alone for its member.
    PersonDelegated {
        /// For whom.
        member: Did,
        /// Who, what, until when.
        delegation: Delegation,
    },
    /// A person may no longer sign for its member.
    DelegationRevoked {
        /// For whom.
        member: Did,
        /// Who.
        person: Did,
    },
    /// A dataset version entered the catalog.
    DatasetPublished {
        /// `north/patients@1`.
        dataset: String,
        /// Its owner.
        owner: Did,
    },
    /// A dataset version left the catalog.
    DatasetWithdrawn {
        /// `north/patients@1`.
        dataset: String,
    },
    /// A contract is before its parties.
    ContractProposed {
        /// Which.
        contract: Hash,
        /// By whom.
        by: Did,
    },
    /// One party's signature arrived.
    ContractSigned {
        /// Which.
        contract: Hash,
        /// Whose signature.
        party: Did,
    },
    /// An auditor said what it thinks of its report.
    ContractAudited {
        /// Which.
        contract: Hash,
        /// Who.
        by: Did,
        /// What it said.
        opinion: Opinion,
    },
    /// All parties have signed, and its auditors approve.
    ContractActivated {
        /// Which.
        contract: Hash,
    },
    /// Another contract took its place.
    ContractSuperseded {
        /// Which.
        contract: Hash,
        /// Its successor.
        by: Hash,
    },
    /// Its time is over.
    ContractExpired {
        /// Which.
        contract: Hash,
    },
    /// Its last use was taken.
    ContractExhausted {
        /// Which.
        contract: Hash,
    },
    /// A party stopped it.
    ContractRevoked {
        /// Which.
        contract: Hash,
        /// By whom.
        by: Did,
        /// Why.
        reason: String,
    },
    /// The receipts of one of its runs contradict each other.
    ContractDisputed {
        /// Which.
        contract: Hash,
        /// The run.
        run: Hash,
    },
    /// One use was taken and the fee put into escrow.
    RunRequested {
        /// Which.
        run: Hash,
        /// Under which contract.
        contract: Hash,
        /// By whom.
        by: Did,
        /// Points in escrow.
        fee: u64,
    },
    /// One participant permits it.
    RunPermitted {
        /// Which.
        run: Hash,
        /// By whom.
        by: Did,
    },
    /// All participants permit it.
    RunPermittedByAll {
        /// Which.
        run: Hash,
    },
    /// One participant refuses it.
    RunRefused {
        /// Which.
        run: Hash,
        /// By whom; the reasons are in the run's record.
        by: Did,
    },
    /// One data provider fixed its input.
    RunInputCommitted {
        /// Which.
        run: Hash,
        /// Which provider.
        provider: Did,
    },
    /// All inputs are fixed; the compute parties may start.
    RunStarted {
        /// Which.
        run: Hash,
    },
    /// One compute party's receipt arrived.
    RunReceiptFiled {
        /// Which.
        run: Hash,
        /// Whose receipt.
        party: Did,
    },
    /// All receipts agree.
    RunCompleted {
        /// Which.
        run: Hash,
    },
    /// The receipts contradict each other or the ledger.
    RunDisputed {
        /// Which.
        run: Hash,
        /// How.
        disagreement: Disagreement,
    },
    /// It cannot complete.
    RunFailed {
        /// Which.
        run: Hash,
        /// Who says so.
        by: Did,
        /// Why.
        reason: FailReason,
    },
    /// One compute party states that nothing was opened.
    NothingOpened {
        /// Which run.
        run: Hash,
        /// Whose statement.
        party: Did,
    },
    /// All compute parties state so: the use and the fee are given back.
    UseReturned {
        /// Which run.
        run: Hash,
        /// The contract that may run once more.
        contract: Hash,
        /// Points back to the payer.
        refunded: u64,
    },
    /// Points moved from escrow by the contract's rule.
    Settled {
        /// Which run.
        run: Hash,
        /// To whom, how much, as what.
        transfers: Vec<Transfer>,
    },
}
