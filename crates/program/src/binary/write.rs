//! Writing the canonical binary form.

use super::{MAGIC, tag};
use crate::{Divide, Input, Kind, Operation, Output, Program, SquareRoot, Stage, ValueId};

pub(super) fn program(p: &Program) -> Vec<u8> {
    let mut out = Writer(MAGIC.to_vec());
    out.list(&p.stages, Writer::stage);
    out.list(&p.inputs, Writer::input);
    out.list(&p.body, Writer::operation);
    out.list(&p.outputs, Writer::output);
    out.0
}

pub(super) fn kind_tag(kind: Kind) -> u8 {
    match kind {
        Kind::Bit => 0,
        Kind::Integer => 1,
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Self, &T)) {
        // The verifier's limits keep every list below 2^32.
        self.u32(items.len() as u32);
        items.iter().for_each(|item| each(self, item));
    }

    fn stage(&mut self, s: &Stage) {
        self.u16(s.provider);
        self.text(&s.table);
        self.text(&s.dataset);
        self.text(&s.sql);
        self.u32(s.rows);
    }

    fn input(&mut self, i: &Input) {
        self.text(&i.name);
        self.u16(i.stage);
        self.u16(i.column);
        self.u8(kind_tag(i.kind));
        self.u8(i.bits);
    }

    fn output(&mut self, o: &Output) {
        self.text(&o.name);
        self.value(o.value);
    }

    fn operation(&mut self, operation: &Operation) {
        use Operation::*;
        match operation {
            Constant { kind, values } => {
                self.u8(tag::CONSTANT);
                self.u8(kind_tag(*kind));
                self.list(values, |out, x| out.0.extend(x.to_le_bytes()));
            }
            Add(x, y) => self.of(tag::ADD, &[*x, *y]),
            Subtract(x, y) => self.of(tag::SUBTRACT, &[*x, *y]),
            Negate(x) => self.of(tag::NEGATE, &[*x]),
            Multiply(x, y) => self.of(tag::MULTIPLY, &[*x, *y]),
            Sum(x) => self.of(tag::SUM, &[*x]),
            ToInteger(x) => self.of(tag::TO_INTEGER, &[*x]),
            LessThan(x, y) => self.of(tag::LESS_THAN, &[*x, *y]),
            Equal(x, y) => self.of(tag::EQUAL, &[*x, *y]),
            Minimum(x, y) => self.of(tag::MINIMUM, &[*x, *y]),
            Maximum(x, y) => self.of(tag::MAXIMUM, &[*x, *y]),
            Not(x) => self.of(tag::NOT, &[*x]),
            And(x, y) => self.of(tag::AND, &[*x, *y]),
            Or(x, y) => self.of(tag::OR, &[*x, *y]),
            Xor(x, y) => self.of(tag::XOR, &[*x, *y]),
            Select { condition, then, otherwise } => self.of(tag::SELECT, &[*condition, *then, *otherwise]),
            Divide(d) => self.divide(d),
            SquareRoot(s) => self.square_root(s),
            Slice { of, start, rows } => {
                self.of(tag::SLICE, &[*of]);
                self.u32(*start);
                self.u32(*rows);
            }
            Concat(of) => {
                self.u8(tag::CONCAT);
                self.list(of, |out, x| out.value(*x));
            }
            Repeat { of, times } => {
                self.of(tag::REPEAT, &[*of]);
                self.u32(*times);
            }
        }
    }

    fn divide(&mut self, d: &Divide) {
        self.of(tag::DIVIDE, &[d.numerator, d.denominator]);
        self.0.extend([d.numerator_bits, d.denominator_bits, d.result_bits, d.fraction]);
    }

    fn square_root(&mut self, s: &SquareRoot) {
        self.of(tag::SQUARE_ROOT, &[s.of]);
        self.0.extend([s.bits, s.fraction_in, s.fraction_out]);
    }

    fn of(&mut self, tag: u8, operands: &[ValueId]) {
        self.u8(tag);
        operands.iter().for_each(|&x| self.value(x));
    }

    fn value(&mut self, id: ValueId) {
        self.u32(id.0);
    }

    fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.0.extend(text.as_bytes());
    }

    fn u8(&mut self, x: u8) {
        self.0.push(x);
    }

    fn u16(&mut self, x: u16) {
        self.0.extend(x.to_le_bytes());
    }

    fn u32(&mut self, x: u32) {
        self.0.extend(x.to_le_bytes());
    }
}
