//! Comparisons between columns of two joined tables, other than the equality of keys: `p.amount > 1.5 * l.daily_max`.
//! Neither owner could decide them, so that they are decided on shares ([`crate::joined`]); which rows compare is seen by
//! nobody. What is read here is the form: sums of columns, with constants as factors, of numbers; dates, timestamps,
//! booleans and texts as they are.
//!
//! A row of the first table must meet one row of the second at most, whose columns it then is compared with: a column of
//! the second table's key has each value once, as declared by the one owner that it has.

use std::collections::BTreeSet;

use contract::{Column, ColumnType};
use datafusion::{
    common::{Column as Name, TableReference},
    logical_expr::{Between, BinaryExpr, Expr as Planned},
    sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value},
};

use super::{
    argument::Argument,
    comparisons,
    condition::{conjuncts, equal_columns},
    from::{From, JoinKind, Named},
    having::{Comparison, Side},
    identifier, join,
    query::Function,
    scope::{Found, Scope},
    tree::{self, Size},
};
use crate::{Construct, DIGITS_MAX, Refused, Table, keyed, number::bits, parse_scaled};

/// The comparisons of a join, which all must hold.
#[derive(Clone, Debug)]
pub(crate) struct RowComparison {
    /// What is compared of each table's rows, each thing once.
    pub(crate) values: [Vec<Shared>; 2],
    pub(crate) conditions: Vec<Condition>,
}

/// An integer that an owner shares of a row to be compared: a number without its point, a date's days, a timestamp's
/// microseconds, a boolean, or a part of a text's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// The column that it is of.
    pub(crate) column: String,
    /// SQL of the local stage; NULL where the column is.
    pub(crate) sql: String,
    /// It lies within ±2^bits.
    pub(crate) bits: u32,
}

/// One comparison.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// As written.
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// What must hold of the values of both tables.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// `left` compares with `right`, where `left` is the sum of the first table's values, each with its factor, and `right`
    /// that of the second's and the constant. `is_turned` if `right` stands on the left.
    Sums { factors: [Vec<(usize, i128)>; 2], constant: i128, comparison: Comparison, is_turned: bool },
    /// All of the first table's values equal the second's in their places; or not all.
    Same { places: [Vec<usize>; 2], is_negated: bool },
}

/// Values are below 2^64, so that sums with factors of so many bits together have 122.
const FACTOR_BITS_MAX: u32 = 58;

/// A comparison in the syntax tree.
#[derive(Clone, Debug)]
pub(super) struct Written {
    text: String,
    left: Expr,
    op: BinaryOperator,
    right: Expr,
}

/// Takes the comparisons over both tables out of conditions that all must hold. NOT is driven to them, which turns them
/// round: with NULL neither they nor their opposites hold.
pub(super) fn take<'e>(
    conditions: impl IntoIterator<Item = &'e Expr>,
    scope: &Scope<'_>,
) -> (Vec<Written>, Vec<Expr>) {
    let mut taken = Taken { scope, written: Vec::new(), rest: Vec::new() };
    conditions.into_iter().flat_map(conjuncts).for_each(|one| taken.add(one, false));
    (taken.written, taken.rest)
}

/// FROM, with the table as the second one whose key is declared to have each value once, where only the first one's is.
pub(super) fn arranged(mut from: From, filter: &[Expr], tables: &[Table]) -> From {
    let (Some((JoinKind::Inner, on)), [first, second]) = (&from.join, from.relations.as_slice()) else {
        return from;
    };
    let table = |named: &Named| tables.iter().find(|table| table.name == named.table);
    let (Some(of_first), Some(of_second)) = (table(first), table(second)) else { return from };
    let both = [(first, of_first), (second, of_second)];
    let sizes = both.map(|(_, table)| Size::of(table));
    let schemas = both.map(|(named, table)| Some((named.name.clone(), &table.datasets.first()?.schema)));
    let scope = Scope::new(schemas.into_iter().flatten().collect(), [false, false]);
    let (written, rest) = take(on.iter().chain(filter), &scope);
    let is_once = |side: usize| {
        let mut keys = rest.iter().filter_map(|one| equal_columns(one, &scope));
        keys.any(|pair| pair.get(side).is_some_and(|found| tree::is_once(&found.column, side, &sizes)))
    };
    if !written.is_empty() && is_once(0) && !is_once(1) {
        from.relations.swap(0, 1);
    }
    from
}

