//! A condition on what window functions make of the rows of several owners, or on aggregates of their groups, which is
//! decided on shares: comparisons of sums
//! and differences of columns with constants, of texts by whether they are equal, and IS NULL.
//!
//! As in [`super::having`] negations are driven to the comparisons, where they turn the operator round; a comparison with
//! NULL does not hold, whichever way it is turned. Then what is left is true exactly if SQL's three-valued logic says so:
//! there is no NOT any more, and of AND and OR unknown parts are as false ones. Parts that read no such column are decided
//! at home.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Column, ColumnType};
use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, TypedString, UnaryOperator, Value};

use super::{
    having::{Comparison, Side},
    predicate, timestamps,
    windowed::column_name,
};
use crate::{Construct, DIGITS_MAX, Refused, calendar, moments, parse_scaled};

/// Such a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowTest {
    All(Vec<RowTest>),
    Any(Vec<RowTest>),
    /// SQL over the row, decided by its owner.
    Home(String),
    /// How a sum of columns, by their places in [`RowTests::columns`], lies to 0.
    Number(Side, Comparison),
    /// Whether texts are equal.
    Text {
        column: usize,
        with: Text,
        is_equal: bool,
    },
    /// Whether a column is NULL.
    Missing {
        column: usize,
        is_missing: bool,
    },
}

/// What a text is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Column(usize),
    Constant(String),
}

/// The conditions of a query's WHERE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowTests {
    /// All must hold.
    pub(crate) tests: Vec<RowTest>,
    /// The columns that they read.
    pub(crate) columns: Vec<String>,
}

/// One side of a comparison.
enum Operand {
    /// A sum of columns; of dates, timestamps and booleans, which.
    Number(Side, Option<ColumnType>),
    Text(Text),
    /// A constant that is read as the other side's type.
    Quoted(String),
    Null,
}

impl Operand {
    /// Of dates, timestamps and booleans, which.
    fn kind(&self) -> Option<ColumnType> {
        match self {
            Self::Number(_, kind) => *kind,
            Self::Text(_) | Self::Quoted(_) | Self::Null => None,
        }
    }

    /// It as a number; a text is what the other side's type makes of it.
    fn number(self, other: Option<ColumnType>) -> Option<(Side, Option<ColumnType>)> {
        match self {
            Self::Number(side, kind) => Some((side, kind)),
            Self::Quoted(text) => Some((moment(&text, other?)?, other)),
            Self::Text(_) | Self::Null => None,
        }
    }
}

