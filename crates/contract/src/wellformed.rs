//! Whether a contract makes sense by itself, before anyone looks at the ledger or at terms.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Contract, Did,
    clause::Clause,
    dataset,
    disclosure::{Loss, epsilon},
    document::{BYTES_MAX, FORMAT, FORMAT_UNAUDITED, Party, Role},
    scheme::{SCHEMES, Scheme},
    settlement::Split,
    text,
};

/// The parts that a settlement divides.
pub const PARTS: u32 = 10_000;
/// The longest that a run may take, in seconds: one day.
pub const RUN_SECONDS_MAX: u32 = 86_400;
/// The most that a run may cost of a privacy budget, in millionths: with ε = 20, noise hides next to nothing.
pub const EPSILON_MICRO_MAX: u64 = 20_000_000;
/// The same of a budget of ρ: ρ = 5 is ε = 21.7 with δ = 10^-6.
pub const RHO_MICRO_MAX: u64 = 5_000_000;
/// The most parties, tables, and inputs of one table.
pub const LIST_MAX: usize = 64;
/// The longest text of one line, in bytes.
pub const LINE_BYTES_MAX: usize = 300;
/// The longest SELECT, in bytes.
pub const SQL_BYTES_MAX: usize = 16_384;

/// One reason why a contract makes no sense by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "flaw", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Flaw {
    /// Another format than this build reads.
    #[error("the format is `{found}`, expected `{FORMAT}`")]
    Format {
        /// As written.
        found: String,
    },
    /// A contract of the present format that names no audit report.
    #[error("the contract names no audit report: draft it with `treaty contract draft`")]
    AuditMissing,
    /// A contract of the former format, which has no audit report, names one.
    #[error("a contract of format `{FORMAT_UNAUDITED}` names no audit report: the format is `{FORMAT}`")]
    AuditNotInFormat,
    /// An auditor that uses the data would approve its own use.
    #[error(
        "{}: `{member}` is auditor and {role}: choose an auditor that has no part in the result",
        Clause::Parties
    )]
    AuditorTakesPart {
        /// The party.
        member: Did,
        /// Its other role.
        role: Role,
    },
    /// A number that canonical JSON cannot hold.
    #[error("the contract has no canonical form: {reason}")]
    NotCanonical {
        /// Which field, and why.
        reason: String,
    },
    /// More bytes than anyone reads.
    #[error("the contract has {found} bytes in canonical form, at most {BYTES_MAX} are accepted")]
    TooLarge {
        /// Length of the canonical form.
        found: u64,
    },
    /// A text is empty, too long, or holds characters that do not show.
    #[error("`{field}` {problem}")]
    Text {
        /// Which text, for example `parties[0].name`.
        field: String,
        /// What is wrong with it.
        problem: text::Flaw,
    },
    /// A list is empty or too long.
    #[error("`{field}` has {found} entries, expected 1 to {LIST_MAX}")]
    Length {
        /// Which list, for example `computation.tables`.
        field: String,
        /// Number of entries.
        found: u64,
    },
    /// Parties are not sorted by identity, or one stands there twice.
    #[error("{}: `{member}` is out of order: list each member once, sorted by identity", Clause::Parties)]
    PartyOrder {
        /// The first that is not after the one before.
        member: Did,
    },
    /// A party without a role.
    #[error("{}: `{member}` has no role: give it one or leave it out", Clause::Parties)]
    PartyWithoutRole {
        /// The party.
        member: Did,
    },
    /// A member stands in another clause in a role that clause 1 does not give it.
    #[error("`{field}` names `{member}`, which is no {role} in {}: add the role there", Clause::Parties)]
    RoleMissing {
        /// Where the member stands.
        field: String,
        /// The member.
        member: Did,
        /// The role that it needs.
        role: Role,
    },
    /// Clause 1 gives a member a role that the clause about that role does not mention.
    #[error(
        "{} makes `{member}` a {role}, but `{field}` does not name it: add it there or drop the role",
        Clause::Parties
    )]
    RoleUnused {
        /// Where the member should stand.
        field: String,
        /// The member.
        member: Did,
        /// The role without effect.
        role: Role,
    },
    /// Nobody may start a run, since no party is a data user.
    #[error("{}: no party is a data user, so nobody could start a run", Clause::Parties)]
    NoDataUser,
    /// A coordinator holds no share, so it cannot also compute.
    #[error("{}: `{member}` is coordinator and compute party: a coordinator holds no share", Clause::Parties)]
    CoordinatorComputes {
        /// The party.
        member: Did,
    },
    /// A dataset reference of another form.
    #[error("{}: `{found}` is not a dataset version: expected `owner/name@version`", Clause::Data)]
    Reference {
        /// As written.
        found: String,
    },
    /// A dataset stands twice in a table, maybe in two versions, so that its rows would count twice.
    #[error("{}: table `{table}` lists `{dataset}` twice, or beside another version", Clause::Data)]
    InputTwice {
        /// The table.
        table: String,
        /// The dataset, by reference.
        dataset: String,
    },
    /// A scheme that no node has.
    #[error("{}: there is no scheme `{found}`: expected {}", Clause::Protection, schemes())]
    Scheme {
        /// As written.
        found: String,
    },
    /// The scheme needs another number of compute parties.
    #[error("{}: `{scheme}` needs {expected} compute parties, there are {found}", Clause::Protection)]
    ComputeParties {
        /// The scheme.
        scheme: String,
        /// How many it needs.
        expected: String,
        /// How many are listed.
        found: u64,
    },
    /// A compute party stands twice in the list, so that it would hold two parties' shares.
    #[error("{}: compute party `{member}` is listed twice", Clause::Protection)]
    ComputePartyTwice {
        /// The member.
        member: Did,
    },
    /// The scheme has another threshold.
    #[error("{}: `{scheme}` has threshold {expected}, not {found}", Clause::Protection)]
    Threshold {
        /// The scheme.
        scheme: String,
        /// The threshold that it can have: one number or a range.
        expected: String,
        /// As written.
        found: u16,
    },
    /// A floor of no rows.
    #[error("{}: the floor is 0 rows, expected at least 1", Clause::Result)]
    NoFloor,
    /// A share of a sum that is no percentage.
    #[error(
        "{}: the largest share of one contributor is {found} percent, expected 1 to 99; leave it out to ask for none",
        Clause::Result
    )]
    Dominance {
        /// As written.
        found: u8,
    },
    /// Noise of no or boundless strength.
    #[error("{}: a run costs ε = {}, expected more than 0 and at most {}", Clause::Result, epsilon(*found), epsilon(EPSILON_MICRO_MAX))]
    Epsilon {
        /// In millionths.
        found: u64,
    },
    /// Gaussian noise of no or boundless strength.
    #[error("{}: a run costs ρ = {}, expected more than 0 and at most {}", Clause::Result, epsilon(*found), epsilon(RHO_MICRO_MAX))]
    Rho {
        /// In millionths.
        found: u64,
    },
    /// A cost in a unit that the noise does not have.
    #[error(
        "{}: Laplace noise costs ε and no ρ, Gaussian noise ρ and no ε; the contract states both",
        Clause::Result
    )]
    NoiseUnit,
    /// No run is granted.
    #[error("{}: the contract grants 0 runs, expected at least 1", Clause::Limits)]
    NoRuns,
    /// The window is empty.
    #[error("{}: the window ends ({expires}) before it begins ({not_before})", Clause::Limits)]
    Window {
        /// Seconds since 1970.
        not_before: u64,
        /// Seconds since 1970.
        expires: u64,
    },
    /// No time for a run, or more than a day.
    #[error("{}: a run may take {found} seconds, expected 1 to {RUN_SECONDS_MAX}", Clause::Limits)]
    RunSeconds {
        /// As written.
        found: u32,
    },
    /// The parts of a settlement do not make a whole.
    #[error("{}: the parts sum to {found}, expected {PARTS}", Clause::Settlement)]
    Parts {
        /// Their sum.
        found: u32,
    },
    /// A part for algorithm providers, of which there are none.
    #[error(
        "{}: {parts} parts go to algorithm providers, but no party is one: give them to others",
        Clause::Settlement
    )]
    NobodyToPay {
        /// As written.
        parts: u16,
    },
    /// The nonce is not 16 to 64 lower-case hexadecimal digits.
    #[error("the nonce is `{found}`, expected 16 to 64 lower-case hexadecimal digits")]
    Nonce {
        /// As written, cut after 80 characters.
        found: String,
    },
}

