//! Reading the canonical binary form: total, and never allocating more than the bytes at hand justify.

use super::{MAGIC, Undecodable};
use crate::{
    Beside, Input, Kind, Operation, Output, Program, Stage, ValueId,
    operation::{Each, Fill, Number},
};

pub(super) fn program(bytes: &[u8]) -> Result<Program, Undecodable> {
    if !bytes.starts_with(MAGIC) {
        return Err(Undecodable::Format);
    }
    let mut input = Reader { bytes, at: MAGIC.len() };
    let program = Program {
        stages: input.list("stages", 22, Reader::stage)?,
        inputs: input.list("inputs", 10, Reader::input)?,
        body: input.list("instructions", 5, Reader::operation)?,
        outputs: input.list("outputs", 8, Reader::output)?,
    };
    match bytes.len() - input.at {
        0 => Ok(program),
        count => Err(Undecodable::Trailing { count }),
    }
}

/// `at` never exceeds `bytes.len()`.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A counted list whose items take at least `least` bytes each.
    fn list<T>(
        &mut self,
        what: &'static str,
        least: usize,
        each: impl Fn(&mut Self) -> Result<T, Undecodable>,
    ) -> Result<Vec<T>, Undecodable> {
        let at = self.at;
        let count = self.u32(what)?;
        if count as usize > (self.bytes.len() - self.at) / least {
            return Err(Undecodable::Count { what, count, at });
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn stage(&mut self) -> Result<Stage, Undecodable> {
        Ok(Stage {
            provider: self.u16("a stage")?,
            table: self.text("a table name")?,
            dataset: self.text("a dataset")?,
            beside: self.list("datasets beside a stage's own", 8, Reader::beside)?,
            sql: self.text("a query")?,
            rows: self.u32("a stage")?,
        })
    }

    fn beside(&mut self) -> Result<Beside, Undecodable> {
        Ok(Beside { table: self.text("a table name")?, dataset: self.text("a dataset")? })
    }

    fn input(&mut self) -> Result<Input, Undecodable> {
        Ok(Input {
            name: self.text("an input's name")?,
            stage: self.u16("an input")?,
            column: self.u16("an input")?,
            kind: self.kind()?,
            bits: self.u8("an input")?,
        })
    }

    fn output(&mut self) -> Result<Output, Undecodable> {
        Ok(Output { name: self.text("an output's name")?, value: self.value()? })
    }

    fn operation(&mut self) -> Result<Operation, Undecodable> {
        let at = self.at;
        let tag = self.u8("an instruction")?;
        Operation::of_tag(tag, self)?.ok_or(Undecodable::Unknown { what: "operation", found: tag, at })
    }

    fn text(&mut self, what: &'static str) -> Result<String, Undecodable> {
        let length = self.u32(what)?;
        let at = self.at;
        let bytes = self.slice(length as usize, what)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Undecodable::NotText { what, at })?;
        Ok(text.to_owned())
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, Undecodable> {
        self.take(what).map(u8::from_le_bytes)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, Undecodable> {
        self.take(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Undecodable> {
        self.take(what).map(u32::from_le_bytes)
    }

    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Undecodable> {
        let at = self.at;
        self.slice(N, what)?.try_into().map_err(|_| Undecodable::Truncated { what, at })
    }

    fn slice(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Undecodable> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.get(..length).ok_or(Undecodable::Truncated { what, at: self.at })?;
        self.at += length;
        Ok(found)
    }
}

impl Fill for Reader<'_> {
    type Error = Undecodable;

    fn fill(
        &mut self,
        _: &'static str,
        fields: &[&'static str],
        each: Each<'_, Self>,
    ) -> Result<(), Undecodable> {
        fields.iter().try_for_each(|field| each(field, self))
    }

    fn missing(&self, field: &'static str) -> Undecodable {
        Undecodable::Truncated { what: field, at: self.at }
    }

    fn number<T: Number<N>, const N: usize>(&mut self) -> Result<T, Undecodable> {
        self.take("an instruction").map(T::of_bytes)
    }

    fn value(&mut self) -> Result<ValueId, Undecodable> {
        self.u32("a value").map(ValueId)
    }

    fn kind(&mut self) -> Result<Kind, Undecodable> {
        let at = self.at;
        let tag = self.u8("a kind")?;
        let kind = Kind::of_tag(tag, || self.u8("a kind"))?;
        kind.ok_or(Undecodable::Unknown { what: "kind", found: tag, at })
    }

    fn choice(&mut self, _: [&'static str; 2]) -> Result<bool, Undecodable> {
        let at = self.at;
        match self.u8("a choice")? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(Undecodable::Unknown { what: "choice", found, at }),
        }
    }

    fn items<T>(
        &mut self,
        least: usize,
        each: impl Fn(&mut Self) -> Result<T, Undecodable>,
    ) -> Result<Vec<T>, Undecodable> {
        self.list("items of an instruction", least, each)
    }

    fn elements(&mut self) -> Result<Vec<i128>, Undecodable> {
        self.list("elements of a constant", 16, |r| r.take("a constant").map(i128::from_le_bytes))
    }
}
