//! What is added up over the rows of a join, as products with one factor of each table.
//!
//! Over all pairs of rows with one key the sum of a.x · b.y is the product of that key's Σ a.x and Σ b.y, and so it is of
//! any number of tables: an aggregate of columns of several factorises, as annotations in a semiring do (Green,
//! Karvounarakis and Tannen, PODS 2007). Each owner adds up its own factor at home by key and group; what is in no product
//! brings its count of rows. Sums of such products are taken on shares, and only they are opened.

use std::collections::BTreeMap;

use crate::{
    sql::{Argument, Condition, Monomial, Polynomial},
    stage::Partial,
};

/// A product of partial results of several tables.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// What its sum over the pairs is multiplied by.
    pub(crate) times: i128,
    /// By relation. The count of rows stands there where a row without a partner, of an outer join, does not count.
    of: BTreeMap<usize, Partial>,
}

impl Product {
    fn of<const N: usize>(of: [(usize, Partial); N]) -> Self {
        Self { times: 1, of: BTreeMap::from(of) }
    }

    /// One relation's factor.
    pub(crate) fn at(&self, side: usize) -> Option<&Partial> {
        self.of.get(&side)
    }

    /// What it is of some relations alone, all of whose rows have partners.
    pub(crate) fn within(&self, sides: &[usize]) -> Self {
        let own = |side: &usize, of: &Partial| sides.contains(side) && *of != Partial::Rows;
        let of = self.of.iter().filter(|(side, of)| own(side, of));
        Self { times: 1, of: of.map(|(side, of)| (*side, of.clone())).collect() }
    }

    /// How many columns' values are multiplied.
    pub(crate) fn degree(&self) -> u32 {
        self.of.values().map(Partial::degree).sum()
    }

    /// Different ones have different names, but for what they are multiplied by.
    pub(crate) fn name(&self) -> String {
        let names: Vec<String> = self.of.values().map(Partial::name).collect();
        if names.is_empty() { Partial::Rows.name() } else { names.join(" times ") }
    }
}

/// Products of some relations alone, each once.
pub(crate) fn within(products: &[Product], sides: &[usize]) -> Vec<Product> {
    let mut all: Vec<Product> = Vec::new();
    for product in products.iter().map(|product| product.within(sides)) {
        if !all.iter().any(|known| known.name() == product.name()) {
            all.push(product);
        }
    }
    all
}

/// What one relation's owners compute for some partial results, each thing once, rows first.
pub(crate) fn of_relation(partials: &[Partial], side: usize) -> Vec<Partial> {
    let mut own = vec![Partial::Rows];
    for product in partials.iter().flat_map(Partial::factored) {
        let factor = product.at(side);
        own.extend(factor.filter(|factor| own.iter().all(|known| known.name() != factor.name())).cloned());
    }
    own
}

/// Whether counts, sums and sums of squares are looked up each by themselves. What is looked up together is as wide as the
/// widest of it; covariances of two tables multiply all of them, and would have no room.
pub(crate) fn are_apart(partials: &[Partial]) -> bool {
    partials.iter().any(|partial| matches!(partial, Partial::Products(y, x) if y.side != x.side))
}

/// What these are called.
pub(crate) fn names(partials: &[Partial], side: usize) -> Vec<String> {
    of_relation(partials, side).iter().map(Partial::name).collect()
}

impl Partial {
    /// How many columns' values are multiplied in it.
    pub(crate) fn degree(&self) -> u32 {
        match self {
            Self::Rows | Self::RowsIf(_) | Self::Present(_) | Self::Distinct(_) => 0,
            Self::Squares(_) | Self::Products(..) => 2,
            Self::Quantile(..)
            | Self::Sum(_)
            | Self::Distances(_)
            | Self::Min(_)
            | Self::Max(_)
            | Self::Text(_) => 1,
        }
    }

    /// The products that it is the sum of, over the pairs of a join's rows: one, unless it is a sum of what is computed of
    /// several tables' columns.
    pub(crate) fn factored(&self) -> Vec<Product> {
        let (argument, polynomial) = match self {
            Self::RowsIf(condition) => return vec![Product::of([(condition.side, self.clone())])],
            Self::Products(y, x) if y.side != x.side => {
                let [y, x] = [(**x).clone(), y.clone()].map(|of| (of.side, Self::Distances(of)));
                return vec![Product::of([y, x])];
            }
            Self::Text(text) => (&text.of, None),
            other => match other.argument() {
                Some(x) => (x, x.polynomial.as_ref()),
                None => return vec![Product::of([])],
            },
        };
        match (self, polynomial) {
            (Self::Sum(_), Some(polynomial)) => {
                polynomial.monomials.iter().map(|monomial| sum(monomial, polynomial)).collect()
            }
            (_, Some(polynomial)) => {
                let counts = polynomial.conditions().map(|(side, condition)| (side, count(condition)));
                vec![Product { times: 1, of: counts.collect() }]
            }
            (_, None) => {
                let weight =
                    argument.foreign.clone().map(|condition| (condition.side, Self::RowsIf(condition)));
                let of = weight.into_iter().chain([(argument.side, self.clone())]);
                vec![Product { times: 1, of: of.collect() }]
            }
        }
    }
}

/// How many rows have a value.
fn count(condition: Option<Condition>) -> Partial {
    condition.map_or(Partial::Rows, Partial::RowsIf)
}

/// One of a polynomial's products, over the pairs on which all of its columns have a value.
fn sum(monomial: &Monomial, polynomial: &Polynomial) -> Product {
    let of = polynomial.conditions().map(|(side, condition)| {
        let factor = match (monomial.factors.get(&side), condition) {
            (Some(value), Some(condition)) => Partial::Sum(under(value, &condition)),
            (Some(value), None) => Partial::Sum(value.clone()),
            (None, condition) => count(condition),
        };
        (side, factor)
    });
    Product { times: monomial.times, of: of.collect() }
}

/// A value on the rows for which a condition holds.
fn under(value: &Argument, condition: &Condition) -> Argument {
    let sql = format!("CASE WHEN {} THEN {} END", condition.sql, value.sql);
    Argument {
        shown: format!("{} where {}", value.shown, condition.sql),
        presence: sql.clone(),
        sql,
        nullable: true,
        ..value.clone()
    }
}
