//! What an aggregate takes of columns of several tables: a sum of products with one factor of each table, so that each
//! owner can add up its own ([`crate::products`]).

use std::collections::{BTreeMap, BTreeSet};

use datafusion::logical_expr::Operator;

use super::argument::{Argument, Condition};
use crate::Refused;

/// A sum of products of several tables' columns. It has a value on the pairs of rows on which all of these columns do,
/// whichever of the products they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Polynomial {
    pub(crate) monomials: Vec<Monomial>,
    /// Of each table whose columns it reads, what must be true of a row.
    conditions: BTreeMap<usize, BTreeSet<String>>,
}

/// A product of what is computed of single tables' columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Monomial {
    /// Of the factors' integers.
    pub(crate) times: i128,
    /// By table.
    pub(crate) factors: BTreeMap<usize, Argument>,
}

/// At most so many products in one aggregate.
const MONOMIALS_MAX: usize = 32;

impl Polynomial {
    /// The sum, difference or product of two arguments; sums of integers with `digits` more each. `Ok(None)` if factors get
    /// too large.
    pub(super) fn combined(
        op: Operator,
        [x, y]: [&Argument; 2],
        digits: [u8; 2],
        product: impl Fn(Argument, Argument) -> Option<Result<Argument, Refused>>,
    ) -> Result<Option<Self>, Refused> {
        let (x, y) = (Self::of(x), Self::of(y));
        let monomials = match op {
            Operator::Multiply => {
                let mut products = Vec::with_capacity(x.monomials.len() * y.monomials.len());
                for left in &x.monomials {
                    for right in &y.monomials {
                        let Some(both) = left.times(right, &product)? else { return Ok(None) };
                        products.push(both);
                    }
                }
                products
            }
            _ => {
                let [more_of_x, more_of_y] = digits.map(|digits| 10_i128.checked_pow(digits.into()));
                let more_of_y = if op == Operator::Minus { more_of_y.map(|more| -more) } else { more_of_y };
                let scaled = |monomials: Vec<Monomial>, by: Option<i128>| {
                    let of =
                        move |one: Monomial| Some(Monomial { times: one.times.checked_mul(by?)?, ..one });
                    monomials.into_iter().map(of).collect::<Option<Vec<_>>>()
                };
                let both = scaled(x.monomials, more_of_x).zip(scaled(y.monomials, more_of_y));
                let Some((x, y)) = both else { return Ok(None) };
                [x, y].concat()
            }
        };
        let Some(monomials) = gathered(monomials) else { return Ok(None) };
        if monomials.len() > MONOMIALS_MAX {
            return Err(Refused::TooLarge {
                what: "products of columns of several tables in one aggregate",
                found: monomials.len(),
                most: MONOMIALS_MAX,
            });
        }
        let mut conditions = x.conditions;
        for (side, own) in y.conditions {
            conditions.entry(side).or_default().extend(own);
        }
        Ok(Some(Self { monomials, conditions }))
    }

    /// An argument as one.
    fn of(argument: &Argument) -> Self {
        if let Some(polynomial) = &argument.polynomial {
            return polynomial.clone();
        }
        if argument.columns.is_empty() {
            let constant = Monomial { times: argument.interval.min, factors: BTreeMap::new() };
            return Self { monomials: vec![constant], conditions: BTreeMap::new() };
        }
        let present = argument.is_present().map(|condition| condition.sql);
        Self {
            monomials: vec![Monomial {
                times: 1,
                factors: BTreeMap::from([(argument.side, argument.clone())]),
            }],
            conditions: BTreeMap::from([(argument.side, present.into_iter().collect())]),
        }
    }

    /// It, on the pairs for which a condition on one table's rows holds.
    pub(super) fn under(mut self, condition: Condition) -> Self {
        self.conditions.entry(condition.side).or_default().insert(condition.sql);
        self
    }

    /// Of each table whose columns it reads, which rows have a value, if not all have.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (usize, Option<Condition>)> {
        self.conditions.iter().map(|(side, all)| {
            let all: Vec<String> = all.iter().map(|one| format!("({one})")).collect();
            (*side, (!all.is_empty()).then(|| Condition { side: *side, sql: all.join(" AND ") }))
        })
    }
}

/// Each product of factors once, and none that is not there; one, if nothing is left of any. None if a factor gets too
/// large.
fn gathered(monomials: Vec<Monomial>) -> Option<Vec<Monomial>> {
    let mut all: Vec<Monomial> = Vec::with_capacity(monomials.len());
    for one in monomials {
        match all.iter_mut().find(|known| known.factors == one.factors) {
            Some(known) => known.times = known.times.checked_add(one.times)?,
            None => all.push(one),
        }
    }
    let kept = all.iter().any(|one| one.times != 0);
    let mut place = 0;
    all.retain(|one| {
        place += 1;
        one.times != 0 || !kept && place == 1
    });
    Some(all)
}

impl Monomial {
    /// The product of two: factors of one table are multiplied by its owners.
    fn times(
        &self,
        other: &Self,
        product: impl Fn(Argument, Argument) -> Option<Result<Argument, Refused>>,
    ) -> Result<Option<Self>, Refused> {
        let Some(times) = self.times.checked_mul(other.times) else { return Ok(None) };
        let mut factors = self.factors.clone();
        for (side, right) in &other.factors {
            let both = match factors.remove(side) {
                None => right.clone(),
                Some(left) => match product(left, right.clone()) {
                    Some(both) => both?,
                    None => return Ok(None),
                },
            };
            factors.insert(*side, both);
        }
        Ok(Some(Self { times, factors }))
    }
}
