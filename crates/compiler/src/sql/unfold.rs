//! Queries in another writing, put into the one form that the other steps know: WITH and subqueries in FROM become the
//! table that they select from, its columns as they were computed and its condition beside the others; views are WITH
//! ([`super::views`]); SELECT DISTINCT becomes GROUP BY, RIGHT JOIN LEFT JOIN, USING ON, and FILTER CASE.
//!
//! What is not of a form that can be put so, stays as it is, and is refused by name afterwards. What a query means, its
//! columns and their names stay the same; tests hold the unfolded query's answer against the written one's.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectNamePart,
    Query, Select, SelectItem, SetExpr, Statement, TableAlias, TableFactor, TableWithJoins, VisitMut,
    VisitorMut,
};

use super::{
    aggregate_filter,
    columns::{Columns, hides},
    from, home, limits,
    names::normalised,
    nested::form as nested_form,
    read_groups, stack, views, windowed,
};
use crate::{Construct, Refused};

/// Puts a statement into that form.
pub(super) fn unfold(statement: &mut Statement) -> Result<(), Refused> {
    if let Statement::Query(query) = statement {
        unfold_query(query, &[])?;
    }
    Ok(())
}

/// A query under the name that WITH gives it.
type Named = (String, Query);

fn unfold_query(query: &mut Query, around: &[Named]) -> Result<(), Refused> {
    let mut known = around.to_vec();
    if let Some(with) = query.with.take() {
        if with.recursive {
            return Err(Construct::CommonTable.refuse(&with));
        }
        for mut table in with.cte_tables {
            views::renamed(&mut table.query, &table.alias)?;
            unfold_query(&mut table.query, &known)?;
            known.push((normalised(&table.alias.name), *table.query));
            limits::check_named(known.len())?;
        }
    }
    let mut order_by = query.order_by.take();
    let SetExpr::Select(select) = query.body.as_mut() else {
        query.order_by = order_by;
        return match query.body.as_mut() {
            body @ SetExpr::SetOperation { .. } => {
                unfold_side(body, &known, true)?;
                limits::check(&query.to_string())
            }
            // What WITH names would be looked for among the tables.
            _ if !known.is_empty() => Err(Construct::DerivedTable.refuse(query)),
            _ => Ok(()),
        };
    };
    limits::check_tables(select.from.iter().map(|table| 1 + table.joins.len()).sum())?;
    nested(select, &known)?;
    turned(select);
    let mut derived = Vec::new();
    let of_groups = nested_form::aggregates(select);
    if let [TableWithJoins { relation, joins }] = select.from.as_mut_slice()
        && joins.is_empty()
    {
        if let Some((inner, alias)) = subquery(relation, &known)? {
            if !of_groups && read_groups::is_grouped(&inner) {
                query.order_by = order_by;
                return read_groups::unfold(query, inner, &alias);
            }
            derived.push(replaced(relation, inner, alias, of_groups)?);
        }
    } else {
        for place in 0..select.from.len() {
            derived.extend(flattened(select, place, &known)?);
        }
    }
    let aliases: Vec<String> = select.projection.iter().filter_map(alias).collect();
    let is_only = select.from.len() == 1 && select.from.iter().all(|table| table.joins.is_empty());
    for table in &derived {
        table.replace(select, is_only)?;
        if let Some(order_by) = &mut order_by {
            table.replaced(order_by, &aliases)?;
        }
    }
    for table in derived {
        table.restrict(select)?;
    }
    aggregate_filter::replace(select);
    distinct(select);
    query.order_by = order_by;
    // Columns that are made of columns that are made of columns: each step may double the text.
    limits::check(&query.to_string())
}

