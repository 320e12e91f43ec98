//! UNION ALL in FROM: the rows of several tables, each SELECT's by its own columns and under its own condition, as those of
//! one table. In the statement a table's name stands for it afterwards, so that everything that holds of tables holds of
//! it; what is asked of that table is then traced back to the columns of those that it is made of. Each owner's stage
//! computes the SELECT of its own table first ([`crate::stacked`]).
//!
//! Rows must not count twice: floors and contributors count them. So no two SELECTs are of one table, nor of tables that
//! have a dataset in common.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use contract::{Column, ColumnType, Range, Schema, policy::Compared, terms::Use};
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement, TableAlias, TableFactor,
    UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::{
    across,
    argument::identifier,
    computed::{self, Computed},
    from::{self, Named},
    grammar,
    join::{Relation, type_name},
    limits,
    names::normalised,
    predicate, sets, timestamps, units,
    usage::{Comparisons, Uses},
};
use crate::{
    Construct, Refused, Source, Table, domain,
    refused::shortened,
    stacked::{Branch, Item, Stacked},
};

/// Tables one below the other.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// What the table is called that stands for it.
    pub(super) table: String,
    /// As it is written.
    text: String,
    pub(super) parts: Vec<Part>,
}

/// One SELECT.
#[derive(Clone, Debug)]
pub(super) struct Part {
    of: Named,
    /// It, with columns in place of functions, for planning.
    pub(super) statement: Statement,
    /// The stack's columns, and what they are here.
    items: Vec<(String, Of)>,
    condition: Option<String>,
    pub(super) computed: Vec<Computed>,
}

/// What a column of a stack is in one of its SELECTs.
#[derive(Clone, Debug)]
enum Of {
    /// One of the table, or one that its owner computes.
    Column(String),
    Text(String),
    Integer(i64),
}

/// Puts a name in place of each UNION ALL that stands in FROM. Without tables nothing is known of their columns.
pub(super) fn take(statement: &mut Statement, tables: &[Table]) -> Result<Vec<Stack>, Refused> {
    let mut stacks = Stacks { tables, found: Vec::new() };
    match statement.visit(&mut stacks) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(stacks.found),
    }
}

/// Whether a query's rows are those of several, one below the other.
pub(super) fn is_stack(body: &SetExpr) -> bool {
    matches!(body, SetExpr::SetOperation { op: SetOperator::Union, set_quantifier: SetQuantifier::All, .. })
}

/// A query that is nothing but its body.
pub(super) fn bare(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A table in FROM under an alias.
pub(super) fn table_factor(table: &str, alias: Option<&TableAlias>) -> Result<Option<TableFactor>, Refused> {
    let form = grammar::read(&format!("SELECT a FROM {}", identifier(table)))?;
    let select = form.into_iter().next().and_then(|statement| match statement {
        Statement::Query(query) => Some(*query.body),
        _ => None,
    });
    let mut relation = match select {
        Some(SetExpr::Select(select)) => select.from.into_iter().next().map(|from| from.relation),
        _ => None,
    };
    if let Some(TableFactor::Table { alias: place, .. }) = &mut relation {
        *place = alias.cloned();
    }
    Ok(relation)
}

struct Stacks<'t> {
    tables: &'t [Table],
    found: Vec<Stack>,
}

impl VisitorMut for Stacks<'_> {
    type Break = Refused;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refused> {
        match self.named(factor) {
            Ok(Some(named)) => *factor = named,
            Ok(None) => {}
            Err(refused) => return ControlFlow::Break(refused),
        }
        ControlFlow::Continue(())
    }
}

