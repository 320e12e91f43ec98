//! Parameters of prepared statements: what types they have, and the values that stand in their places.

use std::{collections::BTreeMap, ops::ControlFlow};

use arrow::datatypes::DataType;
use datafusion::{
    logical_expr::LogicalPlan,
    sql::sqlparser::ast::{
        CastKind, DataType as SqlType, ExactNumberInfo, Expr, Query, TimezoneInfo, Value as Literal,
        VisitMut, VisitorMut,
    },
};

use super::rewrite::is_decimal;
use crate::{
    binary,
    refusal::{NOT_SUPPORTED, PROTOCOL, Refusal},
    wire::Format,
};

/// A parameter's value in text; `None` is NULL.
pub(crate) type Value = Option<String>;

/// Parameters that a statement has at most.
const PARAMETERS_MAX: usize = 1000;

const INT2: i32 = 21;
const INT4: i32 = 23;
const INT8: i32 = 20;
const OID: i32 = 26;
const FLOAT4: i32 = 700;
const FLOAT8: i32 = 701;
const BOOLEAN: i32 = 16;
const NUMERIC: i32 = 1700;
const TEXT: i32 = 25;
const TEXTS: i32 = 1009;
const DATE: i32 = 1082;
const TIMESTAMP: i32 = 1114;

/// How many parameters a statement has, and which of them are lists (`= ANY ($1)`).
pub(super) fn places(query: &mut Query) -> Result<(usize, Vec<usize>), Refusal> {
    let mut found = Found { count: 0, lists: Vec::new() };
    let _ = VisitMut::visit(query, &mut found);
    if found.count > PARAMETERS_MAX {
        let message = format!("a statement has {PARAMETERS_MAX} parameters at most");
        return Err(Refusal::new(NOT_SUPPORTED, message, "ask in parts"));
    }
    Ok((found.count, found.lists))
}

struct Found {
    count: usize,
    lists: Vec<usize>,
}

impl VisitorMut for Found {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(place) = place(expr) {
            self.count = self.count.max(place);
        }
        if let Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } = expr {
            let inner = match right.as_ref() {
                Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => inner.as_ref(),
                other => other,
            };
            self.lists.extend(place(inner));
        }
        ControlFlow::Continue(())
    }
}

/// The number of a parameter, counted from 1.
fn place(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Literal::Placeholder(text) => text.strip_prefix('$')?.parse().ok().filter(|place| *place > 0),
            _ => None,
        },
        _ => None,
    }
}

/// Gives parameters the types that the client declared, before any has a value.
pub(super) fn declare(query: &mut Query, types: &[i32]) {
    struct Declare<'a>(&'a [i32]);
    impl VisitorMut for Declare<'_> {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let declared = place(expr).and_then(|place| self.0.get(place - 1));
            if let Some(data_type) = declared.and_then(|kind| sql_type(*kind)) {
                *expr = cast(expr.clone(), data_type);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(query, &mut Declare(types));
}

/// Puts values in the places of parameters, of the types that they have.
pub(super) fn fill(query: &mut Query, types: &[i32], values: &[Value]) -> Result<(), Refusal> {
    struct Fill<'a>(&'a [i32], &'a [Value]);
    impl VisitorMut for Fill<'_> {
        type Break = Refusal;

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
            let Some(place) = place(expr) else { return ControlFlow::Continue(()) };
            let Some(value) = self.1.get(place - 1) else {
                let message = format!("there is no parameter ${place}");
                return ControlFlow::Break(Refusal::new(
                    PROTOCOL,
                    message,
                    "bind as many as the statement has",
                ));
            };
            *expr = constant(self.0.get(place - 1).copied().unwrap_or(0), value.as_deref());
            ControlFlow::Continue(())
        }
    }
    match VisitMut::visit(query, &mut Fill(types, values)) {
        ControlFlow::Break(refusal) => Err(refusal),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A value of a type. A text is what a constant in quotes is, and becomes what it is compared with.
fn constant(kind: i32, value: Option<&str>) -> Expr {
    let literal = match value {
        None => Literal::Null,
        // Where a number has to stand for itself, as in LIMIT, a cast may not.
        Some(text) if is_integer(kind) && text.parse::<i64>().is_ok() => {
            return Expr::Value(Literal::Number(text.to_owned(), false).into());
        }
        // With the digits after the point that it has.
        Some(text) if kind == NUMERIC && is_decimal(text) => Literal::Number(text.to_owned(), false),
        Some(text) => Literal::SingleQuotedString(text.to_owned()),
    };
    let value = Expr::Value(literal.into());
    match sql_type(kind) {
        Some(data_type) => cast(value, data_type),
        None => value,
    }
}

fn is_integer(kind: i32) -> bool {
    matches!(kind, INT2 | INT4 | INT8 | OID)
}

fn cast(of: Expr, data_type: SqlType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(of), data_type, array: false, format: None }
}