/// Of a set operation one side, whose rows count once each, whether it says so or not; not so of UNION ALL.
fn unfold_side(side: &mut SetExpr, known: &[Named], is_set: bool) -> Result<(), Refused> {
    let is_set = is_set && !stack::is_stack(side);
    match side {
        SetExpr::Select(select) => {
            if is_set && select.distinct == Some(Distinct::Distinct) {
                select.distinct = None;
            }
            let mut query = stack::bare(side.clone());
            unfold_query(&mut query, known)?;
            if query != stack::bare(query.body.as_ref().clone()) {
                return Err(Construct::DerivedTable.refuse(&query));
            }
            *side = *query.body;
            Ok(())
        }
        SetExpr::Query(query) => unfold_query(query, known),
        SetExpr::SetOperation { left, right, .. } => {
            unfold_side(left, known, is_set)?;
            unfold_side(right, known, is_set)
        }
        other if !known.is_empty() => Err(Construct::DerivedTable.refuse(other)),
        _ => Ok(()),
    }
}

/// The subqueries of conditions, each once: what is within them is theirs to unfold, with the names that they give.
fn nested(select: &mut Select, known: &[Named]) -> Result<(), Refused> {
    match select.selection.visit(&mut Nested { depth: 0, known }) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Nested<'k> {
    depth: usize,
    known: &'k [Named],
}

impl VisitorMut for Nested<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<Refused> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Refused> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        if let (
            0,
            Expr::Exists { subquery, .. } | Expr::InSubquery { subquery, .. } | Expr::Subquery(subquery),
        ) = (self.depth, expr)
            && let Err(refused) = unfold_query(subquery, self.known)
        {
            return ControlFlow::Break(refused);
        }
        ControlFlow::Continue(())
    }
}

/// RIGHT JOIN of two tables the other way round, USING as ON.
fn turned(select: &mut Select) {
    let [TableWithJoins { relation, joins }] = select.from.as_mut_slice() else { return };
    let [join] = joins.as_mut_slice() else { return };
    let is_right = matches!(join.join_operator, JoinOperator::Right(_) | JoinOperator::RightOuter(_));
    if is_right {
        std::mem::swap(relation, &mut join.relation);
        if let JoinOperator::Right(of) | JoinOperator::RightOuter(of) = &join.join_operator {
            join.join_operator = JoinOperator::Left(of.clone());
        }
    }
    let (Some(left), Some(right)) = (called(relation), called(&join.relation)) else { return };
    if let JoinOperator::Join(of)
    | JoinOperator::Inner(of)
    | JoinOperator::Left(of)
    | JoinOperator::LeftOuter(of) = &mut join.join_operator
        && let JoinConstraint::Using(columns) = of
    {
        let mut on = None;
        let mut keys = Vec::new();
        for column in columns {
            let [ObjectNamePart::Identifier(column)] = column.0.as_slice() else { return };
            let of = |table: &Ident| Box::new(Expr::CompoundIdentifier(vec![table.clone(), column.clone()]));
            on = and(on, Some(Expr::BinaryOp { left: of(&left), op: BinaryOperator::Eq, right: of(&right) }));
            // The one column that both become has the value of the table that is kept.
            keys.push((normalised(column), *of(&left)));
        }
        let Some(on) = on else { return };
        *of = JoinConstraint::On(on);
        let keys = Derived {
            name: String::new(),
            columns: keys,
            has_all: true,
            condition: None,
            is_optional: false,
        };
        // Every name was checked to be one of a column.
        let _ = keys.replace(select, false);
    }
}

/// How a table's columns are qualified.
pub(super) fn called(table: &TableFactor) -> Option<Ident> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// A subquery of FROM, taken apart.
struct Derived {
    /// As columns are qualified by it.
    name: String,
    /// Its columns, and what they are.
    columns: Vec<(String, Expr)>,
    /// Whether it has all columns of its table, too.
    has_all: bool,
    condition: Option<Expr>,
    /// Whether it is the second table of LEFT JOIN.
    is_optional: bool,
}

