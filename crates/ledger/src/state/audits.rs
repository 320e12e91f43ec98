//! What auditors say of a contract's report before it is active.

use contract::{
    Did, Hash,
    audit::{Opinion, REASON_BYTES_MAX},
    document::Role,
    lifecycle,
};

use super::{
    ContractRecord, Recorded, Revocation,
    step::{Step, check_text},
};
use crate::{Refused, event::Happening, refused::AuditRule};

impl Step {
    /// An auditor approves the report, which with all signatures makes the contract active, or declines it, which ends
    /// the contract.
    pub(super) fn audit_contract(
        &mut self,
        auditor: Did,
        id: Hash,
        report: Hash,
        opinion: &Opinion,
    ) -> Result<(), Refused> {
        let mut record = self.contract(id)?;
        refuse_declined(id, &record)?;
        if !record.contract.has_role(&auditor, Role::Auditor) {
            return Err(Refused::NotInRole { who: auditor, role: Role::Auditor, contract: id });
        }
        match record.contract.audit {
            None => return Err(AuditRule::NoReport(id).into()),
            Some(named) if named != report => return Err(AuditRule::OtherReport(id, named, report).into()),
            Some(_) => {}
        }
        if record.opinions.contains_key(&auditor) {
            return Err(AuditRule::AlreadyAudited(auditor, id).into());
        }
        let active = self.follow(id, &record, lifecycle::Event::SignedByAll)?;
        let recorded = Recorded { index: self.index, value: opinion.clone() };
        record.opinions.insert(auditor, recorded);
        self.emit(Happening::ContractAudited { contract: id, by: auditor, opinion: opinion.clone() });
        match opinion {
            Opinion::Approved => self.activate_if_complete(id, &mut record, active)?,
            Opinion::Declined { reason } => {
                check_text(reason, "reason", REASON_BYTES_MAX)?;
                record.state = self.follow(id, &record, lifecycle::Event::Declined)?;
                record.revoked = Some(Revocation { by: auditor, reason: reason.clone() });
            }
        }
        self.put_contract(id, record);
        Ok(())
    }
}

/// Nobody signs what an auditor declined.
pub(super) fn refuse_declined(id: Hash, record: &ContractRecord) -> Result<(), AuditRule> {
    let declined = record.opinions.iter().find_map(|(auditor, Recorded { value, .. })| {
        value.objection().map(|reason| AuditRule::Declined(id, *auditor, reason.to_owned()))
    });
    declined.map_or(Ok(()), Err)
}
