//! What window functions that one owner computes at home say of rows that need not come out, as sets of them.
//!
//! Whatever reads a window, its condition's rows are a set. Of windows that are told of ([`crate::sql::told`]) sets follow
//! that are few exactly if parts come out in a way by which the rest of one could be found:
//! - of windows that give a part's rows the same, the fewest rows of a part that come out in one group, or do not, of those
//!   parts of which there are others;
//! - of others, one row of such a part: what they give is no sum over a part, of whose rest floors would tell;
//! - of windows of different parts, which can be taken away from each other, one row;
//! - of frames of so many rows, by group those that are not cut off at the beginning of a part.
//!
//! *Cost*: two sorts of the rows more.

use std::collections::BTreeSet;

use super::{Selector, listed_rows};
use crate::{
    Table,
    sql::{Checked, Relation, Told, identifier, told},
};

type Conditions = Vec<(Selector, Option<String>)>;

/// Which rows come out, how many are of a row's part, of those as it does or does not in its group, and whether any of its
/// part does.
const OUT: &str = "\"comes out\"";
const OF_PART: &str = "\"rows of the part\"";
const ALIKE: &str = "\"rows alike\"";
const IS_TOLD: &str = "\"part is told of\"";

/// Each set of rows that has a part in a window function, wherever the query reads that: one row more or fewer of it
/// changes what other rows get, and so which rows are selected, in which groups and with which values. And the rows of
/// parts that few others of the part could be told by.
pub(super) fn behind(checked: &Checked, table: &Table, relation: &Relation, keys: &[String]) -> Conditions {
    let computed = checked.relations.iter().flat_map(|relation| &relation.computed);
    let conditions: BTreeSet<&String> = computed.flat_map(|column| &column.across).collect();
    let under = conditions.into_iter().map(|rows| (Selector::Under(rows.clone()), Some(rows.clone())));
    under.chain(of_parts(checked, table, relation, keys)).collect()
}

/// Those rows of each group of which a frame has all of its rows.
pub(super) fn framed(checked: &Checked) -> Conditions {
    let told = all_told(checked);
    let framed: BTreeSet<&String> = told.iter().filter_map(|told| Some(&told.framed.as_ref()?.1)).collect();
    framed.into_iter().map(|sql| (Selector::Framed(sql.clone()), Some(sql.clone()))).collect()
}

fn all_told(checked: &Checked) -> BTreeSet<&Told> {
    checked.relations.iter().flat_map(|relation| told(&relation.computed, &checked.query)).collect()
}

fn of_parts(
    checked: &Checked,
    table: &Table,
    relation: &Relation,
    keys: &[String],
) -> Option<(Selector, Option<String>)> {
    let told = all_told(checked);
    let number = identifier(&relation.number(table)?);
    let parts: BTreeSet<&BTreeSet<String>> = told.iter().map(|one| &one.parts).collect();
    let by = *parts.first()?;
    let set = |name: &str, condition: String| Some((Selector::Under(name.to_owned()), Some(condition)));
    if parts.len() > 1 {
        return set("one row, of windows of different parts", format!("{number} = 1"));
    }
    let is_split = format!("{IS_TOLD} = 1 AND {ALIKE} < {OF_PART}");
    let first = |order: &[String], call: &str| {
        format!("({is_split}) AND {call}() OVER (ORDER BY {}) = 1", order.join(", "))
    };
    if told.iter().any(|one| !one.is_whole) {
        let order = [format!("CASE WHEN {is_split} THEN 0 ELSE 1 END"), number];
        return set("one row of a part that does not come out as one", first(&order, "ROW_NUMBER"));
    }
    let mut order = vec![format!("CASE WHEN {is_split} THEN {ALIKE} END ASC NULLS LAST")];
    order.extend(by.iter().map(|column| identifier(column)));
    order.extend(alike(keys));
    set("the fewest rows of a part that come out in one group, or do not", first(&order, "RANK"))
}

/// The columns in which rows of a part are equal that come out in one group, or do not.
fn alike(keys: &[String]) -> Vec<String> {
    let key = |key: &String| format!("CASE WHEN {OUT} THEN {} END", identifier(key));
    std::iter::once(OUT.to_owned()).chain(keys.iter().map(key)).collect()
}

/// For each row in turn: whether it takes part, the values of its group columns, whether each selector takes it, and
/// whether it has a part in values of others.
pub(super) fn sql(
    checked: &Checked,
    table: &Table,
    relation: &Relation,
    keys: &[String],
    all: &Conditions,
) -> String {
    let filter = relation.filter.as_deref().unwrap_or("TRUE");
    let mut from = relation.name(table);
    if let Some(told) = all_told(checked).first() {
        let name = identifier(&table.name);
        let alias = relation.alias.as_deref().unwrap_or(&name);
        let parts: Vec<String> = told.parts.iter().map(|column| identifier(column)).collect();
        let over = |by: &[String]| match by {
            [] => "OVER ()".to_owned(),
            by => format!("OVER (PARTITION BY {})", by.join(", ")),
        };
        let within: Vec<String> = parts.iter().cloned().chain(alike(keys)).collect();
        let (part, alike) = (over(&parts), over(&within));
        from = format!(
            "(SELECT *, CASE WHEN {filter} THEN TRUE ELSE FALSE END AS {OUT} FROM {from}) AS {alias}"
        );
        from = format!(
            "(SELECT *, COUNT(*) {part} AS {OF_PART}, COUNT(*) {alike} AS {ALIKE}, \
             MAX(CASE WHEN {OUT} THEN 1 ELSE 0 END) {part} AS {IS_TOLD} FROM {from}) AS {alias}"
        );
    }
    let rows = listed_rows(&from, filter, keys, all);
    match relation.number(table) {
        Some(number) => format!("{rows} ORDER BY {}", identifier(&number)),
        None => rows,
    }
}
