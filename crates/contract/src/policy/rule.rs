//! What each refusal is called, and which members it names.

use super::Refusal;
use crate::{Did, text::visible};

impl Refusal {
    /// The rule that refuses, as `rule` stands in JSON.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::NotActive { .. } => "not-active",
            Self::Revoked => "revoked",
            Self::SignatureMissing { .. } => "signature-missing",
            Self::SignatureForged { .. } => "signature-forged",
            Self::AuditDiffers { .. } => "audit-differs",
            Self::NotAudited => "not-audited",
            Self::AuditorMissing { .. } => "auditor-missing",
            Self::AuditOpen { .. } => "audit-open",
            Self::AuditDeclined { .. } => "audit-declined",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::UsesExhausted { .. } => "uses-exhausted",
            Self::UseNotTaken => "use-not-taken",
            Self::RequesterNotDataUser { .. } => "requester-not-data-user",
            Self::PurposeDiffers { .. } => "purpose-differs",
            Self::ProgramDiffers { .. } => "program-differs",
            Self::UnknownTable { .. } => "unknown-table",
            Self::UnknownDataset { .. } => "unknown-dataset",
            Self::OwnerDiffers { .. } => "owner-differs",
            Self::RootDiffers { .. } => "root-differs",
            Self::TermsExpired { .. } => "terms-expired",
            Self::PurposeNotAllowed { .. } => "purpose-not-allowed",
            Self::ColumnNotAllowed { .. } => "column-not-allowed",
            Self::ComparisonNotAllowed { .. } => "comparison-not-allowed",
            Self::ComputedElsewhere { .. } => "computed-elsewhere",
            Self::FloorTooLow { .. } => "floor-too-low",
            Self::TooFewContributors { .. } => "too-few-contributors",
            Self::Dominance { .. } => "dominance",
            Self::NoiseMissing { .. } => "noise-missing",
            Self::TooLittleNoise { .. } => "too-little-noise",
            Self::TooLittleGaussian { .. } => "too-little-gaussian",
            Self::BudgetOfEpsilon { .. } => "budget-of-epsilon",
            Self::BudgetOfRho { .. } => "budget-of-rho",
            Self::Differencing { .. } => "differencing",
            Self::Overlap { .. } => "overlap",
            Self::Complement { .. } => "complement",
            Self::ReceiverNotAllowed { .. } => "receiver-not-allowed",
            Self::SchemeNotAllowed { .. } => "scheme-not-allowed",
            Self::TooManyRuns { .. } => "too-many-runs",
            Self::TokenMissing { .. } => "token-missing",
            Self::TokenRevoked { .. } => "token-revoked",
            Self::TokenExpired { .. } => "token-expired",
            Self::TokenColumn { .. } => "token-column",
            Self::DatasetChanged { .. } => "dataset-changed",
            Self::DatasetNotHeld { .. } => "dataset-not-held",
            Self::NotCompilable { .. } => "not-compilable",
        }
    }

    /// The text as it is safe to show, also when another node wrote the refusal: members are called by their names
    /// instead of their `did:key`, and characters that would not show are replaced.
    pub fn describe(&self, name: impl Fn(&Did) -> String) -> String {
        let renamed = |text: String, member: &Did| text.replace(&member.to_string(), &name(member));
        let text = self.members().into_iter().fold(self.to_string(), renamed);
        text.lines().map(visible).collect::<Vec<_>>().join("\n")
    }

    fn members(&self) -> Vec<&Did> {
        match self {
            Self::SignatureMissing { party } | Self::SignatureForged { party } => vec![party],
            Self::RequesterNotDataUser { requester, expected } => {
                expected.iter().chain([requester]).collect()
            }
            Self::OwnerDiffers { expected, found, .. } => vec![expected, found],
            Self::ReceiverNotAllowed { receiver, .. } => vec![receiver],
            Self::ComputedElsewhere { party, .. } => vec![party],
            Self::TokenMissing { holder, .. } => vec![holder],
            Self::AuditOpen { auditor } | Self::AuditDeclined { auditor, .. } => vec![auditor],
            Self::AuditorMissing { expected, .. } => expected.iter().collect(),
            Self::Malformed { flaw } => flaw.member().into_iter().collect(),
            Self::NotActive { .. }
            | Self::Revoked
            | Self::AuditDiffers { .. }
            | Self::NotAudited
            | Self::NotYetValid { .. }
            | Self::Expired { .. }
            | Self::UsesExhausted { .. }
            | Self::UseNotTaken
            | Self::PurposeDiffers { .. }
            | Self::ProgramDiffers { .. }
            | Self::UnknownTable { .. }
            | Self::UnknownDataset { .. }
            | Self::RootDiffers { .. }
            | Self::TermsExpired { .. }
            | Self::PurposeNotAllowed { .. }
            | Self::ColumnNotAllowed { .. }
            | Self::ComparisonNotAllowed { .. }
            | Self::FloorTooLow { .. }
            | Self::TooFewContributors { .. }
            | Self::Dominance { .. }
            | Self::NoiseMissing { .. }
            | Self::TooLittleNoise { .. }
            | Self::TooLittleGaussian { .. }
            | Self::BudgetOfEpsilon { .. }
            | Self::BudgetOfRho { .. }
            | Self::Differencing { .. }
            | Self::Overlap { .. }
            | Self::Complement { .. }
            | Self::SchemeNotAllowed { .. }
            | Self::TooManyRuns { .. }
            | Self::TokenRevoked { .. }
            | Self::TokenExpired { .. }
            | Self::TokenColumn { .. }
            | Self::DatasetChanged { .. }
            | Self::DatasetNotHeld { .. }
            | Self::NotCompilable { .. } => Vec::new(),
        }
    }
}