impl Flaw {
    /// The member that the flaw is about, if it is about one.
    pub const fn member(&self) -> Option<&Did> {
        match self {
            Self::PartyOrder { member }
            | Self::PartyWithoutRole { member }
            | Self::RoleMissing { member, .. }
            | Self::RoleUnused { member, .. }
            | Self::CoordinatorComputes { member }
            | Self::AuditorTakesPart { member, .. }
            | Self::ComputePartyTwice { member } => Some(member),
            Self::Format { .. }
            | Self::AuditMissing
            | Self::AuditNotInFormat
            | Self::NotCanonical { .. }
            | Self::TooLarge { .. }
            | Self::Text { .. }
            | Self::Length { .. }
            | Self::NoDataUser
            | Self::Reference { .. }
            | Self::InputTwice { .. }
            | Self::Scheme { .. }
            | Self::ComputeParties { .. }
            | Self::Threshold { .. }
            | Self::NoFloor
            | Self::NoRuns
            | Self::Window { .. }
            | Self::RunSeconds { .. }
            | Self::Parts { .. }
            | Self::NobodyToPay { .. }
            | Self::Nonce { .. }
            | Self::Dominance { .. }
            | Self::Epsilon { .. }
            | Self::Rho { .. }
            | Self::NoiseUnit => None,
        }
    }
}

