//! PostgreSQL's ways of saying what DataFusion says in others: casts to `regclass`, `= ANY (ARRAY[…])`, operators and
//! functions with their schema, names of columns.

use std::{collections::BTreeSet, ops::ControlFlow};

use datafusion::sql::sqlparser::{
    ast::{
        AccessExpr, BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
        FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, ObjectName, Query,
        Select, SelectItem, SetExpr, Subscript, TableFactor, Value, VisitMut, VisitorMut,
    },
    dialect::PostgreSqlDialect,
    parser::Parser,
};

use super::{View, columns, empty, exact, functions, names, system, unknown, unsupported};
use crate::refusal::Refusal;

/// Rewrites a statement; `views` are those that `regclass` may name.
pub(super) fn rewrite(query: &mut Query, views: &[View]) -> Result<(), Refusal> {
    let mut given = Given(BTreeSet::new());
    let _ = VisitMut::visit(query, &mut given);
    let mut tables = Tables { given: &given.0, are_system: true, count: 0 };
    let _ = VisitMut::visit(query, &mut tables);
    let is_catalog = tables.are_system && tables.count > 0;
    let mut rewrite = Rewrite { views, given: given.0, is_catalog };
    match VisitMut::visit(query, &mut rewrite) {
        ControlFlow::Break(refusal) => Err(refusal),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Given(empty::Given);

impl VisitorMut for Given {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| names::folded(&table.alias.name)));
        ControlFlow::Continue(())
    }
}

/// Whether all tables that a statement reads are of the catalog.
struct Tables<'a> {
    given: &'a empty::Given,
    are_system: bool,
    count: usize,
}

impl VisitorMut for Tables<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            let is_given = matches!(names::parts(name).as_slice(), [name] if self.given.contains(name));
            self.are_system &= is_given || is_system(name, self.given);
            self.count += usize::from(!is_given);
        }
        ControlFlow::Continue(())
    }
}

fn is_system(name: &ObjectName, given: &empty::Given) -> bool {
    match names::parts(name).as_slice() {
        [name] => !given.contains(name) && system::table(None, name).is_some(),
        [schema, name] | [_, schema, name] => system::table(Some(schema), name).is_some(),
        _ => false,
    }
}

struct Rewrite<'a> {
    views: &'a [View],
    given: empty::Given,
    /// Whether the statement reads the catalog and nothing else.
    is_catalog: bool,
}

impl VisitorMut for Rewrite<'_> {
    type Break = Refusal;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refusal> {
        // Names come from the words that were written, before any is replaced.
        columns::name(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refusal> {
        empty::simplify(query, &self.given);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refusal> {
        if let TableFactor::Table { name, alias, args: Some(arguments), .. } = factor
            && names::parts(name).last().is_some_and(|name| name == "generate_series")
            && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(last)))] =
                arguments.args.as_slice()
            && names::parts(&last.name).last().is_some_and(|name| name == "array_upper")
            && last.args.to_string().contains("current_schemas(false)")
            && let Ok(subquery) = super::dialect::read("VALUES (1)")
        {
            // A number for each schema on the way, of which there is one.
            *factor = TableFactor::Derived { lateral: false, subquery, alias: alias.take(), sample: None };
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        // What an object is called, from its number.
        if let Expr::Cast { expr: inner, data_type, .. } = expr
            && is_text(data_type)
            && let Expr::Cast { expr: of, data_type, .. } = inner.as_mut()
            && let Some(function) = name_of(data_type)
            && literal(of).is_none()
        {
            let of = take(of);
            *expr = call(function, vec![of]);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        match self.replaced(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refusal) => ControlFlow::Break(refusal),
        }
    }
}

