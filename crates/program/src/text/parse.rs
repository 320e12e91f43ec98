//! Reading the listing, one statement a line.

use super::{Misread, TITLE, scan::Scan};
use crate::{
    Divide, Flaw, Input, Kind, Operation, Output, Program, SquareRoot, Stage, Type, ValueId,
    verify::{Draft, limits::MAX_CONSTANTS},
};

pub(super) fn program(listing: &str) -> Result<Program, Misread> {
    // `split`, not `lines`: a query is read exactly as it was written.
    let mut lines = Lines { rest: listing.split('\n').collect(), at: 0 };
    let mut title = lines.next_scan().unwrap_or_else(|| Scan::new("", 1));
    title.expect(TITLE)?;
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
        scan.expect(": ")?;
        let listed = scan.ty()?;
        scan.expect(" = ")?;
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
        scan.expect(": ")?;
        let rows = scan.number("a number of rows")?;
        scan.expect(" rows from ")?;
        let dataset = scan.quoted()?;
        scan.expect(" as ")?;
        let table = scan.quoted()?;
        scan.expect(", dataset ")?;
        let provider = scan.number("a dataset number")?;
        scan.end()?;
        let stage = Stage { provider, table, dataset, sql: lines.query(), rows };
        self.draft.stage(&stage)?;
        self.program.stages.push(stage);
        Ok(())
    }

    fn input(&mut self, scan: &mut Scan<'_>, listed: Type) -> Result<(), Misread> {
        let name = scan.quoted()?;
        scan.expect(", stage ")?;
        let stage = scan.number("a stage number")?;
        scan.expect(" column ")?;
        let column = scan.number("a column number")?;
        let bits = match listed.kind {
            Kind::Bit => 1,
            Kind::Integer => {
                scan.expect(", ")?;
                let bits = bits(scan)?;
                scan.expect(" bits")?;
                bits
            }
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
        scan.expect(" = ")?;
        let value = scan.value()?;
        scan.end()?;
        self.draft.output(&name, value)?;
        self.program.outputs.push(Output { name, value });
        Ok(())
    }
}

fn in_order(scan: &Scan<'_>, next: usize, found: u32) -> Result<(), Misread> {
    if next == found as usize {
        return Ok(());
    }
    // The verifier allows far fewer than 2^32 of either.
    Err(Misread::Numbering { line: scan.line_number(), expected: next as u32, found })
}

/// The right-hand side of an instruction. A constant's kind stands in its listed type only.
fn operation(scan: &mut Scan<'_>, kind: Kind) -> Result<Operation, Misread> {
    if scan.eat("constant") {
        Ok(Operation::Constant { kind, values: constant(scan)? })
    } else if scan.eat("concat") {
        concat(scan)
    } else if scan.eat("sum of ") {
        Ok(Operation::Sum(scan.value()?))
    } else if scan.eat("integer of ") {
        Ok(Operation::ToInteger(scan.value()?))
    } else if scan.eat("not ") {
        Ok(Operation::Not(scan.value()?))
    } else if scan.eat("-") {
        Ok(Operation::Negate(scan.value()?))
    } else if scan.eat("minimum of ") {
        pair(scan).map(|(x, y)| Operation::Minimum(x, y))
    } else if scan.eat("maximum of ") {
        pair(scan).map(|(x, y)| Operation::Maximum(x, y))
    } else if scan.eat("if ") {
        select(scan)
    } else if scan.eat("divide ") {
        divide(scan)
    } else if scan.eat("square root of ") {
        square_root(scan)
    } else if let Ok(x) = scan.value() {
        infix(scan, x)
    } else {
        slice(scan)
    }
}

