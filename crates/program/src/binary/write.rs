//! Writing the canonical binary form.

use super::MAGIC;
use crate::{Beside, Input, Operation, Output, Program, Stage, ValueId};

pub(super) fn program(p: &Program) -> Vec<u8> {
    let mut out = Writer(MAGIC.to_vec());
    out.list(&p.stages, Writer::stage);
    out.list(&p.inputs, Writer::input);
    out.list(&p.body, Writer::operation);
    out.list(&p.outputs, Writer::output);
    out.0
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
        self.list(&s.beside, Self::beside);
        self.text(&s.sql);
        self.u32(s.rows);
    }

    fn beside(&mut self, b: &Beside) {
        self.text(&b.table);
        self.text(&b.dataset);
    }

    fn input(&mut self, i: &Input) {
        self.text(&i.name);
        self.u16(i.stage);
        self.u16(i.column);
        self.0.extend(i.kind.to_bytes());
        self.0.push(i.bits);
    }

    fn output(&mut self, o: &Output) {
        self.text(&o.name);
        self.value(o.value);
    }

    fn operation(&mut self, operation: &Operation) {
        let (tag, _, fields) = operation.parts();
        self.0.push(tag);
        fields.into_iter().for_each(|(_, field)| field.write(&mut self.0));
    }

    fn value(&mut self, id: ValueId) {
        self.u32(id.0);
    }

    fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.0.extend(text.as_bytes());
    }

    fn u16(&mut self, x: u16) {
        self.0.extend(x.to_le_bytes());
    }

    fn u32(&mut self, x: u32) {
        self.0.extend(x.to_le_bytes());
    }
}
