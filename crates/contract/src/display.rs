//! A contract as numbered clauses that a lawyer can read.

use crate::{
    Contract, Did,
    calendar::utc,
    clause::Clause,
    disclosure::{DisclosureRule, cost},
    document::{Input, Party, Role},
    scheme::Scheme,
    settlement::{Charge, Parts, Split},
    text::visible,
};

/// Characters in a line of a clause; queries and listings stay as they are.
const WIDTH: usize = 96;

impl Contract {
    /// The whole contract in words; nothing that is signed is left out.
    ///
    /// `names` says how the reader calls a member (the contract's own name stands beside it where it differs), and
    /// `program_listing` is the program's text form, to be shown under clause 4. Characters that would not show are
    /// replaced, so that a contract that [`Contract::validate`] refuses can be shown, too.
    pub fn to_text(&self, names: impl Fn(&Did) -> String, program_listing: Option<&str>) -> String {
        let mut page = Page { lines: Vec::new(), names: &names };
        page.heading(self);
        page.parties(self);
        page.purpose(self);
        page.data(self);
        page.computation(self, program_listing);
        page.protection(self);
        page.result(self);
        page.limits(self);
        page.settlement(self);
        page.consent(self);
        page.lines.join("\n") + "\n"
    }
}

struct Page<'a> {
    lines: Vec<String>,
    names: &'a dyn Fn(&Did) -> String,
}

impl Page<'_> {
    fn heading(&mut self, contract: &Contract) {
        self.line("COMPUTATION CONTRACT");
        self.line(&visible(&contract.title));
        self.line("");
        self.line(&format!("contract   {}", id(contract)));
        self.line(&format!("alliance   {}", contract.alliance));
        self.line(&format!("format     {}", visible(&contract.format)));
        self.line(&format!("nonce      {}", visible(&contract.nonce)));
        if let Some(before) = contract.supersedes {
            self.line(&format!("replaces   {before}"));
        }
    }

    fn parties(&mut self, contract: &Contract) {
        let mut parties = self.clause(Clause::Parties);
        for Party { member, name, roles } in &contract.parties {
            let called = (self.names)(member);
            let alias = if called == *name {
                String::new()
            } else {
                format!(", called `{}` in this contract", visible(name))
            };
            let roles: Vec<_> = roles.iter().map(|role| role.title()).collect();
            parties.item(self, &format!("{called}{alias}: {}", roles.join(", ")));
            self.line(&format!("       {member}"));
        }
    }

    fn purpose(&mut self, contract: &Contract) {
        let mut purpose = self.clause(Clause::Purpose);
        purpose.item(
            self,
            &format!("The data is used for `{}` and for nothing else.", visible(&contract.purpose)),
        );
    }

    fn data(&mut self, contract: &Contract) {
        let mut data = self.clause(Clause::Data);
        for (table, inputs) in &contract.computation.tables {
            data.item(self, &format!("Table `{}` is made of the rows of", visible(table)));
            for Input { dataset, provider, root } in inputs {
                let provider = (self.names)(provider);
                self.line(&format!("       {}, provided by {provider}, with root", visible(dataset)));
                self.line(&format!("       {root}"));
            }
        }
        data.item(self, "Exactly these versions are read, and no other data.");
    }

    fn computation(&mut self, contract: &Contract, program_listing: Option<&str>) {
        let mut computation = self.clause(Clause::Computation);
        computation.item(self, "This query is computed, and nothing else:");
        self.quote(&contract.computation.sql);
        computation
            .item(self, "Each node compiles it for itself and refuses any program but the one with hash");
        self.line(&format!("       {}", contract.computation.program));
        if !contract.computation.committed.is_empty() {
            let values: Vec<_> =
                contract.computation.committed.iter().map(|value| format!("v{value}")).collect();
            computation.item(
                self,
                &format!(
                    "With its receipt each compute party commits, with a salt, to its shares of {} of that program, and \
                     keeps them. It can show them when the run is in dispute; who then has those of more than {} of the \
                     compute parties knows these values.",
                    and(&values),
                    contract.protection.threshold
                ),
            );
        }
        if let Some(listing) = program_listing {
            computation.item(self, "That program, which follows from the query:");
            self.quote(listing);
        }
    }

    fn protection(&mut self, contract: &Contract) {
        let mut clause = self.clause(Clause::Protection);
        let protection = &contract.protection;
        let parties: Vec<_> = protection.compute_parties.iter().map(self.names).collect();
        clause.item(
            self,
            &format!(
                "No party hands its data to another. What the query needs of it is split into secret shares, \
                 which are held, in this order, by {}.",
                and(&parties)
            ),
        );
        clause.item(
            self,
            &format!(
                "The scheme is `{}`: a coalition of up to {} of these {} learns nothing from what it holds and \
                 receives, beyond sizes and times, unless it is to receive the result under clause {}.",
                visible(&protection.scheme),
                protection.threshold,
                parties.len(),
                Clause::Result.number()
            ),
        );
        if let Some(scheme) = Scheme::find(&protection.scheme) {
            clause.item(self, scheme.assumption);
        }
    }

    fn result(&mut self, contract: &Contract) {
        let mut clause = self.clause(Clause::Result);
        let receivers: Vec<_> = contract.output.receivers.iter().map(self.names).collect();
        clause.item(self, &format!("The result is revealed to {} and to nobody else.", and(&receivers)));
        clause.item(
            self,
            &format!(
                "A group of fewer than {} is withheld inside the computation; only that it was withheld is revealed.",
                count(contract.output.floor_rows, "row")
            ),
        );
        for sentence in disclosure(&contract.output.disclosure) {
            clause.item(self, &sentence);
        }
        if let Some(report) = contract.audit {
            clause.item(
                self,
                "What this reveals to whom, and what was tried against it, is in the audit report, which each node \
                 derives for itself and which has the hash",
            );
            self.line(&format!("       {report}"));
        }
    }

    fn limits(&mut self, contract: &Contract) {
        let mut clause = self.clause(Clause::Limits);
        let limits = &contract.limits;
        clause.item(self, &format!("At most {}.", count(limits.runs.into(), "run")));
        clause.item(
            self,
            &format!(
                "No run starts before {}, and none at or after {}, by the ledger's time.",
                utc(limits.not_before),
                utc(limits.expires)
            ),
        );
        clause.item(
            self,
            &format!(
                "A run that is not complete after {} has failed.",
                count(limits.run_seconds_max.into(), "second")
            ),
        );
        clause.item(self, "Any party may revoke this contract; no run starts after that.");
    }

    fn settlement(&mut self, contract: &Contract) {
        let mut clause = self.clause(Clause::Settlement);
        let rule = &contract.settlement;
        clause.item(
            self,
            &format!(
                "{} {} pays {}, held in escrow from the request on.",
                match rule.charge {
                    Charge::PerRun => "For each completed run",
                    Charge::Fixed => "Once, with the first completed run,",
                },
                (self.names)(&rule.payer),
                count(rule.fee, "point")
            ),
        );
        if rule.parts == Parts::Alliance {
            clause.item(
                self,
                "The parts are those that the alliance has voted when a run completes. Until then:",
            );
        }
        clause.item(self, "Of these go");
        let shares = [
            (rule.providers, Role::DataProvider, self.split(&rule.split)),
            (rule.compute_parties, Role::ComputeParty, "evenly".to_owned()),
            (rule.algorithm_providers, Role::AlgorithmProvider, "evenly".to_owned()),
        ];
        for (parts, role, split) in shares {
            let holders: Vec<_> =
                contract.parties_with(role).map(|party| (self.names)(&party.member)).collect();
            let to = if holders.is_empty() { String::new() } else { format!(", {split}: {}", and(&holders)) };
            self.line(&format!("       {} % to the {}{to}", percent(parts), plural(role)));
        }
    }

    fn split(&self, split: &Split) -> String {
        match split {
            Split::Rows => "by rows contributed".to_owned(),
            Split::Even => "evenly".to_owned(),
            Split::Weights(weights) => {
                let weights: Vec<_> = weights
                    .iter()
                    .map(|(member, weight)| format!("{} {weight}", (self.names)(member)))
                    .collect();
                format!("by weight ({})", and(&weights))
            }
            Split::Contribution => "by the contribution that the run measures".to_owned(),
        }
    }

    fn consent(&mut self, contract: &Contract) {
        self.line("");
        let auditors: Vec<_> = contract.auditors().map(|auditor| (self.names)(&auditor)).collect();
        if !auditors.is_empty() {
            self.line(&format!(
                "No run starts before {} approved the audit report of clause 6.",
                and(&auditors)
            ));
        }
        self.line("This contract takes effect when every party of clause 1 has signed its hash:");
        self.line(&id(contract));
    }

    fn clause(&mut self, clause: Clause) -> Items {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.line("");
        }
        self.line(&format!("{}. {}", clause.number(), clause.heading().to_uppercase()));
        self.line("");
        Items { clause, count: 0 }
    }

    /// Outside text of several lines, set in from the clause.
    fn quote(&mut self, text: &str) {
        self.line("");
        for line in text.lines() {
            self.line(&format!("       {}", visible(line)));
        }
        self.line("");
    }

    fn line(&mut self, line: &str) {
        self.lines.push(line.trim_end().to_owned());
    }
}

