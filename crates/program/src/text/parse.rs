//! Reading the listing, one statement a line.

use super::{BESIDE, Misread, TITLE, scan::Scan};
use crate::{Beside, Flaw, Input, Kind, Operation, Output, Program, Stage, Type, verify::Draft};

pub(super) fn program(listing: &str) -> Result<Program, Misread> {
    // `split`, not `lines`: a query is read exactly as it was written.
    let mut lines = Lines { rest: listing.split('\n').collect(), at: 0 };
    let mut title = lines.next_scan().unwrap_or_else(|| Scan::new("", 1));
    title.literal(TITLE)?;
    title.end()?;

    let mut parser = Parser::default();
    while let Some(scan) = lines.next_scan() {
        parser.statement(scan, &mut lines)?;
    }
    parser.draft.finish()?;
    Ok(parser.program)
}

struct Lines<'a> {
    rest: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line that is not blank.
    fn next_scan(&mut self) -> Option<Scan<'a>> {
        loop {
            let line = *self.rest.get(self.at)?;
            self.at += 1;
            if !line.is_empty() {
                return Some(Scan::new(line, self.at));
            }
        }
    }

    /// The next line if it begins with `literal`, behind that.
    fn next_that_begins(&mut self, literal: &str) -> Option<Scan<'a>> {
        let mut scan = Scan::new(self.rest.get(self.at)?, self.at + 1);
        scan.eat(literal).then(|| {
            self.at += 1;
            scan
        })
    }

    /// The lines of a query, joined as they were.
    fn query(&mut self) -> String {
        let from = self.at;
        let quoted = |line: &&&'a str| line.starts_with("  | ");
        let body: Vec<_> =
            self.rest.iter().skip(from).take_while(quoted).filter_map(|l| l.get(4..)).collect();
        self.at += body.len();
        body.join("\n")
    }
}

#[derive(Default)]
struct Parser {
    program: Program,
    draft: Draft,
}

impl Parser {
    fn statement<'a>(&mut self, mut scan: Scan<'a>, lines: &mut Lines<'a>) -> Result<(), Misread> {
        if scan.eat("stage ") {
            return self.stage(scan, lines);
        }
        if scan.eat("output ") {
            return self.output(scan);
        }
        let id = scan.value().map_err(|_| scan.unexpected("`stage`, a value such as `v7`, or `output`"))?;
        in_order(&scan, self.draft.values.len(), id.0)?;
        scan.literal(": ")?;
        let listed = scan.ty()?;
        scan.literal(" = ")?;
        if scan.eat("input ") {
            self.input(&mut scan, listed)?
        } else {
            self.operation(&mut scan, listed)?
        }
        scan.end()?;
        match self.draft.values.last() {
            Some(v) if v.ty != listed => {
                Err(Misread::Type { line: scan.line_number(), value: id, listed, derived: v.ty })
            }
            _ => Ok(()),
        }
    }

    fn stage<'a>(&mut self, mut scan: Scan<'a>, lines: &mut Lines<'a>) -> Result<(), Misread> {
        let index = scan.number("a stage number")?;
        in_order(&scan, self.program.stages.len(), index)?;
        scan.literal(": ")?;
        let rows = scan.number("a number of rows")?;
        scan.literal(" rows from ")?;
        let dataset = scan.quoted()?;
        scan.literal(" as ")?;
        let table = scan.quoted()?;
        scan.literal(", dataset ")?;
        let provider = scan.number("a dataset number")?;
        scan.end()?;
        let mut beside = Vec::new();
        while let Some(scan) = lines.next_that_begins(BESIDE) {
            beside.push(read_beside(scan)?);
        }
        let stage = Stage { provider, table, dataset, beside, sql: lines.query(), rows };
        self.draft.stage(&stage)?;
        self.program.stages.push(stage);
        Ok(())
    }

    fn input(&mut self, scan: &mut Scan<'_>, listed: Type) -> Result<(), Misread> {
        let name = scan.quoted()?;
        scan.literal(", stage ")?;
        let stage = scan.number("a stage number")?;
        scan.literal(" column ")?;
        let column = scan.number("a column number")?;
        let bits = if listed.kind.is_number() {
            scan.literal(", ")?;
            let bits = scan.number("a number of bits")?;
            scan.literal(" bits")?;
            bits
        } else {
            1
        };
        let input = Input { name, stage, column, kind: listed.kind, bits };
        if !self.program.body.is_empty() {
            return Err(Flaw::LateInput { name: input.name }.into());
        }
        self.draft.input(&input, &self.program.stages)?;
        self.program.inputs.push(input);
        Ok(())
    }

    fn operation(&mut self, scan: &mut Scan<'_>, listed: Type) -> Result<(), Misread> {
        let operation = operation(scan, listed.kind)?;
        self.draft.operation(&operation)?;
        self.program.body.push(operation);
        Ok(())
    }

    fn output(&mut self, mut scan: Scan<'_>) -> Result<(), Misread> {
        let name = scan.quoted()?;
        scan.literal(" = ")?;
        let value = scan.value()?;
        scan.end()?;
        self.draft.output(&name, value)?;
        self.program.outputs.push(Output { name, value });
        Ok(())
    }
}

fn read_beside(mut scan: Scan<'_>) -> Result<Beside, Misread> {
    let dataset = scan.quoted()?;
    scan.literal(" as ")?;
    let table = scan.quoted()?;
    scan.end()?;
    Ok(Beside { table, dataset })
}

fn in_order(scan: &Scan<'_>, next: usize, found: u32) -> Result<(), Misread> {
    if next == found as usize {
        return Ok(());
    }
    // The verifier allows far fewer than 2^32 of either.
    Err(Misread::Numbering { line: scan.line_number(), expected: next as u32, found })
}

/// The right-hand side of an instruction: the operation whose listing fits. A constant's kind stands in its listed type
/// only.
fn operation(scan: &mut Scan<'_>, kind: Kind) -> Result<Operation, Misread> {
    // Of the listings that don't fit, that counts which fits the longest.
    let mut nearest: Option<Misread> = None;
    for &(tag, listing) in Operation::LISTINGS {
        let mut attempt = scan.with_kind(kind);
        if !attempt.begins_like(listing) {
            continue;
        }
        match Operation::of_tag(tag, &mut attempt).and_then(|operation| attempt.end().map(|()| operation)) {
            Ok(Some(operation)) => {
                *scan = attempt;
                return Ok(operation);
            }
            Ok(None) => {}
            Err(misread) => {
                if nearest.as_ref().is_none_or(|nearest| misread.column() > nearest.column()) {
                    nearest = Some(misread);
                }
            }
        }
    }
    Err(nearest.unwrap_or_else(|| scan.unexpected("an operation")))
}