impl Stacks<'_> {
    /// The name for what stands in FROM, if that is a UNION ALL.
    fn named(&mut self, factor: &TableFactor) -> Result<Option<TableFactor>, Refused> {
        let TableFactor::Derived { lateral: false, subquery, alias, sample: None } = factor else {
            return Ok(None);
        };
        if !is_stack(&subquery.body) {
            return Ok(None);
        }
        let text = subquery.to_string();
        if text != subquery.body.to_string() {
            return Err(Construct::UnionAll.refuse(factor));
        }
        let known = self.found.iter().find(|stack| stack.text == text).map(|stack| stack.table.clone());
        let table = match known {
            Some(known) => known,
            None => {
                let stack = self.read(&subquery.body, text)?;
                self.found.push(stack.clone());
                stack.table
            }
        };
        table_factor(&table, alias.as_ref())
    }

    fn read(&self, body: &SetExpr, text: String) -> Result<Stack, Refused> {
        let mut selects = Vec::new();
        each(body, &mut selects)?;
        limits::check_tables(selects.len())?;
        let mut parts: Vec<Part> = Vec::with_capacity(selects.len());
        for select in selects {
            let part = self.part(select)?;
            if parts.iter().any(|other| other.of.table == part.of.table) {
                return Err(Construct::UnionAllTwice.refuse(select));
            }
            parts.push(part);
        }
        let names: Vec<String> =
            parts.iter().take(1).flat_map(|part| &part.items).map(|(name, _)| name.clone()).collect();
        for (place, name) in names.iter().enumerate() {
            // A constant or a function must be given one.
            if name.is_empty() {
                return Err(Construct::UnionAll.refuse(body));
            }
            if names.iter().take(place).any(|other| other == name) {
                return Err(Refused::SameName(name.clone()));
            }
        }
        for part in &mut parts {
            if part.items.len() != names.len() {
                return Err(Construct::UnionAll.refuse(&part.statement));
            }
            for ((own, _), name) in part.items.iter_mut().zip(&names) {
                own.clone_from(name);
            }
        }
        let of: Vec<&str> = parts.iter().map(|part| part.of.table.as_str()).collect();
        let mut table = of.join(" + ");
        let is_taken = |name: &str| {
            self.tables.iter().any(|table| table.name == name)
                || self.found.iter().any(|stack| stack.table == name)
        };
        while is_taken(&table) {
            table.push('\'');
        }
        Ok(Stack { table, text, parts })
    }

    fn part(&self, select: &Select) -> Result<Part, Refused> {
        let refused = || Construct::UnionAll.refuse(select);
        let body = SetExpr::Select(Box::new(select.clone()));
        let mut statement = Statement::Query(Box::new(bare(body)));
        let computed = computed::replace(&mut statement, self.tables, None)?;
        if let Some(one) = computed.iter().find(|one| one.is_across()) {
            return Err(Construct::RowWindowTables.refuse(&one.name()));
        }
        timestamps::compared(&mut statement, &computed::extended(self.tables, &computed)?)?;
        units::convert(&mut statement, self.tables)?;
        // Stages are made from its text, see there.
        if grammar::read(&statement.to_string())?.first() != Some(&statement) {
            return Err(Construct::OtherExpression.refuse(&statement));
        }
        let Statement::Query(query) = &statement else { return Err(refused()) };
        let SetExpr::Select(select) = query.body.as_ref() else { return Err(refused()) };
        let [table] = select.from.as_slice() else { return Err(refused()) };
        let filter = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
        let list: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
        let plain = format!("SELECT {} FROM {table}{filter}", list.join(", "));
        if !table.joins.is_empty() || select.to_string() != plain {
            return Err(refused());
        }
        let of = from::named(&table.relation)?;
        select.selection.as_ref().map_or(Ok(()), predicate::check)?;
        let item = |item: &SelectItem| item_of(item).ok_or_else(|| Construct::UnionAll.refuse(item));
        let mut items = select.projection.iter().map(item).collect::<Result<Vec<_>, _>>()?;
        for (item, (name, _)) in select.projection.iter().zip(&mut items) {
            // Nor has a function a name of its own.
            let is_named = matches!(item, SelectItem::ExprWithAlias { .. });
            if !is_named && computed.iter().any(|one| one.origin().1 == *name) {
                name.clear();
            }
        }
        let condition = select.selection.as_ref().map(ToString::to_string);
        Ok(Part { of, items, condition, computed, statement })
    }
}