fn infix(scan: &mut Scan<'_>, x: ValueId) -> Result<Operation, Misread> {
    type Binary = fn(ValueId, ValueId) -> Operation;
    const INFIX: [(&str, Binary); 8] = [
        (" + ", Operation::Add),
        (" - ", Operation::Subtract),
        (" * ", Operation::Multiply),
        (" < ", Operation::LessThan),
        (" == ", Operation::Equal),
        (" and ", Operation::And),
        (" or ", Operation::Or),
        (" xor ", Operation::Xor),
    ];
    if scan.eat(" repeated ") {
        let times = scan.number("a number of repetitions")?;
        scan.expect(" times")?;
        return Ok(Operation::Repeat { of: x, times });
    }
    for (symbol, operation) in INFIX {
        if scan.eat(symbol) {
            return Ok(operation(x, scan.value()?));
        }
    }
    Err(scan.unexpected("an operator such as ` + `"))
}

fn pair(scan: &mut Scan<'_>) -> Result<(ValueId, ValueId), Misread> {
    let x = scan.value()?;
    scan.expect(" and ")?;
    Ok((x, scan.value()?))
}

fn select(scan: &mut Scan<'_>) -> Result<Operation, Misread> {
    let condition = scan.value()?;
    scan.expect(" then ")?;
    let then = scan.value()?;
    scan.expect(" else ")?;
    Ok(Operation::Select { condition, then, otherwise: scan.value()? })
}

fn divide(scan: &mut Scan<'_>) -> Result<Operation, Misread> {
    let numerator = scan.value()?;
    scan.expect(" (")?;
    let numerator_bits = bits(scan)?;
    scan.expect(" bits) by ")?;
    let denominator = scan.value()?;
    scan.expect(" (")?;
    let denominator_bits = bits(scan)?;
    scan.expect(" bits), result ")?;
    let result_bits = bits(scan)?;
    scan.expect(" bits, ")?;
    let fraction = bits(scan)?;
    scan.expect(" fraction bits")?;
    Ok(Operation::Divide(Divide {
        numerator,
        denominator,
        numerator_bits,
        denominator_bits,
        result_bits,
        fraction,
    }))
}

fn square_root(scan: &mut Scan<'_>) -> Result<Operation, Misread> {
    let of = scan.value()?;
    scan.expect(" (")?;
    let width = bits(scan)?;
    scan.expect(" bits, ")?;
    let fraction_in = bits(scan)?;
    scan.expect(" fraction bits), ")?;
    let fraction_out = bits(scan)?;
    scan.expect(" fraction bits")?;
    Ok(Operation::SquareRoot(SquareRoot { of, bits: width, fraction_in, fraction_out }))
}

fn bits(scan: &mut Scan<'_>) -> Result<u8, Misread> {
    scan.number("a number of bits")
}

fn slice(scan: &mut Scan<'_>) -> Result<Operation, Misread> {
    let rows = scan.number("an operation")?;
    scan.expect(" rows of ")?;
    let of = scan.value()?;
    scan.expect(" from row ")?;
    Ok(Operation::Slice { of, start: scan.number("a row number")?, rows })
}

fn concat(scan: &mut Scan<'_>) -> Result<Operation, Misread> {
    let mut of = Vec::new();
    while !scan.is_at_end() {
        scan.expect(if of.is_empty() { " " } else { ", " })?;
        of.push(scan.value()?);
    }
    Ok(Operation::Concat(of))
}

fn constant(scan: &mut Scan<'_>) -> Result<Vec<i128>, Misread> {
    let mut values: Vec<i128> = Vec::new();
    while !scan.is_at_end() {
        scan.expect(if values.is_empty() { " " } else { ", " })?;
        let x = scan.number("a number")?;
        let times = if scan.eat(" x ") { repetitions(scan)? } else { 1 };
        if times > MAX_CONSTANTS - values.len() {
            return Err(Misread::LongConstant { line: scan.line_number(), most: MAX_CONSTANTS });
        }
        values.resize(values.len() + times, x);
    }
    Ok(values)
}

/// At least 2: a single element is not counted.
fn repetitions(scan: &mut Scan<'_>) -> Result<usize, Misread> {
    let at = scan.unexpected("a number of repetitions, at least 2");
    scan.number("a number of repetitions").and_then(|times| if times < 2 { Err(at) } else { Ok(times) })
}