impl Contract {
    /// Whether the contract is well-formed. Every signer, the ledger and the policy check it first.
    ///
    /// # Errors
    /// Every [`Flaw`], in the order of the clauses.
    pub fn validate(&self) -> Result<(), Vec<Flaw>> {
        let mut flaws = Vec::new();
        self.check_form(&mut flaws);
        self.check_texts(&mut flaws);
        self.check_parties(&mut flaws);
        self.check_roles(&mut flaws);
        self.check_data(&mut flaws);
        self.check_protection(&mut flaws);
        self.check_limits(&mut flaws);
        self.check_settlement(&mut flaws);
        if flaws.is_empty() { Ok(()) } else { Err(flaws) }
    }

    fn check_form(&self, flaws: &mut Vec<Flaw>) {
        match (self.format.as_str(), self.audit) {
            (FORMAT, Some(_)) | (FORMAT_UNAUDITED, None) => {}
            (FORMAT, None) => flaws.push(Flaw::AuditMissing),
            (FORMAT_UNAUDITED, Some(_)) => flaws.push(Flaw::AuditNotInFormat),
            (other, _) => flaws.push(Flaw::Format { found: text::excerpt(other) }),
        }
        match self.bytes() {
            Ok(bytes) if bytes.len() > BYTES_MAX => flaws.push(Flaw::TooLarge { found: bytes.len() as u64 }),
            Ok(_) => {}
            Err(error) => flaws.push(Flaw::NotCanonical { reason: error.to_string() }),
        }
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !(16..=64).contains(&self.nonce.len()) || !self.nonce.bytes().all(digits) {
            flaws.push(Flaw::Nonce { found: text::excerpt(&self.nonce) });
        }
    }