/// The SELECTs of a UNION ALL.
fn each<'b>(body: &'b SetExpr, selects: &mut Vec<&'b Select>) -> Result<(), Refused> {
    match body {
        SetExpr::SetOperation { left, right, .. } if is_stack(body) => {
            each(left, selects)?;
            each(right, selects)
        }
        SetExpr::Select(select) => {
            selects.push(select);
            Ok(())
        }
        SetExpr::Query(query) if query.to_string() == query.body.to_string() => each(&query.body, selects),
        other => Err(Construct::UnionAll.refuse(other)),
    }
}

fn item_of(item: &SelectItem) -> Option<(String, Of)> {
    match item {
        SelectItem::ExprWithAlias { expr, alias } => Some((normalised(alias), value_of(expr)?)),
        SelectItem::UnnamedExpr(expr) => {
            let of = value_of(expr)?;
            let name = match &of {
                Of::Column(name) => name.clone(),
                Of::Text(_) | Of::Integer(_) => String::new(),
            };
            Some((name, of))
        }
        _ => None,
    }
}

fn value_of(expr: &Expr) -> Option<Of> {
    let number = |expr: &Expr| match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.to_string().parse::<i64>().ok(),
            _ => None,
        },
        _ => None,
    };
    match expr {
        Expr::Identifier(name) => Some(Of::Column(normalised(name))),
        // Whether it is the table's qualifier, the planner says.
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [_, name] => Some(Of::Column(normalised(name))),
            _ => None,
        },
        Expr::Nested(inner) => value_of(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => number(expr)?.checked_neg().map(Of::Integer),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(Of::Text(text.clone())),
            _ => number(expr).map(Of::Integer),
        },
        _ => None,
    }
}

