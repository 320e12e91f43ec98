//! The conditions of ON and WHERE over two tables, split: what compares their keys, what one owner decides at home,
//! and what needs both.
//!
//! A condition over both tables is a formula whose leaves each read one table. It is written as a sum of *terms*: for
//! each way in which the leaves of one table can turn out, what must then hold of the other. Terms exclude each other,
//! each is a condition of either side by itself, and so each owner evaluates its part at home.
//!
//! Three-valued logic: a row counts where the whole is true. Negations are driven to the leaves (De Morgan's laws hold
//! with unknown, too), and what is left, AND and OR, is true exactly if it is true of whether the leaves are true.

use std::cmp::Ordering;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::scope::{Found, Scope};
use crate::{Construct, Refused};

/// The conditions of which all must hold for this one to.
pub(super) fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    operands(condition, &BinaryOperator::And, &mut found);
    found
}

/// The columns of two relations that a condition says are equal, that of the earlier relation first.
pub(super) fn equal_columns(condition: &Expr, scope: &Scope<'_>) -> Option<[Found; 2]> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return None };
    let (x, y) = (scope.column(left)?, scope.column(right)?);
    match x.side.cmp(&y.side) {
        Ordering::Less => Some([x, y]),
        Ordering::Equal => None,
        Ordering::Greater => Some([y, x]),
    }
}

/// At most this many leaves of one side; twice as many terms for each.
const LEAVES_MAX: usize = 3;

/// A condition over two tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Split {
    /// Columns that must be equal, of the first and of the second table.
    pub(crate) keys: Vec<[Found; 2]>,
    /// For each table the conditions on it alone, as SQL.
    pub(crate) own: [Vec<String>; 2],
    mixed: Vec<Formula>,
}

/// What must hold at either side, as SQL; `None` for anything.
pub(crate) type Term = [Option<String>; 2];

impl Split {
    /// Splits `conditions`, which all must hold.
    pub(crate) fn of<'e>(
        conditions: impl IntoIterator<Item = &'e Expr>,
        scope: &Scope<'_>,
    ) -> Result<Self, Refused> {
        let mut split = Self::default();
        conditions.into_iter().flat_map(conjuncts).try_for_each(|condition| split.add(condition, scope))?;
        Ok(split)
    }

    fn add(&mut self, condition: &Expr, scope: &Scope<'_>) -> Result<(), Refused> {
        if let Some(key) = equal_columns(condition, scope) {
            self.keys.push(key);
            return Ok(());
        }
        if let Some(unclear) = scope.unclear(condition) {
            return Err(Refused::Unqualified(unclear));
        }
        match scope.sides(condition) {
            0 | 1 => self.own[0].push(condition.to_string()),
            2 => self.own[1].push(condition.to_string()),
            _ => self.mixed.push(Formula::of(condition, false, scope)?),
        }
        Ok(())
    }

    /// Whether there is a condition that needs both tables.
    pub(crate) fn is_mixed(&self) -> bool {
        !self.mixed.is_empty()
    }

    /// The conditions that need both tables, as terms; one that holds always if there is none.
    pub(crate) fn terms(&self) -> Result<Vec<Term>, Refused> {
        let whole = Formula::All(self.mixed.clone());
        let leaves = [whole.leaves(0), whole.leaves(1)];
        let side = usize::from(leaves[1].len() < leaves[0].len());
        let mine = &leaves[side];
        if mine.len() > LEAVES_MAX {
            return Err(Refused::TooLarge {
                what: "conditions of each table within OR",
                found: mine.len(),
                most: LEAVES_MAX,
            });
        }
        let mut terms = Vec::new();
        for chosen in 0..1_u32 << mine.len() {
            let is_true = |leaf: &str| {
                mine.iter().position(|known| known == leaf).is_some_and(|bit| chosen >> bit & 1 == 1)
            };
            let other = match whole.given(side, &is_true) {
                Given::Never => continue,
                Given::Always => None,
                Given::If(condition) => Some(condition),
            };
            // What is unknown is not true.
            let here = mine.iter().map(|leaf| match is_true(leaf) {
                true => format!("({leaf})"),
                false => format!("(CASE WHEN {leaf} THEN 1 ELSE 0 END) = 0"),
            });
            let here: Vec<String> = here.collect();
            let here = (!here.is_empty()).then(|| here.join(" AND "));
            terms.push(if side == 0 { [here, other] } else { [other, here] });
        }
        Ok(terms)
    }
}