/// Replaces the subqueries of one item of FROM by their tables.
fn flattened(select: &mut Select, place: usize, known: &[Named]) -> Result<Vec<Derived>, Refused> {
    let mut all = Vec::new();
    let of_groups = nested_form::aggregates(select);
    let Some(TableWithJoins { relation, joins }) = select.from.get_mut(place) else { return Ok(all) };
    all.extend(flatten(relation, known, of_groups)?);
    let is_full = joins.iter().any(|join| matches!(join.join_operator, JoinOperator::FullOuter(_)));
    for join in joins {
        let Some(mut derived) = flatten(&mut join.relation, known, false)? else { continue };
        if matches!(join.join_operator, JoinOperator::Left(_) | JoinOperator::LeftOuter(_)) {
            // A constant would have a value where a row has no partner.
            let is_column = |expr: &Expr| matches!(expr, Expr::CompoundIdentifier(_));
            if !derived.columns.iter().all(|(_, expr)| is_column(expr)) {
                return Err(
                    Construct::DerivedTable.refuse(&"columns computed on the second table of LEFT JOIN")
                );
            }
            derived.is_optional = true;
        }
        all.push(derived);
    }
    if is_full && !all.is_empty() {
        // Its condition would be one on what is NULL.
        return Err(Construct::DerivedTable.refuse(&"a subquery beside FULL JOIN"));
    }
    Ok(all)
}

/// `of_groups` says whether what is selected may be groups.
fn flatten(table: &mut TableFactor, known: &[Named], of_groups: bool) -> Result<Option<Derived>, Refused> {
    let subquery = subquery(table, known)?;
    subquery.map(|(query, alias)| replaced(table, query, alias, of_groups)).transpose()
}

/// The subquery that a table of FROM is, unfolded, and what it is called there; not one that a set operation is.
fn subquery(table: &mut TableFactor, known: &[Named]) -> Result<Option<(Query, Ident)>, Refused> {
    // A set operation is read where FROM is; here its sides are unfolded.
    if let TableFactor::Derived { subquery, .. } = &mut *table
        && matches!(subquery.body.as_ref(), SetExpr::SetOperation { .. })
    {
        unfold_query(subquery, known)?;
        return Ok(None);
    }
    let (query, alias) = match &*table {
        TableFactor::Table { name, alias, .. } => {
            let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return Ok(None) };
            let name_of = normalised(name);
            // Unfolded where it was named: a table of its own name within is another one.
            let Some((_, query)) = known.iter().rev().find(|(known, _)| *known == name_of) else {
                return Ok(None);
            };
            from::check_plain(table)?;
            (query.clone(), alias.as_ref().map_or_else(|| name.clone(), |alias| alias.name.clone()))
        }
        TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None }
            if alias.columns.is_empty() =>
        {
            let mut query = subquery.as_ref().clone();
            unfold_query(&mut query, known)?;
            (query, alias.name.clone())
        }
        _ => return Ok(None),
    };
    if matches!(query.body.as_ref(), SetExpr::SetOperation { .. }) {
        let alias = TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None };
        let subquery = Box::new(query);
        *table = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
        return Ok(None);
    }
    Ok(Some((query, alias)))
}

/// Puts a table in a subquery's place: its groups as one, or the table that it selects from.
fn replaced(
    table: &mut TableFactor,
    query: Query,
    alias: Ident,
    of_groups: bool,
) -> Result<Derived, Refused> {
    if of_groups
        && let Some(nested_form::Form { query, columns, condition }) = nested_form::of(&query, &alias)?
    {
        let name = normalised(&alias);
        let alias = TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None };
        let subquery = Box::new(query);
        *table = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
        return Ok(Derived { name, columns, has_all: false, condition, is_optional: false });
    }
    inlined(table, query, alias)
}

