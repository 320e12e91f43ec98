//! A report as a page for those who sign.

use std::fmt;

use super::{Attack, Audit, Report, Score, Signer};
use crate::{Did, text::visible};

impl Report {
    /// The whole report in words. `reader` is the party whose part comes first, if it is one.
    pub fn to_text(&self, reader: Option<&Did>) -> String {
        let hash = self.hash().map_or_else(|error| format!("none: {error}"), |hash| hash.to_string());
        let mut lines = vec![
            "AUDIT REPORT".to_owned(),
            visible(&self.title),
            String::new(),
            format!("report     {hash}"),
            format!("program    {}", self.program),
            format!("format     {}", visible(&self.format)),
            format!("purpose    `{}`, and nothing else", visible(&self.purpose)),
            format!("score      {}", self.score),
            String::new(),
        ];
        let is_reader = |signer: &&Signer| reader == Some(&signer.member);
        for signer in self.signers.iter().filter(is_reader) {
            lines.push(format!("For this member, {}", described(signer)));
            lines.extend(part(signer));
            lines.push(String::new());
        }
        lines.push("For the other signers".to_owned());
        for signer in self.signers.iter().filter(|signer| !is_reader(signer)) {
            lines.push(format!("  {}", described(signer)));
            lines.extend(part(signer));
        }
        format!("{}\n\n{}", lines.join("\n"), self.findings)
    }
}

fn described(signer: &Signer) -> String {
    let roles: Vec<&str> = signer.roles.iter().map(|role| role.title()).collect();
    format!("{}: {}", visible(&signer.name), roles.join(", "))
}

fn part(signer: &Signer) -> Vec<String> {
    let line = |what: &str| {
        let what = what.to_owned();
        move |sentence: &String| format!("  - {what} {}.", visible(sentence))
    };
    signer.learns.iter().map(line("learns")).chain(signer.gives.iter().map(line("gives"))).collect()
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "What the receivers learn", &self.to_receivers)?;
        writeln!(f, "\nWhat each result column is made of")?;
        for column in &self.columns {
            let names: Vec<String> = column.from.iter().map(|name| format!("`{name}`")).collect();
            let from = if names.is_empty() { "no column".to_owned() } else { names.join(", ") };
            writeln!(f, "  - `{}`, from {from}: {}.", column.name, column.how)?;
        }
        writeln!(f)?;
        section(f, "What the compute parties learn", &self.to_compute_parties)?;
        writeln!(f)?;
        section(f, "What happens at each provider", &self.at_home)?;
        writeln!(f)?;
        section(f, "How columns are used", &self.uses)?;
        writeln!(f)?;
        section(f, "What this does not prevent", &self.beyond)?;
        writeln!(f, "\nAttacks considered: {}", Score::of(&self.attacks))?;
        let line = |attack: &Attack| format!("{}: {}; {}", attack.name, attack.verdict, attack.reason);
        self.attacks.iter().try_for_each(|attack| writeln!(f, "  - {}.", line(attack)))
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, sentences: &[String]) -> fmt::Result {
    writeln!(f, "{title}")?;
    sentences.iter().try_for_each(|sentence| writeln!(f, "  - {sentence}."))
}
