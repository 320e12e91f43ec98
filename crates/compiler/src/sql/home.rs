//! Functions of one row's columns that its owner computes at home: what they are called, what type and how large a value
//! they give, and how a stage writes them. Only those that give one value at all times and fail on no row.

use contract::{Column, ColumnType, Range};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function as Call, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, TrimWhereField, UnaryOperator, Value,
};

use super::{argument::shown, identifier, intervals::Shift, names::normalised};
use crate::{
    Construct, Refused,
    buckets::Buckets,
    calendar::{self, Part, Period},
    domain::{self, GROUPS_MAX},
    moments, packed,
    text_functions::{Change, Length},
    time_functions,
};

/// A function of columns and constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Column(String),
    /// A text that is the same in all rows.
    Constant(String),
    /// EXTRACT.
    Extract(Part, Box<Home>),
    /// DATE_TRUNC, which is a date of a date here.
    Start(Period, Box<Home>),
    /// A date or a timestamp, and an interval.
    Shifted(Shift, Box<Home>),
    /// CAST of a timestamp AS DATE.
    Day(Box<Home>),
    /// A text of a text.
    Text(Change, Box<Home>),
    /// `x || y`, and CONCAT, for which NULL is an empty text.
    Joined {
        parts: Vec<Home>,
        skips_null: bool,
    },
    /// LENGTH, OCTET_LENGTH.
    Length(Length, Box<Home>),
    /// WIDTH_BUCKET.
    Bucket(Buckets, Box<Home>),
}

/// What values a function gives.
enum Values {
    /// Of a column, whatever its range.
    Number,
    Integer {
        min: i128,
        max: i128,
    },
    Date {
        min: i32,
        max: i32,
    },
    Timestamp {
        min: i64,
        max: i64,
    },
    /// The public list, if there is one, or how many bytes there are at most, if that is known.
    Text {
        list: Option<Vec<String>>,
        bytes_max: Option<u16>,
    },
}

/// As many values that follow from a declared range are groups that need no LIMIT.
const LISTED_MAX: usize = 400;

/// Parts of a range, so that these and what is before and after them are groups; one more may be NULL.
const BUCKETS_MAX: u32 = GROUPS_MAX as u32 - 3;

/// A call, and the qualifier of its columns, of which there is one at least; nothing for what is no such function.
pub(super) fn call(expr: &Expr) -> Option<(Home, Option<Ident>)> {
    let mut columns = Vec::new();
    let home = function(expr, &mut columns)?;
    let (first, others) = columns.split_first()?;
    let same = |other: &Option<Ident>| other.as_ref().map(normalised) == first.as_ref().map(normalised);
    others.iter().all(same).then(|| (home, first.clone()))
}