impl Stack {
    /// The tables that it is made of.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.of.table.as_str())
    }

    /// The table that it makes: the datasets of all, and columns that hold every value of theirs.
    pub(super) fn made_of(&self, tables: &[Table]) -> Result<Table, Refused> {
        let mut columns: Vec<Column> = Vec::new();
        let mut datasets: Vec<Source> = Vec::new();
        for part in &self.parts {
            let table = part.table(tables)?;
            for (place, (name, of)) in part.items.iter().enumerate() {
                let own = Column { name: name.clone(), unique: false, ..part.column(of, table)? };
                match columns.get_mut(place) {
                    Some(known) => *known = self.merged(known, &own)?,
                    None => columns.push(own),
                }
            }
            for source in &table.datasets {
                if let Some(known) = datasets.iter().find(|known| known.path() == source.path()) {
                    return Err(Refused::StackedDataset {
                        first: known.reference.clone(),
                        second: source.reference.clone(),
                    });
                }
                datasets.push(source.clone());
            }
        }
        for source in &mut datasets {
            source.schema = Schema { columns: columns.clone() };
        }
        Ok(Table { name: self.table.clone(), datasets })
    }

    /// A column that holds the values of both.
    fn merged(&self, x: &Column, y: &Column) -> Result<Column, Refused> {
        if x.kind != y.kind {
            return Err(Refused::StackedTypes {
                column: x.name.clone(),
                first: type_name(x.kind).to_owned(),
                second: type_name(y.kind).to_owned(),
            });
        }
        units::check_same([x, y])?;
        let mut column = sets::both(&x.name, [x, y])?;
        if let (Some(of_x), Some(of_y)) = (&x.values, &y.values)
            && !matches!(x.kind, ColumnType::Float { .. })
        {
            // Two ways to write a value are one value.
            let (known, mut all) = (domain::values(x)?, of_x.clone());
            let own = Column { values: None, ..y.clone() };
            for text in of_y {
                let alone = domain::values(&Column { values: Some(vec![text.clone()]), ..own.clone() })?;
                if !alone.iter().all(|value| known.contains(value)) {
                    all.push(text.clone());
                }
            }
            column.values = Some(all);
            column.bytes_max = None;
        }
        Ok(column)
    }

    /// What each owner computes of its table first.
    pub(super) fn stacked(&self, tables: &[Table]) -> Result<Stacked, Refused> {
        let branches = self.parts.iter().map(|part| part.branch(tables)).collect::<Result<_, _>>()?;
        Ok(Stacked { branches, definition: self.text.clone() })
    }

    /// Refuses what a constant or function of one SELECT would tell. As a key or value of a set a constant is a condition on
    /// the other table's column, which that table's terms do not see as one. In an aggregate it weighs the rows of its own
    /// table alone, so that the result tells how many these are, whatever the floor on the rows of all; a function can
    /// have the same value on every row, too. Functions of the stack's columns weigh all tables' rows alike.
    pub(super) fn check(&self, uses: &Uses) -> Result<(), Refused> {
        let Some(used) = uses.get(&self.table) else { return Ok(()) };
        for part in &self.parts {
            for (name, of) in &part.items {
                let found = match of {
                    Of::Text(text) => format!("the constant '{}'", shortened(text)),
                    Of::Integer(number) => format!("the constant {number}"),
                    Of::Column(own) if part.function(own).is_some() => {
                        format!("the function {}", shortened(own))
                    }
                    Of::Column(_) => continue,
                };
                let is_used = |one: Use| used.get(name).is_some_and(|used| used.contains(&one));
                let is_weighed = [Use::Aggregate, Use::Extreme, Use::Product].into_iter().any(is_used);
                let used = match of {
                    Of::Text(_) | Of::Integer(_) if is_used(Use::Join) => {
                        "matched with another table's column, on which it would be a condition: write that into WHERE"
                    }
                    _ if is_weighed => {
                        "aggregated, which would tell how many rows that table has: aggregate columns, or functions of the result's columns"
                    }
                    _ => continue,
                };
                return Err(Refused::StackedValue { column: name.clone(), found, used });
            }
        }
        Ok(())
    }

    /// Uses of the stack's columns as uses of those that they are made of; `compared` has, for each SELECT, what the
    /// stack's columns are compared with as far as it concerns that SELECT's rows.
    pub(super) fn traced(
        &self,
        uses: &mut Uses,
        comparisons: &mut Comparisons,
        compared: Vec<BTreeMap<String, Compared>>,
    ) {
        let used = uses.remove(&self.table).unwrap_or_default();
        comparisons.remove(&self.table);
        for (part, compared) in self.parts.iter().zip(compared) {
            for (name, of) in &part.items {
                let Of::Column(own) = of else { continue };
                let of_name = used.get(name).cloned().unwrap_or_default();
                // As of every function: which part of a value counts was chosen.
                let is_chosen = !of_name.is_empty() && of_name != BTreeSet::from([Use::Group]);
                let table = comparisons.entry(part.of.table.clone()).or_default();
                match (part.function(own), compared.get(name)) {
                    (Some(computed), _) if is_chosen => {
                        for (_, column) in computed.columns() {
                            table.entry(column).or_default().otherwise = true;
                        }
                    }
                    (None, Some(compared)) => add(table.entry(own.clone()).or_default(), compared),
                    _ => {}
                }
                if !of_name.is_empty() {
                    let columns = uses.entry(part.of.table.clone()).or_default();
                    columns.entry(own.clone()).or_default().extend(of_name);
                }
            }
            if comparisons.get(&part.of.table).is_some_and(BTreeMap::is_empty) {
                comparisons.remove(&part.of.table);
            }
        }
    }

    /// What its SELECTs compare columns with, as that of the stack's columns; `of` has each SELECT's own, those that count.
    /// What must equal a function's value is compared with more than constants, as wherever a function is a key.
    pub(super) fn compared<'c>(&self, of: impl Iterator<Item = Option<&'c Comparisons>>) -> Comparisons {
        let mut found: BTreeMap<String, Compared> = BTreeMap::new();
        for (part, comparisons) in self.parts.iter().zip(of) {
            let Some(comparisons) = comparisons else { continue };
            for (name, of) in &part.items {
                let Of::Column(own) = of else { continue };
                if part.function(own).is_some() {
                    found.entry(name.clone()).or_default().otherwise = true;
                }
                let compared = comparisons.get(&part.of.table).and_then(|columns| columns.get(own));
                if let Some(compared) = compared {
                    add(found.entry(name.clone()).or_default(), compared);
                }
            }
        }
        if found.is_empty() { Comparisons::new() } else { Comparisons::from([(self.table.clone(), found)]) }
    }
}

