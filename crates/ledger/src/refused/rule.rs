//! Names of the rules, for programs.

use super::Refused;

impl Refused {
    /// The rule's name: lower case with hyphens, stable from version to version.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Canonical(_) => "canonical",
            Self::ForgedTransaction { .. } => "forged-transaction",
            Self::OtherAlliance { .. } => "other-alliance",
            Self::NotInAlliance { .. } => "not-in-alliance",
            Self::RegulatorMayNot { .. } => "regulator-may-not",
            Self::Sequence { .. } => "sequence",
            Self::TimeWentBack { .. } => "time-went-back",
            Self::Text { .. } => "text",
            Self::Identity(rule) => rule.rule(),
            Self::Governance(rule) => rule.rule(),
            Self::Points(rule) => rule.rule(),
            Self::Access(rule) => rule.rule(),
            Self::DatasetMalformed { .. } => "dataset-malformed",
            Self::NotOwner { .. } => "not-owner",
            Self::Version { .. } => "version",
            Self::DatasetId { .. } => "dataset-id",
            Self::DatasetIdTaken { .. } => "dataset-id-taken",
            Self::UnknownDataset { .. } => "unknown-dataset",
            Self::WithdrawnDataset { .. } => "withdrawn-dataset",
            Self::ContractMalformed { .. } => "contract-malformed",
            Self::ContractOfOtherAlliance { .. } => "contract-of-other-alliance",
            Self::ContractExists { .. } => "contract-exists",
            Self::UnknownContract { .. } => "unknown-contract",
            Self::PartyName { .. } => "party-name",
            Self::RegulatorRole { .. } => "regulator-role",
            Self::NotAParty { .. } => "not-a-party",
            Self::NotInRole { .. } => "not-in-role",
            Self::ProviderIsNotOwner { .. } => "provider-is-not-owner",
            Self::DatasetRoot { .. } => "dataset-root",
            Self::NotReplaceable { .. } => "not-replaceable",
            Self::OtherParties { .. } => "other-parties",
            Self::ContractState { .. } => "contract-state",
            Self::AlreadySigned { .. } => "already-signed",
            Self::ForgedSignature { .. } => "forged-signature",
            Self::RunExists { .. } => "run-exists",
            Self::UnknownRun { .. } => "unknown-run",
            Self::NotActive { .. } => "not-active",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Purpose { .. } => "purpose",
            Self::InsufficientPoints { .. } => "insufficient-points",
            Self::NotAParticipant { .. } => "not-a-participant",
            Self::RunPhase { .. } => "run-phase",
            Self::AlreadyDone { .. } => "already-done",
            Self::RunTimedOut { .. } => "run-timed-out",
            Self::RefusalCount { .. } => "refusal-count",
            Self::ComponentCount { .. } => "component-count",
            Self::CommittedRows { .. } => "committed-rows",
            Self::ReceiptMalformed(_) => "receipt-malformed",
        }
    }
}
