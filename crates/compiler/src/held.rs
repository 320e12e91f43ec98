//! Columns on shares, a value for each row: numbers that are computed of them, conditions on them, and what aggregates take
//! of a row. What the rows are is the caller's matter: all owners' rows, to which windows give something ([`crate::windows`]),
//! or their groups ([`crate::nested`]).

use std::collections::BTreeMap;

use contract::Column;
use program::{Builder, Flaw, ValueId};

use crate::{
    Construct, Refused,
    sql::{Argument, Arithmetic, ArithmeticStep, Checked, Joined, RowTests},
    stage::Partial,
};

mod conditions;

/// A column on shares.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// 0 where it has no value: of text several, see [`crate::packed`]; of a mean the sum.
    pub(crate) integers: Vec<ValueId>,
    /// A bit, if it may have no value.
    pub(crate) missing: Option<ValueId>,
    /// Of a mean, what the sum is divided by.
    pub(crate) count: Option<ValueId>,
    /// Digits after the point.
    pub(crate) scale: u8,
}

/// The columns of some rows.
pub(crate) struct Columns<'a> {
    /// How they are declared.
    pub(crate) known: &'a [Column],
    /// The conditions on them.
    pub(crate) tests: &'a RowTests,
    /// How many rows.
    pub(crate) count: u32,
    /// 0 for each row.
    pub(crate) zeros: ValueId,
    /// Bits: whether conditions hold that are decided at home, though beside others.
    pub(crate) conditions: BTreeMap<&'a str, ValueId>,
    /// By name.
    pub(crate) held: BTreeMap<String, Held>,
    /// As what everything is refused that cannot be.
    pub(crate) refused: Construct,
}

impl Columns<'_> {
    /// One row's partial result, as an owner shares it of what it knows.
    pub(crate) fn partial(
        &self,
        builder: &mut Builder,
        partial: &Partial,
        of: &Argument,
    ) -> Result<ValueId, Refused> {
        let refused = || self.refused.refuse(&partial.name());
        let name = of.columns.first().ok_or_else(refused)?;
        let held = self.held(name)?;
        if let Partial::Present(_) = partial {
            return self.present(builder, &held);
        }
        let [value] = held.integers.as_slice() else { return Err(refused()) };
        let otherwise = |builder: &mut Builder, absent: i128| match held.missing {
            Some(missing) => {
                let absent = self.each(builder, absent)?;
                Ok(builder.select(missing, absent, *value)?)
            }
            None => Ok::<_, Refused>(*value),
        };
        let distance = |builder: &mut Builder| {
            let centre = of.interval.centre();
            let value = otherwise(builder, centre)?;
            let centre = self.each(builder, centre)?;
            Ok::<_, Refused>(builder.subtract(value, centre)?)
        };
        match partial {
            Partial::Sum(_) => Ok(*value),
            Partial::Min(x) => otherwise(builder, x.interval.max),
            Partial::Max(x) => otherwise(builder, x.interval.min),
            Partial::Distances(_) => distance(builder),
            Partial::Squares(_) => {
                let distance = distance(builder)?;
                Ok(builder.multiply(distance, distance)?)
            }
            _ => Err(refused()),
        }
    }

    pub(crate) fn held(&self, name: &str) -> Result<Held, Refused> {
        let held = self.held.get(name).cloned();
        held.ok_or_else(|| Refused::Meaning(format!("no table has the column `{name}`")))
    }

    /// A constant for each row.
    pub(crate) fn each(&self, builder: &mut Builder, value: i128) -> Result<ValueId, Refused> {
        let one = builder.constant(vec![value])?;
        Ok(builder.repeat(one, self.count)?)
    }

    /// 1 where a column has a value, else 0.
    fn present(&self, builder: &mut Builder, held: &Held) -> Result<ValueId, Refused> {
        match held.missing {
            Some(missing) => {
                let present = builder.not(missing)?;
                Ok(builder.to_integer(present)?)
            }
            None => self.each(builder, 1),
        }
    }

    /// What is computed of other columns; it has a value where all of these have one.
    pub(crate) fn made_of(&self, builder: &mut Builder, of: &Arithmetic) -> Result<Held, Refused> {
        let made = self.arithmetic(builder, of)?;
        self.without_missing(builder, made)
    }

    /// It, 0 where it has no value.
    pub(crate) fn without_missing(&self, builder: &mut Builder, held: Held) -> Result<Held, Refused> {
        let Some(missing) = held.missing else { return Ok(held) };
        let kept = |of: &ValueId| Ok(builder.select(missing, self.zeros, *of)?);
        let integers = held.integers.iter().map(kept).collect::<Result<_, Refused>>()?;
        Ok(Held { integers, ..held })
    }

    fn arithmetic(&self, builder: &mut Builder, of: &Arithmetic) -> Result<Held, Refused> {
        let number = |integer: ValueId, missing: Option<ValueId>, scale: u8| Held {
            integers: vec![integer],
            missing,
            count: None,
            scale,
        };
        match of {
            Arithmetic::Column(of) => self.held(&of.column),
            Arithmetic::Constant(value) => Ok(number(self.each(builder, (*value).into())?, None, 0)),
            Arithmetic::Both(x, step, y) => {
                let refused = || self.refused.refuse(of);
                let (x, y) = (self.arithmetic(builder, x)?, self.arithmetic(builder, y)?);
                let ([left], [right]) = (x.integers.as_slice(), y.integers.as_slice()) else {
                    return Err(refused());
                };
                let missing = match (x.missing, y.missing) {
                    (Some(x), Some(y)) => Some(builder.or(x, y)?),
                    (one, other) => one.or(other),
                };
                if *step == ArithmeticStep::Times {
                    let product = builder.multiply(*left, *right)?;
                    return Ok(number(product, missing, x.scale + y.scale));
                }
                let scale = x.scale.max(y.scale);
                let lifted = |builder: &mut Builder, of: ValueId, from: u8| match scale - from {
                    0 => Ok::<_, Refused>(of),
                    digits => Ok(builder.scale(of, 10_i128.pow(digits.into()))?),
                };
                let (left, right) = (lifted(builder, *left, x.scale)?, lifted(builder, *right, y.scale)?);
                let sum = match step {
                    ArithmeticStep::Minus => builder.subtract(left, right)?,
                    _ => builder.add(left, right)?,
                };
                Ok(number(sum, missing, scale))
            }
        }
    }
}

/// One bit for each row.
pub(crate) fn filled(builder: &mut Builder, bit: bool, rows: u32) -> Result<ValueId, Refused> {
    let bit = builder.constant_bits(&[bit])?;
    Ok(builder.repeat(bit, rows)?)
}

/// What of `of` is wider than integers on shares can be is refused by its name.
pub(crate) fn narrower(refused: Refused, wide: Construct, of: &str) -> Refused {
    match refused {
        Refused::Program(Flaw::TooWide { .. }) => wide.refuse(&of),
        refused => refused,
    }
}

/// What has no room on shares where windows are told of, or aggregates of groups, is refused by one's name.
pub(crate) fn refusal(refused: Refused, checked: &Checked) -> Refused {
    match &checked.join {
        Some(Joined::Windows(windows)) => match windows.told.first() {
            Some(told) => narrower(refused, Construct::RowWindowWide, &told.name),
            None => refused,
        },
        Some(Joined::Nested(nested)) => match nested.told(&checked.query).first() {
            Some(told) => narrower(refused, Construct::NestedWide, &told.shown()),
            None => refused,
        },
        _ => refused,
    }
}