/// Reads what was taken, and of the join's `keys` the second table's column that has each value once; nothing if nothing was
/// taken.
pub(super) fn read(
    written: &[Written],
    keys: &[[Column; 2]],
    scope: &Scope<'_>,
    sizes: &[Size],
) -> Result<Option<(RowComparison, String)>, Refused> {
    let Some(first) = written.first() else { return Ok(None) };
    let mut reader = Reader { scope, values: [Vec::new(), Vec::new()] };
    let conditions = written.iter().map(|one| reader.condition(one)).collect::<Result<_, _>>()?;
    let once = keys.iter().map(|[_, key]| key).find(|key| tree::is_once(key, 1, sizes));
    let once = once.ok_or_else(|| Construct::ComparedKey.refuse(&first.text))?;
    Ok(Some((RowComparison { values: reader.values, conditions }, once.name.clone())))
}

/// Whether it compares columns of two tables: what is refused, or decided on shares, where nothing is converted.
pub(super) fn is_across(expr: &Planned) -> bool {
    match expr {
        Planned::BinaryExpr(BinaryExpr { left, op, right }) => {
            comparisons::is_comparison(*op) && are_of_both([left, right])
        }
        // A half over one table alone is decided at home.
        Planned::Between(Between { expr, low, high, .. }) => {
            are_of_both([expr, low]) && are_of_both([expr, high])
        }
        _ => false,
    }
}

fn are_of_both(sides: [&Planned; 2]) -> bool {
    let relations: BTreeSet<Option<&TableReference>> =
        sides.iter().flat_map(|side| side.column_refs()).map(|column| column.relation.as_ref()).collect();
    relations.len() > 1 || !relations.is_empty() && sides.iter().any(|side| side.contains_outer())
}

impl Written {
    pub(super) fn refuse(&self, construct: Construct) -> Refused {
        construct.refuse(&self.text)
    }

    /// Refuses the equality of columns that are no keys, where there are no others.
    pub(super) fn check_types(&self, scope: &Scope<'_>) -> Result<(), Refused> {
        match [&self.left, &self.right].map(|part| scope.column(part)) {
            [Some(x), Some(y)] if self.op == BinaryOperator::Eq => join::check_types(&x.column, &y.column),
            _ => Ok(()),
        }
    }
}

struct Taken<'s, 't> {
    scope: &'s Scope<'t>,
    written: Vec<Written>,
    rest: Vec<Expr>,
}

impl Taken<'_, '_> {
    fn add(&mut self, expr: &Expr, negated: bool) {
        use BinaryOperator::{And, GtEq, LtEq, Or};
        if self.scope.sides(expr).count_ones() != 2 {
            return self.rest.push(if negated { not(expr) } else { expr.clone() });
        }
        match expr {
            Expr::Nested(inner) => self.add(inner, negated),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.add(expr, !negated),
            Expr::BinaryOp { left, op: And, right } if !negated => {
                [left, right].into_iter().for_each(|part| self.add(part, false));
            }
            Expr::BinaryOp { left, op: Or, right } if negated => {
                [left, right].into_iter().for_each(|part| self.add(part, true));
            }
            Expr::BinaryOp { left, op, right } if opposite(op).is_some() => {
                if !negated && equal_columns(expr, self.scope).is_some_and(|pair| is_key(&pair)) {
                    return self.rest.push(expr.clone());
                }
                let op = if negated { opposite(op).unwrap_or(op.clone()) } else { op.clone() };
                self.compare(left, op, right);
            }
            Expr::Between { expr, negated: not, low, high } if *not == negated => {
                self.half(expr, GtEq, low);
                self.half(expr, LtEq, high);
            }
            // Refused by name where it is read.
            _ => self.rest.push(if negated { not(expr) } else { expr.clone() }),
        }
    }

    /// Of BETWEEN. What is over one table alone its owners decide.
    fn half(&mut self, left: &Expr, op: BinaryOperator, right: &Expr) {
        let sides = [left, right].map(|part| self.scope.sides(part));
        if (sides[0] | sides[1]).count_ones() == 2 {
            return self.compare(left, op, right);
        }
        let [left, right] = [left, right].map(|part| Box::new(part.clone()));
        self.rest.push(Expr::BinaryOp { left, op, right });
    }