    fn check_texts(&self, flaws: &mut Vec<Flaw>) {
        let mut check = |field: String, checked: Result<(), text::Flaw>| {
            flaws.extend(checked.err().map(|problem| Flaw::Text { field, problem }));
        };
        let line = |value: &str| text::check_line(value, LINE_BYTES_MAX);
        check("title".to_owned(), line(&self.title));
        for (at, party) in self.parties.iter().enumerate() {
            check(format!("parties[{at}].name"), line(&party.name));
        }
        check("purpose".to_owned(), line(&self.purpose));
        for table in self.computation.tables.keys() {
            check(format!("computation.tables.{}", text::excerpt(table)), line(table));
        }
        check("computation.sql".to_owned(), text::check_page(&self.computation.sql, SQL_BYTES_MAX));
    }

    fn check_parties(&self, flaws: &mut Vec<Flaw>) {
        check_length("parties", self.parties.len(), flaws);
        let committed = self.computation.committed.len();
        if committed > 0 {
            check_length("computation.committed", committed, flaws);
        }
        for (before, party) in self.parties.iter().zip(self.parties.iter().skip(1)) {
            if before.member >= party.member {
                flaws.push(Flaw::PartyOrder { member: party.member });
            }
        }
        for Party { member, roles, .. } in &self.parties {
            if roles.is_empty() {
                flaws.push(Flaw::PartyWithoutRole { member: *member });
            }
            if roles.contains(&Role::Coordinator) && roles.contains(&Role::ComputeParty) {
                flaws.push(Flaw::CoordinatorComputes { member: *member });
            }
            let interest = [Role::DataUser, Role::Receiver].into_iter().find(|role| roles.contains(role));
            if let Some(role) = interest.filter(|_| self.audit.is_some() && roles.contains(&Role::Auditor)) {
                flaws.push(Flaw::AuditorTakesPart { member: *member, role });
            }
        }
        if self.parties_with(Role::DataUser).next().is_none() {
            flaws.push(Flaw::NoDataUser);
        }
    }

    /// Members that another clause names by role have that role in clause 1, and the other way round.
    fn check_roles(&self, flaws: &mut Vec<Flaw>) {
        let providers = self.inputs().map(|(_, input)| input.provider).collect();
        let compute_parties = self.protection.compute_parties.iter().copied().collect();
        self.check_role("computation.tables", Role::DataProvider, &providers, flaws);
        self.check_role("protection.compute_parties", Role::ComputeParty, &compute_parties, flaws);
        self.check_role("output.receivers", Role::Receiver, &self.output.receivers, flaws);
        if !self.has_role(&self.settlement.payer, Role::DataUser) {
            flaws.push(Flaw::RoleMissing {
                field: "settlement.payer".to_owned(),
                member: self.settlement.payer,
                role: Role::DataUser,
            });
        }
    }

    fn check_role(&self, field: &str, role: Role, named: &BTreeSet<Did>, flaws: &mut Vec<Flaw>) {
        let holders: BTreeSet<Did> = self.parties_with(role).map(|party| party.member).collect();
        let field = field.to_owned();
        flaws.extend(named.difference(&holders).map(|member| Flaw::RoleMissing {
            field: field.clone(),
            member: *member,
            role,
        }));
        flaws.extend(holders.difference(named).map(|member| Flaw::RoleUnused {
            field: field.clone(),
            member: *member,
            role,
        }));
    }

    fn check_data(&self, flaws: &mut Vec<Flaw>) {
        let tables = &self.computation.tables;
        check_length("computation.tables", tables.len(), flaws);
        for (table, inputs) in tables {
            check_length(&format!("computation.tables.{}", text::excerpt(table)), inputs.len(), flaws);
            let mut seen = BTreeSet::new();
            for input in inputs {
                let reference = dataset::parse_reference(&input.dataset);
                if reference.is_none() {
                    flaws.push(Flaw::Reference { found: text::excerpt(&input.dataset) });
                }
                // Of several versions, too: a row that is in each would count several times.
                if !seen.insert(reference.map_or(input.dataset.as_str(), |(path, _)| path)) {
                    let dataset = text::excerpt(&input.dataset);
                    flaws.push(Flaw::InputTwice { table: text::excerpt(table), dataset });
                }
            }
        }
    }