/// Puts the table that a subquery selects from in the subquery's place.
fn inlined(table: &mut TableFactor, query: Query, alias: Ident) -> Result<Derived, Refused> {
    let refused = || Construct::DerivedTable.refuse(&query);
    let SetExpr::Select(select) = query.body.as_ref() else { return Err(refused()) };
    let [TableWithJoins { relation: inner, joins }] = select.from.as_slice() else { return Err(refused()) };
    let items: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
    let condition = select.selection.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    let plain = format!("SELECT {} FROM {inner}{condition}", items.join(", "));
    let (true, true, Some(own)) = (joins.is_empty(), plain == query.to_string(), called(inner)) else {
        return Err(refused());
    };
    from::check_plain(inner)?;
    let mut replaced = inner.clone();
    let of_inner = match &mut replaced {
        TableFactor::Table { alias, .. } => alias,
        // A table's name stands for it afterwards.
        TableFactor::Derived { lateral: false, subquery, alias, sample: None }
            if stack::is_stack(&subquery.body) =>
        {
            alias
        }
        _ => return Err(refused()),
    };
    *of_inner = Some(TableAlias { explicit: true, name: alias.clone(), columns: Vec::new(), at: None });
    let mut columns = Vec::new();
    let mut has_all = false;
    for item in &select.projection {
        let (name, expr) = match item {
            SelectItem::Wildcard(_) if item.to_string() == "*" => {
                has_all = true;
                continue;
            }
            SelectItem::ExprWithAlias { expr, alias } => (normalised(alias), expr),
            SelectItem::UnnamedExpr(expr @ Expr::Identifier(name)) => (normalised(name), expr),
            SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(parts)) => match parts.last() {
                Some(name) => (normalised(name), expr),
                None => return Err(refused()),
            },
            _ => return Err(refused()),
        };
        columns.push((name, requalified(&windowed::marked(expr, select.selection.as_ref()), &own, &alias)?));
    }
    let condition = select.selection.as_ref().map(|condition| requalified(condition, &own, &alias));
    *table = replaced;
    let name = normalised(&alias);
    Ok(Derived { name, columns, has_all, condition: condition.transpose()?, is_optional: false })
}

/// An expression over a table's columns under another name of the table.
pub(super) fn requalified(expr: &Expr, from: &Ident, to: &Ident) -> Result<Expr, Refused> {
    let (mut expr, own, new) = (expr.clone(), normalised(from), normalised(to));
    let mut captured = false;
    let mut rename = Columns {
        within: Vec::new(),
        of: &mut |qualifier: Option<&Ident>, column: &Ident, within| {
            let is_own = match qualifier {
                Some(qualifier) => normalised(qualifier) == own && !hides(within, &own),
                None => within.is_empty(),
            };
            captured |= is_own && hides(within, &new);
            is_own.then(|| Expr::CompoundIdentifier(vec![to.clone(), column.clone()]))
        },
    };
    let _: ControlFlow<()> = expr.visit(&mut rename);
    if captured { Err(Refused::SameRelation(new)) } else { Ok(expr) }
}