fn function(expr: &Expr, columns: &mut Vec<Option<Ident>>) -> Option<Home> {
    let text =
        |change, of: &Expr, columns: &mut Vec<_>| Some(Home::Text(change, Box::new(operand(of, columns)?)));
    match expr {
        Expr::Nested(inner) => function(inner, columns),
        Expr::Extract { field, expr, .. } => {
            let part = Part::named(&field.to_string().to_lowercase())?;
            Some(Home::Extract(part, Box::new(operand(expr, columns)?)))
        }
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr,
            data_type: DataType::Date,
            array: false,
            format: None,
        } => Some(Home::Day(Box::new(operand(expr, columns)?))),
        Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
            let count = match substring_for {
                Some(count) => Some(number(count)?),
                None => None,
            };
            text(Change::Cut(number(from).filter(|from| *from > 0)?, count), expr, columns)
        }
        Expr::Trim { trim_where, trim_what: None, expr, trim_characters: None } => {
            let change = match trim_where {
                None | Some(TrimWhereField::Both) => Change::Trim,
                Some(TrimWhereField::Leading) => Change::TrimStart,
                Some(TrimWhereField::Trailing) => Change::TrimEnd,
            };
            text(change, expr, columns)
        }
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            let parts = vec![operand(left, columns)?, operand(right, columns)?];
            Some(Home::Joined { parts, skips_null: false })
        }
        Expr::BinaryOp { left, op, right } => {
            Some(Home::Shifted(Shift::read(op, right)?, Box::new(operand(left, columns)?)))
        }
        Expr::Function(call) => {
            let arguments = arguments(call)?;
            let name = call.name.to_string().to_lowercase();
            match (name.as_str(), arguments.as_slice()) {
                ("lower", [of]) => text(Change::Lower, of, columns),
                ("upper", [of]) => text(Change::Upper, of, columns),
                ("trim" | "btrim", [of]) => text(Change::Trim, of, columns),
                ("ltrim", [of]) => text(Change::TrimStart, of, columns),
                ("rtrim", [of]) => text(Change::TrimEnd, of, columns),
                ("left", [of, count]) => text(Change::Left(number(count)?), of, columns),
                ("right", [of, count]) => text(Change::Right(number(count)?), of, columns),
                ("substr" | "substring", [of, from]) => {
                    text(Change::Cut(number(from).filter(|from| *from > 0)?, None), of, columns)
                }
                ("substr" | "substring", [of, from, count]) => {
                    let from = number(from).filter(|from| *from > 0)?;
                    text(Change::Cut(from, Some(number(count)?)), of, columns)
                }
                ("concat", [_, ..]) => {
                    let parts = arguments.iter().map(|of| operand(of, columns)).collect::<Option<_>>()?;
                    Some(Home::Joined { parts, skips_null: true })
                }
                ("length" | "char_length" | "character_length", [of]) => {
                    Some(Home::Length(Length::Letters, Box::new(operand(of, columns)?)))
                }
                ("octet_length", [of]) => Some(Home::Length(Length::Bytes, Box::new(operand(of, columns)?))),
                ("width_bucket", [of, low, high, count]) => {
                    let count = match count {
                        Expr::Value(value) => match &value.value {
                            Value::Number(digits, _) => digits.to_string().parse().ok()?,
                            _ => return None,
                        },
                        _ => return None,
                    };
                    let buckets = Buckets::new(&signed(low)?, &signed(high)?, count)?;
                    Some(Home::Bucket(buckets, Box::new(operand(of, columns)?)))
                }
                ("date_part", [part, of]) => {
                    let part = Part::named(&constant(part)?.to_lowercase())?;
                    Some(Home::Extract(part, Box::new(operand(of, columns)?)))
                }
                ("date_trunc", [period, of]) => {
                    let period = Period::named(&constant(period)?.to_lowercase())?;
                    Some(Home::Start(period, Box::new(operand(of, columns)?)))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn operand(expr: &Expr, columns: &mut Vec<Option<Ident>>) -> Option<Home> {
    match expr {
        Expr::Identifier(column) => {
            columns.push(None);
            Some(Home::Column(normalised(column)))
        }
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] => {
                columns.push(Some(table.clone()));
                Some(Home::Column(normalised(column)))
            }
            _ => None,
        },
        Expr::Nested(inner) => operand(inner, columns),
        Expr::Value(_) => constant(expr).map(Home::Constant),
        _ => function(expr, columns),
    }
}

/// The arguments of a call that has nothing else.
fn arguments(call: &Call) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let is_plain = call.over.is_none()
        && call.filter.is_none()
        && call.within_group.is_empty()
        && call.null_treatment.is_none()
        && call.parameters == FunctionArguments::None
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty();
    let mut all = Vec::with_capacity(list.args.len());
    for argument in &list.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else { return None };
        all.push(expr);
    }
    is_plain.then_some(all)
}