fn add(to: &mut Compared, more: &Compared) {
    to.constants.extend(more.constants.iter().cloned());
    to.otherwise |= more.otherwise;
}

impl Part {
    fn table<'t>(&self, tables: &'t [Table]) -> Result<&'t Table, Refused> {
        let found = tables.iter().find(|table| table.name == self.of.table);
        found.ok_or_else(|| super::unknown(&self.of.table, tables))
    }

    /// The function that stands under a column's name.
    fn function(&self, name: &str) -> Option<&Computed> {
        self.computed.iter().find(|one| one.origin().1 == name)
    }

    /// The column that an item is, as its table has it.
    fn column(&self, of: &Of, table: &Table) -> Result<Column, Refused> {
        let own = match of {
            Of::Column(name) => name,
            Of::Text(text) => {
                return Ok(Column { values: Some(vec![text.clone()]), ..Column::new("", ColumnType::Text) });
            }
            Of::Integer(number) => {
                let text = number.to_string();
                let range = Some(Range { min: text.clone(), max: text.clone() });
                return Ok(Column {
                    values: Some(vec![text]),
                    range,
                    ..Column::new("", ColumnType::Integer)
                });
            }
        };
        let Some(source) = table.datasets.first() else { return Err(Refused::NoDataset(table.name.clone())) };
        if let Some(column) = source.schema.column(own) {
            return Ok(column.clone());
        }
        match self.function(own) {
            Some(computed) => computed.column(&source.schema.columns),
            None => Err(Refused::Meaning(format!("table `{}` has no column `{own}`", table.name))),
        }
    }

    fn branch(&self, tables: &[Table]) -> Result<Branch, Refused> {
        let table = self.table(tables)?;
        let source = Relation {
            table: 0,
            alias: self.of.alias.clone(),
            called: self.of.name.clone(),
            filter: None,
            computed: across::of_table(
                &table.name,
                &self.computed,
                tables,
                &vec![Vec::new(); self.computed.len()],
            ),
            stacked: None,
            home: None,
        };
        let has = |name: &str| {
            table.datasets.iter().any(|source| source.schema.columns.iter().any(|column| column.name == name))
        };
        let item = |(name, of): &(String, Of)| {
            let (sql, key, columns) = match of {
                Of::Column(own) => {
                    let columns = match self.function(own).filter(|_| !has(own)) {
                        Some(computed) => computed.columns().into_iter().map(|(_, column)| column).collect(),
                        None => BTreeSet::from([own.clone()]),
                    };
                    (identifier(own), own.clone(), columns)
                }
                Of::Text(text) => {
                    let sql = format!("'{}'", text.replace('\'', "''"));
                    (sql.clone(), format!("constant {sql}"), BTreeSet::new())
                }
                Of::Integer(number) => (number.to_string(), format!("constant {number}"), BTreeSet::new()),
            };
            let mut key = key;
            // Of a constant no column must have the name.
            while columns.is_empty() && has(&key) {
                key.push(' ');
            }
            let nullable = self.column(of, table)?.nullable;
            Ok(Item { name: name.clone(), sql, key, columns, nullable })
        };
        Ok(Branch {
            table: table.name.clone(),
            datasets: table.datasets.iter().map(|source| source.reference.clone()).collect(),
            from: source.name(table),
            items: self.items.iter().map(item).collect::<Result<_, Refused>>()?,
            condition: self.condition.clone(),
        })
    }
}
