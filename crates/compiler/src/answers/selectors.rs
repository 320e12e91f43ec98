//! Which rows each aggregate of a query takes, and which of them tell how many values a column has.

use std::collections::BTreeSet;

use super::{Selector, windows};
use crate::{
    number::Interval,
    sql::{Aggregate, Argument, Checked, Function, Joined, OwnersColumn, Relation},
    stacked::Branch,
};

/// The query's selectors, each with the condition under which a row is taken; of a stack those over one of its tables, in
/// the words of that table's columns.
pub(super) fn selectors(checked: &Checked, branch: Option<&Branch>) -> Vec<(Selector, Option<String>)> {
    let mut found: Vec<(Selector, Option<String>)> = Vec::new();
    for aggregate in aggregates(checked) {
        let argument =
            aggregate.argument.as_ref().map(|argument| argument.behind.as_deref().unwrap_or(argument));
        if let (Some(Joined::Windows(windows)), Some(argument)) = (&checked.join, argument)
            && windows.reads(argument)
        {
            // What is told of rows without a value is asked about on shares.
            if !argument.nullable {
                add(&mut found, (Selector::Whole, None));
            }
            continue;
        }
        let selector = match argument {
            // What stems from other rows is no function of the rows that are taken: it is compared with everything.
            Some(argument) if is_across(aggregate, &checked.relations) => {
                let condition = argument.nullable.then(|| format!("({}) IS NOT NULL", argument.sql));
                (Selector::Case(argument.sql.clone()), condition)
            }
            Some(argument) if argument.nullable => {
                let condition = Some(format!("({}) IS NOT NULL", argument.sql));
                let named = own_columns(argument, &checked.relations);
                let columns = match branch {
                    Some(branch) => branch.columns(&named),
                    None => named.clone(),
                };
                // Of a join's CASE over both tables only the value is one table's. A row without a value in one of
                // several columns is out although another's is added up.
                let is_part = argument.foreign.is_some()
                    || argument.polynomial.is_some()
                    || argument.sql.starts_with("CASE WHEN")
                    || columns.len() > 1
                    || named.len() > 1
                    || aggregate.second.is_some();
                if !is_part && branch.is_some_and(|branch| !branch.may_lack(&named)) {
                    // Other tables' rows may lack a value, of these none does.
                    add(&mut found, (Selector::Whole, None));
                    continue;
                }
                let is_count = tells_count(checked, aggregate, argument);
                if is_count && is_filled(aggregate) {
                    add(&mut found, (Selector::Whole, None));
                }
                // Of a join, two tables may have columns of one name.
                let columns = columns.iter().map(|column| match checked.relations.len() {
                    1 => column.clone(),
                    _ => format!("{column} of table {}", argument.side + 1),
                });
                let columns = || columns.collect::<Vec<_>>().join(", ");
                let selector = match (is_part, is_count) {
                    (true, _) => Selector::Case(argument.sql.clone()),
                    (false, true) => Selector::Counted(columns()),
                    (false, false) => Selector::Present(columns()),
                };
                (selector, condition)
            }
            _ => (Selector::Whole, None),
        };
        add(&mut found, selector);
    }
    windows::framed(checked).into_iter().for_each(|framed| add(&mut found, framed));
    found
}

/// What is told of rows: of groups of groups what the subquery aggregates. Its groups without a value are asked about on
/// shares.
fn aggregates(checked: &Checked) -> Vec<&Aggregate> {
    match &checked.join {
        Some(Joined::Nested(nested)) => nested.told(&checked.query),
        _ => checked.query.aggregates.iter().collect(),
    }
}

/// Whether an aggregate of an argument that may lack values tells how many there are, by itself or with others. A mean does:
/// of whole units as many times as there are values make a whole number, and its digits say of which number they are a
/// fraction. So do a variance, a sum of x + 1 or of x², where x is known to be 0 or 1, and of what lies so far from zero that
/// one value more cannot be made up for by others.
fn tells_count(checked: &Checked, aggregate: &Aggregate, of: &Argument) -> bool {
    match aggregate.function {
        Function::Min | Function::Max | Function::Quantile(_) | Function::Pair(_) => false,
        Function::Sum => {
            let is_linear = aggregate.argument.as_ref().is_some_and(|argument| argument.is_linear);
            let is_own = own_columns(of, &checked.relations) == of.columns;
            let Interval { min, max } = of.interval;
            let is_far = min > 0 && max <= 2 * min || max < 0 && min >= 2 * max;
            !is_linear || !is_own || is_far
        }
        _ => true,
    }
}

/// Whether a constant stands where there is no value.
fn is_filled(aggregate: &Aggregate) -> bool {
    aggregate.argument.as_ref().is_some_and(|argument| argument.behind.is_some())
}

/// The same rows may be named in several ways, by the types that functions read them as.
fn add(found: &mut Vec<(Selector, Option<String>)>, selector: (Selector, Option<String>)) {
    if !found.iter().any(|(known, _)| *known == selector.0) {
        found.push(selector);
    }
}

/// A sum of them is no sum over a set of rows: a sum of what stands one row before, less the column's own, is one row's.
pub(super) const CARRIED: &str = "what its window functions carry from row to row is no sum over rows";

/// Whether values that a window function carries to other rows are aggregated.
pub(crate) fn carries(checked: &Checked) -> bool {
    let mut aggregates = checked.query.aggregates.iter();
    if let Some(Joined::Windows(windows)) = &checked.join {
        return aggregates.flat_map(|one| &one.argument).any(|argument| windows.carries(argument));
    }
    aggregates.any(|aggregate| read(aggregate, &checked.relations).any(|column| column.carries))
}

/// What owners compute that an aggregate reads.
fn read<'c>(aggregate: &Aggregate, relations: &'c [Relation]) -> impl Iterator<Item = &'c OwnersColumn> {
    let arguments = aggregate.argument.iter().chain(&aggregate.second);
    let names: BTreeSet<String> = arguments.flat_map(|argument| argument.columns.iter().cloned()).collect();
    let computed = relations.iter().flat_map(|relation| &relation.computed);
    computed.filter(move |column| names.contains(&column.name))
}

/// Whether what an aggregate takes stems from other rows, too.
fn is_across(aggregate: &Aggregate, relations: &[Relation]) -> bool {
    read(aggregate, relations).any(|column| !column.across.is_empty())
}

/// The columns that an argument is made of, without those that owners compute: two functions of one column may have the
/// same values, and are held against each other as that column is against itself.
fn own_columns(argument: &Argument, relations: &[Relation]) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    for name in &argument.columns {
        let computed = relations.iter().flat_map(|relation| &relation.computed);
        let made: Vec<_> = computed.filter(|column| column.name == *name).collect();
        if made.is_empty() {
            own.insert(name.clone());
        }
        own.extend(made.iter().flat_map(|column| &column.of).cloned());
    }
    own
}