    fn check_protection(&self, flaws: &mut Vec<Flaw>) {
        let protection = &self.protection;
        let mut seen = BTreeSet::new();
        for member in &protection.compute_parties {
            if !seen.insert(member) {
                flaws.push(Flaw::ComputePartyTwice { member: *member });
            }
        }
        let Some(scheme) = Scheme::find(&protection.scheme) else {
            flaws.push(Flaw::Scheme { found: text::excerpt(&protection.scheme) });
            return;
        };
        let name = || scheme.name.to_owned();
        let parties = protection.compute_parties.len();
        if !scheme.takes(parties) {
            let (expected, found) = (scheme.parties(), parties as u64);
            flaws.push(Flaw::ComputeParties { scheme: name(), expected, found });
            return;
        }
        let allowed = scheme.thresholds(parties);
        if !allowed.contains(&protection.threshold) {
            let (least, most) = allowed.into_inner();
            let expected = if least == most { most.to_string() } else { format!("{least} to {most}") };
            flaws.push(Flaw::Threshold { scheme: name(), expected, found: protection.threshold });
        }
    }

    fn check_limits(&self, flaws: &mut Vec<Flaw>) {
        let limits = &self.limits;
        check_length("output.receivers", self.output.receivers.len(), flaws);
        if self.output.floor_rows == 0 {
            flaws.push(Flaw::NoFloor);
        }
        let disclosure = &self.output.disclosure;
        if let Some(found) = disclosure.dominance_percent_max.filter(|percent| !(1..100).contains(percent)) {
            flaws.push(Flaw::Dominance { found });
        }
        match disclosure.privacy.map(|privacy| (privacy, privacy.cost())) {
            Some((_, Loss::Epsilon(found))) if !(1..=EPSILON_MICRO_MAX).contains(&found) => {
                flaws.push(Flaw::Epsilon { found });
            }
            Some((_, Loss::Rho(found))) if !(1..=RHO_MICRO_MAX).contains(&found) => {
                flaws.push(Flaw::Rho { found });
            }
            Some((privacy, _)) if privacy.epsilon_micro != 0 && privacy.rho_micro != 0 => {
                flaws.push(Flaw::NoiseUnit);
            }
            _ => {}
        }
        if limits.runs == 0 {
            flaws.push(Flaw::NoRuns);
        }
        if limits.not_before >= limits.expires {
            flaws.push(Flaw::Window { not_before: limits.not_before, expires: limits.expires });
        }
        if !(1..=RUN_SECONDS_MAX).contains(&limits.run_seconds_max) {
            flaws.push(Flaw::RunSeconds { found: limits.run_seconds_max });
        }
    }

    fn check_settlement(&self, flaws: &mut Vec<Flaw>) {
        let rule = &self.settlement;
        let found: u32 =
            [rule.providers, rule.compute_parties, rule.algorithm_providers].map(u32::from).iter().sum();
        if found != PARTS {
            flaws.push(Flaw::Parts { found });
        }
        let nobody = self.parties_with(Role::AlgorithmProvider).next().is_none();
        if rule.algorithm_providers > 0 && nobody {
            flaws.push(Flaw::NobodyToPay { parts: rule.algorithm_providers });
        }
        if let Split::Weights(weights) = &rule.split {
            let stranger = weights.keys().find(|member| !self.has_role(member, Role::DataProvider));
            if let Some(member) = stranger {
                let field = "settlement.split".to_owned();
                flaws.push(Flaw::RoleMissing { field, member: *member, role: Role::DataProvider });
            }
        }
    }
}

fn check_length(field: &str, found: usize, flaws: &mut Vec<Flaw>) {
    if !(1..=LIST_MAX).contains(&found) {
        flaws.push(Flaw::Length { field: field.to_owned(), found: found as u64 });
    }
}

fn schemes() -> String {
    SCHEMES.iter().map(|scheme| format!("`{}`", scheme.name)).collect::<Vec<_>>().join(" or ")
}