impl Rewrite<'_> {
    fn replaced(&self, expr: &mut Expr) -> Result<(), Refusal> {
        let new = match expr {
            Expr::Collate { expr, .. } => take(expr),
            Expr::Identifier(name) if name.quote_style.is_none() && is_session_word(&name.value) => {
                call(&name.value.to_lowercase(), Vec::new())
            }
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
                call(functions::CONCAT, vec![take(left), take(right)])
            }
            Expr::BinaryOp { op, .. } => {
                if let BinaryOperator::PGCustomBinaryOperator(parts) = op
                    && let Some(known) = parts.last().and_then(|name| operator(name))
                {
                    *op = known;
                }
                return Ok(());
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                match any(left, right, false) {
                    Some(new) => new,
                    None => return Ok(()),
                }
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => match any(left, right, true) {
                Some(new) => new,
                None => return Ok(()),
            },
            Expr::Cast { expr: of, data_type, .. } => match self.cast(of, data_type)? {
                Some(new) => new,
                None => return Ok(()),
            },
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                if let Some(escape) = escape_char.take() {
                    let escape = Expr::Value(escape);
                    **pattern = call(functions::LIKE_PATTERN, vec![take(pattern), escape]);
                }
                return Ok(());
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let from = substring_from.take().map_or_else(|| number(1), |from| *from);
                let mut arguments = vec![take(expr), from];
                arguments.extend(substring_for.take().map(|length| *length));
                call("substr", arguments)
            }
            Expr::Position { expr, r#in } => call("strpos", vec![take(r#in), take(expr)]),
            Expr::CompoundFieldAccess { root, access_chain } => match schema_at(root, access_chain) {
                Some(new) => new,
                None => return Ok(()),
            },
            Expr::Subquery(query) if empty::is_empty(query) => null(),
            Expr::Subquery(query) => {
                one_row(query, &self.given);
                return Ok(());
            }
            Expr::Exists { subquery, negated } if empty::is_empty(subquery) => truth(*negated),
            Expr::InSubquery { subquery, negated, .. } if empty::is_empty(subquery) => truth(*negated),
            Expr::Function(function) if matches!(function.args, FunctionArguments::Subquery(_)) => {
                // A catalog has no arrays, and clients ask for some.
                if !self.is_catalog {
                    return Err(unsupported("an array"));
                }
                null()
            }
            Expr::Function(function) => match function_of(function) {
                Some(new) => new,
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        *expr = new;
        Ok(())
    }

    /// A cast to a type that DataFusion does not have.
    fn cast(&self, of: &mut Expr, data_type: &mut DataType) -> Result<Option<Expr>, Refusal> {
        let Some(name) = type_name(data_type) else {
            if is_integer(data_type) && !is_parameter(of) {
                *of = call(exact::WHOLE, vec![take(of)]);
            }
            if matches!(data_type, DataType::Float8 | DataType::DoublePrecision)
                && let Some(digits) = literal(of)
            {
                // Read as it is written: an exact number on the way would be divided by a power of ten.
                *of = text(&digits);
            }
            if matches!(data_type, DataType::Text | DataType::Varchar(None)) && !is_parameter(of) {
                return Ok(Some(call(functions::AS_TEXT, vec![take(of)])));
            }
            if is_numeric(data_type) && !is_parameter(of) {
                if let Some(digits) = literal(of).filter(|text| is_decimal(text)) {
                    *of = Expr::Value(Value::Number(digits, false).into());
                }
                return Ok(Some(call(exact::NUMERIC, vec![take(of)])));
            }
            if matches!(data_type, DataType::Array(_)) {
                *data_type = DataType::Text;
            }
            return Ok(None);
        };
        let new = match (name.as_str(), literal(of)) {
            ("regclass", Some(text)) => number(self.relation(&text)?),
            ("regtype", Some(text)) => number(functions::type_number(&text).unwrap_or_default()),
            ("regnamespace", Some(text)) => number(functions::schema_number(&text).unwrap_or_default()),
            ("regproc" | "regprocedure", Some(text)) => Expr::Value(
                Value::SingleQuotedString(text.trim_start_matches("pg_catalog.").to_owned()).into(),
            ),
            ("regclass" | "regtype" | "regnamespace" | "regrole" | "regproc" | "regprocedure", None) => {
                take(of)
            }
            ("oid" | "xid" | "cid", _) => cast(take(of), DataType::BigInt(None)),
            (
                "name" | "char" | "bpchar" | "citext" | "int2vector" | "oidvector" | "aclitem"
                | "pg_node_tree",
                _,
            ) => cast(take(of), DataType::Text),
            _ => {
                // A type of PostgreSQL's own behind its schema.
                let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(&name);
                let known = parser.and_then(|mut parser| parser.parse_data_type());
                return match known.ok().filter(|known| type_name(known).is_none()) {
                    Some(known) => {
                        *data_type = known;
                        self.cast(of, data_type)
                    }
                    None => Ok(None),
                };
            }
        };
        Ok(Some(new))
    }

    /// The number of a relation, by its name or as it is written.
    fn relation(&self, text: &str) -> Result<i64, Refusal> {
        if let Ok(number) = text.parse() {
            return Ok(number);
        }
        if let Some(number) = functions::system_number(text.trim_start_matches("pg_catalog.")) {
            return Ok(number);
        }
        let name = names::view(text)?;
        self.views.iter().find(|view| view.name == name).map(|view| view.oid).ok_or_else(|| unknown(text))
    }
}

/// A subquery over the catalog alone that gives a value: of one row, which the catalog's keys see to. DataFusion asks for an
/// aggregate where it depends on the query around it.
fn one_row(query: &mut Query, given: &empty::Given) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Select { projection, from, selection, group_by, having, distinct, .. } = select.as_mut();
    let is_of_catalog = |factor: &TableFactor| match factor {
        TableFactor::Table { name, args: None, .. } => is_system(name, given),
        _ => false,
    };
    let is_over_system = from
        .iter()
        .flat_map(|joined| {
            std::iter::once(&joined.relation).chain(joined.joins.iter().map(|join| &join.relation))
        })
        .all(is_of_catalog);
    let is_grouped = !matches!(group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if from.is_empty() || !is_over_system || is_grouped || having.is_some() || distinct.is_some() {
        return;
    }
    // Without a condition nothing says that there is one row.
    if selection.is_none() || query.limit_clause.is_some() || query.fetch.is_some() {
        return;
    }
    if let [item @ (SelectItem::ExprWithAlias { .. } | SelectItem::UnnamedExpr(_))] =
        projection.as_mut_slice()
        && !empty::aggregates(item)
        && let SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) = item
    {
        let value = take(expr);
        *expr = call("max", vec![value]);
    }
}