    fn compare(&mut self, left: &Expr, op: BinaryOperator, right: &Expr) {
        let text = format!("{left} {op} {right}");
        self.written.push(Written { text, left: left.clone(), op, right: right.clone() });
    }
}

fn not(expr: &Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(expr.clone()))) }
}

/// What holds where a comparison does not, and nothing is NULL.
fn opposite(op: &BinaryOperator) -> Option<BinaryOperator> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    Some(match op {
        Eq => NotEq,
        NotEq => Eq,
        Lt => GtEq,
        LtEq => Gt,
        Gt => LtEq,
        GtEq => Lt,
        _ => return None,
    })
}

/// Whether the equality of two columns is one of keys, or of what cannot be compared.
fn is_key([x, y]: &[Found; 2]) -> bool {
    let is_whole = |found: &Found| matches!(found.column.kind, ColumnType::Integer);
    match (is_number(&x.column), is_number(&y.column)) {
        (true, true) => is_whole(x) && is_whole(y),
        _ => [x, y].iter().any(|found| found.column.kind != ColumnType::Boolean),
    }
}

fn is_number(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. })
}

struct Reader<'s, 't> {
    scope: &'s Scope<'t>,
    values: [Vec<Shared>; 2],
}

impl Reader<'_, '_> {
    fn condition(&mut self, written: &Written) -> Result<Condition, Refused> {
        let Written { text, left, op, right } = written;
        let refused = || Construct::JoinCondition.refuse(text);
        if let Some(unclear) = [left, right].iter().find_map(|part| self.scope.unclear(part)) {
            return Err(Refused::Unqualified(unclear));
        }
        let form = match [left, right].map(|part| self.scope.column(part)) {
            [Some(x), Some(y)] if !is_number(&x.column) || !is_number(&y.column) => {
                self.columns(x, op, y)?.ok_or_else(refused)?
            }
            _ => self.sums(left, op, right)?.ok_or_else(refused)?,
        };
        Ok(Condition { text: text.clone(), form })
    }

    /// Columns as they are.
    fn columns(&mut self, x: Found, op: &BinaryOperator, y: Found) -> Result<Option<Form>, Refused> {
        use ColumnType::{Boolean, Date, Text, Timestamp};
        let is_negated = *op == BinaryOperator::NotEq;
        Ok(match (x.column.kind, y.column.kind) {
            (Date, Date) | (Timestamp, Timestamp) => {
                let (x, y) = (self.number(&x)?, self.number(&y)?);
                x.plus_opposite(y).and_then(|difference| compared(difference, op))
            }
            (Text, Text) | (Boolean, Boolean) if is_negated || *op == BinaryOperator::Eq => {
                let pair = if x.side == 0 { [x, y] } else { [y, x] };
                let widths = keyed::limb_widths(pair.iter().map(|found| &found.column))?;
                let mut places = [Vec::new(), Vec::new()];
                for (found, places) in pair.iter().zip(&mut places) {
                    let name = &found.column.name;
                    for (sql, width) in keyed::limbs(&found.column).into_iter().zip(&widths) {
                        let shared = Shared { column: name.clone(), sql, bits: *width };
                        places.extend(self.place(found.side, shared));
                    }
                }
                Some(Form::Same { places, is_negated })
            }
            _ => None,
        })
    }

    /// Sums of numbers, with constants as factors.
    fn sums(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Option<Form>, Refused> {
        let (Some(x), Some(y)) = (self.side(left)?, self.side(right)?) else { return Ok(None) };
        Ok(x.plus_opposite(y).and_then(|difference| compared(difference, op)))
    }

    fn side(&mut self, expr: &Expr) -> Result<Option<Side>, Refused> {
        if let Some(found) = self.scope.column(expr) {
            return if is_number(&found.column) { self.number(&found).map(Some) } else { Ok(None) };
        }
        Ok(match expr {
            Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => {
                self.side(inner)?
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
                self.side(inner)?.and_then(|side| side.times(-1, 0))
            }
            Expr::BinaryOp { left, op, right } => {
                let (Some(x), Some(y)) = (self.side(left)?, self.side(right)?) else { return Ok(None) };
                match op {
                    BinaryOperator::Plus => x.plus(y),
                    BinaryOperator::Minus => x.plus_opposite(y),
                    BinaryOperator::Multiply if y.terms.is_empty() => x.times(y.constant, y.scale),
                    BinaryOperator::Multiply if x.terms.is_empty() => y.times(x.constant, x.scale),
                    _ => None,
                }
            }
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => constant(&digits.to_string()),
                _ => None,
            },
            _ => None,
        })
    }

