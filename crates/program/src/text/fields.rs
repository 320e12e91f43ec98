//! Reading the fields of operations from a listing.

use super::{Misread, scan::Scan};
use crate::{
    Kind, ValueId,
    operation::{Each, Fill, Number, Piece, pieces},
    verify::limits::MAX_CONSTANTS,
};

impl Scan<'_> {
    /// Whether what comes next can be `listing`: its first literal, if it starts with one.
    pub(super) fn begins_like(&self, listing: &'static str) -> bool {
        match pieces(listing).next() {
            Some(Piece::Literal(literal)) => self.clone().eat(literal),
            _ => true,
        }
    }

    /// At least 2: a single element is not counted.
    fn repetitions(&mut self) -> Result<usize, Misread> {
        let at = self.unexpected("a number of repetitions, at least 2");
        let times = Scan::number(self, "a number of repetitions");
        times.and_then(|times| if times < 2 { Err(at) } else { Ok(times) })
    }
}

impl Fill for Scan<'_> {
    type Error = Misread;

    fn fill(
        &mut self,
        listing: &'static str,
        _: &[&'static str],
        each: Each<'_, Self>,
    ) -> Result<(), Misread> {
        pieces(listing).try_for_each(|piece| match piece {
            Piece::Literal(literal) => self.literal(literal),
            Piece::Field(name) => each(name, self),
        })
    }

    fn missing(&self, field: &'static str) -> Misread {
        self.unexpected(field)
    }

    fn number<T: Number<N>, const N: usize>(&mut self) -> Result<T, Misread> {
        Scan::number(self, "a number")
    }

    fn value(&mut self) -> Result<ValueId, Misread> {
        Scan::value(self)
    }

    fn kind(&mut self) -> Result<Kind, Misread> {
        Ok(self.kind)
    }

    fn choice(&mut self, [no, yes]: [&'static str; 2]) -> Result<bool, Misread> {
        self.literal(" ")?;
        if self.eat(yes) { Ok(true) } else { self.literal(no).map(|()| false) }
    }

    fn items<T>(
        &mut self,
        _: usize,
        each: impl Fn(&mut Self) -> Result<T, Misread>,
    ) -> Result<Vec<T>, Misread> {
        let mut items = Vec::new();
        while self.eat(if items.is_empty() { " " } else { ", " }) {
            items.push(each(self)?);
        }
        Ok(items)
    }

    fn elements(&mut self) -> Result<Vec<i128>, Misread> {
        let mut values: Vec<i128> = Vec::new();
        while self.eat(if values.is_empty() { " " } else { ", " }) {
            let x = Scan::number(self, "a number")?;
            let times = if self.eat(" x ") { self.repetitions()? } else { 1 };
            if times > MAX_CONSTANTS - values.len() {
                return Err(Misread::LongConstant { line: self.line_number(), most: MAX_CONSTANTS });
            }
            values.resize(values.len() + times, x);
        }
        Ok(values)
    }
}