/// `left = ANY (right)` of values that stand there, or `left <> ALL (right)`.
fn any(left: &mut Expr, right: &mut Expr, negated: bool) -> Option<Expr> {
    let list = match right {
        Expr::Array(array) => std::mem::take(&mut array.elem),
        Expr::Nested(inner) => return any(left, inner, negated),
        Expr::Cast { expr, .. } => return any(left, expr, negated),
        Expr::Subquery(query) => {
            let subquery = query.clone();
            return Some(Expr::InSubquery { expr: Box::new(take(left)), subquery, negated });
        }
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => elements(text)?,
            // What its type is will be known with its value.
            Value::Placeholder(_) => vec![null()],
            _ => return None,
        },
        Expr::Function(function) => schemas(function)?.iter().map(|name| text(name)).collect(),
        Expr::Identifier(column) if is_array(column) => return Some(null()),
        Expr::CompoundIdentifier(parts) if parts.last().is_some_and(is_array) => return Some(null()),
        _ => return None,
    };
    if list.is_empty() {
        return Some(truth(negated));
    }
    Some(Expr::InList { expr: Box::new(take(left)), list, negated })
}

/// Whether a column of the catalog is an array; all are NULL.
fn is_array(column: &Ident) -> bool {
    let name = names::folded(column);
    ["reloptions", "attoptions", "spcoptions", "rolconfig", "useconfig", "enumvals"].contains(&name.as_str())
        || name.ends_with("acl")
}

/// The elements of an array as text has it (`{r,"a b"}`), each a text.
fn elements(array: &str) -> Option<Vec<Expr>> {
    let inner = array.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let mut elements = Vec::new();
    let (mut element, mut is_quoted, mut was_quoted) = (String::new(), false, false);
    let mut letters = inner.chars();
    loop {
        let letter = letters.next();
        match letter {
            Some('\\') => element.push(letters.next()?),
            Some('"') => (is_quoted, was_quoted) = (!is_quoted, true),
            Some(other) if is_quoted || other != ',' => element.push(other),
            None if is_quoted => return None,
            _ => {
                let is_null = !was_quoted && element.eq_ignore_ascii_case("null");
                elements.push(if is_null { null() } else { text(&element) });
                element.clear();
                was_quoted = false;
                if letter.is_none() {
                    return Some(elements);
                }
            }
        }
    }
}