/// Numbers the items of one clause.
struct Items {
    clause: Clause,
    count: u32,
}

impl Items {
    fn item(&mut self, page: &mut Page<'_>, text: &str) {
        self.count += 1;
        let mut line = format!("   {}.{}", self.clause.number(), self.count);
        for word in text.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                page.line(&line);
                line = "      ".to_owned();
            }
            line.push(' ');
            line.push_str(word);
        }
        page.line(&line);
    }
}

fn id(contract: &Contract) -> String {
    contract.id().map_or_else(|error| format!("none: {error}"), |id| id.to_string())
}

/// `a, b and c`.
fn and(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Ten-thousandths as a percentage with two digits after the point.
fn percent(parts: u16) -> String {
    format!("{}.{:02}", parts / 100, parts % 100)
}

const fn plural(role: Role) -> &'static str {
    match role {
        Role::DataProvider => "data providers",
        Role::DataUser => "data users",
        Role::AlgorithmProvider => "algorithm providers",
        Role::ComputeParty => "compute parties",
        Role::Receiver => "receivers",
        Role::Auditor => "auditors",
        Role::Regulator => "regulators",
        Role::Coordinator => "coordinators",
    }
}

fn disclosure(rule: &DisclosureRule) -> Vec<String> {
    let contributors = (rule.contributors_min > 1).then(|| {
        let members = rule.contributors_min;
        format!("A group with rows of fewer than {members} members is withheld inside the computation.")
    });
    let dominance = rule.dominance_percent_max.map(|percent| {
        format!(
            "A sum or mean of which one member or one row makes up more than {percent} percent is withheld inside the \
             computation."
        )
    });
    let privacy = rule.privacy.map(|privacy| {
        let (noise, cost) = (privacy.mechanism.name(), cost(privacy));
        format!(
            "Every number of the result bears noise that the compute parties draw jointly and nobody knows ({noise}); a \
             run costs every data user's and receiver's budget {cost}."
        )
    });
    contributors.into_iter().chain(dominance).chain(privacy).collect()
}
