//! Writing the listing.

use std::fmt::{self, Display, Formatter};

use super::{BESIDE, TITLE};
use crate::{Input, Program, Stage, ValueId};

/// The listing. Of a program that [`Program::verify`] refuses it ends with the reason, and does not parse.
impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}")?;
        for (i, s) in self.stages.iter().enumerate() {
            writeln!(f)?;
            stage(f, i, s)?;
        }
        let values = self.verify();
        let ty = |i: usize| match &values {
            Ok(values) => values.get(ValueId(i as u32)).map(|v| format!(": {}", v.ty)).unwrap_or_default(),
            Err(_) => String::new(),
        };
        section(f, self.inputs.len())?;
        for (i, input) in self.inputs.iter().enumerate() {
            writeln!(f, "v{i}{} = {}", ty(i), InputLine(input))?;
        }
        section(f, self.body.len())?;
        for (i, operation) in self.body.iter().enumerate() {
            let id = self.result_of(i);
            writeln!(f, "{id}{} = {operation}", ty(id.index()))?;
        }
        section(f, self.outputs.len())?;
        for output in &self.outputs {
            writeln!(f, "output {} = {}", Quoted(&output.name), output.value)?;
        }
        match values {
            Ok(_) => Ok(()),
            Err(flaw) => writeln!(f, "\nrefused: {flaw}"),
        }
    }
}

/// A blank line before a section that has lines.
fn section(f: &mut Formatter<'_>, lines: usize) -> fmt::Result {
    if lines == 0 { Ok(()) } else { writeln!(f) }
}

fn stage(f: &mut Formatter<'_>, index: usize, s: &Stage) -> fmt::Result {
    let (dataset, table) = (Quoted(&s.dataset), Quoted(&s.table));
    writeln!(f, "stage {index}: {} rows from {dataset} as {table}, dataset {}", s.rows, s.provider)?;
    for beside in &s.beside {
        writeln!(f, "{BESIDE}{} as {}", Quoted(&beside.dataset), Quoted(&beside.table))?;
    }
    s.sql.split('\n').try_for_each(|line| writeln!(f, "  | {line}"))
}

struct InputLine<'a>(&'a Input);

impl Display for InputLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Input { name, stage, column, kind, bits } = self.0;
        write!(f, "input {}, stage {stage} column {column}", Quoted(name))?;
        if kind.is_number() { write!(f, ", {bits} bits") } else { Ok(()) }
    }
}

/// A name in quotes; `"` and `\` are escaped, nothing else can occur that would need it.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