/// `(current_schemas(…))[n]`.
fn schema_at(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let inner = match root {
        Expr::Nested(inner) => inner.as_ref(),
        other => other,
    };
    let Expr::Function(function) = inner else { return None };
    let schemas = schemas(function)?;
    let [AccessExpr::Subscript(Subscript::Index { index })] = chain else { return None };
    let place: usize = match (literal(index), schemas) {
        (Some(place), _) => place.parse().ok()?,
        // The number stands in the table that numbers them.
        (None, [_]) => 1,
        (None, _) => return None,
    };
    Some(place.checked_sub(1).and_then(|place| schemas.get(place)).map_or_else(null, |name| text(name)))
}

/// The value of `current_schemas`.
fn schemas(function: &Function) -> Option<&'static [&'static str]> {
    let name = names::parts(&function.name).pop()?;
    let FunctionArguments::List(list) = &function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(with_implicit)))] = list.args.as_slice()
    else {
        return None;
    };
    match (name.as_str(), &with_implicit.value) {
        ("current_schemas", Value::Boolean(true)) => Some(&["pg_catalog", "public"]),
        ("current_schemas", Value::Boolean(false)) => Some(&["public"]),
        _ => None,
    }
}

/// A function by the name that DataFusion knows; another expression where there is one.
fn function_of(function: &mut Function) -> Option<Expr> {
    let mut parts = names::parts(&function.name);
    let name = parts.pop()?;
    if !parts.is_empty() && parts != ["pg_catalog"] {
        return None;
    }
    function.name = ObjectName::from(vec![Ident::with_quote('"', name.clone())]);
    if is_session_word(&name) && matches!(function.args, FunctionArguments::None) {
        return Some(call(&name, Vec::new()));
    }
    if name == "sum"
        && let FunctionArguments::List(list) = &mut function.args
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(summed))] = list.args.as_mut_slice()
    {
        *summed = call(exact::SUMMED, vec![take(summed)]);
    }
    None
}

/// Words that PostgreSQL takes for functions without brackets.
pub(super) fn is_session_word(name: &str) -> bool {
    ["current_user", "session_user", "user", "current_role", "current_catalog", "current_schema"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

fn operator(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        _ => return None,
    })
}

/// The name of a type that the parser does not know as one of SQL's, without PostgreSQL's schema.
pub(super) fn type_name(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Custom(name, _) => names::parts(name).pop(),
        _ => None,
    }
}

/// One whose type is still to be told, by the cast around it.
fn is_parameter(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

fn is_integer(data_type: &DataType) -> bool {
    use DataType::{BigInt, Int, Int2, Int4, Int8, Integer, SmallInt};
    matches!(data_type, BigInt(_) | Int(_) | Int2(_) | Int4(_) | Int8(_) | Integer(_) | SmallInt(_))
}

/// `numeric` without a precision.
fn is_numeric(data_type: &DataType) -> bool {
    let none = ExactNumberInfo::None;
    matches!(data_type, DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) if *info == none)
}

/// Whether a text is a number as it is written without an exponent.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Text | DataType::Varchar(_))
        || type_name(data_type).is_some_and(|name| matches!(name.as_str(), "text" | "varchar" | "name"))
}

/// The function that says what an object is called, by the type of its number.
fn name_of(data_type: &DataType) -> Option<&'static str> {
    Some(match type_name(data_type)?.as_str() {
        "regclass" => functions::RELATION_NAME,
        "regtype" => "format_type",
        "regnamespace" => functions::SCHEMA_NAME,
        "regrole" => "pg_get_userbyid",
        _ => return None,
    })
}

/// The text of a constant.
fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Some(text.clone()),
            _ => None,
        },
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

pub(super) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, null())
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn truth(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

fn number(value: i64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn cast(of: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(of), data_type, array: false, format: None }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments =
        arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