/// Reads conditions one after the other.
pub(super) struct Reader<'a> {
    /// The table's columns, with those that are computed.
    columns: BTreeMap<&'a str, &'a Column>,
    /// Whether a column is computed on shares.
    is_shared: &'a dyn Fn(&str) -> bool,
    /// As what other conditions are refused.
    construct: Construct,
    found: RowTests,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        columns: &'a [Column],
        is_shared: &'a dyn Fn(&str) -> bool,
        construct: Construct,
    ) -> Self {
        let columns = columns.iter().map(|column| (column.name.as_str(), column)).collect();
        Self { columns, is_shared, construct, found: RowTests::default() }
    }

    /// One more condition that must hold; nothing of one that is decided at home.
    pub(super) fn take(&mut self, condition: &Expr) -> Result<bool, Refused> {
        let is_taken = self.reads_shared(condition);
        if is_taken {
            let test = self.test(condition, false)?;
            self.found.tests.push(test);
        }
        Ok(is_taken)
    }

    pub(super) fn finish(self) -> RowTests {
        self.found
    }

    fn refused(&self, expr: &Expr) -> Refused {
        self.construct.refuse(expr)
    }

    fn reads_shared(&self, expr: &Expr) -> bool {
        let mut any = false;
        predicate::columns(expr, &mut |column| {
            any |= column_name(column).is_some_and(|name| (self.is_shared)(&name));
        });
        any
    }

    fn test(&mut self, expr: &Expr, negated: bool) -> Result<RowTest, Refused> {
        use BinaryOperator::{And, Or};
        if !self.reads_shared(expr) {
            let condition = if negated { format!("NOT ({expr})") } else { expr.to_string() };
            return Ok(RowTest::Home(condition));
        }
        Ok(match expr {
            Expr::Nested(inner) => self.test(inner, negated)?,
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.test(expr, !negated)?,
            Expr::BinaryOp { left, op: op @ (And | Or), right } => {
                let parts = vec![self.test(left, negated)?, self.test(right, negated)?];
                if (*op == And) != negated { RowTest::All(parts) } else { RowTest::Any(parts) }
            }
            Expr::BinaryOp { left, op, right } => self.compare(expr, left, op, right, negated)?,
            Expr::Between { expr: of, negated: not, low, high } => {
                let is_out = negated != *not;
                let parts = vec![
                    self.compare(expr, of, &BinaryOperator::GtEq, low, is_out)?,
                    self.compare(expr, of, &BinaryOperator::LtEq, high, is_out)?,
                ];
                if is_out { RowTest::Any(parts) } else { RowTest::All(parts) }
            }
            Expr::InList { expr: of, list, negated: not } => {
                let is_out = negated != *not;
                let mut equal = |one| self.compare(expr, of, &BinaryOperator::Eq, one, is_out);
                let parts = list.iter().map(&mut equal).collect::<Result<_, _>>()?;
                if is_out { RowTest::All(parts) } else { RowTest::Any(parts) }
            }
            Expr::IsNull(of) | Expr::IsNotNull(of) => {
                let is_missing = matches!(expr, Expr::IsNull(_)) != negated;
                let missing = |column: usize| RowTest::Missing { column, is_missing };
                match column_name(of) {
                    Some(name) => missing(self.place(&name).ok_or_else(|| self.refused(expr))?),
                    // A sum has no value where any of its columns has none.
                    None => {
                        let of =
                            self.side(of)?.terms.into_iter().map(|(column, _)| missing(column)).collect();
                        if is_missing { RowTest::Any(of) } else { RowTest::All(of) }
                    }
                }
            }
            // A column that is true or not.
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let is_true = Expr::value(Value::Boolean(true));
                self.compare(expr, expr, &BinaryOperator::Eq, &is_true, negated)?
            }
            _ => return Err(self.refused(expr)),
        })
    }

    fn compare(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        negated: bool,
    ) -> Result<RowTest, Refused> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        use Comparison::{AtMost, Equal, Less, NotEqual};
        let (comparison, is_turned) = match (op, negated) {
            (Lt, false) | (GtEq, true) => (Less, false),
            (LtEq, false) | (Gt, true) => (AtMost, false),
            (Gt, false) | (LtEq, true) => (Less, true),
            (GtEq, false) | (Lt, true) => (AtMost, true),
            (Eq, false) | (NotEq, true) => (Equal, false),
            (NotEq, false) | (Eq, true) => (NotEqual, false),
            _ => return Err(self.refused(whole)),
        };
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let (left, right) = if is_turned { (right, left) } else { (left, right) };
        let is_equality = matches!(comparison, Equal | NotEqual);
        let test: Option<(usize, Text)> = match (left, right) {
            // Never true, and neither is its negation.
            (Operand::Null, _) | (_, Operand::Null) => return Ok(RowTest::Any(Vec::new())),
            (Operand::Quoted(text), Operand::Text(Text::Column(column)))
            | (Operand::Text(Text::Column(column)), Operand::Quoted(text))
                if is_equality =>
            {
                Some((column, Text::Constant(text)))
            }
            (Operand::Text(Text::Column(column)), Operand::Text(with)) if is_equality => Some((column, with)),
            (left, right) => {
                let kinds = [left.kind(), right.kind()];
                let numbers = left.number(kinds[1]).zip(right.number(kinds[0]));
                let Some(((left, of_left), (right, of_right))) = numbers else {
                    return Err(self.refused(whole));
                };
                if of_left != of_right {
                    return Err(self.refused(whole));
                }
                let difference = right.times(-1, 0).and_then(|right| left.plus(right));
                return Ok(RowTest::Number(difference.ok_or_else(|| self.refused(whole))?, comparison));
            }
        };
        let (column, with) = test.ok_or_else(|| self.refused(whole))?;
        Ok(RowTest::Text { column, with, is_equal: comparison == Equal })
    }

    fn operand(&mut self, expr: &Expr) -> Result<Operand, Refused> {
        if let Some(at) = timestamps::constant(expr) {
            let side = Side { constant: at.into(), ..Side::default() };
            return Ok(Operand::Number(side, Some(ColumnType::Timestamp)));
        }
        match expr {
            Expr::Nested(inner) => self.operand(inner),
            Expr::Value(value) => match &value.value {
                Value::Null => Ok(Operand::Null),
                Value::SingleQuotedString(text) => Ok(Operand::Quoted(text.clone())),
                Value::Boolean(value) => {
                    let side = Side { constant: (*value).into(), ..Side::default() };
                    Ok(Operand::Number(side, Some(ColumnType::Boolean)))
                }
                _ => self.side(expr).map(|side| Operand::Number(side, None)),
            },
            Expr::TypedString(TypedString { data_type: DataType::Date, value, .. }) => match &value.value {
                Value::SingleQuotedString(text) => {
                    let side = moment(text, ColumnType::Date).ok_or_else(|| self.refused(expr))?;
                    Ok(Operand::Number(side, Some(ColumnType::Date)))
                }
                _ => Err(self.refused(expr)),
            },
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let name = column_name(expr).ok_or_else(|| self.refused(expr))?;
                let column = self.place(&name).ok_or_else(|| self.refused(expr))?;
                let kind = self.columns.get(name.as_str()).map(|column| column.kind);
                let side = Side { terms: vec![(column, 1)], ..Side::default() };
                match kind {
                    Some(ColumnType::Text) => Ok(Operand::Text(Text::Column(column))),
                    Some(kind @ (ColumnType::Date | ColumnType::Timestamp | ColumnType::Boolean)) => {
                        Ok(Operand::Number(side, Some(kind)))
                    }
                    _ => Ok(Operand::Number(side, None)),
                }
            }
            _ => self.side(expr).map(|side| Operand::Number(side, None)),
        }
    }

    /// Sums, differences and products with constants of numbers.
    fn side(&mut self, expr: &Expr) -> Result<Side, Refused> {
        let made = match expr {
            Expr::Nested(inner) => Some(self.side(inner)?),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => self.side(expr)?.times(-1, 0),
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => Some(self.side(expr)?),
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => constant(&digits.to_string()),
                _ => None,
            },
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let name = column_name(expr).ok_or_else(|| self.refused(expr))?;
                let kind = self.columns.get(name.as_str()).map(|column| column.kind);
                let is_number = kind.is_some_and(|kind| {
                    matches!(
                        kind,
                        ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. }
                    )
                });
                let column = self.place(&name).filter(|_| is_number);
                column.map(|column| Side { terms: vec![(column, 1)], ..Side::default() })
            }
            Expr::BinaryOp { left, op, right } => {
                let (x, y) = (self.side(left)?, self.side(right)?);
                match op {
                    BinaryOperator::Plus => x.plus(y),
                    BinaryOperator::Minus => y.times(-1, 0).and_then(|y| x.plus(y)),
                    BinaryOperator::Multiply if y.terms.is_empty() => x.times(y.constant, y.scale),
                    BinaryOperator::Multiply if x.terms.is_empty() => y.times(x.constant, x.scale),
                    _ => None,
                }
            }
            _ => None,
        };
        made.ok_or_else(|| self.refused(expr))
    }

    /// Where a column stands among those that are read.
    fn place(&mut self, name: &str) -> Option<usize> {
        self.columns.get(name)?;
        let known = self.found.columns.iter().position(|known| known == name);
        Some(known.unwrap_or_else(|| {
            self.found.columns.push(name.to_owned());
            self.found.columns.len() - 1
        }))
    }
}