impl Derived {
    /// Puts the columns' expressions in place of their names. `is_only` says that no other table is read.
    fn replace(&self, select: &mut Select, is_only: bool) -> Result<(), Refused> {
        let aliases: Vec<String> = select.projection.iter().filter_map(alias).collect();
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item {
                let name = match &*expr {
                    Expr::Identifier(name) => Some(name.clone()),
                    Expr::CompoundIdentifier(parts) => parts.last().cloned(),
                    _ => None,
                };
                let before = expr.clone();
                self.replaced(expr, &[])?;
                if let (Some(alias), true) = (name, last(&before) != last(expr)) {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                }
            } else {
                self.replaced(item, &[])?;
            }
        }
        self.replaced(&mut select.selection, &[])?;
        for table in &mut select.from {
            for join in &mut table.joins {
                self.replaced(&mut join.join_operator, &[])?;
            }
        }
        // Names of the SELECT list come before columns here.
        self.replaced(&mut select.group_by, &aliases)?;
        self.replaced(&mut select.having, &[])?;
        if is_only && !self.has_all {
            self.check_hidden(&mut select.projection, &[])?;
            self.check_hidden(&mut select.selection, &[])?;
            self.check_hidden(&mut select.group_by, &aliases)?;
            self.check_hidden(&mut select.having, &aliases)?;
        }
        Ok(())
    }

    /// Puts the condition beside the others: into WHERE, or into ON, where rows that it excludes are no partners, and the
    /// other table's rows stay.
    fn restrict(self, select: &mut Select) -> Result<(), Refused> {
        if !self.is_optional {
            select.selection = and(select.selection.take(), self.condition);
            return Ok(());
        }
        let mut joins = select.from.iter_mut().flat_map(|table| &mut table.joins);
        let own =
            |join: &&mut Join| called(&join.relation).is_some_and(|name| normalised(&name) == self.name);
        let Some(join) = joins.find(own) else { return Ok(()) };
        match &mut join.join_operator {
            JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on)) => {
                if let Some(both) = and(Some(on.clone()), self.condition) {
                    *on = both;
                }
                Ok(())
            }
            _ => Err(Construct::JoinConstraint.refuse(join)),
        }
    }

    fn replaced(&self, part: &mut impl VisitMut, aliases: &[String]) -> Result<(), Refused> {
        let (mut unknown, mut unclear) = (None, None);
        let mut replace = Columns {
            within: Vec::new(),
            of: &mut |qualifier: Option<&Ident>, column: &Ident, within| {
                let name = normalised(column);
                match qualifier {
                    Some(qualifier) if normalised(qualifier) != self.name => return None,
                    Some(_) if hides(within, &self.name) => return None,
                    None if aliases.contains(&name) => return None,
                    _ => {}
                }
                let found = self.columns.iter().find(|(known, _)| *known == name);
                if qualifier.is_none() && !within.is_empty() {
                    // A subquery's own tables come first, and which columns they have is not known here.
                    if found.is_some_and(|(_, expr)| last(expr) != Some(name)) {
                        unclear = Some(column.to_string());
                    }
                    return None;
                }
                match found {
                    Some((_, expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)))) => {
                        Some(expr.clone())
                    }
                    Some((_, expr)) => Some(Expr::Nested(Box::new(expr.clone()))),
                    None => {
                        if let (Some(qualifier), false) = (qualifier, self.has_all) {
                            unknown = Some(format!("`{qualifier}` has no column `{column}`"));
                        }
                        None
                    }
                }
            },
        };
        let _: ControlFlow<()> = part.visit(&mut replace);
        unclear.map_or(Ok(()), |unclear| Err(Refused::Unqualified(unclear)))?;
        unknown.map_or(Ok(()), |unknown| Err(Refused::Meaning(unknown)))
    }

    /// Names that the subquery does not select are no columns, though its table may have them.
    fn check_hidden(&self, part: &mut impl VisitMut, aliases: &[String]) -> Result<(), Refused> {
        let mut hidden = None;
        let mut look = Columns {
            within: Vec::new(),
            of: &mut |qualifier: Option<&Ident>, column: &Ident, within| {
                if qualifier.is_none() && within.is_empty() && !aliases.contains(&normalised(column)) {
                    hidden = Some(column.to_string());
                }
                None
            },
        };
        let _: ControlFlow<()> = part.visit(&mut look);
        match hidden {
            Some(column) => Err(Refused::Meaning(format!("`{}` has no column `{column}`", self.name))),
            None => Ok(()),
        }
    }
}

/// A column's own name.
pub(super) fn last(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(normalised(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(normalised),
        _ => None,
    }
}

pub(super) fn alias(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(normalised(alias)),
        _ => None,
    }
}

pub(super) fn and(one: Option<Expr>, other: Option<Expr>) -> Option<Expr> {
    match (one, other) {
        (Some(one), Some(Expr::BinaryOp { left, op: BinaryOperator::And, right })) => {
            and(and(Some(one), Some(*left)), Some(*right))
        }
        (Some(one), Some(other)) => Some(Expr::BinaryOp {
            left: Box::new(bracketed(one)),
            op: BinaryOperator::And,
            right: Box::new(bracketed(other)),
        }),
        (one, other) => one.or(other),
    }
}

/// AND binds its own operands, from the left: `a AND b AND c` is read as `(a AND b) AND c`.
fn bracketed(expr: Expr) -> Expr {
    match expr {
        Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Eq, .. } | Expr::Nested(_) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}

/// `SELECT DISTINCT columns` as GROUP BY.
fn distinct(select: &mut Select) {
    let is_ungrouped = matches!(&select.group_by, GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty());
    if select.distinct != Some(Distinct::Distinct) || !is_ungrouped || select.having.is_some() {
        return;
    }
    let column = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            (is_column || home::call(expr).is_some()).then(|| expr.clone())
        }
        _ => None,
    };
    if let Some(keys) = select.projection.iter().map(column).collect::<Option<Vec<Expr>>>() {
        select.group_by = GroupByExpr::Expressions(keys, Vec::new());
        select.distinct = None;
    }
}