fn number(expr: &Expr) -> Option<u16> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.to_string().parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// A decimal constant, with its sign.
fn signed(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => signed(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
            let number = signed(inner)?;
            Some(number.strip_prefix('-').map_or_else(|| format!("-{number}"), str::to_owned))
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

impl Home {
    /// Every column that it reads.
    /// Whether it tells on which side of a bound that the query chooses a value lies: WIDTH_BUCKET, and parts of what an
    /// interval was added to.
    pub(super) fn is_cut(&self) -> bool {
        match self {
            Self::Column(_) | Self::Constant(_) | Self::Text(..) | Self::Joined { .. } | Self::Length(..) => {
                false
            }
            Self::Bucket(..) => true,
            Self::Extract(_, of) | Self::Start(_, of) | Self::Day(of) => of.is_shifted() || of.is_cut(),
            Self::Shifted(_, of) => of.is_cut(),
        }
    }

    fn is_shifted(&self) -> bool {
        match self {
            Self::Shifted(..) => true,
            Self::Extract(_, of) | Self::Start(_, of) | Self::Day(of) => of.is_shifted(),
            _ => false,
        }
    }

    pub(super) fn columns(&self) -> Vec<&String> {
        match self {
            Self::Column(name) => vec![name],
            Self::Constant(_) => Vec::new(),
            Self::Extract(_, of)
            | Self::Start(_, of)
            | Self::Shifted(_, of)
            | Self::Day(of)
            | Self::Text(_, of)
            | Self::Length(_, of)
            | Self::Bucket(_, of) => of.columns(),
            Self::Joined { parts, .. } => parts.iter().flat_map(Self::columns).collect(),
        }
    }

    /// The name of the column that it makes: equal texts mean the same function of the same columns.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Column(name) => shown(name),
            Self::Constant(text) => quoted(text),
            Self::Extract(part, of) => format!("extract({} from {})", part.name(), of.name()),
            Self::Start(period, of) => format!("date_trunc({}, {})", period.name(), of.name()),
            Self::Shifted(Shift { months, days, micros }, of) => {
                let time = match micros {
                    0 => String::new(),
                    micros => format!(" {micros} microseconds"),
                };
                format!("{} + {months} months {days} days{time}", of.name())
            }
            Self::Day(of) => format!("cast({} as date)", of.name()),
            Self::Text(change, of) => change.call(&of.name()),
            Self::Length(unit, of) => unit.call(&of.name()),
            Self::Bucket(buckets, of) => buckets.call(&of.name()),
            Self::Joined { parts, skips_null } => {
                let parts: Vec<String> = parts.iter().map(Self::name).collect();
                if *skips_null {
                    format!("concat({})", parts.join(", "))
                } else {
                    format!("({})", parts.join(" || "))
                }
            }
        }
    }

    /// SQL of a stage, over columns that are qualified so.
    pub(super) fn sql(&self, qualifier: Option<&Ident>) -> String {
        match self {
            Self::Column(name) => match qualifier {
                Some(table) => format!("{table}.{}", identifier(name)),
                None => identifier(name),
            },
            Self::Constant(text) => quoted(text),
            Self::Extract(part, of) => time_functions::part_sql(*part, &of.sql(qualifier)),
            Self::Start(period, of) => time_functions::first_sql(*period, &of.sql(qualifier)),
            Self::Shifted(Shift { months, days, micros }, of) => {
                time_functions::shifted_sql(*months, *days, *micros, &of.sql(qualifier))
            }
            Self::Day(of) => time_functions::day_sql(&of.sql(qualifier)),
            Self::Text(change, of) => change.sql(&of.sql(qualifier)),
            Self::Length(unit, of) => unit.sql(&of.sql(qualifier)),
            Self::Bucket(buckets, of) => buckets.sql(&of.sql(qualifier)),
            Self::Joined { parts, skips_null } => {
                let part = |part: &Self| match skips_null {
                    true => format!("COALESCE({}, '')", part.sql(qualifier)),
                    false => part.sql(qualifier),
                };
                format!("({})", parts.iter().map(part).collect::<Vec<_>>().join(" || "))
            }
        }
    }

    /// The column that it makes of a table's own.
    pub(super) fn column(&self, own: &[Column]) -> Result<Column, Refused> {
        let name = self.name();
        let refused = || Construct::Function.refuse(&name);
        let nullable = self.nullable(own);
        Ok(match self.values(own)?.ok_or_else(refused)? {
            Values::Integer { min, max } => {
                let is_listed = matches!(self, Self::Bucket(..)) || max - min < LISTED_MAX as i128;
                let values = is_listed.then(|| (min..=max).map(|n| n.to_string()).collect());
                let range = Some(Range { min: min.to_string(), max: max.to_string() });
                Column { range, values, nullable, ..Column::new(&name, ColumnType::Integer) }
            }
            // A column is no function of one.
            Values::Number => return Err(refused()),
            Values::Date { min, max } => {
                let range = Some(Range { min: calendar::text(min), max: calendar::text(max) });
                let firsts = self.firsts(moments::midnight(min), moments::midnight(max));
                let texts = |firsts: Vec<i64>| {
                    firsts.into_iter().map(|at| calendar::text(moments::split(at).0)).collect()
                };
                Column { range, values: firsts.map(texts), nullable, ..Column::new(&name, ColumnType::Date) }
            }
            Values::Timestamp { min, max } => {
                let range = Some(Range { min: moments::text(min), max: moments::text(max) });
                let firsts = self.firsts(min, max);
                let values = firsts.map(|firsts| firsts.into_iter().map(moments::text).collect());
                Column { range, values, nullable, ..Column::new(&name, ColumnType::Timestamp) }
            }
            Values::Text { list, bytes_max } => {
                let bytes_max = if list.is_some() { None } else { bytes_max };
                Column { values: list, bytes_max, nullable, ..Column::new(&name, ColumnType::Text) }
            }
        })
    }

    /// The beginnings of all periods in a range, if they are few.
    fn firsts(&self, min: i64, max: i64) -> Option<Vec<i64>> {
        match self {
            Self::Start(period, _) => moments::firsts(*period, min, max, LISTED_MAX),
            _ => None,
        }
    }

    /// Whether it is written as a conversion, which may also stand around what is no column.
    pub(super) fn is_conversion(&self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// Whether it is of columns of the types that it takes.
    pub(super) fn fits(&self, own: &[Column]) -> bool {
        matches!(self.values(own), Ok(Some(_)))
    }

    /// Whether it may be NULL. What never is stands for all rows, so that this must be exact within functions, too.
    fn nullable(&self, own: &[Column]) -> bool {
        match self {
            Self::Column(name) => {
                own.iter().find(|column| column.name == *name).is_none_or(|column| column.nullable)
            }
            Self::Constant(_) | Self::Joined { skips_null: true, .. } => false,
            Self::Extract(_, of)
            | Self::Start(_, of)
            | Self::Shifted(_, of)
            | Self::Day(of)
            | Self::Text(_, of)
            | Self::Length(_, of)
            | Self::Bucket(_, of) => of.nullable(own),
            Self::Joined { parts, skips_null: false } => parts.iter().any(|part| part.nullable(own)),
        }
    }

    /// Whether it is NULL on a row of which all columns are NULL, as those of a table that an outer join lacks.
    pub(super) fn is_strict(&self) -> bool {
        match self {
            Self::Column(_) => true,
            Self::Constant(_) => false,
            Self::Joined { skips_null: true, .. } => false,
            Self::Extract(_, of)
            | Self::Start(_, of)
            | Self::Shifted(_, of)
            | Self::Day(of)
            | Self::Text(_, of)
            | Self::Length(_, of)
            | Self::Bucket(_, of) => of.is_strict(),
            Self::Joined { parts, skips_null: false } => parts.iter().any(Self::is_strict),
        }
    }

    /// Nothing where a column is not of the type that the function takes.
    fn values(&self, own: &[Column]) -> Result<Option<Values>, Refused> {
        let text = |of: &Self| {
            Ok::<_, Refused>(match of.values(own)? {
                Some(Values::Text { list, bytes_max }) => Some((list, bytes_max)),
                _ => None,
            })
        };
        Ok(match self {
            Self::Column(name) => {
                let column = own.iter().find(|column| column.name == *name);
                let column = column.ok_or_else(|| Refused::Unqualified(name.clone()))?;
                match column.kind {
                    ColumnType::Text => Some(Values::Text {
                        list: column.values.clone(),
                        bytes_max: packed::bytes_max(column),
                    }),
                    ColumnType::Date => {
                        let range = domain::range(column)?;
                        // Days of years 0001 to 9999.
                        Some(Values::Date { min: range.min as i32, max: range.max as i32 })
                    }
                    ColumnType::Timestamp => {
                        let range = domain::range(column)?;
                        // Microseconds of years 0001 to 9999.
                        Some(Values::Timestamp { min: range.min as i64, max: range.max as i64 })
                    }
                    ColumnType::Integer | ColumnType::Decimal { .. } | ColumnType::Float { .. } => {
                        Some(Values::Number)
                    }
                    ColumnType::Boolean => None,
                }
            }
            Self::Constant(text) => Some(Values::Text {
                list: Some(vec![text.clone()]),
                bytes_max: u16::try_from(text.len()).ok(),
            }),
            Self::Extract(part, of) => {
                let days = match of.values(own)? {
                    Some(Values::Date { min, max }) if !part.is_of_time() => Some((min, max)),
                    Some(Values::Timestamp { min, max }) => {
                        Some((moments::split(min).0, moments::split(max).0))
                    }
                    _ => None,
                };
                days.map(|(min, max)| part.range(min, max))
                    .map(|(min, max)| Values::Integer { min: min.into(), max: max.into() })
            }
            Self::Start(period, of) => match of.values(own)? {
                Some(Values::Date { min, max }) if !period.is_of_time() => {
                    Some(Values::Date { min: period.first(min), max: period.first(max) })
                }
                Some(Values::Timestamp { min, max }) => Some(Values::Timestamp {
                    min: moments::first(*period, min),
                    max: moments::first(*period, max),
                }),
                _ => None,
            },
            // Which times there are must be known to stay within what a time can be.
            Self::Shifted(shift, of) => match of.values(own)? {
                Some(Values::Date { min, max }) if shift.micros == 0 => {
                    let days = shift.of(min).zip(shift.of(max));
                    let (min, max) = days.ok_or_else(|| Refused::NoRange(of.name()))?;
                    Some(Values::Date { min, max })
                }
                Some(Values::Timestamp { min, max }) => {
                    let times = shift.of_moments(min, max);
                    let (min, max) = times.ok_or_else(|| Refused::NoRange(of.name()))?;
                    Some(Values::Timestamp { min, max })
                }
                _ => None,
            },
            Self::Day(of) => match of.values(own)? {
                Some(Values::Timestamp { min, max }) => {
                    Some(Values::Date { min: moments::split(min).0, max: moments::split(max).0 })
                }
                _ => None,
            },
            Self::Text(change, of) => text(of)?.map(|(list, bytes_max)| Values::Text {
                list: list.map(|list| sorted(list.iter().map(|text| change.of(text)))),
                bytes_max: bytes_max.and_then(|most| change.bytes_max(most)),
            }),
            Self::Joined { parts, .. } => {
                let mut most: Option<u16> = Some(0);
                for part in parts {
                    let Some((_, bytes_max)) = text(part)? else { return Ok(None) };
                    most = most.zip(bytes_max).and_then(|(sum, bytes)| sum.checked_add(bytes));
                }
                Some(Values::Text { list: None, bytes_max: most })
            }
            Self::Bucket(buckets, of) => match of.values(own)? {
                Some(Values::Number | Values::Integer { .. }) => {
                    if buckets.is_empty() || !(1..=BUCKETS_MAX).contains(&buckets.count) {
                        return Err(Refused::Meaning(format!(
                            "`{}` has no parts, or too many: write WIDTH_BUCKET(column, low, high, count) with bounds \
                             that differ and a count from 1 to {BUCKETS_MAX}",
                            self.name()
                        )));
                    }
                    Some(Values::Integer { min: 0, max: i128::from(buckets.count) + 1 })
                }
                _ => None,
            },
            Self::Length(unit, of) => text(of)?.map(|(list, bytes_max)| {
                let of_list = list.as_ref().and_then(|list| list.iter().map(|text| unit.of(text)).max());
                // A text of unknown length has at most as many bytes as those of a batch of rows together may have.
                let most = bytes_max.map_or(i128::from(i32::MAX), i128::from);
                Values::Integer { min: 0, max: of_list.map_or(most, |length| length as i128) }
            }),
        })
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts.dedup();
    texts
}