impl RowTest {
    /// The columns in it, by their places in [`RowTests::columns`].
    pub(super) fn places(&self, found: &mut BTreeSet<usize>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.places(found)),
            Self::Home(_) => {}
            Self::Number(side, _) => found.extend(side.terms.iter().map(|(column, _)| *column)),
            Self::Text { column, with, .. } => {
                found.insert(*column);
                if let Text::Column(with) = with {
                    found.insert(*with);
                }
            }
            Self::Missing { column, .. } => {
                found.insert(*column);
            }
        }
    }

    /// The conditions in it that owners decide at home.
    pub(crate) fn at_home<'t>(&'t self, found: &mut Vec<&'t String>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.at_home(found)),
            Self::Home(condition) if !found.contains(&condition) => found.push(condition),
            Self::Home(_) | Self::Number(..) | Self::Text { .. } | Self::Missing { .. } => {}
        }
    }
}

fn constant(digits: &str) -> Option<Side> {
    let scale = digits.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len());
    let scale = u8::try_from(scale).ok().filter(|scale| usize::from(*scale) <= DIGITS_MAX)?;
    Some(Side { constant: parse_scaled(digits, scale).ok()?, scale, ..Side::default() })
}

/// A text as a date or timestamp.
fn moment(text: &str, kind: ColumnType) -> Option<Side> {
    let at: i128 = match kind {
        ColumnType::Date => calendar::days(text)?.into(),
        ColumnType::Timestamp => moments::micros(text)?.into(),
        _ => return None,
    };
    Some(Side { constant: at, ..Side::default() })
}