#[derive(Clone, Debug)]
enum Formula {
    Leaf { side: usize, sql: String },
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// What AND or OR connects, however it is bracketed.
fn operands<'e>(expr: &'e Expr, connective: &BinaryOperator, found: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Nested(inner) => operands(inner, connective, found),
        Expr::BinaryOp { left, op, right } if op == connective => {
            operands(left, connective, found);
            operands(right, connective, found);
        }
        _ => found.push(expr),
    }
}

/// A formula, once one side's leaves are known.
enum Given {
    Always,
    Never,
    If(String),
}

impl Formula {
    fn of(expr: &Expr, negated: bool, scope: &Scope<'_>) -> Result<Self, Refused> {
        let sides = scope.sides(expr);
        if sides != 3 {
            let sql = if negated { format!("NOT ({expr})") } else { expr.to_string() };
            return Ok(Self::Leaf { side: usize::from(sides == 2), sql });
        }
        match expr {
            Expr::Nested(inner) => Self::of(inner, negated, scope),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Self::of(expr, !negated, scope),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                let mut parts = Vec::new();
                operands(expr, op, &mut parts);
                let is_and = (*op == BinaryOperator::And) != negated;
                let mut formulas = Vec::new();
                for side in 0..2 {
                    let of_side = parts.iter().filter(|part| usize::from(scope.sides(part) == 2) == side);
                    let own: Vec<String> = of_side
                        .filter(|part| scope.sides(part) != 3)
                        .map(|part| if negated { format!("(NOT ({part}))") } else { format!("({part})") })
                        .collect();
                    if !own.is_empty() {
                        formulas
                            .push(Self::Leaf { side, sql: own.join(if is_and { " AND " } else { " OR " }) });
                    }
                }
                for part in parts.into_iter().filter(|part| scope.sides(part) == 3) {
                    formulas.push(Self::of(part, negated, scope)?);
                }
                Ok(if is_and { Self::All(formulas) } else { Self::Any(formulas) })
            }
            _ => Err(Construct::JoinCondition.refuse(expr)),
        }
    }

    /// One side's leaves, each once.
    fn leaves(&self, of: usize) -> Vec<String> {
        match self {
            Self::Leaf { side, sql } => (*side == of).then(|| sql.clone()).into_iter().collect(),
            Self::All(parts) | Self::Any(parts) => {
                let mut all: Vec<String> = Vec::new();
                for leaf in parts.iter().flat_map(|part| part.leaves(of)) {
                    if !all.contains(&leaf) {
                        all.push(leaf);
                    }
                }
                all
            }
        }
    }

    fn given(&self, known: usize, is_true: &dyn Fn(&str) -> bool) -> Given {
        match self {
            Self::Leaf { side, sql } if *side == known => {
                if is_true(sql) {
                    Given::Always
                } else {
                    Given::Never
                }
            }
            Self::Leaf { sql, .. } => Given::If(format!("({sql})")),
            Self::All(parts) => {
                let mut rest = Vec::new();
                for part in parts {
                    match part.given(known, is_true) {
                        Given::Always => {}
                        Given::Never => return Given::Never,
                        Given::If(condition) => rest.push(condition),
                    }
                }
                if rest.is_empty() { Given::Always } else { Given::If(format!("({})", rest.join(" AND "))) }
            }
            Self::Any(parts) => {
                let mut rest = Vec::new();
                for part in parts {
                    match part.given(known, is_true) {
                        Given::Never => {}
                        Given::Always => return Given::Always,
                        Given::If(condition) => rest.push(condition),
                    }
                }
                if rest.is_empty() { Given::Never } else { Given::If(format!("({})", rest.join(" OR "))) }
            }
        }
    }
}
