//! Rules about what auditors say of a contract's report.

use contract::{Did, Hash};

use super::table::rules;

rules! {
    /// Why an auditor's opinion, or a signature after it, is not accepted.
    AuditRule {
        /// Nothing to have an opinion of.
        "audit-none" NoReport(Hash) = "contract {0} is of the format without an audit report",
        /// An opinion of something else.
        "audit-report" OtherReport(Hash, Hash, Hash) = "contract {0} names the audit report {1}, the opinion is of {2}",
        /// Once.
        "already-audited" AlreadyAudited(Did, Hash) = "`{0}` has already given its opinion of contract {1}",
        /// It is over.
        "audit-declined" Declined(Hash, Did, String) = "contract {0} cannot become active: its auditor `{1}` declined it: {2}; draft another one",
    }
}