    /// A column, as a sum of itself.
    fn number(&mut self, found: &Found) -> Result<Side, Refused> {
        let relation = found.qualifier.clone().map(TableReference::bare);
        let name = Planned::Column(Name::new(relation, found.column.name.clone()));
        let argument = Argument::valued(Function::Min, &name, self.scope)?;
        let shared = Shared {
            column: found.column.name.clone(),
            sql: argument.sql,
            bits: bits(argument.interval.magnitude()).max(1),
        };
        let terms = self.place(found.side, shared).map(|place| (term(found.side, place), 1));
        Ok(Side { terms: terms.into_iter().collect(), constant: 0, scale: argument.scale })
    }

    /// Where it stands among a table's values.
    fn place(&mut self, side: usize, shared: Shared) -> Option<usize> {
        let values = self.values.get_mut(side)?;
        Some(values.iter().position(|known| *known == shared).unwrap_or_else(|| {
            values.push(shared);
            values.len() - 1
        }))
    }
}

fn constant(digits: &str) -> Option<Side> {
    let scale = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = u8::try_from(scale).ok().filter(|scale| usize::from(*scale) <= DIGITS_MAX)?;
    Some(Side { constant: parse_scaled(digits, scale).ok()?, scale, ..Side::default() })
}

/// The number of a term of [`Side`]: one for each value of either table.
fn term(side: usize, place: usize) -> usize {
    2 * place + side
}

/// Of which table a term is, and its place among that one's values.
fn side_and_place(term: usize) -> (usize, usize) {
    (term % 2, term / 2)
}

/// How the difference of two sides compares with 0.
fn compared(difference: Side, op: &BinaryOperator) -> Option<Form> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let all = difference.terms.iter().map(|(_, factor)| factor.unsigned_abs()).sum::<u128>();
    if bits(all) > FACTOR_BITS_MAX {
        return None;
    }
    let (comparison, is_turned) = match op {
        Lt => (Comparison::Less, false),
        LtEq => (Comparison::AtMost, false),
        Gt => (Comparison::Less, true),
        GtEq => (Comparison::AtMost, true),
        Eq => (Comparison::Equal, false),
        NotEq => (Comparison::NotEqual, false),
        _ => return None,
    };
    let of = |side: usize, sign: i128| {
        let terms = difference.terms.iter().map(|(term, factor)| (side_and_place(*term), *factor));
        let own = terms.filter(|((of, _), _)| *of == side);
        own.map(|((_, place), factor)| (place, sign * factor)).collect()
    };
    let constant = -difference.constant;
    Some(Form::Sums { factors: [of(0, 1), of(1, -1)], constant, comparison, is_turned })
}

impl Side {
    fn plus_opposite(self, other: Self) -> Option<Self> {
        self.plus(other.times(-1, 0)?)
    }
}

impl RowComparison {
    /// The conditions that a row of one table has all that is compared, as SQL.
    pub(crate) fn present(&self, side: usize) -> Vec<String> {
        let mut columns: Vec<&String> = self.of(side).iter().map(|value| &value.column).collect();
        columns.dedup();
        columns.into_iter().map(|column| format!("{} IS NOT NULL", identifier(column))).collect()
    }

    /// The columns of one table that are compared.
    pub(crate) fn columns(&self, side: usize) -> BTreeSet<&String> {
        self.of(side).iter().map(|value| &value.column).collect()
    }

    /// Those in equalities.
    pub(super) fn equal(&self, side: usize) -> BTreeSet<&String> {
        let places = self.conditions.iter().flat_map(|condition| match &condition.form {
            Form::Sums { factors, comparison: Comparison::Equal, .. } => {
                factors.get(side).into_iter().flatten().map(|(place, _)| *place).collect()
            }
            Form::Same { places, is_negated: false } => places.get(side).cloned().unwrap_or_default(),
            Form::Sums { .. } | Form::Same { .. } => Vec::new(),
        });
        places.filter_map(|place| Some(&self.of(side).get(place)?.column)).collect()
    }

    /// What is compared of one table.
    pub(crate) fn of(&self, side: usize) -> &[Shared] {
        self.values.get(side).map_or(&[], Vec::as_slice)
    }
}
