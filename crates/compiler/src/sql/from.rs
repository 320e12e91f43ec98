//! FROM: one table, or several that are joined.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Join as JoinClause, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Select, TableFactor, TableWithJoins,
};

use super::{limits, names, sets};
use crate::{Construct, Refused};

/// How two tables are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    /// Pairs of rows with equal keys.
    Inner,
    /// These, and the first table's rows without a partner.
    Left,
    /// The first table's rows that have a partner: EXISTS, IN.
    Semi,
    /// Those that have none: NOT EXISTS.
    Anti,
    /// As LEFT JOIN, and the second table's rows without a partner.
    Full,
}

/// FROM, as the syntax tree has it.
#[derive(Clone, Debug)]
pub(crate) struct From {
    /// One, or several that are joined.
    pub(crate) relations: Vec<Named>,
    /// How, and the condition of ON if there is one.
    pub(crate) join: Option<(JoinKind, Option<Expr>)>,
    /// The set operation that the tables stand in.
    pub(crate) set: Option<sets::Parts>,
}

/// A table under the name by which its columns are qualified.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// The table's name.
    pub(crate) table: String,
    /// The alias as SQL text, if there is one.
    pub(crate) alias: Option<String>,
    /// The alias, or else the table's name, as SQL reads it.
    pub(crate) name: String,
}

/// Reads FROM. Where nothing is known of the tables' owners, any of several may be joined by LEFT JOIN, as one owner may do
/// at home.
pub(super) fn read(select: &Select, is_known: bool) -> Result<From, Refused> {
    let from = match select.from.as_slice() {
        [] => return Err(Refused::Meaning("there is no FROM; name the table to ask".to_owned())),
        [TableWithJoins { relation, joins }] => match joins.as_slice() {
            [] => match sets::read(relation)? {
                // Each table has a scope of its own.
                Some(set) => return Ok(set),
                None => From { relations: vec![named(relation)?], join: None, set: None },
            },
            [join] => {
                let (kind, on) = kind(join)?;
                From {
                    relations: vec![named(relation)?, named(&join.relation)?],
                    join: Some((kind, on)),
                    set: None,
                }
            }
            _ => chain(&select.from, is_known)?,
        },
        [first, second] if first.joins.is_empty() && second.joins.is_empty() => From {
            relations: vec![named(&first.relation)?, named(&second.relation)?],
            join: Some((JoinKind::Inner, None)),
            set: None,
        },
        _ => chain(&select.from, is_known)?,
    };
    limits::check_tables(from.relations.len())?;
    let mut names: Vec<&str> = Vec::new();
    for Named { name, .. } in &from.relations {
        if names.contains(&name.as_str()) {
            return Err(Refused::SameRelation(name.clone()));
        }
        names.push(name);
    }
    Ok(from)
}

/// Three tables or more, joined by JOIN or listed.
fn chain(tables: &[TableWithJoins], is_known: bool) -> Result<From, Refused> {
    let mut relations = Vec::new();
    let mut all: Option<Expr> = None;
    for TableWithJoins { relation, joins } in tables {
        relations.push(named(relation)?);
        for join in joins {
            let (kind, on) = kind(join)?;
            if kind != JoinKind::Inner && (is_known || kind != JoinKind::Left) {
                return Err(Construct::SeveralTables.refuse(join));
            }
            relations.push(named(&join.relation)?);
            all = match (all, on.map(|on| Box::new(Expr::Nested(Box::new(on))))) {
                (Some(before), Some(on)) => {
                    Some(Expr::BinaryOp { left: Box::new(before), op: BinaryOperator::And, right: on })
                }
                (before, on) => before.or(on.map(|on| *on)),
            };
        }
    }
    Ok(From { relations, join: Some((JoinKind::Inner, all)), set: None })
}

fn kind(join: &JoinClause) -> Result<(JoinKind, Option<Expr>), Refused> {
    let (kind, constraint) = match &join.join_operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (JoinKind::Inner, constraint),
        JoinOperator::FullOuter(constraint) => (JoinKind::Full, constraint),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinKind::Left, constraint),
        _ => return Err(Construct::JoinKind.refuse(join)),
    };
    match constraint {
        JoinConstraint::On(condition) if !join.global => Ok((kind, Some(condition.clone()))),
        JoinConstraint::None if kind == JoinKind::Inner && !join.global => Ok((kind, None)),
        _ => Err(Construct::JoinConstraint.refuse(join)),
    }
}

/// A table's name and alias.
pub(super) fn named(relation: &TableFactor) -> Result<Named, Refused> {
    match relation {
        TableFactor::Table { name, alias, .. } => {
            check_plain(relation)?;
            let table = table_name(name)?;
            Ok(Named {
                name: alias.as_ref().map_or_else(|| table.clone(), |alias| names::normalised(&alias.name)),
                alias: alias.as_ref().map(|alias| alias.name.to_string()),
                table,
            })
        }
        TableFactor::Derived { .. } => Err(Construct::Subquery.refuse(relation)),
        TableFactor::NestedJoin { .. } => Err(Construct::SeveralTables.refuse(relation)),
        _ => Err(Construct::TableFunction.refuse(relation)),
    }
}

/// Refuses whatever stands beside a table's name and its alias.
pub(super) fn check_plain(relation: &TableFactor) -> Result<(), Refused> {
    let TableFactor::Table { name, alias, .. } = relation else { return Ok(()) };
    if let Some(alias) = alias.as_ref().filter(|alias| !alias.columns.is_empty()) {
        return Err(Construct::ColumnAliases.refuse(alias));
    }
    let plain = match alias {
        Some(alias) => format!("{name} {}{}", if alias.explicit { "AS " } else { "" }, alias.name),
        None => name.to_string(),
    };
    // Arguments, samples, versions, hints, positions.
    if relation.to_string() == plain { Ok(()) } else { Err(Construct::TableFunction.refuse(relation)) }
}

/// An unqualified name.
fn table_name(name: &ObjectName) -> Result<String, Refused> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Ok(names::normalised(ident)),
        _ => Err(Refused::Meaning(format!("`{name}` is no table of the contract; write its name alone"))),
    }
}