/// What a type is called; `None` for texts, for lists and for those that nobody declared.
fn sql_type(kind: i32) -> Option<SqlType> {
    Some(match kind {
        INT2 | INT4 | INT8 | OID => SqlType::BigInt(None),
        FLOAT4 | FLOAT8 => SqlType::DoublePrecision,
        NUMERIC => SqlType::Numeric(ExactNumberInfo::None),
        BOOLEAN => SqlType::Boolean,
        DATE => SqlType::Date,
        TIMESTAMP => SqlType::Timestamp(None, TimezoneInfo::None),
        _ => return None,
    })
}

/// The types of parameters: those that the client declared, else those that the plan asks for, else text.
pub(super) fn types(count: usize, lists: &[usize], declared: &[i32], plan: &LogicalPlan) -> Vec<i32> {
    let inferred: BTreeMap<String, DataType> = plan
        .get_parameter_types()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, kind)| kind.map(|kind| (name, kind)))
        .collect();
    let kind = |place: usize| match declared.get(place - 1) {
        Some(declared) if *declared != 0 => *declared,
        _ if lists.contains(&place) => TEXTS,
        _ => inferred.get(&format!("${place}")).map_or(TEXT, code),
    };
    (1..=count).map(kind).collect()
}

fn code(kind: &DataType) -> i32 {
    match kind {
        DataType::Boolean => BOOLEAN,
        integer if integer.is_integer() => INT8,
        DataType::Decimal128(..) | DataType::Decimal256(..) => NUMERIC,
        DataType::Float32 | DataType::Float64 => FLOAT8,
        DataType::Date32 => DATE,
        DataType::Timestamp(..) => TIMESTAMP,
        _ => TEXT,
    }
}

/// A value as a client sends it, in text.
pub(crate) fn value(kind: i32, format: Format, bytes: &[u8]) -> Result<String, Refusal> {
    let malformed = || Refusal::new(PROTOCOL, "a parameter is not as its type has it", "send it in text");
    if format == Format::Text {
        return std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| malformed());
    }
    fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
        bytes.try_into().ok()
    }
    let text = match kind {
        BOOLEAN => fixed::<1>(bytes).map(|[byte]| if byte == 0 { "f" } else { "t" }.to_owned()),
        INT2 => fixed(bytes).map(|bytes| i16::from_be_bytes(bytes).to_string()),
        INT4 => fixed(bytes).map(|bytes| i32::from_be_bytes(bytes).to_string()),
        OID => fixed(bytes).map(|bytes| u32::from_be_bytes(bytes).to_string()),
        INT8 => fixed(bytes).map(|bytes| i64::from_be_bytes(bytes).to_string()),
        FLOAT4 => fixed(bytes).map(|bytes| f32::from_be_bytes(bytes).to_string()),
        FLOAT8 => fixed(bytes).map(|bytes| f64::from_be_bytes(bytes).to_string()),
        NUMERIC => binary::numeric_text(bytes),
        DATE => fixed(bytes).and_then(|bytes| binary::date_text(i32::from_be_bytes(bytes))),
        0 | 18 | 19 | TEXT | 705 | 1042 | 1043 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => {
            let message = format!("parameters of type {kind} are not read in binary");
            return Err(Refusal::new(NOT_SUPPORTED, message, "send it in text"));
        }
    };
    text.ok_or_else(malformed)
}
